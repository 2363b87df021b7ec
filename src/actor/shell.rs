//! The shell of an actor: it runs the body, and then the steps of the end (rules 3 and 5).

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::cell::ActorCell;
use super::renew::{self, Revive};
use super::{Actor, Context, Start};
use crate::error::{Error, Result};
use crate::mailbox::{Gate, Orphans, Verdict, settle};
use crate::tree::signals::{
    ALWAYS, BY_SELF, DRAIN, EXITS, IF_EMPTY, KILL, REGROUP, RENEW, STOP, WAITING,
};
use crate::tree::{
    Body, Clock, Ended, Exit, Halt, Manner, Report, StopChildren, next_ended, panic_message,
    stop_children,
};

/// How many messages are handled before the loop yields, if nothing else makes it.
const BUDGET: u32 = 128;

type Cell<A> = ActorCell<<A as Actor>::Msg>;

/// What an actor's task holds before it is first polled; `exit` goes last.
pub(crate) struct Seed<S: Start> {
    /// What the next incarnation is started from.
    pub(crate) start: Option<S>,
    /// Without it there is only one.
    pub(crate) revive: Option<Box<dyn Revive<S>>>,
    pub(crate) cell: Arc<Cell<S::Actor>>,
    pub(crate) exit: Exit,
}

/// The whole life of an actor.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn stores its arguments twice"
)]
pub(crate) fn shell<S: Start>(mut seed: Seed<S>) -> impl Future<Output = ()> + Send + 'static {
    async move {
        // One borrow of the whole, or the block would take its fields apart and drop them in
        // another order.
        let Seed {
            start,
            revive,
            cell,
            exit,
        } = &mut seed;
        let mut actor: Option<S::Actor> = None;
        let mut ctx = Context::new(Arc::clone(cell));
        let mut clock = Clock::default();
        let mut report = Report::default();

        if let Some(revive) = revive {
            renew::recipe(&mut **revive, start, exit, &mut report);
        }
        // Once for each incarnation.
        loop {
            let hooks = {
                let body = pin!(Some(live(start, &mut actor, &mut ctx, cell)));
                let ended = Body::new(exit, &mut clock, body, Halt::Itself).await;
                take_end(ended, exit, &mut report)
            };
            let next = revive
                .as_mut()
                .and_then(|revive| renew::begin(&mut **revive, cell, &mut ctx, &report));
            if next.is_none() {
                close(cell, &mut ctx, &mut report);
            }
            if ctx.sources.is_some() {
                end_sources(exit, &mut ctx, &mut report);
            }
            if cell.node.has_children() {
                clock.suspend(&cell.node);
                Box::pin(stop_children(exit.any())).await;
                clock.resume(&cell.node);
            }
            if let Some(actor) = actor.as_mut().filter(|_| hooks)
                && !cell.node.signals.has(KILL)
            {
                let hook = pin!(Some(actor.on_stop(&mut ctx)));
                let ended = Body::new(exit, &mut clock, hook, Halt::Itself)
                    .in_the_same_task()
                    .await;
                take_end(ended, exit, &mut report);
            }
            // One that was killed before its first poll is still what it was to be started from.
            drop_state(exit, (actor.take(), start.take()), &mut report);
            // A scope that a hook had opened may have been dropped, and its nodes killed.
            if cell.node.has_children() {
                Box::pin(stop_children(exit.any())).await;
            }
            let (Some(at), Some(revive)) = (next, revive.as_mut()) else {
                break;
            };
            if !Box::pin(renew::go_on(&mut **revive, at, start, exit, &mut report)).await {
                close(cell, &mut ctx, &mut report);
                break;
            }
            clock = Clock::default();
        }
        if revive.is_some() {
            drop_state(exit, revive.take(), &mut report);
        }
        drop(ctx);
        let reason = report.finish(exit.any());
        exit.conclude(reason);
    }
}

