//! Makes `Env`: another door than the macro, to the same compiler.

fn main() -> Result<(), String> {
    bindery_codegen::build(None)
}
