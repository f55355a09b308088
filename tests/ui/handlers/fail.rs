#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    queue "mial": consume,
    scheduled "0 * * * *": hourly,
    scheduled "5 * * * *": hourly,
    durable_object Rom,
}

pub struct Room;

#[bindery::durable_object]
impl Room {
    fn new(_: bindery::durable_object::State, _: Env) -> Self {
        Self
    }
}

async fn consume(_: bindery::queue::Batch<'_, u8>, _: Env) -> bindery::Result<()> {
    Ok(())
}

async fn hourly(_: bindery::Request, _: Env) -> bindery::Result<()> {
    Ok(())
}

fn main() {}
