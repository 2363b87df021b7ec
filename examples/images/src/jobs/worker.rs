//! The work itself, on threads that may block.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::ImageResult;
use tenure::prelude::*;
use tenure_actors::pool::{Blocking, PoolOptions};
use tokio_util::sync::CancellationToken;

use super::actor::JobsMsg;
use crate::job::Thumbnail;
use crate::settings::Limits;
use crate::store::{StoreError, StoreMsg};

/// A job, as a worker is given it.
pub struct Work {
    pub(super) id: u64,
    pub(super) begun: Arc<AtomicBool>,
    pub(super) cancel: CancellationToken,
    /// The actor that is told about the progress.
    pub(super) jobs: ActorRef<JobsMsg>,
    pub(super) reply: ReplyTo<Result<Vec<Thumbnail>, Unmade>>,
}

/// Makes all thumbnails of an image. Between two steps it calls the function with the number of thumbnails that are
/// made, and gives up if the function says so.
pub type Shrink = dyn Fn(&[u8], &mut dyn FnMut(usize) -> bool) -> ImageResult<Option<Vec<Thumbnail>>>
    + Send
    + Sync;

/// Why there are no thumbnails.
#[derive(Debug)]
pub enum Unmade {
    /// It is not an image.
    Unfit(String),
    /// The worker was told to end, and has.
    Cancelled,
    /// The image could not be fetched. The job is tried again.
    Store(StoreError),
}

impl Work {
    /// The number of the job.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// From now on the job is being worked at: whoever cancels it waits for its end.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Reports how many thumbnails are made.
    pub fn made(&self, thumbnails: usize) {
        // If this report is lost, the next one follows.
        drop(self.jobs.try_tell(JobsMsg::Made(self.id, thumbnails)));
    }

    /// Whether somebody still waits for the thumbnails.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.cancel.is_cancelled() && !self.reply.is_gone()
    }

    /// Reports the result. The work is over.
    pub fn finish(self, made: Result<Vec<Thumbnail>, Unmade>) {
        self.reply.send(made);
    }
}

/// A pool with as many workers as the limits say, and with room for all jobs that wait.
pub(crate) fn workers(
    store: &ActorRef<StoreMsg>,
    limits: &Limits,
    shrink: Arc<Shrink>,
) -> ChildSpec<PoolOptions<Blocking<Work>>> {
    let store = store.clone();
    let worker = Blocking::new(move |work: Work, token: &CancellationToken| {
        work.begin();
        let made = make(&work, &store, &*shrink, token);
        work.finish(made);
        Ok(())
    });
    // If the decoder panics, its worker is replaced, and only that job fails. A worker checks its token between two
    // steps, the longest of which unpacks a large picture.
    let grace = limits.finish * 2;
    let worker = move |_| ChildSpec::new(worker.clone()).contain().grace(grace);
    PoolOptions::fixed(limits.workers, worker)
        .queue(Mailbox::bounded(limits.jobs.max(1)))
        .spec()
        .name("workers")
        .grace(grace)
}

fn make(
    work: &Work,
    store: &ActorRef<StoreMsg>,
    shrink: &Shrink,
    token: &CancellationToken,
) -> Result<Vec<Thumbnail>, Unmade> {
    let mut goes_on = |made| {
        work.made(made);
        !token.is_cancelled() && work.is_wanted()
    };
    // The image is only fetched now: while a job waits, it is on the disk and takes no memory.
    let image = store.blocking_ask(|reply| StoreMsg::Original(work.id, reply));
    let image = match image {
        Ok(image) => image.map_err(Unmade::Store)?,
        Err(_) => return Err(Unmade::Cancelled),
    };
    let Some(image) = image else {
        return Err(Unmade::Unfit("its image is gone".to_owned()));
    };
    match shrink(&image, &mut goes_on) {
        Ok(Some(thumbnails)) => Ok(thumbnails),
        Ok(None) => Err(Unmade::Cancelled),
        Err(error) => Err(Unmade::Unfit(error.to_string())),
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
