//! Generates `Env` with the build script driver instead of the macro.

fn main() -> Result<(), bindery_codegen::BuildError> {
    bindery_codegen::build(None)
}
