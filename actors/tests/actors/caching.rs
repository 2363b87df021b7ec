//! A cache loads each key once, however many ask for it meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::cache::{CacheMsg, CacheOptions, LoadError};
use tokio::time::{Instant, sleep};

use crate::common::{Check, paused};
use crate::gauge::ms;

type Cache = ActorRef<CacheMsg<u32, u32>>;

/// Loads ten times the key, which takes a second. Counts the loads that have begun.
fn options(loads: &Arc<AtomicU32>, check: &Check) -> CacheOptions<u32, u32> {
    let (loads, check) = (Arc::clone(loads), check.clone());
    CacheOptions::new(move |key: u32| {
        assert!(key != 99, "no such key");
        loads.fetch_add(1, Ordering::SeqCst);
        let guard = check.guard();
        async move {
            sleep(ms(1_000)).await;
            drop(guard);
            match key {
                13 => Err("thirteen".into()),
                66 => panic!("sixty-six"),
                key => tenure::Ok(key * 10),
            }
        }
    })
}

async fn get(cache: &Cache, key: u32) -> tenure::Result<Result<u32, String>> {
    let value = cache.ask(|reply| CacheMsg::Get(key, reply)).await?;
    Ok(value.map_err(|error: LoadError| error.to_string()))
}

#[test]
fn those_who_ask_at_the_same_time_share_one_load() {
    paused(async |check| {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = scope.spawn(options(&loads, &check).spec())?;
            check.node(cache.node());
            let start = Instant::now();
            let (a, b, c) = tokio::join!(get(&cache, 1), get(&cache, 1), get(&cache, 2));
            assert_eq!((a?, b?, c?), (Ok(10), Ok(10), Ok(20)));
            assert_eq!(start.elapsed(), ms(1_000));
            assert_eq!(get(&cache, 1).await?, Ok(10));
            assert_eq!(cache.ask(CacheMsg::Len).await?, 2);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn load_that_fails_or_panics_fails_those_who_wait_and_is_not_kept() {
    paused(async |check| {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = scope.spawn(options(&loads, &check).spec())?;
            for _ in 0..2 {
                let (one, other) = tokio::join!(get(&cache, 13), get(&cache, 13));
                assert_eq!(
                    (one?, other?),
                    (Err("thirteen".into()), Err("thirteen".into()))
                );
            }
            let panicked = get(&cache, 66).await?;
            assert_eq!(panicked, Err("the load panicked: sixty-six".into()));
            let panicked = get(&cache, 99).await?;
            assert_eq!(panicked, Err("the load panicked: no such key".into()));
            assert_eq!(cache.ask(CacheMsg::Len).await?, 0);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(loads.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn load_ends_when_nobody_waits_any_more() {
    paused(async |check| {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = scope.spawn(options(&loads, &check).spec())?;
            let ask = |limit| {
                cache
                    .ask(|reply| CacheMsg::Get(1, reply))
                    .timeout(ms(limit))
            };
            let (short, long) = tokio::join!(ask(100), ask(300));
            assert!(short.is_err() && long.is_err());
            sleep(ms(1)).await;
            assert_eq!(check.alive(), 0, "the load is gone");
            // The load goes on for the one who still waits.
            let (short, long) = tokio::join!(ask(100), ask(3_000));
            assert!(short.is_err());
            assert_eq!(long?.unwrap(), 10);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn what_is_kept_is_bounded_in_number_and_in_time() {
    paused(async |check| {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = options(&loads, &check).capacity(2).time_to_live(ms(10_000));
            let cache = scope.spawn(cache.spec())?;
            for key in [1, 2, 1, 3] {
                get(&cache, key).await?.unwrap();
            }
            assert_eq!(loads.load(Ordering::SeqCst), 3);
            get(&cache, 1).await?.unwrap();
            assert_eq!(loads.load(Ordering::SeqCst), 3, "it was used after 2");
            get(&cache, 2).await?.unwrap();
            assert_eq!(loads.load(Ordering::SeqCst), 4);
            sleep(ms(10_000)).await;
            assert_eq!(cache.ask(CacheMsg::Len).await?, 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn cache_without_room_or_time_only_shares_loads() {
    paused(async |check| {
        for (capacity, time) in [(0, Duration::MAX), (usize::MAX, Duration::ZERO)] {
            let loads = Arc::new(AtomicU32::new(0));
            tenure::scope(async |scope| {
                let cache = options(&loads, &check)
                    .capacity(capacity)
                    .time_to_live(time);
                let cache = scope.spawn(cache.spec())?;
                for _ in 0..2 {
                    let (one, other) = tokio::join!(get(&cache, 1), get(&cache, 1));
                    assert_eq!((one?, other?), (Ok(10), Ok(10)));
                }
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(loads.load(Ordering::SeqCst), 2);
        }
    });
}

#[test]
fn value_that_is_put_in_serves_those_who_wait_and_what_is_removed_is_loaded_anew() {
    paused(async |check| {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = scope.spawn(options(&loads, &check).spec())?;
            let insert = async {
                sleep(ms(500)).await;
                cache.tell(CacheMsg::Insert(1, 7)).await
            };
            let (got, inserted) = tokio::join!(get(&cache, 1), insert);
            inserted?;
            assert_eq!(got?, Ok(7));
            cache.tell(CacheMsg::Remove(1)).await?;
            assert_eq!(get(&cache, 1).await?, Ok(10));
            let clear = async {
                sleep(ms(500)).await;
                cache.tell(CacheMsg::Clear).await?;
                get(&cache, 2).await
            };
            let (before, after) = tokio::join!(get(&cache, 2), clear);
            assert_eq!((before?, after?), (Ok(20), Ok(20)));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(
            loads.load(Ordering::SeqCst),
            4,
            "one that is forgotten is shared no further"
        );
    });
}

#[test]
fn drain_serves_those_who_wait_and_a_stop_ends_the_loads() {
    paused(async |check| {
        for drains in [true, false] {
            let loads = Arc::new(AtomicU32::new(0));
            tenure::scope(async |scope| {
                let cache = scope.spawn(options(&loads, &check).spec())?;
                let ask = cache.ask(|reply| CacheMsg::Get(1, reply)).owned();
                let ask = scope.task(async { tenure::Ok(ask.await) })?;
                sleep(ms(1)).await;
                match drains {
                    true => cache.drain().await?,
                    false => cache.stop().await?,
                };
                assert_eq!(ask.await?.is_ok(), drains);
                assert_eq!(check.alive(), 0);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}
