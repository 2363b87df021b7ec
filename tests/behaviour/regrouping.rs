//! Restarts of siblings, together with whatever may happen to them and to their owner meanwhile.
use crate::common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::restarting::{Msg, Recipe};
use common::{Check, Log, is_simulated, paused, time_at_work};
use tenure::prelude::*;
use tenure::{AutoShutdown, NodeRef, Phase, Strategy};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn owner(
    log: &Log,
    check: &Check,
    spec: impl FnOnce(ChildSpec<Recipe>) -> ChildSpec<Recipe>,
) -> (System, ActorRef<Msg>, Spawner) {
    let system = System::start().unwrap();
    let p = ChildSpec::new(Recipe::new("p", log, check)).name("p");
    let p = system.spawn(spec(p)).unwrap();
    let spawner = p.ask(Msg::Lend).await.unwrap();
    (system, p, spawner)
}

async fn answers(actor: &ActorRef<Msg>) -> Option<usize> {
    let asked = actor.ask(Msg::Incarnation).timeout(60 * SECOND).await;
    asked.ok()
}

/// A younger child that fails while a `RestForOne` group restarts joins the restart. Parked members still come back.
#[test]
fn rest_for_one_forgets_nobody_who_is_parked() {
    paused(async |check| {
        let log = Log::default();
        let (system, _p, spawner) = owner(&log, &check, |p| p.strategy(Strategy::RestForOne)).await;
        let recipe = |name| Recipe::new(name, &log, &check);
        let slow = recipe("b")
            .restarting(Restart::OnFailure)
            .backoff(Backoff::fixed(SECOND));
        let b = spawner.start(slow).await.unwrap();
        let c = spawner
            .start(recipe("c").restarting(Restart::OnFailure))
            .await
            .unwrap();
        b.tell(Msg::Fail).await.unwrap();
        sleep(SECOND / 2).await; // b waits for its backoff, c is parked
        let d = spawner
            .start(recipe("d").restarting(Restart::OnFailure))
            .await
            .unwrap();
        d.tell(Msg::Fail).await.unwrap();
        let all = [answers(&b).await, answers(&d).await, answers(&c).await];
        let phase = c.node().phase();
        drop(system.kill().await);
        assert_eq!(all, [Some(2), Some(2), Some(2)], "c: {phase:?}");
    });
}

/// A member that is to end its incarnation while its owner closes just ends. It is not polled again and again.
#[test]
fn member_whose_owner_closes_before_its_restart_does_not_spin() {
    let test = || {
        paused(async |check| {
            let log = Log::default();
            let (system, p, spawner) =
                owner(&log, &check, |p| p.strategy(Strategy::OneForAll)).await;
            let recipe = |name| Recipe::new(name, &log, &check);
            let a = spawner
                .start(recipe("a").restarting(Restart::OnFailure))
                .await
                .unwrap();
            let b = spawner
                .start(recipe("b").restarting(Restart::OnFailure))
                .await
                .unwrap();
            // The task takes two seconds to end, and tasks are joined before the actors are told.
            let _task = spawner.task_with(|token| async move {
                token.cancelled().await;
                sleep(2 * SECOND).await;
            });
            a.tell(Msg::Sleep(SECOND)).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            b.tell(Msg::Fail).await.unwrap();
            sleep(SECOND / 2).await; // a has been told, and is busy
            drop(p.stop().await);
            drop(system.stop().await);
        });
    };
    if is_simulated() {
        // A simulation counts the polls itself.
        return test();
    }
    let (done, finished) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "it may have to be left behind")]
    std::thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    finished.recv_timeout(10 * SECOND).expect("it ends");
}

