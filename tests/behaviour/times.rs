//! How long messages wait and are handled, if timings are on.

use std::time::Duration;

use crate::common::node::{Msg, Node, hold, note, run};
use crate::common::{Check, Log, paused, settled};
use tenure::observe::{Histogram, TypeTimes};
use tenure::prelude::*;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn timed() -> System {
    System::builder().timings().start().unwrap()
}

fn node(system: &System, check: &Check, mailbox: Mailbox) -> ActorRef<Msg> {
    let spec = ChildSpec::new(Node::new(check, &Log::default()));
    system.spawn(spec.mailbox(mailbox)).unwrap()
}

/// The times of the only type of actor.
fn times(system: &System) -> TypeTimes {
    let [times] = <[TypeTimes; 1]>::try_from(system.snapshot().times).unwrap();
    assert!(times.type_name.ends_with("node::Node"));
    times
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().round()
}

fn sums(system: &System) -> (f64, f64) {
    let times = times(system);
    (seconds(times.in_mailbox.sum), seconds(times.in_handler.sum))
}

fn counts(system: &System) -> (u64, u64) {
    let times = times(system);
    (times.in_mailbox.count(), times.in_handler.count())
}

/// For how many seconds the oldest message has waited.
fn oldest(actor: &ActorRef<Msg>) -> Option<f64> {
    let snapshot = actor.node().snapshot();
    snapshot.nodes[0].mailbox.unwrap().oldest_for.map(seconds)
}

/// How many values are above the first bound and not above the second.
fn between(histogram: &Histogram, more_than: Duration, at_most: Duration) -> u64 {
    let buckets = Histogram::BOUNDS.iter().zip(&histogram.buckets);
    let within = buckets.filter(|(bound, _)| more_than < **bound && **bound <= at_most);
    within.map(|(_, count)| count).sum()
}

