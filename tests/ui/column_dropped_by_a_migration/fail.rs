#[bindery::bindings]
pub struct Env;

fn main() {}
