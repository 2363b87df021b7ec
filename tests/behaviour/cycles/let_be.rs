//! A wait that can still be served is not refused.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use super::{Msg, Reply, Rig};
use crate::common::{multi_thread, paused, settled};
use tenure::prelude::*;
use tokio::sync::Notify;
use tokio::time::Instant;

#[test]
fn what_has_a_limit_is_never_refused() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        let late = AskError::TimedOut {
            started: false,
            inherited: false,
        };
        // The limit is inherited, so no ask of the cycle is without one.
        let begin = Instant::now();
        let asked = a
            .ask(|reply| Msg::AlongLimited(rig.way([1, 0]), reply))
            .await;
        let asked = asked.unwrap();
        assert!(matches!(asked, Err(AskError::TimedOut { .. })), "{asked:?}");
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        // An actor that asks itself, with a limit.
        let asked = b.ask(|reply| Msg::AlongLimited(rig.way([1]), reply)).await;
        assert_eq!(asked, Ok(Err(late)));
        rig.end().await;
    });
}

/// The owner waits for another node, and not for what is beneath itself.
#[test]
fn what_is_beneath_a_node_that_waits_for_another_may_ask_it() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        let beneath = a.ask(|reply| Msg::AlongLater(rig.way([0]), reply));
        let above = a.ask(|reply| Msg::Along(rig.way([1]), reply));
        let go_on = async {
            settled().await;
            rig.go_on[1].notify_one();
        };
        let (beneath, above, ()) = tokio::join!(beneath, above, go_on);
        assert_eq!((beneath, above), (Ok(Ok(0)), Ok(Ok(0))));
        rig.end().await;
    });
}

/// A wait for room is over once its message is sent, even if its future is kept.
#[test]
fn wait_that_is_over_counts_no_more_although_its_future_is_kept() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::bounded(1));
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        b.try_tell(Msg::Nothing).unwrap();
        let keeps = a.ask(|reply| Msg::TellAndKeep(b.clone(), reply));
        let asks_back = async {
            settled().await; // it waits for room
            rig.go_on[1].notify_one();
            rig.entered[0].notified().await;
            let asked = b.ask(|reply| Msg::Along(rig.way([0]), reply));
            let go_on = async {
                settled().await;
                rig.go_on[0].notify_one();
            };
            tokio::join!(asked, go_on).0
        };
        assert_eq!(tokio::join!(keeps, asks_back), (Ok(Ok(0)), Ok(Ok(0))));
        rig.end().await;
    });
}

#[test]
fn late_reply_ends_the_wait() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        // b replies to the asker only after its own handler has ended. The asker waits for that reply while another
        // asks it.
        let waiting = async {
            struct Asker(ActorRef<Msg>);
            impl Actor for Asker {
                type Msg = Reply;
                async fn handle(&mut self, reply: Reply, _: &mut Context<Self>) -> tenure::Result {
                    reply.send(self.0.ask(Msg::AnswerLater).await?);
                    Ok(())
                }
            }
            let asker = rig
                .system
                .spawn(ChildSpec::new(Asker(b.clone())).name("asker"))
                .unwrap();
            let also = asker.clone();
            let other = rig.go_on[1].clone();
            struct Back(ActorRef<Reply>);
            impl Actor for Back {
                type Msg = Reply;
                async fn handle(&mut self, reply: Reply, _: &mut Context<Self>) -> tenure::Result {
                    reply.send(self.0.ask(|reply| reply).await?);
                    Ok(())
                }
            }
            let back = rig.system.spawn(Back(also)).unwrap();
            let (first, second, ()) =
                tokio::join!(asker.ask(|reply| reply), back.ask(|reply| reply), async {
                    for _ in 0..2 {
                        settled().await;
                        other.notify_one();
                    }
                });
            assert_eq!((first, second), (Ok(Ok(1)), Ok(Ok(1))));
        };
        waiting.await;
        let asked = a.ask(|reply| Msg::Along(Vec::new(), reply)).await;
        assert_eq!(asked, Ok(Ok(0)));
        rig.end().await;
    });
}

