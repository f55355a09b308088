//! A binding that is missing from one environment is an `Option`.

#[bindery::bindings]
pub struct Env;

fn name(env: &Env) -> &bindings::Cache {
    &env.cache
}

fn main() {}
