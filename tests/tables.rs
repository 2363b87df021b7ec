//! The tables of `docs/tables.md` and `docs/proof.md` name tests that are there.

use std::fs;

#[test]
fn each_test_that_the_tables_name_is_there() {
    let pages = ["docs/tables.md", "docs/proof.md"];
    let tables = pages.map(|page| fs::read_to_string(page).unwrap()).concat();
    // Every second piece stands between two marks.
    let quoted = tables.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|text| text.rsplit_once("::"));
    let mut seen = 0;
    for (module, name) in tests {
        let file = module.replace("::", "/");
        let paths = [
            format!("tests/behaviour/{file}.rs"),
            format!("tests/behaviour/{file}/mod.rs"),
            format!("tests/{file}.rs"),
        ];
        let Some(source) = paths.iter().find_map(|path| fs::read_to_string(path).ok()) else {
            // A path of the crate's own.
            continue;
        };
        seen += 1;
        let is_there = name == "*" || source.contains(&format!("fn {name}("));
        assert!(is_there, "{file} has no {name}");
    }
    assert!(seen > 110, "{seen} tests are named");
}
