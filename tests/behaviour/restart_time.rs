//! A restart that waits uses up no grace, and no trace of the last incarnation is shown.
use crate::common;
use common::restarting::{Msg, Recipe};
use common::{Log, paused};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure::prelude::*;
use tenure::{StopReason, Strategy};
use tokio::time::{Duration, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// A child that waits for its next incarnation has used none of its grace.
#[test]
fn backoff_is_not_own_time() {
    paused(async |check| {
        let log = Log::default();
        let system = System::builder().grace(60 * SECOND).start().unwrap();
        let p = system.start(Recipe::new("p", &log, &check)).await.unwrap();
        let spawner = p.ask(Msg::Lend).await.unwrap();
        let x = Recipe::new("x", &log, &check).restarting(Restart::OnFailure);
        let x = spawner
            .start(x.backoff(Backoff::fixed(600 * SECOND)))
            .await
            .unwrap();
        let mut slow = Recipe::new("y", &log, &check);
        slow.cleanup = 10 * SECOND;
        let _y = spawner
            .start(ChildSpec::new(slow).grace(20 * SECOND))
            .await
            .unwrap();
        x.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let end = system.stop().await;
        assert!(end.is_ok(), "{end:?}");
    });
}

/// A member that is parked has used none of its grace.
#[test]
fn parked_is_not_own_time() {
    paused(async |check| {
        let log = Log::default();
        let system = System::builder().grace(60 * SECOND).start().unwrap();
        let p = ChildSpec::new(Recipe::new("p", &log, &check)).strategy(Strategy::OneForAll);
        let p = system.start(p).await.unwrap();
        let spawner = p.ask(Msg::Lend).await.unwrap();
        let x = Recipe::new("x", &log, &check).restarting(Restart::OnFailure);
        let x = spawner
            .start(x.backoff(Backoff::fixed(600 * SECOND)))
            .await
            .unwrap();
        let z = Recipe::new("z", &log, &check).restarting(Restart::OnFailure);
        let _z = spawner.start(z).await.unwrap();
        x.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let mut slow = Recipe::new("y", &log, &check);
        slow.cleanup = 10 * SECOND;
        let _y = spawner
            .start(ChildSpec::new(slow).grace(20 * SECOND))
            .await
            .unwrap();
        let end = system.stop().await;
        assert!(end.is_ok(), "{end:?}");
    });
}

/// After a restart an actor is idle, even if its last incarnation failed in a message from a source.
#[test]
fn actor_is_idle_after_a_source_has_failed_its_last_incarnation() {
    #[derive(Clone)]
    struct Once(Arc<AtomicUsize>);
    enum M {
        Tick,
        Ping(ReplyTo<()>),
    }
    impl Actor for Once {
        type Msg = M;
        fn label(m: &M) -> &'static str {
            match m {
                M::Tick => "Tick",
                M::Ping(_) => "Ping",
            }
        }
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                ctx.send_after(SECOND, M::Tick);
            }
            Ok(())
        }
        async fn handle(&mut self, m: M, _: &mut Context<Self>) -> tenure::Result {
            match m {
                M::Tick => Err("tick".into()),
                M::Ping(r) => {
                    r.send(());
                    Ok(())
                }
            }
        }
    }
    paused(async |_| {
        let system = System::start().unwrap();
        let a = system
            .spawn(ChildSpec::new(Once(Arc::default())).restart(Restart::OnFailure))
            .unwrap();
        sleep(2 * SECOND).await;
        a.ask(M::Ping).await.unwrap();
        sleep(SECOND).await;
        let label = a.node().label();
        drop(system.stop().await);
        assert_eq!(label, None, "it is idle");
    });
}

/// A stop that comes while the last incarnation cleans up has the same outcome as one that comes later in the restart.
#[test]
fn stop_in_the_cleanup_of_a_restart_is_a_stop() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let p = system.start(Recipe::new("p", &log, &check)).await.unwrap();
        let spawner = p.ask(Msg::Lend).await.unwrap();
        let mut recipe = Recipe::new("x", &log, &check);
        recipe.cleanup = 2 * SECOND;
        let x = spawner
            .start(recipe.restarting(Restart::OnFailure))
            .await
            .unwrap();
        x.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let end = x.stop().await;
        sleep(SECOND).await;
        let owner = p.node().phase();
        drop(system.stop().await);
        assert!(
            matches!(end, Ok(StopReason::Stopped)),
            "{end:?}, owner {owner:?}"
        );
    });
}

#[test]
fn drain_of_an_empty_mailbox_starts_nobody() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let recipe = Recipe::new("x", &log, &check);
        let x = recipe
            .restarting(Restart::OnFailure)
            .backoff(Backoff::fixed(60 * SECOND))
            .contain();
        let x = system.start(x).await.unwrap();
        recipe.fail_starts(100); // what it needs is gone
        x.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let end = x.drain().await;
        drop(system.stop().await);
        assert!(matches!(end, Ok(StopReason::Drained)), "{end:?}");
        assert_eq!(recipe.incarnations.get(), 1);
    });
}

/// A system that drains while an actor is in its backoff, with nothing accepted, ends well.
#[test]
fn system_drains_while_a_child_is_in_its_backoff() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let recipe = Recipe::new("x", &log, &check);
        let x = recipe
            .restarting(Restart::OnFailure)
            .backoff(Backoff::fixed(60 * SECOND));
        let x = system.start(x).await.unwrap();
        recipe.fail_starts(100);
        x.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let end = system.drain().await;
        assert!(end.is_ok(), "{end:?}");
    });
}
