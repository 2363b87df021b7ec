//! An actor that notes what it is told, and handles only as much as the test allows.

use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::common::Log;

/// Notes each value with the time at which it came. Handles as many values as it is allowed to.
#[derive(Clone)]
pub(crate) struct Gauge {
    log: Log,
    start: Instant,
    gate: Arc<Semaphore>,
}

impl Gauge {
    /// One that handles everything.
    pub(crate) fn open() -> Self {
        Self::with(usize::MAX >> 4)
    }

    /// One that handles nothing until it is allowed to.
    pub(crate) fn held() -> Self {
        Self::with(0)
    }

    fn with(permits: usize) -> Self {
        Self {
            log: Log::default(),
            start: Instant::now(),
            gate: Arc::new(Semaphore::new(permits)),
        }
    }

    pub(crate) fn let_go(&self, values: usize) {
        self.gate.add_permits(values);
    }

    /// The values, in the order in which they came.
    pub(crate) fn values(&self) -> Vec<String> {
        let entries = self.log.entries().into_iter();
        entries
            .map(|entry| entry.split(" at ").next().unwrap().to_owned())
            .collect()
    }

    /// The values, with when they came.
    pub(crate) fn timed(&self) -> Vec<String> {
        self.log.entries()
    }
}

pub(crate) struct Value(pub(crate) String);

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self(value.to_string())
    }
}

impl From<Vec<u32>> for Value {
    fn from(values: Vec<u32>) -> Self {
        Self(format!("{values:?}"))
    }
}

impl Actor for Gauge {
    type Msg = Value;

    async fn handle(&mut self, Value(value): Value, ctx: &mut Context<Self>) -> tenure::Result {
        tokio::select! {
            permit = self.gate.acquire() => permit?.forget(),
            () = ctx.cancelled() => return Ok(()),
        }
        self.log
            .push(format!("{value} at {}", self.start.elapsed().as_millis()));
        Ok(())
    }
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
