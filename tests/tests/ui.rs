//! What a user sees of the macros: programs that must compile, and programs that must not, with the
//! compiler's words. Each folder of `ui/` is a project of its own.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/*/pass.rs");
    cases.compile_fail("ui/*/fail.rs");
}
