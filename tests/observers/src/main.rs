//! `cargo run -p observers`: runs the worker natively.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    bindery::serve::<observers::App>()
}

/// Workers runs the library, so the binary is empty there.
#[cfg(target_arch = "wasm32")]
fn main() {}
