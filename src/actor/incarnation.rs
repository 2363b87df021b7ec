//! What an actor's task holds: the actor or its recipe, and what is needed for a restart.

use std::time::Duration;

use tokio::time::Instant;

use super::{Context, Start};
use crate::tree::{Exit, Node, Report};

/// What an actor's task holds for life. `exit` is dropped last.
pub(crate) struct ActorTask<S: Start> {
    pub(crate) message_loop: MessageLoop<S>,
    /// `None` if there is only one incarnation.
    pub(crate) restarts: Option<Box<Restarts<S>>>,
    pub(crate) exit: Exit,
}

/// What a message loop works on: the actor and its context.
pub(crate) struct MessageLoop<S: Start> {
    pub(crate) incarnation: Incarnation<S>,
    pub(crate) ctx: Context<S::Actor>,
}

/// The state of an incarnation.
pub(crate) enum Incarnation<S: Start> {
    /// It is not started yet.
    Recipe(S),
    Actor(S::Actor),
    /// It is being started, or is dropped.
    Nothing,
}

impl<S: Start> MessageLoop<S> {
    pub(super) fn node(&self) -> &Node {
        self.ctx.my_node()
    }
}

impl<S: Start> Incarnation<S> {
    /// Takes the recipe, which the caller knows to be there.
    #[inline]
    pub(super) fn take_recipe(&mut self) -> S {
        match std::mem::replace(self, Self::Nothing) {
            Self::Recipe(recipe) => recipe,
            Self::Actor(_) | Self::Nothing => unreachable!("there is a recipe"),
        }
    }
}

/// Decides whether another incarnation follows one that has ended.
pub(crate) trait RestartPolicy: Send {
    /// Called when an incarnation begins.
    fn begin(&mut self);

    /// Whether another incarnation follows one that ended this way.
    fn decide(&mut self, end: IncarnationEnd) -> Decision;

    /// How many recent restarts there were, and how many are allowed. For snapshots.
    fn tally(&self) -> Tally;
}

/// See [`RestartPolicy::tally`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) recent: u32,
    pub(crate) limit: u32,
    pub(crate) within: Duration,
}

/// The decision of a policy at the end of an incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another one follows after this delay.
    After(Duration),
    /// None follows.
    None,
    /// Another one would follow, but there were too many restarts, which is a failure of its own.
    TooMany { limit: u32, within: Duration },
}

/// How an incarnation ended, if nobody had told the actor to end for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncarnationEnd {
    /// By itself, without a failure.
    Finished,
    Failed,
    /// Because its siblings are restarted.
    WithGroup,
}

/// What an actor that may be restarted needs for that.
pub(crate) struct Restarts<S> {
    /// Each incarnation is started from a clone of this recipe.
    pub(super) recipe: S,
    pub(super) clone: fn(&S) -> S,
    pub(super) cycle: RestartCycle,
}

/// The part of restarts that does not depend on the recipe's type.
pub(crate) struct RestartCycle {
    pub(super) policy: Box<dyn RestartPolicy>,
    /// When the next incarnation may start.
    pub(super) at: Instant,
    /// What had gone wrong when the restart was decided on, and nothing later.
    pub(super) settled: Report,
}
