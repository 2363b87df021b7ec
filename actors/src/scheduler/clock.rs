use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The time on the wall.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    System,
    /// Goes with tokio's clock, from this time on.
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

    /// How long it is until then; zero if that has been.
    pub(super) fn until(self, due: Due) -> Duration {
        match due {
            Due::Wall(time) => time.duration_since(self.now()).unwrap_or_default(),
            Due::Steady(time) => time.saturating_duration_since(Instant::now()),
        }
    }

    /// How long it has been since then; zero if that is to come.
    pub(super) fn since(self, due: Due) -> Duration {
        match due {
            Due::Wall(time) => self.now().duration_since(time).unwrap_or_default(),
            Due::Steady(time) => Instant::now().saturating_duration_since(time),
        }
    }

    pub(super) fn is_due(self, due: Due) -> bool {
        self.until(due).is_zero()
    }

    /// On the wall, as far as can be said now.
    pub(super) fn on_the_wall(self, due: Due) -> Option<SystemTime> {
        match due {
            Due::Wall(time) => Some(time),
            Due::Steady(_) => self.now().checked_add(self.until(due)),
        }
    }
}
