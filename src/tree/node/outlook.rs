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
}

/// What an owner keeps of that.
#[derive(Debug, Default)]
pub(in crate::tree) struct KeptOutlook {
    /// Of all that is beneath it, and until when that counts.
    seen: Option<(Outlook, Instant)>,
    /// When those beneath that are to be blamed were named, though nobody waited to be told.
    named: Option<Instant>,
}

impl Outlook {
    pub(in crate::tree) fn look_at(&mut self, moment: Instant) {
        self.next = Some(self.next.map_or(moment, |first| first.min(moment)));
    }

    pub(in crate::tree) fn add(&mut self, other: Self) {
        self.alive += other.alive;
        if let Some(next) = other.next {
            self.look_at(next);
        }
        self.has_time |= other.has_time;
        self.is_held_up |= other.is_held_up;
    }
}

impl Children {
    /// What somebody has seen just now beneath the owner of this table.
    pub(in crate::tree) fn outlook(&self, now: Instant) -> Option<Outlook> {
        let (seen, until) = self.outlook.as_ref()?.seen?;
        let is_fresh = now < until && seen.next.is_none_or(|next| now < next);
        is_fresh.then_some(seen)
    }

    /// Somebody has looked from `begin` to `end`. It counts for as long again, so that all who look spend no more than half
    /// of their time on the way.
    pub(in crate::tree) fn keep_outlook(&mut self, seen: Outlook, begin: Instant, end: Instant) {
        let until = end + MOMENT.max(end.saturating_duration_since(begin));
        self.outlook.get_or_insert_default().seen = Some((seen, until));
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
