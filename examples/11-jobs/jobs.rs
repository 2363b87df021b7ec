//! All jobs, and what has become of each of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tenure::prelude::*;
use tenure::{NodeRef, StopError};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::work::Work;

/// How many ended jobs are remembered.
const REMEMBERED: usize = 1_000;

#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How many jobs are worked at, at a time.
    pub(crate) workers: usize,
    /// How many accepted jobs there may be that have not ended.
    pub(crate) room: usize,
    /// How often a job is tried.
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    /// How long accepted jobs may take once the service is to end.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 2,
            room: 16,
            attempts: 4,
            backoff: Backoff::exponential(Duration::from_millis(200), Duration::from_secs(2)),
            grace: Duration::from_secs(10),
        }
    }
}

pub(crate) struct Jobs {
    limits: Limits,
    workers: Arc<Semaphore>,
    jobs: BTreeMap<u64, Job>,
    last: u64,
    lost: Sender<String>,
}

struct Job {
    work: Work,
    state: State,
    node: NodeRef,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    Queued,
    Running { attempt: u32 },
    BackingOff { why: String },
    Done(String),
    Failed(String),
    Cancelled,
}

pub(crate) enum JobsMsg {
    /// Replies with the number of the job, or `None` if there is no room.
    Submit(Work, ReplyTo<Option<u64>>),
    Get(u64, ReplyTo<Option<State>>),
    /// Replies with the state of the job, once nothing of its work is left.
    Cancel(u64, ReplyTo<Option<State>>),
    /// The job with this number reports its state.
    Now(u64, State),
    /// A job that was to be cancelled has ended, or does not yield.
    Stopped(u64, Result<(), StopError>, ReplyTo<Option<State>>),
}

impl Actor for Jobs {
    type Msg = JobsMsg;

    async fn handle(&mut self, msg: JobsMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            JobsMsg::Submit(work, reply) => {
                let has_room = self.unfinished().count() < self.limits.room;
                reply.send(has_room.then(|| self.accept(work, ctx)).transpose()?);
            }
            JobsMsg::Get(id, reply) => reply.send(self.state(id)),
            JobsMsg::Cancel(id, reply) => match self.jobs.get(&id) {
                // The job's last report is in the mailbox before this message, even if the job has ended already.
                Some(job) => drop(ctx.pipe(job.node.stop(), move |ended| {
                    JobsMsg::Stopped(id, ended.map(drop), reply)
                })?),
                None => reply.send(None),
            },
            JobsMsg::Now(id, state) => self.set(id, state),
            JobsMsg::Stopped(id, ended, reply) => {
                match ended {
                    Err(error @ StopError::Unjoined(_)) => tracing::error!(id, %error),
                    _ => self.set(id, State::Cancelled),
                }
                reply.send(self.state(id));
            }
        }
        Ok(())
    }

    fn label(msg: &JobsMsg) -> &'static str {
        match msg {
            JobsMsg::Submit(..) => "Submit",
            JobsMsg::Get(..) => "Get",
            JobsMsg::Cancel(..) => "Cancel",
            JobsMsg::Now(..) => "Now",
            JobsMsg::Stopped(..) => "Stopped",
        }
    }
}

impl Jobs {
    /// The names of lost jobs go to `lost`.
    pub(crate) fn new(limits: Limits, lost: Sender<String>) -> Self {
        Self {
            limits,
            workers: Arc::new(Semaphore::new(limits.workers)),
            jobs: BTreeMap::new(),
            last: 0,
            lost,
        }
    }

    fn accept(&mut self, work: Work, ctx: &Context<Self>) -> tenure::Result<u64> {
        let id = self.last + 1;
        let workers = Arc::clone(&self.workers);
        let job = run(id, work, self.limits, workers, ctx.me());
        let job = TaskSpec::new(job).name(name(id)).grace(self.limits.grace);
        let node = ctx.task(job)?.node();
        let state = State::Queued;
        self.jobs.insert(id, Job { work, state, node });
        self.last = id;
        Ok(id)
    }

    fn unfinished(&self) -> impl Iterator<Item = (&u64, &Job)> {
        self.jobs.iter().filter(|(_, job)| !job.state.is_end())
    }

    fn state(&self, id: u64) -> Option<State> {
        self.jobs.get(&id).map(|job| job.state.clone())
    }

    /// A job ends only once.
    fn set(&mut self, id: u64, state: State) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| !job.state.is_end()) else {
            return;
        };
        job.state = state;
        let mut ended = self.jobs.iter().filter(|(_, job)| job.state.is_end());
        if let (Some((&oldest, _)), Some(_)) = (ended.next(), ended.nth(REMEMBERED - 1)) {
            self.jobs.remove(&oldest);
        }
    }
}

/// Runs however the service ends, also if it is killed and no hook runs.
impl Drop for Jobs {
    fn drop(&mut self) {
        for (&id, job) in self.unfinished() {
            let text = format!("{}, {}: {}", name(id), job.work, job.state);
            if self.lost.send(text).is_err() {
                tracing::error!(id, "lost, and nobody wants to know");
            }
        }
    }
}

/// A job, from its turn to its end. A stop drops it at any await, together with everything in its scopes.
async fn run(
    id: u64,
    work: Work,
    limits: Limits,
    workers: Arc<Semaphore>,
    jobs: ActorRef<JobsMsg>,
) -> tenure::Result {
    let mut attempt = 1;
    let end = loop {
        let worker = workers.acquire().await?; // in the order in which they came
        jobs.tell(JobsMsg::Now(id, State::Running { attempt }))
            .await?;
        let done = work.attempt(attempt).await;
        drop(worker);
        match done {
            Ok(output) => break State::Done(output),
            Err(why) if attempt == limits.attempts => break State::Failed(why),
            Err(why) => {
                jobs.tell(JobsMsg::Now(id, State::BackingOff { why }))
                    .await?;
                sleep(limits.backoff.delay(attempt - 1)).await;
            }
        }
        attempt += 1;
    };
    jobs.tell(JobsMsg::Now(id, end)).await?;
    Ok(())
}

fn name(id: u64) -> String {
    format!("job-{id}")
}

impl State {
    fn is_end(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Running { attempt } => write!(f, "running, attempt {attempt}"),
            Self::BackingOff { why } => write!(f, "to be tried again: {why}"),
            Self::Done(output) => write!(f, "done: {output}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}
