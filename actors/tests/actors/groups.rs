//! Named sets of actors.

use tenure::prelude::*;
use tenure_actors::groups::{Groups, GroupsError, GroupsMsg};
use tokio::time::sleep;

use crate::common::{in_order, paused};
use crate::gauge::{Gauge, ms};

type Ref = ActorRef<GroupsMsg<u32>>;

async fn join(
    groups: &Ref,
    group: &str,
    member: &RefTo<Gauge>,
) -> tenure::Result<Result<(), GroupsError>> {
    let join = |reply| GroupsMsg::Join {
        group: group.to_owned(),
        member: member.recipient(),
        reply,
    };
    Ok(groups.ask(join).await?)
}

async fn tell_one(
    groups: &Ref,
    group: &str,
    message: u32,
) -> tenure::Result<Result<tenure::NodeId, GroupsError>> {
    let tell = |reply| GroupsMsg::TellOne {
        group: group.to_owned(),
        message,
        reply,
    };
    Ok(groups.ask(tell).await?)
}

async fn tell_all(groups: &Ref, group: &str, message: u32) -> tenure::Result<usize> {
    let tell = |reply| GroupsMsg::TellAll {
        group: group.to_owned(),
        message,
        reply,
    };
    Ok(groups.ask(tell).await?)
}

#[test]
fn all_members_are_told_or_one_in_turn() {
    paused(async |check| {
        let gauges = [(); 3].map(|()| Gauge::open());
        tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u32>::new())?;
            check.node(groups.node());
            for gauge in &gauges {
                let gauge = scope.spawn(gauge.clone())?;
                assert_eq!(join(&groups, "all", &gauge).await?, Ok(()));
                assert_eq!(
                    join(&groups, "all", &gauge).await?,
                    Ok(()),
                    "once more is no more"
                );
            }
            assert_eq!(tell_all(&groups, "all", 0).await?, 3);
            for message in 1..=4 {
                assert!(tell_one(&groups, "all", message).await?.is_ok());
            }
            Ok(())
        })
        .await
        .unwrap();
        let values = gauges.map(|gauge| gauge.values().join(" "));
        assert_eq!(values, ["0 1 4", "0 2", "0 3"]);
    });
}

#[test]
fn one_that_has_no_room_is_passed_over_and_if_none_has_the_first_is_waited_for() {
    // Other orders of events may narrow the mailbox of the quick member.
    in_order(async |_| {
        let (slow, quick) = (Gauge::held(), Gauge::open());
        tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u32>::new())?;
            let mailbox = Mailbox::bounded(1).including_current();
            let slow_one = scope.spawn(ChildSpec::new(slow.clone()).mailbox(mailbox))?;
            join(&groups, "it", &slow_one).await??;
            let quick_one = scope.spawn(quick.clone())?;
            join(&groups, "it", &quick_one).await??;
            for message in 0..6 {
                tell_one(&groups, "it", message).await??;
            }
            quick_one.stop().await?;
            sleep(ms(1)).await;
            let groups = groups.clone();
            let told = scope.task(async move { tell_one(&groups, "it", 6).await })?;
            sleep(ms(1)).await;
            slow.let_go(2);
            assert_eq!(told.await?, Ok(slow_one.id()));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(slow.values(), ["0", "6"]);
        assert_eq!(quick.values(), ["1", "2", "3", "4", "5"]);
    });
}

#[test]
fn members_leave_by_their_end_and_groups_without_members_are_none() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u32>::new())?;
            let (one, other) = (scope.spawn(Gauge::open())?, scope.spawn(Gauge::open())?);
            for group in ["a", "b"] {
                join(&groups, group, &one).await??;
                join(&groups, group, &other).await??;
            }
            assert_eq!(groups.ask(GroupsMsg::Names).await?, ["a", "b"]);
            one.kill().await?;
            sleep(ms(1)).await;
            let members = |reply| GroupsMsg::Members {
                group: String::from("a"),
                reply,
            };
            let ids: Vec<_> = groups
                .ask(members)
                .await?
                .iter()
                .map(Recipient::id)
                .collect();
            assert_eq!(ids, [other.id()]);
            groups
                .tell(GroupsMsg::Leave {
                    group: "a".into(),
                    member: other.id(),
                })
                .await?;
            assert_eq!(groups.ask(GroupsMsg::Names).await?, ["b"]);
            other.stop().await?;
            sleep(ms(1)).await;
            assert!(groups.ask(GroupsMsg::Names).await?.is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn names_that_are_empty_or_unknown_are_told_of() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u32>::new())?;
            let gauge = scope.spawn(Gauge::open())?;
            assert_eq!(
                join(&groups, "", &gauge).await?,
                Err(GroupsError::EmptyName)
            );
            assert_eq!(
                tell_one(&groups, "none", 1).await?,
                Err(GroupsError::NoMember)
            );
            assert_eq!(tell_all(&groups, "none", 1).await?, 0);
            groups.tell(GroupsMsg::LeaveAll(gauge.id())).await?;
            groups
                .tell(GroupsMsg::Leave {
                    group: "none".into(),
                    member: gauge.id(),
                })
                .await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
