//! Tests: each its own world in memory.

use std::fmt::Debug;
use std::future::Future;

use crate::app::Environment;

use super::World;

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

/// Runs a test with a fresh environment in memory, its migrations applied.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn test<E: Environment, F: Future<Output: TestOutcome>>(body: impl FnOnce(E) -> F) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the test's runtime cannot start: {error}"),
    };
    let env = World::open(None, &E::BLUEPRINT).and_then(|world| E::connect(&world));
    match env {
        Ok(env) => runtime.block_on(body(env)).check(),
        Err(error) => panic!("the test's environment cannot start: {error}"),
    }
}
