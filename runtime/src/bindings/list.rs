//! What KV and R2 take to list.

/// Which keys or objects a list gives.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Only keys that begin with this.
    pub prefix: Option<String>,
    /// How many at most: 1 to 1000.
    pub limit: Option<u32>,
    /// Where the last list ended.
    pub cursor: Option<String>,
}

impl ListOptions {
    /// Only keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// How many at most: 1 to 1000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Goes on where the last list ended.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}
