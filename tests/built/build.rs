//! Makes `Env`: another door than the macro, to the same compiler.

fn main() -> Result<(), bindery_codegen::BuildError> {
    bindery_codegen::build(None)
}
