//! The layout that CONTRIBUTING.md describes, checked in the sources.

mod sources;

use std::fs;

use sources::{code, files, identifier, line_of, packages, root, sources};

/// Each module imports only from those left of it.
const ORDER: [&str; 9] = [
    "sync",
    "error",
    "mailbox",
    "tree",
    "actor",
    "supervision",
    "system",
    "observe",
    "testing",
];

/// The rooms of `src/tree/`, and the files beside them: each imports only from those left of it, and from its own.
const ROOMS: [&str; 10] = [
    "simulated",
    "launch",
    "stall",
    "node",
    "waiting",
    "look",
    "node_ref",
    "lookup",
    "child_exit",
    "lifecycle",
];

/// How many files may stand beside the rooms.
const MOST_BESIDE_ROOMS: usize = 8;

const LONGEST_FILE: usize = 425;

/// The only file that tells tokio to run something.
const SPAWN_SITE: &str = "src/tree/launch.rs";

/// The modules that a path names after `crate::`: one, or those of a group in braces.
fn named(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![identifier(rest)];
    };
    let (mut depth, mut names, mut is_first) = (0, Vec::new(), true);
    for (index, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => is_first = true,
            c if c.is_whitespace() => {}
            _ if is_first => {
                names.push(identifier(&group[index..]));
                is_first = false;
            }
            _ => {}
        }
    }
    names
}

fn module_of(path: &str) -> &str {
    let inner = path.strip_prefix("src/").unwrap();
    inner.split(['/', '.']).next().unwrap()
}

