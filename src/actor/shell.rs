//! The shell of an actor: it runs the body and then the steps of the end (rules 3 and 5).

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::incarnation::{ActorTask, Incarnation, MessageLoop};
use super::restart;
use super::start_stage::StartStage;
use super::{Actor, Context, Start};
use crate::error::{Error, Result, StopReason};
use crate::mailbox::DropReason;
use crate::tree::signals::{Marks, Snapshot};
use crate::tree::{
    Body, BodyEnd, Exit, Halt, Manner, Report, StopChildren, end_by_itself, end_drain, fire,
    next_child_exit, panic_message, simulated, tolerated,
};

/// How many messages are handled before the loop yields, if nothing else makes it yield.
const BUDGET: u32 = 128;

/// The task of an actor, from its start to its end.
///
/// Every idle actor keeps this future, so it is kept small: it captures one struct and uses it in place.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn stores its arguments twice"
)]
pub(crate) fn shell<S: Start, B: StartStage<S>>(
    mut task: ActorTask<S>,
) -> impl Future<Output = ()> + Send + 'static {
    async move {
        // One borrow of the whole struct. Otherwise the block would capture the fields one by one and drop them in
        // another order.
        let task = &mut task;
        let mut report = Report::default();

        // One turn for each incarnation.
        loop {
            // If the recipe cannot be made, the incarnation ends as any other: children that it may already have are
            // joined.
            if let Some(restarts) = &mut task.restarts {
                restarts.start(
                    &mut task.message_loop.incarnation,
                    &mut task.exit,
                    &mut report,
                );
            }
            let (hooks, was_dropped) = {
                let body = pin!(Some(run::<S, B>(&mut task.message_loop)));
                let ended = Body::new(&mut task.exit, body, Halt::Itself).await;
                let was_dropped = matches!(ended, BodyEnd::Dropped);
                (take_end(ended, &task.exit, &mut report), was_dropped)
            };
            // A sender may have taken the waker.
            task.exit.expect_new_waker();
            let again = task.restarts.is_some() && begin_again(task, &mut report);
            if !again {
                close(task, &mut report);
            }
            if task.message_loop.ctx.sources.is_some() {
                end_sources(task, &mut report);
            }
            if task.message_loop.node().has_children() {
                Box::pin(task.exit.stop_children()).await;
            }
            // After code was dropped for its group no hook runs, unless a stop has come since.
            if (hooks || was_dropped && task.message_loop.ctx.signals().load().is_stopped())
                && let Incarnation::Actor(actor) = &mut task.message_loop.incarnation
                && !task.message_loop.ctx.signals().load().is_killed()
            {
                let hook = pin!(Some(actor.on_stop(&mut task.message_loop.ctx)));
                let ended = Body::of_hook(&mut task.exit, hook).await;
                take_end(ended, &task.exit, &mut report);
            }
            // The hook may have dropped a scope that it had opened, whose nodes are killed.
            if task.message_loop.node().has_children() {
                Box::pin(task.exit.stop_children()).await;
            }
            // If it was killed before its first poll, this drops the recipe.
            drop_incarnation(task, &mut report);
            if task.message_loop.node().has_children() {
                Box::pin(task.exit.stop_last_children()).await;
            }
            if !again {
                break;
            }
            if !Box::pin(restart::go_on(task, &mut report)).await {
                close(task, &mut report);
                break;
            }
        }
        if task.restarts.is_some() {
            drop_recipe(task, &mut report);
            // The destructors that have just run may have opened scopes.
            if task.message_loop.node().has_children() {
                Box::pin(task.exit.stop_last_children()).await;
            }
        }
        let reason = report.finish(task.exit.any());
        task.exit.conclude(reason);
    }
}

