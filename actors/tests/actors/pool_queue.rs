//! The queue in front of a pool: what it holds, what goes first, and what happens when it is full.

use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::pool::{Pool, PoolOptions, Priority};
use tokio::time::{Instant, sleep};

use crate::common::{Check, Log, paused};
use crate::recorder::{Recorder, SECOND, Work, begun, keyed, work};

const LOW: u32 = 0;
const NORMAL: u32 = 1;
const HIGH: u32 = 2;

/// A pool in which the key of a message is its priority.
fn by_priority(log: &Log) -> PoolOptions<Recorder> {
    PoolOptions::fixed(1, Recorder::maker(log)).priority(|it: &Work| match it.key {
        LOW => Priority::Low,
        NORMAL => Priority::Normal,
        HIGH => Priority::High,
        _ => panic!("a priority that panics"),
    })
}

fn ids(log: &Log) -> Vec<u32> {
    let entries = begun(log);
    let id = |entry: &String| entry.split_once(':').unwrap().1.parse().unwrap();
    entries.iter().map(id).collect()
}

#[test]
fn high_goes_before_normal_and_normal_before_low() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = scope.spawn(by_priority(&log).spec().grace(60 * SECOND))?;
            for (id, priority) in [(0, NORMAL), (1, LOW), (2, NORMAL), (3, HIGH), (4, NORMAL)] {
                pool.tell(keyed(id, priority, 1)).await?;
            }
            // By then other messages have been handed out.
            sleep(SECOND * 3 / 2).await;
            pool.tell(keyed(5, HIGH, 1)).await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(ids(&log), [0, 3, 5, 2, 4, 1]);
    });
}

#[test]
fn none_is_passed_over_for_ever() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = by_priority(&log).fairness(3).spec();
            let pool = scope.spawn(pool.grace(600 * SECOND))?;
            pool.tell(keyed(99, HIGH, 1)).await?;
            for id in [1, 2] {
                pool.tell(keyed(id, LOW, 1)).await?;
                pool.tell(keyed(10 + id, NORMAL, 1)).await?;
            }
            for id in 0..12 {
                pool.tell(keyed(100 + id, HIGH, 1)).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let ids = ids(&log);
        assert_eq!(ids[0], 99);
        assert_eq!(
            ids[1..5],
            [100, 101, 102, 11],
            "after three of a higher priority"
        );
        let place = |id| ids.iter().position(|it| *it == id).unwrap();
        assert!(place(12) < 10 && place(1) < 10 && place(2) < 14, "{ids:?}");
        assert_eq!(ids.len(), 17);
    });
}

#[test]
fn capacity_counts_what_the_pool_has_put_in_order() {
    for looks_ahead in [false, true] {
        paused(async |_| {
            let log = Log::default();
            tenure::scope(async |scope| {
                let pool = match looks_ahead {
                    true => by_priority(&log),
                    false => PoolOptions::fixed(1, Recorder::maker(&log)),
                };
                let pool = pool.queue(Mailbox::bounded(3)).spec().grace(60 * SECOND);
                let pool = scope.start(pool).await?;
                for id in 0..4 {
                    pool.tell(keyed(id, NORMAL, 5)).await?;
                    sleep(SECOND / 10).await;
                }
                let start = Instant::now();
                let refused = pool.try_tell(keyed(4, NORMAL, 0));
                assert!(refused.is_err_and(|refused| refused.is_full()));
                // One message is being handled, and three wait.
                pool.tell(keyed(4, NORMAL, 0)).await?;
                assert_eq!(start.elapsed(), SECOND * 46 / 10);
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(ids(&log), [0, 1, 2, 3, 4]);
        });
    }
}

/// Sends messages one after the other to a pool whose worker is busy. Returns what is handled, and the number of dead
/// letters.
async fn overflow(pool: PoolOptions<Recorder>, log: &Log, sent: &[(u32, u32)]) -> (Vec<u32>, u64) {
    let dead = tenure::scope(async |scope| {
        let pool = scope.start(pool.spec().grace(60 * SECOND)).await?;
        pool.tell(keyed(0, NORMAL, 5)).await?;
        sleep(SECOND).await;
        let start = Instant::now();
        for (id, priority) in sent {
            pool.tell(keyed(*id, *priority, 1)).await?;
            sleep(SECOND / 100).await;
        }
        assert!(start.elapsed() < SECOND, "nobody waits for room");
        pool.drain().await?;
        Ok(scope.dead_letters())
    });
    let dead = dead.await.unwrap();
    (ids(log), dead)
}

#[test]
fn full_queue_drops_what_its_policy_says() {
    paused(async |_| {
        let sent: Vec<_> = (1..=5).map(|id| (id, NORMAL)).collect();
        for is_by_priority in [false, true] {
            let pool = |log: &Log| match is_by_priority {
                true => by_priority(log),
                false => PoolOptions::fixed(1, Recorder::maker(log)),
            };
            let log = Log::default();
            let newest = pool(&log).queue(Mailbox::bounded(3).drop_newest());
            let handled = overflow(newest, &log, &sent).await;
            assert_eq!(handled, (vec![0, 1, 2, 3], 2));
            let log = Log::default();
            let oldest = pool(&log).queue(Mailbox::bounded(3).drop_oldest());
            let (handled, dead) = overflow(oldest, &log, &sent).await;
            assert_eq!(handled.len() as u64 + dead, 6, "{handled:?}");
            assert_eq!(handled[handled.len() - 3..], [3, 4, 5]);
        }
    });
}

#[test]
fn oldest_of_the_lowest_priority_is_dropped() {
    paused(async |_| {
        let log = Log::default();
        let pool = by_priority(&log).queue(Mailbox::bounded(3).drop_oldest());
        let sent = [
            (1, HIGH),
            (2, LOW),
            (3, NORMAL),
            (4, NORMAL),
            (5, HIGH),
            (6, HIGH),
        ];
        let handled = overflow(pool, &log, &sent).await;
        assert_eq!(handled, (vec![0, 1, 5, 6], 3));
    });
}

#[test]
fn message_whose_priority_panics_is_a_dead_letter_and_the_pool_goes_on() {
    paused(async |_| {
        let log = Log::default();
        let pool = by_priority(&log);
        let handled = overflow(pool, &log, &[(1, 7), (2, LOW), (3, 8)]).await;
        assert_eq!(handled, (vec![0, 2], 2));
    });
}

#[test]
fn what_waits_is_not_lost_with_a_worker() {
    paused(async |check: Check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(2, Recorder::maker(&log)).by_key(|it: &Work| it.key);
            let pool = scope.spawn(pool.spec().name("pool").grace(600 * SECOND))?;
            check.node(pool.node());
            for id in 0..10 {
                pool.tell(keyed(id, id, 1)).await?;
            }
            for _ in 0..4 {
                sleep(SECOND / 2).await;
                for index in 0..2 {
                    if let Some(worker) = scope.find(&format!("/pool/worker-{index}")) {
                        worker.request_kill();
                    }
                }
            }
            Ok(())
        })
        .await
        .unwrap();
        let mut begun = ids(&log);
        begun.sort_unstable();
        assert_eq!(begun, (0..10).collect::<Vec<_>>(), "each was begun once");
    });
}

