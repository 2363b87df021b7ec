//! The page of the ready-made actors, and the files of each folder.

use std::fs;
use std::path::Path;

/// The files that have the same meaning in each folder.
const FILES: [&str; 5] = ["mod.rs", "options.rs", "actor.rs", "policy.rs", "error.rs"];

fn folders() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(source).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name != "bin").collect()
}

#[test]
fn each_actor_has_its_part_of_the_page() {
    let page = include_str!("../../README.md");
    let parts: Vec<_> = page.split("\n## ").skip(1).collect();
    for folder in folders() {
        let is_its = |part: &&&str| part.lines().next().unwrap().contains(&folder);
        let part = parts.iter().find(is_its);
        let part = part.unwrap_or_else(|| panic!("there is nothing of {folder}"));
        for word in ["**Use ", "**How fast**", "imits**", "```rust"] {
            assert!(part.contains(word), "of {folder} there is no {word}");
        }
    }
}

#[test]
fn each_folder_has_the_same_files() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in folders() {
        let has = |file: &str| source.join(&folder).join(file).is_file();
        assert!(has("mod.rs"), "{folder}");
        // These two are a program and a collector, and no actors.
        let is_other = ["metrics", "top"].contains(&folder.as_str());
        assert!(has("actor.rs") || has("policy.rs") || is_other, "{folder}");
        let module = fs::read_to_string(source.join(&folder).join("mod.rs")).unwrap();
        for file in &FILES[1..] {
            let module_of_it = file.trim_end_matches(".rs");
            let is_named = module.contains(&format!("mod {module_of_it};"));
            assert_eq!(has(file), is_named, "{folder}: {file}");
        }
        // The module's documentation begins with what it is for, and has an example.
        assert!(module.starts_with("//! "), "{folder}");
        assert!(is_other || module.contains("//! ```"), "{folder}");
    }
}
