//! What a snapshot says about who waits for what.

use std::time::Duration;

use super::{plain, settle};
use crate::common::node::{Msg, hold, note};
use crate::common::{Check, paused};
use tenure::Kind;
use tenure::observe::{Verdict, WaitKind};
use tenure::prelude::*;
use tokio::time::sleep;

#[test]
fn waits_are_told_with_what_they_wait_for_and_since_when() {
    paused(async |check| {
        let system = System::start().unwrap();
        let target = system.spawn(plain(&check).named("target")).unwrap();
        let gate = hold(&target).await;
        let asked = target.clone();
        let asker = system
            .task(TaskSpecOf::named("asker", async move {
                asked.ask(Msg::Ping).await.unwrap();
            }))
            .unwrap();
        settle().await;
        let wait = || {
            let snapshot = system.snapshot();
            let node = snapshot.find("/asker").unwrap();
            assert_eq!(node.verdict.word(), "waiting");
            node.waits[0].clone()
        };
        assert_eq!(wait().kind, WaitKind::Reply);
        sleep(Duration::from_secs(4)).await;
        let wait = wait();
        assert_eq!(wait.target.as_ref().unwrap().path, "/target");
        assert_eq!(wait.lasted.unwrap().as_secs(), 4);
        assert_eq!(wait.to_string(), "a reply of /target for 4.0 s");
        gate.open();
        asker.await.unwrap();
        system.stop().await.unwrap();
    });
}

struct TaskSpecOf;

impl TaskSpecOf {
    fn named<F>(name: &str, future: F) -> tenure::TaskSpec<F>
    where
        F: std::future::Future<Output = ()> + Send + 'static,
    {
        tenure::TaskSpec::new(future).name(name)
    }
}

#[test]
fn full_mailbox_tells_how_many_wait_for_room() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = plain(&check).named("full").mailbox(Mailbox::bounded(1));
        let full = system.spawn(spec).unwrap();
        let gate = hold(&full).await;
        full.tell(note("first")).await.unwrap();
        let mut senders = Vec::new();
        for _ in 0..3 {
            let full = full.clone();
            let send = async move { full.tell(note("more")).await.unwrap() };
            senders.push(system.task(send).unwrap());
        }
        settle().await;
        let snapshot = system.snapshot();
        let node = snapshot.find("/full").unwrap();
        assert!(node.mailbox.unwrap().is_full());
        match &node.verdict {
            Verdict::Full {
                queued,
                senders,
                label,
                ..
            } => {
                assert_eq!((*queued, *senders, label.as_deref()), (1, 3, Some("Hold")));
            }
            other => panic!("{other}"),
        }
        assert_eq!(snapshot.trouble().len(), 1);
        let sender = snapshot
            .nodes
            .iter()
            .find(|node| node.kind == Kind::Task)
            .unwrap();
        assert_eq!(sender.waits[0].kind, WaitKind::Room);
        gate.open();
        for sender in senders {
            sender.await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn cycle_that_the_crate_lets_through_is_a_deadlock_of_all_in_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let ping = system.spawn(Asks::named("ping", &check)).unwrap();
        let pong = system.spawn(Asks::named("pong", &check)).unwrap();
        ping.tell(Ask::Of(pong.clone())).await.unwrap();
        pong.tell(Ask::Of(ping.clone())).await.unwrap();
        settle().await;
        let snapshot = system.snapshot();
        for (path, other) in [("/ping", "/pong"), ("/pong", "/ping")] {
            let node = snapshot.find(path).unwrap();
            let Verdict::Deadlocked { cycle, is_limited } = &node.verdict else {
                panic!("{}", node.verdict);
            };
            assert_eq!(cycle, &[path, other]);
            assert!(is_limited);
        }
        system.kill().await.unwrap();
    });
}

/// Asks others with `even_if_cyclic`.
struct Asks(#[expect(dead_code, reason = "it counts what is alive")] crate::common::Guard);

enum Ask {
    Of(ActorRef<Ask>),
    Reply(ReplyTo<()>),
}

impl Asks {
    fn named(name: &str, check: &Check) -> ChildSpec<Self> {
        ChildSpec::new(Self(check.guard())).name(name)
    }
}

impl Actor for Asks {
    type Msg = Ask;

    async fn handle(&mut self, msg: Ask, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            Ask::Of(other) => other.ask(Ask::Reply).even_if_cyclic().await?,
            Ask::Reply(reply) => reply.send(()),
        }
        Ok(())
    }
}
