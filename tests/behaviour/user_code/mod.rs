//! A panic in users' code, wherever the crate calls that: the node fails (or stays killed), and everything else goes
//! on.
//!
//! All such places are in the first table of `docs/tables.md`.

#![expect(clippy::unit_arg, reason = "a row of a table is one expression")]

mod actors;
mod callers;
mod errors;
mod sources;
mod tasks;

use std::cell::Cell;
use std::time::Duration;

use crate::common;
use crate::common::Log;
use crate::common::worker::{Do, Worker};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::time::{sleep, timeout};

const MS: Duration = Duration::from_millis(1);

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic in one unwinding would abort the process.
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Which code of the actor panics.
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

/// What happens to the actor after it was started and was sent its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Stop,
    Drain,
    Kill,
}

/// How the actor ended. Another actor and the system must go on.
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

type Case = (&'static str, Run, Then, &'static str);

/// Each row says which code panics, which messages start it, what happens then, and how the actor ends.
async fn assert_ends(rows: Vec<Case>) {
    for (name, run, then, right) in rows {
        let first = vec![Msg::Run(run), Msg::Sleep];
        let got = if then == Then::Nothing {
            ends(At::Nowhere, first, then).await
        } else {
            // What the messages start has begun when the actor is told to end.
            started_first(first, then).await
        };
        assert_eq!(got, right, "{name}");
    }
}

/// As [`ends`], but the actor is told to end only once all messages have been handled.
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
