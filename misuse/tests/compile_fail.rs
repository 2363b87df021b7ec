//! Misuse that must not compile. If a compiler message has changed: `TRYBUILD=overwrite cargo test`.

#[test]
fn misuse_does_not_build() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
