//! Columns with custom types: enums of a CHECK, newtypes, dates, JSON; row types that queries
//! share.

use bindery::d1::Json;

use crate::bindings::db::{AddTaskParams, Task, TasksInSort, TasksState, query};
use crate::{Env, Outcome, same};

/// The owner of a task.
#[derive(Debug, Clone, Copy, PartialEq, bindery::Column, serde::Serialize)]
#[serde(transparent)]
pub struct PersonId(pub i64);

fn due() -> Result<jiff::Timestamp, jiff::Error> {
    "2026-01-31T23:59:59Z".parse()
}

async fn add(env: &Env, owner: PersonId, title: &str, state: TasksState) -> bindery::Result<Task> {
    let labels = Json(vec!["a".to_owned(), "b \u{1F600}".to_owned()]);
    env.db
        .add_task(AddTaskParams {
            owner,
            title,
            state,
            urgent: true,
            labels,
            due: due().ok(),
        })
        .await
}

/// A value of each type is read as it was written.
pub async fn custom_column_types(env: Env) -> Outcome {
    let task = add(&env, PersonId(1), "write", TasksState::InProgress).await?;
    same!(task.owner, PersonId(1));
    same!(task.state, TasksState::InProgress);
    same!(task.urgent, true);
    same!(task.labels.0.len(), 2);
    same!(task.due, Some(due()?));

    let done = env.db.finish(task.id).await?.ok_or("the task is there")?;
    same!(done.state.as_str(), "done");
    same!(serde_json::to_value(&done)?["state"], "done");

    same!("in progress".parse(), Ok(TasksState::InProgress));
    same!("lost".parse::<TasksState>().is_err(), true);
    Ok(())
}

/// Filters can be absent, slices contain enums or newtypes, and the caller chooses the order.
pub async fn optional_filters_and_sort_order(env: Env) -> Outcome {
    // On workerd the cases share an environment: no other case uses these owners.
    let (ann, bob) = (PersonId(3), PersonId(4));
    for (owner, title, state) in [
        (ann, "b", TasksState::Open),
        (bob, "a", TasksState::Done),
        (ann, "c", TasksState::InProgress),
    ] {
        add(&env, owner, title, state).await?;
    }

    let own = |task: &Task| [ann, bob].contains(&task.owner);
    let titles = |tasks: Vec<Task>| {
        tasks
            .into_iter()
            .filter(own)
            .map(|task| task.title)
            .collect::<Vec<_>>()
    };

    let states = TasksState::ALL;
    let tasks = env.db.tasks_in(&states, None, TasksInSort::Title).await?;
    same!(titles(tasks), ["a", "b", "c"]);
    let states = [TasksState::Open];
    let tasks = env.db.tasks_in(&states, Some(ann), TasksInSort::Due);
    same!(titles(tasks.await?), ["b"]);
    same!(env.db.tasks_in(&[], None, TasksInSort::Due).await?.len(), 0);
    same!(env.db.tasks_of(&[bob]).await?.len(), 1);

    let rows = query!(
        env.db,
        "SELECT title, owner, state FROM tasks WHERE owner = :owner AND state = :state",
        bob,
        "done"
    )
    .await?;
    same!(rows.len(), 1);
    same!(rows[0].owner, bob);
    same!(rows[0].state, "done");
    Ok(())
}
