//! The leak check finds what began in a test and is alive at its end, and nothing else.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{LeakCheck, Leaks};
use tenure::{NodeId, Phase};
use tokio::time::{sleep, timeout};

use super::common::node::{self, Node, hold, run_in};
use super::common::{Log, in_order, paused, paused_runtime, workers};

fn ids(leaks: &Leaks) -> Vec<NodeId> {
    leaks.nodes().iter().map(|node| node.id).collect()
}

/// Checks once, without patience.
async fn look(check: LeakCheck) -> Result<(), Leaks> {
    check.patience(Duration::ZERO).finish().await
}

#[test]
fn leak_check_finds_owned() {
    paused(async |guards| {
        let check = LeakCheck::start();
        let system = System::builder().name("shop").start().unwrap();
        let spec = Node::new(&guards, &Log::default()).named("till");
        let (till, line) = (system.spawn(spec).unwrap(), line!());
        let bank = Node::new(&guards, &Log::default()).named("bank");
        let bank = system.spawn(bank).unwrap();
        let gate = hold(&bank).await;
        let asks = bank.clone();
        let ask = node::run(move |ctx| {
            let pipe = async move { asks.ask(node::Msg::Ping).await };
            drop(ctx.pipe(pipe, |_| node::note("paid")).unwrap());
        });
        till.tell(ask).await.unwrap();

        let leaks = check.finish().await.unwrap_err();
        let found: Vec<_> = leaks.nodes().iter().map(|node| &*node.path).collect();
        assert_eq!(found[..2], ["shop:/", "shop:/till"]);
        assert_eq!(found[3..], ["shop:/bank"]);
        let till_found = &leaks.nodes()[1];
        assert_eq!(till_found.id, till.id());
        assert_eq!(till_found.phase, Phase::Running);
        assert_eq!(
            (&*till_found.site.file, till_found.site.line),
            (file!(), line)
        );
        let text = leaks.to_string();
        assert!(text.contains("waiting for a reply of shop:/bank"), "{text}");
        assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
        assert_eq!(leaks.outside(), 0);

        gate.open();
        system.drain().await.unwrap();
    });
}

#[test]
fn what_ends_within_the_patience_is_no_leak() {
    paused(async |guards| {
        let check = LeakCheck::start();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&guards, &Log::default())).unwrap();
        actor
            .tell(node::Msg::Sleep(Duration::from_millis(900)))
            .await
            .unwrap();
        drop(system.drain());
        check.finish().await.unwrap();
    });
}

#[test]
fn what_takes_longer_than_the_patience_is_found_in_its_phase() {
    paused(async |guards| {
        let check = LeakCheck::start().patience(Duration::from_millis(800));
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&guards, &Log::default())).unwrap();
        actor
            .tell(node::Msg::Sleep(Duration::from_millis(900)))
            .await
            .unwrap();
        let end = system.drain();
        let leaks = check.finish().await.unwrap_err();
        assert_eq!(ids(&leaks), [system.node().id(), actor.id()]);
        assert_eq!(leaks.nodes()[1].phase, Phase::Stopping);
        assert_eq!(leaks.nodes()[1].label.as_deref(), Some("Sleep"));
        end.await.unwrap();
    });
}

#[test]
fn tests_at_the_same_time_do_not_see_each_other() {
    let barrier = Barrier::new(2);
    let leaky = || {
        let runtime = paused_runtime();
        let check = LeakCheck::on(runtime.handle());
        runtime.block_on(async {
            let system = System::start().unwrap();
            barrier.wait();
            barrier.wait();
            let leaks = check.finish().await.unwrap_err();
            assert_eq!(ids(&leaks), [system.node().id()]);
            system.stop().await.unwrap();
        });
    };
    std::thread::scope(|threads| {
        threads.spawn(leaky);
        let runtime = workers(2);
        let check = LeakCheck::on(runtime.handle());
        runtime.block_on(async {
            barrier.wait();
            let system = System::start().unwrap();
            system.stop().await.unwrap();
            // The system of the other test is still alive.
            check.finish().await.unwrap();
            barrier.wait();
        });
    });
}

/// A task that was spawned without an owner is only counted.
#[test]
#[expect(clippy::disallowed_methods, reason = "what the check is to find")]
fn leak_check_counts_foreign() {
    in_order(async |_| {
        let check = LeakCheck::start();
        let raw = tokio::spawn(pending::<()>());
        let system = System::start().unwrap();
        let owned = system.task(pending::<()>()).unwrap();

        let leaks = check.finish().await.unwrap_err();
        assert_eq!(leaks.outside(), 1);
        assert_eq!(ids(&leaks), [system.node().id(), owned.node().id()]);
        assert!(
            leaks
                .to_string()
                .ends_with("and 1 task outside of the tree")
        );
        drop(system.stop().await);

        let check = LeakCheck::start();
        // It was there before the check began.
        look(check).await.unwrap();
        let check = LeakCheck::start().allow_outside(1);
        let more = [tokio::spawn(pending::<()>()), tokio::spawn(pending::<()>())];
        let leaks = check.finish().await.unwrap_err();
        assert_eq!((leaks.outside(), leaks.nodes().len()), (1, 0));
        assert!(
            leaks
                .to_string()
                .starts_with("1 task alive outside of the tree")
        );
        for task in [raw].into_iter().chain(more) {
            task.abort();
            task.await.unwrap_err();
        }
    });
}

