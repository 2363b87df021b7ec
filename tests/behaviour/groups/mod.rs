//! Siblings that are restarted together, and owners that end with their children.

mod leaving;
mod orders;
mod waiting;

use std::time::Duration;

use crate::common::restarting::{Msg, Recipe};
use crate::common::{Check, Log, in_order, multi_thread, paused, settled, time_at_work};
use tenure::prelude::*;
use tenure::{AutoShutdown, Phase, StopError, StopReason, Strategy};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_millis(1);

/// An owner with a strategy, and the children that it starts.
struct Group {
    system: System,
    owner: ActorRef<Msg>,
    spawner: Spawner,
    log: Log,
    check: Check,
}

impl Group {
    async fn new(check: &Check, spec: impl FnOnce(ChildSpec<Recipe>) -> ChildSpec<Recipe>) -> Self {
        let log = Log::default();
        let system = System::start().unwrap();
        let owner = ChildSpec::new(Recipe::new("p", &log, check)).name("p");
        let owner = system.spawn(spec(owner)).unwrap();
        let spawner = owner.ask(Msg::Lend).await.unwrap();
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

    async fn spawn(&self, spec: ChildSpec<Recipe>) -> ActorRef<Msg> {
        let child = self.spawner.start(spec).await.unwrap();
        self.check.node(child.node());
        child
    }

    async fn child(&self, name: &'static str, restart: Restart) -> ActorRef<Msg> {
        self.spawn(self.recipe(name).restarting(restart)).await
    }

    /// What has been logged since `from`, without the hooks.
    fn since(&self, from: usize) -> Vec<String> {
        let entries = self.log.entries();
        let all = entries[from..].iter();
        all.filter(|entry| !entry.contains("on_stop"))
            .cloned()
            .collect()
    }

    fn seen(&self) -> usize {
        self.log.entries().len()
    }
}

async fn incarnation(actor: &ActorRef<Msg>) -> usize {
    actor.ask(Msg::Incarnation).await.unwrap()
}

#[test]
fn one_for_all() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let a = group.child("a", Restart::OnFailure).await;
        let b = group.child("b", Restart::OnFailure).await;
        let temporary = group.child("t", Restart::Never).await;
        let c = group.child("c", Restart::Always).await;
        // A task of the owner is no member of the group.
        let task = group.spawner.task(std::future::pending::<()>()).unwrap();
        settled().await;
        let from = group.seen();
        b.tell(Msg::Panic).await.unwrap();
        // Asks are answered by the second incarnation, even if a member has not been told yet.
        for member in [&b, &c, &a] {
            assert_eq!(incarnation(member).await, 2);
        }
        assert_eq!(
            group.since(from),
            [
                "b dropped",
                "c dropped",
                "t dropped",
                "a dropped",
                "a starts",
                "b starts",
                "c starts"
            ]
        );
        let ended = temporary.stopped().await;
        assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
        assert_eq!(task.node().phase(), Phase::Running);
        assert_eq!(incarnation(&group.owner).await, 1);
        drop(task);
        group.system.stop().await.unwrap();
    });
}

#[test]
fn rest_for_one() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::RestForOne)).await;
        let mut members = Vec::new();
        for name in ["a", "b", "c", "d"] {
            members.push(group.child(name, Restart::OnFailure).await);
        }
        let from = group.seen();
        members[1].tell(Msg::Fail).await.unwrap();
        let mut incarnations = Vec::new();
        for member in &members {
            incarnations.push(incarnation(member).await);
        }
        assert_eq!(incarnations, [1, 2, 2, 2]);
        assert_eq!(
            group.since(from),
            [
                "b dropped",
                "d dropped",
                "c dropped",
                "b starts",
                "c starts",
                "d starts"
            ]
        );
        group.system.stop().await.unwrap();
    });
}

#[test]
fn second_failure_during_the_groups_restart() {
    paused(async |check| {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let group = Group::new(&check, |p| p.strategy(strategy)).await;
            let recipes = ["a", "b", "c", "d"].map(|name| group.recipe(name));
            let mut members = Vec::new();
            for recipe in &recipes {
                members.push(group.spawn(recipe.restarting(Restart::OnFailure)).await);
            }
            // The first start of `c` fails. By then `a` has been restarted, and `d` has not.
            recipes[2].fail_starts(1);
            let from = group.seen();
            members[0].tell(Msg::Fail).await.unwrap();
            // The group has ended, then `c` is running, then all are.
            for member in [0, 2, 3] {
                incarnation(&members[member]).await;
            }
            let mut incarnations = Vec::new();
            for member in &members {
                incarnations.push(incarnation(member).await);
            }
            let again: &[&str] = match strategy {
                Strategy::OneForAll => {
                    assert_eq!(incarnations, [3, 3, 3, 2]);
                    &["b dropped", "a dropped", "a starts", "b starts"]
                }
                _ => {
                    assert_eq!(incarnations, [2, 2, 3, 2]);
                    &[]
                }
            };
            let mut expected = vec![
                "a dropped",
                "d dropped",
                "c dropped",
                "b dropped",
                "a starts",
                "b starts",
                "c start fails",
            ];
            expected.extend(again);
            expected.extend(["c starts", "d starts"]);
            assert_eq!(group.since(from), expected);
            group.system.stop().await.unwrap();
        }
    });
}

