//! Sources that panic.

use std::sync::{Arc, Mutex};

use super::SECOND;
use crate::common::lines::Lines;
use crate::common::node::{Msg, Node, note, run_in};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{Phase, StopError, StopReason, Timer};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_panic_in_a_timer_fails_the_actor_and_one_in_its_drop_too() {
    paused(async |check| {
        let log = Log::default();
        for in_drop in [false, true] {
            let system = System::start().unwrap();
            let spec = Node::new(&check, &log).named("a").contain();
            let actor = system.spawn(spec).unwrap();
            let (bomb, kept) = (in_drop.then(|| Bomb), check.guard());
            run_in(&actor, move |ctx| {
                ctx.send_every(SECOND, move || {
                    let _ = &bomb;
                    assert!(in_drop, "made");
                    note("tick")
                });
                ctx.send_every(SECOND, move || {
                    let _ = &kept;
                    note("other")
                });
            })
            .await;
            if in_drop {
                drop(actor.stop());
            }
            let end = actor.stopped().await;
            assert!(matches!(end, Err(StopError::Failed(_))), "{end:?}");
            assert_eq!(actor.node().phase(), Phase::Stopped);
            assert_eq!(check.alive(), 0);
            system.stop().await.unwrap();
        }
    });
}

#[test]
fn a_panic_in_a_sources_drop_is_the_actors_own_and_a_kill_stays_one() {
    for (end, fails) in [
        ("stop", true),
        ("drain", true),
        ("cancel", true),
        ("kill", false),
    ] {
        paused(async |check| {
            let lines = Lines::default();
            let _listening = lines.listen();
            let system = System::start().unwrap();
            let spec = Node::new(&check, &Log::default()).named("a").contain();
            let actor = system.spawn(spec).unwrap();
            let timer: Arc<Mutex<Option<Timer>>> = Arc::default();
            let (made, kept) = (Arc::clone(&timer), check.guard());
            run_in(&actor, move |ctx| {
                let bombs = [Bomb, Bomb].map(|bomb| {
                    ctx.send_every(SECOND, move || {
                        let _ = &bomb;
                        note("tick")
                    })
                });
                made.lock().unwrap().replace(bombs[0].clone());
                ctx.send_after(SECOND, Msg::Keep(kept));
            })
            .await;
            match end {
                "stop" => drop(actor.stop()),
                "drain" => drop(actor.drain()),
                "kill" => drop(actor.kill()),
                _ => timer.lock().unwrap().as_ref().unwrap().cancel(),
            }
            let outcome = actor.stopped().await;
            if fails {
                assert!(
                    matches!(outcome, Err(StopError::Failed(_))),
                    "{end}: {outcome:?}"
                );
            } else {
                assert!(
                    matches!(outcome, Ok(StopReason::Killed)),
                    "{end}: {outcome:?}"
                );
            }
            assert_eq!(check.alive(), 0, "{end}");
            if matches!(end, "stop" | "drain") {
                // The first panic is the actor's failure. The others are traced.
                let told = lines.with("a source panicked when it was dropped");
                assert_eq!(told.len(), 1, "{end}: {told:?}");
                assert!(told[0].contains("panic=\"dropped\""), "{told:?}");
            }
            system.stop().await.unwrap();
        });
    }
}
