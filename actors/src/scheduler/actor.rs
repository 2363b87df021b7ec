use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tenure::{Actor, ChildExit, Context, ReplyTo, Result, StopReason, Timer};

use super::clock::Clock;
use super::entry::{Entry, JobInfo};
use super::error::SchedulerError;
use super::job::Job;

/// The messages of a [`Scheduler`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SchedulerMsg {
    /// Adds a job. One that will not be due again is removed once its runs have ended; one that never is, at once.
    Add(Job, ReplyTo<Result<(), SchedulerError>>),
    /// Removes the job of this name; runs that have begun go on. Replies whether there was one.
    Remove(String, ReplyTo<bool>),
    /// Runs the job of this name now, besides its schedule, if its [overlap](super::Overlap) allows it. Replies whether
    /// there is one.
    Run(String, ReplyTo<bool>),
    /// Replies with all jobs, in the order of their names.
    List(ReplyTo<Vec<JobInfo>>),
    /// Begins the runs that are due. The scheduler sends this to itself. Others need it only after the system clock was
    /// set, which the scheduler otherwise notices within a minute.
    Look,
}

/// Runs jobs at certain times. Started from [`SchedulerOptions`](super::SchedulerOptions).
pub struct Scheduler {
    clock: Clock,
    jobs: BTreeMap<String, Entry>,
    timer: Option<Timer>,
}

/// The longest sleep: the system clock may be set.
const LONGEST: Duration = Duration::from_secs(60);

impl Scheduler {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            jobs: BTreeMap::new(),
            timer: None,
        }
    }

    pub(super) fn add(&mut self, job: Job) -> Result<(), SchedulerError> {
        let name = &job.name;
        if name.is_empty() || name.contains('/') {
            return Err(SchedulerError::BadName(name.clone()));
        }
        if self.jobs.contains_key(name) {
            return Err(SchedulerError::NameTaken(name.clone()));
        }
        let entry = Entry::new(job, self.clock);
        self.jobs.insert(entry.info(self.clock).name, entry);
        Ok(())
    }

    /// Begins the runs that are due, and sets the timer for the next.
    pub(super) fn look(&mut self, ctx: &mut Context<Self>) -> Result {
        for entry in self.jobs.values_mut() {
            entry.look(self.clock, ctx)?;
        }
        self.jobs.retain(|_, entry| !entry.is_over());
        if let Some(timer) = self.timer.take() {
            timer.cancel();
        }
        let times = self
            .jobs
            .values()
            .filter_map(|entry| entry.time_left(self.clock));
        if let Some(time) = times.min() {
            self.timer = Some(ctx.send_after(time.min(LONGEST), SchedulerMsg::Look));
        }
        Ok(())
    }
}

impl Actor for Scheduler {
    type Msg = SchedulerMsg;

    async fn handle(&mut self, msg: SchedulerMsg, ctx: &mut Context<Self>) -> Result {
        match msg {
            SchedulerMsg::Add(job, reply) => {
                let added = self.add(job);
                self.look(ctx)?;
                reply.send(added);
            }
            SchedulerMsg::Remove(name, reply) => {
                reply.send(self.jobs.remove(&name).is_some());
                self.look(ctx)?;
            }
            SchedulerMsg::Run(name, reply) => {
                let job = self.jobs.get_mut(&name);
                reply.send(job.is_some());
                if let Some(job) = job {
                    job.begin(1, ctx)?;
                }
            }
            SchedulerMsg::List(reply) => {
                let infos = self.jobs.values().map(|entry| entry.info(self.clock));
                reply.send(infos.collect());
            }
            SchedulerMsg::Look => self.look(ctx)?,
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, ctx: &mut Context<Self>) -> Result {
        let failure = match exit.reason() {
            StopReason::Failed(failure) => failure.leaves().next().map(ToString::to_string),
            _ => None,
        };
        for entry in self.jobs.values_mut() {
            if entry.ended(exit.id(), failure.clone(), ctx)? {
                break;
            }
        }
        self.jobs.retain(|_, entry| !entry.is_over());
        exit.into_result()
    }

    fn label(msg: &SchedulerMsg) -> &'static str {
        match msg {
            SchedulerMsg::Add(..) => "Add",
            SchedulerMsg::Remove(..) => "Remove",
            SchedulerMsg::Run(..) => "Run",
            SchedulerMsg::List(_) => "List",
            SchedulerMsg::Look => "Look",
        }
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("jobs", &self.jobs.keys())
            .finish_non_exhaustive()
    }
}
