//! Ends of sources that several threads, or the runtime, bring about at the same time.

use std::sync::Arc;

use super::{Fixture, active};
use crate::common::node::{Node, run_in};
use crate::common::{Check, Log, current_thread, multi_thread};

#[test]
fn a_dropped_runtime_takes_all_sources_with_it() {
    let check = Check::default();
    let runtime = current_thread();
    let fixture = runtime.block_on(async {
        let fixture = Fixture::new(&check);
        let log = Log::default();
        let actor = fixture.system.spawn(Node::new(&check, &log)).unwrap();
        run_in(&actor, fixture.set_up(&check)).await;
        fixture
    });
    drop(runtime);
    assert_eq!(active(&fixture.made), [false; 6]);
    assert_eq!(check.alive(), 0);
}

#[test]
fn a_cancel_and_an_end_may_race_and_leave_nothing() {
    multi_thread(async |check| {
        for round in 0..150 {
            let fixture = Fixture::new(&check);
            let node = Node::new(&check, &Log::default());
            let actor = fixture.system.spawn(node).unwrap();
            run_in(&actor, fixture.set_up(&check)).await;
            let made = Arc::clone(&fixture.made);
            let cancel = move |_| made.lock().unwrap()[0].cancel();
            let cancelling = fixture.other.blocking(cancel).unwrap();
            let watched = fixture.bystander.stop();
            let ending = match round % 3 {
                0 => actor.stop(),
                1 => actor.drain(),
                _ => actor.kill(),
            };
            ending.await.unwrap();
            watched.await.unwrap();
            cancelling.await.unwrap();
            assert_eq!(check.alive(), 0, "{round}");
            assert_eq!(active(&fixture.made), [false; 6], "{round}");
            fixture.end().await;
        }
    });
}