#[test]
fn modules_import_only_from_those_left_of_them() {
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    let mut wrong = Vec::new();
    let mut imports = 0;
    for (path, text) in sources("src") {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let Some(own) = place(module) else {
            // A module that only re-exports is right of all others.
            assert_eq!(module, "guide", "{path}: where does `{module}` belong?");
            continue;
        };
        let code = code(&text);
        for (offset, found) in code.match_indices("crate::") {
            let before = code[..offset].chars().next_back();
            if before.is_some_and(|c| c == '$' || c.is_alphanumeric() || c == '_') {
                continue;
            }
            for name in named(&code[offset + found.len()..]) {
                imports += 1;
                let line = line_of(&code, offset);
                match place(name) {
                    Some(other) if other <= own => {}
                    Some(_) => wrong.push(format!("{path}:{line}: `{module}` uses `{name}`")),
                    None => wrong.push(format!(
                        "{path}:{line}: `{name}` is not a module: import it from where it is"
                    )),
                }
            }
        }
    }
    assert!(imports > 50, "the imports are not found any more");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The rooms that a file of `src/tree/` imports from, and the lines. A `super` within a room stays in the room.
fn rooms_named(code: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    for (offset, path) in code.match_indices("crate::tree::") {
        if code[..offset].ends_with("(in ") {
            continue;
        }
        for name in named(&code[offset + path.len()..]) {
            found.push((name, line_of(code, offset)));
        }
    }
    found
}

#[test]
fn rooms_of_the_tree_import_only_from_those_left_of_them() {
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    let (mut wrong, mut imports, mut beside) = (Vec::new(), 0, 0);
    for (path, text) in sources("src/tree") {
        let inner = path.strip_prefix("src/tree/").unwrap();
        beside += usize::from(!inner.contains('/'));
        let room = inner.split(['/', '.']).next().unwrap();
        if room == "mod" {
            continue;
        }
        let own = place(room);
        assert!(own.is_some(), "{path}: which room is that?");
        let code = code(&text);
        for (name, line) in rooms_named(&code) {
            imports += 1;
            if place(name).is_none() {
                wrong.push(format!(
                    "{path}:{line}: `{name}` is no room: import it from its room"
                ));
            } else if place(name) > own {
                wrong.push(format!("{path}:{line}: `{room}` uses `{name}`"));
            }
        }
        // More `super`s than that would import from beyond the room, which the list above does not see.
        let depth = inner.matches('/').count();
        if code.contains(&"super::".repeat(depth + 1)) {
            wrong.push(format!("{path}: an import from beyond its room"));
        }
    }
    assert!(imports > 25, "the imports are not found any more");
    assert!(
        beside <= MOST_BESIDE_ROOMS,
        "{beside} files beside the rooms"
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// As [`ORDER`], for the folders that the benches share.
const BENCHES: [&str; 4] = ["runtime", "kits", "harness", "work"];

#[test]
fn benches_import_in_one_direction() {
    let (mut wrong, mut imports) = (Vec::new(), 0);
    for (own, folder) in BENCHES.iter().enumerate() {
        for (path, text) in files(&format!("benches/{folder}"), "rs") {
            let code = code(&text);
            for (offset, found) in code.match_indices("crate::") {
                for name in named(&code[offset + found.len()..]) {
                    imports += 1;
                    let place = BENCHES.iter().position(|known| *known == name);
                    if place.is_none_or(|place| place > own) {
                        let line = line_of(&code, offset);
                        wrong.push(format!("{path}:{line}: `{folder}` uses `{name}`"));
                    }
                }
            }
        }
    }
    assert!(imports > 10, "the imports are not found any more");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn one_file_starts_tasks() {
    let calls = [
        "handle.spawn(",
        "handle.spawn_blocking(",
        "handle().spawn(",
        "handle().spawn_blocking(",
        "runtime.spawn(",
        "runtime.spawn_blocking(",
        "Handle::current().spawn",
        "tokio::spawn",
        "task::spawn(",
        "tokio::task::spawn",
        "spawn_local(",
        "JoinSet",
        "thread::spawn",
        "thread::Builder",
        "thread::scope",
    ];
    // A module of this crate is called `task`.
    let own = [("src/actor/spawner.rs", "task::spawn(")];
    let (mut wrong, mut at_the_site) = (Vec::new(), 0);
    for (path, text) in sources("src") {
        let code = code(&text);
        for call in calls {
            for (offset, _) in code.match_indices(call) {
                if path == SPAWN_SITE {
                    at_the_site += 1;
                } else if !own.contains(&(path.as_str(), call)) {
                    let line = line_of(&code, offset);
                    wrong.push(format!("{path}:{line}: `{call}` outside of {SPAWN_SITE}"));
                }
            }
        }
        // No other file may switch off the lint.
        for (offset, _) in code.match_indices("clippy::disallowed_methods") {
            if path != SPAWN_SITE {
                let line = line_of(&code, offset);
                wrong.push(format!("{path}:{line}: the lint is switched off"));
            }
        }
    }
    assert_eq!(
        at_the_site, 3,
        "one for tasks, one for blocking jobs, and one for the crate's own threads"
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let libraries = ["src", "actors/src"].into_iter();
    let long: Vec<_> = libraries
        .flat_map(sources)
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{path}:{lines}: more than {LONGEST_FILE} lines"))
        .collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn no_crate_has_unsafe_code() {
    let attribute = "#![forbid(unsafe_code)]";
    for package in packages() {
        let crates: Vec<_> = ["src/lib.rs", "src/main.rs"]
            .iter()
            .map(|name| package.join(name))
            .filter(|path| path.exists())
            .collect();
        let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
        if crates.is_empty() {
            // A package with only benches or binaries has the attribute from the lints of the workspace.
            assert!(
                manifest.contains("[lints]\nworkspace = true"),
                "{package:?}"
            );
        }
        for path in crates {
            let text = code(&fs::read_to_string(&path).unwrap());
            assert!(
                text.contains(attribute),
                "{}: no {attribute}",
                path.display()
            );
        }
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

/// The functions above find what they are meant to find.
#[test]
fn readers_can_read() {
    assert_eq!(named("error::{Cause, Error};"), ["error"]);
    let group = "{error::{A, B}, tree::C,\n    sync};";
    assert_eq!(named(group), ["error", "tree", "sync"]);
    let text = "use a; // crate::b\n/// crate::c\nlet s = \"crate::d \\\" \n crate::e\"; crate::f";
    let code = code(text);
    assert_eq!(code.matches("crate::").count(), 1);
    assert_eq!(line_of(&code, code.find("crate::f").unwrap()), 4);
    assert_eq!(module_of("src/tree/node.rs"), "tree");
    assert_eq!(module_of("src/sync.rs"), "sync");
}

/// `tests/blocking.rs` needs a runtime with a single thread for blocking jobs, so it builds its own.
#[test]
fn tests_take_their_runtime_from_one_helper() {
    // In two pieces, so that they do not occur in this file.
    let own = [
        concat!("::new_current", "_thread"),
        concat!("::new_multi", "_thread"),
        concat!("#[tokio", "::test"),
    ];
    let folders = [root().join("tests"), root().join("tests/behaviour")];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    for entry in entries {
        let path = entry.unwrap().path();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if !is_rust || path.ends_with("blocking.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for text in own {
            assert!(!source.contains(text), "{} has {text}", path.display());
        }
    }
}
