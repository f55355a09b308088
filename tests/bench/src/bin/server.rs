//! The worker of the benchmark, natively.

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    bindery::serve::<bench::App>()
}
