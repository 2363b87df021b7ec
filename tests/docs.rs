//! What CONTRIBUTING.md demands of public documentation, checked in the sources.

mod sources;

use std::fs;

use sources::{Doc, files, identifier, public_docs, sources};

/// The page of the rules.
const RULES: &str = "docs/lifecycle.md";
const FEWEST_RULES: usize = 16;

fn anchors() -> Vec<String> {
    let page = fs::read_to_string(RULES).unwrap();
    let anchors = page.split("<a id=\"").skip(1);
    anchors
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// The citations of rules in a text, and whether each is a link to the rule that it names.
fn citations(text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    for (offset, _) in text.match_indices("rule") {
        let rest = &text[offset + "rule".len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let rest = rest.trim_start();
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        if digits == 0 || text[..offset].ends_with('#') {
            continue;
        }
        let anchor = format!("rule-{}", &rest[..digits]);
        let target = rest[digits..].strip_prefix("](");
        let target = target.and_then(|target| target.split(')').next());
        let fragment = target.and_then(|target| target.split_once('#'));
        found.push(Citation {
            is_link: text[..offset].ends_with('[') && fragment.is_some_and(|(_, to)| to == anchor),
            anchor,
        });
    }
    found
}

struct Citation {
    is_link: bool,
    anchor: String,
}

#[test]
fn each_rule_has_its_anchor() {
    let anchors = anchors();
    assert!(anchors.len() >= FEWEST_RULES, "{anchors:?}");
    for (index, anchor) in anchors.iter().enumerate() {
        assert_eq!(*anchor, format!("rule-{}", index + 1));
    }
}

#[test]
fn a_rule_that_public_documentation_cites_is_a_link() {
    let anchors = anchors();
    let (mut wrong, mut links) = (Vec::new(), 0);
    let mut check = |place: &str, text: &str| {
        for citation in citations(text) {
            let anchor = &citation.anchor;
            if !citation.is_link {
                wrong.push(format!("{place}: {anchor} is cited without a link to it"));
            } else if !anchors.contains(anchor) {
                wrong.push(format!("{place}: {RULES} has no {anchor}"));
            }
            links += usize::from(citation.is_link);
        }
    };
    for doc in public_docs() {
        check(&doc.place, &doc.text);
    }
    for (path, text) in pages() {
        check(&path, &text);
    }
    assert!(links > 20, "{links} links are found");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// What users read beside the documentation of items.
fn pages() -> Vec<(String, String)> {
    let mut pages = files("docs", "md");
    pages.extend(files("examples", "md"));
    for path in ["README.md", "DESIGN.md", "src/lib.rs"] {
        pages.push((path.to_owned(), fs::read_to_string(path).unwrap()));
    }
    pages.retain(|(path, _)| path != RULES);
    pages
}

/// The function that finds citations does find them.
#[test]
fn citations_are_found() {
    let text = "as [rule 3](crate::lifecycle#rule-3) says, and (rules 4 and 5), a rule of 6, [rule 7](x#rule-8)";
    let found = citations(text);
    let found: Vec<_> = found.iter().map(|c| (&*c.anchor, c.is_link)).collect();
    assert_eq!(
        found,
        [("rule-3", true), ("rule-4", false), ("rule-7", false)]
    );
}

/// The README shows this file. `.ci/examples` checks that the example prints it.
#[test]
fn the_readme_shows_what_an_example_prints() {
    let printed = fs::read_to_string("examples/08-failures/output.txt").unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    assert!(readme.contains(printed.trim_end()), "{printed}");
}

/// A type that is a future.
struct Awaitable {
    name: String,
    gives_result: bool,
}

fn awaitables() -> Vec<Awaitable> {
    let mut found = Vec::new();
    for (_, text) in sources("src").into_iter().chain(sources("actors/src")) {
        for (offset, start) in text.match_indices(" Future for ") {
            let rest = &text[offset + start.len()..];
            let output = rest.split("type Output = ").nth(1).unwrap();
            // The second is the output of a future that gives a child which was looked up or started.
            let gives_result = output.starts_with("Result") || output.starts_with("Found<");
            let name = identifier(rest);
            found.push(Awaitable {
                name: name.to_owned(),
                gives_result,
            });
        }
        // A macro that makes futures.
        for (offset, start) in text.match_indices("\nasks! { ") {
            let name = identifier(&text[offset + start.len()..]);
            found.push(Awaitable {
                name: name.to_owned(),
                gives_result: true,
            });
        }
    }
    for known in ["Ask", "RecipientAsk", "Stopping", "Tell"] {
        let is_found = |one: &Awaitable| one.name == known && one.gives_result;
        assert!(found.iter().any(is_found), "{known} is not found any more");
    }
    found
}

/// The documentation of the public types that are futures.
fn futures() -> Vec<Doc> {
    let awaitables = awaitables();
    let mut docs = public_docs();
    docs.retain(|doc| {
        let name = doc.item.strip_prefix("pub struct ").map(identifier);
        name.is_some_and(|name| awaitables.iter().any(|one| one.name == name))
    });
    assert!(docs.len() > 13, "{} futures are found", docs.len());
    docs
}

/// The type that a function returns, without its parameters. A method that takes `self` by value only sets an option of
/// a wait, and needs no documentation of the wait itself.
fn returned(item: &str) -> Option<&str> {
    let is_setting = item.contains("(self") || item.contains("(mut self");
    let is_function = (item.contains(" fn ") || item.starts_with("fn ")) && !is_setting;
    let (_, returned) = item.rsplit_once("-> ").filter(|_| is_function)?;
    Some(identifier(returned))
}

#[test]
fn futures_say_what_a_drop_and_another_poll_do() {
    let mut wrong = Vec::new();
    for doc in futures() {
        for text in ["# Cancel safety", "polled again after it was ready"] {
            if !doc.text.contains(text) {
                wrong.push(format!("{}: `{}` lacks `{text}`", doc.place, doc.item));
            }
        }
    }
    let awaitables = awaitables();
    for doc in public_docs() {
        let given = returned(&doc.item);
        let gives_awaitable = |one: &Awaitable| one.gives_result && given == Some(&one.name);
        if awaitables.iter().any(gives_awaitable) && !doc.text.contains("# Errors") {
            wrong.push(format!("{}: `{}` lacks `# Errors`", doc.place, doc.item));
        }
        let is_async = doc.item.contains("async fn ") || doc.item.contains("-> impl Future");
        let gives_result = doc.item.contains("Output = Result");
        let mut needed = vec![(is_async, "# Cancel safety")];
        needed.push((is_async && gives_result, "# Errors"));
        for (is_needed, text) in needed {
            if is_needed && !doc.text.contains(text) {
                wrong.push(format!("{}: `{}` lacks `{text}`", doc.place, doc.item));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
