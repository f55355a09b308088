//! Tests: each its own world in memory.

use std::fmt::Debug;
use std::future::Future;

use crate::app::Environment;

use super::Backend;

/// What a test may return.
pub trait TestOutcome {
    /// Fails the test if it failed.
    fn check(self);
}

impl TestOutcome for () {
    fn check(self) {}
}

impl<E: Debug> TestOutcome for Result<(), E> {
    #[expect(clippy::panic, reason = "a test fails by panicking")]
    fn check(self) {
        if let Err(error) = self {
            panic!("the test failed: {error:?}");
        }
    }
}

/// A fresh environment in memory, its migrations applied: one world of its own.
///
/// # Errors
/// When a migration fails, or a variable or secret is missing.
pub fn in_memory<E: Environment>() -> crate::Result<E> {
    E::connect(&Backend::open(None, &E::MANIFEST)?)
}

/// Runs a test with a fresh environment in memory, its migrations applied.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn test<E: Environment, F: Future<Output: TestOutcome>>(body: impl FnOnce(E) -> F) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => panic!("the test's runtime cannot start: {error}"),
    };
    match in_memory::<E>() {
        Ok(env) => runtime.block_on(body(env)).check(),
        Err(error) => panic!("the test's environment cannot start: {error}"),
    }
}
