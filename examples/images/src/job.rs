//! A job, as the store keeps it and as clients see it.

use serde::{Deserialize, Serialize};

/// An image that is, was, or is to be made into thumbnails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number, which no other job of this store ever has.
    pub id: u64,
    /// What its client calls it; may be empty.
    pub name: String,
    /// The format of the image: `png`, say.
    pub format: String,
    /// How wide the image is, in pixels.
    pub width: u32,
    /// How high it is.
    pub height: u32,
    /// How many bytes it was sent as.
    pub bytes: u64,
    /// It ends with its client, and is not taken up again after a crash.
    pub with_client: bool,
    /// What has become of it.
    #[serde(flatten)]
    pub state: State,
    /// What was made of it, the smallest first.
    pub thumbnails: Vec<Made>,
}

/// What has become of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// So many of its thumbnails are made.
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
    /// Nobody wants them any more.
    Cancelled {
        /// Why not.
        why: String,
    },
}

impl State {
    /// Whether nothing more becomes of it.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed { .. } | Self::Cancelled { .. }
        )
    }
}

/// A thumbnail that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its name: how long its longer side is at most.
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

/// A thumbnail with its bytes.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// What is said of it.
    pub made: Made,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What becomes of a job in the end.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Its thumbnails.
    Done(Vec<Thumbnail>),
    /// Why there are none.
    Failed(String),
    /// Why nobody wants them.
    Cancelled(String),
}
