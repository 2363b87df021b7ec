//! Limits of waits.

use std::future::pending;
use std::sync::Arc;

use super::{CENTURY, DAY, HOUR, MS, SHORT, row, times};
use crate::common::node::{Gate, Msg, Node, hold, note};
use crate::common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{StartError, StopError, TaskError};
use tokio::time::Instant;

fn sent<M>(result: Result<(), SendError<M>>) -> &'static str {
    match result {
        Ok(()) => "sent",
        Err(SendError::TimedOut(_)) => "timed out",
        Err(_) => "refused",
    }
}

fn asked(result: Result<(), AskError>) -> &'static str {
    match result {
        Ok(()) => "replied",
        Err(AskError::TimedOut { .. }) => "timed out",
        Err(_) => "refused",
    }
}

/// An actor in a handler that does not return, with a full mailbox.
async fn busy_and_full(scope: &Scope, check: &Check) -> (ActorRef<Msg>, Arc<Gate>) {
    let spec = ChildSpec::new(Node::new(check, &Log::default())).mailbox(Mailbox::bounded(1));
    let actor = scope.spawn(spec).unwrap();
    let gate = hold(&actor).await;
    actor.try_tell(note("fills it")).unwrap();
    (actor, gate)
}

#[test]
fn limit_of_a_wait_for_room() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (full, gate) = busy_and_full(&scope, &check).await;
            let recipient: Recipient<String> = full.recipient();
            for (time, right) in times() {
                let value = (time, "in a full mailbox");
                let tell = async { sent(full.tell(note("late")).timeout(time).await) };
                row("Tell::timeout", value, right, tell).await;
                let tell = async { sent(recipient.tell("late".into()).timeout(time).await) };
                row("RecipientTell::timeout", value, right, tell).await;
                let reserve = async { sent(full.reserve().timeout(time).await.map(drop)) };
                row("Reserve::timeout", value, right, reserve).await;
                let ask = async { asked(full.ask(Msg::Ping).timeout(time).await) };
                row("Ask::timeout", value, right, ask).await;
            }
            gate.open();
            full.ask(Msg::Ping).await?;
            // A wait for room that is free takes no time.
            for (time, _) in times() {
                let value = (time, "with room");
                let tell = async { sent(full.tell(note("in time")).timeout(time).await) };
                row("Tell::timeout", value, "sent", tell).await;
                full.ask(Msg::Ping).await?;
                let tell = async { sent(recipient.tell("in time".into()).timeout(time).await) };
                row("RecipientTell::timeout", value, "sent", tell).await;
                full.ask(Msg::Ping).await?;
                let reserve = async { sent(full.reserve().timeout(time).await.map(drop)) };
                row("Reserve::timeout", value, "sent", reserve).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn refused_messages_come_back_whatever_the_limit() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (full, gate) = busy_and_full(&scope, &check).await;
            for time in SHORT {
                let Err(refused) = full.tell(note("mine")).timeout(time).await else {
                    panic!("sent into a full mailbox within {time:?}");
                };
                assert!(matches!(refused.into_inner(), Msg::Note(text) if text == "mine"));
            }
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Instants in the past, and instants in the future that no test lives to see.
fn instants() -> impl Iterator<Item = (Instant, &'static str)> {
    let now = Instant::now();
    let past = [DAY, HOUR, MS].map(|ago| now.checked_sub(ago));
    let past = past.into_iter().flatten().chain([now, now + MS]);
    let future = [DAY + HOUR, CENTURY, 5 * CENTURY].map(|later| now.checked_add(later));
    let past = past.map(|at| (at, "timed out"));
    past.chain(future.into_iter().flatten().map(|at| (at, "waits")))
}

#[test]
fn limit_of_an_ask() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &Log::default()))?;
            let texts = scope.spawn(Silent(Vec::new()))?;
            let recipient: Recipient<ReplyTo<()>> = texts.recipient();
            let gate = hold(&actor).await;
            for (time, right) in times() {
                let ask = async { asked(actor.ask(Msg::Ping).timeout(time).await) };
                row("Ask::timeout", time, right, ask).await;
                let ask = async { asked(actor.try_ask(Msg::Ping).timeout(time).await) };
                row("try_ask and Ask::timeout", time, right, ask).await;
                let ask = async { asked(actor.ask(Msg::Ping).timeout(time).owned().await) };
                row("Ask::timeout and owned", time, right, ask).await;
                let ask = async { asked(recipient.ask(|reply| reply).timeout(time).await) };
                row("RecipientAsk::timeout", time, right, ask).await;
            }
            for (at, right) in instants() {
                let value = at.checked_duration_since(Instant::now());
                let ask = async { asked(actor.ask(Msg::Ping).deadline(at).await) };
                row("Ask::deadline", value, right, ask).await;
            }
            for (at, right) in instants() {
                let value = at.checked_duration_since(Instant::now());
                let ask = async { asked(recipient.ask(|reply| reply).deadline(at).await) };
                row("RecipientAsk::deadline", value, right, ask).await;
            }
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Keeps all replies and sends none.
struct Silent(Vec<ReplyTo<()>>);

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(reply);
        Ok(())
    }
}

