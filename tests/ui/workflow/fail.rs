use bindery::workflow::{Event, Step};

#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    workflow Order,
    workflow Refund,
    workflow Invoce,
}

pub struct Order;

#[bindery::workflow]
impl Order {
    async fn start(_: Event<u32>, _: Step, _: Env) -> bindery::Result<()> {
        Ok(())
    }
}

pub struct Refund;

#[bindery::workflow]
impl Refund {
    async fn run(&self, _: Event<u32>) {}
}

pub struct Invoice;

#[bindery::workflow]
impl Invoice {
    async fn run(event: Event<u32>, step: Step, _: Env) -> bindery::Result<u32> {
        let number: i32 = step.run("a step", || async { Ok("text") }).await?;
        Ok(event.payload)
    }
}

pub struct Audit<T>(T);

#[bindery::workflow]
impl<T> Audit<T> {
    async fn run(event: Event<u32>, _: Step, _: Env) -> bindery::Result<u32> {
        Ok(event.payload)
    }
}

fn main() {}