/// The body of an incarnation: its start, and its message loop, in which control comes before each
/// message (rule 6).
///
/// It is a part of what every actor's task holds for life, so it uses what it captures in place,
/// awaits the handler in one place, and boxes what is rare.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn stores its arguments twice"
)]
fn live<'a, S: Start>(
    start: &'a mut Option<S>,
    state: &'a mut Option<S::Actor>,
    ctx: &'a mut Context<S::Actor>,
    cell: &'a Cell<S::Actor>,
) -> impl Future<Output = Result> + Send + 'a {
    async move {
        let Some(actor) = begin(start, state, ctx, cell).await? else {
            return Ok(());
        };
        let mut budget = BUDGET;
        let mut drain = None;
        // A suspended handler's orphans outlive the poll that made them, but not the handler.
        let mut orphans = Orphans::default();
        loop {
            let signals = cell.node.signals.load();
            if signals != 0 {
                if signals & (STOP | KILL) != 0
                    || signals & (RENEW | REGROUP) != 0 && signals & DRAIN == 0
                {
                    return Ok(());
                }
                if signals & EXITS != 0 {
                    Box::pin(look_at_exits(actor, ctx, cell)).await?;
                    continue;
                }
            }
            let Some(message) = ctx.next() else {
                if signals & (DRAIN | IF_EMPTY) == 0 {
                    if suspended(|cx| ctx.poll_ready(cx)).await {
                        budget = BUDGET;
                    }
                } else if !ctx.is_ready()
                    && Box::pin(is_drained(ctx, cell, signals, &mut drain)).await
                {
                    return Ok(());
                }
                continue;
            };
            let handled = {
                let mut handler = pin!(actor.handle(message, ctx));
                poll_fn(|cx| {
                    let polled = handler.as_mut().poll(cx);
                    if polled.is_pending() {
                        cell.queue.settle();
                        orphans.adopt(cell.node.id().get());
                    }
                    polled
                })
                .await
            };
            let verdict = match handled {
                Ok(()) => Verdict::NoReply,
                Err(_) => Verdict::Failed,
            };
            orphans.settle(verdict);
            settle(cell.node.id().get(), verdict);
            ctx.end_handler();
            handled?;
            budget -= 1;
            if budget == 0 {
                tokio::task::yield_now().await;
                budget = BUDGET;
            }
        }
    }
}

/// Starts the actor.
async fn begin<'a, S: Start>(
    start: &mut Option<S>,
    state: &'a mut Option<S::Actor>,
    ctx: &mut Context<S::Actor>,
    cell: &Cell<S::Actor>,
) -> Result<Option<&'a mut S::Actor>> {
    let Some(start) = start.take() else {
        return Ok(None);
    };
    let actor = state.insert(start.start(ctx).await?);
    actor.on_start(ctx).await?;
    ctx.end_handler();
    cell.node.set_running();
    Ok(Some(actor))
}

/// Shows the ends of children to the actor.
#[cold]
async fn look_at_exits<A: Actor>(actor: &mut A, ctx: &mut Context<A>, cell: &Cell<A>) -> Result {
    cell.node.signals.clear(EXITS);
    let me = Arc::clone(ctx.owner());
    while let Some((exit, is_own)) = next_ended(&me) {
        {
            let mut hook = pin!(actor.on_child_exit(exit, ctx));
            poll_fn(|cx| {
                let polled = hook.as_mut().poll(cx);
                if polled.is_pending() {
                    // It may have taken messages, and others may wait for their room.
                    cell.queue.settle();
                }
                polled
            })
            .await?;
        }
        ctx.end_handler();
        if is_own {
            ctx.stop();
        }
        if cell.node.signals.has(STOP | KILL | RENEW) {
            break;
        }
    }
    Ok(())
}

