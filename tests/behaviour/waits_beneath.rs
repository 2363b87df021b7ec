//! If an owner completes a cycle by beginning to wait for its children, another wait of the cycle is refused: one
//! beneath the children, or somewhere else.

use crate::common;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use common::node::Gate;
use common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{System, scope_send};
use tokio::time::Instant;

/// Awaits the futures that it is sent.
struct Runs;

enum Msg {
    Run(Pin<Box<dyn Future<Output = tenure::Result> + Send>>),
    Spawn(ReplyTo<ActorRef<Msg>>),
    Ping(ReplyTo<()>),
}

impl Actor for Runs {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Run(future) => future.await?,
            Msg::Spawn(reply) => reply.send(ctx.spawn(Runs)?),
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

async fn run(actor: &ActorRef<Msg>, future: impl Future<Output = tenure::Result> + Send + 'static) {
    actor.tell(Msg::Run(Box::pin(future))).await.unwrap();
}

/// Asks once the gate is open.
async fn ask_when(gate: Arc<Gate>, asked: ActorRef<Msg>, log: Log) -> tenure::Result {
    gate.opened().await;
    log.push(match asked.ask(Msg::Ping).await {
        Err(AskError::Deadlock(_)) => "refused",
        Ok(()) => "answered",
        Err(_) => "failed",
    });
    Ok(())
}

/// A gate that is open.
fn opened() -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    gate.open();
    gate
}

/// Nothing has been told to end, so no grace would end the wait. With `between`, the task asks an actor that asks the
/// owner.
#[test]
fn task_in_a_scope_of_a_task_is_refused_when_the_body_of_the_outer_scope_ends() {
    for between in [false, true] {
        paused(async |_check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let (owner, other) = (system.spawn(Runs).unwrap(), system.spawn(Runs).unwrap());
            let ends = Arc::new(Gate::default());
            let asked = if between { &other } else { &owner };
            let asks = ask_when(opened(), asked.clone(), log.clone());
            let may_end = Arc::clone(&ends);
            run(&owner, async move {
                let scope = scope_send(move |scope| async move {
                    scope.task(scope_send(move |scope| async move {
                        scope.task(asks)?;
                        Ok(())
                    }))?;
                    may_end.opened().await;
                    Ok(())
                });
                Ok(scope.await?)
            })
            .await;
            if between {
                run(&other, ask_when(opened(), owner.clone(), log.clone())).await;
            }
            settled().await;
            assert!(log.entries().is_empty(), "{:?}", log.entries());
            let begin = Instant::now();
            ends.open();
            let answer = owner.ask(Msg::Ping).timeout(Duration::from_secs(60)).await;
            answer.unwrap();
            settled().await;
            assert_eq!(begin.elapsed(), Duration::ZERO);
            let expected: &[_] = match between {
                true => &["refused", "answered"],
                false => &["refused"],
            };
            assert_eq!(log.entries(), expected);
            system.stop().await.unwrap();
        });
    }
}

/// The child was told to stop before its owner's restart. What is beneath it has a grace of its own, so that does not
/// end the wait.
#[test]
fn one_beneath_a_child_that_was_told_before_is_refused_when_its_owner_waits_for_that() {
    for between in [0, 1, 3] {
        paused(async |_check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let owner = ChildSpec::factory(|| Runs).restart(Restart::OnFailure);
            let (owner, other) = (system.spawn(owner).unwrap(), system.spawn(Runs).unwrap());
            let child = owner.ask(Msg::Spawn).await.unwrap();
            let mut asks = child.clone();
            for _ in 0..between {
                asks = asks.ask(Msg::Spawn).await.unwrap();
            }
            let (fails, may_ask) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
            let may_fail = Arc::clone(&fails);
            run(&owner, async move {
                may_fail.opened().await;
                Err("it fails".into())
            })
            .await;
            run(&other, ask_when(opened(), owner.clone(), log.clone())).await;
            let ask = ask_when(Arc::clone(&may_ask), other.clone(), log.clone());
            run(&asks, ask).await;
            settled().await;
            drop(child.stop());
            settled().await;
            may_ask.open();
            settled().await;
            assert!(log.entries().is_empty(), "{:?}", log.entries());
            let begin = Instant::now();
            fails.open();
            owner.ask(Msg::Ping).await.unwrap();
            settled().await;
            assert_eq!(begin.elapsed(), Duration::ZERO);
            assert_eq!(log.entries(), ["refused", "answered"]);
            system.stop().await.unwrap();
        });
    }
}
