//! A panic in users' code, wherever the crate calls it: the node fails (or stays killed), the rest goes on.
//!
//! All such places are in the first table of `docs/tables.md`.

#![expect(clippy::unit_arg, reason = "a row of a table is one expression")]

use crate::common;

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use common::{
    Log, paused,
    worker::{Do, Worker},
};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::time::{sleep, timeout};

const MS: Duration = Duration::from_millis(1);

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // Two in one unwinding would abort the process.
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Where the actor panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Nowhere,
    Clone,
    Make,
    Start,
    OnStart,
    Handle,
    Label,
    OnChildExit,
    OnDrain,
    OnStop,
    Drop,
    UnpolledDrop,
}

impl At {
    fn reached(self, place: Self) {
        assert_ne!(self, place, "here");
    }
}

struct Recipe(At, Cell<bool>);

impl Recipe {
    fn new(at: At) -> Self {
        Self(at, Cell::new(false))
    }
}

impl Clone for Recipe {
    fn clone(&self) -> Self {
        self.0.reached(At::Clone);
        Self::new(self.0)
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        if !self.1.get() && !std::thread::panicking() {
            self.0.reached(At::UnpolledDrop);
        }
    }
}

impl Start for Recipe {
    type Actor = Panics;

    async fn start(self, _: &mut Context<Panics>) -> tenure::Result<Panics> {
        self.1.set(true);
        self.0.reached(At::Start);
        Ok(Panics(self.0))
    }
}

struct Panics(At);

type Run = Box<dyn FnOnce(&mut Context<Panics>) -> tenure::Result + Send>;

enum Msg {
    Run(Run),
    Sleep,
    Keep(Bomb),
    Bombs(ReplyTo<Bomb>),
}

impl From<()> for Msg {
    fn from((): ()) -> Self {
        panic!("converted")
    }
}

impl Actor for Panics {
    type Msg = Msg;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.reached(At::OnStart);
        Ok(())
    }

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        self.0.reached(At::Handle);
        match msg {
            Msg::Run(run) => run(ctx)?,
            Msg::Sleep => sleep(MS).await,
            Msg::Keep(bomb) => drop(bomb),
            Msg::Bombs(reply) => {
                reply.gone().await;
                reply.send(Bomb);
            }
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        self.0.reached(At::OnChildExit);
        exit.into_result()
    }

    async fn on_drain(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.reached(At::OnDrain);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.reached(At::OnStop);
        Ok(())
    }

    fn label(msg: &Msg) -> &'static str {
        if let Msg::Run(_) = msg {
            IN_LABEL.with(|at| at.get().reached(At::Label));
        }
        "a message"
    }
}

thread_local! {
    static IN_LABEL: Cell<At> = const { Cell::new(At::Nowhere) };
}

impl Drop for Panics {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.reached(At::Drop);
        }
    }
}

fn run(run: impl FnOnce(&mut Context<Panics>) -> tenure::Result + Send + 'static) -> Msg {
    Msg::Run(Box::new(run))
}

/// What is done to the actor after it was started, and told what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Stop,
    Drain,
    Kill,
}

/// How it ended; and another actor, and the system, go on.
async fn ends(at: At, first: Vec<Msg>, then: Then) -> &'static str {
    IN_LABEL.with(|place| place.set(at));
    let system = System::start().unwrap();
    let check = common::Check::default();
    let other = system
        .spawn(Worker::new("other", &Log::default(), &check))
        .unwrap();
    let spec = match at {
        At::Make => {
            let make = move || -> Recipe { panic!("made") };
            system
                .spawn(ChildSpec::factory(make).contain())
                .map_err(|error| format!("{error:?}"))
        }
        At::Clone => system
            .spawn(
                ChildSpec::new(Recipe::new(at))
                    .restart(Restart::Always)
                    .contain(),
            )
            .map_err(|error| format!("{error:?}")),
        _ => system
            .spawn(ChildSpec::new(Recipe::new(at)).contain())
            .map_err(|error| format!("{error:?}")),
    };
    let actor = spec.unwrap();
    if at != At::UnpolledDrop {
        tokio::task::yield_now().await;
    }
    for msg in first {
        drop(actor.tell(msg).await);
    }
    let end = match then {
        Then::Nothing => timeout(60_000 * MS, actor.stopped()).await.unwrap(),
        Then::Stop => actor.stop().await,
        Then::Drain => actor.drain().await,
        Then::Kill => actor.kill().await,
    };
    IN_LABEL.with(|place| place.set(At::Nowhere));
    assert_eq!(other.ask(Do::Reply).await, Ok("other"));
    system.stop().await.unwrap();
    word(&end)
}

