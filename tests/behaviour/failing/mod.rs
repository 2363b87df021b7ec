//! Where failures go, and that none is lost on the way.

mod destructors;
mod reported;
mod stopped;
mod upward;

use std::future::pending;

use crate::common::{Check, Guard, Log};
use tenure::prelude::*;
use tenure::{Failure, StopError};

/// The failures with a cause of their own, sorted, each with its path.
fn leaves(failure: &Failure) -> Vec<String> {
    let mut leaves: Vec<_> = failure.leaves().map(ToString::to_string).collect();
    leaves.sort();
    leaves
}

fn failure_of<T: std::fmt::Debug>(end: Result<T, StopError>) -> Failure {
    match end {
        Err(StopError::Failed(failure)) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// A child that does what it is told.
struct Child {
    name: &'static str,
    log: Log,
    on_stop: OnStop,
    _guard: Guard,
}

#[derive(Clone, Copy, PartialEq)]
enum OnStop {
    Ends,
    Fails,
    Panics,
}

enum ChildMsg {
    Fail,
    Panic,
    Stop,
    Hang(ReplyTo<()>),
    Answer(ReplyTo<u32>),
}

impl Actor for Child {
    type Msg = ChildMsg;

    async fn handle(&mut self, msg: ChildMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            ChildMsg::Fail => return Err(format!("{} is out of paper", self.name).into()),
            ChildMsg::Panic => panic!("{} is on fire", self.name),
            ChildMsg::Stop => ctx.stop(),
            ChildMsg::Answer(reply) => reply.send(42),
            ChildMsg::Hang(reply) => {
                reply.send(());
                pending::<()>().await;
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} on_stop", self.name));
        match self.on_stop {
            OnStop::Ends => Ok(()),
            OnStop::Fails => Err("no end".into()),
            OnStop::Panics => panic!("{} tripped", self.name),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}

fn child(name: &'static str, log: &Log, check: &Check) -> Child {
    Child {
        name,
        log: log.clone(),
        on_stop: OnStop::Ends,
        _guard: check.guard(),
    }
}

/// Owns what it is given, and notes each end that it is shown.
struct Owner {
    log: Log,
    check: Check,
    /// Whether its `on_stop` fails and its state panics.
    falls: bool,
}

enum OwnerMsg {
    Spawn(ChildSpec<Child>, ReplyTo<ActorRef<ChildMsg>>),
    /// Has these children fail while it is busy.
    LetFail(Vec<ActorRef<ChildMsg>>),
    /// Has these children fail while it is busy, and then fails itself.
    FailWith(Vec<ActorRef<ChildMsg>>),
}

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            OwnerMsg::Spawn(spec, reply) => {
                let child = ctx.spawn(spec)?;
                self.check.node(child.node());
                reply.send(child);
                Ok(())
            }
            OwnerMsg::LetFail(children) => {
                for child in &children {
                    child.try_tell(ChildMsg::Fail)?;
                }
                // Awaiting an end would count as having seen it.
                while !children.iter().all(ActorRef::is_stopped) {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            OwnerMsg::FailWith(children) => {
                for child in &children {
                    child.try_tell(ChildMsg::Fail)?;
                }
                for child in &children {
                    failure_of(child.stopped().await);
                }
                Err("the owner has had enough".into())
            }
        }
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("exit of {}", exit.path()));
        exit.into_result()
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.falls {
            return Err("no way to end it".into());
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        assert!(!self.falls, "and its state panics");
    }
}

impl Owner {
    fn new(log: &Log, check: &Check) -> Self {
        Self {
            log: log.clone(),
            check: check.clone(),
            falls: false,
        }
    }
}
