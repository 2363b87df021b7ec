//! A job, as the store keeps it and as clients see it.

use serde::{Deserialize, Serialize};

/// An image from which thumbnails are made, are to be made, or were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number, which no other job of this store ever has.
    pub id: u64,
    /// The name that its client gave it, which may be empty.
    pub name: String,
    /// The format of the image, for example `png`.
    pub format: String,
    /// How wide the image is, in pixels.
    pub width: u32,
    /// How high it is.
    pub height: u32,
    /// How many bytes the image had when it was sent.
    pub bytes: u64,
    /// The job ends with its client, and is not continued after a crash.
    pub with_client: bool,
    /// What has become of it.
    #[serde(flatten)]
    pub state: State,
    /// Its thumbnails, the smallest first.
    pub thumbnails: Vec<Made>,
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// A worker has it, and this many thumbnails are made.
    Working {
        /// How many.
        made: usize,
        /// Out of how many.
        of: usize,
    },
    /// All of its thumbnails are there.
    Done,
    /// There will be none.
    Failed {
        /// Why not.
        why: String,
    },
    /// It was cancelled.
    Cancelled {
        /// Why not.
        why: String,
    },
}

impl State {
    /// Whether the job has ended.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed { .. } | Self::Cancelled { .. }
        )
    }
}

/// A thumbnail that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its name, which is the most that its longer side may have.
    pub size: u32,
    /// How wide it is, in pixels.
    pub width: u32,
    /// How high it is.
    pub height: u32,
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A thumbnail and its file.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// What is said of it.
    pub made: Made,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How a job has ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Its thumbnails.
    Done(Vec<Thumbnail>),
    /// Why there are none.
    Failed(String),
    /// Why nobody wants them.
    Cancelled(String),
}