fn word(end: &Result<StopReason, StopError>) -> &'static str {
    match end {
        Ok(StopReason::Killed) => "killed",
        Ok(_) => "in order",
        Err(StopError::Failed(_)) => "failed",
        Err(_) => "otherwise",
    }
}

#[test]
fn panics_in_hooks() {
    paused(async |_| {
        let nothing = || vec![run(|_| Ok(()))];
        let child = || vec![run(|ctx| Ok(drop(ctx.task(async {})?)))];
        let rows = [
            (At::Nowhere, nothing(), Then::Stop, "in order"),
            (At::Nowhere, nothing(), Then::Drain, "in order"),
            (At::Nowhere, nothing(), Then::Kill, "killed"),
            (At::Clone, nothing(), Then::Nothing, "failed"),
            (At::Make, nothing(), Then::Nothing, "failed"),
            (At::Start, nothing(), Then::Nothing, "failed"),
            (At::OnStart, nothing(), Then::Nothing, "failed"),
            (At::Handle, nothing(), Then::Nothing, "failed"),
            (At::Label, nothing(), Then::Nothing, "failed"),
            (At::OnChildExit, child(), Then::Nothing, "failed"),
            (At::OnDrain, nothing(), Then::Drain, "failed"),
            (At::OnDrain, nothing(), Then::Stop, "in order"),
            (At::OnStop, nothing(), Then::Stop, "failed"),
            (At::OnStop, nothing(), Then::Drain, "failed"),
            (At::OnStop, nothing(), Then::Kill, "killed"),
            (At::Drop, nothing(), Then::Stop, "failed"),
            (At::Drop, nothing(), Then::Drain, "failed"),
            (At::Drop, nothing(), Then::Kill, "killed"),
            (At::UnpolledDrop, vec![], Then::Kill, "killed"),
        ];
        for (at, first, then, right) in rows {
            assert_eq!(ends(at, first, then).await, right, "{at:?} and {then:?}");
        }
    });
}

/// An error, of whose code one piece panics.
#[derive(Clone, Copy)]
enum Faulty {
    Display,
    Debug,
    Source,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!matches!(self, Self::Display), "shown");
        f.write_str("faulty")
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!matches!(self, Self::Debug), "shown");
        f.write_str("Faulty")
    }
}

impl std::error::Error for Faulty {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        assert!(!matches!(self, Self::Source), "asked for its source");
        None
    }
}

/// An error whose drop panics.
#[derive(Debug, thiserror::Error)]
#[error("it explodes")]
struct Explodes(BombInError);

struct BombInError(Bomb);

impl fmt::Debug for BombInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BombInError")
    }
}

/// Its conversion panics.
struct Converts;

impl From<Converts> for tenure::Error {
    fn from(_: Converts) -> Self {
        panic!("converted")
    }
}

/// A stream that panics, in its poll or in its drop.
struct Items(Option<Bomb>);

impl futures_core::Stream for Items {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<()>> {
        match self.0 {
            Some(_) => Poll::Pending,
            None => panic!("polled"),
        }
    }
}

type Case = (&'static str, Run, Then, &'static str);

/// Each row: what panics, who starts it, what is done then, and how the actor ends.
async fn assert_ends(rows: Vec<Case>) {
    for (name, run, then, right) in rows {
        let first = vec![Msg::Run(run), Msg::Sleep];
        let got = if then == Then::Nothing {
            ends(At::Nowhere, first, then).await
        } else {
            // What it starts has begun when it is told to end.
            started_first(first, then).await
        };
        assert_eq!(got, right, "{name}");
    }
}

