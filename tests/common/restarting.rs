//! An actor that fails when it is told to, is restarted, and logs what each incarnation does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

use super::{Check, Count, Guard, Log};

/// The recipe of a [`Restarting`].
#[derive(Clone)]
pub struct Recipe {
    pub name: &'static str,
    pub log: Log,
    pub check: Check,
    pub incarnations: Count,
    /// How many of the next starts fail.
    pub bad_starts: Arc<AtomicUsize>,
    /// How long a start takes.
    pub start_delay: Duration,
    /// How long `on_stop` takes.
    pub cleanup: Duration,
    /// Whether each incarnation starts a child.
    pub with_child: bool,
}

pub struct Restarting {
    recipe: Recipe,
    incarnation: usize,
    _guard: Guard,
}

pub enum Msg {
    Fail,
    Panic,
    /// Fails without a reply.
    FailReply(ReplyTo<usize>),
    Incarnation(ReplyTo<usize>),
    Lend(ReplyTo<Spawner>),
    Sleep(Duration),
    Finish,
    FinishWhenEmpty,
    Log(&'static str),
}

impl Recipe {
    pub fn new(name: &'static str, log: &Log, check: &Check) -> Self {
        Self {
            name,
            log: log.clone(),
            check: check.clone(),
            incarnations: Count::default(),
            bad_starts: Arc::default(),
            start_delay: Duration::ZERO,
            cleanup: Duration::ZERO,
            with_child: false,
        }
    }

    /// Has this many of the next starts fail.
    pub fn fail_starts(&self, starts: usize) {
        self.bad_starts.store(starts, Ordering::SeqCst);
    }

    pub fn restarting(&self, restart: Restart) -> ChildSpec<Self> {
        ChildSpec::new(self.clone())
            .name(self.name)
            .restart(restart)
    }

    fn is_bad(&self) -> bool {
        let less = |n: usize| n.checked_sub(1);
        self.bad_starts
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }
}

impl Start for Recipe {
    type Actor = Restarting;

    async fn start(self, ctx: &mut Context<Restarting>) -> tenure::Result<Restarting> {
        self.incarnations.add();
        if !self.start_delay.is_zero() {
            sleep(self.start_delay).await;
        }
        if self.is_bad() {
            self.log.push(format!("{} start fails", self.name));
            return Err("a start that fails".into());
        }
        self.log.push(format!("{} starts", self.name));
        if self.with_child {
            let child = Self::new("child", &self.log, &self.check);
            ctx.spawn(ChildSpec::new(child).name("child"))?;
        }
        Ok(Restarting {
            incarnation: self.incarnations.get(),
            _guard: self.check.guard(),
            recipe: self,
        })
    }
}

impl Actor for Restarting {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Fail | Msg::FailReply(_) => {
                return Err(format!("{} fails", self.recipe.name).into());
            }
            Msg::Panic => panic!("{} fails", self.recipe.name),
            Msg::Incarnation(reply) => reply.send(self.incarnation),
            Msg::Lend(reply) => reply.send(ctx.spawner()),
            Msg::Sleep(time) => sleep(time).await,
            Msg::Finish => ctx.stop(),
            Msg::FinishWhenEmpty => ctx.drain(),
            Msg::Log(text) => self.recipe.log.push(text),
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if !self.recipe.cleanup.is_zero() {
            sleep(self.recipe.cleanup).await;
        }
        self.recipe
            .log
            .push(format!("{} on_stop", self.recipe.name));
        Ok(())
    }
}

impl Drop for Restarting {
    fn drop(&mut self) {
        self.recipe
            .log
            .push(format!("{} dropped", self.recipe.name));
    }
}
