//! Each wait that the crate offers is refused if it completes a cycle, and can be given a limit.

use crate::common;

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Guard, paused, settled};
use tenure::prelude::*;
use tenure::{StartError, StopError, System, TaskError};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What came of the waits of a test, in order.
#[derive(Clone, Default)]
struct Found(Arc<Mutex<Vec<String>>>);

impl Found {
    fn push(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

type Boxed = Pin<Box<dyn Future<Output = tenure::Result> + Send>>;
type Job = Box<dyn FnOnce(&mut Context<Any>) -> Boxed + Send>;

/// Runs the jobs that it is sent in its handler.
struct Any {
    _guard: Guard,
}

enum Msg {
    Run(Job),
    Ping(ReplyTo<()>),
}

impl Actor for Any {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Run(job) => job(ctx).await?,
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

fn job<F>(job: impl FnOnce(&mut Context<Any>) -> F + Send + 'static) -> Msg
where
    F: Future<Output = tenure::Result> + Send + 'static,
{
    Msg::Run(Box::new(|ctx| Box::pin(job(ctx))))
}

fn any_of(check: &Check) -> Any {
    Any {
        _guard: check.guard(),
    }
}

fn any(check: &Check, system: &System, name: &str) -> ActorRef<Msg> {
    let actor = ChildSpec::new(any_of(check)).name(name);
    let actor = system.spawn(actor).unwrap();
    check.node(actor.node());
    actor
}

/// Asks its owner in its start.
struct AsksOwner(ActorRef<Msg>, Found);

impl Actor for AsksOwner {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        let asked = self.0.ask(Msg::Ping).await;
        self.1.push(format!("the start: {asked:?}"));
        Ok(asked?)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn start_that_asks_the_owner_that_awaits_it_is_named() {
    paused(async |check| {
        let begin = Instant::now();
        let system = System::start().unwrap();
        let found = Found::default();
        let owner = any(&check, &system, "owner");
        let (me, log) = (owner.clone(), found.clone());
        let start = job(move |ctx| {
            let child = ChildSpec::new(AsksOwner(me, log.clone())).name("child");
            let starting = ctx.start(child);
            async move {
                match starting.await {
                    Err(StartError::Failed(failure)) => log.push(failure),
                    other => log.push(format!("{other:?}")),
                }
                Ok(())
            }
        });
        owner.tell(start).await.unwrap();
        owner.ask(Msg::Ping).await.unwrap();
        let found = found.take();
        assert!(found[0].contains("Deadlock"), "{found:?}");
        assert!(
            found[1].contains("/owner/child -> /owner -> /owner/child"),
            "{found:?}"
        );
        system.stop().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn start_that_is_awaited_after_it_has_asked_the_owner_is_refused_and_killed() {
    paused(async |check| {
        let begin = Instant::now();
        let system = System::start().unwrap();
        let found = Found::default();
        let owner = any(&check, &system, "owner");
        let (me, log) = (owner.clone(), found.clone());
        let start = job(move |ctx| {
            let starting = ctx.start(ChildSpec::new(AsksOwner(me, log.clone())));
            let spawner = ctx.spawner();
            async move {
                settled().await;
                match starting.await {
                    Err(StartError::Deadlock(cycle)) => log.push(cycle.paths().len()),
                    other => log.push(format!("{other:?}")),
                }
                settled().await;
                log.push(format!("{:?}", spawner.children()));
                Ok(())
            }
        });
        owner.tell(start).await.unwrap();
        owner.ask(Msg::Ping).await.unwrap();
        assert_eq!(found.take(), ["2", "[]"]);
        system.stop().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn wait_for_the_end_of_one_that_asks_back_is_named() {
    paused(async |check| {
        let system = System::start().unwrap();
        let found = Found::default();
        let [a, b] = ["a", "b"].map(|name| any(&check, &system, name));
        let (other, log) = (b.clone(), found.clone());
        let wait = job(move |_| async move {
            log.push(format!("{:?}", other.stopped().await));
            Ok(())
        });
        a.tell(wait).await.unwrap();
        settled().await;
        let (other, log) = (a.clone(), found.clone());
        let ask = job(move |_| async move {
            log.push(other.ask(Msg::Ping).await.unwrap_err());
            Ok(())
        });
        b.tell(ask).await.unwrap();
        b.ask(Msg::Ping).await.unwrap();
        let asked = found.take();
        assert!(asked[0].contains("/b -> /a -> /b"), "{asked:?}");
        b.stop().await.unwrap();
        a.ask(Msg::Ping).await.unwrap();
        assert_eq!(found.take(), ["Ok(Stopped)"]);
        system.stop().await.unwrap();
    });
}

/// The ask came first. The wait for the asker's end completes the cycle, and is refused.
#[test]
fn wait_for_the_end_of_one_that_has_asked_is_refused() {
    paused(async |check| {
        let system = System::start().unwrap();
        let found = Found::default();
        let [a, b] = ["a", "b"].map(|name| any(&check, &system, name));
        let (other, log) = (b.clone(), found.clone());
        let wait = job(move |_| async move {
            settled().await;
            match other.stopped().await {
                Err(StopError::Deadlock(cycle)) => log.push(cycle),
                end => log.push(format!("{end:?}")),
            }
            Ok(())
        });
        a.tell(wait).await.unwrap();
        let (other, log) = (a.clone(), found.clone());
        let ask = job(move |_| async move {
            log.push(format!("{:?}", other.ask(Msg::Ping).await));
            Ok(())
        });
        b.tell(ask).await.unwrap();
        b.ask(Msg::Ping).await.unwrap();
        assert_eq!(found.take(), ["/a -> /b -> /a", "Ok(())"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn each_wait_has_a_timeout() {
    paused(async |check| {
        let system = System::start().unwrap();
        let begin = Instant::now();
        let full = ChildSpec::new(any_of(&check)).mailbox(Mailbox::bounded(1));
        let full = system.spawn(full).unwrap();
        full.tell(job(|_| pending())).await.unwrap();
        settled().await;
        full.try_tell(job(|_| pending())).unwrap();

        let reserved = full.reserve().timeout(SECOND).await;
        assert!(matches!(reserved, Err(SendError::TimedOut(_))));
        let typed = full.recipient::<Msg>();
        let told = typed.tell(job(|_| pending())).timeout(SECOND).await;
        assert!(matches!(told, Err(SendError::TimedOut(_))));
        let stopped = full.stopped().timeout(SECOND).await;
        assert!(matches!(stopped, Err(StopError::TimedOut)));

        let guard = check.guard();
        let task = system.task(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let awaited = task.unwrap().timeout(SECOND).await;
        assert!(matches!(awaited, Err(TaskError::TimedOut)));

        struct Slow;
        impl Actor for Slow {
            type Msg = ();
            async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
                pending().await
            }
            async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
                Ok(())
            }
        }
        let spec = ChildSpec::new(Slow).name("slow");
        let started = system.start(spec).timeout(SECOND).await;
        assert!(matches!(started, Err(StartError::TimedOut)));
        settled().await;
        assert!(system.child("slow").is_none());

        assert_eq!(begin.elapsed(), 5 * SECOND);
        // The waits that timed out have left the line: only the filler is queued.
        assert_eq!(full.node().backlog(), 1);
        full.kill().await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn each_wait_may_be_cyclic_even_so() {
    paused(async |check| {
        let system = System::start().unwrap();
        let found = Found::default();
        let spec = ChildSpec::new(any_of(&check)).mailbox(Mailbox::bounded(1));
        let a = system.spawn(spec).unwrap();
        let (me, log) = (a.clone(), found.clone());
        let waits = job(move |ctx| {
            let task = {
                let me = me.clone();
                ctx.task(async move { me.ask(Msg::Ping).await })
            };
            let starting = ctx.start(AsksOwner(me.clone(), log.clone()));
            async move {
                // The mailbox is full now, and both the task and the start wait for this actor.
                drop(me.try_tell(job(|_| async { Ok(()) })));
                settled().await;
                let soon = async || tokio::time::sleep(SECOND).await;
                tokio::select! {
                    _ = task?.even_if_cyclic() => log.push("task"),
                    () = soon() => {}
                }
                let typed = me.recipient::<Msg>();
                tokio::select! {
                    _ = typed.tell(job(|_| async { Ok(()) })).even_if_cyclic() => log.push("tell"),
                    () = soon() => {}
                }
                tokio::select! {
                    _ = starting.even_if_cyclic() => log.push("start"),
                    () = soon() => {}
                }
                log.push("done");
                Ok(())
            }
        });
        a.tell(waits).await.unwrap();
        while found.0.lock().unwrap().is_empty() {
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!(found.take(), ["done"]);
        system.kill().await.unwrap();
    });
}