#[test]
fn time_in_the_mailbox_and_in_the_handler_is_counted_by_type() {
    paused(async |check| {
        let system = timed();
        let one = node(&system, &check, Mailbox::default());
        let other = node(&system, &check, Mailbox::default());
        let gate = hold(&one).await;
        one.tell(note("for 3 s")).await.unwrap();
        sleep(2 * SECOND).await;
        other.tell(Msg::Sleep(40 * SECOND)).await.unwrap();
        one.ask(Msg::Ping)
            .timeout(Duration::ZERO)
            .await
            .unwrap_err();
        one.try_tell(note("for 1 s")).unwrap();
        sleep(SECOND).await;
        gate.open();
        settled().await;
        assert_eq!(sums(&system), (4.0, 3.0));
        // The message that was given up is skipped, and the other actor is still in its handler.
        assert_eq!(counts(&system), (4, 3));
        let times = times(&system);
        let in_mailbox = between(&times.in_mailbox, SECOND, 5 * SECOND);
        let in_handler = between(&times.in_handler, SECOND, 5 * SECOND);
        assert_eq!((in_mailbox, in_handler), (1, 1));
        sleep(39 * SECOND).await;
        settled().await;
        assert_eq!(sums(&system), (4.0, 43.0));
        assert_eq!(system.snapshot().times[0].in_handler.buckets[18], 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn without_timings_no_time_is_counted() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = node(&system, &check, Mailbox::default());
        let gate = hold(&actor).await;
        actor.tell(note("queued")).await.unwrap();
        assert_eq!(oldest(&actor), None);
        assert!(system.snapshot().times.is_empty());
        gate.open();
        system.stop().await.unwrap();
    });
}

#[test]
fn the_oldest_message_is_told_wherever_it_waits() {
    paused(async |check| {
        let system = timed();
        let actor = node(&system, &check, Mailbox::default());
        let gate = hold(&actor).await;
        assert_eq!(oldest(&actor), None);
        for _ in 0..3 {
            actor.tell(Msg::Sleep(10 * SECOND)).await.unwrap();
            sleep(SECOND).await;
        }
        assert_eq!(oldest(&actor), Some(3.0), "in the queue");
        gate.open();
        settled().await;
        assert_eq!(oldest(&actor), Some(2.0), "in the batch that was taken");
        actor.tell(Msg::Sleep(10 * SECOND)).await.unwrap();
        sleep(10 * SECOND).await;
        settled().await;
        assert_eq!(oldest(&actor), Some(11.0), "the last of the batch");
        sleep(10 * SECOND).await;
        settled().await;
        assert_eq!(oldest(&actor), Some(20.0), "in the queue again");
        let text = actor.node().snapshot().to_string();
        assert!(text.contains(", 1 queued, the oldest for 20"), "{text}");
        sleep(10 * SECOND).await;
        settled().await;
        assert_eq!(oldest(&actor), None);
        system.stop().await.unwrap_err();
        assert_eq!(counts(&system), (5, 5), "with the one that was cut short");
    });
}

#[test]
fn a_message_that_was_dropped_for_another_is_not_the_oldest() {
    paused(async |check| {
        let system = timed();
        let latest = node(&system, &check, Mailbox::bounded(1).drop_oldest());
        let first = node(&system, &check, Mailbox::bounded(1).drop_newest());
        let gates = [hold(&latest).await, hold(&first).await];
        for actor in [&latest, &first] {
            actor.tell(note("first")).await.unwrap();
        }
        sleep(SECOND).await;
        for actor in [&latest, &first] {
            actor.tell(note("second")).await.unwrap();
        }
        sleep(SECOND).await;
        assert_eq!((oldest(&latest), oldest(&first)), (Some(1.0), Some(2.0)));
        gates.iter().for_each(|gate| gate.open());
        settled().await;
        assert_eq!((oldest(&latest), oldest(&first)), (None, None));
        assert_eq!((sums(&system).0, counts(&system).0), (3.0, 4));
        system.stop().await.unwrap();
    });
}

#[test]
fn those_behind_asks_that_were_given_up_have_their_own_times() {
    paused(async |check| {
        let system = timed();
        let actor = node(&system, &check, Mailbox::default());
        let gate = hold(&actor).await;
        // A message that the mailbox is told has been given up, and one whose caller it asks.
        let given_up = actor.clone();
        let ask = async move { given_up.ask(Msg::Ping).await };
        let ask = system.task(ask).unwrap();
        let waits = actor.clone();
        let limited = async move { drop(waits.ask(Msg::Ping).timeout(SECOND).await) };
        let limited = system.task(limited).unwrap();
        settled().await;
        ask.cancel();
        sleep(4 * SECOND).await;
        actor.tell(note("for 3 s")).await.unwrap();
        sleep(3 * SECOND).await;
        gate.open();
        settled().await;
        assert_eq!((sums(&system).0, counts(&system)), (3.0, (2, 2)));
        drop((ask.await, limited.await));
        system.stop().await.unwrap();
    });
}

#[test]
fn what_no_mailbox_had_waits_in_none_and_a_batch_has_one_handler() {
    paused(async |check| {
        let system = timed();
        let actor = node(&system, &check, Mailbox::default());
        let alarm = |ctx: &mut Context<Node>| drop(ctx.send_after(SECOND, note("due")));
        actor.tell(run(alarm)).await.unwrap();
        sleep(2 * SECOND).await;
        settled().await;
        assert_eq!(counts(&system), (1, 2));
        let gate = hold(&actor).await;
        let takes_another = |ctx: &mut Context<Node>| assert!(ctx.try_next().is_some());
        actor.tell(run(takes_another)).await.unwrap();
        actor.tell(note("taken")).await.unwrap();
        gate.open();
        settled().await;
        assert_eq!(counts(&system), (4, 4));
        system.stop().await.unwrap();
    });
}

#[test]
fn a_handler_that_fails_or_is_cut_short_is_counted_as_it_ends() {
    paused(async |check| {
        let system = timed();
        for last in [Msg::Fail, Msg::Panic, Msg::Sleep(1_000 * SECOND)] {
            let contained = ChildSpec::new(Node::new(&check, &Log::default())).contain();
            let actor = system.spawn(contained.grace(SECOND)).unwrap();
            actor.tell(last).await.unwrap();
            settled().await;
            drop(actor.stop().await);
        }
        assert_eq!((counts(&system), sums(&system).1), ((3, 3), 1.0));
        system.stop().await.unwrap();
    });
}
