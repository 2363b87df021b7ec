//! What a snapshot says of a node that is to end: who asked for it, and what will become of it.

use std::time::Duration;

use super::{plain, settle};
use crate::common::node::{Msg, hold, run, run_in};
use crate::common::{Kept, paused, poll_unwoken};
use tenure::observe::{AskedBy, Fate, GateInfo, OrderKind, WaitKind};
use tenure::prelude::*;
use tenure::scope_send;
use tokio::time::sleep;

#[test]
fn stopping_node_tells_who_asked_and_what_will_become_of_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = plain(&check).named("slow").grace(Duration::from_secs(5));
        let slow = system.spawn(spec).unwrap();
        let gate = hold(&slow).await;
        let stopping = slow.stop();
        let line = line!() - 1;
        settle().await;
        sleep(Duration::from_secs(3)).await;

        let snapshot = system.snapshot();
        let node = snapshot.find("/slow").unwrap();
        let order = node.order.as_ref().unwrap();
        assert_eq!(
            (order.kind, &order.by),
            (OrderKind::Stop, &AskedBy::Outside)
        );
        assert_eq!(order.site.as_ref().unwrap().line, line);
        assert_eq!(order.ago.unwrap().as_secs(), 3);
        let grace = node.grace.as_ref().unwrap();
        assert_eq!((grace.whole.as_secs(), grace.used.as_secs()), (5, 3));
        assert!(grace.is_counting);
        assert_eq!(grace.then, Fate::Killed);
        let left = grace.left.unwrap().as_secs_f64();
        assert!((1.9..2.1).contains(&left), "{left}");
        assert_eq!(node.mailbox.unwrap().gate, GateInfo::Closed);
        assert!(node.holds_up_stop);
        assert_eq!(snapshot.blockers()[0].path, "/slow");
        let shown = node.verdict.to_string();
        assert!(
            shown.starts_with("stopping for 3.0 s, is killed in 1.9"),
            "{shown}"
        );
        assert!(snapshot.to_string().contains("* "), "{snapshot}");

        gate.open();
        stopping.await.unwrap();
        system.stop().await.unwrap();
    });
}

/// The order is shown even if nobody waits for the end.
#[test]
fn order_that_is_not_awaited_tells_where_it_was_given() {
    paused(async |check| {
        let system = System::start().unwrap();
        let slow = system.spawn(plain(&check)).unwrap();
        let gate = hold(&slow).await;
        drop(slow.stop());
        let line = line!() - 1;
        let snapshot = system.snapshot();
        let order = snapshot.nodes[1].order.as_ref().unwrap();
        assert_eq!(order.site.as_ref().unwrap().line, line);
        gate.open();
        system.stop().await.unwrap();
    });
}

#[test]
fn order_names_the_node_that_gave_it_or_the_owner_or_itself() {
    paused(async |check| {
        let system = System::start().unwrap();
        let boss = system.spawn(plain(&check).named("boss")).unwrap();
        let told = system.spawn(plain(&check).named("told")).unwrap();
        let gate = hold(&told).await;
        let target = told.clone();
        run_in(&boss, move |_| target.request_drain()).await;
        let by = |path: &str| {
            let snapshot = system.snapshot();
            let order = snapshot.find(path).unwrap().order.clone().unwrap();
            (order.kind, order.by)
        };
        let path = String::from("/boss");
        assert_eq!(by("/told"), (OrderKind::Drain, AskedBy::Node { path }));

        let itself = system.spawn(plain(&check).named("itself")).unwrap();
        itself.tell(run(|ctx| ctx.stop())).await.unwrap();
        let own = hold_after_own_stop(&itself).await;
        // The owner tells those beneath it, the youngest first.
        let stopping = system.stop();
        settle().await;
        if let Some((order, asked)) = own {
            assert_eq!((order, asked), (OrderKind::Stop, AskedBy::Itself));
        }
        gate.open();
        stopping.await.unwrap();
    });
}

/// The order that a snapshot shows of an actor that has stopped itself, if it is still there.
async fn hold_after_own_stop(actor: &ActorRef<Msg>) -> Option<(OrderKind, AskedBy)> {
    let snapshot = actor.node().snapshot();
    let order = snapshot.nodes.first()?.order.clone()?;
    Some((order.kind, order.by))
}

#[test]
fn owner_in_its_end_waits_for_its_child_which_was_told_by_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let child = plain(&check).named("child");
        let (send, receive) = tokio::sync::oneshot::channel();
        run_in(&owner, move |ctx| {
            drop(send.send(ctx.spawn(child).unwrap()))
        })
        .await;
        let child = receive.await.unwrap();
        let gate = hold(&child).await;
        let stopping = owner.stop();
        settle().await;

        let snapshot = system.snapshot();
        let node = snapshot.find("/owner").unwrap();
        assert_eq!(node.waits[0].kind, WaitKind::Child);
        assert_eq!(node.waits[0].target.as_ref().unwrap().path, "/owner/child");
        assert!(!node.holds_up_stop);
        let shown = node.verdict.to_string();
        assert!(
            shown.contains("waits for the end of child /owner/child"),
            "{shown}"
        );
        let child = snapshot.find("/owner/child").unwrap();
        assert_eq!(child.order.as_ref().unwrap().by, AskedBy::Owner);
        assert!(child.holds_up_stop);

        gate.open();
        stopping.await.unwrap();
        system.stop().await.unwrap();
    });
}

/// Whoever asks for no more than was asked for before has no part in it.
#[test]
fn order_that_changes_nothing_is_not_noted() {
    for (first, second) in [
        (Order::Stop, Order::Drain),
        (Order::Stop, Order::Stop),
        (Order::Drain, Order::Drain),
        (Order::Kill, Order::Stop),
        (Order::Kill, Order::Kill),
    ] {
        paused(async |check| {
            let system = System::start().unwrap();
            let [asks, ends] = ["asks", "ends"].map(|name| plain(&check).named(name));
            let (asks, ends) = (system.spawn(asks).unwrap(), system.spawn(ends).unwrap());
            let (to, given) = tokio::sync::oneshot::channel::<Kept>();
            run_in(&ends, move |_| {
                let mut kept: Kept = Box::pin(scope_send(|_| std::future::pending()));
                assert!(poll_unwoken(&mut kept).is_pending());
                drop(to.send(kept));
            })
            .await;
            let node = ends.node();
            run_in(&asks, move |_| first.give(&node)).await;
            second.give(&ends.node());
            let snapshot = system.snapshot();
            let order = snapshot.find("/ends").unwrap().order.clone().unwrap();
            let AskedBy::Node { path, .. } = order.by else {
                panic!("{order:?}");
            };
            assert_eq!(path, "/asks", "{first:?}, {second:?}");
            drop(given.await.unwrap());
            drop(system.stop().await);
        });
    }
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Drain,
    Stop,
    Kill,
}

impl Order {
    fn give(self, node: &tenure::NodeRef) {
        match self {
            Self::Drain => node.request_drain(),
            Self::Stop => node.request_stop(),
            Self::Kill => node.request_kill(),
        }
    }
}
