//! Blocking jobs that wait for a thread, and waits that block one.

mod common;

use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use common::node::{Gate, Msg, Node, note};
use common::{
    Check, Count, Kept, Log, current_thread, multi_thread, paused, poll_unwoken, time_at_work,
};
use tenure::prelude::*;
use tenure::{Scope, StopReason, TaskError};
use tokio::runtime::{Builder, Runtime};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(4);

/// A runtime with one thread for blocking jobs.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Occupies the one thread until it is released.
async fn hold(spawner: &Spawner) -> mpsc::Sender<()> {
    let (let_go, gate) = mpsc::channel();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let holding = spawner.blocking(move |_| {
        begin.send(()).ok();
        gate.recv().ok();
    });
    drop(holding.unwrap());
    begun.await.unwrap();
    let_go
}

#[test]
fn job_that_has_not_begun_is_dropped_at_a_stop_or_kill() {
    for kill in [false, true] {
        let runtime = runtime();
        let check = Check::default();
        runtime.block_on(async {
            let system = System::start().unwrap();
            let other = System::start().unwrap();
            let let_go = hold(&other).await;
            let (ran, guard) = (Count::default(), check.guard());
            let count = ran.clone();
            let queued = system
                .blocking(move |_| {
                    let _guard = guard;
                    count.add();
                })
                .unwrap();
            check.node(queued.node());
            let begin = Instant::now();
            let ended = if kill {
                system.kill().await
            } else {
                system.stop().await
            };
            assert!(ended.is_ok(), "{ended:?}");
            assert!(begin.elapsed() < LONG);
            check.assert_clean();
            let value = queued.await;
            assert!(matches!(value, Err(TaskError::Stopped(_))), "{value:?}");
            let_go.send(()).unwrap();
            other.stop().await.unwrap();
            assert_eq!(ran.get(), 0);
        });
    }
}

/// The job was accepted, so the drain waits for it.
#[test]
fn drain_waits_for_a_job_that_has_not_begun() {
    runtime().block_on(async {
        let system = System::start().unwrap();
        let other = System::start().unwrap();
        let let_go = hold(&other).await;
        let ran = Count::default();
        let count = ran.clone();
        let queued = system.blocking(move |_| count.add()).unwrap();
        let draining = system.drain();
        let_go.send(()).unwrap();
        assert!(matches!(draining.await, Ok(StopReason::Drained)));
        assert_eq!(ran.get(), 1);
        queued.await.unwrap();
        other.stop().await.unwrap();
    });
}

#[test]
fn job_that_a_runtime_never_begins_ends_with_it() {
    let runtime = runtime();
    let check = Check::default();
    let let_go = runtime.block_on(async {
        let system = System::start().unwrap();
        let let_go = hold(&system).await;
        let guard = check.guard();
        let queued = system
            .blocking(move |_| {
                let _guard = guard;
            })
            .unwrap();
        check.node(queued.node());
        std::mem::forget(system);
        let_go
    });
    let_go.send(()).unwrap();
    drop(runtime);
    check.assert_clean();
}

