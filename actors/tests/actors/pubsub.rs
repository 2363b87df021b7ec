//! A topic gives all its subscribers what is published, in order. Those that are slow or gone do not hold up the
//! others.

use tenure::NodeRef;
use tenure::prelude::*;
use tenure_actors::pubsub::{Slow, Subscription, TopicMsg, TopicOptions};
use tokio::time::{Instant, sleep};

use crate::common::paused;
use crate::gauge::{Gauge, ms};

type Topic = ActorRef<TopicMsg<u32>>;

async fn topic(scope: &Scope) -> Topic {
    scope
        .start(TopicOptions::new().spec().grace(ms(60_000)))
        .await
        .unwrap()
}

async fn subscribe(topic: &Topic, gauge: &RefTo<Gauge>, slow: Slow) -> tenure::Result {
    let subscription = Subscription::new(gauge.recipient()).slow(slow);
    topic.tell(TopicMsg::Subscribe(subscription)).await?;
    Ok(())
}

async fn publish(topic: &Topic, values: std::ops::Range<u32>) -> tenure::Result {
    let publisher: Recipient<u32> = topic.recipient();
    for value in values {
        publisher.tell(value).await?;
    }
    Ok(())
}

/// A gauge with room for one value in its mailbox, besides the one that it handles.
fn small(scope: &Scope, gauge: &Gauge) -> RefTo<Gauge> {
    let spec = ChildSpec::new(gauge.clone()).mailbox(Mailbox::bounded(1));
    scope.spawn(spec).unwrap()
}

async fn numbers(topic: &Topic) -> tenure::Result<Vec<u64>> {
    let subscribers = topic.ask(TopicMsg::Subscribers).await?;
    Ok(subscribers.iter().map(|it| it.dropped).collect())
}

#[test]
fn each_subscriber_gets_all_in_order_from_when_it_has_subscribed() {
    paused(async |check| {
        let (first, second) = (Gauge::open(), Gauge::open());
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            check.node(topic.node());
            subscribe(&topic, &scope.spawn(first.clone())?, Slow::Wait).await?;
            publish(&topic, 0..2).await?;
            subscribe(&topic, &scope.spawn(second.clone())?, Slow::Wait).await?;
            publish(&topic, 2..5).await?;
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(first.values(), ["0", "1", "2", "3", "4"]);
        assert_eq!(second.values(), ["2", "3", "4"]);
    });
}

#[test]
fn last_value_is_kept_for_whoever_comes_later() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let topic = scope.spawn(TopicOptions::new().keep_last().spec())?;
            assert_eq!(topic.ask(TopicMsg::Last).await?, None);
            publish(&topic, 0..3).await?;
            assert_eq!(topic.ask(TopicMsg::Last).await?, Some(2));
            subscribe(&topic, &scope.spawn(gauge.clone())?, Slow::DropNewest).await?;
            publish(&topic, 3..4).await?;
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values(), ["2", "3"]);
    });
}

