//! Which of several values a debounce and a throttle pass on, and when.

use std::time::Duration;

use tenure::NodeRef;
use tenure::prelude::*;
use tenure_actors::debounce::Debounce;
use tenure_actors::throttle::Throttle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::common::paused;
use crate::gauge::{Gauge, ms};

/// Sends the number of each of these times at that time, in milliseconds. Then ends the actor.
async fn feed(
    to: &ActorRef<u32>,
    times: &[u64],
    end: impl AsyncFnOnce(&ActorRef<u32>) -> tenure::Result,
) -> tenure::Result {
    let start = Instant::now();
    for (number, time) in (0..).zip(times) {
        sleep_until(start + ms(*time)).await;
        to.tell(number).await?;
    }
    end(to).await
}

async fn drain(actor: &ActorRef<u32>) -> tenure::Result {
    actor.drain().await?;
    Ok(())
}

#[test]
fn debounce_tells_the_last_value_once_it_is_quiet() {
    paused(async |check| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let debounce = scope.spawn(Debounce::new(to.recipient(), ms(100)))?;
            check.node(debounce.node());
            feed(&debounce, &[0, 50, 120, 400, 1_000], drain).await
        })
        .await
        .unwrap();
        assert_eq!(gauge.timed(), ["2 at 220", "3 at 500", "4 at 1000"]);
    });
}

#[test]
fn debounce_holds_no_value_back_for_ever() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let debounce = Debounce::new(to.recipient(), ms(100)).at_most(ms(250));
            let debounce = scope.spawn(debounce)?;
            let times: Vec<_> = (0..10).map(|number| number * 60).collect();
            feed(&debounce, &times, drain).await
        })
        .await
        .unwrap();
        assert_eq!(gauge.timed(), ["4 at 250", "9 at 540"]);
    });
}

#[test]
fn throttle_tells_the_first_at_once_and_the_last_of_each_period() {
    paused(async |check| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let throttle = scope.spawn(Throttle::new(to.recipient(), ms(100)))?;
            check.node(throttle.node());
            feed(&throttle, &[0, 30, 60, 130, 500, 520], drain).await
        })
        .await
        .unwrap();
        let expected = ["0 at 0", "2 at 100", "3 at 200", "4 at 500", "5 at 520"];
        assert_eq!(gauge.timed(), expected);
    });
}

#[test]
fn stop_and_kill_drop_the_value_that_is_held_back_as_a_dead_letter() {
    paused(async |_| {
        for end in [NodeRef::request_stop, NodeRef::request_kill] {
            let gauge = Gauge::open();
            tenure::scope(async |scope| {
                let to = scope.spawn(gauge.clone())?;
                let debounce = scope.spawn(Debounce::new(to.recipient(), ms(100)))?;
                let throttle = scope.spawn(Throttle::new(to.recipient(), ms(100)))?;
                for actor in [debounce, throttle] {
                    let end = async |actor: &ActorRef<u32>| {
                        sleep(ms(1)).await;
                        assert_eq!(actor.node().backlog(), 0, "it holds the last back");
                        end(&actor.node());
                        actor.stopped().await?;
                        Ok(())
                    };
                    feed(&actor, &[0, 10], end).await?;
                }
                // Each of the two actors had one value that it held back.
                assert_eq!(scope.dead_letters(), 2);
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(gauge.values(), ["0"], "of the throttle");
        }
    });
}

#[test]
fn stop_and_kill_wait_for_no_recipient_without_room() {
    paused(async |_| {
        let ends = [NodeRef::request_stop, NodeRef::request_kill];
        for (throttles, end) in [false, true]
            .into_iter()
            .flat_map(|it| ends.map(|end| (it, end)))
        {
            let gauge = Gauge::held();
            tenure::scope(async |scope| {
                let to = scope.spawn(ChildSpec::new(gauge.clone()).mailbox(Mailbox::bounded(1)))?;
                let actor = match throttles {
                    false => scope.spawn(Debounce::new(to.recipient(), ms(10)))?,
                    true => scope.spawn(Throttle::new(to.recipient(), ms(10)))?,
                };
                let end = async |actor: &ActorRef<u32>| {
                    let start = Instant::now();
                    end(&actor.node());
                    actor.stopped().await?;
                    assert_eq!(start.elapsed(), ms(0));
                    Ok(())
                };
                // One value is held by the gauge, one waits in its mailbox, one waits for room there, and one is
                // queued.
                feed(&actor, &[0, 100, 200, 300], end).await?;
                assert_eq!(scope.dead_letters(), 2);
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
fn times_of_no_length_and_times_without_end() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            for time in [Duration::ZERO, Duration::MAX] {
                let debounce = scope.spawn(Debounce::new(to.recipient(), time).at_most(time))?;
                feed(&debounce, &[10, 20], drain).await?;
                let throttle = scope.spawn(Throttle::new(to.recipient(), time))?;
                feed(&throttle, &[10, 20], drain).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values(), ["0", "1", "0", "1", "1", "0", "1"]);
    });
}

#[test]
fn recipient_that_is_gone_fails_them_and_the_value_is_a_dead_letter() {
    paused(async |_| {
        for throttles in [false, true] {
            tenure::scope(async |scope| {
                let to = scope.spawn(Gauge::open())?;
                let actor = match throttles {
                    false => {
                        let debounce = Debounce::new(to.recipient(), ms(1));
                        scope.spawn(ChildSpec::new(debounce).contain())?
                    }
                    true => {
                        let throttle = Throttle::new(to.recipient(), ms(1));
                        scope.spawn(ChildSpec::new(throttle).contain())?
                    }
                };
                to.stop().await?;
                actor.tell(1).await?;
                let failure = actor.stopped().await.unwrap_err();
                let text = format!("{failure:?}");
                assert!(text.contains("the target takes no more messages"), "{text}");
                assert_eq!(scope.dead_letters(), 1);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}
