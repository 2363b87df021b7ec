use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tenure::{Recipient, Result};

use super::schedule::Schedule;

pub(super) type Run = Pin<Box<dyn Future<Output = Result> + Send>>;

/// What is done about runs whose time has passed: the machine slept, its clock was set, or the scheduler could not
/// look. A run is missed once it is more than a second late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missed {
    /// They are made good by one run, at once.
    #[default]
    Once,
    /// They are left out.
    Skip,
    /// Each of them is made good, one after the other; no more than 1,000 at a time.
    Each,
}

/// What is done when a run is due and the one before has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It begins when that one ends; however many are due meanwhile, one does.
    Queue,
    /// It begins beside it.
    Allow,
}

/// Something to be done at certain times.
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
    /// A job of this name, which is not empty, without a slash, and unique in its scheduler. Each run is a task named
    /// after it and numbered, as in `sweep-1`.
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

    /// A job that tells somebody something, and waits for room. It has failed if that one takes no more.
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

    /// What is done about runs that were missed.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// What is done when the run before has not ended.
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Each run begins later by a random part of this, so that many do not begin at once.
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
