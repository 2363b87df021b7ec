//! Ends that nobody asked for: a panic above, a dropped scope, a runtime that shuts down.

use crate::common;

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Check, Guard, Log, in_order, is_simulated, paused};
use tenure::prelude::*;
use tenure::{Cause, NodeRef, Phase, StopError, StopReason};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn children_of_a_panicked_owner_run_on_stop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let worker = |name| Worker::new(name, &log, &check);
            let p = scope.spawn(worker("p").named().contain())?;
            check.node(p.node());
            let beneath = p.ask(Do::Lend).await?;
            for name in ["c1", "c2", "c3"] {
                let child = worker(name).cleanup(SECOND).named();
                check.node(beneath.start(child).await?.node());
            }
            let start = Instant::now();
            p.tell(Do::Panic).await?;
            p.try_tell(Do::Keep(check.guard()))?;
            let outcome = p.stopped().await;
            assert_eq!((check.alive(), start.elapsed()), (0, 3 * SECOND));
            let Err(StopError::Failed(failure)) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(failure.path(), "/p");
            assert!(matches!(failure.cause(), Cause::Panic(text) if text == "p panics"));
            assert!(failure.beneath().is_empty(), "{failure:?}");
            Ok(())
        })
        .await
        .expect("the failure of the owner is contained");
        let expected = [
            "c3 on_stop",
            "c3 dropped",
            "c2 on_stop",
            "c2 dropped",
            "c1 on_stop",
            "c1 dropped",
            "p dropped",
        ];
        assert_eq!(log.entries(), expected);
    });
}

/// How many nodes there are beneath each of the ten actors.
fn beneath_each() -> usize {
    if is_simulated() { 3 } else { 33 }
}

/// Starts ten actors with some nodes beneath each, and returns when all are running.
async fn spawn_many(
    scope: &Scope,
    node: &Mutex<Option<NodeRef>>,
    log: &Log,
    check: &Check,
) -> tenure::Result {
    *node.lock().unwrap() = Some(scope.node());
    for _ in 0..10 {
        let p = scope.start(Worker::new("p", log, check)).await?;
        let beneath = p.ask(Do::Lend).await?;
        check.node(p.node());
        for _ in 0..beneath_each() {
            let c = beneath.start(Worker::new("c", log, check)).await?;
            c.try_tell(Do::Sleep(SECOND))?;
            c.try_tell(Do::Keep(check.guard()))?;
            let guard = check.guard();
            beneath.task(async move {
                let _guard = guard;
                pending::<()>().await
            })?;
            let guard = check.guard();
            beneath.task_with(|_| async move {
                let _guard = guard;
                pending::<()>().await
            })?;
        }
    }
    Ok(())
}

#[test]
fn scope_future_dropped() {
    paused(async |check| drop_scope(&check, |_| {}).await);
    // The tasks of the runtime are counted, which a simulation does not have.
    in_order(async |check| {
        let metrics = Handle::current().metrics();
        let baseline = metrics.num_alive_tasks();
        drop_scope(&check, |alive| {
            assert_eq!(metrics.num_alive_tasks(), baseline + alive)
        })
        .await;
    });
}

/// Drops the future of a scope with many nodes beneath it; `count` compares with how many are alive.
async fn drop_scope(check: &Check, count: impl Fn(usize)) {
    let (log, ready, node) = (Log::default(), Notify::new(), Mutex::new(None));
    let mut scope = Box::pin(tenure::scope(async |scope| {
        spawn_many(&scope, &node, &log, check).await?;
        ready.notify_one();
        pending::<tenure::Result>().await
    }));
    tokio::select! {
        ended = &mut scope => panic!("{ended:?}"),
        () = ready.notified() => {}
    }
    let node = node.lock().unwrap().take().unwrap();
    let many = 10 * (1 + 3 * beneath_each());
    assert_eq!(node.snapshot().count(), many);
    count(many);

    let start = Instant::now();
    drop(scope);
    assert_eq!(node.phase(), Phase::Stopping);
    let reason = node.stopped().await.unwrap();
    assert!(matches!(reason, StopReason::Killed), "{reason:?}");
    assert_eq!((check.alive(), node.snapshot().nodes.len()), (0, 0));
    count(0);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(log.entries().iter().all(|end| end.ends_with("dropped")));
}