/// Asks an actor whose handler ends without a reply. That actor may then ask back.
#[test]
fn target_whose_handler_has_ended_may_ask_back() {
    enum Call {
        Begin(ActorRef<Call>, ReplyTo<u32>),
        Keep(ReplyTo<u32>),
        AskBack(ActorRef<Call>, ReplyTo<bool>),
        Value(ReplyTo<u32>),
    }
    #[derive(Default)]
    struct Party(Option<ReplyTo<u32>>);
    impl Actor for Party {
        type Msg = Call;
        async fn handle(&mut self, msg: Call, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                Call::Begin(other, reply) => reply.send(other.ask(Call::Keep).await?),
                Call::Keep(reply) => self.0 = Some(reply),
                Call::AskBack(other, done) => {
                    let asking = other.ask(Call::Value);
                    tokio::select! {
                        biased;
                        asked = asking => done.send(asked.is_err()),
                        () = tokio::task::yield_now() => {
                            // The ask was not refused, and is queued.
                            if let Some(reply) = self.0.take() { reply.send(3) }
                            done.send(other.ask(Call::Value).await.is_err());
                        }
                    }
                }
                Call::Value(reply) => reply.send(4),
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let a = scope.spawn(Party::default())?;
            let b = scope.spawn(Party::default())?;
            let back = async {
                settled().await;
                b.ask(|reply| Call::AskBack(a.clone(), reply)).await
            };
            let (first, back) = tokio::join!(a.ask(|reply| Call::Begin(b.clone(), reply)), back);
            assert_eq!((first, back), (Ok(3), Ok(false)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn ask_that_a_select_has_dropped_counts_no_more() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c"], Mailbox::default());
        let [a, b, c] = [&rig.actors[0], &rig.actors[1], &rig.actors[2]];
        // a has given up its ask to b. b asks c, which asks a: that is queued until a's handler ends.
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        let asked = a.ask(|reply| Msg::GiveUp(b.clone(), reply));
        let other = async {
            rig.entered[0].notified().await;
            rig.go_on[1].notify_one();
            b.ask(|reply| Msg::Along(rig.way([2, 0]), reply)).await
        };
        let go_on = async {
            settled().await;
            assert_eq!(a.node().backlog(), 1);
            rig.go_on[0].notify_one();
        };
        let (asked, other, ()) = tokio::join!(asked, other, go_on);
        assert_eq!((asked, other), (Ok(Ok(0)), Ok(Ok(0))));
        assert_eq!(
            c.ask(|reply| Msg::Along(Vec::new(), reply)).await,
            Ok(Ok(0))
        );
        rig.end().await;
    });
}

#[test]
fn no_cycle_no_refusal() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c", "d"], Mailbox::default());
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| &rig.actors[index]);
        // Two asks at a time to the same target.
        assert_eq!(a.ask(|reply| Msg::Twice(d.clone(), reply)).await, Ok(Ok(0)));
        // A diamond: a asks b and c at a time, and both ask d.
        let (left, right) = tokio::join!(
            a.ask(|reply| Msg::Along(rig.way([1, 3]), reply)),
            c.ask(|reply| Msg::Along(rig.way([3]), reply)),
        );
        assert_eq!((left, right), (Ok(Ok(0)), Ok(Ok(0))));
        // A long way in one direction, and afterwards in the other.
        assert_eq!(
            a.ask(|reply| Msg::Along(rig.way([1, 2, 3]), reply)).await,
            Ok(Ok(0))
        );
        assert_eq!(
            d.ask(|reply| Msg::Along(rig.way([2, 1, 0]), reply)).await,
            Ok(Ok(0))
        );
        assert_eq!(
            b.ask(|reply| Msg::Along(Vec::new(), reply)).await,
            Ok(Ok(0))
        );
        rig.end().await;
    });
}

#[test]
fn select_may_wait_even_so() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a"], Mailbox::default());
        let a = &rig.actors[0];
        let (asked, ()) = tokio::join!(a.ask(|reply| Msg::EvenSo(a.clone(), reply)), async {
            tokio::task::yield_now().await;
            rig.go_on[0].notify_one();
        });
        assert_eq!(asked, Ok(Ok(7)));
        rig.end().await;
    });
}

