#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    bindery::serve::<notes::App>()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