/// A member that fails while the rest is ending is not lost: the restart covers everything from the oldest member on
/// that has failed.
#[test]
fn sibling_that_fails_while_the_rest_ends_extends_the_group_if_it_is_older() {
    for (first, second, expected) in [
        (2, 1, [1, 2, 2, 2]),
        (2, 0, [2, 2, 2, 2]),
        (0, 2, [2, 2, 2, 2]),
    ] {
        paused(async |check| {
            let group = Group::new(&check, |p| p.strategy(Strategy::RestForOne)).await;
            let mut members = Vec::new();
            for name in ["a", "b", "c", "d"] {
                let cleanup = if name == "d" { SECOND } else { Duration::ZERO };
                let recipe = Recipe {
                    cleanup,
                    ..group.recipe(name)
                };
                members.push(group.spawn(recipe.restarting(Restart::OnFailure)).await);
            }
            members[first].tell(Msg::Fail).await.unwrap();
            sleep(BRIEF).await; // `d` is cleaning up
            members[second].tell(Msg::Fail).await.unwrap();
            let mut incarnations = Vec::new();
            for member in &members {
                incarnations.push(incarnation(member).await);
            }
            assert_eq!(incarnations, expected, "{first} fails, and then {second}");
            group.system.stop().await.unwrap();
        });
    }
}

#[test]
fn all_fail_at_once() {
    multi_thread(async |check| {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let group = Group::new(&check, |p| p.strategy(strategy)).await;
            let mut members = Vec::new();
            for name in ["a", "b", "c", "d", "e", "f"] {
                let spec = group.recipe(name).restarting(Restart::OnFailure);
                members.push(group.spawn(spec.intensity(1_000, SECOND)).await);
            }
            for _ in 0..20 {
                for member in members.iter().rev() {
                    member.tell(Msg::Fail).await.unwrap();
                }
                for member in &members {
                    incarnation(member).await;
                }
            }
            group.system.stop().await.unwrap();
        }
    });
}

#[test]
fn group_that_fails_too_often_fails_its_owner() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let a = group.child("a", Restart::OnFailure).await;
        let b = group.child("b", Restart::OnFailure).await;
        for _ in 0..4 {
            b.tell(Msg::Fail).await.unwrap();
            a.ask(Msg::Incarnation).await.ok();
        }
        let end = group.owner.stopped().await;
        let Err(StopError::Failed(failure)) = end else {
            panic!("{end:?}")
        };
        let leaves: Vec<_> = failure
            .leaves()
            .map(|leaf| leaf.path().to_owned())
            .collect();
        assert_eq!(leaves, ["/p/b"]);
        assert_eq!(check.alive(), 0);
        group.system.kill().await.ok();
    });
}

#[test]
fn significant_children_end_their_owner() {
    paused(async |check| {
        for (when, ended) in [
            (AutoShutdown::Never, [false, false]),
            (AutoShutdown::Any, [true, true]),
            (AutoShutdown::All, [false, true]),
        ] {
            let group = Group::new(&check, |p| p.auto_shutdown(when)).await;
            let mut members = Vec::new();
            for name in ["a", "b"] {
                let spec = group.recipe(name).restarting(Restart::OnFailure);
                members.push(group.spawn(spec.significant()).await);
            }
            let other = group.child("c", Restart::Never).await;
            other.tell(Msg::Finish).await.unwrap();
            // An end that somebody asked for does not count, and a member that is restarted has not ended.
            let asked = group
                .spawn(group.recipe("d").restarting(Restart::Never).significant())
                .await;
            asked.stop().await.unwrap();
            members[0].tell(Msg::Fail).await.unwrap();
            assert_eq!(incarnation(&members[0]).await, 2);
            sleep(BRIEF).await;
            assert_eq!(group.owner.node().phase(), Phase::Running);
            for (member, ended) in members.iter().zip(ended) {
                member.tell(Msg::Finish).await.ok();
                sleep(BRIEF).await;
                assert_eq!(group.owner.is_stopped(), ended, "{when:?}");
            }
            if when != AutoShutdown::Never {
                assert!(matches!(
                    group.owner.stopped().await,
                    Ok(StopReason::Finished)
                ));
            }
            group.system.stop().await.unwrap();
        }
    });
}

#[test]
fn wide_group_is_restarted_in_linear_time() {
    fn time_of(width: usize) -> std::time::Duration {
        let mut spent = std::time::Duration::ZERO;
        in_order(async |check| {
            let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
            let mut members = Vec::new();
            for _ in 0..width {
                let spec = ChildSpec::new(group.recipe("m")).restart(Restart::OnFailure);
                members.push(group.spawner.spawn(spec).unwrap());
            }
            incarnation(&members[width - 1]).await;
            let began = time_at_work();
            members[0].tell(Msg::Fail).await.unwrap();
            assert_eq!(incarnation(&members[width - 1]).await, 2);
            spent = time_at_work() - began;
            group.system.stop().await.unwrap();
        });
        spent
    }
    let (narrow, wide) = (time_of(500), time_of(5_000));
    assert!(wide < 40 * narrow, "500: {narrow:?}, 5,000: {wide:?}");
}