#[test]
fn subscriber_that_has_ended_is_removed_without_a_send() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            for slow in [
                Slow::Wait,
                Slow::DropOldest(2),
                Slow::DropNewest,
                Slow::Disconnect,
            ] {
                let gauge = scope.spawn(Gauge::open())?;
                subscribe(&topic, &gauge, slow).await?;
                assert_eq!(numbers(&topic).await?, [0]);
                gauge.kill().await?;
                sleep(ms(1)).await;
                assert!(numbers(&topic).await?.is_empty());
                sleep(ms(1)).await;
                assert!(topic.node().children().is_empty(), "no courier is left");
            }
            publish(&topic, 0..3).await?;
            topic.drain().await?;
            assert_eq!(scope.dead_letters(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn owner_of_a_topic_may_subscribe_to_it() {
    struct Owner(Vec<u32>, Option<Topic>);

    enum Msg {
        Value(u32),
        Values(ReplyTo<Vec<u32>>),
    }

    impl From<u32> for Msg {
        fn from(value: u32) -> Self {
            Self::Value(value)
        }
    }

    impl Actor for Owner {
        type Msg = Msg;

        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            let topic = ctx.spawn(TopicOptions::new().spec().name("topic"))?;
            let me = Subscription::new(ctx.me().recipient());
            topic.tell(TopicMsg::Subscribe(me)).await?;
            topic.tell(TopicMsg::Publish(7)).await?;
            self.1 = Some(topic);
            Ok(())
        }

        async fn handle(&mut self, msg: Msg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                Msg::Value(value) => self.0.push(value),
                Msg::Values(reply) => reply.send(self.0.clone()),
            }
            Ok(())
        }
    }

    paused(async |_| {
        tenure::scope(async |scope| {
            let owner = scope.start(Owner(Vec::new(), None)).await?;
            sleep(ms(1)).await;
            assert_eq!(owner.ask(Msg::Values).await?, [7]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn topic_waits_for_whoever_is_to_be_waited_for_beside_the_others() {
    paused(async |_| {
        let (slow, quick) = (Gauge::held(), Gauge::open());
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            subscribe(&topic, &small(&scope, &slow), Slow::Wait).await?;
            subscribe(&topic, &scope.spawn(quick.clone())?, Slow::Wait).await?;
            publish(&topic, 0..4).await?;
            sleep(ms(10)).await;
            // One value is held, one waits, and one waits for room.
            assert_eq!(quick.values(), ["0", "1", "2"]);
            slow.let_go(10);
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(slow.values(), ["0", "1", "2", "3"]);
        assert_eq!(quick.values(), ["0", "1", "2", "3"]);
    });
}

#[test]
fn slow_subscribers_hold_up_nobody_if_they_are_not_waited_for() {
    paused(async |_| {
        let gauges = [(); 4].map(|()| Gauge::held());
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            let policies = [Slow::DropOldest(2), Slow::DropNewest, Slow::DropOldest(0)];
            for (gauge, slow) in gauges.iter().zip(policies) {
                subscribe(&topic, &small(&scope, gauge), slow).await?;
            }
            for value in 0..8 {
                publish(&topic, value..value + 1).await?;
                sleep(ms(1)).await;
            }
            // One value is held by the gauge, one is in its mailbox and one is with the courier. The last two of the
            // eight are kept behind those.
            assert_eq!(numbers(&topic).await?, [3, 6, 4]);
            gauges.iter().for_each(|gauge| gauge.let_go(100));
            sleep(ms(1)).await;
            publish(&topic, 8..9).await?;
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauges[0].values(), ["0", "1", "2", "6", "7", "8"]);
        assert_eq!(gauges[1].values(), ["0", "1", "8"]);
        assert_eq!(gauges[2].values(), ["0", "1", "2", "7", "8"]);
    });
}

#[test]
fn burst_loses_nothing_while_its_subscriber_has_room() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            subscribe(&topic, &scope.spawn(gauge.clone())?, Slow::DropOldest(1)).await?;
            for value in 0..9 {
                // All at once, for none of which the subscriber needs a turn.
                topic.try_tell(TopicMsg::Publish(value))?;
            }
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values().len(), 9, "{:?}", gauge.values());
    });
}

#[test]
fn subscriber_that_is_too_slow_is_disconnected() {
    paused(async |_| {
        let gauge = Gauge::held();
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            subscribe(&topic, &small(&scope, &gauge), Slow::Disconnect).await?;
            for value in 0..5 {
                publish(&topic, value..value + 1).await?;
                sleep(ms(1)).await;
            }
            assert!(numbers(&topic).await?.is_empty());
            gauge.let_go(100);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values(), ["0", "1"]);
    });
}

