//! A member whose code cannot be dropped, or must not be, and that waits for a sibling: a wait is refused.

use super::*;

/// The ask that completes the cycle is refused: `a` runs again and asks `c`, which waits for its turn behind `b`, whose
/// start asks `a`.
#[test]
fn member_that_runs_again_and_asks_one_whose_turn_has_not_come_is_refused() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let a = group.member(group.seed("a")).await;
        let mut b = group.seed("b");
        let c_known = Arc::new(std::sync::OnceLock::<ActorRef<Msg>>::new());
        let (asks, c, log) = (a.clone(), Arc::clone(&c_known), group.log.clone());
        b.on_start = Some(Arc::new(move |number, _| {
            let (a, c, log) = (asks.clone(), Arc::clone(&c), log.clone());
            Box::pin(async move {
                if number == 2 {
                    let done = Arc::new(Notify::new());
                    let notify = Arc::clone(&done);
                    a.tell(job(async move || {
                        if let Some(c) = c.get() {
                            let asked = c.ask(Msg::Ping).await;
                            let refused = matches!(asked, Err(AskError::Deadlock(_)));
                            log.push(format!("refused: {refused}"));
                        }
                        notify.notify_one();
                        Ok(())
                    }))
                    .await?;
                    a.ask(Msg::Ping).await?;
                    done.notified().await;
                }
                Ok(())
            })
        }));
        let b = group.member(b).await;
        let c = group.member(group.seed("c")).await;
        c_known.set(c.clone()).ok().unwrap();
        c.tell(job(async || Err("it fails".into()))).await.unwrap();
        restarted([&c, &b, &a]).await;
        assert!(group.log.entries().contains(&"refused: true".to_owned()));
        group.system.stop().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// As before, but `a` asks one that waits for many tasks, of which one asks `c`. The search for the cycle then comes from
/// `a`, and over the turn of `c`.
#[test]
fn member_that_runs_again_and_asks_whoever_waits_for_one_whose_turn_has_not_come_is_refused() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let wide = group.system.spawn(group.seed("wide")).unwrap();
        let (released, refused) = (Arc::new(Notify::new()), Count::default());
        // The wait for `c` is there before the one that completes the cycle.
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let has_begun = Arc::clone(&begun);
        let a = group.member(group.seed("a")).await;
        let mut b = group.seed("b");
        let (asks, target, release) = (a.clone(), wide.clone(), Arc::clone(&released));
        let counts = refused.clone();
        b.on_start = Some(Arc::new(move |number, _| {
            let (a, wide) = (asks.clone(), target.clone());
            let (release, refused) = (Arc::clone(&release), counts.clone());
            let has_begun = Arc::clone(&has_begun);
            Box::pin(async move {
                if number == 2 {
                    let asking = job(async move || {
                        has_begun.notified().await;
                        if let Err(AskError::Deadlock(_)) = wide.ask(Msg::Ping).await {
                            refused.add();
                        }
                        release.notify_waiters();
                        Ok(())
                    });
                    a.tell(asking).await?;
                    a.ask(Msg::Ping).await?;
                }
                Ok(())
            })
        }));
        let b = group.member(b).await;
        let c = group.member(group.seed("c")).await;
        let asking = (Arc::clone(&go_on), begun, c.clone());
        let waiting = job(move || wait_for_many(released, asking));
        wide.tell(waiting).await.unwrap();
        settled().await;
        c.tell(job(async move || {
            go_on.notify_one();
            Err("it fails".into())
        }))
        .await
        .unwrap();
        restarted([&c, &b, &a]).await;
        assert_eq!(refused.get(), 1);
        group.system.stop().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// Waits for tasks that wait until they are released, and for one that asks when it is told to, and says when it has
/// begun.
async fn wait_for_many(
    released: Arc<Notify>,
    (go_on, begun, target): (Arc<Notify>, Arc<Notify>, ActorRef<Msg>),
) -> tenure::Result {
    let many = tenure::scope_send(|scope| async move {
        for _ in 0..20 {
            let released = Arc::clone(&released);
            scope.task(async move { released.notified().await })?;
        }
        scope.task(async move {
            go_on.notified().await;
            begun.notify_one();
            drop(target.ask(Msg::Ping).await);
        })?;
        Ok(())
    });
    Ok(many.await?)
}

