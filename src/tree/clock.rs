use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::Node;

/// A node's grace, as its own shell keeps it (rule 7): it runs while the node uses its own time to
/// end, and is suspended while it waits for its children. Most stops end before it is made; until then
/// the first look at the children ([`StopChildren`]) suspends the time that the node itself has noted.
///
/// [`StopChildren`]: super::StopChildren
#[derive(Debug, Default)]
pub(crate) struct Clock(Option<Box<Running>>);

#[derive(Debug)]
struct Running {
    left: Duration,
    since: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Clock {
    /// Whether the node's own time is up. `own` says whether it is running now.
    pub(super) fn poll_expired(&mut self, node: &Node, own: bool, cx: &mut Context<'_>) -> bool {
        if !own && self.0.is_none() {
            return false;
        }
        let running = self.0.get_or_insert_with(|| Box::new(Running::new(node)));
        match (own, running.since) {
            (true, None) => running.resume(node),
            (false, Some(since)) => running.suspend(node, since),
            _ => {}
        }
        own && running.sleep.as_mut().poll(cx).is_ready()
    }

    /// Stops the count while the node waits for its children.
    pub(crate) fn suspend(&mut self, node: &Node) {
        if let Some(running) = &mut self.0
            && let Some(since) = running.since
        {
            running.suspend(node, since);
        }
    }

    /// Goes on with the count.
    pub(crate) fn resume(&mut self, node: &Node) {
        match &mut self.0 {
            Some(running) => running.resume(node),
            None => node.set_own_time(Some(node.grace())),
        }
    }
}

impl Running {
    /// The time runs since the request, which may have come long before the shell could look.
    fn new(node: &Node) -> Self {
        let now = Instant::now();
        let (since, until) = node.own_time().unwrap_or((now, now + node.grace()));
        Self {
            left: until - since,
            since: Some(since),
            sleep: Box::pin(sleep_until(until)),
        }
    }

    fn resume(&mut self, node: &Node) {
        let now = Instant::now();
        self.since = Some(now);
        self.sleep.as_mut().reset(now + self.left);
        node.set_own_time(Some(self.left));
    }

    fn suspend(&mut self, node: &Node, since: Instant) {
        self.left = self.left.saturating_sub(since.elapsed());
        self.since = None;
        node.set_own_time(None);
    }
}
