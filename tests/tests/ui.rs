//! Programs that use the macros: those that must compile, and those that must not, with the
//! compiler's output. Each folder of `ui/` is a separate project.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/*/pass.rs");
    cases.compile_fail("ui/*/fail.rs");
}
