use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    System,
    /// Runs with tokio's clock, from this time at this instant.
    From(SystemTime, Instant),
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Wall(SystemTime),
    Steady(Instant),
}

impl Clock {
    pub(super) fn now(self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::From(start, began) => start.checked_add(began.elapsed()).unwrap_or(start),
        }
    }

    /// The time until then; zero if it is past.
    pub(super) fn until(self, due: Due) -> Duration {
        match due {
            Due::Wall(time) => time.duration_since(self.now()).unwrap_or_default(),
            Due::Steady(time) => time.saturating_duration_since(Instant::now()),
        }
    }

    /// The time since then; zero if it is in the future.
    pub(super) fn since(self, due: Due) -> Duration {
        match due {
            Due::Wall(time) => self.now().duration_since(time).unwrap_or_default(),
            Due::Steady(time) => Instant::now().saturating_duration_since(time),
        }
    }

    pub(super) fn is_due(self, due: Due) -> bool {
        self.until(due).is_zero()
    }

    /// The wall-clock time of `due`, as far as it is known now.
    pub(super) fn on_the_wall(self, due: Due) -> Option<SystemTime> {
        match due {
            Due::Wall(time) => Some(time),
            Due::Steady(_) => self.now().checked_add(self.until(due)),
        }
    }
}
