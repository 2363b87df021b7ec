use std::fmt;
use std::time::SystemTime;

use tenure::{ChildSpec, Context, Result, Start};
use tokio::time::Instant;

use super::actor::Scheduler;
use super::clock::Clock;
use super::job::Job;

/// The recipe that a [`Scheduler`] is started from.
#[derive(Default)]
#[must_use = "options do nothing until they are started"]
pub struct SchedulerOptions {
    jobs: Vec<Job>,
    from: Option<SystemTime>,
}

impl SchedulerOptions {
    /// A scheduler without jobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a job. A job that the scheduler refuses fails its start.
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// For tests: the wall clock has this time when the scheduler starts, and then runs with tokio's clock, which may
    /// be paused.
    pub fn clock_from(mut self, time: SystemTime) -> Self {
        self.from = Some(time);
        self
    }

    /// The scheduler as a child.
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self)
    }
}

impl Start for SchedulerOptions {
    type Actor = Scheduler;

    async fn start(self, ctx: &mut Context<Scheduler>) -> Result<Scheduler> {
        let clock = match self.from {
            Some(time) => Clock::From(time, Instant::now()),
            None => Clock::System,
        };
        let mut scheduler = Scheduler::new(clock);
        for job in self.jobs {
            scheduler.add(job)?;
        }
        scheduler.look(ctx)?;
        Ok(scheduler)
    }
}

impl fmt::Debug for SchedulerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerOptions")
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}
