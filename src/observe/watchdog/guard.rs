use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant as Clock};

use tokio::time::Instant;

use super::super::options::SnapshotOptions;
use super::super::snapshot::NodeInfo;
use super::super::take::{take, take_one};
use super::Watchdog;
use super::alarm::{Alarm, AlarmKind};
use super::scan::Scan;
use crate::sync::{panic_message, saturating_add};
use crate::system::Control;
use crate::tree::{Activity, AnyNode, NodeId, NodeRef};

/// How many nodes of each kind are reported one by one at one look.
const AT_ONCE: usize = 8;

/// The pause after a look is this many times as long as the look: 2 % of a core.
const PAUSES: u32 = 50;

/// A running watchdog.
pub(super) struct Guard<'a> {
    watchdog: &'a Watchdog,
    control: &'a Control,
    reported: HashMap<(NodeId, AlarmKind), Reported>,
    storm: Storm,
}

/// What was reported for a node.
#[derive(Debug, Clone, Copy, Default)]
struct Reported {
    times: u32,
    /// How long it had lasted at the last look.
    lasted: Duration,
    /// It is reported again once it has lasted for this long.
    next: Duration,
    /// It was still so at the last look.
    lasts: bool,
}

/// A node with an activity that has lasted longer than allowed, and how long.
type Late = (Arc<dyn AnyNode>, Duration);

impl<'a> Guard<'a> {
    pub(super) fn new(watchdog: &'a Watchdog, control: &'a Control) -> Self {
        Self {
            watchdog,
            control,
            reported: HashMap::new(),
            storm: Storm::default(),
        }
    }

    pub(super) fn watch(mut self, system: &Arc<dyn AnyNode>) {
        // Uses the clock of the system's own runtime.
        let _clock = system.shared.handle.enter();
        let pause = self.watchdog.pause();
        let mut next = pause;
        while self.control.wait(next) {
            let began = Clock::now();
            if !self.look(system) {
                return;
            }
            next = pause.max(began.elapsed() * PAUSES);
        }
    }

    /// `false` if it is to end.
    fn look(&mut self, system: &Arc<dyn AnyNode>) -> bool {
        let now = Instant::now();
        let scan = Scan::of(system, now);
        let seen = scan
            .sights
            .iter()
            .map(|sight| (sight.node.id(), sight.activity));
        let since = system.shared.sightings.note(now, seen);
        let mut late: HashMap<AlarmKind, Vec<Late>> = HashMap::new();
        for (sight, since) in scan.sights.into_iter().zip(since) {
            let (kind, limit) = self.limit(sight.activity);
            let lasted = now.saturating_duration_since(since);
            if limit.is_some_and(|limit| lasted >= limit) {
                late.entry(kind).or_default().push((sight.node, lasted));
            }
        }
        for overrun in scan.overruns {
            if self
                .watchdog
                .overrun
                .is_some_and(|limit| overrun.by >= limit)
            {
                let late = late.entry(AlarmKind::StopOverrun).or_default();
                late.push((overrun.node, overrun.by));
            }
        }
        for (kind, late) in late {
            if !self.report(kind, late) {
                return false;
            }
        }
        self.reported
            .retain(|_, known| std::mem::take(&mut known.lasts));
        self.look_for_storm(system, now)
    }

    fn limit(&self, activity: Activity) -> (AlarmKind, Option<Duration>) {
        let Watchdog {
            poll,
            handler,
            full,
            unreachable,
            ..
        } = *self.watchdog;
        match activity {
            Activity::Poll(_) => (AlarmKind::StuckPoll, poll),
            Activity::Handler(_) => (AlarmKind::LongHandler, handler),
            Activity::Full => (AlarmKind::FullMailbox, full),
            Activity::Unreachable => (AlarmKind::Unreachable, unreachable),
        }
    }