#[test]
fn what_is_allowed_is_no_leak_nor_is_what_is_beneath() {
    paused(async |guards| {
        let log = Log::default();
        let system = System::builder().name("shop").start().unwrap();
        let begin = || system.check_leaks().patience(Duration::ZERO);
        let checks = [
            begin(),
            begin().allow_path("shop:/desk"),
            begin()
                .allow_path("shop:/des")
                .allow_path("/")
                .allow_path(""),
            begin().allow_type("node::Node"),
            begin().allow_type("ode").allow_type(""),
            begin().allow_site("behaviour/leaks.rs"),
            begin().allow_site("aks.rs").allow_site(""),
        ];
        let desk = system
            .spawn(Node::new(&guards, &log).named("desk"))
            .unwrap();
        run_in(&desk, |ctx| drop(ctx.task(pending::<()>()).unwrap())).await;

        let mut found = Vec::new();
        for check in checks {
            found.push(check.finish().await.map_err(|leaks| leaks.nodes().len()));
        }
        assert_eq!(
            found,
            [Err(2), Ok(()), Err(2), Ok(()), Err(2), Ok(()), Err(2)]
        );
        system.stop().await.unwrap();
    });
}

#[test]
fn an_older_system_is_watched_from_the_check_on() {
    paused(async |guards| {
        let log = Log::default();
        let system = System::start().unwrap();
        let old = system.spawn(Node::new(&guards, &log).named("old")).unwrap();
        let check = system.check_leaks().patience(Duration::ZERO);
        let new = system.spawn(Node::new(&guards, &log).named("new")).unwrap();
        run_in(&old, |ctx| drop(ctx.task(pending::<()>()).unwrap())).await;

        let leaks = check.finish().await.unwrap_err();
        // Only the new nodes are found, wherever they are.
        assert_eq!(leaks.nodes().len(), 2);
        assert!(leaks.nodes()[0].path.starts_with("/old/"), "{leaks}");
        assert_eq!(leaks.nodes()[1].id, new.id());
        assert_eq!(leaks.outside(), 0);

        // A node that takes the place of another is found by its id, although the number of nodes is the same.
        let check = system.check_leaks().patience(Duration::ZERO);
        new.stop().await.unwrap();
        let other = system.spawn(Node::new(&guards, &log).named("new")).unwrap();
        assert_eq!(ids(&check.finish().await.unwrap_err()), [other.id()]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_scope_that_somebody_keeps_is_found() {
    paused(async |guards| {
        let (check, later) = (LeakCheck::start(), LeakCheck::start());
        let log = Log::default();
        let mut scope = Box::pin(tenure::scope(async |scope| {
            scope.spawn(Node::new(&guards, &log).named("inside"))?;
            pending::<()>().await;
            Ok(())
        }));
        let polled = timeout(Duration::from_millis(1), scope.as_mut()).await;
        assert!(polled.is_err());
        let leaks = check.finish().await.unwrap_err();
        let paths: Vec<_> = leaks.nodes().iter().map(|node| &*node.path).collect();
        assert_eq!(paths, ["/", "/inside"]);

        // Its future is dropped: it is killed, and gone within the patience.
        drop(scope);
        later.finish().await.unwrap();
    });
}

/// How a test ends that `run` runs, and with which message.
fn outcome<T: tenure::testing::TestOutput>(
    set: impl FnOnce(LeakCheck) -> LeakCheck,
    body: impl Future<Output = T>,
) -> Result<T, String> {
    let runtime = paused_runtime();
    let check = set(LeakCheck::on(runtime.handle()));
    let run = AssertUnwindSafe(|| check.run(runtime, body));
    catch_unwind(run).map_err(|panic| *panic.downcast::<String>().unwrap())
}

#[test]
fn a_body_that_leaks_fails() {
    let leaks = outcome(|check| check, async {
        let system = System::start().unwrap();
        // Nothing drops the system, so nothing kills what is in it.
        std::mem::forget(system);
    });
    let text = leaks.unwrap_err();
    assert!(
        text.starts_with("1 node is alive that began in here\n  / "),
        "{text}"
    );
    assert_eq!(outcome(|check| check, async {}), Ok(()));
}

#[test]
fn a_body_that_gives_an_error_has_failed_by_that() {
    let failed = outcome(|check| check, async {
        std::mem::forget(System::start().unwrap());
        Err::<(), _>("no change")
    });
    assert_eq!(failed, Ok(Err("no change")));
}

#[test]
fn a_body_that_takes_too_long_shows_the_tree() {
    let limit = Duration::from_secs(5);
    let late = outcome(|check| check.timeout(limit), async {
        tenure::scope(async |scope| {
            drop(scope.task(pending::<()>())?);
            pending::<()>().await;
            Ok(())
        })
        .await
    });
    let text = late.unwrap_err();
    assert!(
        text.starts_with("the test is not over after 5s; alive are:\n  / "),
        "{text}"
    );
    assert!(
        text.contains("a_body_that_takes_too_long_shows_the_tree"),
        "{text}"
    );

    let late = outcome(|check| check.timeout(limit), pending::<()>());
    assert_eq!(
        late.unwrap_err(),
        "the test is not over after 5s; no node is alive\n"
    );
    let early = outcome(|check| check.timeout(limit), async {
        sleep(limit / 2).await
    });
    assert_eq!(early, Ok(()));
}

/// The least and the most for both times.
#[test]
fn times_of_a_leak_check() {
    let late = outcome(|check| check.timeout(Duration::ZERO), pending::<()>());
    assert!(late.is_err());
    assert_eq!(
        outcome(|check| check.timeout(Duration::ZERO), async {}),
        Ok(())
    );
    assert_eq!(
        outcome(|check| check.timeout(Duration::MAX), async {}),
        Ok(())
    );
    assert_eq!(
        outcome(|check| check.patience(Duration::MAX), async {}),
        Ok(())
    );
    let leak = async { std::mem::forget(System::start().unwrap()) };
    assert!(outcome(|check| check.patience(Duration::ZERO), leak).is_err());
}
