//! Whoever waits for the end of a system gets an answer, even after the system's runtime has gone.

use crate::common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context as Polled, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use common::{Check, Guard, current_thread, poll_unwoken, workers};
use tenure::prelude::*;
use tenure::{StopError, StopReason, Stopping};
use tokio::runtime::Runtime;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Blocks its worker thread until it is released.
struct Holding {
    entered: tokio::sync::mpsc::Sender<()>,
    gate: Receiver<()>,
    _guard: Guard,
}

impl Actor for Holding {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.entered.try_send(())?;
        self.gate.recv().ok();
        Ok(())
    }
}

struct Idle {
    _guard: Guard,
}

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn system(runtime: &Runtime) -> System {
    let _context = runtime.enter();
    let builder = System::builder().patience(Duration::from_millis(50));
    builder.start().unwrap()
}

fn holding(check: &Check, runtime: &Runtime, system: &System) -> (ActorRef<()>, Sender<()>) {
    let (let_go, gate) = mpsc::channel();
    let (entered, mut has_entered) = tokio::sync::mpsc::channel(1);
    let actor = Holding {
        entered,
        gate,
        _guard: check.guard(),
    };
    let actor = system.spawn(actor).unwrap();
    actor.try_tell(()).unwrap();
    runtime.block_on(has_entered.recv()).unwrap();
    (actor, let_go)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Awaits a stop outside of every runtime.
fn without_runtime(stopping: Stopping) -> Result<StopReason, StopError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Polled::from_waker(&waker);
    let mut stopping = pin!(stopping);
    loop {
        match stopping.as_mut().poll(&mut cx) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn on_another_runtime(stopping: Stopping) -> Result<StopReason, StopError> {
    current_thread().block_on(stopping)
}

type WaitFor = fn(Stopping) -> Result<StopReason, StopError>;

const WAYS: [WaitFor; 2] = [without_runtime, on_another_runtime];

#[test]
fn stop_after_the_runtime_has_gone_is_answered() {
    for wait in WAYS {
        let check = Check::default();
        let runtime = workers(1);
        let system = system(&runtime);
        let guard = check.guard();
        let actor = system.spawn(Idle { _guard: guard }).unwrap();
        let waiting = actor.stop();
        drop(runtime);
        assert!(wait(waiting).is_ok());
        assert!(wait(actor.stop()).is_ok());
        assert!(wait(system.stop()).is_ok());
        check.node(actor.node());
        check.assert_clean();
    }
}

#[test]
fn stop_of_what_does_not_yield_after_the_runtime_has_gone_is_answered() {
    for wait in WAYS {
        let check = Check::default();
        let runtime = workers(1);
        let system = system(&runtime);
        let (actor, let_go) = holding(&check, &runtime, &system);
        let begin = Instant::now();
        let before = actor.kill();
        runtime.shutdown_background();
        for stopping in [before, actor.kill(), actor.stop(), system.kill()] {
            let outcome = wait(stopping);
            assert!(
                matches!(outcome, Err(StopError::Unjoined(_))),
                "{outcome:?}"
            );
        }
        assert!(begin.elapsed() < LONG);
        let_go.send(()).unwrap();
        // The actor ends once its thread is released.
        while actor.node().phase() < tenure::Phase::Stopped && begin.elapsed() < LONG {
            std::thread::yield_now();
        }
        assert!(wait(system.stop()).is_ok());
        check.assert_clean();
    }
}

/// A state so large that the actor's task is made only at its first poll.
struct Large {
    _state: [u8; 16 * 1024],
    _guard: Guard,
}

impl Actor for Large {
    type Msg = (Guard, ReplyTo<()>);

    async fn handle(&mut self, _: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn what_a_large_actor_was_told_before_its_first_poll_goes_with_the_runtime() {
    let check = Check::default();
    let runtime = current_thread();
    let system = system(&runtime);
    let large = Large {
        _state: [0; 16 * 1024],
        _guard: check.guard(),
    };
    let large = system.spawn(large).unwrap();
    check.node(large.node());
    let guard = check.guard();
    let mut asking = Box::pin(large.ask(|reply| (guard, reply)));
    assert!(poll_unwoken(&mut asking).is_pending());
    assert_eq!(check.alive(), 2);
    drop(runtime);
    assert_eq!(check.alive(), 0);
    assert_eq!(
        poll_unwoken(&mut asking),
        Poll::Ready(Err(AskError::Stopped))
    );
    assert!(without_runtime(system.stop()).is_ok());
    check.assert_clean();
}

/// Drops the reply, and waits.
struct Dropping;

impl Actor for Dropping {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        drop(reply);
        std::future::pending().await
    }
}

#[test]
fn reply_that_a_handler_has_dropped_before_the_runtime_went_says_that_it_was_killed() {
    let runtime = current_thread();
    let system = system(&runtime);
    let dropping = system.spawn(Dropping).unwrap();
    let mut asked = pin!(dropping.ask(|reply| reply).owned());
    runtime.block_on(async {
        assert!(poll_unwoken(&mut asked).is_pending());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    });
    assert!(poll_unwoken(&mut asked).is_pending());
    drop(runtime);
    assert_eq!(poll_unwoken(&mut asked), Poll::Ready(Err(AskError::Killed)));
}
