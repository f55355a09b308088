#[bindery::bindings]
pub struct Env;

#[bindery::test(flavor = "multi_thread")]
async fn unknown_argument(_env: Env) {}

#[bindery::test]
fn not_async(_env: Env) {}

#[bindery::test]
async fn swapped(_world: bindery::TestWorld, _env: Env) {}

#[bindery::test]
async fn by_reference(_env: &Env) {}

fn main() {}
