//! What the tests of both backends share.

use std::fmt::Debug;

/// A type that a test can return.
#[doc(hidden)]
pub trait TestOutcome {
    /// Returns the text of the error.
    fn failure(self) -> Option<String>;
}

impl TestOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Debug> TestOutcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// The variables and secrets that a test sets, by name.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct TestOptions {
    pub vars: Vec<(&'static str, serde_json::Value)>,
    pub secrets: Vec<(&'static str, String)>,
}
