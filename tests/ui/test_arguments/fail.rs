#[bindery::bindings]
pub struct Env;

#[bindery::test(flavor = "multi_thread")]
async fn unknown_argument(_env: Env) {}

#[bindery::test]
fn not_async(_env: Env) {}

fn main() {}
