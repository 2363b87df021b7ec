//! Everything that the crate tells tracing is on the page `docs/events.md`.

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sources::{line_of, sources};

/// The levels and fields of an event or span, by its name.
type Table = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

/// The arguments of a call, from its opening parenthesis on.
fn arguments(rest: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut found) = (0, false, vec![String::new()]);
    for c in rest.chars() {
        match c {
            '"' => in_text = !in_text,
            '(' | '{' | '[' if !in_text => depth += 1,
            ')' if !in_text && depth == 0 => break,
            ')' | '}' | ']' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(c);
    }
    let found = found.into_iter().map(|argument| argument.trim().to_owned());
    found.filter(|argument| !argument.is_empty()).collect()
}

fn text_of(argument: &str) -> Option<&str> {
    argument.strip_prefix('"')?.strip_suffix('"')
}

/// The field that an argument sets, if it sets one.
fn field_of(argument: &str) -> Option<String> {
    let is_setting = ["name:", "target:", "parent:"];
    if argument.starts_with('"') || is_setting.iter().any(|head| argument.starts_with(head)) {
        return None;
    }
    let field = argument.split('=').next().unwrap().trim();
    let field = field.trim_start_matches(['%', '?']);
    Some(field.trim_start_matches("r#").to_owned())
}

/// Reads all calls of a macro, and returns how many there are.
fn read(level: &str, call: &str, is_span: bool, table: &mut Table) -> usize {
    let mut calls = 0;
    for (path, text) in sources("src") {
        for (offset, _) in text.match_indices(call) {
            calls += 1;
            let arguments = arguments(&text[offset + call.len()..]);
            let place = format!("{path}:{}", line_of(&text, offset));
            let name = if is_span {
                arguments.iter().find_map(|argument| text_of(argument))
            } else {
                let named = |argument: &'_ String| argument.starts_with("name:");
                let named = arguments.iter().find(|argument| named(argument));
                named.and_then(|named| text_of(named["name:".len()..].trim()))
            };
            let name = name.unwrap_or_else(|| panic!("{place}: it has no name"));
            let (levels, fields) = table.entry(name.to_owned()).or_default();
            levels.insert(level.to_owned());
            fields.extend(arguments.iter().filter_map(|argument| field_of(argument)));
        }
    }
    calls
}

/// What the page lists.
fn documented() -> Table {
    let page = fs::read_to_string("docs/events.md").unwrap();
    let mut table = Table::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split(" | ");
        let mut quoted = || -> BTreeSet<String> {
            let cell = cells.next().unwrap();
            let words = cell.trim_start_matches("| ").split(", ");
            words
                .map(|word| word.trim_matches('`').to_owned())
                .collect()
        };
        let (names, levels, fields) = (quoted(), quoted(), quoted());
        table.insert(names.into_iter().next().unwrap(), (levels, fields));
    }
    table
}

#[test]
fn all_that_is_emitted_stands_in_the_table() {
    let (mut emitted, mut calls) = (Table::new(), 0);
    for level in ["trace", "debug", "info", "warn", "error"] {
        calls += read(level, &format!("tracing::{level}!("), false, &mut emitted);
        calls += read(
            level,
            &format!("tracing::{level}_span!("),
            true,
            &mut emitted,
        );
    }
    assert!(calls > 25, "{calls} calls are found");
    assert_eq!(emitted, documented());
    // No other macro of tracing is used.
    for (path, text) in sources("src") {
        for call in [
            "tracing::event!",
            "tracing::span!",
            "use tracing::{debug",
            "instrument]",
        ] {
            assert!(!text.contains(call), "{path} has {call}");
        }
    }
}

#[test]
fn calls_are_read() {
    let call = r#"name: "a.b", %path, panic = message(1, "x, y"), ?causes, "a text, (and more)") and so on"#;
    let arguments = arguments(call);
    let fields: Vec<_> = arguments.iter().filter_map(|a| field_of(a)).collect();
    assert_eq!(fields, ["path", "panic", "causes"]);
}
