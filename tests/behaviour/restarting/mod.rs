//! What a restart policy does with the end of an actor.

mod limits;
mod orders;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::lines::Lines;
use crate::common::node::{self, Node};
use crate::common::restarting::{Msg, Recipe};
use crate::common::worker::{Do, Worker};
use crate::common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Failure, StopError, StopReason, System, TaskSpec};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A system with one actor, `/p`, which has no restart policy.
struct House {
    system: System,
    owner: ActorRef<Do>,
    spawner: Spawner,
    log: Log,
    check: Check,
}

impl House {
    async fn new(check: &Check) -> Self {
        let log = Log::default();
        let system = System::start().unwrap();
        let owner = system.spawn(Worker::new("p", &log, check).named()).unwrap();
        let spawner = owner.ask(Do::Lend).await.unwrap();
        check.node(owner.node());
        Self {
            system,
            owner,
            spawner,
            log,
            check: check.clone(),
        }
    }

    fn recipe(&self, name: &'static str) -> Recipe {
        Recipe::new(name, &self.log, &self.check)
    }

    fn spawn(&self, spec: ChildSpec<Recipe>) -> ActorRef<Msg> {
        let child = self.spawner.spawn(spec).unwrap();
        self.check.node(child.node());
        child
    }

    /// The failure of `/p`, with which everything else ends.
    async fn failure(&self) -> Failure {
        match self.owner.stopped().await {
            Err(StopError::Failed(failure)) => failure,
            other => panic!("the owner ended with {other:?}"),
        }
    }
}

async fn incarnation(actor: &ActorRef<Msg>) -> usize {
    actor.ask(Msg::Incarnation).await.unwrap()
}

#[test]
fn restart_keeps_mailbox_and_references() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(recipe.restarting(Restart::OnFailure));
        let before = c.clone();
        let (failed, queued) = tokio::join!(
            c.ask(Msg::FailReply),
            // This ask is queued behind the message that fails the actor.
            before.ask(Msg::Incarnation),
        );
        assert_eq!(failed, Err(AskError::Failed));
        assert_eq!(queued, Ok(2));
        assert_eq!(incarnation(&before).await, 2);
        assert_eq!(c.path(), "/p/c");
        assert!(matches!(before.stop().await, Ok(StopReason::Stopped)));
        assert_eq!(
            recipe.incarnations.get(),
            2,
            "what failed is not handled again"
        );
        house.system.stop().await.unwrap();
    });
}

#[test]
fn restart_stops_children_first() {
    paused(async |check| {
        let house = House::new(&check).await;
        for (fatal, hook) in [(Msg::Fail, true), (Msg::Panic, false)] {
            let recipe = Recipe {
                with_child: true,
                ..house.recipe("c")
            };
            let c = house.spawn(recipe.restarting(Restart::OnFailure));
            incarnation(&c).await;
            settled().await;
            let seen = house.log.entries().len();
            c.tell(fatal).await.unwrap();
            assert_eq!(incarnation(&c).await, 2);
            settled().await;
            let mut expected = vec!["child on_stop", "child dropped"];
            expected.extend(hook.then_some("c on_stop"));
            expected.extend(["c dropped", "c starts", "child starts"]);
            assert_eq!(house.log.entries()[seen..], expected);
            c.stop().await.unwrap();
        }
        house.system.stop().await.unwrap();
    });
}

#[test]
fn temporary_and_transient() {
    paused(async |check| {
        let house = House::new(&check).await;
        let ends = [
            (Restart::Never, false, false),
            (Restart::OnFailure, false, true),
            (Restart::Always, true, true),
        ];
        for (restart, after_finish, after_failure) in ends {
            for (end, again) in [(Msg::Finish, after_finish), (Msg::Fail, after_failure)] {
                let recipe = house.recipe("c");
                let c = house.spawn(recipe.restarting(restart).contain());
                c.tell(end).await.unwrap();
                let reply = timeout(SECOND, c.ask(Msg::Incarnation)).await.unwrap();
                match again {
                    true => assert_eq!(reply, Ok(2), "{restart:?}"),
                    false => assert_eq!(reply, Err(AskError::Stopped), "{restart:?}"),
                }
                c.stop().await.ok();
                assert_eq!(recipe.incarnations.get(), 1 + usize::from(again));
            }
        }
        house.system.stop().await.unwrap();
    });
}