/// The body of an incarnation: its start and its message loop, which looks at the signals before each message (rule 6).
///
/// Every idle actor keeps this future. So it uses what it captures in place, awaits the handler in one place, and boxes
/// what is rare.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn stores its arguments twice"
)]
fn run<S: Start, B: StartStage<S>>(
    this: &mut MessageLoop<S>,
) -> impl Future<Output = Result> + Send {
    async move {
        if !matches!(this.incarnation, Incarnation::Recipe(_)) {
            return Ok(());
        }
        if simulated::fails_start() {
            return Err("a start that the simulation has made to fail".into());
        }
        let started = B::begin(this).await?;
        B::finish(started, &mut this.incarnation);
        if let Incarnation::Actor(actor) = &mut this.incarnation {
            actor.on_start(&mut this.ctx).await?;
        }
        this.ctx.end_code(DropReason::NoReply);
        this.node().set_running();
        let mut budget = BUDGET;
        let mut drain = None;
        loop {
            let Incarnation::Actor(actor) = &mut this.incarnation else {
                return Ok(());
            };
            let signals = this.ctx.signals().load();
            if signals.wants_loop() {
                if signals.ends_loop() {
                    return Ok(());
                }
                if signals.has_child_exits() {
                    Box::pin(look_at_exits(actor, &mut this.ctx)).await?;
                    continue;
                }
            }
            let Some(message) = this.ctx.next_for_loop() else {
                if !signals.ends_when_empty() {
                    poll_fn(|cx| {
                        let polled = this.ctx.poll_ready(cx);
                        if polled.is_pending() {
                            budget = BUDGET;
                        }
                        polled
                    })
                    .await;
                } else if !this.ctx.is_ready()
                    && Box::pin(is_drained(actor, &mut this.ctx, signals, &mut drain)).await?
                {
                    return Ok(());
                }
                continue;
            };
            let handled = actor.handle(message, &mut this.ctx).await;
            this.ctx.end_code(match handled {
                Ok(()) => DropReason::NoReply,
                Err(_) => DropReason::Failed,
            });
            handled?;
            budget -= 1;
            if budget == 0 {
                tokio::task::yield_now().await;
                budget = BUDGET;
            }
        }
    }
}

/// Shows the ends of children to the actor.
#[cold]
async fn look_at_exits<A: Actor>(actor: &mut A, ctx: &mut Context<A>) -> Result {
    ctx.end_message_span();
    ctx.signals().clear_child_exits();
    let me = Arc::clone(ctx.owner());
    while let Some((exit, is_own)) = next_child_exit(&me) {
        // Cuts beneath a contained failure were noted when it ended.
        let failed = matches!(exit.reason(), StopReason::Failed(_)) && !exit.is_contained();
        let failed = failed.then(|| exit.reason().clone());
        let seen = actor.on_child_exit(exit, ctx).await;
        ctx.end_code(match seen {
            Ok(()) => DropReason::NoReply,
            Err(_) => DropReason::Failed,
        });
        seen?;
        if let Some(reason) = failed {
            tolerated(&me, &reason);
        }
        if is_own {
            ctx.stop();
        }
        if ctx.signals().load().ends_batch() {
            break;
        }
    }
    Ok(())
}

/// Called when the mailbox is empty and the node is to end then (rule 4). `false` if there is something else to do
/// first.
#[cold]
async fn is_drained<A: Actor>(
    actor: &mut A,
    ctx: &mut Context<A>,
    signals: Snapshot,
    drain: &mut Option<Box<StopChildren>>,
) -> Result<bool> {
    ctx.end_message_span();
    let is_always_restarted = ctx.signals().marks().has(Marks::ALWAYS);
    if is_always_restarted && !signals.is_drained() {
        // The mailbox stays open for the next incarnation.
        ctx.signals().request_restart();
        return Ok(true);
    }
    if !signals.is_drained() {
        return Ok(ctx.end_if_empty(false));
    }
    if let Some(children) = drain {
        return Ok(drain_children(ctx, children).await && ctx.end_if_empty(true));
    }
    *drain = Some(Box::new(StopChildren::new(Manner::Drain)));
    let drained = actor.on_drain(ctx).await;
    ctx.end_code(match drained {
        Ok(()) => DropReason::NoReply,
        Err(_) => DropReason::Failed,
    });
    drained?;
    fire(ctx.owner());
    // Messages that the hook has sent to its own actor come first.
    Ok(false)
}

