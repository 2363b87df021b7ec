//! Which worker of a pool is handed which message.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenure::prelude::*;
use tenure_actors::pool::{Dispatch, PoolOptions};
use tokio::time::{Instant, sleep};

use crate::common::{Log, in_order, multi_thread, paused};
use crate::recorder::{Recorder, SECOND, Work, begun, keyed, work};

#[test]
fn nothing_is_queued_behind_what_takes_long() {
    paused(async |check| {
        let log = Log::default();
        let start = Instant::now();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(2, Recorder::maker(&log));
            let pool = scope.spawn(pool.spec().grace(60 * SECOND))?;
            check.node(pool.node());
            pool.tell(work(0, 4)).await?;
            for id in 1..=4 {
                pool.tell(work(id, 1)).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let mut begun = begun(&log);
        begun.sort();
        assert_eq!(begun, ["0:0", "1:1", "1:2", "1:3", "1:4"]);
        assert_eq!(start.elapsed(), 4 * SECOND);
    });
}

#[test]
fn those_who_are_free_take_turns() {
    in_order(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(3, Recorder::maker(&log)).dispatch(Dispatch::RoundRobin);
            let pool = scope.spawn(pool.spec())?;
            for id in 0..7 {
                pool.tell(work(id, 0)).await?;
                tokio::time::sleep(SECOND).await;
            }
            // The second worker is busy when its turn comes.
            pool.tell(work(7, 3)).await?;
            for id in 8..12 {
                pool.tell(work(id, 0)).await?;
                tokio::time::sleep(SECOND / 2).await;
            }
            Ok(())
        })
        .await
        .unwrap();
        let turns = ["0:0", "1:1", "2:2", "0:3", "1:4", "2:5", "0:6", "1:7"];
        assert_eq!(begun(&log)[..8], turns);
        assert_eq!(begun(&log)[8..], ["2:8", "0:9", "2:10", "0:11"]);
    });
}

#[test]
fn the_least_loaded_is_handed_the_next() {
    // Other orders of events may narrow the mailboxes, and with them the prefetch.
    in_order(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(2, Recorder::maker(&log))
                .dispatch(Dispatch::LeastLoaded)
                .prefetch(4);
            let pool = scope.spawn(pool.spec().grace(60 * SECOND))?;
            // The first worker has a long message, and is behind from then on.
            for (id, seconds) in [(0, 4), (1, 1), (2, 0), (3, 1)] {
                pool.tell(work(id, seconds)).await?;
            }
            tokio::time::sleep(3 * SECOND).await;
            for id in 4..6 {
                pool.tell(work(id, 1)).await?;
            }
            tokio::time::sleep(SECOND / 2).await;
            let loads = pool.node().children();
            let loads: Vec<_> = loads.iter().map(tenure::NodeRef::backlog).collect();
            assert_eq!(loads, [1, 1], "behind what each of them handles");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begun(&log)[..4], ["0:0", "1:1", "1:3", "1:4"]);
    });
}

/// Its second incarnation takes ten seconds to start. It fails on the message 9.
#[derive(Clone)]
struct Slow {
    recorder: Recorder,
    incarnations: Arc<AtomicU32>,
}

impl Slow {
    fn maker(log: &Log) -> impl FnMut(usize) -> ChildSpec<Self> + Send + 'static + use<> {
        let mut make = Recorder::maker(log);
        let mut workers: Vec<Self> = Vec::new();
        move |index| {
            if workers.len() == index {
                let (recorder, incarnations) = (make(index), Arc::default());
                workers.push(Self {
                    recorder,
                    incarnations,
                });
            }
            ChildSpec::new(workers[index].clone()).restart(Restart::OnFailure)
        }
    }
}

impl Actor for Slow {
    type Msg = Work;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.incarnations.fetch_add(1, Ordering::SeqCst) == 1 {
            sleep(10 * SECOND).await;
        }
        Ok(())
    }

    async fn handle(&mut self, work: Work, _: &mut Context<Self>) -> tenure::Result {
        let Recorder { index, log } = &self.recorder;
        if work.id == 9 {
            return Err("it fails".into());
        }
        log.push(format!("{index}:{}", work.id));
        sleep(work.seconds * SECOND).await;
        Ok(())
    }
}

