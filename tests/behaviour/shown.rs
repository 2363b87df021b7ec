//! What nodes and waits say of themselves, and what tells nodes apart.

use crate::common;

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};

use common::node::{Node, hold, note};
use common::{Log, paused};
use tenure::{NodeRef, System};

fn hash(node: &NodeRef) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(node)
}

#[test]
fn nodes_and_waits_say_what_they_are() {
    paused(async |check| {
        let (log, letters) = (Log::default(), Log::default());
        let seen = letters.clone();
        let system = System::builder()
            .name("shop")
            .on_dead_letter(move |letter| {
                seen.push(format!("{letter:?}"));
                seen.push(letter.label());
                seen.push(letter.type_name());
            })
            .start()
            .unwrap();
        let till = system.spawn(Node::new(&check, &log).named("till")).unwrap();
        let other = system.spawn(Node::new(&check, &log)).unwrap().node();
        let node = till.node();
        assert!(node.type_name().ends_with("node::Node"));
        assert_eq!(hash(&node), hash(&node.clone()));
        assert_ne!(hash(&node), hash(&other));
        let gate = hold(&till).await;
        assert_eq!(
            format!("{node:?}"),
            r#"NodeRef { path: "shop:/till", kind: Actor, phase: Running }"#
        );
        till.tell(note("lost")).await.unwrap();
        assert_eq!(format!("{:?}", till.stopped()), "Stopped { .. }");
        let stopping = till.stop();
        assert_eq!(format!("{stopping:?}"), "Stopping { .. }");
        gate.open();
        drop(stopping.await);
        let msg = std::any::type_name::<common::node::Msg>();
        let shown = format!(
            r#"DeadLetter {{ path: "shop:/till", label: "Note", type_name: "{msg}", .. }}"#
        );
        assert_eq!(letters.entries(), [shown.as_str(), "Note", msg]);
        system.stop().await.unwrap();
    });
}
