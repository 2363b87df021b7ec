//! A thread that looks at a system from time to time and reports what lasts too long.

mod alarm;
mod guard;
mod scan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use alarm::{Alarm, AlarmKind};
use guard::Guard;

use crate::system::Builder;

/// The shortest threshold, and the shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest time between two looks at a small system.
const LONGEST: Duration = Duration::from_secs(1);

/// What a system's watchdog looks for: see [`Builder::watchdog`].
///
/// Each threshold can be changed or, with `None`, switched off; the shortest is 10 ms. An alarm is a `tracing` event
/// with the name `tenure.alarm` and the target `tenure::watchdog`, and a call of the [hook](Watchdog::on_alarm) if
/// there is one. What goes on is reported again after twice, four times, eight times as long.
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
/// | `lasted_ms` | all | how long it has lasted, at least |
/// | `times` | all | how often it was reported, including this time |
/// | `others` | all | for how many more nodes this is true, which are not reported one by one |
/// | `id`, `path`, `kind`, `type_name`, `site` | all | the node |
/// | `label` | all | what it is handling, or `-` |
/// | `verdict` | all | what is most important about it, as a sentence |
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

/// The hook that is called with each alarm.
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

    /// Reports a poll of a node's code that lasts longer and so blocks its thread. This is seen even when every worker
    /// is stuck. A blocking job has no polls.
    pub fn poll(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.poll = longer_than.into().map(at_least);
        self
    }

    /// Reports a handler that lasts longer, suspended or not.
    pub fn handler(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.handler = longer_than.into().map(at_least);
        self
    }

    /// Reports a mailbox for whose room senders have waited longer.
    pub fn full(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.full = longer_than.into().map(at_least);
        self
    }

    /// Reports a node that is still alive although its time to end has been up for longer.
    pub fn overrun(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.overrun = longer_than.into().map(at_least);
        self
    }

    /// Reports an actor that has been [unreachable](super::Snapshot#unreachable) for longer.
    pub fn unreachable(mut self, longer_than: impl Into<Option<Duration>>) -> Self {
        self.unreachable = longer_than.into().map(at_least);
        self
    }

    /// Reports more restarts than this in the whole system within a time. `None` switches it off.
    pub fn restarts(mut self, more_than: impl Into<Option<(u32, Duration)>>) -> Self {
        let bounded = |(count, within)| (count, at_least(within));
        self.storm = more_than.into().map(bounded);
        self
    }

    /// Calls the hook with each alarm, on the watchdog's own thread. While it runs, there are no looks, and the end of
    /// the system does not wait for it. A panic in it is traced and goes no further.
    pub fn on_alarm(mut self, hook: impl Fn(&Alarm) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// The time between two looks at a small system.
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
    /// Starts a thread that looks at the system four times within the shortest threshold of the watchdog and reports
    /// what lasts too long. It holds up nothing: it takes one lock at a time and at most 2 % of one core, so it looks
    /// less often if there are very many nodes. It ends with the system, which waits for it.
    ///
    /// With a watchdog, [snapshots](crate::NodeRef::snapshot) know more exactly how long something has lasted.
    pub fn watchdog(self, watchdog: Watchdog) -> Self {
        let watch = move |system: &_, control: &_| Guard::new(&watchdog, control).watch(system);
        self.companion("tenure-watchdog", Arc::new(watch))
    }
}