#[test]
fn restart_proceeds_while_the_owners_handler_is_awaiting() {
    paused(async |check| {
        let house = House::new(&check).await;
        let c = house.spawn(house.recipe("c").restarting(Restart::OnFailure));
        house.owner.tell(Do::Sleep(3_600 * SECOND)).await.unwrap();
        tokio::task::yield_now().await;
        c.tell(Msg::Panic).await.unwrap();
        let reply = timeout(SECOND, c.ask(Msg::Incarnation)).await;
        assert_eq!(reply.unwrap(), Ok(2));
        house.system.kill().await.unwrap();
    });
}

#[test]
fn spawns_into_a_restarting_owner_are_refused_and_then_taken() {
    paused(async |check| {
        let house = House::new(&check).await;
        let spec = house.recipe("c").restarting(Restart::OnFailure);
        let c = house.spawn(spec.backoff(Backoff::fixed(SECOND)));
        let inside = c.ask(Msg::Lend).await.unwrap();
        let token = inside.token();
        let task = inside.task(std::future::pending::<()>()).unwrap();
        c.tell(Msg::Fail).await.unwrap();
        assert!(task.await.is_err(), "tasks belong to an incarnation");
        assert!(token.is_cancelled(), "and so does the token");
        assert!(matches!(inside.task(async {}), Err(SpawnError::Closed(_))));
        assert_eq!(incarnation(&c).await, 2);
        inside.task(async {}).unwrap().await.unwrap();
        assert!(!inside.token().is_cancelled());
        house.system.stop().await.unwrap();
    });
}

#[test]
fn cleanup_of_a_failed_incarnation_has_its_grace() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = Recipe {
            cleanup: 3_600 * SECOND,
            ..house.recipe("c")
        };
        let spec = recipe
            .restarting(Restart::OnFailure)
            .contain()
            .grace(SECOND);
        let c = house.spawn(spec);
        let began = Instant::now();
        c.tell(Msg::Fail).await.unwrap();
        let end = c.stopped().await;
        // A cut is never followed by a restart, and the failure says that there was one.
        let Err(StopError::Failed(failure)) = end else {
            panic!("{end:?}")
        };
        assert_eq!(failure.cut_short().len(), 1, "{failure:?}");
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(recipe.incarnations.get(), 1);
        house.system.stop().await.unwrap();
    });
}

/// What a restart has cut short is traced, and told to nobody else: the actor goes on.
#[test]
fn restart_traces_what_was_cut_short_before_it() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let guards = check.clone();
        let spec = ChildSpec::factory(move || Node::new(&guards, &Log::default()));
        let again = spec.name("again").restart(Restart::Always);
        let again = system.spawn(again).unwrap();
        let ends = node::run(|ctx| {
            let stays = TaskSpec::with_token(|_| std::future::pending::<()>());
            drop(ctx.task(stays.name("stays").grace(SECOND)).unwrap());
            ctx.stop();
        });
        again.tell(ends).await.unwrap();
        again.ask(node::Msg::Ping).await.unwrap();
        let told = lines.with("message=restarting");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("WARN"), "{told:?}");
        assert!(
            told[0].contains("cut=") && told[0].contains("/again/stays"),
            "{told:?}"
        );
        system.stop().await.unwrap();
    });
}

#[test]
fn root_of_a_system_is_restarted_in_place() {
    #[derive(Clone)]
    struct Root(Arc<AtomicUsize>);
    impl Actor for Root {
        type Msg = ();
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            if self.0.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err("not yet".into());
            }
            ctx.stop();
            Ok(())
        }
    }
    paused(async |_| {
        let starts = Arc::new(AtomicUsize::new(0));
        let root = ChildSpec::new(Root(Arc::clone(&starts))).restart(Restart::OnFailure);
        System::run(root.backoff(Backoff::fixed(60 * SECOND)))
            .await
            .unwrap();
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    });
}
