//! Spawns that are refused: by an owner that is closing, or because the spec is invalid.

use std::sync::Arc;
use std::time::Duration;

use super::Child;
use crate::common::{Check, Count, Log, paused};
use tenure::prelude::*;
use tenure::{StartError, System, TrySendError};
use tokio::sync::Notify;

/// Tries every way to start something. Each gives back its argument.
async fn assert_all_refused(spawner: &Spawner, log: &Log, check: &Check) {
    let starts = Count::default();
    let mut child = Child::new("late", log, check);
    child.starts = starts.clone();

    let Err(SpawnError::Closed(refused)) = spawner.spawn(child) else {
        panic!("an actor was spawned");
    };
    let spec = ChildSpec::new(refused.into_inner()).name("late");
    let refused = spawner.spawn(spec).unwrap_err();
    assert!(matches!(refused, SpawnError::Closed(_)), "{refused:?}");
    let Err(StartError::Refused(refused)) = spawner.start(refused.into_inner()).await else {
        panic!("an actor was started");
    };
    let child = refused.into_inner().into_inner();
    assert_eq!(child.name, "late");
    drop(child);

    let polls = starts.clone();
    let future = async move { polls.add() };
    let future = spawner.task(future).unwrap_err().into_inner();
    assert_eq!(starts.get(), 0, "it was polled");
    future.await;
    assert_eq!(starts.get(), 1, "it was not the future that came back");

    let calls = starts.clone();
    let with = move |_token| {
        calls.add();
        async {}
    };
    let with = spawner.task_with(with).unwrap_err().into_inner();
    assert_eq!(starts.get(), 1, "it was called");
    let job = move |token| {
        drop(with(token));
    };
    let job = spawner.blocking(job).unwrap_err().into_inner();
    assert_eq!(starts.get(), 1, "it was called");
    job(spawner.token());
    assert_eq!(starts.get(), 2, "it was not the closure that came back");
}

