//! The Durable Object of the manual.

use std::time::Duration;

use bindery::analytics_engine::DataPoint;
use bindery::durable_object::State;
use bindery::time;

use crate::Env;
use crate::bindings::CountersDb;

/// Counts the visits of one site.
#[derive(Debug)]
pub struct Counter {
    state: State,
    env: Env,
    database: CountersDb,
}

#[bindery::durable_object]
impl Counter {
    fn new(state: State, env: Env) -> bindery::Result<Self> {
        let database = state.database()?;
        Ok(Self {
            state,
            env,
            database,
        })
    }

    /// Counts a visit, and returns the visits of the page.
    pub async fn visit(&self, page: &str) -> bindery::Result<i64> {
        let storage = self.state.storage();
        if storage.alarm().await?.is_none() {
            let tomorrow = time::now() + Duration::from_secs(86_400);
            storage.set_alarm(tomorrow).await?;
        }
        Ok(self.database.visit(page).await?.count)
    }

    /// Reports the pages with the most visits, once a day.
    async fn alarm(&self) -> bindery::Result<()> {
        for page in self.database.most_visited().await? {
            let count = i32::try_from(page.count).unwrap_or(i32::MAX);
            let point = DataPoint {
                blobs: vec![page.page],
                doubles: vec![f64::from(count)],
                ..DataPoint::default()
            };
            self.env.events.write(&point).await?;
        }
        Ok(())
    }
}
