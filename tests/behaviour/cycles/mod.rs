//! A wait that completes a cycle of waiting nodes is refused, and the error names the cycle. A wait that can still be
//! served is not refused (rule 16).

mod even_so;
mod let_be;
mod over;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Check, Guard};
use tenure::prelude::*;
use tenure::{Cycle, System, TaskError};
use tokio::sync::Notify;

type Answer = Result<u32, AskError>;

type Reply = ReplyTo<Answer>;

enum Msg {
    /// Asks along the way. The last one answers 0.
    Along(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from a task of its own that it waits for.
    AlongInTask(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from a task that it does not wait for.
    AlongLater(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from within a scope.
    AlongInScope(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, with a limit.
    AlongLimited(Vec<ActorRef<Msg>>, Reply),
    /// Asks that one, gives up the ask, and answers when told to go on.
    GiveUp(ActorRef<Msg>, Reply),
    /// Asks that one twice at a time.
    Twice(ActorRef<Msg>, Reply),
    /// Asks that one with `even_if_cyclic`, until told to go on.
    EvenSo(ActorRef<Msg>, Reply),
    /// Answers from a task when told to go on.
    AnswerLater(Reply),
    /// Waits until told to go on.
    Wait,
    /// Tells that one when told to go on. Replies whether that was refused.
    Tell(ActorRef<Msg>, ReplyTo<Option<Cycle>>),
    /// Tells that one, and keeps the future until told to go on.
    TellAndKeep(ActorRef<Msg>, Reply),
    /// As `Tell`, by a permit.
    Reserve(ActorRef<Msg>, ReplyTo<Option<Cycle>>),
    Nothing,
}

impl From<Reply> for Msg {
    fn from(reply: Reply) -> Self {
        Self::Along(Vec::new(), reply)
    }
}

#[derive(Default)]
struct Node {
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    _guard: Option<Guard>,
}

async fn along(mut way: Vec<ActorRef<Msg>>) -> Answer {
    if way.is_empty() {
        return Ok(0);
    }
    let next = way.remove(0);
    next.ask(|reply| Msg::Along(way, reply)).await?
}

fn refused<M>(told: Result<(), SendError<M>>) -> Option<Cycle> {
    match told {
        Err(SendError::Deadlock(_, cycle)) => Some(cycle),
        _ => None,
    }
}

async fn along_in_task(way: Vec<ActorRef<Msg>>, ctx: &Context<Node>) -> tenure::Result<Answer> {
    let task = ctx.task(async move { Ok::<_, tenure::Error>(along(way).await) })?;
    Ok(match task.await {
        Err(TaskError::Deadlock(cycle)) => Err(AskError::Deadlock(cycle)),
        value => value?,
    })
}

/// Asks one actor twice at a time.
async fn twice(target: ActorRef<Msg>) -> Result<Answer, AskError> {
    let typed = target.recipient();
    let (first, second) = tokio::join!(
        target.ask(|reply| Msg::Along(Vec::new(), reply)),
        typed.ask(|reply: Reply| reply),
    );
    assert_eq!(second, Ok(Ok(0)));
    first
}

impl Node {
    fn answer_later(&self, reply: Reply, ctx: &Context<Self>) -> tenure::Result {
        let go_on = Arc::clone(&self.go_on);
        ctx.task(async move {
            go_on.notified().await;
            reply.send(Ok(1));
        })?;
        Ok(())
    }

    async fn tell_and_keep(&self, target: &ActorRef<Msg>, reply: Reply) -> tenure::Result {
        let mut tell = target.tell(Msg::Nothing);
        (&mut tell).await?;
        self.entered.notify_one();
        self.go_on.notified().await;
        drop(tell);
        reply.send(Ok(0));
        Ok(())
    }
}

impl Actor for Node {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Along(way, reply) => reply.send(along(way).await),
            Msg::AlongInTask(way, reply) => reply.send(along_in_task(way, ctx).await?),
            Msg::AlongLater(way, reply) => {
                ctx.task(async move { reply.send(along(way).await) })?;
            }
            Msg::AlongInScope(way, reply) => {
                reply.send(tenure::scope(async |_| Ok(along(way).await)).await?);
            }
            Msg::AlongLimited(mut way, reply) => {
                let next = way.remove(0);
                let asking = next.ask(|reply| Msg::Along(way, reply));
                let asked = asking.timeout(Duration::from_secs(1)).await;
                reply.send(asked.unwrap_or_else(Err));
            }
            Msg::GiveUp(first, reply) => {
                tokio::select! {
                    biased;
                    _ = first.ask(Msg::AnswerLater) => return Err("too early".into()),
                    () = tokio::task::yield_now() => {}
                }
                self.entered.notify_one();
                self.go_on.notified().await;
                reply.send(Ok(0));
            }
            Msg::Twice(target, reply) => reply.send(twice(target).await?),
            Msg::EvenSo(target, reply) => {
                let asking = target.ask(|reply| Msg::Along(Vec::new(), reply));
                tokio::select! {
                    asked = asking.even_if_cyclic() => reply.send(asked?),
                    () = self.go_on.notified() => reply.send(Ok(7)),
                }
            }
            Msg::AnswerLater(reply) => self.answer_later(reply, ctx)?,
            Msg::Wait => {
                self.entered.notify_one();
                self.go_on.notified().await;
            }
            Msg::Tell(target, reply) => {
                self.entered.notify_one();
                self.go_on.notified().await;
                reply.send(refused(target.tell(Msg::Nothing).await));
            }
            Msg::TellAndKeep(target, reply) => self.tell_and_keep(&target, reply).await?,
            Msg::Reserve(target, reply) => {
                self.entered.notify_one();
                self.go_on.notified().await;
                let reserved = target.reserve().await;
                reply.send(refused(reserved.map(drop)));
            }
            Msg::Nothing => {}
        }
        Ok(())
    }
}

/// Named actors of a system.
struct Rig {
    system: System,
    actors: Vec<ActorRef<Msg>>,
    entered: Vec<Arc<Notify>>,
    go_on: Vec<Arc<Notify>>,
}

impl Rig {
    fn new(check: &Check, names: &[&str], mailbox: Mailbox) -> Self {
        let system = System::start().unwrap();
        let (mut actors, mut entered, mut go_on) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let node = Node {
                _guard: Some(check.guard()),
                ..Node::default()
            };
            entered.push(Arc::clone(&node.entered));
            go_on.push(Arc::clone(&node.go_on));
            let spec = ChildSpec::new(node).name(*name).mailbox(mailbox);
            actors.push(system.spawn(spec).unwrap());
        }
        for actor in &actors {
            check.node(actor.node());
        }
        Self {
            system,
            actors,
            entered,
            go_on,
        }
    }

    fn way<const N: usize>(&self, indices: [usize; N]) -> Vec<ActorRef<Msg>> {
        indices
            .iter()
            .map(|index| self.actors[*index].clone())
            .collect()
    }

    async fn end(self) {
        self.system.stop().await.unwrap();
    }
}

fn names(cycle: &Cycle) -> Vec<&str> {
    cycle.paths().iter().map(String::as_str).collect()
}
