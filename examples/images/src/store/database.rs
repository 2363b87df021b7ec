//! The part of the store that runs on a thread.

use redb::WriteTransaction;

use super::actor::{Reply, StoreMsg, StoreOptions};
use super::error::StoreError;
use super::tables::{Accepted, Tables, Writing};
use crate::job::Outcome;
use crate::settings::Limits;

/// The database, which is opened again after it has failed.
pub(super) struct Database {
    options: StoreOptions,
    /// `None` after a failure, until the next request: redb serves nothing more after a failure.
    tables: Option<Tables>,
    /// Jobs that were refused because their commit had failed. They may be on the disk anyway.
    doubtful: Vec<u64>,
}

/// Tells the client of a change that it is committed, or why it is not.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

/// The changes of one transaction.
struct Group<'t> {
    writing: Writing<'t>,
    limits: &'t Limits,
    written: Result<(), StoreError>,
    accepted: Vec<u64>,
    answers: Vec<Answer>,
}

impl Database {
    pub(super) fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let tables = Tables::new((options.open)()?)?;
        Ok(Self {
            options,
            tables: Some(tables),
            doubtful: Vec::new(),
        })
    }

    /// Serves all requests of a group.
    pub(super) fn serve(&mut self, group: Vec<StoreMsg>) {
        let tables = match self.tables.take().map_or_else(|| self.open_again(), Ok) {
            Ok(tables) => tables,
            Err(error) => {
                tracing::warn!(%error, "the store cannot be opened");
                group.into_iter().for_each(|msg| msg.refuse(&error));
                return;
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
            Ok(()) => self.tables = Some(tables),
            Err(error) => tracing::warn!(%error, "the store has failed, and is opened anew"),
        }
    }

    /// Opens the database again, and cancels the doubtful jobs, whose clients were told that nothing becomes of them.
    fn open_again(&mut self) -> Result<Tables, StoreError> {
        let tables = Tables::new((self.options.open)()?)?;
        if self.doubtful.is_empty() {
            return Ok(tables);
        }
        let transaction = tables.begin()?;
        let mut writing = Writing::new(&transaction)?;
        for id in &self.doubtful {
            let why = "it was refused, as the store had failed";
            writing.end(*id, &Outcome::Cancelled(why.to_owned()))?;
        }
        drop(writing);
        transaction.commit()?;
        self.doubtful.clear();
        Ok(tables)
    }

    /// Commits all changes or none. If one cannot be written, all clients are told so.
    fn commit(&mut self, tables: &Tables, changes: Vec<StoreMsg>) -> Result<(), StoreError> {
        let transaction = match tables.begin() {
            Ok(transaction) => transaction,
            Err(error) => {
                changes.into_iter().for_each(|msg| msg.refuse(&error));
                return Err(error);
            }
        };
        let (mut committed, accepted, answers) = self.write(&transaction, changes);
        if committed.is_ok() {
            committed = transaction.commit().map_err(Into::into);
        }
        if committed.is_err() {
            self.doubtful.extend(accepted);
        }
        for answer in answers {
            answer(committed.clone());
        }
        committed
    }

    fn write(
        &self,
        transaction: &WriteTransaction,
        changes: Vec<StoreMsg>,
    ) -> (Result<(), StoreError>, Vec<u64>, Vec<Answer>) {
        let writing = match Writing::new(transaction) {
            Ok(writing) => writing,
            Err(error) => {
                changes.into_iter().for_each(|msg| msg.refuse(&error));
                return (Err(error), Vec::new(), Vec::new());
            }
        };
        let mut group = Group {
            writing,
            limits: &self.options.limits,
            written: Ok(()),
            accepted: Vec::new(),
            answers: Vec::with_capacity(changes.len()),
        };
        for msg in changes {
            group.write(msg);
        }
        (group.written, group.accepted, group.answers)
    }
}

impl Group<'_> {
    /// Writes a change, unless one before it has failed.
    fn write(&mut self, change: StoreMsg) {
        match change {
            StoreMsg::Accept(new, reply) => {
                let written = self.written.clone();
                let accepted = written.and_then(|()| self.writing.accept(&new, self.limits));
                let id = accepted.as_ref().map(|accepted: &Accepted| accepted.job.id);
                self.accepted.extend(id);
                self.answer(reply, accepted);
            }
            StoreMsg::End(id, outcome, reply) => {
                let written = self.written.clone();
                let ended = written.and_then(|()| self.writing.end(id, &outcome));
                self.answer(reply, ended);
            }
            _ => {}
        }
    }

    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, result: Result<T, StoreError>) {
        if let Err(error @ StoreError::Failed(_)) = &result {
            self.written = Err(error.clone());
        }
        let answer = |committed: Result<(), StoreError>| reply.send(committed.and(result));
        self.answers.push(Box::new(answer));
    }
}

impl StoreMsg {
    fn is_change(&self) -> bool {
        matches!(self, Self::Accept(..) | Self::End(..))
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
