//! Members of a group that wait for each other.

use super::{BRIEF, Group, SECOND, incarnation};
use crate::common::restarting::{Msg, Recipe};
use crate::common::{multi_thread, paused};
use tenure::prelude::*;
use tenure::{Phase, Strategy};
use tokio::time::{Instant, sleep};

#[test]
fn member_that_is_sent_to_while_it_waits_for_its_turn_comes_back() {
    paused(async |check| {
        let group = Group::new(&check, |p| p.strategy(Strategy::OneForAll)).await;
        let backoff = Backoff::fixed(SECOND);
        let oldest = group.recipe("a").restarting(Restart::OnFailure);
        let a = group.spawn(oldest.backoff(backoff)).await;
        // `b` is asleep, waiting for a message, when it is told to end.
        let b = group.child("b", Restart::OnFailure).await;
        assert_eq!(incarnation(&b).await, 1);
        a.tell(Msg::Panic).await.unwrap();
        sleep(BRIEF).await;
        assert_eq!(b.node().phase(), Phase::Restarting);
        b.tell(Msg::Log("note")).await.unwrap();
        sleep(BRIEF).await;
        assert_eq!(b.node().phase(), Phase::Restarting);
        let second = b.ask(Msg::Incarnation).timeout(10 * SECOND).await;
        assert_eq!(second, Ok(2));
        assert_eq!(incarnation(&a).await, 2);
        group.system.stop().await.unwrap();
    });
}

/// Asks a member that is being restarted, in its start or for others.
#[derive(Clone)]
struct Front {
    back: ActorRef<Msg>,
    asks_at_start: bool,
}

impl Start for Front {
    type Actor = FrontDesk;

    async fn start(self, _: &mut Context<FrontDesk>) -> tenure::Result<FrontDesk> {
        if self.asks_at_start {
            self.back.ask(Msg::Incarnation).await?;
        }
        Ok(FrontDesk(self.back))
    }
}

struct FrontDesk(ActorRef<Msg>);

impl Actor for FrontDesk {
    type Msg = ReplyTo<usize>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(self.0.ask(Msg::Incarnation).await?);
        Ok(())
    }
}

#[test]
fn member_that_waits_for_a_failed_sibling_holds_nobody_up() {
    paused(async |check| {
        for asks_at_start in [false, true] {
            let group = Group::new(&check, |p| p.strategy(Strategy::RestForOne)).await;
            let back = group.child("back", Restart::OnFailure).await;
            let began = Instant::now();
            // The ask of the front is queued behind the failure.
            back.tell(Msg::Sleep(SECOND)).await.unwrap();
            back.tell(Msg::Fail).await.unwrap();
            let front = Front {
                back: back.clone(),
                asks_at_start,
            };
            let spec = ChildSpec::new(front).restart(Restart::OnFailure);
            let front = group.spawner.spawn(spec).unwrap();
            let first = front.ask(|reply| reply).await;
            if asks_at_start {
                assert_eq!(first, Ok(2), "its message was not started, and survives");
            } else {
                assert_eq!(first, Err(AskError::Failed));
                assert_eq!(front.ask(|reply| reply).await, Ok(2));
            }
            assert_eq!(began.elapsed(), SECOND, "not even its grace is waited for");
            group.system.stop().await.unwrap();
        }
    });
}

#[test]
fn members_that_need_each_other_come_back_whenever_they_fail() {
    multi_thread(async |check| {
        for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
            let group = Group::new(&check, |p| p.strategy(strategy)).await;
            let often = |spec: ChildSpec<Recipe>| spec.intensity(100_000, SECOND);
            let back = group
                .spawn(often(group.recipe("back").restarting(Restart::OnFailure)))
                .await;
            let front = Front {
                back: back.clone(),
                asks_at_start: true,
            };
            let spec = ChildSpec::new(front).restart(Restart::OnFailure);
            let front = group
                .spawner
                .spawn(spec.intensity(100_000, SECOND))
                .unwrap();
            let fail = async {
                for _ in 0..300 {
                    back.tell(Msg::Fail).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let ask = async {
                for _ in 0..300 {
                    // It may be answered or refused, but in time.
                    front.ask(|reply| reply).timeout(60 * SECOND).await.ok();
                }
            };
            tokio::join!(fail, ask);
            assert!(front.ask(|reply| reply).await.is_ok());
            group.system.stop().await.unwrap();
        }
    });
}
