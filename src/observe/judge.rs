//! Finds the verdict of each node, once all have been looked at: what lasts, who waits for whom, and what is most
//! urgent.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::cycles::{Cycles, cycles};
use super::facts::{Fate, WaitInfo, WaitKind};
use super::info::Seen;
use super::snapshot::NodeInfo;
use super::verdict::Verdict;
use crate::error::{Kind, Phase};
use crate::tree::{Activity, Sightings};

/// A poll that lasts longer than this blocks its thread.
pub(super) const LONG_POLL: Duration = Duration::from_millis(100);

/// How long each node has been unreachable or has had a full mailbox. No node can be both.
type Lasted = HashMap<usize, Duration>;

pub(super) fn judge(seen: &mut [Seen], sightings: &Sightings, now: Instant) {
    let lasted = note_what_lasts(seen, sightings, now);
    let mut cycles = cycles(seen);
    for (place, each) in seen.iter_mut().enumerate() {
        each.info.verdict = verdict(each, place, &mut cycles, &lasted, now);
        each.info.holds_up_stop = holds_up_stop(each);
    }
}

/// Notes each activity that may last, shared by all who look, and how long it has lasted.
fn note_what_lasts(seen: &mut [Seen], sightings: &Sightings, now: Instant) -> Lasted {
    let mut noted = Vec::new();
    for (place, each) in seen.iter().enumerate() {
        let info = &each.info;
        let mut note = |activity| noted.push((place, info.id, activity));
        if info.in_poll_for.is_some() {
            note(Activity::Poll(info.polls));
        }
        if info.label.is_some() && each.handling_since.is_none() {
            note(Activity::Handler(each.handler));
        }
        if each.unreachable.is_some() {
            note(Activity::Unreachable);
        }
        if info.mailbox.is_some_and(|mail| mail.senders_waiting > 0) {
            note(Activity::Full);
        }
    }
    let mut all = Lasted::new();
    let since = sightings.note(now, noted.iter().map(|(_, id, activity)| (*id, *activity)));
    for ((place, _, activity), since) in noted.into_iter().zip(since) {
        let lasted = now.saturating_duration_since(since);
        let info = &mut seen[place].info;
        match activity {
            Activity::Poll(_) => info.in_poll_for = Some(lasted),
            Activity::Handler(_) => info.handling_for = Some(lasted),
            Activity::Unreachable | Activity::Full => drop(all.insert(place, lasted)),
        }
    }
    for each in seen.iter_mut() {
        let timed = each.handling_since;
        let timed = timed.map(|since| now.saturating_duration_since(since));
        each.info.handling_for = timed.or(each.info.handling_for);
    }
    all
}

fn verdict(
    seen: &Seen,
    place: usize,
    cycles: &mut Cycles,
    lasted: &Lasted,
    now: Instant,
) -> Verdict {
    let info = &seen.info;
    let label = || info.label.clone();
    if let Some((cycle, is_limited)) = cycles.remove(&place) {
        return Verdict::Deadlocked { cycle, is_limited };
    }
    // A blocking job may block its thread.
    let in_poll = info.in_poll_for.filter(|_| info.kind != Kind::Blocking);
    if let Some(lasted) = in_poll.filter(|lasted| *lasted >= LONG_POLL) {
        return Verdict::Stuck {
            lasted,
            label: label(),
        };
    }
    if let Some(since) = seen.over_since {
        return Verdict::Overdue {
            by: now.saturating_duration_since(since),
            label: label(),
        };
    }
    if info.phase == Phase::Stopping {
        return stopping(info);
    }
    let lasted = lasted.get(&place).copied().unwrap_or_default();
    if let Some(weak_references) = seen.unreachable {
        return Verdict::Unreachable {
            lasted,
            weak_references,
        };
    }
    if info.phase == Phase::Restarting {
        let restarts = info.restarts.as_ref();
        return Verdict::Restarting {
            attempt: restarts.map_or(0, |restarts| restarts.recent),
            limit: restarts.map_or(0, |restarts| restarts.limit),
            due_in: restarts.and_then(|restarts| restarts.due_in),
        };
    }
    if let Some(mail) = info.mailbox.filter(|mail| mail.senders_waiting > 0) {
        return Verdict::Full {
            queued: mail.queued,
            senders: mail.senders_waiting,
            lasted,
            label: label(),
        };
    }
    at_work(seen)
}

fn stopping(info: &NodeInfo) -> Verdict {
    let grace = info.grace.as_ref();
    Verdict::Stopping {
        waits_for: longest(&info.waits),
        lasted: info.order.as_ref().and_then(|order| order.ago),
        left: grace.and_then(|grace| grace.left),
        then: grace.map_or(Fate::Nothing, |grace| grace.then),
    }
}

/// The verdict of a node with which nothing is wrong.
fn at_work(seen: &Seen) -> Verdict {
    let info = &seen.info;
    if let Some(what) = longest(&info.waits) {
        return Verdict::Waiting { what: Some(what) };
    }
    if info.phase == Phase::Starting {
        return Verdict::Starting {
            lasted: info.phase_for.unwrap_or_default(),
        };
    }
    if seen.is_busy {
        return Verdict::Busy {
            label: info.label.clone(),
            lasted: match info.kind {
                Kind::Blocking => Some(info.age),
                _ => info.handling_for.or(info.in_poll_for),
            },
        };
    }
    match info.kind {
        Kind::Task | Kind::Scope => Verdict::Waiting { what: None },
        _ => Verdict::Idle,
    }
}

/// The longest wait. Waits for nodes come before waits for a time.
fn longest(waits: &[WaitInfo]) -> Option<WaitInfo> {
    let key = |wait: &&WaitInfo| (wait.kind != WaitKind::Backoff, wait.lasted);
    waits.iter().max_by_key(key).cloned()
}

/// Whether a stop waits for this node itself, and not for nodes beneath it.
fn holds_up_stop(seen: &Seen) -> bool {
    seen.info.phase == Phase::Stopping && seen.uses_own_time
}
