//! What somebody who waits for an end has seen beneath an owner.
//!
//! A wait for an end that lasts looks at everything beneath, and in a deep tree somebody may wait at each level. So
//! each owner keeps for a moment what was seen beneath it, and the next one who looks takes it from there. All who look
//! at about the same time go through the tree once together, in any order (rule 15).

use std::time::Duration;

use tokio::time::Instant;

use super::children::Children;

/// How long it is kept at least: others look at the same moment, or in the same tick of the runtime's timers.
const MOMENT: Duration = Duration::from_millis(1);

/// What was seen of some nodes that may hold up an end.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::tree) struct Outlook {
    /// How many are alive.
    pub(in crate::tree) alive: usize,
    /// When the next one becomes overdue, if nothing ends before.
    pub(in crate::tree) next: Option<Instant>,
    /// Some node still has time to end and is using it.
    pub(in crate::tree) has_time: bool,
    /// Some node is overdue and to blame.
    pub(in crate::tree) is_held_up: bool,
    /// Until when it is valid, if a part of it was taken from an earlier look.
    pub(in crate::tree) valid_until: Option<Instant>,
}

/// What an owner keeps of looks.
#[derive(Debug, Default)]
pub(in crate::tree) struct KeptOutlook {
    /// What was seen of everything beneath it.
    seen: Option<Outlook>,
    /// When those to blame beneath it were last named without a caller who waited to be told.
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
        if let Some(until) = other.valid_until {
            self.valid_until = earliest(self.valid_until, until);
        }
    }
}

fn earliest(known: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(known.map_or(other, |known| known.min(other)))
}

impl Children {
    /// What was seen beneath the owner of this table, if that is still valid.
    pub(in crate::tree) fn outlook(&self, now: Instant) -> Option<Outlook> {
        let seen = self.outlook.as_ref()?.seen?;
        let counts = |moment: Option<Instant>| moment.is_none_or(|moment| now < moment);
        (counts(seen.valid_until) && counts(seen.next)).then_some(seen)
    }

    /// Keeps the result of a look that took from `begin` to `end`. It is valid for as long again, so that looking takes
    /// no more than half of the time; but no longer than the parts that were taken from earlier looks, or it would get
    /// older at each level.
    pub(in crate::tree) fn keep_outlook(&mut self, seen: Outlook, begin: Instant, end: Instant) {
        let until = end + MOMENT.max(end.saturating_duration_since(begin));
        let valid_until = earliest(seen.valid_until, until);
        self.outlook.get_or_insert_default().seen = Some(Outlook {
            valid_until,
            ..seen
        });
    }

    /// Notes that those beneath the owner of this table are named now. `false` if that was less than `pause` ago.
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
