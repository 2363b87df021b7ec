use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use tenure::prelude::*;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::run::{Run, record};
use super::worker::Work;
use crate::job::{Job, State};
use crate::settings::Limits;
use crate::store::{Accepted, NewJob, StoreError, StoreMsg};

/// How many changes a viewer may be behind before it has to fetch all jobs again.
const BEHIND: usize = 1_024;

/// The recipe of [`Jobs`], which continue the jobs of the store that have not ended.
#[derive(Clone)]
pub(crate) struct JobsOptions {
    pub(crate) store: ActorRef<StoreMsg>,
    pub(crate) workers: ActorRef<Work>,
    pub(crate) limits: Limits,
    /// Fires when no more work may begin: what waits is left for the next start of the service.
    pub(crate) closing: CancellationToken,
}

pub(crate) struct Jobs {
    options: JobsOptions,
    jobs: BTreeMap<u64, Job>,
    live: HashMap<u64, Live>,
    /// How many jobs each client has that have not ended, or are about to be stored.
    of_client: HashMap<IpAddr, usize>,
    changes: broadcast::Sender<Job>,
}

/// A job that has not ended.
struct Live {
    client: Option<IpAddr>,
    cancel: CancellationToken,
    /// Those who have cancelled it, and wait until it has ended.
    cancelled_by: Vec<ReplyTo<Option<Job>>>,
}

/// What a client sends.
pub(crate) struct Submission {
    pub(crate) job: NewJob,
    pub(crate) client: Option<IpAddr>,
    /// The request with which the job ends, if it is to end with its client.
    pub(crate) request: Option<Spawner>,
}

/// Why a job was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there are too many jobs")]
    TooMany,
    #[error("too many of your jobs have not ended")]
    TooManyOfClient,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store did not answer: {0}")]
    Unanswered(#[from] AskError),
}

/// All jobs as they are now, and the changes from now on.
pub(crate) struct Watching {
    pub(crate) jobs: Vec<Job>,
    pub(crate) changes: broadcast::Receiver<Job>,
}

pub(crate) enum JobsMsg {
    /// Replies with the job once it is stored.
    Submit(Submission, ReplyTo<Result<Job, Refusal>>),
    /// Replies with the ended job, once nothing of its work is left. `None` if the job is unknown.
    Cancel(u64, ReplyTo<Option<Job>>),
    Get(u64, ReplyTo<Option<Job>>),
    Watch(ReplyTo<Watching>),
    /// The store's answer to a submission.
    Stored(Result<Accepted, Refusal>, Pending),
    /// This many thumbnails of this job are made.
    Made(u64, usize),
    /// A job has ended and is stored as ended, or is left for the next start.
    Ended(u64, Option<Job>),
}

/// A submission that is being stored.
pub(crate) struct Pending {
    client: Option<IpAddr>,
    request: Option<Spawner>,
    reply: ReplyTo<Result<Job, Refusal>>,
}

impl Start for JobsOptions {
    type Actor = Jobs;

    async fn start(self, ctx: &mut Context<Jobs>) -> tenure::Result<Jobs> {
        let kept = self.store.ask(StoreMsg::Jobs).await??;
        let mut jobs = Jobs {
            options: self,
            jobs: BTreeMap::new(),
            live: HashMap::new(),
            of_client: HashMap::new(),
            changes: broadcast::Sender::new(BEHIND),
        };
        for job in kept {
            match job.state.is_end() {
                true => drop(jobs.jobs.insert(job.id, job)),
                false => jobs.begin(job, None, None, ctx)?,
            }
        }
        Ok(jobs)
    }
}

impl Actor for Jobs {
    type Msg = JobsMsg;

    async fn handle(&mut self, msg: JobsMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            JobsMsg::Submit(submission, reply) => match self.admit(submission.client) {
                Ok(()) => self.store(submission, reply, ctx)?,
                Err(refusal) => reply.send(Err(refusal)),
            },
            JobsMsg::Stored(stored, pending) => self.stored(stored, pending, ctx)?,
            JobsMsg::Cancel(id, reply) => match self.live.get_mut(&id) {
                Some(live) => {
                    live.cancel.cancel();
                    live.cancelled_by.push(reply);
                }
                None => reply.send(self.jobs.get(&id).cloned()),
            },
            JobsMsg::Get(id, reply) => reply.send(self.jobs.get(&id).cloned()),
            JobsMsg::Watch(reply) => reply.send(Watching {
                jobs: self.jobs.values().cloned().collect(),
                changes: self.changes.subscribe(),
            }),
            JobsMsg::Made(id, made) => self.made(id, made),
            JobsMsg::Ended(id, job) => self.ended(id, job),
        }
        Ok(())
    }

    fn label(msg: &JobsMsg) -> &'static str {
        match msg {
            JobsMsg::Submit(..) => "Submit",
            JobsMsg::Cancel(..) => "Cancel",
            JobsMsg::Get(..) => "Get",
            JobsMsg::Watch(..) => "Watch",
            JobsMsg::Stored(..) => "Stored",
            JobsMsg::Made(..) => "Made",
            JobsMsg::Ended(..) => "Ended",
        }
    }
}

