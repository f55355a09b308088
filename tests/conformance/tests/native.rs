//! Runs every case on the native backend, each with a new environment.

use conformance::{App, Env, each_case};

macro_rules! native {
    ($($module:ident::$case:ident)*) => {
        $(mod $case {
            #[bindery::test]
            async fn $module(env: conformance::Env) -> conformance::Outcome {
                conformance::$module::$case(env).await
            }
        })*
    };
}

each_case!(native);

#[bindery::test]
async fn queue_delivery(env: Env) -> conformance::Outcome {
    conformance::queue::send(env.clone()).await?;
    let deliveries = bindery::deliver_queues::<App>(&env).await?;
    // Five messages. Three are delivered twice: one succeeds the second time, two never do.
    conformance::same!(deliveries, 8);
    conformance::queue::arrived(env).await
}
