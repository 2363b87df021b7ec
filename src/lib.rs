//! Actors on tokio with enforced lifecycles: no actor, task or blocking job outlives its owner.
//!
//! An [`Actor`] is a state and the messages that it handles, one at a time. It lives in a [`scope()`], in a [`System`],
//! or beneath another actor, and is stopped or drained, dropped and joined with it.
//!
//! ```
//! use tenure::prelude::*;
//!
//! #[derive(Default)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! enum CounterMsg {
//!     Add(u64),
//!     Get(ReplyTo<u64>),
//! }
//!
//! impl Actor for Counter {
//!     type Msg = CounterMsg;
//!
//!     async fn handle(&mut self, msg: CounterMsg, _ctx: &mut Context<Self>) -> tenure::Result {
//!         match msg {
//!             CounterMsg::Add(n) => self.count += n,
//!             CounterMsg::Get(reply) => reply.send(self.count),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), RunError> {
//!     tenure::scope(async |scope| {
//!         let counter = scope.spawn(Counter::default())?;
//!         counter.tell(CounterMsg::Add(2)).await?;
//!         assert_eq!(counter.ask(CounterMsg::Get).await?, 2);
//!         Ok(())
//!     })
//!     .await // returns once the counter is drained, stopped, dropped and joined
//! }
//! ```
//!
//! # The promise
//!
//! When `stop().await`, `scope(..).await` or `System::run(..).await` returns `Ok`, every actor, task
//! and blocking job that was started beneath it has finished, and its destructor has run. If one
//! will not yield in time, the error is [`Unjoined`], which names it; it stays owned and visible
//! until it ends. `Ok` is never reported for a live child.
//!
//! Rust cannot pre-empt a poll or end a thread, and neither can this crate: code that blocks its thread is named, not
//! ended. A `Drop` can ask for an end but cannot wait for it, so the strongest form is [`System::block_on`], which owns
//! its runtime. Tasks that are started with a raw `tokio::spawn` are outside the promise.
//!
//! # Where to find what
//!
//! | to | use |
//! |---|---|
//! | write an actor | [`Actor`], [`Start`], [`Context`] |
//! | reach one | [`ActorRef`], [`Recipient`], [`ReplyTo`] |
//! | start things | [`Spawner`] (which contexts, scopes and systems lend), [`ChildSpec`], [`TaskSpec`], [`Mailbox`] |
//! | restart them | [`Restart`], [`Backoff`], [`Strategy`] |
//! | bound an ask, and its work | [`Ask::timeout`], [`Context::until_caller_gone`], [`Builder::ask_timeout`] |
//! | have an actor wait | [`Context::send_every`], [`attach`](Context::attach), [`watch`](Context::watch) |
//! | find one again | [`Spawner::find`], [`Spawner::lookup`], [`Spawner::child_or_start`] |
//! | end them | [`ActorRef::stop`], [`drain`](ActorRef::drain), [`kill`](ActorRef::kill), [`Stopping`] |
//! | hold a tree | [`scope()`], [`System`], [`Group`] |
//! | see what is alive, and why it does not end | [`NodeRef::snapshot`], [`Builder::watchdog`], [`observe`] |
//! | hear of each end, and why it came | [`NodeRef::ends`] |
//! | know what went wrong | [`Failure`], [`CutShort`], [`Unjoined`], [`Cycle`], [`Builder::on_dead_letter`] |
//!
//! [`lifecycle`] describes rule by rule how a node lives and ends. [`guide`] shows the ways in which goroutines leak,
//! and the counterpart of each one here.

#![forbid(unsafe_code)]
// A panic in the library could hit any actor. In tests `unwrap` is fine.
#![warn(clippy::unwrap_used)]

mod actor;
mod error;
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/events.md")]
pub mod events {}
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/lifecycle.md")]
pub mod lifecycle {}
mod mailbox;
pub mod observe;
mod supervision;
mod sync;
mod system;
pub mod testing;
mod tree;