/// Its owner is a scope whose future somebody else polls, so nobody tells the job to end.
#[test]
fn job_that_comes_after_the_runtime_has_gone_ends_unbegun() {
    let (check, ran) = (Check::default(), Count::default());
    let (lend, mut lent) = tokio::sync::oneshot::channel();
    let (open, opened) = tokio::sync::oneshot::channel::<()>();
    let mut scope: Kept = Box::pin(tenure::scope_send(move |scope| async move {
        lend.send(scope.spawner()).ok();
        opened.await?;
        Ok(())
    }));
    let runtime = runtime();
    let entered = runtime.enter();
    assert!(poll_unwoken(&mut scope).is_pending());
    drop(entered);
    drop(runtime);
    let (guard, count) = (check.guard(), ran.clone());
    let job = move |_| {
        let _guard = guard;
        count.add();
    };
    let mut job = lent.try_recv().unwrap().blocking(job).unwrap();
    check.node(job.node());
    let value = poll_unwoken(&mut job);
    assert!(
        matches!(value, Poll::Ready(Err(TaskError::Stopped(_)))),
        "{value:?}"
    );
    assert_eq!(ran.get(), 0);
    check.assert_clean();
    open.send(()).unwrap();
    let ended = current_thread().block_on(&mut scope);
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn stop_races_with_the_thread_that_takes_the_job() {
    let runtime = runtime();
    let check = Check::default();
    runtime.block_on(async {
        for _ in 0..300 {
            let system = System::start().unwrap();
            let guard = check.guard();
            let job = system
                .blocking(move |_| {
                    let _guard = guard;
                })
                .unwrap();
            drop(job);
            system.stop().await.unwrap();
            assert_eq!(check.alive(), 0);
        }
    });
}

/// An actor in a handler, whose mailbox with room for one is full; and the gate that lets it go on.
async fn held_up(scope: &Scope, check: &Check) -> (ActorRef<Msg>, Arc<Gate>) {
    let (log, gate) = (Log::default(), Arc::new(Gate::default()));
    let spec = ChildSpec::new(Node::new(check, &log)).mailbox(Mailbox::bounded(1));
    let node = scope.spawn(spec).unwrap();
    node.tell(Msg::Hold(Arc::clone(&gate))).await.unwrap();
    gate.reached().await;
    node.tell(note("queued")).await.unwrap();
    (node, gate)
}

/// Sends in each blocking way, with a limit, to an actor that has no room.
fn assert_timed_out(node: &ActorRef<Msg>, limit: Duration) {
    let recipient = node.recipient::<Msg>();
    let asks: [&dyn Fn() -> Result<(), AskError>; 3] = [
        &|| node.ask(Msg::Ping).timeout(limit).blocking_wait(),
        &|| {
            let deadline = tokio::time::Instant::now() + limit;
            node.ask(Msg::Ping).deadline(deadline).blocking_wait()
        },
        &|| recipient.ask(Msg::Ping).timeout(limit).blocking_wait(),
    ];
    for ask in asks {
        let begin = Instant::now();
        let asked = ask();
        assert!(matches!(asked, Err(AskError::TimedOut { .. })), "{asked:?}");
        assert!(begin.elapsed() >= limit);
    }
    let tells: [&dyn Fn(Msg) -> Result<(), SendError<Msg>>; 2] = [
        &|msg| node.tell(msg).timeout(limit).blocking_wait(),
        &|msg| recipient.tell(msg).timeout(limit).blocking_wait(),
    ];
    for tell in tells {
        let begin = Instant::now();
        let told = tell(note("late"));
        assert!(begin.elapsed() >= limit);
        assert!(matches!(told, Err(SendError::TimedOut(_))), "{told:?}");
        let back = told.unwrap_err().into_inner();
        assert!(matches!(back, Msg::Note(text) if text == "late"));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "ones that know no runtime")]
fn limits_of_blocking_waits_hold() {
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            let (node, gate) = held_up(&scope, &check).await;
            let limit = Duration::from_millis(10);
            let (in_job, on_thread, on_worker) = (node.clone(), node.clone(), node.clone());
            let job = scope.blocking(move |_| assert_timed_out(&in_job, limit))?;
            // On a thread without a runtime, and on the thread of a runtime that has to be driven meanwhile.
            let thread = std::thread::spawn(move || assert_timed_out(&on_thread, limit));
            let task = scope.task(async move { assert_timed_out(&on_worker, limit) })?;
            job.await?;
            task.await?;
            thread.join().unwrap();

            gate.open();
            let asked = node.clone();
            let in_time = std::thread::spawn(move || {
                let ask = asked.ask(Msg::Ping).timeout(LONG);
                ask.blocking_wait()
            });
            while !in_time.is_finished() {
                tokio::task::yield_now().await;
            }
            assert_eq!(in_time.join().unwrap(), Ok(()));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A thread that waits sleeps, and does not check again and again.
#[test]
fn thread_that_is_blocked_is_not_at_work() {
    if !std::path::Path::new("/proc/thread-self/schedstat").exists() {
        return; // Nobody tells how long a thread is at work.
    }
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            let (node, gate) = held_up(&scope, &check).await;
            let (begin, begun) = tokio::sync::oneshot::channel();
            let job = scope.blocking(move |_| {
                begin.send(()).ok();
                let before = time_at_work();
                let asked = node.blocking_ask(Msg::Ping);
                tenure::Ok((asked, time_at_work() - before))
            })?;
            begun.await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            gate.open();
            let (asked, at_work) = job.await?;
            assert_eq!(asked, Ok(()));
            assert!(at_work < Duration::from_millis(20), "{at_work:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// The waiting thread itself has to drive the runtime's timers.
#[test]
fn limit_of_a_blocking_wait_holds_on_the_only_thread_of_its_runtime() {
    current_thread().block_on(async {
        let check = Check::default();
        tenure::scope(async |scope| {
            let (node, gate) = held_up(&scope, &check).await;
            assert_timed_out(&node, Duration::from_millis(10));
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
        check.assert_clean();
    });
}

#[test]
fn limit_of_a_blocking_wait_is_one_of_the_paused_clock() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (node, gate) = held_up(&scope, &check).await;
            let limit = Duration::from_secs(3_600);
            let (begin, begun) = tokio::sync::oneshot::channel();
            let job = scope.blocking(move |_| {
                let ask = node.ask(Msg::Ping).timeout(limit);
                begin.send(()).ok();
                tenure::Ok(ask.blocking_wait())
            })?;
            begun.await?;
            tokio::time::advance(limit).await;
            let asked = job.await?;
            assert!(matches!(asked, Err(AskError::TimedOut { .. })), "{asked:?}");
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// One of three actors, each of which knows the next.
#[derive(Default)]
struct Passing {
    next: Option<ActorRef<Pass>>,
}

enum Pass {
    Next(ActorRef<Pass>),
    /// Asks the next one, which hands it on, and replies how that ended.
    Ask(ReplyTo<Result<(), AskError>>),
    HandOn(ReplyTo<()>),
    /// Drops the reply, and blocks its thread for the next one, which waits for that reply.
    Lose(ReplyTo<()>),
    Ping(ReplyTo<()>),
}

impl Actor for Passing {
    type Msg = Pass;

    async fn handle(&mut self, msg: Pass, _: &mut Context<Self>) -> tenure::Result {
        let next = || self.next.as_ref().ok_or("it knows nobody");
        match msg {
            Pass::Next(next) => self.next = Some(next),
            Pass::Ask(reply) => reply.send(next()?.ask(Pass::HandOn).await),
            Pass::HandOn(reply) => next()?.forward(reply, Pass::Lose).await?,
            Pass::Lose(reply) => {
                drop(reply);
                let next = next()?;
                tokio::task::block_in_place(|| next.blocking_ask(Pass::Ping))?;
            }
            Pass::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn reply_that_was_handed_on_and_dropped_is_settled_before_the_thread_blocks() {
    multi_thread(async |_check| {
        tenure::scope(async |scope| {
            let [first, second, third] = [(); 3].map(|()| scope.spawn(Passing::default()).unwrap());
            for (one, next) in [(&first, &second), (&second, &third), (&third, &first)] {
                one.tell(Pass::Next(next.clone())).await?;
            }
            let asked = first.ask(Pass::Ask).timeout(2 * LONG).await;
            assert_eq!(asked, Ok(Err(AskError::NoReply)));
            Ok(())
        })
        .await
        .unwrap();
    });
}
