//! Orders to end that come during the restart of a group.

use super::{BRIEF, Group, SECOND, incarnation};
use crate::common::restarting::{Msg, Recipe};
use crate::common::{Count, in_order, paused, settled};
use tenure::prelude::*;
use tenure::{AutoShutdown, Phase, StopReason, Strategy};
use tokio::time::{Instant, sleep};

#[test]
fn member_that_is_ended_meanwhile_holds_nobody_up() {
    paused(async |check| {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            for (victim, phase) in [
                (0, Phase::Restarting),
                (1, Phase::Restarting),
                (2, Phase::Running),
            ] {
                let group = Group::new(&check, |p| p.strategy(strategy)).await;
                let mut members = Vec::new();
                for (name, cleanup) in [("a", 0), ("b", 0), ("c", 0), ("d", 3)] {
                    let recipe = Recipe {
                        cleanup: cleanup * SECOND,
                        ..group.recipe(name)
                    };
                    members.push(group.spawn(recipe.restarting(Restart::OnFailure)).await);
                }
                // `b` fails too, and waits with `a` for its turn while `d` cleans up.
                members[0].tell(Msg::Fail).await.unwrap();
                members[1].tell(Msg::Fail).await.unwrap();
                sleep(SECOND).await;
                assert_eq!(members[victim].node().phase(), phase);
                members[victim].stop().await.unwrap();
                for (index, member) in members.iter().enumerate() {
                    match index == victim {
                        true => assert!(member.is_stopped()),
                        false => assert_eq!(incarnation(member).await, 2, "{index} of {victim}"),
                    }
                }
                group.system.stop().await.unwrap();
            }
        }
    });
}

#[test]
fn owners_end_during_a_groups_restart() {
    paused(async |check| {
        for end in 0..3 {
            let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
            let mut members = Vec::new();
            for (name, cleanup) in [("a", 0), ("b", 2), ("c", 2)] {
                let recipe = Recipe {
                    cleanup: cleanup * SECOND,
                    ..group.recipe(name)
                };
                members.push(group.spawn(recipe.restarting(Restart::OnFailure)).await);
            }
            members[0].tell(Msg::Fail).await.unwrap();
            members[0].tell(Msg::Log("accepted")).await.unwrap();
            sleep(SECOND).await;
            let began = Instant::now();
            let outcome = match end {
                0 => group.owner.stop().await,
                1 => group.owner.drain().await,
                _ => group.owner.kill().await,
            };
            assert!(outcome.is_ok(), "{outcome:?}");
            // `c` finishes its cleanup; then `b` does its own.
            let expected = [3, 3, 0][end] * SECOND;
            assert_eq!(began.elapsed(), expected);
            let handled = group.log.entries().contains(&"accepted".into());
            assert_eq!(handled, end == 1);
            assert_eq!(check.alive(), 0);
            group.system.stop().await.unwrap();
        }
    });
}

#[test]
fn stubborn_member_is_dropped_and_started_with_the_others() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let a = group.child("a", Restart::OnFailure).await;
        let spec = group
            .recipe("b")
            .restarting(Restart::OnFailure)
            .grace(SECOND);
        let b = group.spawn(spec).await;
        b.tell(Msg::Sleep(3_600 * SECOND)).await.unwrap();
        sleep(BRIEF).await;
        let began = Instant::now();
        a.tell(Msg::Fail).await.unwrap();
        assert_eq!(incarnation(&b).await, 2);
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(incarnation(&a).await, 2);
        assert!(!group.log.entries().contains(&"b on_stop".into()));
        group.system.stop().await.unwrap();
    });
}

