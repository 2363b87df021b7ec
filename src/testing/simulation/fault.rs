use std::time::Duration;

/// What [`Sim::at_each_await`](super::Sim::at_each_await) does, and to which actor, task or blocking job. The target is
/// a name from a [`ChildSpec`](crate::ChildSpec) or [`TaskSpec`](crate::TaskSpec), or the name of an actor's type without
/// its module and parameters, such as `Store`. If several match, their polls are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) what: What,
    pub(super) target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Kill,
    Stop,
    Drain,
    Panic,
    CallerGone,
    Deadline,
}

impl Fault {
    /// Kills it: its code is dropped at the await point.
    #[must_use]
    pub fn kill(target: impl Into<String>) -> Self {
        Self::new(What::Kill, target)
    }

    /// Tells it to stop.
    #[must_use]
    pub fn stop(target: impl Into<String>) -> Self {
        Self::new(What::Stop, target)
    }

    /// Tells it to drain.
    #[must_use]
    pub fn drain(target: impl Into<String>) -> Self {
        Self::new(What::Drain, target)
    }

    /// Makes its code panic (its start, a hook or a handler, a task or a job) where it would have continued.
    #[must_use]
    pub fn panic(target: impl Into<String>) -> Self {
        Self::new(What::Panic, target)
    }

    /// Lets all callers go that have made a call with [`Sim::call`](super::Sim::call) which is not over.
    #[must_use]
    pub fn caller_gone(target: impl Into<String>) -> Self {
        Self::new(What::CallerGone, target)
    }

    /// Lets the deadline of the ask that it is handling pass before it continues. Without a deadline nothing is done.
    #[must_use]
    pub fn deadline(target: impl Into<String>) -> Self {
        Self::new(What::Deadline, target)
    }

    fn new(what: What, target: impl Into<String>) -> Self {
        let target = target.into();
        Self { what, target }
    }
}

impl What {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "a kill",
            Self::Stop => "a stop",
            Self::Drain => "a drain",
            Self::Panic => "a panic",
            Self::CallerGone => "a caller that goes",
            Self::Deadline => "a deadline that passes",
        }
    }
}

/// What goes wrong in each run, and how often. By default nothing does.
///
/// A rate is between 0 (never) and 1 (always), in steps of a millionth. Values outside are clamped, and NaN counts as 0.
///
/// ```
/// use std::time::Duration;
/// use tenure::testing::Faults;
///
/// let faults = Faults::none()
///     .delays(0.05, Duration::from_secs(2))
///     .full_mailboxes(0.5)
///     .failing_starts(0.01);
/// # drop(faults);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    pub(super) delays: u32,
    pub(super) longest: Duration,
    pub(super) full_mailboxes: u32,
    pub(super) failing_starts: u32,
    pub(super) dropped_callers: u32,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Delays this part of all polls once, by up to `longest` of virtual time and at least a millisecond.
    #[must_use]
    pub fn delays(mut self, rate: f64, longest: Duration) -> Self {
        self.delays = millionths(rate);
        self.longest = longest;
        self
    }

    /// Gives this part of all bounded mailboxes room for only one message, so that they are full most of the time.
    #[must_use]
    pub fn full_mailboxes(mut self, rate: f64) -> Self {
        self.full_mailboxes = millionths(rate);
        self
    }

    /// Makes this part of all starts of actors fail, including those after a restart.
    #[must_use]
    pub fn failing_starts(mut self, rate: f64) -> Self {
        self.failing_starts = millionths(rate);
        self
    }

    /// Drops this part of all calls with [`Sim::call`](super::Sim::call) that are not answered at once.
    #[must_use]
    pub fn dropped_callers(mut self, rate: f64) -> Self {
        self.dropped_callers = millionths(rate);
        self
    }
}

fn millionths(rate: f64) -> u32 {
    // This conversion turns NaN into 0.
    (rate.clamp(0.0, 1.0) * 1_000_000.0).round() as u32
}
