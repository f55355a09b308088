//! `Env` for an environment that is not in the manifest.

#[bindery::bindings(environment = "stagin")]
pub struct Env;

fn main() {}
