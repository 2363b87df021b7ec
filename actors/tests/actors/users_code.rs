//! Users' code that panics in a ready-made actor either costs the current message, and whoever waits for that is
//! answered; or it fails the actor, which says so.

mod callers;
mod values;

use std::sync::atomic::{AtomicU32, Ordering};

use tenure::prelude::*;
use tenure_actors::batcher::BatcherOptions;
use tenure_actors::debounce::Debounce;
use tenure_actors::groups::{Groups, GroupsError, GroupsMsg};
use tenure_actors::pool::PoolOptions;
use tenure_actors::pubsub::{Slow, Subscription, TopicMsg, TopicOptions};
use tenure_actors::scheduler::{Job, Schedule, SchedulerMsg, SchedulerOptions};
use tenure_actors::throttle::Throttle;
use tokio::time::sleep;

use crate::common::{Log, paused};
use crate::gauge::ms;

/// The number whose conversion, clone, size or other code panics.
const BAD: u32 = 2;

fn sound(number: u32) -> u32 {
    assert!(number != BAD, "a bad number");
    number
}

/// A number whose reply is awaited.
struct Asked(u32, ReplyTo<u32>);

/// Replies with each number of a batch, or of a single message.
struct Echo;

impl Actor for Echo {
    type Msg = Vec<Asked>;

    async fn handle(&mut self, batch: Vec<Asked>, _: &mut Context<Self>) -> tenure::Result {
        for Asked(number, reply) in batch {
            reply.send(number);
        }
        Ok(())
    }
}

#[derive(Clone)]
struct EchoOne;

impl Actor for EchoOne {
    type Msg = Asked;

    async fn handle(&mut self, asked: Asked, _: &mut Context<Self>) -> tenure::Result {
        asked.1.send(asked.0);
        Ok(())
    }
}

/// Asks for 1, the bad number and 3 at once. The bad one was never started, and the others are answered.
async fn assert_costs_itself(actor: &ActorRef<Asked>) {
    let ask = |number| actor.ask(move |reply| Asked(number, reply));
    let (one, bad, three) = tokio::join!(ask(1), ask(BAD), ask(3));
    assert_eq!((one, three), (Ok(1), Ok(3)));
    let bad = bad.unwrap_err();
    assert!(bad.never_started(), "{bad}");
}

#[test]
fn item_whose_size_panics_is_a_dead_letter_and_its_batch_goes_on() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let size = |asked: &Asked| sound(asked.0) as usize;
            let batcher = BatcherOptions::with_sink(Echo).count(2).bytes(100, size);
            let batcher = scope.start(batcher.spec()).await?;
            check.node(batcher.node());
            assert_costs_itself(&batcher).await;
            assert_eq!(scope.dead_letters(), 1);
            // The same for an item that would be the first of its batch.
            let first = batcher.ask(|reply| Asked(BAD, reply)).await;
            assert!(first.unwrap_err().never_started());
            assert_costs_itself(&batcher).await;
            assert_eq!(scope.dead_letters(), 3);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn whoever_asked_a_pool_for_what_has_no_key_or_priority_is_told_that_it_was_not_started() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let pool = || PoolOptions::fixed(2, |_| EchoOne);
            let by_key = pool().by_key(|asked: &Asked| sound(asked.0));
            let by_priority = pool().priority(|asked: &Asked| {
                sound(asked.0);
                Default::default()
            });
            for pool in [by_key, by_priority] {
                let pool = scope.start(pool.spec()).await?;
                check.node(pool.node());
                assert_costs_itself(&pool).await;
            }
            assert_eq!(scope.dead_letters(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Logs what it is told. Making its message from the bad number panics.
#[derive(Clone)]
struct Picky(Log);

struct Taken(String);

impl From<u32> for Taken {
    fn from(number: u32) -> Self {
        Self(sound(number).to_string())
    }
}

impl From<Vec<u32>> for Taken {
    fn from(numbers: Vec<u32>) -> Self {
        for number in &numbers {
            sound(*number);
        }
        Self(format!("{numbers:?}"))
    }
}

impl Actor for Picky {
    type Msg = Taken;

    async fn handle(&mut self, taken: Taken, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(taken.0);
        Ok(())
    }
}

#[test]
fn sink_that_cannot_make_its_message_fails_the_batcher_and_the_item_ahead_is_a_dead_letter() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let picky = scope.spawn(Picky(log.clone()))?;
            let size = |item: &u32| *item as usize;
            let batcher = BatcherOptions::to(picky.recipient()).bytes(3, size).spec();
            let batcher = scope.spawn(batcher.contain())?;
            // The batch of the bad number is full once 3 comes, so it is sent.
            for number in [BAD, 3] {
                batcher.tell(number).await?;
            }
            let failure = batcher.stopped().await.unwrap_err();
            assert!(format!("{failure:?}").contains("a bad number"));
            assert_eq!(scope.dead_letters(), 1);
            Ok(())
        })
        .await
        .unwrap();
        assert!(log.entries().is_empty());
    });
}

