//! Batches are ended by number, by size and by time. A drain loses nothing.

use tenure::NodeRef;
use tenure::prelude::*;
use tenure_actors::batcher::BatcherOptions;
use tokio::time::{Instant, sleep};

use crate::common::paused;
use crate::gauge::{Gauge, ms};

async fn tell(batcher: &ActorRef<u32>, numbers: std::ops::Range<u32>) -> tenure::Result {
    for number in numbers {
        batcher.tell(number).await?;
    }
    Ok(())
}

#[test]
fn batch_goes_when_it_is_full_and_when_its_first_item_has_waited() {
    paused(async |check| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let batcher = BatcherOptions::with_sink(gauge.clone())
                .count(3)
                .time(ms(100));
            let batcher = scope.start(batcher.spec()).await?;
            check.node(batcher.node());
            tell(&batcher, 0..4).await?;
            sleep(ms(60)).await;
            tell(&batcher, 4..5).await?;
            sleep(ms(1_000)).await;
            tell(&batcher, 5..6).await?;
            Ok(())
        })
        .await
        .unwrap();
        let expected = ["[0, 1, 2] at 0", "[3, 4] at 100", "[5] at 1060"];
        assert_eq!(gauge.timed(), expected, "a drain waits for no more");
    });
}

#[test]
fn batch_goes_before_it_is_too_large() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let batcher = BatcherOptions::with_sink(gauge.clone())
                .count(100)
                .bytes(10, |item: &u32| *item as usize);
            let batcher = scope.spawn(batcher.spec())?;
            for item in [4, 5, 2, 8, 1, 30, 30, 1, 9] {
                batcher.tell(item).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(
            gauge.values(),
            ["[4, 5]", "[2, 8]", "[1]", "[30]", "[30]", "[1, 9]"]
        );
    });
}

#[test]
fn extreme_counts_sizes_and_times() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let sink = scope.spawn(gauge.clone())?;
            let to_sink = || BatcherOptions::to(sink.recipient());
            for options in [
                to_sink().count(0).time(std::time::Duration::MAX),
                to_sink().count(usize::MAX).time(std::time::Duration::ZERO),
                to_sink().bytes(0, |_| 1).time(std::time::Duration::MAX),
                to_sink()
                    .bytes(usize::MAX, |_| usize::MAX)
                    .time(std::time::Duration::MAX),
            ] {
                let batcher = scope.spawn(options.spec())?;
                tell(&batcher, 0..2).await?;
                batcher.drain().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let mut values = gauge.values();
        // Items that are there at once are one batch, if the batcher has begun with it by then.
        values.retain(|value| value.len() == 3);
        assert!(values.len() >= 6, "{values:?}");
    });
}

#[test]
fn batcher_waits_for_its_sink() {
    paused(async |_| {
        let gauge = Gauge::held();
        tenure::scope(async |scope| {
            let sink = ChildSpec::new(gauge.clone()).mailbox(Mailbox::bounded(1));
            let batcher = BatcherOptions::with_sink(sink).count(1).spec();
            let batcher = scope.start(batcher.mailbox(Mailbox::bounded(2))).await?;
            for number in 0..5 {
                batcher.tell(number).await?;
                sleep(ms(1)).await;
            }
            // One item is held by the gauge, one waits in its mailbox, one waits for room there, and two are queued.
            assert!(batcher.try_tell(5).is_err_and(|refused| refused.is_full()));
            gauge.let_go(100);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values(), ["[0]", "[1]", "[2]", "[3]", "[4]"]);
    });
}

#[test]
fn stop_and_kill_leave_what_is_gathered_as_dead_letters() {
    paused(async |_| {
        for end in [NodeRef::request_stop, NodeRef::request_kill] {
            let gauge = Gauge::open();
            tenure::scope(async |scope| {
                let batcher = BatcherOptions::with_sink(gauge.clone()).time(ms(60_000));
                let batcher = scope.start(batcher.spec()).await?;
                tell(&batcher, 0..3).await?;
                sleep(ms(1)).await;
                assert_eq!(batcher.node().backlog(), 0, "all are gathered");
                let start = Instant::now();
                end(&batcher.node());
                batcher.stopped().await?;
                assert_eq!(start.elapsed(), ms(0));
                assert_eq!(scope.dead_letters(), 3);
                Ok(())
            })
            .await
            .unwrap();
            assert!(gauge.values().is_empty());
        }
    });
}

#[test]
fn stop_and_kill_wait_for_no_sink_without_room() {
    paused(async |_| {
        for end in [NodeRef::request_stop, NodeRef::request_kill] {
            let gauge = Gauge::held();
            tenure::scope(async |scope| {
                let sink = ChildSpec::new(gauge.clone()).mailbox(Mailbox::bounded(1));
                let sink = scope.spawn(sink)?;
                let batcher = BatcherOptions::to(sink.recipient()).count(2).spec();
                let batcher = scope.start(batcher).await?;
                // One batch is held, one waits, one waits for room, and one item is queued.
                tell(&batcher, 0..7).await?;
                sleep(ms(1)).await;
                let start = Instant::now();
                end(&batcher.node());
                batcher.stopped().await?;
                assert_eq!(start.elapsed(), ms(0));
                assert_eq!(scope.dead_letters(), 3);
                gauge.let_go(2);
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(gauge.values(), ["[0, 1]", "[2, 3]"]);
        }
    });
}

#[test]
fn batcher_whose_sink_is_gone_fails_and_its_items_are_dead_letters() {
    paused(async |_| {
        let outcome = tenure::scope(async |scope| {
            let sink = scope.spawn(Gauge::open())?;
            let batcher = BatcherOptions::to(sink.recipient())
                .count(2)
                .bytes(9, |_| 6);
            let batcher = scope.spawn(batcher.spec())?;
            sink.stop().await?;
            tell(&batcher, 0..2).await?;
            sleep(ms(1_000)).await;
            assert_eq!(scope.dead_letters(), 2);
            Ok(())
        })
        .await;
        let text = format!("{:?}", outcome.unwrap_err());
        assert!(
            text.contains("the sink takes no more batches, and 1 items are lost"),
            "{text}"
        );
    });
}
