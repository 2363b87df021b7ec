//! Reads the crate's sources, for tests of its layout and documentation.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "each test binary is a crate of its own")]

use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files beneath a folder, with their paths from the root of the repository.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let found = files(folder, "rs");
    assert!(found.len() > 5, "there are hardly any sources in {folder}");
    found
}

/// All files beneath a folder with this extension: their paths from the root of the repository, and their texts.
pub fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(folder)];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|own| own == extension) {
                found.push((name(&path), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    let name = path.strip_prefix(root()).unwrap();
    name.to_str().unwrap().replace('\\', "/")
}

/// A source without comments and without the contents of strings, with the same lines.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            // A character literal, and not a lifetime.
            '\'' if chars.peek() == Some(&'"') => drop(chars.by_ref().take(2).last()),
            '"' => {
                while let Some(inner) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        '\n' => out.push('\n'),
                        _ => {}
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}

pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

pub fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The documentation of one public item.
pub struct Doc {
    /// The file and line.
    pub place: String,
    pub text: String,
    /// The item up to its body, on one line.
    pub item: String,
}

/// The documentation of all public items of the workspace's libraries.
///
/// The lint `unreachable_pub` makes sure that whatever is `pub` can be reached. Variants of public enums, methods of
/// public traits and documented `impl` blocks count as public, too.
pub fn public_docs() -> Vec<Doc> {
    let mut files_of_both = files("src", "rs");
    files_of_both.extend(files("actors/src", "rs"));
    let mut found = Vec::new();
    for (path, text) in files_of_both {
        read_docs(&path, &text, &mut found);
    }
    assert!(
        found.len() > 200,
        "the documentation is not found any more: {}",
        found.len()
    );
    found
}

fn read_docs(path: &str, text: &str, found: &mut Vec<Doc>) {
    let mut outer_is_public = false;
    let mut doc = String::new();
    let lines: Vec<_> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let inner = line.trim_start();
        if let Some(rest) = inner.strip_prefix("///") {
            doc.push_str(rest);
            doc.push('\n');
            continue;
        }
        if inner.is_empty() || inner.starts_with(['#', '"', ')', ']', '}', '/']) {
            continue;
        }
        if inner.len() == line.len() {
            outer_is_public = ["pub trait ", "pub enum "]
                .iter()
                .any(|start| inner.starts_with(start));
        }
        let is_public = outer_is_public || inner.starts_with("pub ") || inner.starts_with("impl");
        // A lint makes sure that each public item is documented.
        if is_public && !doc.is_empty() {
            found.push(Doc {
                place: format!("{path}:{}", index + 1),
                text: doc.clone(),
                item: head(&lines[index..]),
            });
        }
        doc.clear();
    }
}

/// An item up to its body.
fn head(lines: &[&str]) -> String {
    let mut head = String::new();
    for line in lines {
        head.push_str(line.trim());
        head.push(' ');
        // The item ends at its body; or, without one, at the end of the signature, field or variant.
        let is_function = head.contains("fn ");
        if line.ends_with(['{', ';']) || line.ends_with(',') && !is_function {
            break;
        }
    }
    head
}

/// The folders of all packages of the workspace.
pub fn packages() -> Vec<PathBuf> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("members"));
    let members = line.expect("a list of members, on one line");
    let mut found = vec![root().to_owned()];
    for member in members.split('"').skip(1).step_by(2) {
        assert!(
            !member.contains('*'),
            "{member}: name the members one by one"
        );
        found.push(root().join(member));
    }
    assert!(found.len() > 1, "{line:?} has no members");
    found
}
