//! A limit that never comes does not count. A wait with such a limit is refused if it completes a cycle (rule 16);
//! otherwise it lasts.

use std::pin::Pin;
use std::time::Duration;

use crate::common::{Check, Guard, Log, paused, settled};
use tenure::prelude::*;
use tenure::{StartError, StopError, System, TaskError, TaskSpec};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
const NEVER: [Duration; 2] = [Duration::MAX, CENTURY];

type Work = Pin<Box<dyn Future<Output = tenure::Result> + Send>>;
type Job = Box<dyn FnOnce(&mut Context<Any>) -> Work + Send>;

enum Msg {
    Run(Job),
    Ping(ReplyTo<()>),
    /// Asks itself with this limit, and replies with the error.
    AskSelf(Duration, ReplyTo<AskError>),
    Fill,
}

/// Runs the jobs that it is sent in its handler.
struct Any(#[expect(dead_code, reason = "it is counted")] Guard);

impl Actor for Any {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Run(job) => job(ctx).await?,
            Msg::Ping(reply) => reply.send(()),
            Msg::AskSelf(limit, reply) => {
                let asked = ctx.me().ask(Msg::Ping).timeout(limit).await;
                reply.send(asked.unwrap_err());
            }
            Msg::Fill => {}
        }
        Ok(())
    }
}

/// Asks its owner in its start.
struct AsksOwner(ActorRef<Msg>);

impl Actor for AsksOwner {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        Ok(self.0.ask(Msg::Ping).await?)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn any(check: &Check, system: &System, mailbox: Mailbox) -> ActorRef<Msg> {
    let any = ChildSpec::new(Any(check.guard())).mailbox(mailbox);
    let any = system.spawn(any).unwrap();
    check.node(any.node());
    any
}

/// Runs a job in a handler of the actor, and returns when it is done.
async fn run<F>(actor: &ActorRef<Msg>, job: impl FnOnce(&mut Context<Any>) -> F + Send + 'static)
where
    F: Future<Output = tenure::Result> + Send + 'static,
{
    let job: Job = Box::new(|ctx| Box::pin(job(ctx)));
    let begin = Instant::now();
    actor.tell(Msg::Run(job)).await.unwrap();
    actor.ask(Msg::Ping).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO, "it is refused at once");
}

fn is_deadlock<T>(asked: &Result<T, AskError>) -> bool {
    matches!(asked, Err(AskError::Deadlock(_)))
}

fn is_refused<M>(sent: Result<(), SendError<M>>) -> bool {
    matches!(sent, Err(SendError::Deadlock(..)))
}

#[test]
fn ask_with_a_limit_that_never_comes_is_refused_in_a_cycle() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = any(&check, &system, Mailbox::default());
        let me = actor.clone();
        run(&actor, |_| async move {
            let typed = me.recipient::<Msg>();
            for never in NEVER {
                assert!(is_deadlock(&me.ask(Msg::Ping).timeout(never).await));
                assert!(is_deadlock(&me.try_ask(Msg::Ping).timeout(never).await));
                assert!(is_deadlock(&typed.ask(Msg::Ping).timeout(never).await));
                if let Some(at) = Instant::now().checked_add(never) {
                    assert!(is_deadlock(&me.ask(Msg::Ping).deadline(at).await));
                }
            }
            Ok(())
        })
        .await;
        system.stop().await.unwrap();
    });
}

#[test]
fn wait_for_room_with_a_limit_that_never_comes_is_refused_in_a_cycle() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = any(&check, &system, Mailbox::bounded(1));
        let me = actor.clone();
        run(&actor, |_| async move {
            // It fails if the ask of `run`, which waits for the job, has taken the room.
            drop(me.try_tell(Msg::Fill));
            let typed = me.recipient::<Msg>();
            for never in NEVER {
                assert!(is_refused(me.tell(Msg::Fill).timeout(never).await));
                assert!(is_refused(typed.tell(Msg::Fill).timeout(never).await));
                assert!(is_refused(me.reserve().timeout(never).await.map(drop)));
            }
            Ok(())
        })
        .await;
        system.stop().await.unwrap();
    });
}

