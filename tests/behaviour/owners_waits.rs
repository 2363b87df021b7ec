//! The waits of an owner for its children, and of a scope for what is in it, are edges like any other.

use crate::common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Guard, paused, settled};
use tenure::prelude::*;
use tenure::{System, scope};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What came of the asks of a test.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Result<(), AskError>>>>);

impl Asked {
    fn push(&self, asked: Result<(), AskError>) {
        self.0.lock().unwrap().push(asked);
    }

    /// The length of the cycle for which each ask was refused.
    fn cycles(&self) -> Vec<Option<usize>> {
        let asked = std::mem::take(&mut *self.0.lock().unwrap());
        let cycle = |asked| match asked {
            Err(AskError::Deadlock(cycle)) => Some(cycle.paths().len()),
            Ok(()) => None,
            Err(error) => panic!("{error:?}"),
        };
        asked.into_iter().map(cycle).collect()
    }
}

/// An owner that is restarted if it fails.
struct Owner {
    rig: Rig,
    _guard: Guard,
}

#[derive(Clone)]
struct Rig {
    check: Check,
    asked: Asked,
    /// How many nodes there are between the owner and the one that asks.
    between: usize,
    entered: Arc<Notify>,
}

enum OwnerMsg {
    Spawn(AsksIn),
    /// Waits in a scope for a task that asks this owner. With `early`, the task asks while the scope's body still runs.
    Scope {
        early: bool,
    },
    Fail,
    FailLater,
    Ping(ReplyTo<()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AsksIn {
    Handler,
    OnStop,
}

impl Start for Rig {
    type Actor = Owner;

    async fn start(self, _: &mut Context<Owner>) -> tenure::Result<Owner> {
        Ok(Owner {
            _guard: self.check.guard(),
            rig: self,
        })
    }
}

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        let (me, asked) = (ctx.me(), self.rig.asked.clone());
        match msg {
            OwnerMsg::Spawn(when) => {
                let asks = Asks {
                    owner: me,
                    asked,
                    when,
                    between: self.rig.between,
                    entered: Arc::clone(&self.rig.entered),
                };
                ctx.spawn(asks)?;
            }
            OwnerMsg::Scope { early } => {
                scope(async |scope| {
                    scope.task(async move { asked.push(me.ask(OwnerMsg::Ping).await) })?;
                    if early {
                        settled().await;
                    }
                    Ok(())
                })
                .await?;
            }
            OwnerMsg::Fail => return Err("it fails".into()),
            OwnerMsg::FailLater => {
                settled().await;
                return Err("it fails".into());
            }
            OwnerMsg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Asks the owner, or has a child that does.
struct Asks {
    owner: ActorRef<OwnerMsg>,
    asked: Asked,
    when: AsksIn,
    between: usize,
    entered: Arc<Notify>,
}

impl Actor for Asks {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.between > 0 {
            ctx.spawn(Asks {
                owner: self.owner.clone(),
                asked: self.asked.clone(),
                when: self.when,
                between: self.between - 1,
                entered: Arc::clone(&self.entered),
            })?;
        } else if self.when == AsksIn::Handler {
            ctx.me().try_tell(())?;
        } else {
            self.entered.notify_one();
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.entered.notify_one();
        let asked = self.owner.ask(OwnerMsg::Ping).await;
        self.asked.push(asked);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.between == 0 && self.when == AsksIn::OnStop {
            let asked = self.owner.ask(OwnerMsg::Ping).await;
            self.asked.push(asked);
        }
        Ok(())
    }
}

fn rig(check: &Check, between: usize) -> (System, Rig, ActorRef<OwnerMsg>) {
    let system = System::start().unwrap();
    let rig = Rig {
        check: check.clone(),
        asked: Asked::default(),
        between,
        entered: Arc::default(),
    };
    let spec = ChildSpec::new(rig.clone()).restart(Restart::OnFailure);
    let owner = system.spawn(spec.name("owner")).unwrap();
    check.node(owner.node());
    (system, rig, owner)
}

#[test]
fn child_that_asks_its_restarting_owner_in_its_on_stop_is_refused_at_once() {
    for between in [0, 2] {
        paused(async |check| {
            let (system, rig, owner) = rig(&check, between);
            owner.tell(OwnerMsg::Spawn(AsksIn::OnStop)).await.unwrap();
            rig.entered.notified().await;
            let begin = Instant::now();
            owner.tell(OwnerMsg::Fail).await.unwrap();
            owner.ask(OwnerMsg::Ping).await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
            assert_eq!(rig.asked.cycles(), [Some(between + 2)]);
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn child_that_has_asked_its_owner_is_refused_when_that_begins_its_restart() {
    for between in [0, 2] {
        paused(async |check| {
            let (system, rig, owner) = rig(&check, between);
            // The child asks while the owner handles the message that fails it.
            owner.tell(OwnerMsg::Spawn(AsksIn::Handler)).await.unwrap();
            owner.tell(OwnerMsg::FailLater).await.unwrap();
            let begin = Instant::now();
            owner.ask(OwnerMsg::Ping).await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
            assert_eq!(rig.asked.cycles(), [Some(between + 2)]);
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn task_in_a_scope_that_asks_the_node_that_waits_for_it_is_refused() {
    for early in [false, true] {
        paused(async |check| {
            let (system, rig, owner) = rig(&check, 0);
            let begin = Instant::now();
            owner.tell(OwnerMsg::Scope { early }).await.unwrap();
            owner.ask(OwnerMsg::Ping).await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
            // The owner waits for the scope, the scope for the task, and the task for the owner.
            assert_eq!(rig.asked.cycles(), [Some(3)], "early: {early}");
            system.stop().await.unwrap();
        });
    }
}

/// A draining owner handles messages while it waits for its children, so there is no cycle.
#[test]
fn draining_owner_answers_its_children() {
    paused(async |check| {
        let (system, rig, owner) = rig(&check, 0);
        owner.tell(OwnerMsg::Spawn(AsksIn::OnStop)).await.unwrap();
        rig.entered.notified().await;
        owner.drain().await.unwrap();
        assert_eq!(rig.asked.cycles(), [None]);
        system.stop().await.unwrap();
    });
}
