#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    queue "mial": consume,
    durable_object Rom,
}

async fn consume(_: bindery::queue::Batch<'_, u8>, _: Env) -> bindery::Result<()> {
    Ok(())
}

fn main() {}
