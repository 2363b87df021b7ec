use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;
use crate::actor::{Decision, IncarnationEnd, RestartPolicy, Tally};

/// Whether an actor that has ended is restarted, with the same mailbox and the same references.
///
/// The old incarnation ends first, as in a stop: its children, then [`on_stop`](crate::Actor::on_stop) unless it
/// panicked, then its state. Queued messages are for the next incarnation. The message that failed is not handled
/// again, and its caller gets [`AskError::Failed`](crate::AskError::Failed). A stop, drain or kill never becomes a
/// restart, but a drain that finds a restart under way lets the next incarnation handle what is queued. An actor that
/// fails while it drains is not restarted: messages that it had accepted and not handled are lost.
///
/// Nothing is restarted beneath a node that is to end (by a stop, a kill, or a drain once its token has fired), at any
/// height; failures there are reported. When a [`System`](crate::System) or a scope is drained, its token fires at
/// once, so nothing in it is restarted from then on, also if a signal drains it
/// ([`Builder::on_signals`](crate::Builder::on_signals)). A service that has to survive failures until everything it
/// has accepted is handled should drain its own root instead: beneath that, failed actors are restarted until its
/// [`on_drain`](crate::Actor::on_drain) returns.
///
/// A restart needs a recipe that is `Clone`, or a [factory](crate::ChildSpec::factory).
///
/// ```
/// use tenure::prelude::*;
/// use tenure::{Backoff, Restart};
/// # use std::time::Duration;
///
/// #[derive(Clone, Default)]
/// struct Parser {
///     lines: usize,
/// }
///
/// enum Line { Parse(&'static str), Count(ReplyTo<usize>) }
///
/// impl Actor for Parser {
///     type Msg = Line;
///
///     async fn handle(&mut self, line: Line, _ctx: &mut Context<Self>) -> tenure::Result {
///         match line {
///             Line::Parse(text) => {
///                 text.parse::<u32>()?; // a bad line fails the parser
///                 self.lines += 1;
///             }
///             Line::Count(reply) => reply.send(self.lines),
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let parser = scope.spawn(
///         ChildSpec::new(Parser::default())
///             .restart(Restart::OnFailure)
///             .intensity(5, Duration::from_secs(60))
///             .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(5))),
///     )?;
///     for line in ["1", "two", "3"] {
///         parser.tell(Line::Parse(line)).await?;
///     }
///     // The second incarnation has seen only the last line.
///     assert_eq!(parser.ask(Line::Count).await?, 1);
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Restart {
    /// It is not restarted.
    #[default]
    Never,
    /// After an error or a panic.
    OnFailure,
    /// After each end that nobody else asked for.
    Always,
}

/// What a spec says about restarts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Policy {
    pub(super) restart: Restart,
    /// How many restarts are allowed within `window`.
    pub(super) limit: u32,
    pub(super) window: Duration,
    pub(super) backoff: Backoff,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            restart: Restart::default(),
            limit: 3,
            window: Duration::from_secs(30),
            backoff: Backoff::default(),
        }
    }
}

/// The restart policy of an actor, and what it has counted so far.
pub(super) struct RestartCounter {
    policy: Policy,
    /// When the current incarnation began.
    began: Option<Instant>,
    recent: Recent,
    /// How many restarts there were since the last healthy incarnation.
    attempts: u32,
}

impl RestartCounter {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            began: None,
            recent: Recent::default(),
            attempts: 0,
        }
    }
}

/// The restarts of the last `window`, the oldest first: their times and counts.
///
/// A few restarts are kept one by one. Beyond that, restarts within a small part of the window are counted together, so
/// that the memory is bounded, whatever the limit.
#[derive(Debug, Default)]
struct Recent {
    times: VecDeque<(Instant, u32)>,
    count: u32,
}

/// How many restarts are kept one by one, and into how many parts the window is divided after that.
const FEW: u32 = 256;

impl Recent {
    /// Counts a restart, unless there have been too many.
    fn admit(&mut self, now: Instant, limit: u32, window: Duration) -> bool {
        while let Some((at, many)) = self.times.front()
            && now.saturating_duration_since(*at) >= window
        {
            self.count -= many;
            self.times.pop_front();
        }
        if self.count >= limit {
            return false;
        }
        self.count += 1;
        let are_few = self.times.len() < FEW as usize;
        match self.times.back_mut() {
            Some((at, many)) if !are_few && now.saturating_duration_since(*at) < window / FEW => {
                *many += 1;
            }
            _ => self.times.push_back((now, 1)),
        }
        true
    }
}

impl RestartPolicy for RestartCounter {
    fn begin(&mut self) {
        self.began = Some(Instant::now());
    }

    fn decide(&mut self, end: IncarnationEnd) -> Decision {
        match (end, self.policy.restart) {
            // It has not failed itself; the sibling that did was counted.
            (IncarnationEnd::WithGroup, _) => return Decision::After(Duration::ZERO),
            (IncarnationEnd::Failed, Restart::OnFailure | Restart::Always)
            | (IncarnationEnd::Finished, Restart::Always) => {}
            _ => return Decision::None,
        }
        let now = Instant::now();
        let (limit, within) = (self.policy.limit, self.policy.window);
        if !self.recent.admit(now, limit, within) {
            return Decision::TooMany { limit, within };
        }
        let lived = self
            .began
            .map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        if lived >= self.policy.backoff.healthy_after() {
            self.attempts = 0;
        }
        let delay = self.policy.backoff.delay(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        Decision::After(delay)
    }

    fn tally(&self) -> Tally {
        Tally {
            recent: self.recent.count,
            limit: self.policy.limit,
            within: self.policy.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_restarts_take_bounded_memory() {
        let (begin, mut recent) = (Instant::now(), Recent::default());
        for number in 0..100_000_u32 {
            let now = begin + Duration::from_millis(number.into());
            assert!(recent.admit(now, u32::MAX, Duration::MAX));
        }
        assert_eq!(recent.count, 100_000);
        let mut recent = Recent::default();
        for number in 0..100_000_u32 {
            let now = begin + Duration::from_millis(number.into());
            assert!(recent.admit(now, 20_000, Duration::from_secs(10)));
        }
        assert!(recent.times.len() <= 2 * FEW as usize + 1);
        // About as many as in the window.
        assert!((9_900..=10_000).contains(&recent.count), "{}", recent.count);
    }

    #[test]
    fn limit_is_exact_while_restarts_are_few() {
        let (begin, mut recent) = (Instant::now(), Recent::default());
        let mut admit = |millis| {
            let now = begin + Duration::from_millis(millis);
            recent.admit(now, 2, Duration::from_millis(10))
        };
        assert!(admit(0) && admit(9) && !admit(9));
        assert!(admit(10) && !admit(18) && admit(19));
    }
}
