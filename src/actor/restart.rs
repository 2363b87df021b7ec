//! How an actor goes from one incarnation to the next, in the same task and with the same mailbox.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Poll, ready};

use tokio::time::{Instant, sleep_until};

use super::Start;
use super::incarnation::{
    ActorTask, Decision, Incarnation, IncarnationEnd, RestartCycle, RestartPolicy, Restarts, Tally,
};
use crate::error::StopReason;
use crate::sync::{after, text_of};
use crate::tree::{
    Exit, Node, Order, Report, RestartCount, RestartNote, Resume, Turn, keep_cuts, panic_message,
    request,
};

#[cfg(all(test, tenure_loom))]
#[path = "../../tests/explore/turns.rs"]
mod explore;

/// How many bytes of the failure before a restart are kept.
const LONGEST_TEXT: usize = 512;

impl<S: Start> Restarts<S> {
    pub(crate) fn new(recipe: S, clone: fn(&S) -> S, policy: Box<dyn RestartPolicy>) -> Self {
        let cycle = RestartCycle {
            policy,
            at: Instant::now(),
            settled: Report::default(),
        };
        Self {
            recipe,
            clone,
            cycle,
        }
    }

    /// Makes the recipe of the next incarnation, as the node's own code.
    pub(super) fn start(
        &mut self,
        incarnation: &mut Incarnation<S>,
        exit: &mut Exit,
        report: &mut Report,
    ) {
        self.cycle.policy.begin();
        // Written straight into its place, as it may be large.
        let make = || *incarnation = Incarnation::Recipe((self.clone)(&self.recipe));
        let made = exit.as_current(|| catch_unwind(AssertUnwindSafe(make)));
        if let Err(panic) = made {
            report.panicked(panic_message(panic));
        }
    }
}

impl RestartCycle {
    /// Decides at the end of an incarnation whether another one follows. If so, begins the restart.
    pub(super) fn begin(&mut self, node: &Node, report: &mut Report) -> bool {
        let has_failed = !report.is_empty();
        // The code that awaits the start gets its failure, and decides whether to try again.
        if node.ends_for_good(has_failed) || node.signals.load().is_outcome_awaited() && has_failed
        {
            return false;
        }
        let end = if has_failed {
            IncarnationEnd::Failed
        } else if node.is_told_to_restart() {
            IncarnationEnd::WithGroup
        } else {
            IncarnationEnd::Finished
        };
        self.decide(node, end, report)
    }

    fn decide(&mut self, node: &Node, end: IncarnationEnd, report: &mut Report) -> bool {
        // Mail that was accepted before a drain has to be handled, wherever the drain began, or reported as lost.
        let has_failed = end == IncarnationEnd::Failed;
        let for_mail = !has_failed && node.signals.load().is_drained();
        if !node.may_restart(for_mail || end == IncarnationEnd::WithGroup) {
            return false;
        }
        match self.policy.decide(end) {
            Decision::After(delay) => self.at = after(delay),
            Decision::None => return false,
            Decision::TooMany { limit, within } => {
                report.ended_too_often(limit, within);
                return false;
            }
        }
        let begun = node.begin_restart(has_failed);
        if begun {
            self.settled = std::mem::take(report);
            let Tally {
                recent,
                limit,
                within,
            } = self.policy.tally();
            node.note_restart(RestartNote {
                recent,
                limit,
                window: within,
                due: self.at,
                last_failure: None,
            });
        }
        begun
    }

    /// Waits for the backoff and the node's turn. `false` if no incarnation follows after all.
    async fn wait(&mut self, exit: &mut Exit, report: &mut Report) -> bool {
        poll_fn(|cx| {
            exit.ensure_waker(cx.waker());
            Poll::Ready(())
        })
        .await;
        let signals = exit.any().signals.load();
        let settled = std::mem::take(&mut self.settled);
        if signals.is_cut() {
            // A cut has to be reported together with what failed before.
            report.follow(settled);
            return false;
        }
        if signals.discards_mail() || signals.is_drained() && exit.any().backlog() == 0 {
            // No incarnation follows. Failures since the decision are not settled, and are reported.
            settled.settle(exit);
            return false;
        }
        report.follow(settled);
        settle(exit, report);
        wait_for_turn(exit, self.at).await
    }
}

