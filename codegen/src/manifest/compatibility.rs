//! The compatibility date and flags.

/// The compatibility date and flags of an environment.
///
/// <https://developers.cloudflare.com/workers/configuration/compatibility-flags/>
#[derive(Debug, Clone, Default)]
pub struct Compatibility {
    /// `compatibility_date`, which has the form of an ISO date.
    pub date: Option<String>,
    /// `compatibility_flags`.
    pub flags: Vec<String>,
}

impl Compatibility {
    /// Whether `process.env` of Node.js contains the variables and secrets.
    #[must_use]
    pub fn has_process_env(&self) -> bool {
        let has = |flag: &str| self.flags.iter().any(|known| known == flag);
        let since = |date: &str| self.date.as_deref().is_some_and(|own| own >= date);

        let has_node = has("nodejs_compat") || since("2026-08-04") && !has("no_nodejs_compat");
        let is_off = has("nodejs_compat_do_not_populate_process_env");
        let is_on = has("nodejs_compat_populate_process_env") || since("2025-04-01");
        has_node && is_on && !is_off
    }
}
