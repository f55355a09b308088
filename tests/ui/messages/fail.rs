use bindery::Message;
use bindery::queue::Batch;
use serde::{Deserialize, Serialize};

#[bindery::bindings]
pub struct Env;

#[derive(Serialize, Deserialize, Message)]
#[message(binding = JOBS)]
pub struct Job(i64);

#[derive(Serialize, Deserialize, Message)]
#[message(binding = [JOBS, MAILS])]
pub struct Either(i64);

#[derive(Serialize, Message)]
#[message(binding = JOB)]
pub struct Misspelled;

#[derive(Serialize, Message)]
#[message(binding = [JOBS, CACHE])]
pub struct OfNamespace;

#[derive(Serialize, Message)]
#[message(queue = "jobs")]
pub struct WithoutBinding;

#[derive(Serialize, Message)]
pub struct WithoutAttribute;

#[derive(Message)]
#[message(binding = JOBS)]
pub struct NotSerialized;

async fn send(env: Env) -> bindery::Result<()> {
    env.jobs.send(&Job(1)).await?;
    env.mails.send_batch(&[Either(1)]).await?;
    env.jobs.send_all([Either(1)]).await?;
    env.jobs.send("text").await?;
    env.jobs.send(&Misspelled).await?;
    env.mails.send(&Job(1)).await
}

async fn jobs(_: Batch<'_, Job>, _: Env) -> bindery::Result<()> {
    Ok(())
}

async fn failed_jobs(_: Batch<'_, u8>, _: Env) -> bindery::Result<()> {
    Ok(())
}

async fn mails(_: Batch<'_, Job>, _: Env) -> bindery::Result<()> {
    Ok(())
}

bindery::handlers! {
    env: Env,
    queue "jobs": jobs,
    queue "failed-jobs": failed_jobs,
    queue "mails": mails,
}

fn main() {}
