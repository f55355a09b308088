//! Two errors in queries that other code depends on: two reports, and none for their callers.

#[bindery::bindings]
pub struct Env;

pub async fn both(env: &Env) -> bindery::Result<Option<bindings::db::Task>> {
    let tasks: Vec<bindings::db::Task> =
        env.db.sorted(bindings::db::TasksState::Open, bindings::db::SortedSort::Title).await?;
    let states = env.db.tasks_state().await?;
    let _open = states.iter().filter(|row| row.state == bindings::db::TasksState::Open).count();
    Ok(match tasks.first() {
        Some(task) => env.db.one(task.id).await?,
        None => None,
    })
}

fn main() {}
