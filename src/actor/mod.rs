//! Actors, and the shell that runs them.
//!
//! The lifecycle that all nodes share is `docs/lifecycle.md`; comments cite its rules by number. A phase
//! changes in one place each:
//!
//! | to | by | in |
//! |---|---|---|
//! | `Starting` | whoever spawns, as the node enters its owner's table | `tree/lifecycle/spawn.rs` |
//! | `Running` | the node's own shell | `Node::set_running` |
//! | `Restarting` | the shell, as its body ends and its policy says so | `actor/restart.rs`, `Node::begin_restart` |
//! | `Stopping` | anyone, by an order; or the shell, as its body ends | `tree/node/order.rs` |
//! | `Stopped` | the drop of the node's `Exit`, or the end of its last child if that comes later | `tree/lifecycle/exit.rs` |
//!
//! Only the shell touches the state, the queue's batch and the hooks. Everyone else sets a control flag and
//! wakes the shell.

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
/// Handlers and hooks are futures of the actor's own: one at a time, never together, and none of
/// them is polled again once the actor is killed. What they start through their [`Context`] is the
/// actor's, and is joined before it is gone.
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
    /// What it takes: an enum, matched exhaustively in [`handle`](Actor::handle). An actor that takes no messages
    /// has [`Infallible`](std::convert::Infallible), of which there is none, and handles it with `match msg {}`; one that
    /// only has children is a [`Group`](crate::Group).
    type Msg: Send + 'static;

    /// Handles one message. An error fails the actor, and by default its owner; an error that is
    /// expected is part of a reply.
    ///
    /// # Cancel safety
    ///
    /// A kill, and a stop or drain whose grace is over, drop this future at the await point that it
    /// is at; the state is dropped next, without `on_stop`.
    ///
    /// # Errors
    ///
    /// Whatever the actor cannot go on with.
    fn handle(
        &mut self,
        msg: Self::Msg,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send;

    /// Runs before the first message. Messages that come meanwhile wait in the mailbox.
    ///
    /// # Cancel safety
    ///
    /// As for [`handle`](Actor::handle). A stop or drain that comes meanwhile waits for this, within the
    /// grace.
    ///
    /// # Errors
    ///
    /// Fails the start, and with it the actor. [`on_stop`](Actor::on_stop) runs, as after an error of a handler.
    fn on_start(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Sees the ends of children, between two messages: of actors, tasks and blocking jobs, but not of scopes, nor
    /// of a start whose failure its caller is told of; and not of a task that this actor's own code has awaited,
    /// unless that failed. Once this actor takes no more children, it sees only failures that are not contained.
    ///
    /// A failure that is contained is shown as an end in good order is: the default passes it over, and an actor
    /// that wants another child in its place can see to that here.
    ///
    /// While a handler runs on, the ends that it has not seen are kept: all failures but contained ones, and 1,024
    /// others. Further ends are not shown.
    ///
    /// An end is no mail, and is seen before what the child has sent and is still queued. Where it has to come after
    /// that, wait for it in a [pipe](Context::pipe): its message is queued after the child's last.
    ///
    /// # Cancel safety
    ///
    /// As for [`handle`](Actor::handle). The end of the child is not shown again.
    ///
    /// # Errors
    ///
    /// Fails this actor too; by default if the child failed and was not contained ([`ChildExit::into_result`]).
    fn on_child_exit(
        &mut self,
        exit: ChildExit,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { exit.into_result() }
    }

    /// Runs in a drain, once: when all messages that had been accepted are handled, and before what is
    /// beneath is told to end. So a batcher can still flush to a child. It does not run in a stop or a
    /// kill.
    ///
    /// In the root of a service it is the first to know that all of it is to end: the tokens of the other parts fire only
    /// when each one's turn has come. A token of the service's own that is cancelled here tells them at once, as one does
    /// whose queue is to be left for the next start.
    ///
    /// A child that fails meanwhile is restarted as ever, unless the drain began above this actor, as that of
    /// a [`System`](crate::System) does: see [`Restart`](crate::Restart). What it waits for counts as its own time,
    /// which is the actor's grace.
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
    /// Fails the actor.
    ///
    /// # Cancel safety
    ///
    /// A kill drops it at its await point; a stop lets it come to its end, within the grace.
    fn on_drain(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Runs last, when the children are gone and before the state is dropped. It does not run
    /// after a panic or a kill; what must happen even then belongs in `Drop`.
    ///
    /// # Cancel safety
    ///
    /// A kill, and the end of the grace, drop this future at the await point that it is at; the state is
    /// dropped next.
    ///
    /// # Errors
    ///
    /// Are reported with the actor's end.
    fn on_stop(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// A message's name in warnings, snapshots and errors. The default is the type's; the
    /// variant's serves better at 3 a.m.
    #[must_use]
    fn label(msg: &Self::Msg) -> &'static str {
        let _ = msg;
        std::any::type_name::<Self::Msg>()
    }
}

/// The recipe of an actor: its arguments, and how it comes to be of them, asynchronously and
/// perhaps not at all. Every actor is its own recipe.
///
/// It spares the state the `Option`s of what is only there later: the actor does not exist before
/// what it needs does. Messages that come meanwhile wait in the mailbox.
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
///     // A start that fails is told to whoever waits for it, and fails nobody else.
///     let failed = scope.start(BeaconAt("127.0.0.1:no port")).await;
///     assert!(failed.is_err());
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub trait Start: Send + Sized + 'static {
    /// What it makes.
    type Actor: Actor;

    /// Makes the actor. What it spawns through `ctx` is the actor's, and is undone if this fails.
    ///
    /// # Cancel safety
    ///
    /// A kill, and a stop or drain whose grace is over, drop this future at the await point that it is
    /// at, with the recipe and what it has made so far; no hook runs.
    ///
    /// # Errors
    ///
    /// Whatever keeps the actor from coming to be.
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
