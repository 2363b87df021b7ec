//! The tests that the tables of `README.md` name exist.

#[test]
fn each_row_of_bad_input_names_a_test() {
    const TESTS: [(&str, &str); 4] = [
        ("bad_input", include_str!("bad_input.rs")),
        ("jobs", include_str!("jobs.rs")),
        ("restarts", include_str!("restarts.rs")),
        ("store_faults", include_str!("store_faults.rs")),
    ];
    let readme = include_str!("../../README.md");
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| input |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        let (module, test) = name.trim_matches('`').split_once("::").unwrap();
        let (_, source) = TESTS.iter().find(|(name, _)| *name == module).unwrap();
        assert!(source.contains(&format!("fn {test}()")), "no test {name}");
        count += 1;
    }
    assert!(count > 20, "the table has {count} rows");
}
