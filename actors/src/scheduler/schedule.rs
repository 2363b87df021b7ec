use std::fmt;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::clock::{Clock, Due};

/// When a job is run.
#[derive(Clone)]
pub struct Schedule(Kind);

#[derive(Clone)]
enum Kind {
    At(SystemTime),
    After(Duration),
    Every(Duration),
    #[cfg(feature = "cron")]
    Cron(super::cron::Cron),
}

/// The shortest period: that of tokio's timers.
const SHORTEST: Duration = Duration::from_millis(1);

impl Schedule {
    /// Once, at this time. A time in the past is due at once, and counts as [missed](super::Missed).
    #[must_use]
    pub const fn at(time: SystemTime) -> Self {
        Self(Kind::At(time))
    }

    /// Once, this long after the job was added. A time too long for the clock never comes.
    #[must_use]
    pub const fn after(time: Duration) -> Self {
        Self(Kind::After(time))
    }

    /// Periodically: first this long after the job was added, then after each time at which it was due, so that delays
    /// do not add up. A period below a millisecond is taken for a millisecond; one too long for the clock never comes.
    #[must_use]
    pub const fn every(period: Duration) -> Self {
        Self(Kind::Every(period))
    }

    #[cfg(feature = "cron")]
    pub(super) const fn of_cron(cron: super::cron::Cron) -> Self {
        Self(Kind::Cron(cron))
    }

    /// When it is due first. `None` if it never is.
    pub(super) fn first(&self, clock: Clock) -> Option<Due> {
        match &self.0 {
            Kind::At(time) => Some(Due::Wall(*time)),
            Kind::After(time) => Instant::now().checked_add(*time).map(Due::Steady),
            Kind::Every(period) => {
                let first = Instant::now().checked_add((*period).max(SHORTEST));
                first.map(Due::Steady)
            }
            #[cfg(feature = "cron")]
            Kind::Cron(cron) => cron.after(clock.now()).map(Due::Wall),
        }
        .filter(|due| clock.on_the_wall(*due).is_some())
    }

    /// When it is due next after `due`.
    pub(super) fn next(&self, due: Due) -> Option<Due> {
        match (&self.0, due) {
            (Kind::Every(period), Due::Steady(due)) => {
                due.checked_add((*period).max(SHORTEST)).map(Due::Steady)
            }
            #[cfg(feature = "cron")]
            (Kind::Cron(cron), Due::Wall(due)) => cron.after(due).map(Due::Wall),
            _ => None,
        }
    }

    /// How often it was due from `due` until now, and when it is due next.
    pub(super) fn skip(&self, due: Due, clock: Clock) -> (u64, Option<Due>) {
        if let (Kind::Every(period), Due::Steady(at)) = (&self.0, due) {
            // Not one by one: there may be millions.
            let period = (*period).max(SHORTEST);
            let over = clock.since(due).as_nanos() / period.as_nanos();
            let over = u32::try_from(over).unwrap_or(u32::MAX);
            let last = period
                .checked_mul(over)
                .and_then(|time| at.checked_add(time));
            let next = last.and_then(|last| self.next(Due::Steady(last)));
            return (u64::from(over) + 1, next);
        }
        let (mut number, mut next) = (1, self.next(due));
        while let Some(due) = next.filter(|due| clock.is_due(*due)) {
            number += 1;
            next = self.next(due);
        }
        (number, next)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::At(time) => f.debug_tuple("At").field(time).finish(),
            Kind::After(time) => f.debug_tuple("After").field(time).finish(),
            Kind::Every(period) => f.debug_tuple("Every").field(period).finish(),
            #[cfg(feature = "cron")]
            Kind::Cron(cron) => f.debug_tuple("Cron").field(cron).finish(),
        }
    }
}
