//! How nodes are started, and what becomes of those that are not.

use crate::common;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Count, Guard, Log, multi_thread, paused};
use tenure::prelude::*;
use tenure::{Phase, StartError, StopError, StopReason, System, TrySendError};
use tokio::sync::Notify;

/// Logs its end, and counts its start.
struct Child {
    name: &'static str,
    log: Log,
    starts: Count,
    _guard: Guard,
}

impl Child {
    fn new(name: &'static str, log: &Log, check: &Check) -> Self {
        Self {
            name,
            log: log.clone(),
            starts: Count::default(),
            _guard: check.guard(),
        }
    }
}

impl Actor for Child {
    type Msg = ReplyTo<&'static str>;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.starts.add();
        Ok(())
    }

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(self.name);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} on_stop", self.name));
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}

/// Starts two children and fails.
struct FailingParent {
    log: Log,
    check: Check,
    panics: bool,
}

impl FailingParent {
    fn fail(&self, ctx: &Context<Self>) -> tenure::Result {
        for name in ["c1", "c2"] {
            let child = ctx.spawn(Child::new(name, &self.log, &self.check))?;
            self.check.node(child.node());
        }
        self.log.push("start fails");
        if self.panics {
            panic!("no luck");
        }
        Err("no luck".into())
    }
}

impl Actor for FailingParent {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.fail(ctx)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        unreachable!("it never gets that far")
    }
}

/// Its start is what fails, before there is an actor.
struct Recipe(FailingParent);

impl Start for Recipe {
    type Actor = FailingParent;

    async fn start(self, ctx: &mut Context<FailingParent>) -> tenure::Result<FailingParent> {
        self.0.fail(ctx)?;
        Ok(self.0)
    }
}

#[test]
fn failed_start_undoes_its_children() {
    fn end(log: &Log) -> Vec<String> {
        log.entries()
    }
    let expected = [
        "start fails",
        "c2 on_stop",
        "c2 dropped",
        "c1 on_stop",
        "c1 dropped",
    ];
    paused(async |check| {
        for panics in [false, true] {
            let log = Log::default();
            let parent = || FailingParent {
                log: log.clone(),
                check: check.clone(),
                panics,
            };
            tenure::scope(async |scope| {
                let started = scope.start(ChildSpec::new(parent()).name("p")).await;
                let Err(StartError::Failed(failure)) = started else {
                    panic!("{started:?}");
                };
                assert_eq!(end(&log), expected);
                assert_eq!(failure.path(), "/p");
                assert!(failure.to_string().contains("no luck"), "{failure}");
                assert!(scope.children().is_empty());
                Ok(())
            })
            .await
            .expect("the failure was told to the caller, and fails nobody else");

            let log = Log::default();
            let parent = || FailingParent {
                log: log.clone(),
                check: check.clone(),
                panics,
            };
            let ended = tenure::scope(async |scope| {
                let started = scope.start(Recipe(parent())).await;
                assert!(matches!(started, Err(StartError::Failed(_))), "{started:?}");
                assert_eq!(end(&log), expected);

                let spawned = scope.spawn(parent())?;
                spawned.stopped().await?;
                Ok(())
            })
            .await;
            let Err(RunError::Failed(failure)) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(failure.leaves().count(), 1, "{failure:?}");
            assert_eq!(end(&log).len(), 2 * expected.len());
        }
    });
}

enum Life {
    FailsToStart,
    Lives,
}

