//! Actors, and the lifecycle that all nodes share.
//!
//! # The lifecycle
//!
//! Everything that is owned is a *node*: an actor, a task, a blocking job, a scope, the root of a
//! system. Each but a root has one owner, for life. This document says how a node lives and ends;
//! comments all over the crate cite its rules by number.
//!
//! ## Phases
//!
//! ```text
//!             start returns        told to end, or ends by itself       nothing of it is left
//!  Starting ───────────────▶ Running ───────────────▶ Stopping ───────────────▶ Stopped
//!    ▲ └────────────────────────│────────────────────────▲
//!    │       told to end, or its start fails             │ told to end
//!    └───────────────────── Restarting ──────────────────┘
//!      the next incarnation
//! ```
//!
//! | change | who makes it | where |
//! |---|---|---|
//! | to `Starting` | whoever spawns, as the node enters its owner's table | `tree/lifecycle/spawn.rs` |
//! | to `Running` | the node's own shell | `Node::set_running` |
//! | to `Restarting` | the shell, as its body ends and its policy says so | `actor/renew.rs`, `Node::begin_restart` |
//! | to `Stopping` | anyone, by an order; or the shell, as its body ends | `tree/node/order.rs` |
//! | to `Stopped` | the drop of the node's `Exit`, or the end of its last child if that comes later | `tree/lifecycle/exit.rs` |
//!
//! A phase never goes back within an incarnation. Only the shell touches the state, the queue's
//! batch and the hooks; everyone else sets a control flag and wakes the shell.
//!
//! ## The steps of an end
//!
//! A **stop**: the mailbox closes → the token fires, and the current handler finishes → the queue is
//! discarded → the children stop and are joined → `on_stop` → the state is dropped → the node leaves
//! its owner's table, its name is free, and it is `Stopped`, in one step → those who wait are woken.
//!
//! A **drain** puts before that: the mailbox closes to everyone who is not beneath the node → what
//! was accepted is handled → `on_drain`, once → the token fires → the tasks and then the other children
//! drain, while messages from beneath are still handled → the mailbox closes for good, and the node to
//! children, in the step in which it is empty and nobody is beneath.
//!
//! A **kill**: the whole subtree is told at once → the running future is dropped at its await point →
//! the children are joined → the state is dropped → as above. No hook runs.
//!
//! A **restart** happens in the node's own shell: the token fires → the children stop and are joined →
//! `on_stop`, unless it panicked → the state is dropped → the backoff, and the turn among its siblings,
//! are waited for → the next incarnation starts, on the same mailbox and with the same references. What
//! the incarnation owned is gone by then; what is queued is not. A stop or kill is served at each step;
//! a drain cuts the wait short, and another incarnation handles what was accepted, if anything was.
//!
//! ## The rules
//!
//! 1. **Every node has an owner.** Nodes start through a context, a scope, a system or a spawner of
//!    one of them, and one file of the crate calls tokio's spawn. A scope that is opened while a node
//!    is polled is beneath that node.
//! 2. **Registering a child and closing its owner are one linearised step**, under the owner's lock. A
//!    spawn into a closed owner is refused and hands back what it was given, unpolled.
//! 3. **A stop has an order**, the one above. Children stop the youngest first, each joined before the
//!    next is told; tasks and blocking jobs go before them, all at once, and so does everything under
//!    `StopOrder::Concurrent` and in a kill. A stop drops a plain task at its next await; a task that was
//!    given a token keeps its grace. There is one way into an end, whoever asks for it: it closes, fires and
//!    wakes the same.
//! 4. **A drain drains the whole subtree**, and loses nothing that was accepted. A spawn is either drained
//!    or refused. Plain tasks run to their end; a sibling whose end one of them awaits is told at once. An
//!    actor's sources (timers, streams, watches) are not accepted mail: they end when it begins, and at
//!    every other end. An error that only carries this crate's own "stopped", from a node in a tree that is
//!    stopping, is a stop and not a failure. In a handler `cancelled()` means a stop or a kill, so that what
//!    comes late is not handled as cancelled; a task that holds it ends with the token.
//!
//!    The end of a scope's body is no order: the scope waits for the plain tasks that were started in it, for
//!    as long as they take, and then drains its actors. A grace begins for what is told to end (tasks with a
//!    token, actors), and for all of it once somebody asks for the scope's end. A failure stops the rest.
//! 5. **The body is separate from the shell.** The shell is never aborted: it guards the body, drops
//!    it when the node is killed, and still joins the children. The end of a node is the drop of the
//!    last thing that its future holds, never a message that somebody must remember to send. A scope whose
//!    future still exists when the code of its owner is gone is the state's: what is beneath it is told and
//!    joined in the owner's order, and only its body goes with the state, which is neither a kill nor a cut.
//!    One whose future is gone is joined before the state goes. One whose future is in the hands of others than
//!    the node that has opened it is still that node's, and is joined after the state has gone: its body has its
//!    grace in a drain, and is dropped in a stop.
//! 6. **Control is not mail.** Orders and the ends of children are flags: they never queue behind
//!    messages nor wait for room, and are looked at before each message and at each wake. A stop at once
//!    fires the tokens of tasks beneath open scopes, and their graces begin; the bodies of those scopes, and
//!    the plain tasks and actors beneath, go on within the node's grace. Nothing waits for a particular
//!    future to be polled before it is looked at; only a task that is already queued on a worker that then
//!    blocks is not polled before that worker goes on.
//! 7. **Grace is own time.** A node's grace counts its own steps (the current message, the drain,
//!    `on_stop`) and not those of its children. When it is over, the stop becomes a kill, and the
//!    outcome is `CutShort`, also for those above, whatever they contain or tolerate. A node that does not
//!    yield to a kill within the system's patience, which begins with the kill and not anew, is reported as
//!    `Unjoined`; it stays owned until it ends. The whole of a stop is bounded by whoever asked for it: a limit
//!    is a part of the order, and holds when the future of the stop is dropped. It can only become shorter.
//! 8. **Nothing panics outward.** A panic in a handler, hook or destructor stays in its node; one in a
//!    waker is traced, and whoever else waits is woken all the same; one in the code of an error leaves
//!    that error a failure. All failures of an end are
//!    reported, as a tree of causes. Two exceptions: a panic of a scope's body resumes after the join,
//!    and two destructors that panic in one unwinding abort the process.
//! 9. **A failure goes somewhere**: to whoever awaits the start; to the restart policy, which settles
//!    it as long as there are not too many; or to the owner's `on_child_exit`, whose default fails the
//!    owner, and so on up to the root. `ChildSpec::contain` ends that way.
//!
//!    | end | `on_stop` runs | restarted | fails the owner |
//!    |---|---|---|---|
//!    | it finished, or stopped itself | yes | `Always` | no |
//!    | stop, drain, kill asked by anyone | yes, yes, no | never | no |
//!    | an error from a handler or hook | yes | `OnFailure`, `Always` | otherwise |
//!    | a panic | no, only `Drop` | as an error | as an error |
//!    | grace ran out | no | never, but with its group | no, but it is reported as cut short |
//!
//!    A failure that a restart has settled is traced, and goes no further; that is what had failed when the
//!    restart was decided on, and nothing later. Nothing is started anew beneath a node that has been told to
//!    stop or killed, or that drains and whose token has fired, at any height: what fails there is reported.
//!    Restarts that are used up are a failure of their own, also after an end in good order.
//! 10. **An ask always resolves**, with a reply or with why there is none, wherever the reply was dropped.
//!     One whose caller has gone before it was started is skipped; a started one can see it, and bind its
//!     work to it. A deadline travels: asks made while a message is handled have what is left of its time,
//!     and so have those in the tasks and pipes that are started meanwhile, until its reply is sent or
//!     dropped, wherever that is. Once the time is up, such asks fail until then; a time-out says whether
//!     its limit was inherited.
//! 11. **No message is lost silently.** A refused one goes back to its sender; an accepted one is
//!     handled, or counted, traced and shown to the system's hook as undelivered.
//! 12. **References observe.** Dropping an `ActorRef`, a handle or the future of a stop changes
//!     nothing: the call is what requests.
//! 13. **Orders are idempotent and level-triggered**: told once or a thousand times, a node ends once,
//!     with one outcome for all who ask. To wait for one's own end, or that of a node above, is an
//!     error and not a hang.
//! 14. **A name is free the moment its node is `Stopped`.** Until then it can be looked up, also while
//!     its node is stopping.
//! 15. **No recursion over the tree, no global lock.** Depth costs no stack, width costs linear time,
//!     and two systems share nothing.
//! 16. **Cycles of waits are named.** A wait that would complete a cycle of nodes waiting for each other,
//!     none of them with a time limit, fails at once: an ask, a wait for room, for a start, or for the end
//!     of a task or of any other node (but not one for the end of a stop, which is bounded by graces). An
//!     owner that waits for its children counts, too, as does the node that polls a scope; they are never
//!     refused, but the other wait is. A wait counts from a poll that was pending until it is over, its
//!     future is dropped, or the handler that polled it ends; the next poll counts for the node that polls
//!     then. That of an ask counts while the request is queued or in the target's current handler. A cycle
//!     through any one of a node's waits counts. Each wait has `timeout` and `even_if_cyclic`, which are the
//!     ways out. In the restart of a group each sibling waits for the one whose turn it is; if that one is
//!     to end its incarnation, it is dropped at its await point instead, even if a wait has a limit.

