use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use redb::DatabaseError;
use tenure::prelude::*;

use super::StoreError;
use super::database::Database;
use super::tables::{Accepted, NewJob, Totals};
use crate::job::{Job, Outcome};
use crate::settings::Limits;

/// How many changes are committed together, at most.
const GROUP: usize = 64;
/// How many bytes of the database are kept in memory.
const CACHE: usize = 64 << 20;

/// Opens the database, at the start and after each failure.
pub type Open = Arc<dyn Fn() -> Result<redb::Database, DatabaseError> + Send + Sync>;

/// The recipe of a [`Store`].
#[derive(Clone)]
pub struct StoreOptions {
    pub(super) open: Open,
    pub(super) limits: Limits,
}

impl StoreOptions {
    /// A store in a file in this folder, which is made if necessary.
    #[must_use]
    pub fn in_folder(data: PathBuf, limits: Limits) -> Self {
        let open = move || {
            fs::create_dir_all(&data)?;
            let mut database = redb::Database::builder();
            database.set_cache_size(CACHE);
            database.create(data.join("jobs.redb"))
        };
        Self::with(Arc::new(open), limits)
    }

    /// A store in the database that this function opens.
    #[must_use]
    pub fn with(open: Open, limits: Limits) -> Self {
        Self { open, limits }
    }
}

/// The messages of a [`Store`]. Each reply comes after the disk has what it reports.
pub enum StoreMsg {
    /// Adds a job.
    Accept(NewJob, Reply<Accepted>),
    /// Records how a job has ended. Replies with the job, or `None` if it is unknown.
    End(u64, Outcome, Reply<Option<Job>>),
    /// Replies with all jobs, the oldest first.
    Jobs(Reply<Vec<Job>>),
    /// Replies with the image of a job that has not ended.
    Original(u64, Reply<Option<Vec<u8>>>),
    /// Replies with a thumbnail of a job, by its size.
    Thumbnail(u64, u32, Reply<Option<Vec<u8>>>),
    /// Replies with the counts.
    Totals(Reply<Totals>),
}

/// A reply of the store.
pub type Reply<T> = ReplyTo<Result<T, StoreError>>;

/// Reads and writes the database, on a thread that may block.
pub struct Store {
    /// `None` while the thread has it.
    database: Option<Database>,
}

impl Start for StoreOptions {
    type Actor = Store;

    async fn start(self, ctx: &mut Context<Store>) -> tenure::Result<Store> {
        let opened = ctx.blocking(move |_| Database::open(self))?;
        Ok(Store {
            database: Some(opened.await?),
        })
    }
}

impl Actor for Store {
    type Msg = StoreMsg;

    async fn handle(&mut self, msg: StoreMsg, ctx: &mut Context<Self>) -> tenure::Result {
        let mut group = vec![msg];
        while group.len() < GROUP
            && let Some(msg) = ctx.try_next()
        {
            group.push(msg);
        }
        let mut database = self.database.take().ok_or("its thread has failed")?;
        let served = ctx.blocking(move |_| {
            database.serve(group);
            tenure::Ok(database)
        })?;
        self.database = Some(served.await?);
        Ok(())
    }

    fn label(msg: &StoreMsg) -> &'static str {
        match msg {
            StoreMsg::Accept(..) => "Accept",
            StoreMsg::End(..) => "End",
            StoreMsg::Jobs(..) => "Jobs",
            StoreMsg::Original(..) => "Original",
            StoreMsg::Thumbnail(..) => "Thumbnail",
            StoreMsg::Totals(..) => "Totals",
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("is_idle", &self.database.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Store::label(self))
    }
}
