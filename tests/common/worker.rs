//! An actor that does what it is told.

use std::time::Duration;

use tenure::prelude::*;
use tenure::{NodeRef, StopError, StopReason};
use tokio::time::sleep;

use super::{Check, Guard, Log};

/// Logs when its `on_stop` ends, and when it is dropped.
pub struct Worker {
    name: &'static str,
    log: Log,
    cleanup: Duration,
    _guard: Guard,
}

pub enum Do {
    /// Nothing but a guard, which shows whether the message still exists.
    Keep(Guard),
    Sleep(Duration),
    Fail,
    Panic,
    Reply(ReplyTo<&'static str>),
    /// Replies with its spawner.
    Lend(ReplyTo<Spawner>),
    StopChild(NodeRef, ReplyTo<Result<StopReason, StopError>>),
}

impl Worker {
    pub fn new(name: &'static str, log: &Log, check: &Check) -> Self {
        Self {
            name,
            log: log.clone(),
            cleanup: Duration::ZERO,
            _guard: check.guard(),
        }
    }

    /// How long its `on_stop` takes.
    pub fn cleanup(mut self, time: Duration) -> Self {
        self.cleanup = time;
        self
    }

    /// A spec of it with its own name.
    pub fn named(self) -> ChildSpec<Self> {
        let name = self.name;
        ChildSpec::new(self).name(name)
    }
}

impl Actor for Worker {
    type Msg = Do;

    async fn handle(&mut self, msg: Do, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Do::Keep(guard) => drop(guard),
            Do::Sleep(time) => sleep(time).await,
            Do::Fail => return Err(format!("{} fails", self.name).into()),
            Do::Panic => panic!("{} panics", self.name),
            Do::Reply(reply) => reply.send(self.name),
            Do::Lend(reply) => reply.send(ctx.spawner()),
            Do::StopChild(child, reply) => reply.send(match ctx.stop_child(&child) {
                Ok(stopping) => stopping.await,
                Err(error) => Err(error),
            }),
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if !self.cleanup.is_zero() {
            sleep(self.cleanup).await;
        }
        self.log.push(format!("{} on_stop", self.name));
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}
