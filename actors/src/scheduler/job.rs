use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tenure::{Recipient, Result};

use super::schedule::Schedule;

pub(super) type Run = Pin<Box<dyn Future<Output = Result> + Send>>;

/// What to do about missed runs: those that are more than a second late, because the machine slept, its clock was set,
/// or the scheduler was held up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missed {
    /// One run, at once, makes up for all of them.
    #[default]
    Once,
    /// They are left out.
    Skip,
    /// Each of them is made up for by a run, at most 1,000 at a time.
    Each,
}

/// What to do when a run is due and the previous run has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// The run is left out.
    #[default]
    Skip,
    /// It begins when the previous run ends. Further runs that are due meanwhile are left out.
    Queue,
    /// It begins beside the previous run.
    Allow,
}

/// Work to be done at certain times.
#[must_use = "a job is run once a scheduler has it"]
pub struct Job {
    pub(super) name: String,
    pub(super) schedule: Schedule,
    pub(super) run: Box<dyn FnMut() -> Run + Send>,
    pub(super) missed: Missed,
    pub(super) overlap: Overlap,
    pub(super) jitter: Duration,
}

impl Job {
    /// A job of this name, which has to be non-empty, without a slash, and unique in its scheduler. Each run is a task
    /// with the name and a number, such as `sweep-1`.
    pub fn new<F>(
        name: impl Into<String>,
        schedule: Schedule,
        mut run: impl FnMut() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result> + Send + 'static,
    {
        Self {
            name: name.into(),
            schedule,
            run: Box::new(move || Box::pin(run())),
            missed: Missed::default(),
            overlap: Overlap::default(),
            jitter: Duration::ZERO,
        }
    }

    /// A job that tells a recipient a message, and waits for room. The run fails if the recipient takes no more.
    pub fn tell<T: Send + 'static>(
        name: impl Into<String>,
        schedule: Schedule,
        to: Recipient<T>,
        mut make: impl FnMut() -> T + Send + 'static,
    ) -> Self {
        Self::new(name, schedule, move || {
            let (to, message) = (to.clone(), make());
            async move {
                to.tell(message).await?;
                Ok(())
            }
        })
    }

    /// What to do about missed runs.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// What to do when the previous run has not ended.
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Delays each run by a random part of this, so that many jobs do not begin at once.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("name", &self.name)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}
