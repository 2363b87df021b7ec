//! What snapshots say of whole trees: limits, groups, unreachable actors, and what has changed.

use std::sync::Arc;
use std::time::Duration;

use super::{plain, settle};
use crate::common::node::{Msg, note, run_in};
use crate::common::{in_order, paused};
use tenure::observe::SnapshotOptions;
use tenure::prelude::*;
use tenure::{Kind, NodeRef};
use tokio::time::sleep;

#[test]
fn limits_are_kept_and_what_is_left_out_is_counted() {
    paused(async |check| {
        let system = System::start().unwrap();
        for number in 0..10 {
            system
                .spawn(plain(&check).named(&format!("worker-{number}")))
                .unwrap();
        }
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let child = plain(&check).named("child");
        run_in(&owner, move |ctx| drop(ctx.spawn(child).unwrap())).await;
        settle().await;
        let with = |options: SnapshotOptions| system.node().snapshot_with(&options);

        let all = with(SnapshotOptions::new());
        assert_eq!(
            (all.nodes.len(), all.count(), all.left_out.total()),
            (13, 12, 0)
        );
        let paths: Vec<_> = all.nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths[1], "/worker-0");
        assert_eq!(paths[11..], ["/owner", "/owner/child"]);

        let shallow = with(SnapshotOptions::new().depth(1));
        assert_eq!((shallow.nodes.len(), shallow.left_out.by_depth), (12, 1));
        let few = with(SnapshotOptions::new().nodes(5));
        assert_eq!((few.nodes.len(), few.left_out.by_number), (5, 7));
        let none = with(SnapshotOptions::new().nodes(0));
        assert_eq!((none.nodes.len(), none.left_out.total()), (0, 1));

        let under = with(SnapshotOptions::new().under("/owner"));
        let paths: Vec<_> = under.nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths, ["/owner", "/owner/child"]);
        assert_eq!(under.left_out.by_filter, 11);
        let kind = with(SnapshotOptions::new().kind(Kind::System));
        assert_eq!(kind.nodes.len(), 1);
        let typed = with(SnapshotOptions::new().type_name("node::Node"));
        assert_eq!(typed.nodes.len(), 12);
        system.stop().await.unwrap();
    });
}

#[test]
fn groups_count_by_type_and_site_and_tell_the_change() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spawn = || drop(system.spawn(plain(&check)).unwrap());
        (0..3).for_each(|_| spawn());
        let task = system.task(std::future::pending::<()>()).unwrap();
        settle().await;
        let before = system.snapshot();
        let groups = before.groups();
        assert_eq!(groups.groups[0].count, 3);
        (0..2).for_each(|_| spawn());
        task.cancel();
        sleep(Duration::from_secs(60)).await;
        let now = system.snapshot();
        let change = now.since(&before);
        assert_eq!(change.compared_over.unwrap().as_secs(), 60);
        let changes: Vec<_> = change.groups.iter().map(|g| (g.count, g.change)).collect();
        assert_eq!(changes, [(5, Some(2)), (1, Some(0)), (0, Some(-1))]);
        assert!(change.to_string().contains("+2"), "{change}");
        system.stop().await.unwrap();
    });
}

#[test]
fn unreachable_actor_is_found_and_nothing_else_is() {
    // A simulation holds references of its own.
    in_order(async |check| {
        let system = System::start().unwrap();
        drop(system.spawn(plain(&check)).unwrap());
        let kept = system.spawn(plain(&check)).unwrap();
        drop(system.spawn(plain(&check).named("named")).unwrap());
        let ticks = system.spawn(plain(&check)).unwrap();
        run_in(&ticks, |ctx| {
            drop(ctx.send_after(Duration::from_secs(900), note("late")))
        })
        .await;
        drop(ticks);
        let recipient = system.spawn(plain(&check)).unwrap().recipient::<String>();
        let parent = system.spawn(plain(&check)).unwrap();
        let child = plain(&check).named("child");
        run_in(&parent, move |ctx| drop(ctx.spawn(child).unwrap())).await;
        drop(parent);
        settle().await;
        let words = || -> Vec<_> {
            let snapshot = system.snapshot();
            let nodes = snapshot.nodes.iter().skip(1);
            nodes.map(|node| node.verdict.word()).collect()
        };
        let idle = "idle";
        assert_eq!(words(), ["unreachable", idle, idle, idle, idle, idle, idle]);
        sleep(Duration::from_secs(7)).await;
        let snapshot = system.snapshot();
        let found = snapshot.trouble();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].references, Some(0));
        let shown = found[0].verdict.to_string();
        assert_eq!(shown, "unreachable for 7.0 s: nothing can wake it again");
        assert_eq!(snapshot.node(kept.id()).unwrap().references, Some(1));
        // An actor that somebody refers to again is not unreachable.
        drop((kept, recipient));
        assert_eq!(words()[1], "unreachable");
        let again: Arc<NodeRef> = Arc::new(system.children()[0].clone());
        assert_eq!(words()[0], idle);
        drop(again);
        system.stop().await.unwrap();
    });
}

#[test]
fn weak_reference_hides_no_leak_and_is_counted_apart() {
    // A simulation holds references of its own.
    in_order(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(plain(&check)).unwrap();
        let weak = actor.downgrade();
        assert_eq!(weak.upgrade(), Some(actor.clone()));
        drop(actor);
        settle().await;
        let snapshot = system.snapshot();
        let shown = snapshot.nodes[1].verdict.to_string();
        assert!(shown.ends_with("unless by its weak reference"), "{shown}");
        weak.upgrade().unwrap().ask(Msg::Ping).await.unwrap();
        system.stop().await.unwrap();
        assert_eq!(weak.upgrade(), None);
    });
}

#[test]
fn two_systems_and_ended_ones_are_told_apart() {
    paused(async |check| {
        let [one, other] =
            ["one", "other"].map(|name| System::builder().name(name).start().unwrap());
        let actor = one.spawn(plain(&check).named("same")).unwrap();
        other.spawn(plain(&check).named("same")).unwrap();
        settle().await;
        assert!(one.snapshot().find("one:/same").is_some());
        assert!(one.snapshot().find("other:/same").is_none());
        assert_eq!(other.snapshot().nodes.len(), 2);
        one.stop().await.unwrap();
        assert_eq!(actor.node().snapshot().nodes.len(), 0);
        assert_eq!(one.snapshot().groups().groups.len(), 0);
        assert_eq!(other.snapshot().nodes.len(), 2);
        other.stop().await.unwrap();
    });
}

#[test]
fn snapshots_while_a_tree_ends_and_begins_are_whole() {
    paused(async |check| {
        let system = System::start().unwrap();
        for round in 0..20 {
            let owner = system.spawn(plain(&check).named("owner")).unwrap();
            let of = check.clone();
            run_in(&owner, move |ctx| {
                for _ in 0..10 {
                    drop(ctx.spawn(plain(&of)).unwrap());
                }
            })
            .await;
            let stopping = owner.stop();
            for _ in 0..round {
                tokio::task::yield_now().await;
                let snapshot = system.snapshot();
                for node in &snapshot.nodes {
                    let owner = node.owner.map(|owner| snapshot.node(owner));
                    assert!(owner.is_none_or(|owner| owner.is_some()), "{snapshot}");
                }
            }
            stopping.await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn all_children_are_told_however_many() {
    paused(async |check| {
        let system = System::start().unwrap();
        for _ in 0..100 {
            system.spawn(plain(&check)).unwrap();
        }
        assert_eq!(system.snapshot().nodes.len(), 101);
        system.stop().await.unwrap();
    });
}
