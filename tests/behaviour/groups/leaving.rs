//! Members that end for good while their group is restarted.

use super::{BRIEF, Group, SECOND, incarnation};
use crate::common::paused;
use crate::common::restarting::{Msg, Recipe};
use std::time::Duration;
use tenure::Strategy;
use tenure::prelude::*;
use tokio::time::{sleep, timeout};

/// Four members; each start of the one takes a second, and each end of the other.
async fn members(
    group: &Group,
    slow_start: &'static str,
    slow_end: &'static str,
) -> Vec<ActorRef<Msg>> {
    let mut members = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let takes = |is_slow| if is_slow { SECOND } else { Duration::ZERO };
        let recipe = Recipe {
            start_delay: takes(name == slow_start),
            cleanup: takes(name == slow_end),
            ..group.recipe(name)
        };
        members.push(group.spawn(recipe.restarting(Restart::OnFailure)).await);
    }
    members
}

/// The others wait for it, and it does not come up.
#[test]
fn member_that_is_killed_in_its_start_lets_the_next_one_start() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let members = members(&group, "b", "none").await;
        members[0].tell(Msg::Fail).await.unwrap();
        sleep(SECOND / 2).await;
        drop(members[1].kill());
        for place in [0, 2, 3] {
            let again = timeout(SECOND, incarnation(&members[place])).await;
            assert_eq!(again, Ok(2), "{place}");
        }
        group.system.stop().await.unwrap();
    });
}

/// The one before it is not running yet.
#[test]
fn member_that_is_killed_before_its_turn_lets_nobody_start_early() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let members = members(&group, "b", "none").await;
        let from = group.seen();
        members[0].tell(Msg::Fail).await.unwrap();
        sleep(SECOND / 2).await;
        drop(members[2].kill());
        assert_eq!(incarnation(&members[3]).await, 2);
        let starts: Vec<_> = group.since(from);
        let starts = starts.iter().filter(|entry| entry.ends_with("starts"));
        assert!(starts.eq(["a starts", "b starts", "d starts"]));
        group.system.stop().await.unwrap();
    });
}

/// `b` fails and `d` cleans up. Whoever of those that are to be restarted ends for good, it was none of those that are
/// older than `b`.
#[test]
fn member_that_is_killed_extends_the_group_to_no_older_one() {
    for killed in [vec![3], vec![1, 3], vec![2], vec![1, 2, 3]] {
        paused(async |check| {
            let group = Group::new(&check, |p| p.strategy(Strategy::RestForOne)).await;
            let members = members(&group, "none", "d").await;
            members[1].tell(Msg::Fail).await.unwrap();
            sleep(BRIEF).await;
            for &place in &killed {
                drop(members[place].kill());
                sleep(BRIEF).await;
            }
            sleep(2 * SECOND).await;
            for (place, member) in members.iter().enumerate() {
                match killed.contains(&place) {
                    true => assert!(member.is_stopped()),
                    false => {
                        let expected = if place == 0 { 1 } else { 2 };
                        let again = timeout(SECOND, incarnation(member)).await;
                        assert_eq!(again, Ok(expected), "{place}, {killed:?} killed");
                    }
                }
            }
            group.system.stop().await.unwrap();
        });
    }
}
