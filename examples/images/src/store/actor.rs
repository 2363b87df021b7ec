use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use redb::{Database, DatabaseError};
use tenure::prelude::*;

use super::StoreError;
use super::tables::{Accepted, NewJob, Tables, Totals, Writing};
use crate::job::{Job, Outcome};
use crate::settings::Limits;

/// What is answered after one wait for the disk, at most.
const GROUP: usize = 64;
/// Bytes of the database that are kept in memory.
const CACHE: usize = 64 << 20;

/// Opens the database, also after it has failed.
pub type Open = Arc<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// What a [`Store`] is started from.
#[derive(Clone)]
pub struct StoreOptions {
    open: Open,
    limits: Limits,
}

impl StoreOptions {
    /// A store in a file of this folder, which is made if it is not there.
    #[must_use]
    pub fn in_folder(data: PathBuf, limits: Limits) -> Self {
        let open = move || {
            fs::create_dir_all(&data)?;
            let mut database = Database::builder();
            database.set_cache_size(CACHE);
            database.create(data.join("jobs.redb"))
        };
        Self::with(Arc::new(open), limits)
    }

    /// A store in whatever this opens.
    #[must_use]
    pub fn with(open: Open, limits: Limits) -> Self {
        Self { open, limits }
    }
}

/// What a [`Store`] takes. All replies come after the disk has what they tell of.
pub enum StoreMsg {
    /// A job is to be done.
    Accept(NewJob, Reply<Accepted>),
    /// A job has come to its end: the job, unless it is unknown.
    End(u64, Outcome, Reply<Option<Job>>),
    /// All jobs, the oldest first.
    Jobs(Reply<Vec<Job>>),
    /// The image of a job that has not ended.
    Original(u64, Reply<Option<Vec<u8>>>),
    /// A thumbnail of a job, by its size.
    Thumbnail(u64, u32, Reply<Option<Vec<u8>>>),
    /// What it has counted.
    Totals(Reply<Totals>),
}

/// What becomes of what the store was asked for.
pub type Reply<T> = ReplyTo<Result<T, StoreError>>;

/// The one who reads and writes the database, on a thread that may block.
pub struct Store {
    options: StoreOptions,
    /// None after a failure, until somebody asks for something.
    tables: Option<Tables>,
}

impl Start for StoreOptions {
    type Actor = Store;

    async fn start(self, ctx: &mut Context<Store>) -> tenure::Result<Store> {
        let open = Arc::clone(&self.open);
        let tables = ctx.blocking(move |_| Tables::new(open()?))?;
        Ok(Store {
            options: self,
            tables: Some(tables.await?),
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
        let (tables, options) = (self.tables.take(), self.options.clone());
        let served = ctx.blocking(move |_| tenure::Ok(options.serve(tables, group)))?;
        self.tables = served.await?;
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

/// Tells whoever waits for a change that it is committed, or why not.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

impl StoreOptions {
    /// Answers all of a group. Gives the tables back if they are still of use: after a failure redb serves nothing more.
    fn serve(&self, tables: Option<Tables>, group: Vec<StoreMsg>) -> Option<Tables> {
        let tables = match tables.map_or_else(|| Tables::new((self.open)()?), Ok) {
            Ok(tables) => tables,
            Err(error) => {
                tracing::warn!(%error, "the store cannot be opened");
                group.into_iter().for_each(|msg| msg.refuse(&error));
                return None;
            }
        };
        let (changes, reads): (Vec<_>, Vec<_>) = group.into_iter().partition(StoreMsg::is_change);
        let mut served = Ok(());
        if !changes.is_empty() {
            served = self.commit(&tables, changes);
        }
        for msg in reads {
            served = served.and(msg.read(&tables));
        }
        match served {
            Ok(()) => Some(tables),
            Err(error) => {
                tracing::warn!(%error, "the store has failed, and is opened anew");
                None
            }
        }
    }

    /// All changes or none: if one cannot be written, all who wait are told so.
    fn commit(&self, tables: &Tables, changes: Vec<StoreMsg>) -> Result<(), StoreError> {
        let transaction = match tables.begin() {
            Ok(transaction) => transaction,
            Err(error) => {
                changes.into_iter().for_each(|msg| msg.refuse(&error));
                return Err(error);
            }
        };
        let mut answers: Vec<Answer> = Vec::with_capacity(changes.len());
        let mut committed = Ok(());
        match Writing::new(&transaction) {
            Ok(mut writing) => {
                for msg in changes {
                    answers.extend(msg.write(&mut writing, &self.limits, &mut committed));
                }
            }
            Err(error) => {
                changes.into_iter().for_each(|msg| msg.refuse(&error));
                committed = Err(error);
            }
        }
        if committed.is_ok() {
            committed = transaction.commit().map_err(Into::into);
        }
        for answer in answers {
            answer(committed.clone());
        }
        committed
    }
}

impl StoreMsg {
    fn is_change(&self) -> bool {
        matches!(self, Self::Accept(..) | Self::End(..))
    }

    /// Writes a change, if none before it has failed.
    fn write(
        self,
        writing: &mut Writing<'_>,
        limits: &Limits,
        written: &mut Result<(), StoreError>,
    ) -> Option<Answer> {
        fn answer<T: Send + 'static>(
            reply: Reply<T>,
            result: Result<T, StoreError>,
            written: &mut Result<(), StoreError>,
        ) -> Option<Answer> {
            if let Err(error @ StoreError::Failed(_)) = &result {
                *written = Err(error.clone());
            }
            Some(Box::new(move |committed| {
                reply.send(committed.and(result));
            }))
        }
        match self {
            Self::Accept(new, reply) => {
                let result = written.clone().and_then(|()| writing.accept(&new, limits));
                answer(reply, result, written)
            }
            Self::End(id, outcome, reply) => {
                let result = written.clone().and_then(|()| writing.end(id, &outcome));
                answer(reply, result, written)
            }
            _ => None,
        }
    }

    fn read(self, tables: &Tables) -> Result<(), StoreError> {
        fn answer<T: Send + 'static>(
            reply: Reply<T>,
            result: Result<T, StoreError>,
        ) -> Result<(), StoreError> {
            let read = result.as_ref().map(|_| ()).map_err(Clone::clone);
            reply.send(result);
            read
        }
        match self {
            Self::Jobs(reply) => answer(reply, tables.jobs()),
            Self::Original(id, reply) => answer(reply, tables.original(id)),
            Self::Thumbnail(id, size, reply) => answer(reply, tables.thumbnail(id, size)),
            Self::Totals(reply) => answer(reply, tables.totals()),
            Self::Accept(..) | Self::End(..) => Ok(()),
        }
    }

    fn refuse(self, error: &StoreError) {
        let error = error.clone();
        match self {
            Self::Accept(_, reply) => reply.send(Err(error)),
            Self::End(_, _, reply) => reply.send(Err(error)),
            Self::Jobs(reply) => reply.send(Err(error)),
            Self::Original(_, reply) | Self::Thumbnail(_, _, reply) => reply.send(Err(error)),
            Self::Totals(reply) => reply.send(Err(error)),
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
            .field("is_open", &self.tables.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Store::label(self))
    }
}