/// The restart of a group ends with the incarnation of its owner. The children of the next incarnation are restarted
/// together as if there had been none.
#[test]
fn group_ends_with_its_owners_incarnation() {
    #[derive(Clone)]
    struct Owner(Recipe, Recipe);
    struct Top;
    enum TopMsg {
        Fail,
        Children(ReplyTo<Vec<NodeRef>>),
    }
    impl Start for Owner {
        type Actor = Top;
        async fn start(self, ctx: &mut Context<Top>) -> tenure::Result<Top> {
            ctx.start(self.0.restarting(Restart::OnFailure)).await?;
            ctx.start(self.1.restarting(Restart::OnFailure)).await?;
            Ok(Top)
        }
    }
    impl Actor for Top {
        type Msg = TopMsg;
        async fn handle(&mut self, msg: TopMsg, ctx: &mut Context<Self>) -> tenure::Result {
            match msg {
                TopMsg::Fail => return Err("top fails".into()),
                TopMsg::Children(reply) => reply.send(ctx.node().children()),
            }
            Ok(())
        }
    }
    paused(async |check| {
        let log = Log::default();
        let recipe = |name| Recipe::new(name, &log, &check);
        let (x, y) = (recipe("x"), recipe("y"));
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Owner(x.clone(), y.clone()))
            .restart(Restart::OnFailure)
            .strategy(Strategy::OneForAll);
        let top = system.start(spec).await.unwrap();
        let children = top.ask(TopMsg::Children).await.unwrap();
        let [x1, y1] = [0, 1].map(|i| children[i].actor::<Msg>().unwrap());
        y1.tell(Msg::Sleep(SECOND)).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        x1.tell(Msg::Fail).await.unwrap(); // y is told, and busy
        sleep(SECOND / 4).await;
        top.tell(TopMsg::Fail).await.unwrap(); // the owner itself is restarted meanwhile
        sleep(10 * SECOND).await;
        let children = top.ask(TopMsg::Children).await.unwrap();
        let [x2, y2] = [0, 1].map(|i| children[i].actor::<Msg>().unwrap());
        let before = y.incarnations.get();
        x2.tell(Msg::Fail).await.unwrap();
        sleep(10 * SECOND).await;
        let after = y.incarnations.get();
        drop((x2, y2));
        drop(system.stop().await);
        assert_eq!(after, before + 1, "y was not restarted with x");
    });
}

/// A start that asks a parked sibling is either answered or fails: it does not wait for ever.
#[test]
fn start_that_asks_a_parked_sibling_does_not_hang() {
    #[derive(Clone)]
    struct Older {
        younger: Arc<std::sync::OnceLock<ActorRef<Msg>>>,
    }
    impl Actor for Older {
        type Msg = ReplyTo<()>;
        async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
            if let Some(younger) = self.younger.get() {
                younger.ask(Msg::Incarnation).await?;
            }
            Ok(())
        }
        async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
            reply.send(());
            Ok(())
        }
    }
    paused(async |check| {
        let log = Log::default();
        let (system, p, spawner) = owner(&log, &check, |p| p.strategy(Strategy::OneForAll)).await;
        let younger = Arc::default();
        let older = Older {
            younger: Arc::clone(&younger),
        };
        let older = spawner
            .spawn(ChildSpec::new(older).restart(Restart::OnFailure))
            .unwrap();
        let recipe = Recipe::new("younger", &log, &check);
        let y = spawner
            .spawn(recipe.restarting(Restart::OnFailure))
            .unwrap();
        younger.set(y.clone()).ok().unwrap();
        older.ask(|reply| reply).await.unwrap();
        y.tell(Msg::Fail).await.unwrap();
        // Either both members are back, or the failure has ended their owner.
        let back = timeout(3_600 * SECOND, async {
            tokio::select! {
                _ = y.ask(Msg::Incarnation) => {}
                _ = p.stopped() => {}
            }
        })
        .await;
        let phases = (older.node().phase(), y.node().phase());
        drop(system.kill().await);
        assert!(back.is_ok(), "for an hour: {phases:?}");
    });
}

/// A significant child that fails while its owner is restarted does not end the owner.
#[test]
fn significant_child_that_fails_in_its_owners_restart_does_not_end_the_owner() {
    #[derive(Clone)]
    struct Bad;
    impl Actor for Bad {
        type Msg = ();
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
        async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
            Err("bad end".into())
        }
    }
    #[derive(Clone)]
    struct Owner(Arc<AtomicUsize>);
    impl Actor for Owner {
        type Msg = ();
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            self.0.fetch_add(1, Ordering::SeqCst);
            ctx.spawn(ChildSpec::new(Bad).significant())?;
            Ok(())
        }
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Err("owner".into())
        }
    }
    paused(async |_| {
        let system = System::start().unwrap();
        let starts = Arc::new(AtomicUsize::new(0));
        let spec = ChildSpec::new(Owner(Arc::clone(&starts)))
            .restart(Restart::OnFailure)
            .auto_shutdown(AutoShutdown::Any);
        let owner = system.spawn(spec).unwrap();
        owner.tell(()).await.unwrap();
        sleep(SECOND).await;
        let phase = owner.node().phase();
        drop(system.kill().await);
        assert_eq!((starts.load(Ordering::SeqCst), phase), (2, Phase::Running));
    });
}