#[test]
fn recipient_that_cannot_make_its_message_fails_a_debounce_and_a_throttle() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let picky = scope.spawn(Picky(log.clone()))?;
            let debounce = ChildSpec::new(Debounce::new(picky.recipient(), ms(10)));
            let throttle = ChildSpec::new(Throttle::new(picky.recipient(), ms(10)));
            let debounce = scope.spawn(debounce.restart(Restart::OnFailure))?;
            let throttle = scope.spawn(throttle.restart(Restart::OnFailure))?;
            for actor in [debounce, throttle] {
                for number in [1, BAD, 3] {
                    actor.tell(number).await?;
                    sleep(ms(100)).await;
                }
                actor.drain().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["1", "3", "1", "3"], "they are restarted");
    });
}

#[test]
fn subscriber_that_cannot_make_its_message_costs_the_others_nothing() {
    paused(async |check| {
        for slow in [
            Slow::Wait,
            Slow::DropOldest(1),
            Slow::DropNewest,
            Slow::Disconnect,
        ] {
            let (log, other) = (Log::default(), Log::default());
            tenure::scope(async |scope| {
                let topic = scope.start(TopicOptions::<u32>::new().spec()).await?;
                check.node(topic.node());
                let picky = scope.spawn(Picky(log.clone()))?;
                let held =
                    scope.spawn(ChildSpec::new(Held::new(&other)).mailbox(Mailbox::bounded(1)))?;
                for subscription in [
                    Subscription::new(picky.recipient()).slow(slow),
                    Subscription::new(held.recipient()).slow(slow),
                ] {
                    topic.tell(TopicMsg::Subscribe(subscription)).await?;
                }
                for number in [1, BAD, 3] {
                    topic.tell(TopicMsg::Publish(number)).await?;
                    sleep(ms(1_000)).await;
                }
                let subscribers = topic.ask(TopicMsg::Subscribers).await?;
                let dropped: Vec<_> = subscribers.iter().map(|it| it.dropped).collect();
                assert_eq!(dropped, [1, 1], "{slow:?}");
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(log.entries(), ["1", "3"]);
            assert_eq!(other.entries(), ["1", "3"]);
        }
    });
}

/// A [`Picky`] that takes its time.
struct Held(Picky);

impl Held {
    fn new(log: &Log) -> Self {
        Self(Picky(log.clone()))
    }
}

impl Actor for Held {
    type Msg = Taken;

    async fn handle(&mut self, taken: Taken, ctx: &mut Context<Self>) -> tenure::Result {
        tokio::select! {
            () = sleep(ms(100)) => {}
            () = ctx.cancelled() => {}
        }
        self.0.0.push(taken.0);
        Ok(())
    }
}

#[test]
fn member_that_cannot_make_its_message_costs_the_others_nothing() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u32>::new())?;
            check.node(groups.node());
            for _ in 0..2 {
                let member = scope.spawn(Picky(log.clone()))?.recipient();
                let group = String::from("all");
                groups
                    .ask(|reply| GroupsMsg::Join {
                        group,
                        member,
                        reply,
                    })
                    .await??;
            }
            let all = |message| {
                let group = String::from("all");
                groups.ask(move |reply| GroupsMsg::TellAll {
                    group,
                    message,
                    reply,
                })
            };
            let one = |message| {
                let group = String::from("all");
                groups.ask(move |reply| GroupsMsg::TellOne {
                    group,
                    message,
                    reply,
                })
            };
            assert_eq!((all(1).await?, all(BAD).await?), (2, 0));
            assert_eq!(one(BAD).await?, Err(GroupsError::MemberPanicked));
            assert!(one(3).await?.is_ok());
            Ok(())
        })
        .await
        .unwrap();
        let mut told = log.entries();
        told.sort();
        assert_eq!(told, ["1", "1", "3"]);
    });
}

#[test]
fn message_that_a_job_cannot_make_fails_its_run_alone() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let picky = scope.spawn(Picky(log.clone()))?;
            let numbers = AtomicU32::new(0);
            let make = move || sound(numbers.fetch_add(1, Ordering::SeqCst) + 1);
            let by_its_maker =
                Job::tell("maker", Schedule::every(ms(1_000)), picky.recipient(), make);
            let by_its_taker = Job::tell(
                "taker",
                Schedule::every(ms(1_000)),
                picky.recipient(),
                || BAD,
            );
            let scheduler = SchedulerOptions::new().job(by_its_maker).job(by_its_taker);
            let scheduler = scope.start(scheduler.spec()).await?;
            sleep(ms(3_500)).await;
            let jobs = scheduler.ask(SchedulerMsg::List).await?;
            let failures: Vec<_> = jobs.iter().map(|job| (job.runs, job.failures)).collect();
            assert_eq!(failures, [(3, 1), (3, 3)]);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["1", "3"]);
    });
}
