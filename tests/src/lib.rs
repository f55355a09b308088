//! What the tests in `tests/` and the programs in `src/bin/` share.

pub mod fuzz;
pub mod generator;
pub mod random;
pub mod synthetic;
pub mod world;
