//! Streams that are always ready take turns with everything else.

use std::time::Duration;

use super::{SECOND, endless, finite};
use crate::common::node::{Msg, Node, hold, note, run, run_in};
use crate::common::{Log, paused};
use tenure::StopReason;
use tenure::prelude::*;
use tokio::time::Instant;

fn count(log: &Log, entry: &str) -> usize {
    log.entries().iter().filter(|other| *other == entry).count()
}

#[test]
fn a_stream_that_is_always_ready_and_the_mailbox_take_turns() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let (stream, made) = (finite(vec![(); 1_000], &check), log.clone());
        let gate = hold(&actor).await;
        for _ in 0..100 {
            actor.tell(note("mail")).await.unwrap();
        }
        actor
            .tell(run(move |ctx| {
                let handle = ctx.attach(stream, move |()| {
                    made.push("made");
                    note("item")
                });
                assert!(handle.is_active());
            }))
            .await
            .unwrap();
        for _ in 0..100 {
            actor.tell(note("late mail")).await.unwrap();
        }
        gate.open();
        actor.ask(Msg::Ping).await.unwrap();
        let entries = log.entries();
        let handled: Vec<_> = entries.iter().filter(|entry| *entry != "made").collect();
        assert!(handled[..100].iter().all(|entry| *entry == "mail"));
        // One message and one item, in turn.
        for pair in handled[100..300].chunks(2) {
            let mut pair = [pair[0].as_str(), pair[1].as_str()];
            pair.sort_unstable();
            assert_eq!(pair, ["item", "late mail"]);
        }
        actor.drain().await.unwrap();
        // An item is handled before the next one is taken from the stream.
        assert!(count(&log, "made") - count(&log, "item") <= 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_mailbox_that_is_never_empty_does_not_hold_up_a_stream() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let items = finite((0..50).collect(), &check);
        // Each message sends the next one.
        struct Again(ActorRef<Msg>, Log);
        impl Again {
            fn go(self) -> Msg {
                run(move |_| {
                    self.1.push("mail");
                    let again = self.0.clone();
                    // It is refused once the actor stops.
                    drop(again.try_tell(self.go()));
                })
            }
        }
        let again = Again(actor.clone(), log.clone());
        run_in(&actor, move |ctx| {
            ctx.attach_to_end(items, |item: Option<u32>| match item {
                Some(_) => note("item"),
                None => note("end"),
            });
        })
        .await;
        actor.tell(again.go()).await.unwrap();
        while count(&log, "end") == 0 {
            tokio::task::yield_now().await;
        }
        assert!(count(&log, "mail") <= 60, "{}", count(&log, "mail"));
        actor.stop().await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn endless_streams_take_turns_with_each_other_and_with_timers_and_let_other_tasks_run() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let [one, two] = [(); 2].map(|()| endless(&check));
        run_in(&actor, move |ctx| {
            ctx.send_after(Duration::ZERO, note("tick"));
            ctx.attach(one, |()| note("one"));
            ctx.attach(two, |()| note("two"));
        })
        .await;
        // This test is the other task.
        while count(&log, "one") < 500 {
            tokio::task::yield_now().await;
        }
        assert!(count(&log, "one").abs_diff(count(&log, "two")) <= 1);
        tokio::time::advance(SECOND).await;
        while count(&log, "tick") == 0 {
            tokio::task::yield_now().await;
        }
        actor.stop().await.unwrap();
        assert_eq!(check.alive(), 0);
        system.stop().await.unwrap();
    });
}

#[test]
fn an_endless_stream_holds_up_no_end() {
    for end in ["stop", "drain", "kill", "empty"] {
        paused(async |check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let actor = system.spawn(Node::new(&check, &log)).unwrap();
            let stream = endless(&check);
            run_in(&actor, move |ctx| {
                let mut items = 0;
                ctx.attach(stream, move |()| {
                    items += 1;
                    assert!(items < 100_000, "it goes on");
                    note("item")
                });
            })
            .await;
            let begun = Instant::now();
            let reason = match end {
                "stop" => actor.stop().await,
                "drain" => actor.drain().await,
                "kill" => actor.kill().await,
                _ => {
                    let finish = run(|ctx| ctx.stop_if_empty());
                    actor.tell(finish).await.unwrap();
                    actor.stopped().await
                }
            };
            assert_eq!(begun.elapsed(), Duration::ZERO);
            let as_expected = matches!(
                (end, &reason),
                ("stop", Ok(StopReason::Stopped))
                    | ("drain", Ok(StopReason::Drained))
                    | ("kill", Ok(StopReason::Killed))
                    | ("empty", Ok(StopReason::Finished))
            );
            assert!(as_expected, "{end}: {reason:?}");
            assert_eq!(check.alive(), 0);
            system.stop().await.unwrap();
        });
    }
}
