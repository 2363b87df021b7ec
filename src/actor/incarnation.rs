//! What an actor is to its task: what it is made from, what it is now, and what may follow.

use std::time::Duration;

use tokio::time::Instant;

use super::{Context, Start};
use crate::tree::{Exit, Node, Report};

/// What an actor's task holds for life; `exit` goes last.
pub(crate) struct ActorTask<S: Start> {
    pub(crate) message_loop: MessageLoop<S>,
    /// `None` if there is only one incarnation.
    pub(crate) restarts: Option<Box<Restarts<S>>>,
    pub(crate) exit: Exit,
}

/// What a message loop works on: the actor, and what that sees of its node.
pub(crate) struct MessageLoop<S: Start> {
    pub(crate) incarnation: Incarnation<S>,
    pub(crate) ctx: Context<S::Actor>,
}

/// What there is of an incarnation.
pub(crate) enum Incarnation<S: Start> {
    /// What it is to be started from.
    Recipe(S),
    Actor(S::Actor),
    /// It is being started, or is gone.
    Nothing,
}

impl<S: Start> MessageLoop<S> {
    pub(super) fn node(&self) -> &Node {
        self.ctx.my_node()
    }
}

impl<S: Start> Incarnation<S> {
    /// What the incarnation is to be started from, which the caller has seen to be there.
    #[inline]
    pub(super) fn take_recipe(&mut self) -> S {
        match std::mem::replace(self, Self::Nothing) {
            Self::Recipe(recipe) => recipe,
            Self::Actor(_) | Self::Nothing => unreachable!("there is a recipe"),
        }
    }
}

/// Says whether another incarnation follows one that has ended.
pub(crate) trait RestartPolicy: Send {
    /// An incarnation begins.
    fn begin(&mut self);

    /// Whether another incarnation follows one that ended so.
    fn decide(&mut self, end: IncarnationEnd) -> Decision;

    /// How many restarts there have been within a time, and how many there may be: for whoever looks.
    fn tally(&self) -> Tally;
}

/// See [`RestartPolicy::tally`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) recent: u32,
    pub(crate) limit: u32,
    pub(crate) within: Duration,
}

/// What a policy says of the end of an incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another follows, after so long.
    After(Duration),
    /// None does.
    None,
    /// Another would, but there have been too many, which is a failure of its own.
    TooMany { limit: u32, within: Duration },
}

/// How an incarnation ended that nobody had told to end for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncarnationEnd {
    /// By itself, in good order.
    Finished,
    Failed,
    /// Because siblings are restarted.
    WithGroup,
}

/// What an actor has that may be restarted.
pub(crate) struct Restarts<S> {
    /// What each incarnation is started from is a clone of this.
    pub(super) prototype: S,
    pub(super) clone: fn(&S) -> S,
    pub(super) cycle: RestartCycle,
}

/// How one incarnation follows another, whatever they are started from.
pub(crate) struct RestartCycle {
    pub(super) policy: Box<dyn RestartPolicy>,
    /// When the next incarnation may start.
    pub(super) at: Instant,
    /// What had gone wrong when the restart was decided on, and that alone.
    pub(super) settled: Report,
}
