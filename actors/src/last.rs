//! Shared by the actors that hand on the last of several values.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tenure::{Actor, AskError, Context, Recipient, Result, SendError};
use tokio::time::Instant;

use crate::held::tell_until_stopped;

/// The instant `time` after `begin`; some decades later if that is too long for the clock.
pub(crate) fn after(begin: Instant, time: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(30 * 365 * 86_400);
    let sum = begin.checked_add(time);
    sum.or_else(|| begin.checked_add(LONG)).unwrap_or(begin)
}

/// Tells the value. In a stop or kill, or if the recipient takes no more, it is a dead letter instead.
pub(crate) async fn tell_last<A: Actor>(
    to: &Recipient<A::Msg>,
    value: A::Msg,
    ctx: &Context<A>,
) -> Result {
    let lose = |value| drop(ctx.stash(value));
    let Err(error) = tell_until_stopped(to, value, ctx, lose).await else {
        return Ok(());
    };
    let refused = Refused::of(&error);
    lose(error.into_inner());
    Err(refused.into())
}

/// What a [`SendError`] says, without the value.
#[derive(Debug)]
struct Refused {
    text: String,
    /// In a tree that is stopping, that somebody has stopped is no failure.
    source: Option<AskError>,
}

impl Refused {
    fn of<T>(error: &SendError<T>) -> Self {
        Self {
            text: error.to_string(),
            source: matches!(error, SendError::Stopped(_)).then_some(AskError::Stopped),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}
