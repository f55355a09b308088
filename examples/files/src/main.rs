//! `cargo run -p files`: the worker on this machine.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    bindery::serve::<files::App>()
}

/// On Workers the library is the program.
#[cfg(target_arch = "wasm32")]
fn main() {}
