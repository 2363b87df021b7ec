//! At the end of a scope, the actors that its tasks wait for are told to end before those tasks have ended, but only if
//! the tasks would otherwise wait for ever.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use common::node::Gate;
use common::{paused, settled};
use tenure::prelude::*;
use tenure::{Phase, StopReason, System, scope_send};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Replies once something that it has started has ended.
struct Worker;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Of {
    Task,
    /// A task in a scope. The scope's body ends at once.
    Scope,
    /// A task in a scope. The scope's body awaits it.
    Body,
    /// A task in a scope that awaits the end of an actor in that scope.
    ActorInScope,
}

struct Work(Of, Arc<Gate>, ReplyTo<()>);

struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

impl Actor for Worker {
    type Msg = Work;

    async fn handle(
        &mut self,
        Work(of, gate, reply): Work,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        let work = async move {
            gate.reach();
            gate.opened().await;
        };
        match of {
            Of::Task => ctx.task(work)?.await?,
            Of::Scope => {
                let scope = scope_send(|scope| async move {
                    scope.task(work)?;
                    Ok(())
                });
                scope.await?;
            }
            Of::Body => {
                let scope = scope_send(|scope| async move { Ok(scope.task(work)?.await?) });
                scope.await?;
            }
            Of::ActorInScope => {
                let scope = scope_send(|scope| async move {
                    let idle = scope.spawn(Idle)?;
                    scope.task(async move {
                        work.await;
                        drop(idle.stopped().await);
                    })?;
                    Ok(())
                });
                scope.await?;
            }
        }
        reply.send(());
        Ok(())
    }
}

/// The worker is not told: it waits for something of its own that will end. That holds for a second ask as well, at
/// whose beginning nothing else in the scope happens.
#[test]
fn actor_that_waits_for_what_is_beneath_it_is_not_told() {
    for of in [Of::Task, Of::Scope, Of::Body, Of::ActorInScope] {
        for deep in [false, true] {
            paused(async |_check| {
                let system = System::start().unwrap();
                let gate = Arc::new(Gate::default());
                let (to, known) = oneshot::channel();
                let work = Arc::clone(&gate);
                let scope = scope_send(move |scope| async move {
                    let worker = match deep {
                        false => scope.spawn(Worker)?,
                        true => scope.spawn(Above(None))?.ask(|reply| reply).await?,
                    };
                    drop(to.send(worker.node()));
                    scope.task(async move {
                        for _ in 0..2 {
                            let gate = Arc::clone(&work);
                            worker.ask(|reply| Work(of, gate, reply)).await?;
                        }
                        Ok::<_, tenure::Error>(())
                    })?;
                    Ok(())
                });
                let ended = system.task(scope).unwrap();
                let worker = known.await.unwrap();
                for _ in 0..2 {
                    gate.reached().await;
                    settled().await;
                    assert_eq!(worker.phase(), Phase::Running, "{of:?}, deep: {deep}");
                    gate.open();
                }
                ended.await.unwrap();
                assert_eq!(worker.phase(), Phase::Stopped);
                system.stop().await.unwrap();
            });
        }
    }
}

/// Owns the worker.
struct Above(Option<ActorRef<Work>>);

impl Actor for Above {
    type Msg = ReplyTo<ActorRef<Work>>;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.0 = Some(ctx.spawn(Worker)?);
        Ok(())
    }

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(self.0.clone().unwrap());
        Ok(())
    }
}

/// One task awaits the end of the worker, whose owner is told only after the tasks. So the owner is told at once.
#[test]
fn actor_beneath_which_is_what_a_task_awaits_is_told() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let gate = Arc::new(Gate::default());
        let (to, known) = oneshot::channel();
        let work = Arc::clone(&gate);
        let scope = scope_send(move |scope| async move {
            let above = scope.spawn(Above(None))?;
            let worker = above.ask(|reply| reply).await?;
            drop(to.send(worker.node()));
            let node = worker.node();
            let is_at_work = Arc::clone(&work);
            scope.task(async move {
                is_at_work.reached().await;
                drop(node.stopped().await);
            })?;
            scope.task(async move { worker.ask(|reply| Work(Of::Task, work, reply)).await })?;
            Ok(())
        });
        let ended = system.task(scope).unwrap();
        let worker = known.await.unwrap();
        settled().await;
        let begin = Instant::now();
        gate.open();
        ended.await.unwrap();
        assert!(matches!(worker.stopped().await, Ok(StopReason::Drained)));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        system.stop().await.unwrap();
    });
}
