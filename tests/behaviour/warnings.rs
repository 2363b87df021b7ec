//! The stop of a system that lasts warns of what holds it up, from half of the time that this has, and less and less often.

use crate::common;

use std::time::Duration;

use common::lines::Lines;
use common::node::{Node, hold};
use common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::time::sleep;

fn slow(check: &Check) -> ChildSpec<Node> {
    let node = Node::new(check, &Log::default()).named("slow");
    node.grace(Duration::from_secs(8))
}

/// For how many seconds it had used its time, in each of the warnings.
fn warned_at(lines: &Lines) -> Vec<f64> {
    let lines = lines.with("holds up the stop");
    let seconds = lines.iter().map(|line| {
        let (_, held_for) = line.split_once("held_for=").unwrap();
        let (seconds, _) = held_for.split_once('s').unwrap();
        seconds.parse::<f64>().unwrap().round()
    });
    seconds.collect()
}

fn is_cut_short(stopped: &Result<StopReason, StopError>) -> bool {
    matches!(stopped, Err(StopError::CutShort(_)))
}

#[test]
fn pauses_between_warnings_become_longer() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let slow = system.spawn(slow(&check)).unwrap();
        let _gate = hold(&slow).await;
        assert!(is_cut_short(&system.stop().await));
        assert_eq!(warned_at(&lines), [4.0, 5.0, 7.0]);
    });
}

#[test]
fn whoever_comes_late_warns_after_a_second() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let slow = system.spawn(slow(&check)).unwrap();
        let _gate = hold(&slow).await;
        system.node().request_stop();
        sleep(Duration::from_secs(5)).await;
        assert!(warned_at(&lines).is_empty());
        assert!(is_cut_short(&system.stop().await));
        assert_eq!(warned_at(&lines), [6.0, 7.0]);
    });
}
