use std::fmt;
use std::time::Duration;

use tenure::{Actor, Context, Recipient, Result};
use tokio::time::{Instant, timeout_at};

use crate::held::Held;
use crate::last::{after, tell_last};

/// Hands on the last of several values.
#[derive(Clone)]
pub struct Debounce<T: Send + 'static> {
    to: Recipient<T>,
    quiet: Duration,
    at_most: Duration,
}

impl<T: Send + 'static> Debounce<T> {
    /// Tells this recipient the last value, once no value has come for the time `quiet`. With zero, a value is told
    /// unless another one is queued behind it. A time too long for the clock counts as for ever, until a drain.
    #[must_use]
    pub fn new(to: Recipient<T>, quiet: Duration) -> Self {
        Self {
            to,
            quiet,
            at_most: Duration::MAX,
        }
    }

    /// Tells a value at the latest when the first value that was held back has waited this long. By default values may
    /// be held back for ever while others come.
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
    async fn handle(&mut self, first: T, ctx: &mut Context<Self>) -> Result {
        let end = after(Instant::now(), self.at_most);
        let mut held = Held::new(ctx, Some(first));
        loop {
            let quiet = after(Instant::now(), self.quiet).min(end);
            match timeout_at(quiet, held.ctx.next()).await {
                Ok(Some(next)) => held.messages = Some(next),
                // It is quiet, or the actor is told to end.
                Ok(None) | Err(_) => break,
            }
        }
        match held.take() {
            Some(last) => tell_last(&self.to, last, held.ctx).await,
            None => Ok(()),
        }
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
