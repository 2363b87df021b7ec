use std::time::Duration;

/// What [`Sim::at_each_await`](super::Sim::at_each_await) does to an actor, and to which: one whose name in
/// its [`ChildSpec`](crate::ChildSpec) is this, or whose type is called so (`Store`, without its module and its
/// parameters). If there are several such, it is done to each in turn: their polls are counted together.
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
    /// It is killed: what it does is dropped at its await point.
    #[must_use]
    pub fn kill(target: impl Into<String>) -> Self {
        Self::new(What::Kill, target)
    }

    /// It is told to stop.
    #[must_use]
    pub fn stop(target: impl Into<String>) -> Self {
        Self::new(What::Stop, target)
    }

    /// It is told to drain.
    #[must_use]
    pub fn drain(target: impl Into<String>) -> Self {
        Self::new(What::Drain, target)
    }

    /// Its code panics: its start, a hook or a handler, where it would have gone on.
    #[must_use]
    pub fn panic(target: impl Into<String>) -> Self {
        Self::new(What::Panic, target)
    }

    /// Whoever has made a call with [`Sim::call`](super::Sim::call) that is not over goes away.
    #[must_use]
    pub fn caller_gone(target: impl Into<String>) -> Self {
        Self::new(What::CallerGone, target)
    }

    /// The deadline of the ask that it handles passes, before it goes on. Without one nothing is done.
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
/// A rate is between 0 (never) and 1 (always), in steps of a thousandth; what lies outside is taken for the
/// nearer of the two, and what is no number for 0.
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

    /// This part of all polls comes late: whoever was to be polled is held up for up to `longest` of virtual
    /// time, a millisecond at least.
    #[must_use]
    pub fn delays(mut self, rate: f64, longest: Duration) -> Self {
        self.delays = thousandths(rate);
        self.longest = longest;
        self
    }

    /// This part of all bounded mailboxes has room for one message only, so that it is full most of the time.
    #[must_use]
    pub fn full_mailboxes(mut self, rate: f64) -> Self {
        self.full_mailboxes = thousandths(rate);
        self
    }

    /// This part of all starts of actors fails, those of restarts too.
    #[must_use]
    pub fn failing_starts(mut self, rate: f64) -> Self {
        self.failing_starts = thousandths(rate);
        self
    }

    /// This part of all calls that are made with [`Sim::call`](super::Sim::call), and are not answered at
    /// once, is dropped.
    #[must_use]
    pub fn dropped_callers(mut self, rate: f64) -> Self {
        self.dropped_callers = thousandths(rate);
        self
    }
}

fn thousandths(rate: f64) -> u32 {
    // What is no number becomes 0 by this conversion.
    (rate.clamp(0.0, 1.0) * 1_000.0).round() as u32
}
