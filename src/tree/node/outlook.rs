//! What those who wait for an end have seen beneath an owner.
//!
//! Whoever waits for an end that lasts looks at all that is beneath, and in a deep tree there may be one who does so at
//! each level. So an owner keeps for a moment what one of them has seen, and the next one takes it from there: those who
//! look at about the same time go through the tree once, in whatever order they come (rule 15).

use std::time::Duration;

use tokio::time::Instant;

use super::children::Children;

/// For how long it is kept at least: others look in the same moment, or in the same tick of the runtime's timers.
const MOMENT: Duration = Duration::from_millis(1);

/// What there is among some nodes that may hold up an end.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::tree) struct Outlook {
    /// How many are alive.
    pub(in crate::tree) alive: usize,
    /// When the next one will be overdue, if nothing ends before.
    pub(in crate::tree) next: Option<Instant>,
    /// Somebody has time to end, and uses it.
    pub(in crate::tree) has_time: bool,
    /// Somebody is overdue, and to be blamed for that.
    pub(in crate::tree) is_held_up: bool,
    /// Until when it counts, if any of it is what somebody has seen before.
    pub(in crate::tree) until: Option<Instant>,
}

/// What an owner keeps of that.
#[derive(Debug, Default)]
pub(in crate::tree) struct KeptOutlook {
    /// Of all that is beneath it.
    seen: Option<Outlook>,
    /// When those beneath that are to be blamed were named, though nobody waited to be told.
    named: Option<Instant>,
}

impl Outlook {
    pub(in crate::tree) fn look_at(&mut self, moment: Instant) {
        self.next = earliest(self.next, moment);
    }

    pub(in crate::tree) fn add(&mut self, other: Self) {
        self.alive += other.alive;
        if let Some(next) = other.next {
            self.look_at(next);
        }
        self.has_time |= other.has_time;
        self.is_held_up |= other.is_held_up;
        if let Some(until) = other.until {
            self.until = earliest(self.until, until);
        }
    }
}

fn earliest(known: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(known.map_or(other, |known| known.min(other)))
}

impl Children {
    /// What somebody has seen just now beneath the owner of this table.
    pub(in crate::tree) fn outlook(&self, now: Instant) -> Option<Outlook> {
        let seen = self.outlook.as_ref()?.seen?;
        let counts = |moment: Option<Instant>| moment.is_none_or(|moment| now < moment);
        (counts(seen.until) && counts(seen.next)).then_some(seen)
    }

    /// Somebody has looked from `begin` to `end`. It counts for as long again, so that all who look spend no more than half
    /// of their time on the way; but no longer than what was taken from others does, or it would get older at each level.
    pub(in crate::tree) fn keep_outlook(&mut self, seen: Outlook, begin: Instant, end: Instant) {
        let until = end + MOMENT.max(end.saturating_duration_since(begin));
        let until = earliest(seen.until, until);
        self.outlook.get_or_insert_default().seen = Some(Outlook { until, ..seen });
    }

    /// Those beneath the owner of this table are named now. `false` if they were less than `pause` ago.
    pub(in crate::tree) fn name_once(&mut self, now: Instant, pause: Duration) -> bool {
        let named = &mut self.outlook.get_or_insert_default().named;
        let is_new = named.is_none_or(|named| now.saturating_duration_since(named) >= pause);
        if is_new {
            *named = Some(now);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each level looks at the one beneath it a little later.
    #[test]
    fn what_is_taken_from_level_to_level_gets_no_older_than_a_moment() {
        let begin = Instant::now();
        let mut levels = [(); 3].map(|()| Children::new());
        let seen = Outlook {
            alive: 1,
            ..Outlook::default()
        };
        levels[0].keep_outlook(seen, begin, begin);
        for (level, part) in [(0, 2), (1, 4)] {
            let now = begin + MOMENT - MOMENT / part;
            let mut above = Outlook::default();
            above.add(levels[level].outlook(now).unwrap());
            levels[level + 1].keep_outlook(above, now, now);
        }
        for level in &levels {
            assert!(level.outlook(begin + MOMENT - MOMENT / 8).is_some());
            assert!(level.outlook(begin + MOMENT).is_none());
        }
    }
}
