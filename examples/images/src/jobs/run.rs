//! One job, from its turn to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure::{TaskError, TaskHandle};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::actor::{JobsMsg, JobsOptions};
use super::worker::{Unmade, Work};
use crate::job::{Job, Outcome, Thumbnail};
use crate::store::StoreMsg;

/// How long to wait between two attempts while the store fails.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) struct Run {
    pub(super) id: u64,
    pub(super) options: JobsOptions,
    pub(super) jobs: ActorRef<JobsMsg>,
    /// Fires when a client cancels the job.
    pub(super) cancel: CancellationToken,
}

impl Run {
    /// How the job has ended; `None` if it is left for the next start of the service.
    ///
    /// A store that fails is no reason to give up: what was accepted is done.
    pub(super) async fn until_end(self) -> Option<Outcome> {
        let (id, mut failures) = (self.id, 0);
        loop {
            match self.attempt().await {
                Ok(thumbnails) => return Some(Outcome::Done(thumbnails)),
                Err(Unmade::Unfit(why)) => return Some(Outcome::Failed(why)),
                Err(Unmade::Cancelled) if self.cancel.is_cancelled() => {
                    return Some(Outcome::Cancelled("cancelled".to_owned()));
                }
                Err(Unmade::Cancelled) if self.options.closing.is_cancelled() => return None,
                // Somebody other than the client has ended the worker.
                Err(Unmade::Cancelled) => {
                    tracing::warn!(id, "a worker has given up, which is tried again");
                }
                Err(Unmade::Store(error)) => {
                    tracing::warn!(id, %error, "the image cannot be read, which is tried again");
                }
            }
            tokio::select! {
                () = pause(failures) => failures += 1,
                () = self.cancel.cancelled() => {}
                () = self.options.closing.cancelled() => return None,
            }
        }
    }

    async fn attempt(&self) -> Result<Vec<Thumbnail>, Unmade> {
        let begun = Arc::new(AtomicBool::new(false));
        let work = |reply| Work {
            id: self.id,
            begun: Arc::clone(&begun),
            cancel: self.cancel.child_token(),
            jobs: self.jobs.clone(),
            reply,
        };
        let mut made = self.options.workers.ask(work);
        let has_begun = || begun.load(Ordering::Acquire);
        let late = self.options.limits.finish;
        let answer = tokio::select! {
            biased;
            answer = &mut made => answer,
            // If it still waits for a worker, it is given up. If a worker has it, the worker sees its token, and is
            // waited for.
            () = self.cancel.cancelled() => match has_begun() {
                true => made.await,
                false => return Err(Unmade::Cancelled),
            },
            () = self.options.closing.cancelled() => match has_begun() {
                // If the ask is dropped, its worker ends the work.
                true => timeout(late, made).await.map_err(|_| Unmade::Cancelled)?,
                false => return Err(Unmade::Cancelled),
            },
        };
        match answer {
            Ok(made) => made,
            // The worker has panicked, because of this image or of the decoder.
            Err(AskError::Failed | AskError::NoReply) => {
                Err(Unmade::Unfit("its worker has failed".to_owned()))
            }
            // The pool ends, and so does the service.
            Err(_) => Err(Unmade::Cancelled),
        }
    }
}

/// Waits for the end of a job, and has the store record it. `None` if the job is left for the next start.
pub(super) async fn record(
    id: u64,
    with_client: bool,
    task: Option<TaskHandle<Option<Outcome>>>,
    options: JobsOptions,
) -> Option<Job> {
    let gone = || Some(Outcome::Cancelled("its client has gone".to_owned()));
    let ended = match task {
        Some(task) => task.await,
        None => Ok(gone()),
    };
    let outcome = match ended {
        Ok(None) | Err(TaskError::Stopped(_)) if with_client => gone(),
        Ok(outcome) => outcome,
        Err(TaskError::Failed(failure)) => Some(Outcome::Failed(failure.to_string())),
        // The service ends.
        Err(_) => None,
    }?;
    for failures in 0.. {
        let end = options
            .store
            .ask(|reply| StoreMsg::End(id, outcome.clone(), reply));
        match end.await {
            Ok(Ok(job)) => return job,
            Ok(Err(error)) => tracing::warn!(id, %error, "the end of a job is not stored yet"),
            Err(error) => tracing::warn!(id, %error, "the end of a job is not stored yet"),
        }
        tokio::select! {
            () = pause(failures) => {}
            () = options.closing.cancelled() => break,
        }
    }
    None
}

async fn pause(failures: u32) {
    let (first, longest) = BACKOFF;
    sleep(Backoff::exponential(first, longest).delay(failures)).await;
}
