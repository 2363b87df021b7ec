//! Names, paths and capacities.

use crate::common::node::{Msg, Node, hold, note};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{NodeRef, StartError};

#[test]
fn capacities() {
    paused(async |check| {
        let many = 100;
        let capacities = [
            (Mailbox::bounded(0), None),
            (Mailbox::bounded(1), Some(1)),
            (Mailbox::bounded(99), Some(99)),
            (Mailbox::bounded(u32::MAX as usize - 1), Some(many)),
            (Mailbox::bounded(u32::MAX as usize), Some(many)),
            (Mailbox::bounded(u32::MAX as usize + 1), Some(many)),
            (Mailbox::bounded(usize::MAX), Some(many)),
            (Mailbox::unbounded(), Some(many)),
        ];
        for (mailbox, right) in capacities {
            let by_spec = System::start().unwrap();
            let by_default = System::builder().mailbox(mailbox).start().unwrap();
            let node = || ChildSpec::new(Node::new(&check, &Log::default()));
            let spawned = [
                by_spec.spawn(node().mailbox(mailbox)),
                by_default.spawn(node()),
            ];
            for (place, spawned) in ["ChildSpec", "Builder"].into_iter().zip(spawned) {
                let row = format!("{place}::mailbox({mailbox:?})");
                match (spawned, right) {
                    (Ok(actor), Some(right)) => {
                        let gate = hold(&actor).await;
                        let fits = |_: &i32| actor.try_tell(note("fits")).is_ok();
                        assert_eq!((0..many).take_while(fits).count(), right as usize, "{row}");
                        gate.open();
                    }
                    (Err(SpawnError::NoCapacity(spec)), None) => drop(spec.into_inner()),
                    (spawned, _) => panic!("{row}: {spawned:?}"),
                }
            }
            by_spec.drain().await.unwrap();
            by_default.drain().await.unwrap();
        }
    });
}

/// A name of a megabyte.
fn very_long() -> String {
    "n".repeat(1 << 20)
}

fn names() -> impl Iterator<Item = (String, bool)> {
    let bad = ["", "/", "//", "a/b", "/a", "a/"];
    let good = [
        " ", ".", "..", "*", "-", "-1", "\n", "\0", "名", "root", "Node-1",
    ];
    let bad = bad.into_iter().map(|name| (name.to_owned(), false));
    let good = good.into_iter().map(|name| (name.to_owned(), true));
    let long = [(very_long(), true), (very_long() + "/", false)];
    bad.chain(good).chain(long)
}

#[test]
fn names_of_children() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = |name: &str| Node::new(&check, &Log::default()).named(name);
        for (name, is_good) in names() {
            let shown: String = name.chars().take(20).collect();
            for start in [false, true] {
                let row = format!("a name {shown:?} of {} bytes, {start}", name.len());
                let spawned = if start {
                    match system.start(spec(&name)).await {
                        Err(StartError::Refused(error)) => Err(error),
                        started => Ok(started.unwrap()),
                    }
                } else {
                    system.spawn(spec(&name))
                };
                let actor = match spawned {
                    Ok(actor) => actor,
                    Err(SpawnError::BadName(spec)) => {
                        assert!(!is_good, "{row} is refused");
                        drop(spec.into_inner());
                        continue;
                    }
                    Err(error) => panic!("{row}: {error:?}"),
                };
                assert!(is_good, "{row} is taken");
                let node = Some(actor.node());
                assert_eq!(actor.path(), format!("/{name}"), "{row}");
                assert_eq!(system.child(&name), node, "{row}");
                assert_eq!(system.find(&name), node, "{row}");
                assert_eq!(system.find(&actor.path()), node, "{row}");
                assert_eq!(system.lookup(&name).ok(), Some(actor.clone()), "{row}");
                let twin = system.spawn(spec(&name));
                assert!(
                    matches!(twin, Err(SpawnError::NameTaken(_))),
                    "{row}: {twin:?}"
                );
                actor.stop().await.unwrap();
                assert_eq!(system.child(&name), None, "{row} is free again");
            }
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn names_of_roots() {
    paused(async |check| {
        for (name, is_good) in names() {
            let shown: String = name.chars().take(20).collect();
            let node = || Node::new(&check, &Log::default()).on_start(|ctx| ctx.stop());
            // The name of a system is no part of a path, so it may be any text. An empty one counts as none.
            let builder = System::builder().name(name.clone());
            let system = builder.clone().start().unwrap();
            assert_eq!(
                system.node().name().as_ref(),
                Some(&name),
                "a system {shown:?}"
            );
            let prefix = match &*name {
                "" => String::new(),
                name => format!("{name}:"),
            };
            let path = system.node().path();
            assert_eq!(path, format!("{prefix}/"), "a system {shown:?}");
            let child = system.spawn(node().named("child")).unwrap();
            assert_eq!(child.path(), format!("{prefix}/child"), "in {shown:?}");
            let found = system.find(&child.path());
            assert_eq!(found, Some(child.node()), "in {shown:?}");
            system.stop().await.unwrap();
            builder.clone().run(node()).await.unwrap();
            let ran = builder.run(node().named(&name)).await;
            assert_eq!(ran.is_ok(), is_good, "a root {shown:?}: {ran:?}");
        }
    });
}

#[test]
fn paths_that_lead_nowhere() {
    paused(async |check| {
        let system = System::start().unwrap();
        let node = |name| Node::new(&check, &Log::default()).named(name);
        let actor = system.start(node("a")).await.unwrap();
        let root = Some(system.node());
        let found: [(&str, Option<NodeRef>); 9] = [
            ("", root.clone()),
            ("/", root.clone()),
            ("////", root),
            ("a", Some(actor.node())),
            ("/a", Some(actor.node())),
            ("//a//", Some(actor.node())),
            ("b", None),
            ("/a/a", None),
            ("..", None),
        ];
        for (path, right) in found {
            assert_eq!(system.find(path), right, "find({path:?})");
        }
        let long = very_long();
        let deep = "/a".repeat(1 << 19);
        let nowhere = [
            "-",
            "a-",
            "a-0",
            "-0",
            "Node-18446744073709551615",
            "Node-18446744073709551616",
            "a--1",
            "\0",
            &long,
            &deep,
        ];
        for path in nowhere {
            let shown: String = path.chars().take(30).collect();
            assert_eq!(system.find(path), None, "find({shown:?})");
            assert_eq!(system.child(path), None, "child({shown:?})");
            assert!(system.lookup::<Msg>(path).is_err(), "lookup({shown:?})");
        }
        for nothing in ["", "/", "b"] {
            assert!(
                system.lookup::<Msg>(nothing).is_err(),
                "lookup({nothing:?})"
            );
        }
        system.stop().await.unwrap();
    });
}