/// Goes on to the next incarnation, once the state and the children of the last one are gone: waits for the backoff and
/// the node's turn. `false` if no incarnation follows. After that the node takes children again. They belong to the
/// next incarnation, even if that has not begun.
///
/// A drain cuts the wait short, because accepted mail has to be handled, if there is any. So does an order above that
/// forbids the restart, because somebody may be waiting for what the actor was sent.
pub(super) async fn go_on<S: Start>(task: &mut ActorTask<S>, report: &mut Report) -> bool {
    let ActorTask {
        restarts: Some(restarts),
        exit,
        ..
    } = task
    else {
        return false;
    };
    let _count = RestartCount::new(&exit.any().shared);
    restarts.cycle.wait(exit, report).await
}

/// Waits for the backoff and the node's turn among its siblings. `false` if it is to end instead.
async fn wait_for_turn(exit: &Exit, at: Instant) -> bool {
    let node = exit.any().node();
    loop {
        let in_group = node.join_group();
        // Neither wait uses the node's own time, also if an order comes meanwhile (rule 7).
        node.signals.begin_joining();
        node.pause_own_time();
        wait(node, at, in_group).await;
        node.signals.end_joining();
        if node.signals.load().is_drained() {
            node.leave_group();
            if exit.any().backlog() == 0 {
                // There is no mail for another incarnation to handle.
                return false;
            }
        }
        match node.finish_restart(in_group) {
            Resume::Start => return true,
            Resume::End => {
                // Its owner would tell it, but only in its turn. If accepted mail is lost, a drain has not ended in
                // good order, so this is a cut.
                let loses = !node.discards_mail() && exit.any().backlog() > 0;
                request(exit.any(), if loses { Order::Cut } else { Order::Stop });
                return false;
            }
            Resume::Park => {}
        }
    }
}

/// The restart settles what went wrong in the last incarnation: it is traced and goes no further (rule 9).
fn settle(exit: &mut Exit, report: &mut Report) {
    let reason = std::mem::take(report).finish(exit.any());
    keep_cuts(exit.any(), &reason);
    let path = exit.any().path(exit.any().type_name());
    exit.any().shared.ends.note(exit.any(), &reason, true);
    match &reason {
        StopReason::Failed(failure) => {
            exit.any().note_failure(text_of(failure, LONGEST_TEXT));
            tracing::warn!(name: "tenure.restart", %path, %failure, "restarting");
        }
        StopReason::CutShort(cut) => {
            tracing::warn!(name: "tenure.restart", %path, %cut, "restarting")
        }
        _ => tracing::debug!(name: "tenure.restart", %path, "restarting"),
    }
    // The errors in it are users', and may panic when they are dropped.
    if let Err(panic) = exit.as_current(|| catch_unwind(AssertUnwindSafe(|| drop(reason)))) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", %path, panic, "an error panicked when it was dropped");
    }
}

/// Waits until the backoff is over and the node is not parked, or until it is told something else.
async fn wait(node: &Node, at: Instant, in_group: bool) {
    // Lets other tasks run, as a start may fail again and again.
    tokio::task::yield_now().await;
    let mut sleep = pin!(None);
    poll_fn(|cx| {
        if node.signals.load().is_told_to_end() || !node.may_restart(in_group) {
            return Poll::Ready(());
        }
        match node.turn() {
            Turn::Told => return Poll::Ready(()),
            Turn::Parked => return Poll::Pending,
            Turn::Live | Turn::Starting => {}
        }
        if !node.may_restart(false) {
            return Poll::Ready(());
        }
        if sleep.is_none() && at > Instant::now() {
            sleep.set(Some(sleep_until(at)));
        }
        if let Some(sleep) = sleep.as_mut().as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        Poll::Ready(())
    })
    .await;
}
