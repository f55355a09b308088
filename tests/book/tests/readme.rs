//! The example of the README and of `getting-started.md`, compiled and run as its own package would.

#[path = "readme/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is written as the root of a crate")]
mod notes;

#[path = "readme/src/readme.rs"]
#[allow(
    unreachable_pub,
    dead_code,
    reason = "it is written as the root of a crate"
)]
mod readme;

mod program {
    use super::notes;

    include!("readme/src/main.rs");

    #[test]
    fn main_serves_the_worker() {
        let _: fn() -> std::process::ExitCode = main;
    }
}

#[expect(
    clippy::print_stdout,
    reason = "Cargo reads the output of a build script"
)]
mod build_script {
    include!("readme/build.rs");

    #[test]
    fn main_watches_the_folders() {
        main();
    }
}
