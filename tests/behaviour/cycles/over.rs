//! Waits that are over, or that will end by themselves, are no part of a cycle.

use std::time::Duration;

use crate::common::worker::{Do, Worker};
use crate::common::{Log, paused, poll_unwoken, settled};
use tenure::System;
use tenure::prelude::*;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// Begins to wait for the end of that one and gives it up; lasts a second.
    Peek(ActorRef<Msg>),
    /// Waits for that one's end for a second.
    Await(ActorRef<Do>),
    /// Asks that one; replies whether it was answered.
    Ask(ActorRef<Msg>, ReplyTo<bool>),
    /// Waits for the end of a task that it has cancelled, and that asks the actor itself.
    Cancel(ReplyTo<bool>),
    Ping(ReplyTo<()>),
}

struct Waits;

impl Actor for Waits {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Peek(other) => {
                assert!(poll_unwoken(other.stopped()).is_pending());
                sleep(SECOND).await;
            }
            Msg::Await(other) => {
                tokio::select! {
                    ended = other.stopped() => drop(ended),
                    () = sleep(SECOND) => {}
                }
            }
            Msg::Ask(other, reply) => reply.send(other.ask(Msg::Ping).await.is_ok()),
            Msg::Cancel(reply) => {
                let me = ctx.me();
                let task = ctx.task(async move { me.ask(Msg::Ping).await })?;
                sleep(SECOND).await;
                task.cancel();
                reply.send(task.node().stopped().await.is_ok());
            }
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn wait_for_an_end_that_was_given_up_counts_no_more() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let (one, other) = (system.spawn(Waits).unwrap(), system.spawn(Waits).unwrap());
        one.tell(Msg::Peek(other.clone())).await.unwrap();
        settled().await;
        let asked = other.ask(|reply| Msg::Ask(one, reply)).await;
        assert_eq!(asked, Ok(true));
        system.stop().await.unwrap();
    });
}

/// It is dropped at its next await, and with it its ask.
#[test]
fn ask_of_a_task_that_was_cancelled_counts_no_more() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let waits = system.spawn(Waits).unwrap();
        assert_eq!(waits.ask(Msg::Cancel).await, Ok(true));
        system.stop().await.unwrap();
    });
}

/// The owner waits for the younger child, and for the older one only after that. With `asks`, it waits for a reply and
/// for neither of them.
#[test]
fn owner_that_does_not_wait_for_a_child_may_be_waited_for_by_another_that_the_child_asks() {
    for asks in [false, true] {
        paused(async |check| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let owner = system
                .spawn(Worker::new("p", &log, &check).named())
                .unwrap();
            let beneath = owner.ask(Do::Lend).await.unwrap();
            let child = beneath.spawn(Waits).unwrap();
            let lasts = Worker::new("lasts", &log, &check).cleanup(2 * SECOND);
            let lasts = beneath.spawn(lasts.named()).unwrap();
            let other = system.spawn(Waits).unwrap();
            let ends = async {
                match asks {
                    true => {
                        lasts.tell(Do::Sleep(2 * SECOND)).await.unwrap();
                        drop(owner.ask(|reply| Do::StopChild(lasts.node(), reply)).await);
                    }
                    false => drop(owner.stop().await),
                }
            };
            let asking = async {
                settled().await;
                other.tell(Msg::Await(owner.clone())).await.unwrap();
                settled().await;
                child.ask(|reply| Msg::Ask(other, reply)).await
            };
            let ((), asked) = tokio::join!(ends, asking);
            assert_eq!(asked, Ok(true));
            system.stop().await.unwrap();
        });
    }
}

/// Starts a child, and replies to it.
struct Starts;

/// Asks its owner as soon as it runs, before the owner does.
struct Started(ActorRef<Option<ReplyTo<()>>>, Log);

impl Actor for Starts {
    type Msg = Option<ReplyTo<()>>;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.me().try_tell(None)?;
        Ok(())
    }

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match reply {
            Some(reply) => reply.send(()),
            None => drop(ctx.start(Started(ctx.me(), Log::default())).await?),
        }
        Ok(())
    }
}

impl Actor for Started {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.me().try_tell(())?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.0.ask(Some).await?;
        self.1.push("answered");
        Ok(())
    }
}

#[test]
fn start_that_has_returned_is_waited_for_no_more() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let starts = system.spawn(Starts).unwrap();
        settled().await;
        assert_eq!(starts.ask(Some).await, Ok(()));
        system.stop().await.unwrap();
    });
}
