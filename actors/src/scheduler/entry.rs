use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use tenure::{Actor, Context, NodeId, Result, TaskSpec};

use super::clock::{Clock, Due};
use super::job::{Job, Missed, Overlap};
use crate::caught;

/// The state of a job in its scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobInfo {
    /// Its name.
    pub name: String,
    /// When it is due next; `None` if it will not be due again.
    pub next: Option<SystemTime>,
    /// How many runs have begun.
    pub runs: u64,
    /// How many runs were left out: they were missed, or the previous run had not ended.
    pub left_out: u64,
    /// How many runs have failed.
    pub failures: u64,
    /// The text of the last failure.
    pub last_failure: Option<String>,
    /// How many runs have not ended.
    pub running: usize,
}

/// A run that is later than this was missed.
const LATE: Duration = Duration::from_secs(1);

/// How many missed runs are made up for at a time.
const MOST: u64 = 1_000;

/// A job and its state.
pub(super) struct Entry {
    job: Job,
    due: Option<Due>,
    /// The random delay of the next run.
    jitter: Duration,
    /// How many runs wait for the previous run to end.
    waiting: u64,
    running: HashSet<NodeId>,
    /// The number in the name of the last run.
    number: u64,
    info: JobInfo,
}

impl Entry {
    pub(super) fn new(job: Job, clock: Clock) -> Self {
        let info = JobInfo {
            name: job.name.clone(),
            next: None,
            runs: 0,
            left_out: 0,
            failures: 0,
            last_failure: None,
            running: 0,
        };
        let mut entry = Self {
            due: job.schedule.first(clock),
            job,
            jitter: Duration::ZERO,
            waiting: 0,
            running: HashSet::new(),
            number: 0,
            info,
        };
        entry.draw_jitter();
        entry
    }

    pub(super) fn info(&self, clock: Clock) -> JobInfo {
        JobInfo {
            next: self.due.and_then(|due| clock.on_the_wall(due)),
            running: self.running.len(),
            ..self.info.clone()
        }
    }

    /// Whether no run is due, waits or is running.
    pub(super) fn is_over(&self) -> bool {
        self.due.is_none() && self.waiting == 0 && self.running.is_empty()
    }

    /// How long it is until the next run, with its jitter.
    pub(super) fn time_left(&self, clock: Clock) -> Option<Duration> {
        let due = self.due?;
        let late = clock.since(due);
        Some(
            clock
                .until(due)
                .saturating_add(self.jitter)
                .saturating_sub(late),
        )
    }

    /// Begins the runs that are due.
    pub(super) fn look<A: Actor>(&mut self, clock: Clock, ctx: &Context<A>) -> Result {
        let is_due = |left: Duration| left.is_zero();
        while let Some(due) = self
            .due
            .filter(|_| self.time_left(clock).is_some_and(is_due))
        {
            let late = clock.since(due).saturating_sub(self.jitter);
            let (number, next) = match late > LATE {
                true => self.job.schedule.skip(due, clock),
                false => (1, self.job.schedule.next(due)),
            };
            self.due = next;
            self.draw_jitter();
            let runs = match (late > LATE, self.job.missed) {
                (false, _) | (true, Missed::Once) => 1,
                (true, Missed::Skip) => 0,
                (true, Missed::Each) => number.min(MOST),
            };
            self.info.left_out += number - runs;
            self.begin(runs, ctx)?;
        }
        Ok(())
    }

    /// Begins this many runs, as far as the overlap policy allows.
    pub(super) fn begin<A: Actor>(&mut self, runs: u64, ctx: &Context<A>) -> Result {
        if self.job.overlap == Overlap::Allow {
            for _ in 0..runs {
                self.run(ctx)?;
            }
            return Ok(());
        }
        let is_running = !self.running.is_empty() || self.waiting > 0;
        match (is_running, self.job.overlap) {
            (true, Overlap::Skip) => self.info.left_out += runs,
            (true, _) => {
                self.info.left_out += self.waiting + runs - self.waiting.max(runs);
                self.waiting = self.waiting.max(runs);
            }
            (false, _) => self.waiting = runs,
        }
        self.go_on(ctx)
    }

    /// Begins a run that waits, if the previous run has ended.
    fn go_on<A: Actor>(&mut self, ctx: &Context<A>) -> Result {
        // A loop, since a run whose closure panics has ended at once.
        while self.waiting > 0 && self.running.is_empty() {
            self.waiting -= 1;
            self.run(ctx)?;
        }
        Ok(())
    }

    fn run<A: Actor>(&mut self, ctx: &Context<A>) -> Result {
        self.info.runs += 1;
        let run = match caught(|| (self.job.run)()) {
            Ok(run) => run,
            Err(panic) => {
                self.failed(format!("it panicked: {panic}"));
                return Ok(());
            }
        };
        let name = self.next_name(ctx);
        let task = ctx.task(TaskSpec::new(run).name(name).contain())?;
        self.running.insert(task.node().id());
        Ok(())
    }

    /// A free name for the next run. Runs of a removed job of the same name may still go on.
    fn next_name<A: Actor>(&mut self, ctx: &Context<A>) -> String {
        loop {
            self.number += 1;
            let name = format!("{}-{}", self.job.name, self.number);
            if ctx.child(&name).is_none() {
                return name;
            }
        }
    }

    /// Notes the end of a task. `false` if it was not a run of this job.
    pub(super) fn ended<A: Actor>(
        &mut self,
        id: NodeId,
        failure: Option<String>,
        ctx: &Context<A>,
    ) -> Result<bool> {
        if !self.running.remove(&id) {
            return Ok(false);
        }
        if let Some(failure) = failure {
            self.failed(failure);
        }
        self.go_on(ctx)?;
        Ok(true)
    }

    fn failed(&mut self, failure: String) {
        tracing::warn!(job = self.job.name, failure, "a run has failed");
        self.info.failures += 1;
        self.info.last_failure = Some(failure);
    }

    fn draw_jitter(&mut self) {
        // Each `RandomState` has other keys, which is random enough here: nothing secret depends on it.
        let bits = RandomState::new().build_hasher().finish();
        let part = f64::from((bits >> 32) as u32) / f64::from(u32::MAX);
        let jitter = Duration::try_from_secs_f64(self.job.jitter.as_secs_f64() * part);
        self.jitter = jitter.unwrap_or(self.job.jitter);
    }
}