impl Actor for Life {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        match self {
            Self::FailsToStart => Err("it does not start".into()),
            Self::Lives => Ok(()),
        }
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

async fn name_is_free(check: Check, times: usize) {
    tenure::scope(async |scope| {
        let named = |life| ChildSpec::new(life).name("n");
        for round in 0..times {
            let failed = scope.start(named(Life::FailsToStart)).await;
            assert!(matches!(failed, Err(StartError::Failed(_))), "{failed:?}");

            let started = scope.start(named(Life::Lives)).await?;
            let taken = scope.spawn(named(Life::Lives));
            assert!(matches!(taken, Err(SpawnError::NameTaken(_))), "{taken:?}");
            assert!(matches!(started.stop().await, Ok(StopReason::Stopped)));

            // Not polled yet, and, in the odd rounds, running.
            let spawned = scope.spawn(named(Life::Lives))?;
            if round % 2 == 1 {
                tokio::task::yield_now().await;
            }
            assert!(matches!(spawned.kill().await, Ok(StopReason::Killed)));

            let spawned = scope.spawn(named(Life::Lives))?;
            spawned.drain().await?;
            assert_eq!(scope.child("n"), None);
            if round == 0 {
                check.node(spawned.node());
            }
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[test]
fn name_is_free_at_once() {
    paused(|check| name_is_free(check, 10_000));
}

#[test]
fn name_is_free_at_once_on_many_threads() {
    multi_thread(|check| name_is_free(check, 10_000));
}

/// Its start waits for ever.
struct Slow {
    entered: Arc<Notify>,
    me: Arc<Mutex<Option<ActorRef<()>>>>,
    log: Log,
    _guard: Guard,
}

impl Actor for Slow {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        *self.me.lock().unwrap() = Some(ctx.me());
        ctx.spawn(Child {
            name: "grandchild",
            log: self.log.clone(),
            starts: Count::default(),
            _guard: Check::default().guard(),
        })?;
        self.entered.notify_one();
        pending().await
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Gives up the start of a child as soon as that has begun.
struct Impatient {
    check: Check,
    me: Arc<Mutex<Option<ActorRef<()>>>>,
    log: Log,
}

impl Actor for Impatient {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        let entered = Arc::new(Notify::new());
        let slow = Slow {
            entered: Arc::clone(&entered),
            me: Arc::clone(&self.me),
            log: self.log.clone(),
            _guard: self.check.guard(),
        };
        tokio::select! {
            started = ctx.start(ChildSpec::new(slow).name("slow")) => panic!("{started:?}"),
            () = entered.notified() => {}
        }
        reply.send(());
        Ok(())
    }
}

#[test]
fn spawn_future_dropped_in_start() {
    paused(async |check| {
        let (me, log) = (Arc::default(), Log::default());
        let impatient = Impatient {
            check: check.clone(),
            me: Arc::clone(&me),
            log: log.clone(),
        };
        tenure::scope(async |scope| {
            let parent = scope.spawn(impatient)?;
            parent.ask(|reply| reply).await?;
            let slow = me.lock().unwrap().take().unwrap();
            // Its owner lives on, so it is not the owner's end that joins it.
            assert!(matches!(slow.stopped().await, Ok(StopReason::Killed)));
            assert_eq!(
                log.entries(),
                ["grandchild dropped"],
                "a kill skips the hooks"
            );
            assert_eq!(check.alive(), 0);
            assert!(parent.node().children().is_empty());

            // And at once again, with the owner's stop right behind.
            parent.ask(|reply| reply).await?;
            let slow = me.lock().unwrap().take().unwrap();
            parent.stop().await?;
            assert!(slow.is_stopped());
            check.node(slow.node());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn start_that_is_stopped_midway_says_so() {
    paused(async |check| {
        let (me, entered) = (Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
        let slow = Slow {
            entered: Arc::clone(&entered),
            me: Arc::clone(&me),
            log: Log::default(),
            _guard: check.guard(),
        };
        tenure::scope(async |scope| {
            let starting = scope.start(slow);
            let killing = async {
                entered.notified().await;
                let slow = me.lock().unwrap().take().unwrap();
                assert_eq!(slow.node().phase(), Phase::Starting);
                slow.kill().await
            };
            let (started, killed) = tokio::join!(starting, killing);
            assert!(matches!(started, Err(StartError::Stopped)), "{started:?}");
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Tries all ways to start something; each gives back what was to be started.
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
    /// Waits to be told to go on, then spawns by its context.
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
            // A drain takes children until its last message is handled, and joins them.
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

            // A stop takes none, from the call on.
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
                // The body has returned by now: the scope is draining.
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

/// Nothing of it ever runs.
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

            // The name is taken beneath one owner, not everywhere.
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
        // A mailbox of its own serves.
        let spec = ChildSpec::new(refused.into_inner()).mailbox(Mailbox::bounded(1));
        let actor = system.start(spec).await.unwrap();
        actor.tell(()).await.unwrap();
        assert_eq!(starts.get(), 1);
        system.drain().await.unwrap();
    });
}

#[test]
fn zero_grace_makes_every_stop_a_kill() {
    paused(async |check| {
        let ends: [fn(&ActorRef<_>) -> _; 2] = [ActorRef::stop, ActorRef::drain];
        for end in ends {
            let log = Log::default();
            tenure::scope(async |scope| {
                let spec = ChildSpec::new(Child::new("c", &log, &check))
                    .name("c")
                    .grace(Duration::ZERO);
                let child = scope.start(spec).await?;
                check.node(child.node());
                let ended = end(&child).await;
                let Err(StopError::CutShort(cut)) = ended else {
                    panic!("{ended:?}");
                };
                let paths: Vec<_> = cut.nodes().iter().map(|node| node.path.as_str()).collect();
                assert_eq!(paths, ["/c"]);
                assert_eq!(log.entries(), ["c dropped"]);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

/// Looks at its own node when it is dropped.
struct Witness {
    node: Arc<Mutex<Option<tenure::NodeRef>>>,
    seen: Arc<Mutex<Option<Phase>>>,
}

impl Actor for Witness {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let node = self.node.lock().unwrap().take();
        *self.seen.lock().unwrap() = node.map(|node| node.phase());
    }
}

impl Future for Witness {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

#[test]
fn what_was_never_polled_is_dropped_before_the_end() {
    paused(async |check| {
        let (node, seen) = (Arc::default(), Arc::default());
        let witness = Witness {
            node: Arc::clone(&node),
            seen: Arc::clone(&seen),
        };
        tenure::scope(async |scope| {
            let actor = scope.spawn(witness)?;
            *node.lock().unwrap() = Some(actor.node());
            check.node(actor.node());
            actor.kill().await?;
            assert_eq!(*seen.lock().unwrap(), Some(Phase::Stopping));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn future_of_a_task_is_dropped_before_its_end() {
    paused(async |check| {
        let (node, seen) = (Arc::default(), Arc::default());
        let witness = Witness {
            node: Arc::clone(&node),
            seen: Arc::clone(&seen),
        };
        tenure::scope(async |scope| {
            let task = scope.task(witness)?;
            *node.lock().unwrap() = Some(task.node());
            check.node(task.node());
            task.await?;
            let seen = seen.lock().unwrap().unwrap();
            assert!(seen < Phase::Stopped, "{seen}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
