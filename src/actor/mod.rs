//! Actors, and the shell that runs them.
//!
//! `docs/lifecycle.md` describes the lifecycle that all nodes share; comments cite its rules by number. Each change of
//! phase is made in one place:
//!
//! | to | by | in |
//! |---|---|---|
//! | `Starting` | the code that spawns, when the node enters its owner's table | `tree/lifecycle/spawn.rs` |
//! | `Running` | the node's own shell | `Node::set_running` |
//! | `Restarting` | the shell, when its body ends and the restart policy says so | `actor/restart.rs`, `Node::begin_restart` |
//! | `Stopping` | anyone, by an order; or the shell, when its body ends | `tree/node/order.rs` |
//! | `Stopped` | the drop of the node's `Exit`, or the end of its last child if that comes later | `tree/lifecycle/exit.rs` |
//!
//! Only the shell touches the state, the queue's batch and the hooks. Everyone else sets a signal and wakes the shell.

mod actor_ref;
mod alone;
mod ask;
mod block;
mod bounds;
mod cancelled;
mod cell;
mod context;
mod deadline;
mod exchange;
mod forward;
mod incarnation;
mod job;
mod lookup;
mod next;
mod noted;
mod permit;
mod receive;
mod recipient;
mod recipient_ask;
mod recipient_tell;
mod refused;
mod restart;
mod room;
mod shell;
mod sources;
mod spawner;
mod start_stage;
mod stashed;
mod task;
mod task_label;
mod task_output;
mod task_spec;
mod tell;
mod weak_ref;
mod work;

pub use actor_ref::{ActorRef, RefTo};
pub use ask::Ask;
pub use cancelled::Cancelled;
pub use context::Context;
pub use deadline::Deadline;
pub use forward::Forward;
pub use next::Next;
pub use permit::{Permit, Reserve};
pub use recipient::Recipient;
pub use recipient_ask::RecipientAsk;
pub use recipient_tell::RecipientTell;
pub use sources::{Attached, Timer, Watch};
pub use spawner::Spawner;
pub use stashed::Stashed;
pub use task::TaskHandle;
pub use task_output::TaskOutput;
pub use task_spec::{IntoTask, TaskSpec};
pub use tell::Tell;
pub use weak_ref::WeakRef;
pub use work::{Blocking, WithToken, Work};

pub(crate) use alone::Alone;
pub(crate) use cell::{ActorCell, ActorType};
pub(crate) use deadline::set_deadline;
pub(crate) use incarnation::{ActorTask, Incarnation, MessageLoop};
pub(crate) use incarnation::{Decision, IncarnationEnd, RestartPolicy, Restarts, Tally};
pub(crate) use refused::refused;
pub(crate) use shell::shell;
pub(crate) use start_stage::{StartBoxed, StartInline};
pub(crate) use task_label::task_label;

use std::future::Future;

use crate::error::Result;
use crate::tree::ChildExit;

