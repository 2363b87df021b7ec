//! What a snapshot says of a node that is to end: who asked for it, and what will become of it.

use std::future::pending;
use std::time::Duration;

use super::{plain, settle};
use crate::common::node::{Msg, Node, hold, run, run_in};
use crate::common::worker::{Do, Worker};
use crate::common::{Guard, Kept, Log, paused, poll_unwoken, settled};
use tenure::observe::{AskedBy, Fate, GateInfo, NodeInfo, OrderKind, WaitKind};
use tenure::prelude::*;
use tenure::{Kind, scope_send};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

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
fn order_names_the_node_that_gave_it() {
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

        gate.open();
        system.stop().await.unwrap();
    });
}

/// It waits for its child, so that it can be looked at.
#[test]
fn order_that_a_node_gave_itself_says_so() {
    let ways: [fn(&mut Context<Node>); 2] = [|ctx| ctx.stop(), |ctx| ctx.me().request_stop()];
    for stop in ways {
        paused(async |check| {
            let system = System::start().unwrap();
            let itself = system.spawn(plain(&check).named("itself")).unwrap();
            let child = plain(&check).named("child");
            let gate = hold(&child_of(&itself, child).await).await;
            itself.tell(run(stop)).await.unwrap();
            settle().await;
            let snapshot = system.snapshot();
            let order = snapshot.find("/itself").unwrap().order.clone().unwrap();
            assert_eq!((order.kind, order.by), (OrderKind::Stop, AskedBy::Itself));
            gate.open();
            system.stop().await.unwrap();
        });
    }
}

/// Its own time has not begun.
#[test]
fn order_of_an_owner_that_waits_for_its_child_tells_how_long_ago_it_was() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let gate = hold(&child_of(&owner, plain(&check).named("child")).await).await;
        owner.request_stop();
        sleep(Duration::from_secs(3)).await;
        let snapshot = system.snapshot();
        let order = snapshot.find("/owner").unwrap().order.clone().unwrap();
        assert_eq!(order.ago.unwrap().as_secs(), 3);
        gate.open();
        system.stop().await.unwrap();
    });
}

/// Nobody polls it, so its own time does not begin.
#[test]
fn order_of_a_kept_scope_tells_how_long_ago_it_was() {
    paused(async |_| {
        let (send, receive) = tokio::sync::oneshot::channel();
        let mut kept = Box::pin(tenure::scope(async |scope| {
            send.send(scope.node()).unwrap();
            pending::<tenure::Result>().await
        }));
        assert!(poll_unwoken(kept.as_mut()).is_pending());
        let scope = receive.await.unwrap();
        scope.request_stop();
        sleep(Duration::from_secs(3)).await;
        let snapshot = scope.snapshot();
        let order = snapshot.nodes[0].order.clone().unwrap();
        assert_eq!(order.ago.unwrap().as_secs(), 3);
        assert!(matches!(kept.await, Err(RunError::Stopped)));
    });
}

/// Its `on_stop` takes long.
struct Slow(#[expect(dead_code, reason = "counted")] Guard);

impl Actor for Slow {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_secs(2)).await;
        Ok(())
    }
}

/// Who asks for the end of an idle actor, and waits for it, is noted when the wait lasts.
#[test]
fn order_to_an_idle_actor_that_is_awaited_tells_who_gave_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let slow = system.spawn(Slow(check.guard())).unwrap();
        settle().await;
        let stopping = slow.stop();
        let line = line!() - 1;
        let look = async {
            sleep(Duration::from_secs(1)).await;
            system.snapshot()
        };
        let (stopped, snapshot) = tokio::join!(stopping, look);
        let order = snapshot.nodes[1].order.clone().unwrap();
        assert_eq!((order.kind, order.by), (OrderKind::Stop, AskedBy::Outside));
        assert_eq!(order.site.unwrap().line, line);
        stopped.unwrap();
        system.stop().await.unwrap();
    });
}

async fn child_of(owner: &ActorRef<Msg>, child: ChildSpec<Node>) -> ActorRef<Msg> {
    let (send, receive) = tokio::sync::oneshot::channel();
    run_in(owner, move |ctx| drop(send.send(ctx.spawn(child).unwrap()))).await;
    receive.await.unwrap()
}

#[test]
fn owner_in_its_end_waits_for_its_child_which_was_told_by_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let child = child_of(&owner, plain(&check).named("child")).await;
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

/// An actor that was idle, whose end lasts after all.
#[test]
fn whoever_asked_for_an_end_and_does_not_wait_for_it_is_known() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let slow = Worker::new("slow", &log, &check).cleanup(2 * SECOND);
        let slow = system.spawn(slow.named()).unwrap();
        settled().await;
        let line = line!() + 1;
        drop(slow.stop());
        sleep(SECOND).await;
        let snapshot = system.snapshot();
        let order = snapshot.find("/slow").unwrap().order.clone().unwrap();
        assert_eq!(order.site.unwrap().line, line);
        system.stop().await.unwrap();
    });
}

/// It has finished its message, and waits for a child.
#[test]
fn own_time_that_is_used_is_known_while_it_stands_still() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let owner = Worker::new("owner", &log, &check).named().grace(5 * SECOND);
        let owner = system.spawn(owner).unwrap();
        let spawner = owner.ask(Do::Lend).await.unwrap();
        let child = Worker::new("child", &log, &check).cleanup(4 * SECOND);
        spawner.spawn(child).unwrap();
        owner.tell(Do::Sleep(3 * SECOND)).await.unwrap();
        settled().await;
        let stopping = owner.stop();
        sleep(5 * SECOND).await;
        let snapshot = system.snapshot();
        let grace = snapshot.find("/owner").unwrap().grace.clone().unwrap();
        assert_eq!((grace.used.as_secs(), grace.is_counting), (3, false));
        stopping.await.unwrap();
        system.stop().await.unwrap();
    });
}

/// Its owner's code has its future, and may poll it whenever it likes.
#[test]
fn scope_that_has_ended_but_for_its_future_uses_no_time() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(plain(&check)).unwrap();
        let (to, given) = tokio::sync::oneshot::channel::<Kept>();
        run_in(&owner, move |_| {
            let mut kept: Kept = Box::pin(scope_send(|scope| async move {
                drop(scope.task_with(|_| sleep(SECOND))?);
                Err("its body fails".into())
            }));
            assert!(poll_unwoken(&mut kept).is_pending());
            drop(to.send(kept));
        })
        .await;
        sleep(2 * SECOND).await;
        let snapshot = system.snapshot();
        let is_scope = |node: &&NodeInfo| node.kind == Kind::Scope;
        let scope = snapshot.nodes.iter().find(is_scope).unwrap();
        assert_eq!(scope.children, 0);
        assert!(scope.grace.as_ref().is_none_or(|grace| !grace.is_counting));
        drop(given.await.unwrap());
        system.stop().await.unwrap();
    });
}