impl Jobs {
    /// Counts one more job, if there is room for it.
    fn admit(&mut self, client: Option<IpAddr>) -> Result<(), Refusal> {
        let limits = &self.options.limits;
        // Jobs of an earlier run have no client.
        let of_clients: usize = self.of_client.values().sum();
        let of_nobody = self.live.values().filter(|live| live.client.is_none());
        if of_clients + of_nobody.count() >= limits.jobs {
            return Err(Refusal::TooMany);
        }
        if let Some(client) = client {
            let of_client = self.of_client.entry(client).or_default();
            if *of_client >= limits.jobs_of_client {
                return Err(Refusal::TooManyOfClient);
            }
            *of_client += 1;
        }
        Ok(())
    }

    fn release(&mut self, client: Option<IpAddr>) {
        let Some(client) = client else { return };
        if let Some(of_client) = self.of_client.get_mut(&client) {
            *of_client -= 1;
            if *of_client == 0 {
                self.of_client.remove(&client);
            }
        }
    }

    /// In a task beside the mailbox, so that many submissions can wait for one commit.
    fn store(
        &self,
        submission: Submission,
        reply: ReplyTo<Result<Job, Refusal>>,
        ctx: &Context<Self>,
    ) -> tenure::Result {
        let Submission {
            job,
            client,
            request,
        } = submission;
        let pending = Pending {
            client,
            request,
            reply,
        };
        let accept = self.options.store.ask(|reply| StoreMsg::Accept(job, reply));
        // A stored job is begun, however long storing has taken, and even if nobody waits for it.
        let accept = accept.owned().no_deadline();
        ctx.pipe(async move { Ok(accept.await??) }, move |stored| {
            JobsMsg::Stored(stored, pending)
        })?;
        Ok(())
    }

    fn stored(
        &mut self,
        stored: Result<Accepted, Refusal>,
        pending: Pending,
        ctx: &Context<Self>,
    ) -> tenure::Result {
        let Pending {
            client,
            request,
            reply,
        } = pending;
        let Accepted { job, forgotten } = match stored {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.release(client);
                reply.send(Err(refusal));
                return Ok(());
            }
        };
        for id in forgotten {
            self.jobs.remove(&id);
        }
        self.begin(job.clone(), client, request, ctx)?;
        reply.send(Ok(job));
        Ok(())
    }

    /// Starts the task of the job, and another one that records how it ends.
    fn begin(
        &mut self,
        job: Job,
        client: Option<IpAddr>,
        request: Option<Spawner>,
        ctx: &Context<Self>,
    ) -> tenure::Result {
        let cancel = CancellationToken::new();
        let run = Run {
            id: job.id,
            options: self.options.clone(),
            jobs: ctx.me(),
            cancel: cancel.clone(),
        };
        // Work that has begun ends within `finish`, which the worker checks between two steps.
        let grace = self.options.limits.finish * 2;
        let task = TaskSpec::new(async move { tenure::Ok(run.until_end().await) })
            .name(format!("job-{}", job.id))
            .grace(grace)
            .contain();
        let task = match (job.with_client, request) {
            (false, _) => Some(ctx.task(task)?),
            // It is refused if the client has gone meanwhile.
            (true, Some(request)) => request.task(task).ok(),
            // A job of an earlier run of the service.
            (true, None) => None,
        };
        let (id, with_client) = (job.id, job.with_client);
        let recorded = record(id, with_client, task, self.options.clone());
        ctx.pipe(TaskSpec::new(recorded).grace(grace), move |job| {
            JobsMsg::Ended(id, job)
        })?;
        let live = Live {
            client,
            cancel,
            cancelled_by: Vec::new(),
        };
        self.live.insert(id, live);
        self.show(job);
        Ok(())
    }

    fn made(&mut self, id: u64, made: usize) {
        let Some(job) = self.jobs.get(&id).filter(|job| !job.state.is_end()) else {
            return;
        };
        let of = crate::picture::SIZES.len();
        let state = State::Working { made, of };
        self.show(Job {
            state,
            ..job.clone()
        });
    }

    fn ended(&mut self, id: u64, job: Option<Job>) {
        let Some(live) = self.live.remove(&id) else {
            return;
        };
        self.release(live.client);
        if let Some(job) = &job {
            self.show(job.clone());
        }
        for reply in live.cancelled_by {
            reply.send(job.clone());
        }
    }

    fn show(&mut self, job: Job) {
        self.jobs.insert(job.id, job.clone());
        // Perhaps nobody is watching.
        drop(self.changes.send(job));
    }
}
