use std::fmt;
use std::time::Duration;

use tenure::{Actor, Context, Recipient, Result};
use tokio::time::{Instant, timeout_at};

use crate::last::{after, tell_last};

/// Hands on the last of several values.
#[derive(Clone)]
pub struct Debounce<T: Send + 'static> {
    to: Recipient<T>,
    quiet: Duration,
    at_most: Duration,
}

impl<T: Send + 'static> Debounce<T> {
    /// Tells the last value to this one, once none has come for so long. With zero each value is told that has no other
    /// behind it by then; a time that is too long for the clock is for ever, until a drain.
    #[must_use]
    pub fn new(to: Recipient<T>, quiet: Duration) -> Self {
        Self {
            to,
            quiet,
            at_most: Duration::MAX,
        }
    }

    /// Tells a value at the latest when the first that was held back has waited for so long; by default it may wait
    /// for ever while others come.
    #[must_use]
    pub fn at_most(mut self, time: Duration) -> Self {
        self.at_most = time;
        self
    }
}

impl<T: Send + 'static> Actor for Debounce<T> {
    type Msg = T;

    /// # Errors
    ///
    /// Fails if the recipient takes no more.
    async fn handle(&mut self, mut last: T, ctx: &mut Context<Self>) -> Result {
        let end = after(Instant::now(), self.at_most);
        loop {
            let quiet = after(Instant::now(), self.quiet).min(end);
            match timeout_at(quiet, ctx.next()).await {
                Ok(Some(next)) => last = next,
                // It is quiet, or the actor is to end.
                Ok(None) | Err(_) => break,
            }
        }
        tell_last(&self.to, last, ctx).await
    }
}

impl<T: Send + 'static> fmt::Debug for Debounce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debounce")
            .field("to", &self.to)
            .field("quiet", &self.quiet)
            .finish_non_exhaustive()
    }
}
