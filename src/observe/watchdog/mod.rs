//! A thread that looks at a system now and then, and says what lasts too long.

mod alarm;
mod guard;
mod scan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use alarm::{Alarm, AlarmKind};
use guard::Guard;

use crate::system::Builder;

/// The least threshold, and the least time between two looks.
const SHORTEST: Duration = Duration::from_millis(10);
/// The most time between two looks at a small system.
const LONGEST: Duration = Duration::from_secs(1);

/// What a system's watchdog looks for: see [`Builder::watchdog`].
///
/// Each threshold can be changed or, with `None`, switched off; the least is 10 ms. An alarm is a `tracing` event of the
/// name `tenure.alarm` and the target `tenure::watchdog` and, if there is one, a call of the [hook](Watchdog::on_alarm). What lasts on is reported
/// again after twice, four times, eight times as long.
///
/// ```
/// use std::time::Duration;
/// use tenure::System;
/// use tenure::observe::Watchdog;
///
/// let watchdog = Watchdog::new()
///     .poll(Duration::from_millis(500))
///     .unreachable(None)
///     .on_alarm(|alarm| eprintln!("{alarm}"));
/// let builder = System::builder().watchdog(watchdog);
/// # drop(builder);
/// ```
///
/// | field of the event | of | is |
/// |---|---|---|
/// | `alarm` | all | `stuck_poll`, `long_handler`, `full_mailbox`, `stop_overrun`, `unreachable` or `restart_storm` |
/// | `lasted_ms` | all | for how long it has lasted, at least |
/// | `times` | all | how often it has been reported, this time included |
/// | `others` | all | how many more nodes this is true of that are not reported one by one |
/// | `id`, `path`, `kind`, `type_name`, `site` | all | the node |
/// | `label` | all | what it is handling, or `-` |
/// | `verdict` | all | what is to be said of it first, as a sentence |
#[derive(Clone)]
#[must_use = "it is given to `Builder::watchdog`"]
pub struct Watchdog {
    poll: Option<Duration>,
    handler: Option<Duration>,
    full: Option<Duration>,
    overrun: Option<Duration>,
    unreachable: Option<Duration>,
    storm: Option<(u32, Duration)>,
    hook: Option<Hook>,
}

/// What is shown each alarm.
type Hook = Arc<dyn Fn(&Alarm) + Send + Sync>;

impl Watchdog {
    /// The defaults: a poll of 1 s, a handler of 30 s, a mailbox that is full for 10 s, a stop that is over its time by
    /// 1 s, an actor that is unreachable for 60 s, and more than 20 restarts within 10 s.
    pub const fn new() -> Self {
        Self {
            poll: Some(Duration::from_secs(1)),
            handler: Some(Duration::from_secs(30)),
            full: Some(Duration::from_secs(10)),
            overrun: Some(Duration::from_secs(1)),
            unreachable: Some(Duration::from_secs(60)),
            storm: Some((20, Duration::from_secs(10))),
            hook: None,
        }
    }

    /// A poll of a node's code that lasts longer, and so keeps its thread from everything else. It is seen also when
    /// every worker is stuck. A blocking job has no polls.
    pub fn poll(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.poll = longer_than.into().map(at_least);
        self
    }

    /// A handler that lasts longer, suspended or not.
    pub fn handler(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.handler = longer_than.into().map(at_least);
        self
    }

    /// A mailbox for whose room senders have waited for longer.
    pub fn full(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.full = longer_than.into().map(at_least);
        self
    }

    /// A node whose time to end has been over for longer, and that is still there.
    pub fn overrun(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.overrun = longer_than.into().map(at_least);
        self
    }

    /// An actor that has been [unreachable](super::Snapshot#unreachable) for longer.
    pub fn unreachable(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.unreachable = longer_than.into().map(at_least);
        self
    }

    /// More restarts than this in the whole system within a time, or `None`.
    pub fn restarts(mut self, more_than: impl Into<Option<(u32, Duration)>>) -> Self {
        let bounded = |(count, within)| (count, at_least(within));
        self.storm = more_than.into().map(bounded);
        self
    }

    /// Is shown each alarm, on the watchdog's own thread. While it runs nothing is looked at, and the end of the
    /// system does not wait for it. A panic in it is traced and goes no further.
    pub fn on_alarm(mut self, hook: impl Fn(&Alarm) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// How long to wait between two looks at a small system.
    fn pause(&self) -> Duration {
        let times = [
            self.poll,
            self.handler,
            self.full,
            self.overrun,
            self.unreachable,
            self.storm.map(|(_, within)| within),
        ];
        let shortest = times.into_iter().flatten().min().unwrap_or(LONGEST);
        (shortest / 4).clamp(SHORTEST, LONGEST)
    }
}

fn at_least(time: Duration) -> Duration {
    time.max(SHORTEST)
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchdog")
            .field("poll", &self.poll)
            .field("handler", &self.handler)
            .field("full", &self.full)
            .field("overrun", &self.overrun)
            .field("unreachable", &self.unreachable)
            .field("storm", &self.storm)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Has a thread of its own look at the system four times within the shortest of the watchdog's thresholds, and say
    /// what lasts too long. It holds nothing up: it takes one lock at a time, and at most 2 % of one core, so that it
    /// looks less often where there are very many nodes. It ends with the system, which waits for that.
    ///
    /// While it looks, all [snapshots](crate::NodeRef::snapshot) know better since when something lasts.
    pub fn watchdog(self, watchdog: Watchdog) -> Self {
        let attend = move |system: &_, control: &_| Guard::new(&watchdog, control).watch(system);
        self.attend("tenure-watchdog", Arc::new(attend))
    }
}
