//! Queries for a key whose rows are moved to another database.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::marks::{HAS_ARRIVED, HAS_NOT_LEFT, checked};
use crate::backend;
use crate::d1::{Call, D1, Meta, Parameter, Route};
use crate::error::{ErrorKind, Failure};
use crate::time;

/// The first pause while the rows of a key are being moved. Each pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The number of pauses, about ten seconds.
const PAUSES: u32 = 10;

/// A key that moves from one database to another.
#[derive(Debug)]
pub(super) struct MovingKey {
    pub(super) key: String,
    /// The binding of the database that it leaves.
    pub(super) from: &'static str,
    /// The binding of the database that it moves to.
    pub(super) to: &'static str,
    pub(super) target: D1,
}

impl Route for MovingKey {
    fn key(&self) -> &str {
        &self.key
    }

    #[cfg(feature = "query-cache")]
    fn target(&self) -> &D1 {
        &self.target
    }

    fn run<'r>(
        &'r self,
        database: &'r backend::D1,
        calls: &'r mut [Call<'_>],
    ) -> BoxFuture<'r, Result<Vec<Meta>, Failure>> {
        Box::pin(async move {
            let parameters = |name: &'static str| [self.key.as_str().into(), name.into()];
            let (left, arrived): ([Parameter<'_>; 2], [Parameter<'_>; 2]) =
                (parameters(self.to), parameters(self.from));

            for pause in 0..=PAUSES {
                if let Some(metas) = checked(database, &HAS_NOT_LEFT, &left, calls).await? {
                    return Ok(metas);
                }
                let target = &self.target.backend;
                if let Some(metas) = checked(target, &HAS_ARRIVED, &arrived, calls).await? {
                    return Ok(metas);
                }
                if pause < PAUSES {
                    time::sleep(FIRST_PAUSE * 2_u32.pow(pause)).await;
                }
            }
            let message = "the rows of the key are being moved to another database";
            Err(Failure::new(ErrorKind::Overloaded, message))
        })
    }
}