#[test]
fn stop_discards_what_waits_and_says_that_it_was_not_started() {
    struct Held;

    impl Actor for Held {
        type Msg = ReplyTo<()>;

        async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
            tokio::select! {
                () = reply.gone() => {}
                () = ctx.cancelled() => {}
            }
            Ok(())
        }
    }

    paused(async |_| {
        for is_by_key in [false, true] {
            tenure::scope(async |scope| {
                let pool = PoolOptions::fixed(1, |_| Held);
                let pool = if is_by_key { pool.by_key(|_| 1) } else { pool };
                let pool = scope.start(pool.spec()).await?;
                let asks = [0; 4].map(|_| {
                    let ask = pool.ask(|reply| reply).owned();
                    scope.task(async { tenure::Ok(ask.await) }).unwrap()
                });
                sleep(SECOND).await;
                let start = Instant::now();
                pool.stop().await?;
                assert_eq!(start.elapsed(), Duration::ZERO);
                let mut replies = Vec::new();
                for ask in asks {
                    replies.push(ask.await?.unwrap_err());
                }
                replies.sort_by_key(|error| !error.never_started());
                assert_eq!(replies[..3], [const { AskError::Stopped }; 3]);
                assert_eq!(replies[3], AskError::NoReply);
                assert_eq!(scope.dead_letters(), 3);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn pool_whose_queue_has_no_room_at_all_is_refused() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(1, Recorder::maker(&Log::default()));
            let refused = scope.spawn(pool.queue(Mailbox::bounded(0)).spec());
            assert!(matches!(refused, Err(SpawnError::NoCapacity(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn only_worker_that_asks_its_own_pool_fails_it_and_the_cycle_is_named() {
    struct Asks;

    impl Actor for Asks {
        type Msg = ReplyTo<()>;

        async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
            let pool = ctx.lookup::<ReplyTo<()>>("/pool")?;
            reply.send(pool.ask(|reply| reply).await?);
            Ok(())
        }
    }

    paused(async |_| {
        let outcome = tenure::scope(async |scope| {
            let pool = scope.start(Pool::of(1, |_| Asks).name("pool")).await?;
            // The limit is outside of the ask: one of the ask's own would be inherited, and a wait with a limit is not
            // a part of a cycle.
            let asked = tokio::time::timeout(9 * SECOND, pool.ask(|reply| reply));
            assert!(asked.await.is_ok_and(|asked| asked.is_err()));
            pool.stopped().await?;
            Ok(())
        })
        .await;
        let text = format!("{:?}", outcome.unwrap_err());
        assert!(text.contains("/pool -> /pool/worker-0 -> /pool"), "{text}");
    });
}

#[test]
fn time_in_which_a_pool_hands_out_is_its_own() {
    paused(async |_| {
        let log = Log::default();
        let outcome = tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(1, Recorder::maker(&log)).spec();
            let pool = scope.spawn(pool.grace(2 * SECOND))?;
            for id in 0..5 {
                pool.tell(work(id, 1)).await?;
            }
            Ok(())
        })
        .await;
        assert!(matches!(outcome, Err(RunError::CutShort(_))), "{outcome:?}");
        assert!(ids(&log).len() < 5);
    });
}
