//! The tests that `docs/tables.md`, `docs/proof.md` and `docs/mutants.md` name exist, and the patches of
//! `tests/breakages/` can be applied.

use std::fs;

/// What the tables name besides tests: other modules, and unit tests.
const NO_TESTS: [&str; 6] = ["file", "job", "restart::tests", "sync", "tenure", "tokio"];

#[test]
fn each_test_that_the_tables_name_is_there() {
    let pages = ["docs/tables.md", "docs/proof.md", "docs/mutants.md"];
    let tables = pages.map(|page| fs::read_to_string(page).unwrap()).concat();
    // Every second piece is a quoted name.
    let quoted = tables.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|text| text.rsplit_once("::"));
    let mut seen = 0;
    for (module, name) in tests {
        let file = module.replace("::", "/");
        let paths = [
            format!("tests/behaviour/{file}.rs"),
            format!("tests/behaviour/{file}/mod.rs"),
            format!("tests/{file}.rs"),
            format!("actors/tests/{file}.rs"),
        ];
        let Some(source) = paths.iter().find_map(|path| fs::read_to_string(path).ok()) else {
            let is_ours = module.starts_with(char::is_uppercase) || NO_TESTS.contains(&module);
            assert!(is_ours, "there is no {file} of tests");
            continue;
        };
        seen += 1;
        let is_there = name == "*" || source.contains(&format!("fn {name}("));
        assert!(is_there, "{file} has no {name}");
    }
    assert!(seen > 125, "{seen} tests are named");
}

/// `.ci/breakages` is not run for each change, so this test notices when a change of a source requires a change of a
/// patch.
#[test]
fn each_breakage_can_be_applied() {
    let patches = fs::read_dir("tests/breakages").unwrap();
    let mut seen = 0;
    for patch in patches.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&patch).unwrap();
        // The piece in front of the first hunk names the file.
        let (head, hunks) = text.split_once("\n@@ ").unwrap();
        let file = head.rsplit_once("\n+++ b/").unwrap().1;
        let source = fs::read_to_string(file).unwrap();
        for hunk in hunks.split("\n@@ ") {
            let lines = hunk.lines().skip(1);
            let before: Vec<_> = lines
                .filter_map(|line| line.strip_prefix([' ', '-']))
                .collect();
            let before = before.join("\n");
            assert!(
                source.contains(&before),
                "{patch:?} does not fit:\n{before}"
            );
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen} breakages");
}