#[test]
fn panics_in_tasks() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a task's future",
                Box::new(|ctx| Ok(drop(ctx.task(async { panic!("polled") as () })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "its drop at a stop",
                Box::new(move |ctx| {
                    let bomb = Bomb;
                    Ok(drop(ctx.task(async move {
                        std::future::pending::<()>().await;
                        drop(bomb)
                    })?))
                }),
                Then::Stop,
                "failed",
            ),
            (
                "its drop at a kill",
                Box::new(move |ctx| {
                    let bomb = Bomb;
                    Ok(drop(ctx.task(async move {
                        std::future::pending::<()>().await;
                        drop(bomb)
                    })?))
                }),
                Then::Kill,
                "killed",
            ),
            (
                "the drop of its value",
                Box::new(|ctx| Ok(drop(ctx.task(async { Ok::<_, tenure::Error>(Bomb) })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "the conversion of its error",
                Box::new(|ctx| Ok(drop(ctx.task(async { Err::<(), _>(Converts) })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "the closure of a task with a token",
                Box::new(|ctx| {
                    Ok(drop(ctx.task_with(|_| -> std::future::Ready<()> {
                        panic!("called")
                    })?))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_jobs_and_pipes() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a blocking job",
                Box::new(|ctx| Ok(drop(ctx.blocking(|_| -> () { panic!("ran") })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "a pipe's future",
                Box::new(|ctx| {
                    Ok(drop(
                        ctx.pipe(async { panic!("polled") as () }, |()| Msg::Sleep)?,
                    ))
                }),
                Then::Nothing,
                "failed",
            ),
            (
                "a pipe's closure",
                Box::new(|ctx| Ok(drop(ctx.pipe(async {}, |()| panic!("called"))?))),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_timers() {
    paused(async |_| {
        assert_ends(vec![
            (
                "send_every",
                Box::new(|ctx| Ok(drop(ctx.send_every(MS, || panic!("called"))))),
                Then::Nothing,
                "failed",
            ),
            (
                "receive_timeout",
                Box::new(|ctx| Ok(drop(ctx.receive_timeout(MS, || panic!("called"))))),
                Then::Nothing,
                "failed",
            ),
            (
                "the drop of a timer's message at a stop",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Stop,
                "failed",
            ),
            (
                "the drop of a timer's message at a drain",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Drain,
                "failed",
            ),
            (
                "the drop of a timer's message at a kill",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Kill,
                "killed",
            ),
            (
                "the drop of a cancelled timer's message",
                Box::new(|ctx| {
                    ctx.send_after(60_000 * MS, Msg::Keep(Bomb)).cancel();
                    Ok(drop(ctx.send_after(MS, Msg::Sleep)))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_streams_and_watches() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a stream",
                Box::new(|ctx| Ok(drop(ctx.attach(Items(None), |()| Msg::Sleep)))),
                Then::Nothing,
                "failed",
            ),
            (
                "a stream's drop at a stop",
                Box::new(|ctx| Ok(drop(ctx.attach(Items(Some(Bomb)), |()| Msg::Sleep)))),
                Then::Stop,
                "failed",
            ),
            (
                "a watch",
                Box::new(|ctx| {
                    let node = ctx.task(async {})?.node();
                    Ok(drop(ctx.watch(node, |_| panic!("called"))?))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_the_code_of_errors() {
    paused(async |_| {
        assert_ends(vec![
            (
                "Display of an error",
                Box::new(|_| Err(Faulty::Display.into())),
                Then::Nothing,
                "failed",
            ),
            (
                "Debug of an error",
                Box::new(|_| Err(Faulty::Debug.into())),
                Then::Nothing,
                "failed",
            ),
            (
                "source of an error",
                Box::new(|_| Err(Faulty::Source.into())),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

/// As [`ends`], once all that was sent has been handled.
async fn started_first(first: Vec<Msg>, then: Then) -> &'static str {
    let (done, handled) = tokio::sync::oneshot::channel();
    let mut first = first;
    first.push(run(move |_| {
        done.send(()).ok();
        Ok(())
    }));
    let system = System::start().unwrap();
    let actor = system
        .spawn(ChildSpec::new(Recipe::new(At::Nowhere)).contain())
        .unwrap();
    for msg in first {
        actor.tell(msg).await.unwrap();
    }
    handled.await.unwrap();
    sleep(MS).await;
    let end = match then {
        Then::Kill => actor.kill().await,
        Then::Drain => actor.drain().await,
        Then::Stop | Then::Nothing => actor.stop().await,
    };
    system.stop().await.unwrap();
    word(&end)
}

#[test]
fn panics_in_the_drop_of_messages() {
    paused(async |_| {
        let queued = || vec![Msg::Sleep, Msg::Keep(Bomb)];
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Nothing).await,
            "failed",
            "in a handler"
        );
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Stop).await,
            "failed",
            "at a stop"
        );
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Kill).await,
            "killed",
            "at a kill"
        );

        // A reply that nobody waits for any more.
        let system = System::start().unwrap();
        let actor = system
            .spawn(ChildSpec::new(Recipe::new(At::Nowhere)).contain())
            .unwrap();
        let asked = actor.ask(Msg::Bombs).timeout(MS).await;
        assert!(matches!(asked, Err(AskError::TimedOut { .. })));
        assert_eq!(word(&actor.stopped().await), "failed");
        system.stop().await.unwrap();
    });
}

#[test]
fn panics_in_the_drop_of_errors() {
    paused(async |_| {
        let explodes = || run(|_| Err(Explodes(BombInError(Bomb)).into()));
        // A restart settles it.
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Recipe::new(At::Nowhere)).restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        actor.tell(explodes()).await.unwrap();
        actor.tell(Msg::Sleep).await.unwrap();
        sleep(2 * MS).await;
        assert_eq!(word(&actor.drain().await), "in order", "a restart");

        // It goes with its node, which nobody knows any more.
        let owner = system.spawn(Recipe::new(At::Nowhere)).unwrap();
        let (lend, lent) = tokio::sync::oneshot::channel();
        let start = run(move |ctx| {
            let child = ctx.spawn(ChildSpec::new(Recipe::new(At::Nowhere)).contain())?;
            lend.send(child).ok();
            Ok(())
        });
        owner.tell(start).await.unwrap();
        let child = lent.await.unwrap();
        child.tell(explodes()).await.unwrap();
        drop(child);
        while !owner.node().children().is_empty() {
            sleep(MS).await;
        }
        assert_eq!(word(&owner.drain().await), "in order", "its owner");
        assert_eq!(word(&system.stop().await), "in order");
    });
}

/// What the caller's own call runs is the caller's own panic, and costs nobody else anything.
#[test]
fn panics_in_the_callers_own_code() {
    paused(async |_| {
        let system = System::start().unwrap();
        let actor = system.spawn(Recipe::new(At::Nowhere)).unwrap();
        let recipient: Recipient<()> = actor.recipient();
        let panics = |name: &str, what: &mut dyn FnMut()| {
            assert!(catch_unwind(AssertUnwindSafe(what)).is_err(), "{name}");
        };
        panics("try_tell of a recipient", &mut || {
            drop(recipient.try_tell(()))
        });
        panics("the closure of an ask", &mut || {
            drop(actor.ask(|_: ReplyTo<()>| panic!("called")));
        });
        panics("the closure of a task with a token", &mut || {
            drop(system.task_with(|_| -> std::future::Ready<()> { panic!("called") }));
        });
        assert_eq!(system.children().len(), 1, "what could not be made is gone");
        actor.tell(Msg::Sleep).await.unwrap();
        actor.drain().await.unwrap();
        let stopped = system.stop().await;
        drop(stopped);
    });
}