/// A start that is under way when its group restarts begins again. Whoever awaits it is given the actor.
#[test]
fn start_under_way_in_a_groups_restart_begins_again() {
    paused(async |check| {
        let log = Log::default();
        let (system, _p, spawner) = owner(&log, &check, |p| p.strategy(Strategy::OneForAll)).await;
        let recipe = |name| Recipe::new(name, &log, &check);
        let a = spawner
            .start(recipe("a").restarting(Restart::OnFailure))
            .await
            .unwrap();
        let mut slow = recipe("slow");
        slow.start_delay = SECOND;
        let started = spawner.start(slow.restarting(Restart::OnFailure));
        sleep(SECOND / 2).await;
        a.tell(Msg::Fail).await.unwrap();
        let started = started.await;
        let outcome = started.map(drop).map_err(|error| error.to_string());
        drop(system.kill().await);
        assert_eq!(outcome, Ok(()));
    });
}

/// An owner that tolerates the failure of a significant child ends with the child, and has not failed.
#[test]
fn tolerant_owner_that_ends_with_a_failed_child_has_not_failed() {
    struct Frail;
    impl Actor for Frail {
        type Msg = ();
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Err("frail".into())
        }
    }
    struct Owner(Arc<AtomicUsize>);
    impl Actor for Owner {
        type Msg = ReplyTo<ActorRef<()>>;
        async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
            reply.send(ctx.spawn(ChildSpec::new(Frail).significant())?);
            Ok(())
        }
        async fn on_child_exit(
            &mut self,
            _: tenure::ChildExit,
            _: &mut Context<Self>,
        ) -> tenure::Result {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    paused(async |_| {
        let system = System::start().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let owner = system
            .spawn(
                ChildSpec::new(Owner(Arc::clone(&seen)))
                    .auto_shutdown(AutoShutdown::Any)
                    .contain(),
            )
            .unwrap();
        let child = owner.ask(|reply| reply).await.unwrap();
        child.tell(()).await.unwrap();
        let end = owner.stopped().await;
        drop(system.stop().await);
        assert_eq!(
            seen.load(Ordering::SeqCst),
            1,
            "the hook never saw it; {end:?}"
        );
        assert!(end.is_ok(), "{end:?}");
    });
}

/// A handler that is dropped for the restart of its group was not killed: its ask is told that it failed.
#[test]
fn ask_whose_handler_is_dropped_for_its_group_has_failed() {
    struct Forgetful;
    impl Actor for Forgetful {
        type Msg = ReplyTo<()>;
        async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
            drop(reply);
            std::future::pending().await
        }
    }
    impl Clone for Forgetful {
        fn clone(&self) -> Self {
            Self
        }
    }
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let p = ChildSpec::new(Recipe::new("p", &log, &check)).strategy(Strategy::OneForAll);
        let p = system.start(p).await.unwrap();
        let spawner = p.ask(Msg::Lend).await.unwrap();
        let f = spawner
            .start(ChildSpec::new(Forgetful).restart(Restart::OnFailure))
            .await
            .unwrap();
        let x = spawner
            .start(Recipe::new("x", &log, &check).restarting(Restart::OnFailure))
            .await
            .unwrap();
        let (answer, ()) = tokio::join!(f.ask(|r| r), async {
            sleep(SECOND).await;
            x.try_tell(Msg::Fail).ok().unwrap();
        });
        drop(system.stop().await);
        assert_eq!(answer, Err(AskError::Failed));
    });
}

#[test]
fn many_that_fail_at_once_take_linear_time() {
    fn time(n: usize, strategy: Strategy) -> Duration {
        let begin = std::sync::Mutex::new(Duration::ZERO);
        paused(async |check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let p = system
                .spawn(ChildSpec::new(Recipe::new("p", &log, &check)).strategy(strategy))
                .unwrap();
            let spawner = p.ask(Msg::Lend).await.unwrap();
            let all: Vec<_> = (0..n)
                .map(|_| {
                    spawner
                        .spawn(
                            ChildSpec::new(Recipe::new("c", &log, &check))
                                .restart(Restart::OnFailure),
                        )
                        .unwrap()
                })
                .collect();
            for c in &all {
                c.ask(Msg::Incarnation).await.unwrap();
            }
            let began = time_at_work();
            for c in &all {
                c.try_tell(Msg::Fail).ok().unwrap();
            }
            for c in &all {
                assert!(c.ask(Msg::Incarnation).await.unwrap() >= 2);
            }
            *begin.lock().unwrap() = time_at_work() - began;
            drop(system.stop().await);
        });
        begin.into_inner().unwrap()
    }
    let (few, many) = (
        time(1_000, Strategy::RestForOne),
        time(8_000, Strategy::RestForOne),
    );
    assert!(many < 24 * few, "1,000: {few:?}, 8,000: {many:?}");
}
