//! A worker that notes what it is handed.

use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

use crate::common::Log;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A message that takes this many seconds.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) id: u32,
    pub(crate) seconds: u32,
    pub(crate) key: u32,
}

pub(crate) fn work(id: u32, seconds: u32) -> Work {
    Work {
        id,
        seconds,
        key: 0,
    }
}

pub(crate) fn keyed(id: u32, key: u32, seconds: u32) -> Work {
    Work { id, seconds, key }
}

/// Logs `worker:id` when it begins with a message, and `worker:id.` when it has handled it.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) index: usize,
    pub(crate) log: Log,
}

impl Recorder {
    pub(crate) fn maker(log: &Log) -> impl FnMut(usize) -> Self + Send + 'static + use<> {
        let log = log.clone();
        move |index| Self {
            index,
            log: log.clone(),
        }
    }
}

impl Actor for Recorder {
    type Msg = Work;

    async fn handle(&mut self, work: Work, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{}:{}", self.index, work.id));
        sleep(work.seconds * SECOND).await;
        self.log.push(format!("{}:{}.", self.index, work.id));
        Ok(())
    }
}

/// The messages that were begun, in order.
pub(crate) fn begun(log: &Log) -> Vec<String> {
    let entries = log.entries().into_iter();
    entries.filter(|entry| !entry.ends_with('.')).collect()
}
