use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use tokio::time::{Sleep, sleep_until};

use super::Node;

/// Wakes a node's shell when its own time to end is up (rule 7). What is left of that time is kept by
/// the node, under its lock; this is only the timer.
#[derive(Debug, Default)]
pub(crate) struct Clock(Option<Pin<Box<Sleep>>>);

impl Clock {
    /// Whether the node's own time is up, or the time of whoever asked for its end.
    pub(super) fn poll_expired(&mut self, node: &Node, cx: &mut Context<'_>) -> bool {
        let Some(until) = node.time_limit() else {
            return false;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}
