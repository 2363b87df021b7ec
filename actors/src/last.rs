//! Shared by the actors that hand on the last of several values.

use std::time::Duration;

use tenure::{Actor, Context, Recipient, Result};
use tokio::time::Instant;

use crate::tell_until_stopped;

/// The instant `time` after `begin`; some decades later if that is too long for the clock.
pub(crate) fn after(begin: Instant, time: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(30 * 365 * 86_400);
    let sum = begin.checked_add(time);
    sum.or_else(|| begin.checked_add(LONG)).unwrap_or(begin)
}

/// Tells the value. In a stop the value is dropped instead, as a dead letter.
pub(crate) async fn tell_last<A: Actor>(
    to: &Recipient<A::Msg>,
    value: A::Msg,
    ctx: &Context<A>,
) -> Result {
    if let Some(value) = tell_until_stopped(to, value, ctx).await? {
        drop(ctx.stash(value));
    }
    Ok(())
}
