//! Runs the worker.

fn main() -> std::process::ExitCode {
    bindery::serve::<native::App>()
}
