//! When a grace runs out, what holds up the end is logged as a tree: the deepest node first, and only so many.

mod common;

use std::time::Duration;

use common::lines::Lines;
use common::node::{Msg, Node, hold, run_in};
use common::{Check, Log, paused};
use tenure::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn node(check: &Check, name: &str) -> ChildSpec<Node> {
    Node::new(check, &Log::default()).named(name).grace(SECOND)
}

/// A logged overrun.
#[derive(Debug)]
struct Logged {
    /// The nodes that hold up the end, a line for each.
    tree: Vec<String>,
    /// The node whose time was over, and the other fields.
    fields: String,
}

fn overruns(lines: &Lines) -> Vec<Logged> {
    let logged = lines.with("its time to end is over").into_iter();
    let logged = logged.map(|text| {
        let (message, fields) = text.rsplit_once(" path=").unwrap();
        let mut lines = message.lines().map(|line| line.trim_start().to_owned());
        let head = lines.next().unwrap();
        assert!(head.starts_with("WARN"), "{text}");
        Logged {
            tree: lines.collect(),
            fields: fields.to_owned(),
        }
    });
    logged.collect()
}

/// The overrun of the node with this path.
fn overrun_of(lines: &Lines, path: &str) -> Logged {
    let logged = overruns(lines).into_iter();
    let path = format!("{path} ");
    let mut of = logged.filter(|logged| logged.fields.starts_with(&path));
    of.next()
        .unwrap_or_else(|| panic!("{path} in {:#?}", overruns(lines)))
}

#[test]
fn what_holds_up_a_stop_is_logged_the_deepest_first() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::builder().name("shop").start().unwrap();
        let above = system
            .spawn(node(&check, "above").grace(30 * SECOND))
            .unwrap();
        let inner = check.clone();
        let (give, given) = tokio::sync::oneshot::channel();
        run_in(&above, move |ctx| {
            give.send(ctx.spawn(node(&inner, "below")).unwrap()).ok();
        })
        .await;
        let below = given.await.unwrap();
        let _gate = hold(&below).await;
        // The limit of the requester cuts everything. What holds up the end is the node beneath.
        let stopping = above.stop().within(SECOND / 2);
        let line = line!() - 1;
        stopping.await.unwrap_err();
        let Logged { tree, fields } = overrun_of(&lines, "shop:/above");
        assert!(fields.contains(&format!("overrun.rs:{line}")), "{fields}");
        assert_eq!(tree.len(), 1, "only one uses its own time: {tree:#?}");
        assert!(tree[0].starts_with("shop:/above/below ("), "{tree:#?}");
        assert!(tree[0].contains("handling Hold"), "{tree:#?}");
        assert!(tree[0].contains("held for 500ms"), "{tree:#?}");
        system.stop().await.unwrap();
    });
}

/// Whichever of the two was started first.
#[test]
fn of_two_that_hold_it_up_the_deeper_one_is_named_first() {
    for order in [["wide", "deep"], ["deep", "wide"]] {
        paused(async |check| {
            let lines = Lines::default();
            let _listening = lines.listen();
            let system = System::start().unwrap();
            let above = node(&check, "above").stop_order(StopOrder::Concurrent);
            let above = system.spawn(above).unwrap();
            for name in order {
                let child = child(&above, &check, name).await;
                let holds = match name {
                    "deep" => self::child(&child, &check, "deeper").await,
                    _ => child,
                };
                drop(hold(&holds).await);
            }
            above.stop().within(SECOND).await.unwrap_err();
            let Logged { tree, .. } = overrun_of(&lines, "/above");
            assert_eq!(tree.len(), 2, "{tree:#?}");
            assert!(tree[0].starts_with("/above/deep/deeper ("), "{tree:#?}");
            system.stop().await.unwrap();
        });
    }
}

/// A child with more time than its owner.
async fn child(owner: &ActorRef<Msg>, check: &Check, name: &str) -> ActorRef<Msg> {
    let (give, given) = tokio::sync::oneshot::channel();
    let spec = node(check, name).grace(30 * SECOND);
    run_in(owner, move |ctx| {
        give.send(ctx.spawn(spec).unwrap()).ok();
    })
    .await;
    given.await.unwrap()
}

#[test]
fn of_many_that_hold_it_up_sixteen_are_named_and_the_others_counted() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let above = system
            .spawn(node(&check, "above").stop_order(StopOrder::Concurrent))
            .unwrap();
        for number in 0..40 {
            let inner = check.clone();
            let (give, given) = tokio::sync::oneshot::channel();
            run_in(&above, move |ctx| {
                let spec = node(&inner, &format!("n{number}")).grace(30 * SECOND);
                give.send(ctx.spawn(spec).unwrap()).ok();
            })
            .await;
            let child: ActorRef<Msg> = given.await.unwrap();
            drop(hold(&child).await);
        }
        above.stop().within(SECOND).await.unwrap_err();
        let Logged { tree, .. } = overrun_of(&lines, "/above");
        assert_eq!(tree.len(), 16 + 1, "{tree:#?}");
        assert_eq!(tree[16], "(and 24 more)");
        system.stop().await.unwrap();
    });
}

#[test]
fn of_many_overruns_eight_a_second_are_logged_and_the_others_counted() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let mut ends = Vec::new();
        for number in 0..50 {
            let slow = system
                .spawn(node(&check, &format!("slow{number}")))
                .unwrap();
            drop(hold(&slow).await);
            ends.push(slow.stop());
        }
        for end in ends {
            end.await.unwrap_err();
        }
        assert_eq!(overruns(&lines).len(), 8);
        tokio::time::sleep(2 * SECOND).await;
        let late = system.spawn(node(&check, "late")).unwrap();
        let _gate = hold(&late).await;
        late.stop().await.unwrap_err();
        let logged = overruns(&lines);
        assert_eq!(logged.len(), 9);
        assert!(
            logged[8].fields.contains("others_since_the_last=42"),
            "{:?}",
            logged[8]
        );
        system.stop().await.unwrap();
    });
}