#[test]
fn drain_and_stop_wait_for_no_slow_subscriber_of_a_courier() {
    for drains in [true, false] {
        paused(async |_| {
            let gauge = Gauge::held();
            tenure::scope(async |scope| {
                let topic = topic(&scope).await;
                subscribe(&topic, &small(&scope, &gauge), Slow::DropOldest(4)).await?;
                publish(&topic, 0..6).await?;
                sleep(ms(1)).await;
                let start = Instant::now();
                match drains {
                    true => topic.drain().await?,
                    false => topic.stop().await?,
                };
                assert_eq!(start.elapsed(), ms(0));
                gauge.let_go(100);
                Ok(())
            })
            .await
            .unwrap();
            // One value that was held, and one that was queued.
            assert!(gauge.values().len() <= 2, "{:?}", gauge.values());
        });
    }
}

#[test]
fn what_a_courier_has_is_dead_letters_whatever_ends() {
    paused(async |_| {
        // Of the topic, of the courier alone, or of the subscriber.
        type End = fn(&NodeRef, &NodeRef);
        let ends: [End; 5] = [
            |topic, _| topic.request_drain(),
            |topic, _| topic.request_stop(),
            |topic, _| topic.request_kill(),
            |topic, _| topic.children()[0].request_kill(),
            |_, subscriber| subscriber.request_kill(),
        ];
        for (number, end) in ends.into_iter().enumerate() {
            let gauge = Gauge::held();
            tenure::scope(async |scope| {
                let topic = topic(&scope).await;
                let subscriber = small(&scope, &gauge);
                subscribe(&topic, &subscriber, Slow::DropOldest(4)).await?;
                for value in 0..6 {
                    publish(&topic, value..value + 1).await?;
                    sleep(ms(1)).await;
                }
                // One is held and one is queued; the courier has one in hand, and three are kept behind that.
                assert_eq!(scope.dead_letters(), 0);
                end(&topic.node(), &subscriber.node());
                sleep(ms(1)).await;
                // The subscriber had one itself.
                let of_subscriber = u64::from(number == 4);
                assert_eq!(scope.dead_letters(), 4 + of_subscriber, "{number}");
                gauge.let_go(2);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn stop_and_kill_end_the_wait_for_a_subscriber_and_leave_dead_letters() {
    paused(async |_| {
        for end in [NodeRef::request_stop, NodeRef::request_kill] {
            let gauge = Gauge::held();
            tenure::scope(async |scope| {
                let topic = topic(&scope).await;
                subscribe(&topic, &small(&scope, &gauge), Slow::Wait).await?;
                publish(&topic, 0..6).await?;
                sleep(ms(1)).await;
                let start = Instant::now();
                end(&topic.node());
                topic.stopped().await?;
                assert_eq!(start.elapsed(), ms(0));
                // One is held and one is queued; for one the topic waits, and three are behind that.
                assert_eq!(scope.dead_letters(), 4);
                gauge.let_go(2);
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(gauge.values(), ["0", "1"]);
        }
    });
}

#[test]
fn second_subscription_of_an_actor_takes_the_place_of_the_first() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let topic = topic(&scope).await;
            let it = scope.spawn(gauge.clone())?;
            for slow in [Slow::DropOldest(3), Slow::Wait, Slow::DropOldest(3)] {
                subscribe(&topic, &it, slow).await?;
            }
            publish(&topic, 0..2).await?;
            topic.tell(TopicMsg::Unsubscribe(it.id())).await?;
            sleep(ms(1)).await;
            publish(&topic, 2..4).await?;
            topic.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert!(gauge.values().len() <= 2);
    });
}

struct Unclonable;

impl Clone for Unclonable {
    fn clone(&self) -> Self {
        panic!("it cannot be cloned")
    }
}

#[test]
fn value_whose_clone_panics_fails_the_topic() {
    paused(async |_| {
        let failed = tenure::scope(async |scope| {
            let topic = scope.spawn(TopicOptions::new().keep_last().spec())?;
            topic.tell(TopicMsg::Publish(Unclonable)).await?;
            std::future::pending::<tenure::Result>().await
        });
        let text = format!("{:?}", failed.await.unwrap_err());
        assert!(text.contains("it cannot be cloned"), "{text}");
    });
}
