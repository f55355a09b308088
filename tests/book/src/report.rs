//! The Workflow of the page about Workflows.

use std::time::Duration;

use bindery::workflow::{Event, Step};
use serde::{Deserialize, Serialize};

use crate::Env;

/// What a report is about.
#[derive(Serialize, Deserialize, Debug)]
pub struct ReportParams {
    /// Whose notes it counts.
    pub owner: String,
}

/// A report of the notes of a person.
#[derive(Debug)]
pub struct Report;

#[bindery::workflow]
impl Report {
    async fn run(event: Event<ReportParams>, step: Step, env: Env) -> bindery::Result<String> {
        let owner = event.payload.owner;
        let count: i64 = step
            .run("count the notes", || async {
                Ok(env.db.notes_of(&owner).await?.len() as i64)
            })
            .await?;

        step.sleep("wait for the night", Duration::from_secs(3600))
            .await?;
        let key = format!("reports/{}.txt", event.instance_id);
        step.run("store the report", || async {
            env.storage
                .put(&key, format!("{owner} has {count} notes"))
                .await?;
            Ok(())
        })
        .await?;
        Ok(key)
    }
}