mod actor_ref;
mod ask;
mod block;
mod bounds;
mod cancelled;
mod cell;
mod context;
mod job;
mod lookup;
mod permit;
mod recipient;
mod recipient_ask;
mod recipient_tell;
mod renew;
mod room;
mod shell;
mod sources;
mod spawner;
mod task;
mod tell;

pub use actor_ref::ActorRef;
pub use ask::Ask;
pub use cancelled::Cancelled;
pub use context::Context;
pub use permit::{Permit, Reserve};
pub use recipient::Recipient;
pub use recipient_ask::RecipientAsk;
pub use recipient_tell::RecipientTell;
pub use sources::{Attached, Timer, Watch, Watched};
pub use spawner::Spawner;
pub use task::{TaskHandle, TaskOutput};
pub use tell::Tell;

pub(crate) use cell::ActorCell;
pub(crate) use renew::{IncarnationEnd, Renewal, Revival, Revive};
pub(crate) use shell::{Life, Seed, Stage, shell};

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
    /// What it takes: an enum, matched exhaustively in [`handle`](Actor::handle).
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
    /// # Errors
    ///
    /// Fails the start, and with it the actor.
    fn on_start(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Sees the ends of children, between two messages: of actors, tasks and blocking jobs, but not
    /// of scopes, of children whose failure is contained, nor of a start whose failure its caller is
    /// told of; and not of a task that this actor's own code has awaited, unless that failed. Once this actor
    /// takes no more children, it sees only failures.
    ///
    /// While a handler runs on, the ends that it has not seen are kept: all failures, and 1,024 others. Further
    /// ends in good order are not shown.
    ///
    /// # Errors
    ///
    /// Fails this actor too; by default if the child failed ([`ChildExit::into_result`]).
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
