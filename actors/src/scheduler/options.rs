use std::fmt;
use std::time::SystemTime;

use tenure::{ChildSpec, Context, Result, Start};
use tokio::time::Instant;

use super::actor::Scheduler;
use super::clock::Clock;
use super::job::Job;

/// What a [`Scheduler`] is started from: its recipe.
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

    /// With one more job. One that it does not take fails its start.
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// The time on the wall is this one when the scheduler starts, and goes with tokio's clock from then on: for tests,
    /// on a clock that is paused.
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