#[test]
fn worker_that_starts_or_starts_again_is_handed_nothing_while_another_is_free() {
    use Dispatch::{FirstFree, LeastLoaded, RoundRobin};

    paused(async |_| {
        let dispatches = [FirstFree, RoundRobin, LeastLoaded];
        for (dispatch, fails) in dispatches
            .into_iter()
            .flat_map(|it| [(it, false), (it, true)])
        {
            let log = Log::default();
            let start = Instant::now();
            tenure::scope(async |scope| {
                let pool = PoolOptions::fixed(2, Slow::maker(&log)).dispatch(dispatch);
                let pool = scope.start(pool.spec().grace(60 * SECOND)).await?;
                match fails {
                    true => pool.tell(work(9, 0)).await?,
                    false => pool.node().children()[0].request_kill(),
                }
                sleep(SECOND).await;
                for id in 0..3 {
                    pool.tell(work(id, 1)).await?;
                    sleep(2 * SECOND).await;
                }
                // Nobody else is free for the second of these.
                pool.tell(work(3, 2)).await?;
                pool.tell(work(4, 1)).await?;
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(begun(&log), ["1:0", "1:1", "1:2", "1:3", "0:4"]);
            assert_eq!(start.elapsed().as_secs(), 11, "{dispatch:?}");
        }
    });
}

#[test]
fn messages_of_a_key_go_to_one_worker_in_order_and_hold_up_no_others() {
    paused(async |_| {
        let log = Log::default();
        let start = Instant::now();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(4, Recorder::maker(&log))
                .by_key(|it: &crate::recorder::Work| it.key);
            let pool = scope.spawn(pool.spec().grace(600 * SECOND))?;
            // All messages of one key come first, so anything behind them would have to wait.
            for id in 0..20 {
                pool.tell(keyed(id, 1, 1)).await?;
            }
            for id in 20..60 {
                pool.tell(keyed(id, id, 1)).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let entries = log.entries();
        let worker_of_one = entries[0].split(':').next().unwrap().to_owned();
        let of_one: Vec<u32> = begun(&log)
            .iter()
            .filter_map(|entry| entry.split_once(':'))
            .filter_map(|(_, id)| id.parse().ok())
            .filter(|id| *id < 20)
            .collect();
        assert_eq!(of_one, (0..20).collect::<Vec<_>>());
        let elsewhere = begun(&log).into_iter().position(|it| {
            !it.starts_with(&worker_of_one) && it.split(':').next_back().unwrap().len() == 2
        });
        assert!(
            elsewhere.is_some_and(|place| place < 8),
            "others are not held up"
        );
        assert!(start.elapsed() < 50 * SECOND, "{:?}", start.elapsed());
    });
}

/// Each key is with one worker at a time and is handled in order, while the pool grows and shrinks.
fn assert_in_order(log: &Log, keys: u32) {
    let (mut last, mut open) = (HashMap::new(), HashSet::new());
    for entry in log.entries() {
        let (_, id) = entry.split_once(':').unwrap();
        match id.strip_suffix('.') {
            Some(id) => assert!(open.remove(&(id.parse::<u32>().unwrap() % keys))),
            None => {
                let id = id.parse::<u32>().unwrap();
                assert!(
                    open.insert(id % keys),
                    "{id} while another of its key is in hand"
                );
                let before = last.insert(id % keys, id);
                assert!(
                    before.is_none_or(|before| before < id),
                    "{before:?}, then {id}"
                );
            }
        }
    }
    assert_eq!(last.len(), keys as usize);
}

#[test]
fn order_of_a_key_holds_while_the_pool_grows_and_shrinks() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(1..=5, Recorder::maker(&log))
                .idle(3 * SECOND)
                .by_key(|it: &crate::recorder::Work| it.key);
            let pool = scope.start(pool.spec().grace(600 * SECOND)).await?;
            let mut sizes = Vec::new();
            for round in 0..4 {
                for id in 0..40 {
                    let id = round * 40 + id;
                    pool.tell(keyed(id, id % 7, 1 + id % 2)).await?;
                }
                tokio::time::sleep(5 * SECOND).await;
                sizes.push(pool.node().children().len());
                tokio::time::sleep(90 * SECOND).await;
                sizes.push(pool.node().children().len());
            }
            assert!(sizes.iter().any(|size| *size >= 3), "{sizes:?}");
            assert!(
                sizes.iter().skip(1).step_by(2).all(|size| *size == 1),
                "{sizes:?}"
            );
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begun(&log).len(), 160);
        assert_in_order(&log, 7);
    });
}

#[test]
fn order_of_a_key_holds_on_several_threads() {
    multi_thread(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(1..=4, Recorder::maker(&log))
                .idle(std::time::Duration::from_millis(2))
                .by_key(|it: &crate::recorder::Work| it.key);
            // In real time, on a machine that may be busy. How long the drain takes does not matter here.
            let pool = pool.spec().grace(std::time::Duration::from_secs(300));
            let pool = scope.start(pool).await?;
            for id in 0..2_000 {
                pool.tell(keyed(id, id % 13, 0)).await?;
                if id % 200 == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begun(&log).len(), 2_000);
        assert_in_order(&log, 13);
    });
}

#[test]
fn message_whose_key_panics_is_a_dead_letter_and_the_pool_goes_on() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::fixed(2, Recorder::maker(&log))
                .by_key(|it: &crate::recorder::Work| 100 / (it.key - 1));
            let pool = scope.spawn(pool.spec())?;
            for id in 0..4 {
                pool.tell(keyed(id, id, 0)).await?;
            }
            pool.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        let mut ids: Vec<_> = begun(&log);
        ids.sort_by_key(|entry| entry.split_once(':').unwrap().1.to_owned());
        assert_eq!(ids.len(), 2);
        assert!(ids[0].ends_with(":2") && ids[1].ends_with(":3"), "{ids:?}");
    });
}
