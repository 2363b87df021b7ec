//! What listeners to ends are told, and what is counted of ends.

use std::time::Duration;

use tenure::observe::{EndKind, Ended, Ends};
use tenure::prelude::*;
use tenure::{Kind, StopError};
use tokio::time::sleep;

use crate::common::node::{Msg, Node, hold, run_in};
use crate::common::restarting::{Msg as RestartMsg, Recipe};
use crate::common::{Check, Log, paused, settled};

fn plain(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

fn all(ends: &mut Ends) -> Vec<Ended> {
    std::iter::from_fn(|| ends.try_recv()).collect()
}

fn words(ends: &[Ended]) -> Vec<(&str, &str)> {
    ends.iter()
        .map(|end| (end.path.as_str(), end.how.word()))
        .collect()
}

#[test]
fn each_end_is_told_before_whoever_waits_for_it_and_with_how_it_came() {
    paused(async |check| {
        let system = System::builder().name("shop").timings().start().unwrap();
        let mut ends = system.ends(100);
        for name in ["stopped", "drained", "killed", "cut", "finished"] {
            let spec = plain(&check).named(name).grace(Duration::from_secs(1));
            let actor = system.spawn(spec).unwrap();
            actor.ask(Msg::Ping).await.unwrap();
            let gate = (name == "cut").then_some(hold(&actor));
            if let Some(gate) = gate {
                drop(gate.await);
            }
            sleep(Duration::from_secs(3)).await;
            match name {
                "stopped" => drop(actor.stop().await.unwrap()),
                "drained" => drop(actor.drain().await.unwrap()),
                "killed" => drop(actor.kill().await.unwrap()),
                "cut" => assert!(matches!(actor.stop().await, Err(StopError::CutShort(_)))),
                _ => {
                    actor
                        .tell(crate::common::node::run(|ctx| ctx.stop()))
                        .await
                        .unwrap();
                    actor.stopped().await.unwrap();
                }
            }
            let told = all(&mut ends);
            let path = format!("shop:/{name}");
            let word = if name == "cut" { "cut_short" } else { name };
            assert_eq!(words(&told), [(&*path, word)]);
            let end = &told[0];
            assert_eq!((end.kind, end.id), (Kind::Actor, actor.id()));
            assert_eq!(end.owner, Some(system.node().id()));
            assert!(end.type_name.ends_with("node::Node"), "{end:?}");
            assert!(end.site.file.ends_with("ends.rs"), "{end:?}");
            assert_eq!(
                end.handled,
                if matches!(name, "cut" | "finished") {
                    2
                } else {
                    1
                }
            );
            assert_eq!(end.age.as_secs(), if name == "cut" { 4 } else { 3 });
            assert_eq!(end.how.is_trouble(), name == "cut");
            assert!(!end.goes_on);
        }
        system.stop().await.unwrap();
        assert_eq!(words(&all(&mut ends)), [("shop:/", "stopped")]);
        assert!(ends.recv().await.is_none());
        assert!(system.ends(1).recv().await.is_none(), "it has ended before");
    });
}

#[test]
fn failure_is_told_with_its_tree_of_causes_on_lines_of_their_own() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut ends = system.ends(100);
        let above = system
            .spawn(plain(&check).named("above").contain())
            .unwrap();
        let (log, guard) = (Log::default(), check.clone());
        run_in(&above, move |ctx| {
            let below = Node::new(&guard, &log).named("below");
            let below = ctx.spawn(below).unwrap();
            below.try_tell(Msg::Fail).unwrap();
        })
        .await;
        above.stopped().await.unwrap_err();
        let told = all(&mut ends);
        assert_eq!(
            words(&told),
            [("/above/below", "failed"), ("/above", "failed")]
        );
        let causes: Vec<_> = told[1]
            .causes
            .iter()
            .map(|cause| (cause.depth, cause.path.as_str(), cause.text.as_str()))
            .collect();
        assert_eq!(
            causes,
            [
                (0, "/above", "failed because of what is beneath it"),
                (1, "/above/below", "it fails"),
            ]
        );
        let text = told[1].to_string();
        assert!(text.ends_with("\n    /above/below: it fails"), "{text}");
        assert!(told[0].to_string().ends_with(": it fails"), "{}", told[0]);
        // A failure is counted where it began, and not for each node that it fails.
        let tallies = system.snapshot().tallies;
        assert_eq!((tallies.len(), tallies[0].failures), (1, 1));
        system.stop().await.unwrap();
    });
}