#[test]
fn waits_of_a_killed_node_are_gone() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        // a waits for b and is killed. b, on its way to a, learns that a is gone.
        let asking = a.ask(|reply| Msg::Along(rig.way([1]), reply));
        let killing = async {
            settled().await;
            let killed = a.kill();
            rig.go_on[1].notify_one();
            let asked = b.ask(|reply| Msg::Along(rig.way([0]), reply)).await;
            assert_eq!(asked, Ok(Err(AskError::Stopped)));
            killed.await
        };
        let (asked, killed) = tokio::join!(asking, killing);
        assert_eq!(asked, Err(AskError::Killed));
        killed.unwrap();
        rig.end().await;
    });
}

/// Waits that all lead in one direction make no cycle, in whatever order they begin and end.
#[test]
fn ways_that_go_one_way_are_never_refused() {
    multi_thread(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c", "d"], Mailbox::bounded(4));
        let ways = [
            rig.way([1, 2, 3]),
            rig.way([2, 3]),
            rig.way([1, 3]),
            rig.way([3]),
        ];
        let askers: Vec<_> = ways
            .into_iter()
            .map(|way| {
                let a = rig.actors[0].clone();
                rig.system
                    .task(async move {
                        for _ in 0..500 {
                            let asked = a.ask(|reply| Msg::Along(way.clone(), reply)).await;
                            assert_eq!(asked, Ok(Ok(0)));
                        }
                    })
                    .unwrap()
            })
            .collect();
        for asker in askers {
            asker.await.unwrap();
        }
        rig.end().await;
    });
}

#[test]
fn permit_that_comes_free_is_room() {
    struct Full(Arc<Notify>);
    impl Actor for Full {
        type Msg = Option<ReplyTo<bool>>;
        async fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
            if let Some(reply) = msg {
                self.0.notify_one();
                tokio::task::yield_now().await;
                // A permit holds the room. This waits for its drop, and not for the actor itself.
                reply.send(ctx.me().tell(None).await.is_ok());
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let entered = Arc::new(Notify::new());
            let spec = ChildSpec::new(Full(Arc::clone(&entered))).mailbox(Mailbox::bounded(1));
            let full = scope.spawn(spec)?;
            let holding = async {
                entered.notified().await;
                let permit = full.reserve().await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
                drop(permit);
            };
            let (told, ()) = tokio::join!(full.ask(Some), holding);
            assert_eq!(told, Ok(true));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn handler_that_hangs_for_other_reasons_is_no_cycle() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        a.tell(Msg::Wait).await.unwrap();
        let asking = b.ask(|reply| Msg::Along(rig.way([0]), reply));
        tokio::select! {
            asked = asking => panic!("{asked:?}"),
            () = tokio::time::sleep(Duration::from_secs(9)) => {}
            () = pending() => {}
        }
        rig.go_on[0].notify_one();
        rig.end().await;
    });
}

enum Exchange {
    /// Asks that one to reply early.
    Ask(ActorRef<Exchange>, ReplyTo<bool>),
    /// Replies, and asks the asker.
    Early(ActorRef<Exchange>, ReplyTo<()>),
    Ping(ReplyTo<()>),
}

struct Early;

impl Actor for Early {
    type Msg = Exchange;

    async fn handle(&mut self, msg: Exchange, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Exchange::Ask(other, reply) => {
                let me = ctx.me();
                let asked = other.ask(|reply| Exchange::Early(me, reply)).await;
                reply.send(asked.is_ok());
            }
            Exchange::Early(asker, reply) => {
                reply.send(());
                asker.ask(Exchange::Ping).await?;
            }
            Exchange::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// The asker has not run since the reply was sent.
#[test]
fn reply_ends_the_wait_before_the_asker_sees_it() {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let (one, other) = (scope.spawn(Early)?, scope.spawn(Early)?);
            assert!(one.ask(|reply| Exchange::Ask(other, reply)).await?);
            Ok(())
        })
        .await
        .unwrap();
    });
}