/// Drains the children, while messages from beneath are still taken. `false` if there is something else
/// to do first.
async fn drain_children<A: Actor>(ctx: &mut Context<A>, children: &mut StopChildren) -> bool {
    let me = Arc::clone(ctx.owner());
    let gone = poll_fn(|cx| {
        let message = ctx.poll_message(cx);
        // A stop that comes meanwhile is passed on by this poll, as in any other end.
        let gone = children.poll(&me, cx).is_ready();
        // The end of the last child is shown, too, before this actor ends.
        if message.is_ready() || ctx.signals().load().has_child_exits() {
            Poll::Ready(false)
        } else if gone {
            Poll::Ready(true)
        } else {
            Poll::Pending
        }
    })
    .await;
    ctx.signals().end_joining();
    gone
}

/// Whether another incarnation follows. If so, begins the restart.
#[cold]
fn begin_again<S: Start>(task: &mut ActorTask<S>, report: &mut Report) -> bool {
    let Some(restarts) = &mut task.restarts else {
        return false;
    };
    let again = restarts
        .cycle
        .begin(task.message_loop.ctx.my_node(), report);
    if again {
        task.message_loop.ctx.end_incarnation();
    }
    again
}

/// Notes how a piece of the actor's own code ended. Says whether hooks still run.
fn take_end(ended: BodyEnd<Result<(), Error>>, exit: &Exit, report: &mut Report) -> bool {
    match ended {
        BodyEnd::Value(Ok(())) => true,
        BodyEnd::Value(Err(error)) => {
            report.failed(error, exit.any());
            true
        }
        BodyEnd::Panicked(panic) => {
            report.panicked(panic_message(panic));
            false
        }
        BodyEnd::Dropped => false,
    }
}

/// Closes the node and its mailbox, fires the token, and discards what is queued.
fn close<S: Start>(task: &mut ActorTask<S>, report: &mut Report) {
    let ActorTask {
        message_loop: MessageLoop { ctx, .. },
        exit,
        ..
    } = task;
    let signals = ctx.signals().load();
    if !signals.discards_mail() {
        match signals.is_drained() {
            true => end_drain(ctx.owner(), !report.is_empty()),
            false => end_by_itself(ctx.owner()),
        }
    }
    ctx.my_node().clear_label();
    ctx.end_code(DropReason::NoReply);
    let left = ctx.take_leftover();
    if let Some(message) = left.and_then(|left| exit.as_current(|| ctx.drop_leftover(left))) {
        report.panicked_in_drop(message, exit.any(), "a queued message");
    }
}

/// Drops the actor's sources (rule 4), as its own code.
#[cold]
fn end_sources<S: Start>(task: &mut ActorTask<S>, report: &mut Report) {
    let ActorTask {
        message_loop, exit, ..
    } = task;
    let Some(panic) = exit.as_current(|| message_loop.ctx.end_sources()) else {
        return;
    };
    report.panicked_in_drop(panic_message(panic), exit.any(), "a source");
}

/// Drops the state or its recipe.
fn drop_incarnation<S: Start>(task: &mut ActorTask<S>, report: &mut Report) {
    if !std::mem::needs_drop::<Incarnation<S>>() {
        return;
    }
    let ActorTask {
        message_loop, exit, ..
    } = task;
    // Dropped in place, as it may be large.
    drop_guarded(
        exit,
        || message_loop.incarnation = Incarnation::Nothing,
        report,
    );
}

/// Drops the recipe from which each incarnation was cloned.
fn drop_recipe<S: Start>(task: &mut ActorTask<S>, report: &mut Report) {
    let ActorTask { restarts, exit, .. } = task;
    drop_guarded(exit, || *restarts = None, report);
}

/// Drops something as the actor's own code.
fn drop_guarded(exit: &mut Exit, drop: impl FnOnce(), report: &mut Report) {
    let dropped = exit.as_current(|| catch_unwind(AssertUnwindSafe(drop)));
    if let Err(panic) = dropped {
        report.panicked_in_drop(panic_message(panic), exit.any(), "a state");
    }
}

/// The task of an idle actor whose state and message have size zero.
#[cfg(all(target_pointer_width = "64", not(tenure_loom)))]
const _: () = {
    use super::start_stage::StartInline;

    struct Empty;

    impl Actor for Empty {
        type Msg = ();

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result {
            Ok(())
        }
    }

    const fn size_of_output<A, F>(_: fn(A) -> F) -> usize {
        size_of::<F>()
    }

    assert!(size_of_output(shell::<Empty, StartInline>) <= 240);
};
