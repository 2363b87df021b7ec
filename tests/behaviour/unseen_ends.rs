//! The ends of children while their owner is busy.

use crate::common;

use common::node::{Node, note};
use common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{ChildExit, System, TaskHandle};
use tokio::sync::oneshot;

/// Starts tasks in one handler, and counts the ends that it is shown.
struct Busy {
    shown: Count,
    log: Log,
    check: Check,
    _guard: Guard,
}

/// Somebody else who awaits an end, before the owner goes on.
struct Other {
    to: oneshot::Sender<TaskHandle<()>>,
    goes: oneshot::Receiver<()>,
}

enum Msg {
    /// Starts this many tasks one after the other, and awaits each.
    Await(usize),
    /// Starts this many tasks, which end while this is handled.
    Leave(usize),
    /// Starts two tasks, which end. Awaits the first one unless somebody else does.
    EndTwo(Option<Other>),
    Ping(ReplyTo<()>),
}

impl Actor for Busy {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Await(count) => {
                for _ in 0..count {
                    ctx.task(async { Ok::<_, tenure::Error>(1) })?.await?;
                }
            }
            Msg::Leave(count) => {
                for _ in 0..count {
                    drop(ctx.task(async {})?);
                }
                while !ctx.children().is_empty() {
                    tokio::task::yield_now().await;
                }
                // A failure is kept, however many other ends are.
                let child = ctx.spawn(Node::new(&self.check, &self.log).named("fails"))?;
                child.tell(note("alive")).await?;
                child.tell(common::node::Msg::Fail).await?;
                drop(child.stopped().await);
            }
            Msg::EndTwo(other) => {
                let first = ctx.task(TaskSpec::new(async {}).name("first"))?;
                let second = ctx.task(TaskSpec::new(async {}).name("second"))?;
                while !ctx.children().is_empty() {
                    tokio::task::yield_now().await;
                }
                match other {
                    Some(Other { to, goes }) => {
                        drop(to.send(first));
                        goes.await?;
                    }
                    None => first.await?,
                }
                drop(second);
            }
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        if exit.name().is_some() {
            self.log.push(format!("{} was shown", exit.path()));
        } else {
            self.shown.add();
        }
        Ok(())
    }
}

fn busy(check: &Check, log: &Log, shown: &Count) -> ChildSpec<Busy> {
    ChildSpec::new(Busy {
        shown: shown.clone(),
        log: log.clone(),
        check: check.clone(),
        _guard: check.guard(),
    })
    .name("busy")
}

/// The rule: memory follows what is alive. An end that the actor's own code has awaited is not shown again.
#[test]
fn ends_that_were_awaited_are_not_shown() {
    paused(async |check| {
        let (log, shown) = (Log::default(), Count::default());
        tenure::scope(async |scope| {
            let busy = scope.spawn(busy(&check, &log, &shown))?;
            check.node(busy.node());
            busy.tell(Msg::Await(3_000)).await?;
            busy.ask(Msg::Ping).await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(shown.get(), 0);
    });
}

#[test]
fn some_ends_and_all_failures_are_kept_for_a_busy_owner() {
    paused(async |check| {
        let (log, shown) = (Log::default(), Count::default());
        tenure::scope(async |scope| {
            let busy = scope.spawn(busy(&check, &log, &shown))?;
            check.node(busy.node());
            busy.tell(Msg::Leave(3_000)).await?;
            busy.ask(Msg::Ping).await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(shown.get(), 1_024);
        assert_eq!(log.entries(), ["alive", "/busy/fails was shown"]);
    });
}

/// The other task's end is still shown. If somebody else awaits an end, both are shown.
#[test]
fn only_that_end_is_not_shown_which_the_owner_has_awaited() {
    paused(async |check| {
        let (log, shown) = (Log::default(), Count::default());
        let system = System::start().unwrap();
        let busy = system.spawn(busy(&check, &log, &shown)).unwrap();
        busy.tell(Msg::EndTwo(None)).await.unwrap();
        busy.ask(Msg::Ping).await.unwrap();
        assert_eq!(log.entries(), ["/busy/second was shown"]);
        let ((to, given), (go, goes)) = (oneshot::channel(), oneshot::channel());
        busy.tell(Msg::EndTwo(Some(Other { to, goes })))
            .await
            .unwrap();
        given.await.unwrap().await.unwrap();
        go.send(()).unwrap();
        busy.ask(Msg::Ping).await.unwrap();
        let mut both = log.entries().split_off(1);
        both.sort();
        assert_eq!(both, ["/busy/first was shown", "/busy/second was shown"]);
        system.stop().await.unwrap();
    });
}
