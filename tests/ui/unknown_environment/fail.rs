//! `Env` of an environment that the manifest does not have.

#[bindery::bindings(environment = "stagin")]
pub struct Env;

fn main() {}
