//! The list options that KV and R2 share.

/// The options of a list operation: which keys or objects it returns.
///
/// # Examples
/// ```
/// use bindery::kv::ListOptions;
///
/// let options = ListOptions::default().prefix("session:").limit(100);
/// assert_eq!(options.prefix.as_deref(), Some("session:"));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// The prefix of the keys to return. `None` returns all keys.
    pub prefix: Option<String>,
    /// The maximum number of entries to return: 1 to 1000. `None` is 1000.
    pub limit: Option<u32>,
    /// The cursor of the previous page. `None` starts at the first key.
    pub cursor: Option<String>,
}

impl ListOptions {
    /// Returns only keys that start with `prefix`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Returns at most `limit` entries: 1 to 1000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Continues where the previous page ended.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}
