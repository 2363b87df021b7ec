use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;
use crate::actor::{IncarnationEnd, Revive};

/// Whether an actor that has ended is started anew, on the same mailbox and with the same
/// references.
///
/// What the old incarnation owned ends first, as in a stop: its children, then
/// [`on_stop`](crate::Actor::on_stop) unless it panicked, then its state. Messages that are queued
/// are for the next one; the one that failed is not handled again, and whoever asked it is told
/// [`AskError::Failed`](crate::AskError::Failed). Nobody who asked for a stop, drain or kill gets a
/// restart instead; a drain that finds a restart under way lets it handle what is queued.
///
/// It takes a recipe that can be made again: one that is `Clone`, or a
/// [factory](crate::ChildSpec::factory).
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
    /// It is not.
    #[default]
    Never,
    /// After an error or a panic.
    OnFailure,
    /// After each end that nobody asked for, its own included.
    Always,
}

/// All that a spec says about restarts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Policy {
    pub(super) restart: Restart,
    /// How many restarts there may be within `window`.
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

/// An actor's policy, and what has come of it so far.
pub(super) struct Restarts<S> {
    prototype: S,
    clone: fn(&S) -> S,
    policy: Policy,
    /// When the current incarnation began.
    began: Option<Instant>,
    /// When the restarts of the last `window` were, the oldest first.
    recent: VecDeque<Instant>,
    /// How many restarts there have been since the last incarnation that did well.
    attempts: u32,
}

impl<S> Restarts<S> {
    pub(super) fn new(prototype: S, clone: fn(&S) -> S, policy: Policy) -> Self {
        Self {
            prototype,
            clone,
            policy,
            began: None,
            recent: VecDeque::new(),
            attempts: 0,
        }
    }

    /// Counts a restart, unless there have been too many.
    fn admit(&mut self, now: Instant) -> bool {
        let window = self.policy.window;
        let is_over = |at: &mut Instant| now.saturating_duration_since(*at) >= window;
        while self.recent.pop_front_if(is_over).is_some() {}
        let admitted = self.recent.len() < self.policy.limit as usize;
        if admitted {
            self.recent.push_back(now);
        }
        admitted
    }
}

impl<S: Send> Revive<S> for Restarts<S> {
    fn recipe(&mut self) -> S {
        self.began = Some(Instant::now());
        (self.clone)(&self.prototype)
    }

    fn decide(&mut self, end: IncarnationEnd) -> Option<Duration> {
        match (end, self.policy.restart) {
            // It did nothing wrong, and whoever did has been counted.
            (IncarnationEnd::Regrouped, _) => return Some(Duration::ZERO),
            (IncarnationEnd::Failed, Restart::OnFailure | Restart::Always)
            | (IncarnationEnd::Finished, Restart::Always) => {}
            _ => return None,
        }
        let now = Instant::now();
        if !self.admit(now) {
            return None;
        }
        let lived = self.began.map_or(Duration::ZERO, |began| now - began);
        if lived >= self.policy.backoff.healthy_after() {
            self.attempts = 0;
        }
        let delay = self.policy.backoff.delay(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        Some(delay)
    }
}