struct Owner {
    log: Log,
    check: Check,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

enum OwnerMsg {
    /// Waits for the signal, and then spawns through its context.
    WaitAndSpawn,
    Spawner(ReplyTo<Spawner>),
}

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            OwnerMsg::Spawner(reply) => reply.send(ctx.spawner()),
            OwnerMsg::WaitAndSpawn => {
                self.entered.notify_one();
                self.go_on.notified().await;
                match ctx.spawn(Child::new("by context", &self.log, &self.check)) {
                    Ok(child) => {
                        self.log.push("spawned");
                        self.check.node(child.node());
                    }
                    Err(SpawnError::Closed(_)) => {
                        assert_all_refused(ctx, &self.log, &self.check).await;
                        let piped = ctx.pipe(async {}, |()| OwnerMsg::WaitAndSpawn);
                        assert!(matches!(piped, Err(SpawnError::Closed(_))), "{piped:?}");
                        self.log.push("refused");
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        Ok(())
    }
}

impl Owner {
    fn new(log: &Log, check: &Check) -> Self {
        Self {
            log: log.clone(),
            check: check.clone(),
            entered: Arc::default(),
            go_on: Arc::default(),
        }
    }
}

#[test]
fn spawn_into_a_closing_owner() {
    paused(async |check| {
        let log = Log::default();
        let late = tenure::scope(async |scope| {
            // A draining owner takes children until its last message is handled, and joins them.
            let owner = Owner::new(&log, &check);
            let (entered, go_on) = (Arc::clone(&owner.entered), Arc::clone(&owner.go_on));
            let draining = scope.spawn(owner)?;
            let spawner = draining.ask(OwnerMsg::Spawner).await?;
            draining.tell(OwnerMsg::WaitAndSpawn).await?;
            entered.notified().await;
            let drained = draining.drain();
            let child = spawner.spawn(Child::new("by spawner", &log, &check))?;
            check.node(child.node());
            go_on.notify_one();
            drained.await?;
            assert_eq!(
                log.entries(),
                [
                    "spawned",
                    "by context on_stop",
                    "by context dropped",
                    "by spawner on_stop",
                    "by spawner dropped",
                ],
            );
            assert_all_refused(&spawner, &Log::default(), &check).await;

            // A stopping owner takes none, from the call of `stop` on.
            let log = Log::default();
            let owner = Owner::new(&log, &check);
            let (entered, go_on) = (Arc::clone(&owner.entered), Arc::clone(&owner.go_on));
            let stopping = scope.spawn(owner)?;
            let spawner = stopping.ask(OwnerMsg::Spawner).await?;
            stopping.tell(OwnerMsg::WaitAndSpawn).await?;
            entered.notified().await;
            let stopped = stopping.stop();
            assert_all_refused(&spawner, &Log::default(), &check).await;
            go_on.notify_one();
            stopped.await?;
            assert!(log.entries().contains(&"refused".into()));
            assert_all_refused(&spawner, &Log::default(), &check).await;
            Ok((scope.clone(), scope.spawner()))
        })
        .await
        .unwrap();
        assert_all_refused(&late.0, &log, &check).await;
        assert_all_refused(&late.1, &log, &check).await;
    });
}

#[test]
fn draining_scope_takes_children_from_beneath() {
    paused(async |check| {
        let guard = check.guard();
        let log = Log::default();
        tenure::scope(async |scope| {
            let inner = scope.clone();
            let (log, check) = (log.clone(), check.clone());
            scope.task(async move {
                let _guard = guard;
                // The body of the scope has returned by then, and the scope is ending.
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                let child = inner.spawn(Child::new("late", &log, &check))?;
                check.node(child.node());
                Ok::<_, tenure::Error>(())
            })?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["late on_stop", "late dropped"]);
    });
}

struct Smuggler;

impl Actor for Smuggler {
    type Msg = SmugglerMsg;

    async fn handle(&mut self, msg: SmugglerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        if let SmugglerMsg::Take(reply) = msg {
            reply.send(Loot {
                spawner: ctx.spawner(),
                me: ctx.me(),
                token: ctx.token(),
                cancelled: Box::pin(ctx.cancelled()),
            });
        }
        Ok(())
    }
}

struct Loot {
    spawner: Spawner,
    me: ActorRef<SmugglerMsg>,
    token: tokio_util::sync::CancellationToken,
    cancelled: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

enum SmugglerMsg {
    Take(ReplyTo<Loot>),
    Plain(u32),
}

#[test]
fn context_smuggled_out() {
    paused(async |check| {
        for ending in [ActorRef::stop, ActorRef::drain, ActorRef::kill] {
            let loot = tenure::scope(async |scope| {
                let smuggler = scope.spawn(Smuggler)?;
                let loot = smuggler.ask(SmugglerMsg::Take).await?;
                assert!(!loot.token.is_cancelled());
                ending(&smuggler).await?;
                check.node(smuggler.node());
                Ok(loot)
            })
            .await
            .unwrap();

            assert_all_refused(&loot.spawner, &Log::default(), &check).await;
            assert!(loot.spawner.children().is_empty());
            assert_eq!(loot.spawner.child("late"), None);
            assert!(loot.token.is_cancelled());
            assert!(loot.spawner.token().is_cancelled());
            loot.cancelled.await;

            let told = loot.me.tell(SmugglerMsg::Plain(1)).await;
            let Err(SendError::Stopped(refused)) = told else {
                panic!("{told:?}");
            };
            assert!(matches!(refused.into_inner(), SmugglerMsg::Plain(1)));
            let told = loot.me.try_tell(SmugglerMsg::Plain(2));
            let Err(TrySendError::Stopped(refused)) = told else {
                panic!("{told:?}");
            };
            assert!(matches!(refused.into_inner(), SmugglerMsg::Plain(2)));
            assert!(loot.me.reserve().await.is_err());
            let asked = loot.me.ask(SmugglerMsg::Take).await;
            assert!(matches!(asked, Err(AskError::Stopped)));
            assert!(loot.me.stop().await.is_ok(), "it is stopped already");
        }
    });
}

/// None of its code ever runs.
struct Untouched {
    mark: u32,
    starts: Count,
}

impl Actor for Untouched {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.starts.add();
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn bad_specs_are_refused_and_come_back() {
    paused(async |_check| {
        let starts = Count::default();
        let spec = |mark| {
            ChildSpec::new(Untouched {
                mark,
                starts: starts.clone(),
            })
        };
        tenure::scope(async |scope| {
            let refused = scope
                .spawn(spec(1).mailbox(Mailbox::bounded(0)))
                .unwrap_err();
            assert!(matches!(refused, SpawnError::NoCapacity(_)), "{refused:?}");
            assert_eq!(refused.into_inner().into_inner().mark, 1);

            for name in ["", "a/b", "/", "a/"] {
                let refused = scope.spawn(spec(2).name(name)).unwrap_err();
                assert!(matches!(refused, SpawnError::BadName(_)), "{refused:?}");
                let refused = scope.start(refused.into_inner()).await.unwrap_err();
                let StartError::Refused(refused) = refused else {
                    panic!("{refused:?}");
                };
                assert_eq!(refused.into_inner().into_inner().mark, 2);
            }
            tokio::task::yield_now().await;
            assert_eq!(starts.get(), 0);
            assert!(scope.children().is_empty());

            let first = scope.start(spec(3).name("twin")).await?;
            let refused = scope.spawn(spec(4).name("twin")).unwrap_err();
            assert!(matches!(refused, SpawnError::NameTaken(_)), "{refused:?}");
            assert_eq!(refused.into_inner().into_inner().mark, 4);
            assert_eq!(starts.get(), 1);
            assert!(!first.is_stopped(), "the twin has lost its name to nobody");
            assert_eq!(scope.child("twin"), Some(first.node()));

            // A name is taken beneath one owner only.
            tenure::scope(async |inner| {
                inner.start(spec(5).name("twin")).await?;
                Ok(())
            })
            .await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn default_mailbox_without_capacity_is_refused() {
    paused(async |_check| {
        let system = System::builder()
            .mailbox(Mailbox::bounded(0))
            .start()
            .unwrap();
        let starts = Count::default();
        let actor = Untouched {
            mark: 1,
            starts: starts.clone(),
        };
        let refused = system.spawn(actor).unwrap_err();
        assert!(matches!(refused, SpawnError::NoCapacity(_)), "{refused:?}");
        // A mailbox of its own, with room, makes the spec valid.
        let spec = ChildSpec::new(refused.into_inner()).mailbox(Mailbox::bounded(1));
        let actor = system.start(spec).await.unwrap();
        actor.tell(()).await.unwrap();
        assert_eq!(starts.get(), 1);
        system.drain().await.unwrap();
    });
}
