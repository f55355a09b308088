//! Helpers that the tests in `tests/` and the programs in `src/bin/` share.

pub mod built_json;
pub mod fuzz;
pub mod generator;
pub mod oracle;
pub mod random;
pub mod random_database;
pub mod synthetic;