/// The owner drains, and is no longer to end with it: what it has accepted is handled.
#[test]
fn significant_child_that_ends_in_its_owners_drain_cuts_nothing_short() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.auto_shutdown(AutoShutdown::Any)).await;
        let child = group.recipe("c").restarting(Restart::Never);
        let child = group.spawn(child.significant()).await;
        group.owner.tell(Msg::Sleep(2 * SECOND)).await.unwrap();
        group.owner.tell(Msg::Log("accepted")).await.unwrap();
        settled().await;
        let draining = group.owner.drain();
        child.tell(Msg::Finish).await.unwrap();
        let drained = draining.await;
        assert!(matches!(drained, Ok(StopReason::Drained)), "{drained:?}");
        assert!(group.log.entries().contains(&"accepted".into()));
        group.system.stop().await.unwrap();
    });
}

/// The owner still handles a message, which may need the others. Its stop tells them after that.
#[test]
fn restart_of_a_group_goes_no_further_once_its_owner_is_told_to_stop() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let a = group.child("a", Restart::OnFailure).await;
        let slow = Recipe {
            cleanup: SECOND,
            ..group.recipe("t")
        };
        let temporary = group.spawn(slow.restarting(Restart::Never)).await;
        let c = group.child("c", Restart::OnFailure).await;
        group.owner.tell(Msg::Sleep(3 * SECOND)).await.unwrap();
        c.tell(Msg::Fail).await.unwrap();
        settled().await;
        assert_eq!(c.node().phase(), Phase::Restarting);
        let stopping = group.owner.stop();
        sleep(2 * SECOND).await;
        assert!(temporary.is_stopped());
        assert_eq!(a.node().phase(), Phase::Running);
        stopping.await.unwrap();
        group.system.stop().await.unwrap();
    });
}

/// At the end of its first incarnation it tells that one to fail.
#[derive(Clone)]
struct Tells(ActorRef<Msg>, Count);

impl Actor for Tells {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.1.get() == 0 {
            self.1.add();
            self.0.try_tell(Msg::Fail)?;
        }
        Ok(())
    }
}

/// `b` has been released, and has not run yet. It waits for `a` then, which is older.
#[test]
fn member_whose_turn_has_come_waits_again_when_an_older_one_fails() {
    in_order(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::RestForOne)).await;
        let a = group.child("a", Restart::OnFailure).await;
        let b = group.child("b", Restart::OnFailure).await;
        let tells = ChildSpec::new(Tells(a.clone(), Count::default())).restart(Restart::OnFailure);
        drop(group.spawner.start(tells).await.unwrap());
        let from = group.seen();
        b.tell(Msg::Fail).await.unwrap();
        assert_eq!(incarnation(&b).await, 2);
        assert_eq!(
            group.since(from),
            ["b dropped", "a dropped", "a starts", "b starts"]
        );
        group.system.stop().await.unwrap();
    });
}

/// A node further up, which has not come to its children yet.
#[test]
fn group_is_not_restarted_beneath_a_node_that_was_told_to_stop() {
    paused(async |check| {
        let top = Group::new(&check, |p| p).await;
        let owner = top.recipe("owner");
        let owner = ChildSpec::new(owner).strategy(Strategy::OneForAll);
        let owner = top.spawn(owner).await;
        let spawner = owner.ask(Msg::Lend).await.unwrap();
        let mut members = Vec::new();
        for (name, cleanup) in [("a", 0), ("b", 2)] {
            let recipe = Recipe {
                cleanup: cleanup * SECOND,
                ..top.recipe(name)
            };
            let spec = recipe.restarting(Restart::OnFailure);
            members.push(spawner.start(spec).await.unwrap());
        }
        top.owner.tell(Msg::Sleep(4 * SECOND)).await.unwrap();
        members[0].tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let stopping = top.owner.stop();
        sleep(2 * SECOND).await;
        // `b` has cleaned up, and `owner` has not been told yet.
        assert_eq!(owner.node().phase(), Phase::Running);
        for member in &members {
            assert!(member.is_stopped());
        }
        drop(stopping.await);
        let starts = top.log.entries();
        let starts = starts.iter().filter(|entry| *entry == "a starts");
        assert_eq!(starts.count(), 1);
        drop(top.system.stop().await);
    });
}
