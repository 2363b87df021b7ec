//! Misuse that must not build. After a change of a message: `TRYBUILD=overwrite cargo test`.

#[test]
fn misuse_does_not_build() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