    fn report(&mut self, kind: AlarmKind, mut late: Vec<Late>) -> bool {
        late.sort_by_key(|(_, lasted)| std::cmp::Reverse(*lasted));
        let mut due = Vec::new();
        for (node, lasted) in late {
            let known = self.reported.entry((node.id(), kind)).or_default();
            if let Some(times) = known.report(lasted) {
                due.push((node, lasted, times));
            }
        }
        let mut others = due.len().saturating_sub(AT_ONCE);
        for (node, lasted, times) in due.into_iter().take(AT_ONCE) {
            let Some(node) = take_one(&node) else {
                continue;
            };
            let alarm = Alarm {
                kind,
                lasted,
                node: Box::new(node),
                times,
                others: std::mem::take(&mut others),
            };
            if !self.show(&alarm) {
                return false;
            }
        }
        true
    }

    fn look_for_storm(&mut self, system: &Arc<dyn AnyNode>, now: Instant) -> bool {
        let Some((most, within)) = self.watchdog.storm else {
            return true;
        };
        let count = system.shared.restarts.load(Ordering::Relaxed);
        let Some((recent, lasted)) = self.storm.count(now, count, within) else {
            return true;
        };
        let Some(times) = self.storm.report(now, recent > u64::from(most), within) else {
            return true;
        };
        let snapshot = take(&NodeRef::new(Arc::clone(system)), &SnapshotOptions::new());
        let restarts = |node: &NodeInfo| node.restarts.as_ref().map(|of| of.recent);
        let Some(node) = snapshot.nodes.into_iter().max_by_key(restarts) else {
            return true;
        };
        self.show(&Alarm {
            kind: AlarmKind::RestartStorm,
            lasted,
            node: Box::new(node),
            times,
            others: usize::try_from(recent).unwrap_or(usize::MAX),
        })
    }

    /// `false` if it is to end.
    fn show(&self, alarm: &Alarm) -> bool {
        self.control.run_foreign(|| {
            // A trace subscriber is user code as well.
            let shown = catch_unwind(AssertUnwindSafe(|| {
                alarm.trace();
                if let Some(hook) = &self.watchdog.hook {
                    hook(alarm);
                }
            }));
            if let Err(panic) = shown {
                let panic = panic_message(panic);
                let traced = || tracing::warn!(name: "tenure.panic", panic, "the hook of a watchdog panicked");
                drop(catch_unwind(AssertUnwindSafe(traced)));
            }
        })
    }
}

impl Reported {
    /// Notes that it has lasted for this long, which is too long. If it is to be reported now: how often, including
    /// this time.
    fn report(&mut self, lasted: Duration) -> Option<u32> {
        if lasted < self.lasted {
            // This is another handler or poll.
            *self = Self::default();
        }
        self.lasts = true;
        self.lasted = lasted;
        if lasted < self.next {
            return None;
        }
        self.times += 1;
        self.next = lasted.saturating_mul(2);
        Some(self.times)
    }
}

/// Counts the restarts of actors.
#[derive(Debug, Default)]
struct Storm {
    /// How many restarts there had been, at which moments.
    counts: VecDeque<(Instant, u64)>,
    times: u32,
    /// It is not reported again before this.
    until: Option<Instant>,
}

/// How many counts are kept for the time in which restarts are counted.
const PARTS: u32 = 256;

impl Storm {
    /// How many restarts there were within this time, and how long the counted time really was.
    fn count(&mut self, now: Instant, count: u64, within: Duration) -> Option<(u64, Duration)> {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= within;
        while self.counts.get(1).is_some_and(|(at, _)| is_old(*at)) {
            self.counts.pop_front();
        }
        let part = within / PARTS;
        let last = self.counts.back();
        if last.is_none_or(|(at, _)| now.saturating_duration_since(*at) >= part) {
            self.counts.push_back((now, count));
        }
        let (at, before) = self.counts.front()?;
        Some((
            count.saturating_sub(*before),
            now.saturating_duration_since(*at),
        ))
    }

    fn report(&mut self, now: Instant, is_storm: bool, within: Duration) -> Option<u32> {
        if !is_storm {
            self.times = 0;
            self.until = None;
            return None;
        }
        if self.until.is_some_and(|until| now < until) {
            return None;
        }
        let pause = within.saturating_mul(1 << self.times.min(16));
        self.times += 1;
        self.until = Some(saturating_add(now, pause));
        Some(self.times)
    }
}
