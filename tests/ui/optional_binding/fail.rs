//! A binding that one environment lacks is an `Option`.

#[bindery::bindings]
pub struct Env;

fn name(env: &Env) -> &bindings::Cache {
    &env.cache
}

fn main() {}
