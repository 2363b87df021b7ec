//! The contents of the store, and what can be done to them in one transaction.

use axum::body::Bytes;
use redb::{
    Database, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;

use super::StoreError;
use crate::job::{Job, Outcome, State};
use crate::settings::Limits;

/// Each job, as JSON. A job that is being worked at is stored as queued.
const JOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("jobs");
/// The images of jobs that have not ended.
const ORIGINALS: TableDefinition<u64, &[u8]> = TableDefinition::new("originals");
/// By job and size. A job that is done again replaces its thumbnails.
const THUMBNAILS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("thumbnails");
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");

/// A job that is to be accepted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// As for [`Job::name`].
    pub name: String,
    /// As for [`Job::format`].
    pub format: String,
    /// As for [`Job::width`].
    pub width: u32,
    /// As for [`Job::height`].
    pub height: u32,
    /// As for [`Job::with_client`].
    pub with_client: bool,
    /// The image.
    pub image: Bytes,
}

/// A job that was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The job.
    pub job: Job,
    /// The ended jobs that were removed to make room.
    pub forgotten: Vec<u64>,
}

/// How many jobs there have been since the store was made. A job counts once, however often it was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Jobs that were accepted.
    pub accepted: u64,
    /// Those that are done.
    pub done: u64,
    /// Those that have failed.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
}

/// An open database.
pub(super) struct Tables(Database);

impl Tables {
    /// Makes the tables that are missing.
    pub(super) fn new(database: Database) -> Result<Self, StoreError> {
        let transaction = database.begin_write()?;
        Writing::new(&transaction)?;
        transaction.commit()?;
        Ok(Self(database))
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.0.begin_write()?)
    }

    /// All jobs, the oldest first.
    pub(super) fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        let table = self.0.begin_read()?.open_table(JOBS)?;
        table.iter()?.map(|job| read(job?.1.value())).collect()
    }

    pub(super) fn original(&self, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.begin_read()?.open_table(ORIGINALS)?;
        Ok(table.get(id)?.map(|image| image.value().to_vec()))
    }

    pub(super) fn thumbnail(&self, id: u64, size: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.begin_read()?.open_table(THUMBNAILS)?;
        Ok(table.get((id, size))?.map(|image| image.value().to_vec()))
    }

    pub(super) fn totals(&self) -> Result<Totals, StoreError> {
        let table = self.0.begin_read()?.open_table(NUMBERS)?;
        let number = |name| Ok::<_, StoreError>(table.get(name)?.map_or(0, |it| it.value()));
        Ok(Totals {
            accepted: number("accepted")?,
            done: number("done")?,
            failed: number("failed")?,
            cancelled: number("cancelled")?,
        })
    }
}

/// A write transaction.
pub(super) struct Writing<'t> {
    jobs: Table<'t, u64, &'static [u8]>,
    originals: Table<'t, u64, &'static [u8]>,
    thumbnails: Table<'t, (u64, u32), &'static [u8]>,
    numbers: Table<'t, &'static str, u64>,
}

impl<'t> Writing<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            jobs: transaction.open_table(JOBS)?,
            originals: transaction.open_table(ORIGINALS)?,
            thumbnails: transaction.open_table(THUMBNAILS)?,
            numbers: transaction.open_table(NUMBERS)?,
        })
    }

    pub(super) fn accept(&mut self, new: &NewJob, limits: &Limits) -> Result<Accepted, StoreError> {
        let bytes = new.image.len() as u64;
        let forgotten = self.make_room(bytes, limits)?;
        let id = self.add("accepted", 1)?;
        self.add("waiting", bytes)?;
        let job = Job {
            id,
            name: new.name.clone(),
            format: new.format.clone(),
            width: new.width,
            height: new.height,
            bytes,
            with_client: new.with_client,
            state: State::Queued,
            thumbnails: Vec::new(),
        };
        self.originals.insert(id, &*new.image)?;
        self.write(&job)?;
        Ok(Accepted { job, forgotten })
    }

    /// A job ends only once: a second outcome changes nothing.
    pub(super) fn end(&mut self, id: u64, outcome: &Outcome) -> Result<Option<Job>, StoreError> {
        let Some(mut job) = self.job(id)? else {
            return Ok(None);
        };
        if job.state.is_end() {
            return Ok(Some(job));
        }
        let counted;
        (counted, job.state) = match outcome {
            Outcome::Done(_) => ("done", State::Done),
            Outcome::Failed(why) => ("failed", State::Failed { why: why.clone() }),
            Outcome::Cancelled(why) => ("cancelled", State::Cancelled { why: why.clone() }),
        };
        if let Outcome::Done(thumbnails) = outcome {
            for thumbnail in thumbnails {
                let key = (id, thumbnail.made.size);
                self.thumbnails.insert(key, &*thumbnail.bytes)?;
                self.add("kept", thumbnail.made.bytes)?;
                job.thumbnails.push(thumbnail.made.clone());
            }
        }
        self.originals.remove(id)?;
        self.subtract("waiting", job.bytes)?;
        self.add(counted, 1)?;
        self.add("ended", 1)?;
        self.write(&job)?;
        Ok(Some(job))
    }

    /// Removes ended jobs, the oldest first, until there is room. Removes none if that would not be enough.
    fn make_room(&mut self, bytes: u64, limits: &Limits) -> Result<Vec<u64>, StoreError> {
        let needed = self.number("waiting")? + bytes;
        if needed > limits.store_bytes {
            return Err(StoreError::Full);
        }
        let mut forgotten = Vec::new();
        while needed + self.number("kept")? > limits.store_bytes
            || self.number("ended")? > limits.kept
        {
            let Some(oldest) = self.oldest_ended()? else {
                break;
            };
            self.forget(&oldest)?;
            forgotten.push(oldest.id);
        }
        Ok(forgotten)
    }

    fn oldest_ended(&self) -> Result<Option<Job>, StoreError> {
        for job in self.jobs.iter()? {
            let job: Job = read(job?.1.value())?;
            if job.state.is_end() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    fn forget(&mut self, job: &Job) -> Result<(), StoreError> {
        for made in &job.thumbnails {
            self.thumbnails.remove((job.id, made.size))?;
            self.subtract("kept", made.bytes)?;
        }
        self.jobs.remove(job.id)?;
        self.subtract("ended", 1)?;
        Ok(())
    }

    fn job(&self, id: u64) -> Result<Option<Job>, StoreError> {
        let job = self.jobs.get(id)?;
        job.map(|job| read(job.value())).transpose()
    }

    fn write(&mut self, job: &Job) -> Result<(), StoreError> {
        let json = serde_json::to_vec(job).map_err(|error| unreadable(&error))?;
        self.jobs.insert(job.id, &*json)?;
        Ok(())
    }

    fn number(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.numbers.get(name)?.map_or(0, |number| number.value()))
    }

    fn add(&mut self, name: &str, more: u64) -> Result<u64, StoreError> {
        let number = self.number(name)? + more;
        self.numbers.insert(name, number)?;
        Ok(number)
    }

    fn subtract(&mut self, name: &str, less: u64) -> Result<(), StoreError> {
        let number = self.number(name)?.saturating_sub(less);
        self.numbers.insert(name, number)?;
        Ok(())
    }
}

fn read(json: &[u8]) -> Result<Job, StoreError> {
    Ok(serde_json::from_slice(json).map_err(|error| unreadable(&error))?)
}

fn unreadable(error: &serde_json::Error) -> StorageError {
    StorageError::Corrupted(format!("a job that cannot be read: {error}"))
}
