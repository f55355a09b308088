//! Tests, each with a backend in memory.

use std::fmt::Debug;
use std::future::Future;

use crate::app::Environment;

use super::Backend;

/// A type that a test can return.
pub trait TestOutcome {
    /// Panics if the outcome is an error.
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

/// Opens an environment with empty state in memory, and applies its migrations.
///
/// # Errors
/// Fails if a migration fails, or a variable or secret is missing.
pub fn in_memory<E: Environment>() -> crate::Result<E> {
    E::connect(&Backend::open(None, &E::MANIFEST)?)
}

/// Runs a test with an environment from [`in_memory`].
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn test<E: Environment, F: Future<Output: TestOutcome>>(body: impl FnOnce(E) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("the async runtime of the test cannot start: {error}"),
    };

    match in_memory::<E>() {
        Ok(env) => runtime.block_on(body(env)).check(),
        Err(error) => panic!("the environment of the test cannot be opened: {error}"),
    }
}
