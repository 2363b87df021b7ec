//! Messages say which system they are about, and what went wrong first.

mod common;

use std::time::Duration;

use common::lines::Lines;
use common::node::{Msg, Node, note, run_in};
use common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{RunError, StopError};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn system() -> System {
    System::builder().name("shop").start().unwrap()
}

fn node(name: &str, check: &Check) -> ChildSpec<Node> {
    Node::new(check, &Log::default()).named(name)
}

#[test]
fn paths_begin_with_the_name_of_their_system_and_are_found_with_and_without_it() {
    paused(async |check| {
        let system = system();
        let actor = system.spawn(node("clerk", &check)).unwrap();
        assert_eq!(actor.path(), "shop:/clerk");
        let found = [
            ("shop:/clerk", true),
            ("/clerk", true),
            ("clerk", true),
            ("other:/clerk", false),
            ("shop:clerk", false),
        ];
        for (path, is_found) in found {
            assert_eq!(system.find(path).is_some(), is_found, "{path}");
        }
        assert_eq!(system.find("shop:/"), Some(system.node()));
        assert_eq!(system.lookup::<Msg>("shop:/clerk"), Ok(actor));
        system.drain().await.unwrap();
    });
}

#[test]
fn snapshots_failures_and_cuts_name_the_system() {
    paused(async |check| {
        let system = system();
        let actor = system.spawn(node("clerk", &check)).unwrap();
        let snapshot = system.node().snapshot().to_string();
        assert!(snapshot.contains("  shop:/clerk starting"), "{snapshot}");
        actor.ask(Msg::Ping).await.unwrap();
        actor.tell(Msg::Sleep(9 * SECOND)).await.unwrap();
        tokio::task::yield_now().await;
        let Err(StopError::CutShort(cut)) = actor.stop().await else {
            panic!("it is cut")
        };
        assert_eq!(cut.nodes()[0].path, "shop:/clerk");
        let actor = system.spawn(node("clerk", &check)).unwrap();
        actor.tell(Msg::Fail).await.unwrap();
        let Err(StopError::Failed(failure)) = actor.stopped().await else {
            panic!("it fails")
        };
        assert_eq!(failure.to_string(), "shop:/clerk failed: it fails");
        assert!(system.stopped().await.is_err());
    });
}

/// Asks itself.
struct Narcissus;

impl Actor for Narcissus {
    type Msg = ReplyTo<String>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let asked = ctx.me().ask(|reply| reply).await;
        reply.send(asked.unwrap_err().to_string());
        Ok(())
    }
}

#[test]
fn cycle_names_the_system() {
    paused(async |_| {
        let system = system();
        let narcissus = system.spawn(ChildSpec::new(Narcissus).name("n")).unwrap();
        let error = narcissus.ask(|reply| reply).await.unwrap();
        assert_eq!(error, "the wait would never end: shop:/n -> shop:/n");
        system.drain().await.unwrap();
    });
}

#[test]
fn root_that_is_refused_is_named_with_its_system() {
    paused(async |check| {
        let ran = System::builder()
            .name("shop")
            .run(node("a/b", &check))
            .await;
        let RunError::Failed(failure) = ran.unwrap_err() else {
            panic!("it is refused")
        };
        assert_eq!(failure.path(), "shop:/root");
    });
}

#[test]
fn path_of_a_failure_that_goes_up_a_deep_chain_keeps_the_name_of_its_system() {
    paused(async |check| {
        let system = system();
        let mut spawner = system.spawner();
        let mut last = None;
        for _ in 0..200 {
            let (send, received) = tokio::sync::oneshot::channel();
            let actor = spawner.spawn(node("n", &check)).unwrap();
            run_in(&actor, move |ctx| send.send(ctx.spawner()).unwrap()).await;
            spawner = received.await.unwrap();
            last = Some(actor);
        }
        last.unwrap().tell(Msg::Fail).await.unwrap();
        let Err(StopError::Failed(failure)) = system.stopped().await else {
            panic!("it fails")
        };
        let tree = format!("{failure:?}");
        let paths = tree.lines().map(str::trim_start);
        assert!(paths.clone().count() > 200);
        assert!(
            paths.clone().all(|line| line.starts_with("shop:/")),
            "{tree}"
        );
        assert!(
            paths.clone().any(|line| line.contains(" more)/n")),
            "{tree}"
        );
    });
}

/// Its `on_stop` takes long.
struct Slow;

impl Actor for Slow {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(36 * SECOND).await;
        Ok(())
    }
}

#[test]
fn warnings_of_what_holds_up_a_stop_begin_at_half_of_its_grace_and_come_less_and_less_often() {
    paused(async |_| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let builder = System::builder().name("shop").grace(90 * SECOND);
        let system = builder.start().unwrap();
        let slow = ChildSpec::new(Slow).name("slow").grace(40 * SECOND);
        system.start(slow).await.unwrap();
        let watch = lines.clone();
        let early = async move {
            sleep(19 * SECOND).await;
            watch.with("holds up").len()
        };
        let (stopped, early) = tokio::join!(system.stop(), early);
        stopped.unwrap();
        assert_eq!(early, 0, "before half of the grace");
        let warnings = lines.with("holds up the stop");
        // They come after 20, 21, 23, 27 and 35 seconds.
        assert_eq!(warnings.len(), 5, "{warnings:#?}");
        for warning in warnings {
            for part in [
                "WARN",
                "path=shop:/slow",
                "::Slow",
                "tests/system_names.rs",
                "time_left",
            ] {
                assert!(warning.contains(part), "{part} in {warning}");
            }
        }
    });
}

#[test]
fn drain_that_takes_less_than_half_of_its_grace_warns_of_nothing() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = system();
        let actor = system.spawn(node("clerk", &check)).unwrap();
        actor.tell(Msg::Sleep(2 * SECOND)).await.unwrap();
        actor.tell(note("last")).await.unwrap();
        system.drain().await.unwrap();
        assert_eq!(lines.with("holds up"), Vec::<String>::new());
    });
}

#[test]
fn line_of_a_failure_has_the_first_thing_that_went_wrong_and_how_many_more_did() {
    paused(async |check| {
        for failing in 1..=3 {
            let end = tenure::scope(async |scope| {
                let mut actors = Vec::new();
                for number in 0..failing {
                    actors.push(scope.spawn(node(&format!("n{number}"), &check))?);
                }
                for actor in &actors {
                    actor.tell(Msg::Fail).await?;
                }
                std::future::pending::<()>().await;
                Ok(())
            });
            let error = end.await.unwrap_err();
            let more = match failing {
                1 => String::new(),
                more => format!(" (and {} more)", more - 1),
            };
            let line =
                format!("/ failed because of what is beneath it: /n0 failed: it fails{more}");
            assert_eq!(error.to_string(), line);
            assert_eq!(format!("{error:?}").lines().count(), 1 + failing);
        }
    });
}