#[test]
fn what_is_cut_short_names_those_whose_time_was_up() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut ends = system.ends(100);
        let spec = plain(&check).named("slow").grace(Duration::from_secs(2));
        let slow = system.spawn(spec).unwrap();
        let _gate = hold(&slow).await;
        slow.stop().await.unwrap_err();
        let told = all(&mut ends);
        assert_eq!(told[0].how, EndKind::CutShort);
        assert_eq!(told[0].causes[0].path, "/slow");
        assert_eq!(told[0].causes[0].text, "stopping, held for 2.0 s");
        assert_eq!(system.snapshot().tallies[0].cut_short, 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn incarnation_that_another_follows_is_told_and_counted() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut ends = system.ends(100);
        let recipe = Recipe::new("phoenix", &Log::default(), &check);
        let actor = system.spawn(recipe.restarting(Restart::OnFailure)).unwrap();
        for _ in 0..2 {
            actor.tell(RestartMsg::Fail).await.unwrap();
            actor.ask(RestartMsg::Incarnation).await.unwrap();
        }
        let told = all(&mut ends);
        assert_eq!(words(&told), [("/phoenix", "failed"); 2]);
        assert!(told.iter().all(|end| end.goes_on), "{told:?}");
        assert_eq!(told[0].causes[0].text, "phoenix fails");
        assert!(told[0].to_string().contains("restarted"), "{}", told[0]);
        let tallies = system.snapshot().tallies;
        assert_eq!((tallies[0].failures, tallies[0].restarts), (2, 2));
        system.stop().await.unwrap();
        assert!(!all(&mut ends)[0].goes_on);
    });
}

#[test]
fn more_than_there_is_room_for_are_counted_and_failures_have_room_of_their_own() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut ends = system.ends(8);
        for _ in 0..10 {
            system.task(async {}).unwrap().await.unwrap();
        }
        assert_eq!(ends.missed(), 4);
        for _ in 0..3 {
            let actor = system.spawn(plain(&check).named("bad").contain()).unwrap();
            actor.tell(Msg::Fail).await.unwrap();
            actor.stopped().await.unwrap_err();
        }
        assert_eq!(ends.missed(), 5);
        let told = all(&mut ends);
        assert_eq!(told.iter().filter(|end| end.how.is_trouble()).count(), 2);
        assert_eq!(told.len(), 8);
        // The listener has read what it was told, so there is room again.
        system.task(async {}).unwrap().await.unwrap();
        assert_eq!(all(&mut ends).len(), 1);
        drop(ends);
        system.stop().await.unwrap();
    });
}

#[test]
fn only_what_is_beneath_is_told_until_that_has_ended() {
    paused(async |check| {
        let system = System::start().unwrap();
        let shown = system.spawn(plain(&check).named("shown")).unwrap();
        let mut ends = shown.node().ends(100);
        system.task(async {}).unwrap().await.unwrap();
        run_in(&shown, |ctx| drop(ctx.task(async {}).unwrap())).await;
        settled().await;
        let told = all(&mut ends);
        assert_eq!(told.len(), 1);
        assert!(told[0].path.starts_with("/shown/"), "{told:?}");
        // A listener that waits is woken by the end of the node that it listens to.
        let (end, stopped) = tokio::join!(ends.recv(), shown.stop());
        stopped.unwrap();
        assert_eq!(end.unwrap().path, "/shown");
        assert!(ends.recv().await.is_none());
        system.stop().await.unwrap();
    });
}

/// Notes the ends of others.
struct Watcher {
    of: Option<Ends>,
    log: Log,
}

impl Actor for Watcher {
    type Msg = String;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let ends = self.of.take().ok_or("it is started once")?;
        ctx.attach(ends, |end| format!("{} {}", end.path, end.how));
        Ok(())
    }

    async fn handle(&mut self, end: String, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(end);
        Ok(())
    }
}

#[test]
fn actor_is_given_ends_as_messages() {
    paused(async |check| {
        let system = System::start().unwrap();
        let log = Log::default();
        let of = Some(system.ends(100));
        let watcher = Watcher {
            of,
            log: log.clone(),
        };
        let watcher = system.spawn(watcher).unwrap();
        let actor = system.spawn(plain(&check).named("one")).unwrap();
        actor.kill().await.unwrap();
        settled().await;
        assert_eq!(log.entries(), ["/one killed"]);
        watcher.stop().await.unwrap();
        system.stop().await.unwrap();
    });
}