/// No code of `b` can be dropped here: `b` waits for a task of its own, which asks `a`, and `a` parks after that.
#[test]
fn member_whose_task_waits_for_one_that_has_parked_goes_on_when_that_gives_up() {
    for limit in [None, Some(Duration::from_secs(1))] {
        paused(async |check| {
            let begin = Instant::now();
            let group = Group::new(&check).await;
            let a = group.member(group.seed("a")).await;
            let mut b = group.seed("b");
            let (target, log) = (a.clone(), group.log.clone());
            b.on_start = Some(Arc::new(move |number, spawner| {
                let (target, log) = (target.clone(), log.clone());
                Box::pin(async move {
                    if number == 1 {
                        spawner.task_with(move |token| async move {
                            token.cancelled().await;
                            log.push(given_up(&target, limit).await);
                        })?;
                    }
                    Ok(())
                })
            }));
            let b = group.member(b).await;
            let c = group.member(group.seed("c")).await;
            let fail_a = Arc::new(Notify::new());
            a.tell(fail_at(&fail_a)).await.unwrap();
            c.tell(job(async || Err("it fails".into()))).await.unwrap();
            settled().await; // b waits for its task, and that for a
            fail_a.notify_one();
            restarted([&c, &b, &a]).await;
            let (word, time) = match limit {
                None => ("refused", Duration::ZERO),
                Some(limit) => ("timed out", limit),
            };
            assert!(group.log.entries().contains(&word.to_owned()));
            assert_eq!(begin.elapsed(), time);
            group.system.stop().await.unwrap();
        });
    }
}

/// Asks, and says how that ended.
async fn given_up(target: &ActorRef<Msg>, limit: Option<Duration>) -> &'static str {
    let asking = target.ask(Msg::Ping);
    let asked = match limit {
        None => asking.await,
        Some(limit) => asking.timeout(limit).await,
    };
    match asked {
        Ok(_) => "answered",
        Err(AskError::Deadlock(_)) => "refused",
        Err(AskError::TimedOut { .. }) => "timed out",
        Err(_) => "failed",
    }
}

/// `b` was told to drain before `c` fails. Its task asks it something after that.
#[test]
fn member_that_drains_answers_its_tasks_although_its_group_restarts() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let mut b = group.seed("b");
        let known = Arc::new(std::sync::OnceLock::<ActorRef<Msg>>::new());
        let (owner, log) = (Arc::clone(&known), group.log.clone());
        b.on_start = Some(Arc::new(move |_, spawner| {
            let (owner, log) = (Arc::clone(&owner), log.clone());
            Box::pin(async move {
                spawner.task_with(move |token| async move {
                    token.cancelled().await;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if let Some(owner) = owner.get() {
                        log.push(given_up(owner, None).await);
                    }
                })?;
                Ok(())
            })
        }));
        let b = group.member(b).await;
        known.set(b.clone()).ok().unwrap();
        let c = group.member(group.seed("c")).await;
        let draining = b.drain();
        settled().await; // b waits for its task
        c.tell(job(async || Err("it fails".into()))).await.unwrap();
        assert!(matches!(draining.await, Ok(StopReason::Drained)));
        assert!(group.log.entries().contains(&"answered".to_owned()));
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        restarted([&c]).await;
        group.system.stop().await.unwrap();
    });
}

/// The code of `b` is not dropped for its group any more: it was told to stop as well.
#[test]
fn member_that_was_told_to_stop_and_asks_one_that_has_parked_is_refused() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let (a, b) = (
            group.member(group.seed("a")).await,
            group.member(group.seed("b")).await,
        );
        let go_on = Arc::new(Notify::new());
        let (goes_on, target, log) = (Arc::clone(&go_on), a.clone(), group.log.clone());
        let asking = job(async move || {
            goes_on.notified().await;
            log.push(given_up(&target, None).await);
            Ok(())
        });
        b.tell(asking).await.unwrap();
        settled().await;
        a.tell(job(async || Err("it fails".into()))).await.unwrap();
        settled().await; // a has parked, and b is told to end
        let stopping = b.stop();
        go_on.notify_one();
        stopping.await.unwrap();
        assert!(group.log.entries().contains(&"refused".to_owned()));
        restarted([&a]).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        group.system.stop().await.unwrap();
    });
}