pub use actor::{
    Actor, ActorRef, Ask, Attached, Blocking, Cancelled, Context, Deadline, Forward, IntoTask,
    Next, Permit, Recipient, RecipientAsk, RecipientTell, RefTo, Reserve, Spawner, Start, Stashed,
    TaskHandle, TaskOutput, TaskSpec, Tell, Timer, Watch, WeakRef, WithToken, Work,
};
pub use error::ok::Ok;
pub use error::{
    AskError, Blocker, Cause, CutShort, Cycle, Error, Failure, Kind, LookupError, Phase, Refused,
    Result, RunError, SendError, SpawnError, StartError, StopError, StopReason, TaskError,
    TrySendError, Unjoined, Unstarted,
};
pub use mailbox::{CallerGone, Mailbox, Overflow, ReplyTo, UntilCallerGone};
#[doc(no_inline)]
pub use observe::Snapshot;
pub use supervision::{
    Backoff, ChildOrStart, ChildSpec, Factory, Group, IntoChild, Restart, Starting,
};
pub use system::{Builder, OpenScope, Scope, System, scope, scope_send};
/// Turns an `async fn` into a test. It runs on a runtime of its own and fails if anything that began in it is still
/// alive at its end, as found by [`testing::LeakCheck`].
///
/// ```no_run
/// use std::time::Duration;
/// use tenure::prelude::*;
///
/// #[tenure::test(paused)]
/// async fn a_day_goes_by() -> Result<(), RunError> {
///     tenure::scope(async |scope| {
///         scope.task(tokio::time::sleep(Duration::from_secs(86_400)))?.await?;
///         Ok(())
///     })
///     .await
/// }
/// ```
///
/// The function may return `()` or a [`Result`](std::result::Result). Its options are those of `#[tokio::test]` and a
/// few more:
///
/// | option | meaning |
/// |---|---|
/// | `flavor = "multi_thread"` | a runtime with several workers; the default is `"current_thread"` |
/// | `worker_threads = 2` | that many of them; the default is tokio's |
/// | `paused`, or `start_paused = true` | the clock moves when nobody else can go on; it needs tokio's feature `test-util` |
/// | `timeout = "5s"` | a test that takes longer, on its runtime's clock, fails, and what is alive is shown as a tree |
/// | `patience = "1s"` | for how long what is alive at the end may take to be gone; that is the default |
/// | `allow(path = "/a/b")` | what may be alive at the end; also by `type`, by `site`, or so many tasks `outside` |
/// | `crate = "name"` | where this crate is found, if not by `::tenure` |
///
/// The same test written by hand:
///
/// ```
/// # use tenure::testing::LeakCheck;
/// // #[test]
/// fn a_day_goes_by() {
///     let body = async { /* .. */ };
///     let runtime = tokio::runtime::Builder::new_current_thread()
///         .enable_all()
///         .start_paused(true)
///         .build()
///         .expect("a runtime for the test");
///     LeakCheck::on(runtime.handle()).run(runtime, body)
/// }
/// # a_day_goes_by();
/// ```
#[cfg(feature = "macros")]
pub use tenure_macros::test;
/// The token that tasks get. It is tokio's own type, so other libraries take it.
#[doc(inline)]
pub use tokio_util::sync::CancellationToken;
pub use tree::{
    AutoShutdown, ChildExit, DeadLetter, NodeId, NodeRef, StopOrder, Stopped, Stopping, Strategy,
    Watched,
};

/// The names that programs use all the time, for `use tenure::prelude::*`. It shadows nothing of the standard library's
/// prelude, unlike `use tenure::*`, which shadows `Ok` (see [`Ok()`]).
pub mod prelude {
    pub use crate::{
        Actor, ActorRef, AskError, Backoff, ChildExit, ChildSpec, Context, Group, Mailbox,
        Recipient, RefTo, ReplyTo, Restart, RunError, Scope, SendError, SpawnError, Spawner, Start,
        StopOrder, System, TaskSpec, Watched,
    };
}

/// Compiles and runs the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
