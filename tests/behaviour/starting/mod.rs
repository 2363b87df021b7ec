//! How nodes are started, and what becomes of those that are not.

mod names;
mod refused;
mod starts;
mod unpolled;

use crate::common::{Check, Count, Guard, Log};
use tenure::prelude::*;

/// Counts its start, and logs its end.
struct Child {
    name: &'static str,
    log: Log,
    starts: Count,
    _guard: Guard,
}

impl Child {
    fn new(name: &'static str, log: &Log, check: &Check) -> Self {
        Self {
            name,
            log: log.clone(),
            starts: Count::default(),
            _guard: check.guard(),
        }
    }
}

impl Actor for Child {
    type Msg = ReplyTo<&'static str>;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.starts.add();
        Ok(())
    }

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(self.name);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} on_stop", self.name));
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}
