use std::fmt;
use std::time::Duration;

use tenure::{Actor, Context, Recipient, Result};
use tokio::time::{Instant, timeout_at};

use crate::held::Held;
use crate::last::{after, tell_last};

/// Hands on at most one value in each period.
#[derive(Clone)]
pub struct Throttle<T: Send + 'static> {
    to: Recipient<T>,
    period: Duration,
}

impl<T: Send + 'static> Throttle<T> {
    /// Tells this recipient at most one value in each period. With zero each value is told. A period too long for the
    /// clock never ends, until a drain.
    #[must_use]
    pub fn new(to: Recipient<T>, period: Duration) -> Self {
        Self { to, period }
    }
}

impl<T: Send + 'static> Actor for Throttle<T> {
    type Msg = T;

    /// # Errors
    ///
    /// Fails if the recipient takes no more.
    async fn handle(&mut self, first: T, ctx: &mut Context<Self>) -> Result {
        let mut value = first;
        loop {
            let end = after(Instant::now(), self.period);
            tell_last(&self.to, value, ctx).await?;
            if self.period.is_zero() {
                return Ok(());
            }
            let mut held = Held::new(ctx, None);
            let is_over = loop {
                match timeout_at(end, held.ctx.next()).await {
                    Ok(Some(next)) => held.messages = Some(next),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            let last = held.take();
            drop(held);
            match last {
                Some(last) if is_over => return tell_last(&self.to, last, ctx).await,
                Some(last) => value = last,
                None => return Ok(()),
            }
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Throttle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("to", &self.to)
            .field("period", &self.period)
            .finish()
    }
}
