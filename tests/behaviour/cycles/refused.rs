//! A wait that would never end is refused, with an error that names the cycle.

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Msg, Node, Rig, names};
use crate::common::restarting::{self, Recipe};
use crate::common::worker::{Do, Worker};
use crate::common::{Guard, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Cycle, NodeRef, System};
use tokio::sync::Notify;
use tokio::time::Instant;

fn cycle_of(answer: Result<Answer, AskError>) -> Cycle {
    match answer.unwrap_or_else(Err) {
        Err(AskError::Deadlock(cycle)) => cycle,
        other => panic!("no cycle was found: {other:?}"),
    }
}

#[test]
fn ask_cycle_is_named() {
    paused(async |check| {
        let begin = Instant::now();
        let rig = Rig::new(&check, &["a", "b", "c", "d", "e"], Mailbox::default());
        let a = &rig.actors[0];

        // Two actors that ask each other: the second ask completes the cycle and fails.
        let asked = a.ask(|reply| Msg::Along(rig.way([1, 0]), reply)).await;
        let cycle = cycle_of(asked);
        assert_eq!(names(&cycle), ["/b", "/a"]);
        assert_eq!(cycle.to_string(), "/b -> /a -> /b");
        assert!(AskError::Deadlock(cycle.clone()).never_started());
        assert!(
            AskError::Deadlock(cycle)
                .to_string()
                .contains("/b -> /a -> /b")
        );

        // A ring of five.
        let ring = rig.way([1, 2, 3, 4, 0]);
        let cycle = cycle_of(a.ask(|reply| Msg::Along(ring, reply)).await);
        assert_eq!(names(&cycle), ["/e", "/a", "/b", "/c", "/d"]);

        // An actor that asks itself.
        let cycle = cycle_of(a.ask(|reply| Msg::Along(rig.way([0]), reply)).await);
        assert_eq!(cycle.to_string(), "/a -> /a");

        // a waits for a cycle of b and c without being a part of it.
        let cycle = cycle_of(a.ask(|reply| Msg::Along(rig.way([1, 2, 1]), reply)).await);
        assert_eq!(names(&cycle), ["/c", "/b"]);

        // All actors live on, and none of their waits is left.
        for actor in &rig.actors {
            let asked = actor.ask(|reply| Msg::Along(Vec::new(), reply)).await;
            assert_eq!(asked, Ok(Ok(0)));
        }
        rig.end().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn full_mailbox_cycle_is_named() {
    for message in [Msg::Tell, Msg::Reserve] {
        paused(async |check| {
            let begin = Instant::now();
            let rig = Rig::new(&check, &["a", "b"], Mailbox::bounded(1));
            let [a, b] = [&rig.actors[0], &rig.actors[1]];
            let in_handlers = async {
                for index in 0..2 {
                    rig.entered[index].notified().await;
                    rig.actors[index].try_tell(Msg::Nothing).unwrap();
                }
                // Both mailboxes are full now, and both actors are in handlers.
                rig.go_on[0].notify_one();
                settled().await;
                rig.go_on[1].notify_one();
            };
            let (first, second, ()) = tokio::join!(
                a.ask(|reply| message(b.clone(), reply)),
                b.ask(|reply| message(a.clone(), reply)),
                in_handlers
            );
            // The second tell is refused, so the first one can go on.
            assert_eq!(first, Ok(None));
            let cycle = second.unwrap().unwrap();
            assert_eq!(names(&cycle), ["/b", "/a"]);

            // An actor with a full mailbox that tells itself.
            let own = async {
                rig.entered[0].notified().await;
                while a.try_tell(Msg::Nothing).is_ok() {}
                rig.go_on[0].notify_one();
            };
            let (told, ()) = tokio::join!(a.ask(|reply| message(a.clone(), reply)), own);
            assert_eq!(told.unwrap().unwrap().to_string(), "/a -> /a");
            rig.end().await;
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    }
}

#[test]
fn refused_message_comes_back() {
    struct Own;
    impl Actor for Own {
        type Msg = Option<(Guard, ReplyTo<bool>)>;
        async fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
            let Some((guard, reply)) = msg else {
                return Ok(());
            };
            let me = ctx.me();
            me.try_tell(None)?;
            let told = me.recipient::<Self::Msg>().tell(Some((guard, reply))).await;
            let Err(error @ SendError::Deadlock(..)) = told else {
                return Err("it was let in".into());
            };
            assert!(error.to_string().contains(" -> "), "{error}");
            if let Some((_, reply)) = error.into_inner() {
                reply.send(true);
            }
            Ok(())
        }
    }
    paused(async |check| {
        let system = System::start().unwrap();
        let own = system
            .spawn(ChildSpec::new(Own).mailbox(Mailbox::bounded(1)))
            .unwrap();
        check.node(own.node());
        let guard = check.guard();
        assert_eq!(own.ask(|reply| Some((guard, reply))).await, Ok(true));
        system.stop().await.unwrap();
    });
}

#[test]
fn cycle_through_an_owned_task_is_named() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let a = &rig.actors[0];
        for way in [rig.way([0]), rig.way([1, 0])] {
            let length = way.len() + 1;
            let cycle = cycle_of(a.ask(|reply| Msg::AlongInTask(way, reply)).await);
            assert_eq!(cycle.paths().len(), length, "{cycle}");
            assert!(names(&cycle).contains(&"/a"), "{cycle}");
        }
        // A scope's body is the actor's own code.
        let cycle = cycle_of(
            a.ask(|reply| Msg::AlongInScope(rig.way([1, 0]), reply))
                .await,
        );
        assert_eq!(names(&cycle), ["/b", "/a"]);
        // A task that nobody waits for may ask its owner.
        let asked = a.ask(|reply| Msg::AlongLater(rig.way([0, 1]), reply)).await;
        assert_eq!(asked, Ok(Ok(0)));
        rig.end().await;
    });
}

#[test]
fn of_two_racing_asks_one_fails() {
    multi_thread(async |check| {
        for _ in 0..300 {
            let rig = Rig::new(&check, &["a", "b", "c"], Mailbox::default());
            let ways = [rig.way([1, 2]), rig.way([2, 0]), rig.way([0, 1])];
            let racing: Vec<_> = rig
                .actors
                .iter()
                .zip(ways)
                .map(|(actor, way)| {
                    let actor = actor.clone();
                    rig.system
                        .task(async move {
                            let asked = actor.ask(|reply| Msg::Along(way, reply)).await;
                            Ok::<_, tenure::Error>(asked)
                        })
                        .unwrap()
                })
                .collect();
            let all = async {
                for one in racing {
                    let asked = one.await.unwrap().unwrap_or_else(Err);
                    assert!(
                        matches!(asked, Ok(0) | Err(AskError::Deadlock(_))),
                        "{asked:?}"
                    );
                }
            };
            tokio::time::timeout(Duration::from_secs(20), all)
                .await
                .expect("none hangs");
            rig.end().await;
        }
    });
}

#[test]
fn long_ring_is_walked_without_recursion() {
    const LENGTH: usize = 2_000;
    paused(async |_check| {
        tenure::scope(async |scope| {
            let actors: Vec<_> = (0..LENGTH)
                .map(|_| scope.spawn(Node::default()).unwrap())
                .collect();
            let mut way = actors[1..].to_vec();
            way.push(actors[0].clone());
            let cycle = cycle_of(actors[0].ask(|reply| Msg::Along(way, reply)).await);
            assert_eq!(cycle.paths().len(), LENGTH);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Waits for the end of another one.
struct Mourner;

enum ForMourner {
    Await(NodeRef),
    Ping(ReplyTo<()>),
}

impl Actor for Mourner {
    type Msg = ForMourner;

    async fn handle(&mut self, msg: ForMourner, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            ForMourner::Await(other) => drop(other.stopped().await),
            ForMourner::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Starts a task that is told to end, goes on when it is told to, asks, and notes whether it was refused.
fn ask_at_last(spawner: &Spawner, target: &ActorRef<ForMourner>, log: &Log) -> Arc<Notify> {
    let (go_on, target, log) = (Arc::new(Notify::new()), target.clone(), log.clone());
    let goes_on = Arc::clone(&go_on);
    let asking = spawner.task_with(async move |token| {
        token.cancelled().await;
        goes_on.notified().await;
        let asked = target.ask(ForMourner::Ping).await;
        let is_refused = matches!(asked, Err(AskError::Deadlock(_)));
        log.push(format!("refused: {is_refused}"));
    });
    drop(asking.unwrap());
    go_on
}

/// A draining actor handles messages while it waits for its tasks. Once it is told to stop, it only waits.
#[test]
fn wait_of_an_owner_counts_once_its_drain_has_become_a_stop() {
    paused(async |check| {
        let begin = Instant::now();
        let (system, log) = (System::start().unwrap(), Log::default());
        let owner = system.spawn(Worker::new("owner", &log, &check)).unwrap();
        let mourner = system.spawn(Mourner).unwrap();
        let spawner = owner.ask(Do::Lend).await.unwrap();
        let go_on = ask_at_last(&spawner, &mourner, &log);
        mourner.tell(ForMourner::Await(owner.node())).await.unwrap();
        drop(owner.drain());
        settled().await; // It waits for its task.
        let stopping = owner.stop();
        settled().await;
        go_on.notify_one();
        stopping.await.unwrap();
        assert!(log.entries().contains(&"refused: true".to_owned()));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        system.stop().await.unwrap();
    });
}

/// As before, but the owner has failed, and is told to drain while its task uses its time to end before the restart.
#[test]
fn wait_of_an_owner_counts_while_it_drains_before_a_restart() {
    paused(async |check| {
        let begin = Instant::now();
        let (system, log) = (System::start().unwrap(), Log::default());
        let owner = Recipe::new("owner", &log, &check).restarting(Restart::OnFailure);
        let owner = system.spawn(owner).unwrap();
        let mourner = system.spawn(Mourner).unwrap();
        let spawner = owner.ask(restarting::Msg::Lend).await.unwrap();
        let go_on = ask_at_last(&spawner, &mourner, &log);
        let waits = ForMourner::Await(owner.node());
        mourner.tell(waits).await.unwrap();
        owner.tell(restarting::Msg::Fail).await.unwrap();
        settled().await; // It waits for its task.
        let draining = owner.drain();
        settled().await;
        go_on.notify_one();
        drop(draining.await);
        assert!(log.entries().contains(&"refused: true".to_owned()));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        system.stop().await.unwrap();
    });
}
