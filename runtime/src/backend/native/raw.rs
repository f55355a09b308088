//! Kinds that nothing here stands in for.

use crate::error::{Failure, Kind};

#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(super) binding: &'static str,
    pub(super) title: &'static str,
}

impl Raw {
    pub(crate) async fn call(&self, method: &str, _: &[serde_json::Value]) -> Result<serde_json::Value, Failure> {
        let message = format!(
            "`{method}` of the {} `{}` has no native backend: run this part on Workers, with `wrangler dev`",
            self.title, self.binding
        );
        Err(Failure::new(Kind::Unsupported, message))
    }
}