/// A state that handles messages, one at a time.
///
/// Handlers and hooks run one at a time, never concurrently, and none of them is polled again once the actor is killed.
/// The actor owns what they start through their [`Context`], and joins it before it ends.
///
/// ```
/// use tenure::prelude::*;
///
/// struct Thermostat {
///     target: f64,
/// }
///
/// enum ThermostatMsg {
///     SetTarget(f64),
///     IsTooCold { measured: f64, reply: ReplyTo<bool> },
/// }
///
/// impl Actor for Thermostat {
///     type Msg = ThermostatMsg;
///
///     async fn handle(&mut self, msg: ThermostatMsg, _ctx: &mut Context<Self>) -> tenure::Result {
///         match msg {
///             ThermostatMsg::SetTarget(target) => self.target = target,
///             ThermostatMsg::IsTooCold { measured, reply } => reply.send(measured < self.target),
///         }
///         Ok(())
///     }
///
///     async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
///         println!("the heating is off");
///         Ok(())
///     }
///
///     fn label(msg: &ThermostatMsg) -> &'static str {
///         match msg {
///             ThermostatMsg::SetTarget(_) => "SetTarget",
///             ThermostatMsg::IsTooCold { .. } => "IsTooCold",
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let thermostat = scope.spawn(Thermostat { target: 18.0 })?;
///     thermostat.tell(ThermostatMsg::SetTarget(21.0)).await?;
///     let cold = thermostat.ask(|reply| ThermostatMsg::IsTooCold { measured: 19.5, reply }).await?;
///     assert!(cold);
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub trait Actor: Send + Sized + 'static {
    /// The type of its messages: usually an enum, matched exhaustively in [`handle`](Actor::handle). An actor that
    /// takes no messages uses [`Infallible`](std::convert::Infallible), which has no values, and handles it with `match
    /// msg {}`. An actor that only has children is a [`Group`](crate::Group).
    type Msg: Send + 'static;

    /// Handles one message. An error fails the actor and, by default, its owner. An expected error should be a part of
    /// the reply instead.
    ///
    /// # Cancel safety
    ///
    /// A kill, and a stop or drain whose grace is over, drop this future at its current await point. The state is
    /// dropped next, without `on_stop`.
    ///
    /// # Errors
    ///
    /// Anything that keeps the actor from going on.
    fn handle(
        &mut self,
        msg: Self::Msg,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send;

    /// Runs before the first message. Messages that come meanwhile wait in the mailbox.
    ///
    /// # Cancel safety
    ///
    /// As for [`handle`](Actor::handle). A stop or drain that comes meanwhile waits for this future, within the grace.
    ///
    /// # Errors
    ///
    /// An error fails the start, and with it the actor. [`on_stop`](Actor::on_stop) runs, as after an error of a
    /// handler.
    fn on_start(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Called with the end of each child, between two messages. Children are actors, tasks and blocking jobs, but not
    /// scopes. Not shown are the failure of a start that a caller awaits, and the end of a task that this actor's own
    /// code has awaited, unless it failed. Once this actor takes no more children, only failures that are not contained
    /// are shown.
    ///
    /// A contained failure is shown like a normal end. The default ignores it; an actor that wants to replace the child
    /// can do so here.
    ///
    /// While a handler runs, ends that were not shown yet are kept: all failures that are not contained, and up to
    /// 1,024 other ends. Further ends are not shown.
    ///
    /// An end is not a message, so it is shown before messages of the child that are still queued. If it has to come
    /// after them, wait for the end in a [pipe](Context::pipe), whose message is queued after the child's last one.
    ///
    /// # Cancel safety
    ///
    /// As for [`handle`](Actor::handle). The end of the child is not shown again.
    ///
    /// # Errors
    ///
    /// An error fails this actor too. By default that is the child's failure, unless it is contained
    /// ([`ChildExit::into_result`]).
    fn on_child_exit(
        &mut self,
        exit: ChildExit,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { exit.into_result() }
    }

    /// Runs once in a drain: after all accepted messages are handled, and before what is beneath is told to end. So a
    /// batcher can still flush to a child. It does not run in a stop or a kill.
    ///
    /// In the root of a service, this hook is the first to know that the whole service is to end: the tokens of the
    /// other parts fire only when their turns come. To tell them at once, cancel a token of your own here.
    ///
    /// A child that fails meanwhile is restarted as usual, unless the drain began above this actor, as that of a
    /// [`System`](crate::System) does: see [`Restart`](crate::Restart). Everything that this hook waits for counts
    /// against the actor's grace.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # struct Disk;
    /// # impl Actor for Disk {
    /// #     type Msg = Vec<u32>;
    /// #     async fn handle(&mut self, batch: Vec<u32>, _: &mut Context<Self>) -> tenure::Result {
    /// #         assert_eq!(batch, [1, 2]);
    /// #         Ok(())
    /// #     }
    /// # }
    /// struct Batcher {
    ///     batch: Vec<u32>,
    ///     disk: Option<ActorRef<Vec<u32>>>,
    /// }
    ///
    /// impl Actor for Batcher {
    ///     type Msg = u32;
    ///
    ///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
    ///         self.disk = Some(ctx.spawn(Disk)?);
    ///         Ok(())
    ///     }
    ///
    ///     async fn handle(&mut self, item: u32, _: &mut Context<Self>) -> tenure::Result {
    ///         self.batch.push(item);
    ///         Ok(())
    ///     }
    ///
    ///     async fn on_drain(&mut self, _: &mut Context<Self>) -> tenure::Result {
    ///         if let Some(disk) = &self.disk {
    ///             disk.tell(std::mem::take(&mut self.batch)).await?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// # tenure::scope(async |scope| {
    /// #     let batcher = scope.spawn(Batcher { batch: Vec::new(), disk: None })?;
    /// #     batcher.tell(1).await?;
    /// #     batcher.tell(2).await?;
    /// #     Ok(())
    /// # })
    /// # .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// An error fails the actor.
    ///
    /// # Cancel safety
    ///
    /// A kill drops this future at its await point; a stop lets it finish, within the grace.
    fn on_drain(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Runs last, after the children have ended and before the state is dropped. It does not run after a panic or a
    /// kill; what must happen even then belongs in `Drop`.
    ///
    /// # Cancel safety
    ///
    /// A kill, and the end of the grace, drop this future at its current await point. The state is dropped next.
    ///
    /// # Errors
    ///
    /// An error is reported with the actor's end.
    fn on_stop(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// A message's name in warnings, snapshots and errors. The default is the type's name; the variant's name helps
    /// more at 3 a.m.
    #[must_use]
    fn label(msg: &Self::Msg) -> &'static str {
        let _ = msg;
        std::any::type_name::<Self::Msg>()
    }
}

/// The recipe of an actor: its arguments, and how the actor is made from them, asynchronously and fallibly. Every actor
/// is its own recipe.
///
/// So the state needs no `Option`s for what is made asynchronously: the actor is made once everything that it needs is
/// there. Messages that come meanwhile wait in the mailbox.
///
/// ```
/// use tenure::prelude::*;
/// use tokio::net::UdpSocket;
///
/// struct Beacon {
///     socket: UdpSocket,
/// }
///
/// /// What a beacon is started from.
/// struct BeaconAt(&'static str);
///
/// impl Start for BeaconAt {
///     type Actor = Beacon;
///
///     async fn start(self, _ctx: &mut Context<Beacon>) -> tenure::Result<Beacon> {
///         Ok(Beacon { socket: UdpSocket::bind(self.0).await? })
///     }
/// }
///
/// impl Actor for Beacon {
///     type Msg = ReplyTo<u16>;
///
///     async fn handle(&mut self, reply: ReplyTo<u16>, _ctx: &mut Context<Self>) -> tenure::Result {
///         reply.send(self.socket.local_addr()?.port());
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let beacon = scope.start(BeaconAt("127.0.0.1:0")).await?;
///     assert_ne!(beacon.ask(|reply| reply).await?, 0);
///
///     // The failure of a start goes to the code that awaits it, and to nobody else.
///     let failed = scope.start(BeaconAt("127.0.0.1:no port")).await;
///     assert!(failed.is_err());
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub trait Start: Send + Sized + 'static {
    /// The actor that it makes.
    type Actor: Actor;

    /// Makes the actor. The actor owns what is spawned through `ctx`; it is stopped if the start fails.
    ///
    /// # Cancel safety
    ///
    /// A kill, and a stop or drain whose grace is over, drop this future at its current await point, with the recipe
    /// and everything it has made so far. No hook runs.
    ///
    /// # Errors
    ///
    /// Anything that keeps the actor from being made.
    fn start(
        self,
        ctx: &mut Context<Self::Actor>,
    ) -> impl Future<Output = Result<Self::Actor>> + Send;
}

impl<A: Actor> Start for A {
    type Actor = A;

    async fn start(self, _ctx: &mut Context<A>) -> Result<A> {
        Ok(self)
    }
}