#[test]
fn wait_for_a_node_with_a_limit_that_never_comes_is_refused_in_a_cycle() {
    paused(async |check| {
        let system = System::start().unwrap();
        let [a, b] = [(); 2].map(|()| any(&check, &system, Mailbox::default()));
        for never in NEVER {
            let me = a.clone();
            run(&a, move |ctx| {
                let asking = me.clone();
                let task = ctx.task(async move { asking.ask(Msg::Ping).await });
                let starting = ctx.start(ChildSpec::new(AsksOwner(me.clone())).contain());
                let found = ctx.child_or_start("found", move || {
                    ChildSpec::new(AsksOwner(me.clone())).contain()
                });
                async move {
                    // The task and the start have asked by then.
                    settled().await;
                    let awaited = task?.timeout(never).await;
                    assert!(
                        matches!(awaited, Err(TaskError::Deadlock(_))),
                        "{awaited:?}"
                    );
                    let started = starting.timeout(never).await;
                    assert!(matches!(started, Err(StartError::Deadlock(_))));
                    // The wait for the start is listed here before the start asks, so the start's ask is refused.
                    let found = found.timeout(never).await;
                    assert!(matches!(found, Err(StartError::Failed(_))));
                    Ok(())
                }
            })
            .await;
            let (me, log) = (a.clone(), Log::default());
            let (other, seen) = (b.clone(), log.clone());
            let asks = Box::new(move |_: &mut Context<Any>| -> Work {
                Box::pin(async move { Ok(me.ask(Msg::Ping).await?) })
            });
            let waits = Box::new(move |_: &mut Context<Any>| -> Work {
                Box::pin(async move {
                    settled().await;
                    let end = other.stopped().timeout(never).await;
                    seen.push(format!("{}", matches!(end, Err(StopError::Deadlock(_)))));
                    Ok(())
                })
            });
            a.tell(Msg::Run(waits)).await.unwrap();
            b.tell(Msg::Run(asks)).await.unwrap();
            timeout(SECOND, b.ask(Msg::Ping)).await.unwrap().unwrap();
            assert_eq!(log.entries(), ["true"]);
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn default_and_inherited_limits_that_never_come_are_none() {
    paused(async |check| {
        for never in NEVER {
            let system = System::builder().ask_timeout(never).start().unwrap();
            let actor = any(&check, &system, Mailbox::default());
            let me = actor.clone();
            run(&actor, move |ctx| {
                assert!(ctx.deadline().is_none());
                let asking = me.clone();
                let asks = TaskSpec::new(async move { asking.ask(Msg::Ping).await });
                let at = Instant::now() + CENTURY;
                let task = ctx.task(asks.deadline(at).contain());
                async move {
                    assert!(is_deadlock(&me.ask(Msg::Ping).await));
                    // Whichever of the two waits comes second is refused: the handler's for the task, or the task's
                    // ask.
                    let awaited = task?.await;
                    assert!(awaited.is_err(), "{awaited:?}");
                    Ok(())
                }
            })
            .await;
            system.kill().await.unwrap();
        }
    });
}

#[test]
fn own_limit_that_never_comes_is_above_the_default_and_not_above_what_is_inherited() {
    paused(async |check| {
        let system = System::builder().ask_timeout(SECOND).start().unwrap();
        let actor = any(&check, &system, Mailbox::default());
        let me = actor.clone();
        for never in NEVER {
            let me = me.clone();
            run(&actor, move |_| async move {
                assert!(is_deadlock(&me.ask(Msg::Ping).timeout(never).await));
                Ok(())
            })
            .await;
            let ask = actor.ask(|reply| Msg::AskSelf(never, reply));
            let asked = ask.timeout(2 * SECOND).await;
            // Both asks end at the same moment, and either may be first.
            let (Ok(error) | Err(error)) = &asked;
            assert!(matches!(error, AskError::TimedOut { .. }), "{asked:?}");
            timeout(SECOND, actor.ask(Msg::Ping))
                .await
                .unwrap()
                .unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn limit_that_never_comes_lasts_and_one_that_does_is_not_refused() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = any(&check, &system, Mailbox::default());
        let ask = actor.ask(|reply| Msg::AskSelf(SECOND, reply));
        let asked = ask.await.unwrap();
        assert!(matches!(
            asked,
            AskError::TimedOut {
                inherited: false,
                ..
            }
        ));
        let slow = Box::new(|_: &mut Context<Any>| -> Work {
            Box::pin(async {
                sleep(100 * 86_400 * SECOND).await;
                Ok(())
            })
        });
        actor.tell(Msg::Run(slow)).await.unwrap();
        actor.ask(Msg::Ping).timeout(Duration::MAX).await.unwrap();
        actor.stop().within(Duration::MAX).await.unwrap();
        system.stop().await.unwrap();
    });
}