/// Asks the actor that it knows, and replies what came of that.
struct Relay(ActorRef<ReplyTo<()>>);

impl Actor for Relay {
    type Msg = ReplyTo<&'static str>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let has_deadline = ctx.deadline().is_some();
        let inner = asked(self.0.ask(|reply| reply).await);
        reply.send(if has_deadline { inner } else { "unlimited" });
        Ok(())
    }
}

#[test]
fn limits_that_are_inherited() {
    paused(async |_| {
        for (time, right) in times() {
            let system = System::builder().ask_timeout(time).start().unwrap();
            let silent = system.spawn(Silent(Vec::new())).unwrap();
            let relay = system.spawn(Relay(silent.clone())).unwrap();
            // This ask is made outside of any node and inherits nothing, so the relay's own ask has the system's
            // default.
            let by_default = async {
                relay.ask(|reply| reply).await.unwrap();
                "timed out"
            };
            row("Builder::ask_timeout", time, right, by_default).await;
            system.kill().await.unwrap();

            let system = System::start().unwrap();
            let silent = system.spawn(Silent(Vec::new())).unwrap();
            let relay = system.spawn(Relay(silent.clone())).unwrap();
            // The limits of the relay and of its caller end at the same moment.
            let inherited = async {
                let told = relay.ask(|reply| reply).timeout(time).await;
                told.unwrap_or_else(|error| asked(Err(error)))
            };
            row("an inherited Ask::timeout", time, right, inherited).await;
            system.kill().await.unwrap();
        }
    });
}

/// Its `on_start` never returns.
#[derive(Clone)]
struct NeverStarts;

impl Actor for NeverStarts {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        pending().await
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn limit_of_a_wait_for_a_node() {
    paused(async |_| {
        let system = System::start().unwrap();
        for (time, right) in times() {
            let task = system.task(pending::<()>()).unwrap();
            let node = task.node();
            let stopped = async {
                match node.stopped().timeout(time).await {
                    Err(StopError::TimedOut) => "timed out",
                    _ => "ended",
                }
            };
            row("Stopped::timeout", time, right, stopped).await;
            let awaited = async {
                match task.timeout(time).await {
                    Err(TaskError::TimedOut) => "timed out",
                    _ => "ended",
                }
            };
            row("TaskHandle::timeout", time, right, awaited).await;
            node.kill().await.unwrap();
            let start = async {
                match system.start(NeverStarts).timeout(time).await {
                    Err(StartError::TimedOut) => "timed out",
                    _ => "started",
                }
            };
            row("Starting::timeout", time, right, start).await;
        }
        system.kill().await.unwrap();
    });
}