/// Opens a scope in its handler, and drops it.
struct Dropper {
    node: Arc<Mutex<Option<NodeRef>>>,
    log: Log,
    check: Check,
}

impl Actor for Dropper {
    type Msg = ReplyTo<isize>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        let ready = Notify::new();
        let scope = tenure::scope(async |scope| {
            spawn_many(&scope, &self.node, &self.log, &self.check).await?;
            ready.notify_one();
            pending::<tenure::Result>().await
        });
        tokio::select! {
            ended = scope => panic!("{ended:?}"),
            () = ready.notified() => {}
        }
        // What was in the scope is still ending, and the actor goes on.
        reply.send(self.check.alive());
        Ok(())
    }
}

#[test]
fn dropped_scope_is_joined_by_the_node_above() {
    paused(async |check| {
        let (log, node) = (Log::default(), Arc::default());
        tenure::scope(async |scope| {
            let actor = scope.spawn(Dropper {
                node: Arc::clone(&node),
                log: log.clone(),
                check: check.clone(),
            })?;
            let many = isize::try_from(30 * beneath_each()).unwrap();
            assert!(actor.ask(|reply| reply).await? > many);
            // The stop comes while they are still ending.
            actor.stop().await?;
            let node = node.lock().unwrap().take().unwrap();
            assert_eq!((check.alive(), node.phase()), (0, Phase::Stopped));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Tells its peer something with each message, and once more when it is dropped.
struct Peer {
    peer: ActorRef<Guard>,
    check: Check,
    _guard: Guard,
}

impl Actor for Peer {
    type Msg = Guard;

    async fn handle(&mut self, guard: Guard, _: &mut Context<Self>) -> tenure::Result {
        yield_now().await;
        // If the peer has no room, it has enough to do.
        drop(self.peer.try_tell(guard));
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.peer.try_tell(self.check.guard()));
    }
}

/// The last actor of the chain, which passes nothing on.
struct Last(#[allow(dead_code, reason = "counted")] Guard);

impl Actor for Last {
    type Msg = Guard;

    async fn handle(&mut self, _: Guard, _: &mut Context<Self>) -> tenure::Result {
        yield_now().await;
        Ok(())
    }
}

#[test]
fn runtime_dropped_under_load() {
    const ACTORS: usize = 10_000;

    let check = Check::default();
    let runtime = common::workers(2);
    let system = {
        let _entered = runtime.enter();
        System::start().unwrap()
    };
    let last = system.spawn(Last(check.guard())).unwrap();
    let mut peers = vec![last];
    let spawner = system.spawner();
    let peer = |peer: &ActorRef<Guard>| Peer {
        peer: peer.clone(),
        check: check.clone(),
        _guard: check.guard(),
    };
    for _ in 1..ACTORS {
        let next = spawner.spawn(peer(&peers[peers.len() - 1])).unwrap();
        check.node(next.node());
        peers.push(next);
    }
    let (under_way, over) = (std::sync::Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for round in 0.. {
                for target in peers.iter().step_by(7) {
                    drop(target.try_tell(check.guard()));
                }
                let above = &peers[round % peers.len()];
                match spawner.spawn(peer(above)) {
                    Ok(actor) => check.node(actor.node()),
                    Err(SpawnError::Closed(_)) => {}
                    Err(other) => panic!("{other:?}"),
                }
                drop(spawner.task(async { yield_now().await }));
                if round == 3 {
                    under_way.wait();
                }
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        under_way.wait();
        drop(runtime);
        let refused = spawner.spawn(peer(&peers[0]));
        assert!(matches!(refused, Err(SpawnError::Closed(_))), "{refused:?}");
        assert!(matches!(spawner.task(async {}), Err(SpawnError::Closed(_))));
        assert!(matches!(
            spawner.blocking(|_| ()),
            Err(SpawnError::Closed(_))
        ));
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(system.node().phase(), Phase::Stopped);
    assert!(
        peers
            .iter()
            .all(|peer| peer.try_tell(check.guard()).is_err())
    );
    check.assert_clean();
}
