//! Messages about the ends of other nodes.

use crate::common;

use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::node::{Msg, Node, hold, note, run, run_in};
use common::{Check, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{NodeRef, StopError, StopReason, Watch};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn node(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

/// A note with the path and the reason.
fn ended(end: Watched) -> Msg {
    let reason = match end.reason() {
        StopReason::Failed(_) => String::from("Failed"),
        other => format!("{other:?}"),
    };
    note(format!("{} {reason}", end.path()))
}

async fn watch(watcher: &ActorRef<Msg>, target: impl Into<NodeRef>) -> Watch {
    let made: Arc<OnceLock<Watch>> = Arc::default();
    let (set, target) = (Arc::clone(&made), target.into());
    run_in(watcher, move |ctx| {
        set.set(ctx.watch(target, ended).unwrap()).unwrap();
    })
    .await;
    made.get().unwrap().clone()
}

#[test]
fn a_watch_tells_once_of_each_sort_of_end() {
    for (end, expected) in [
        ("stop", "Stopped"),
        ("drain", "Drained"),
        ("kill", "Killed"),
        ("itself", "Finished"),
        ("fail", "Failed"),
        ("panic", "Failed"),
    ] {
        paused(async |check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let watcher = system.spawn(Node::new(&check, &log)).unwrap();
            let spec = node(&check).named("live").contain();
            let target = system.spawn(spec).unwrap();
            let handle = watch(&watcher, &target).await;
            settled().await;
            assert!(handle.is_active());
            assert!(log.entries().is_empty());
            match end {
                "stop" => drop(target.stop()),
                "drain" => drop(target.drain()),
                "kill" => drop(target.kill()),
                "itself" => target.tell(run(|ctx| ctx.stop())).await.unwrap(),
                "fail" => target.tell(Msg::Fail).await.unwrap(),
                _ => target.tell(Msg::Panic).await.unwrap(),
            }
            drop(target.stopped().await);
            settled().await;
            assert_eq!(log.entries(), [format!("/live {expected}")]);
            assert!(!handle.is_active());
            handle.cancel();
            // Another node has the name now, and its end is not watched.
            let next = system.spawn(node(&check).named("live")).unwrap();
            next.stop().await.unwrap();
            settled().await;
            assert_eq!(log.entries().len(), 1);
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn the_end_of_one_that_is_gone_comes_at_once() {
    paused(async |check| {
        let log = Log::default();
        let (system, other) = (System::start().unwrap(), System::start().unwrap());
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let task = system.task(async {}).unwrap();
        let task_node = task.node();
        task.await.unwrap();
        let actor = other.spawn(node(&check).named("far")).unwrap();
        let root = other.node();
        other.stop().await.unwrap();
        let begun = Instant::now();
        for target in [task_node.clone(), actor.node(), root] {
            drop(watch(&watcher, target).await);
        }
        settled().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let task = format!("{} Finished", task_node.path());
        assert_eq!(log.entries(), [&task, "/far Stopped", "/ Stopped"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_task_is_watched_by_its_handle_and_a_child_by_its_owner() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let guards = check.clone();
        run_in(&watcher, move |ctx| {
            let guard = guards.guard();
            let task = ctx
                .task(async move {
                    let _guard = guard;
                    sleep(SECOND).await;
                })
                .unwrap();
            ctx.watch(&task, |end| {
                assert_eq!(end.kind(), tenure::Kind::Task);
                assert_eq!(end.name(), None);
                note("task")
            })
            .unwrap();
            let child = ctx.spawn(node(&guards).named("child")).unwrap();
            let id = child.id();
            ctx.watch(&child, move |end| {
                assert_eq!((end.id(), end.kind()), (id, tenure::Kind::Actor));
                note(end.name().unwrap())
            })
            .unwrap();
            ctx.send_after(2 * SECOND, run(move |_| drop(child.stop())));
        })
        .await;
        sleep(3 * SECOND).await;
        assert_eq!(log.entries(), ["task", "child"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn three_watchers_are_told_and_one_that_watches_twice_is_told_twice() {
    paused(async |check| {
        let system = System::start().unwrap();
        let target = system.spawn(node(&check).named("live")).unwrap();
        let logs: [Log; 3] = Default::default();
        for (at, log) in logs.iter().enumerate() {
            let watcher = system.spawn(Node::new(&check, log)).unwrap();
            for _ in 0..=at {
                drop(watch(&watcher, &target).await);
            }
        }
        target.stop().await.unwrap();
        settled().await;
        for (at, log) in logs.iter().enumerate() {
            assert_eq!(log.entries(), vec!["/live Stopped"; at + 1]);
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn a_watch_that_was_cancelled_before_the_end_tells_nothing() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let target = system.spawn(node(&check).named("live")).unwrap();
        let first = watch(&watcher, &target).await;
        let second = watch(&watcher, &target).await;
        first.cancel();
        assert!(!first.is_active() && second.is_active());
        target.stop().await.unwrap();
        settled().await;
        assert_eq!(log.entries(), ["/live Stopped"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_notice_that_is_not_handled_yet_is_taken_back_by_a_cancel() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let [one, two] = ["one", "two"].map(|name| system.spawn(node(&check).named(name)).unwrap());
        let handle = watch(&watcher, &one).await;
        drop(watch(&watcher, &two).await);
        let gate = hold(&watcher).await;
        one.stop().await.unwrap();
        two.stop().await.unwrap();
        assert!(handle.is_active());
        handle.cancel();
        gate.open();
        settled().await;
        assert_eq!(log.entries(), ["/two Stopped"]);
        system.stop().await.unwrap();
    });
}

/// A notice is cancelled when its message has been made and not been handled yet.
#[test]
fn a_notice_that_is_made_already_is_taken_back_by_a_cancel() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let target = system.spawn(node(&check)).unwrap();
        let handle: Arc<OnceLock<Watch>> = Arc::default();
        let (own, made, guard) = (Arc::clone(&handle), Arc::clone(&handle), check.guard());
        let watched = target.clone();
        run_in(&watcher, move |ctx| {
            let watch = ctx.watch(&watched, move |_| {
                own.get().unwrap().cancel();
                drop(guard);
                note("taken back")
            });
            made.set(watch.unwrap()).unwrap();
            ctx.send_after(SECOND, note("tick"));
        })
        .await;
        target.stop().await.unwrap();
        settled().await;
        assert_eq!(check.alive(), 1);
        sleep(2 * SECOND).await;
        assert_eq!(log.entries(), ["tick"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_full_mailbox_holds_up_no_notice() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Node::new(&check, &log)).mailbox(Mailbox::bounded(2));
        let watcher = system.spawn(spec).unwrap();
        let target = system.spawn(node(&check).named("live")).unwrap();
        drop(watch(&watcher, &target).await);
        let gate = hold(&watcher).await;
        watcher.try_tell(note("one")).unwrap();
        watcher.try_tell(note("two")).unwrap();
        assert!(watcher.try_tell(note("three")).is_err());
        target.stop().await.unwrap();
        gate.open();
        settled().await;
        // The notice takes its turn with the mail, and needs no room in the mailbox.
        let at = log
            .entries()
            .iter()
            .position(|entry| entry == "/live Stopped");
        assert!(at.unwrap() <= 1, "{:?}", log.entries());
        assert_eq!(log.entries().len(), 3);
        system.stop().await.unwrap();
    });
}

#[test]
fn nobody_watches_itself_or_one_above() {
    paused(async |check| {
        let system = System::start().unwrap();
        let top = system.spawn(node(&check).named("top")).unwrap();
        let (guards, above, root) = (check.clone(), top.node(), system.node());
        run_in(&top, move |ctx| {
            let child = ctx.spawn(node(&guards).named("child")).unwrap();
            let check_it = run(move |ctx| {
                let guard = Arc::new(guards.guard());
                for target in [ctx.node(), above, root] {
                    let guard = Arc::clone(&guard);
                    let watch = ctx.watch(target, move |_| {
                        drop(guard);
                        note("never")
                    });
                    assert!(matches!(watch, Err(StopError::WaitsForItself)));
                }
                assert_eq!(Arc::strong_count(&guard), 1);
            });
            child.try_tell(check_it).unwrap();
        })
        .await;
        let child = system.lookup::<Msg>("child").unwrap();
        child.ask(Msg::Ping).await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn those_that_watch_each_other_hold_up_no_stop_and_no_drain() {
    for drain in [false, true] {
        paused(async |check| {
            let system = System::start().unwrap();
            let [one, two] = [(); 2].map(|()| system.spawn(node(&check)).unwrap());
            drop(watch(&one, &two).await);
            drop(watch(&two, &one).await);
            let begun = Instant::now();
            let stopping = if drain { system.drain() } else { system.stop() };
            stopping.await.unwrap();
            assert_eq!(begun.elapsed(), Duration::ZERO);
        });
    }
}

#[test]
fn a_restart_is_no_end_and_the_end_is_told_once_all_beneath_is_gone() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let guards = check.clone();
        let spec = ChildSpec::factory(move || {
            let guards2 = guards.clone();
            node(&guards).on_start(move |ctx| {
                let guard = guards2.guard();
                ctx.task(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .unwrap();
            })
        });
        let target = system
            .spawn(spec.restart(Restart::OnFailure).name("live"))
            .unwrap();
        let (guards, told) = (check.clone(), log.clone());
        let watched = target.clone();
        run_in(&watcher, move |ctx| {
            ctx.watch(&watched, move |_| {
                told.push(format!("{} guards", guards.alive()));
                note("ended")
            })
            .unwrap();
        })
        .await;
        target.tell(Msg::Fail).await.unwrap();
        target.ask(Msg::Ping).await.unwrap();
        settled().await;
        assert!(log.entries().is_empty());
        target.stop().await.unwrap();
        settled().await;
        assert_eq!(log.entries(), ["1 guards", "ended"]);
        system.stop().await.unwrap();
    });
}

/// Watches are set up and cancelled while their targets end on another thread.
#[test]
fn each_end_is_told_at_most_once_to_each_and_none_is_lost() {
    const MANY: usize = 200;
    multi_thread(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let watcher = system.spawn(Node::new(&check, &log)).unwrap();
        let targets: Vec<_> = (0..MANY)
            .map(|_| system.spawn(node(&check)).unwrap())
            .collect();
        let watched = targets.clone();
        let setting_up = run(move |ctx| {
            for (at, target) in watched.iter().enumerate() {
                ctx.watch(target, ended).unwrap();
                let other = ctx.watch(target, |_| note("cancelled")).unwrap();
                if at % 2 == 0 {
                    other.cancel();
                }
            }
        });
        watcher.tell(setting_up).await.unwrap();
        for target in &targets {
            target.stop().await.unwrap();
        }
        while log.entries().len() < MANY + MANY / 2 {
            watcher.ask(Msg::Ping).await.unwrap();
        }
        watcher.drain().await.unwrap();
        let mut entries = log.entries();
        entries.sort();
        assert_eq!(entries.len(), MANY + MANY / 2);
        entries.dedup();
        assert_eq!(entries.len(), MANY + 1);
        system.stop().await.unwrap();
    });
}