/// The mailbox is empty, and the node is to end when it is (rule 4): drains the children, while
/// messages from beneath are still taken. `false` if there is something else to do first.
#[cold]
async fn is_drained<A: Actor>(
    ctx: &mut Context<A>,
    cell: &Cell<A>,
    signals: u32,
    drain: &mut Option<Box<StopChildren>>,
) -> bool {
    if signals & (DRAIN | ALWAYS) == ALWAYS {
        // Its mailbox stays open for the next incarnation.
        cell.node.signals.set(RENEW);
        return true;
    }
    if signals & DRAIN == 0 {
        let empty = cell
            .node
            .begin_stopping_if(|wakes| cell.queue.close_if_empty(wakes));
        if empty {
            cell.node.signals.set(STOP | BY_SELF);
        }
        return empty;
    }
    let me = Arc::clone(ctx.owner());
    let children = drain.get_or_insert_with(|| Box::new(StopChildren::new(Manner::Drain)));
    let gone = poll_fn(|cx| {
        let gone = children.poll(&me, cx).is_ready();
        // The last child's end is shown, too, before this one's.
        if cell.node.signals.has(STOP | KILL | EXITS) {
            Poll::Ready(false)
        } else if gone {
            Poll::Ready(true)
        } else {
            ctx.poll_message(cx).map(|()| false)
        }
    })
    .await;
    cell.node.signals.clear(WAITING);
    gone && cell
        .node
        .begin_stopping_if(|wakes| cell.queue.close_if_empty(wakes))
}

/// Waits until it is ready; says whether it had to.
async fn suspended(mut poll: impl FnMut(&mut task::Context<'_>) -> Poll<()>) -> bool {
    let mut waited = false;
    poll_fn(|cx| {
        let polled = poll(cx);
        waited |= polled.is_pending();
        polled
    })
    .await;
    waited
}

/// Notes how a piece of the actor's own code ended; says whether the hooks still run.
fn take_end(ended: Ended<Result<(), Error>>, exit: &Exit, report: &mut Report) -> bool {
    match ended {
        Ended::Value(Ok(())) => true,
        Ended::Value(Err(error)) => {
            report.failed(error, exit.any());
            true
        }
        Ended::Panicked(panic) => {
            report.panicked(panic_message(panic));
            false
        }
        Ended::Dropped => false,
    }
}

/// Nothing more is taken, the token fires, and what is queued is discarded.
fn close<A: Actor>(cell: &Cell<A>, ctx: &mut Context<A>, report: &mut Report) {
    if !cell.node.signals.has(STOP | KILL) {
        // It ends by itself, or has failed: what is left of it has its grace as in a stop.
        if !cell.node.signals.has(DRAIN) {
            cell.node.signals.set(STOP | BY_SELF);
        }
        cell.node.begin_stopping_if(|_| true);
        cell.queue.close(Gate::Closed);
        cell.node.set_stopping();
    }
    cell.node.clear_label();
    ctx.end_handler();
    if let Some(message) = ctx.discard() {
        report.panicked(message);
    }
}

/// Drops what the actor waited for besides its mail (rule 4), as its own code.
fn end_sources<A: Actor>(exit: &mut Exit, ctx: &mut Context<A>, report: &mut Report) {
    let Some(panic) = exit.as_current(|| ctx.end_sources()) else {
        return;
    };
    let message = panic_message(panic);
    if exit.any().node().signals.has(KILL) {
        tracing::warn!(panic = message, "a source panicked when it was dropped");
    } else {
        report.panicked(message);
    }
}

/// Drops the state. A destructor that panics fails the node, but does not turn a kill into
/// anything else.
fn drop_state<T>(exit: &mut Exit, state: T, report: &mut Report) {
    if !std::mem::needs_drop::<T>() {
        return;
    }
    let dropped = exit.as_current(|| catch_unwind(AssertUnwindSafe(|| drop(state))));
    let killed = exit.any().node().signals.has(KILL);
    let verdict = if killed {
        Verdict::Killed
    } else {
        Verdict::NoReply
    };
    settle(exit.any().node().id().get(), verdict);
    if let Err(panic) = dropped {
        let message = panic_message(panic);
        if killed {
            tracing::warn!(
                panic = message,
                "a killed actor's state panicked when it was dropped"
            );
        } else {
            report.panicked(message);
        }
    }
}
