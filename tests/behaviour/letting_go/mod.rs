//! The sources of an actor end with it, and hold up no end.

mod panics;
mod races;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};
use std::time::Duration;

use crate::common::node::{Msg, Node, hold, note, run, run_in};
use crate::common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{Attached, Timer, Watch};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A stream that is never ready.
struct Silent(#[allow(dead_code, reason = "counted")] Guard);

impl futures_core::Stream for Silent {
    type Item = ();
    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<()>> {
        Poll::Pending
    }
}

/// A handle of each kind of source.
struct Handles {
    timers: [Timer; 3],
    streams: [Attached; 2],
    watch: Watch,
}

/// How many guards the sources of one `Handles` hold.
const GUARDS: isize = 6;

impl Handles {
    fn new(ctx: &mut Context<Node>, check: &Check, watched: &ActorRef<Msg>) -> Self {
        let guards: [Guard; 4] = std::array::from_fn(|_| check.guard());
        let [once, every, quiet, end] = guards;
        let silent = || Silent(check.guard());
        Self {
            timers: [
                ctx.send_after(HOUR, Msg::Keep(once)),
                ctx.send_every(HOUR, move || {
                    let _ = &every;
                    note("tick")
                }),
                ctx.receive_timeout(HOUR, move || {
                    let _ = &quiet;
                    note("quiet")
                }),
            ],
            streams: [
                ctx.attach(silent(), |()| note("item")),
                ctx.attach_to_end(silent(), |_| note("item or end")),
            ],
            watch: ctx.watch(watched, move |_| Msg::Keep(end)).unwrap(),
        }
    }

    fn are_active(&self) -> Vec<bool> {
        let mut active: Vec<_> = self.timers.iter().map(Timer::is_active).collect();
        active.extend(self.streams.iter().map(Attached::is_active));
        active.push(self.watch.is_active());
        active
    }

    fn cancel(&self) {
        self.timers.iter().for_each(Timer::cancel);
        self.streams.iter().for_each(Attached::cancel);
        self.watch.cancel();
    }
}

/// Handles that only the actor itself can make, for the test.
type Made = Arc<Mutex<Vec<Handles>>>;

fn active(made: &Made) -> Vec<bool> {
    let made = made.lock().unwrap();
    made.iter().flat_map(Handles::are_active).collect()
}

/// An actor, and another one in a system of its own that it watches.
struct Fixture {
    system: System,
    other: System,
    bystander: ActorRef<Msg>,
    made: Made,
}

impl Fixture {
    fn new(check: &Check) -> Self {
        let other = System::start().unwrap();
        let bystander = other.spawn(Node::new(check, &Log::default())).unwrap();
        Self {
            system: System::start().unwrap(),
            other,
            bystander,
            made: Made::default(),
        }
    }

    /// Sets up a source of each kind.
    fn set_up(&self, check: &Check) -> impl Fn(&mut Context<Node>) + Send + Sync + 'static {
        let (check, made) = (check.clone(), Arc::clone(&self.made));
        let bystander = self.bystander.clone();
        move |ctx| {
            let handles = Handles::new(ctx, &check, &bystander);
            made.lock().unwrap().push(handles);
        }
    }

    async fn end(self) {
        self.system.stop().await.unwrap();
        self.other.stop().await.unwrap();
    }
}

#[test]
fn all_sources_end_with_their_actor_however_it_ends() {
    for end in ["drain", "stop", "kill", "fail", "panic", "itself", "empty"] {
        paused(async |check| {
            let fixture = Fixture::new(&check);
            let spec = Node::new(&check, &Log::default()).named("a").contain();
            let actor = fixture.system.spawn(spec).unwrap();
            run_in(&actor, fixture.set_up(&check)).await;
            assert_eq!(active(&fixture.made), [true; 6], "{end}");
            assert_eq!(check.alive(), 2 + GUARDS, "{end}");
            let begun = Instant::now();
            match end {
                "drain" => drop(actor.drain()),
                "stop" => drop(actor.stop()),
                "kill" => drop(actor.kill()),
                "fail" => actor.tell(Msg::Fail).await.unwrap(),
                "panic" => actor.tell(Msg::Panic).await.unwrap(),
                "itself" => actor.tell(run(|ctx| ctx.stop())).await.unwrap(),
                _ => actor.tell(run(|ctx| ctx.stop_if_empty())).await.unwrap(),
            }
            let outcome = actor.stopped().await;
            assert_eq!(outcome.is_err(), ["fail", "panic"].contains(&end), "{end}");
            assert_eq!(begun.elapsed(), Duration::ZERO, "{end}");
            assert_eq!(active(&fixture.made), [false; 6], "{end}");
            assert_eq!(check.alive(), 1, "{end}");
            check.node(actor.node());
            fixture.end().await;
        });
    }
}

#[test]
fn sources_are_gone_before_on_stop_and_none_is_taken_in_there() {
    for end in ["drain", "stop", "fail"] {
        paused(async |check| {
            let fixture = Fixture::new(&check);
            let (set_up, guards) = (fixture.set_up(&check), check.clone());
            let made = Arc::clone(&fixture.made);
            let node = Node::new(&check, &Log::default())
                .on_start(fixture.set_up(&check))
                .on_stop(move |ctx| {
                    assert_eq!(active(&made), [false; 6]);
                    assert_eq!(guards.alive(), 2);
                    set_up(ctx);
                    assert_eq!(active(&made), [false; 12]);
                    assert_eq!(guards.alive(), 2);
                });
            let actor = fixture.system.spawn(node.named("a").contain()).unwrap();
            actor.ask(Msg::Ping).await.unwrap();
            match end {
                "drain" => drop(actor.drain()),
                "stop" => drop(actor.stop()),
                _ => actor.tell(Msg::Fail).await.unwrap(),
            }
            let outcome = actor.stopped().await;
            assert_eq!(outcome.is_err(), end == "fail", "{end}: {outcome:?}");
            assert_eq!(active(&fixture.made), [false; 12], "{end}");
            fixture.end().await;
        });
    }
}

#[test]
fn a_source_that_is_set_up_during_a_drain_is_dropped_at_once() {
    paused(async |check| {
        let fixture = Fixture::new(&check);
        let log = Log::default();
        let actor = fixture.system.spawn(Node::new(&check, &log)).unwrap();
        let gate = hold(&actor).await;
        let (set_up, made) = (fixture.set_up(&check), Arc::clone(&fixture.made));
        let guards = check.clone();
        actor
            .tell(run(move |ctx| {
                set_up(ctx);
                assert_eq!(active(&made), [false; 6]);
                assert_eq!(guards.alive(), 2);
            }))
            .await
            .unwrap();
        actor.tell(note("accepted")).await.unwrap();
        let drain = actor.drain();
        gate.open();
        drain.await.unwrap();
        assert_eq!(log.entries(), ["accepted"]);
        fixture.end().await;
    });
}

#[test]
fn what_a_source_had_given_when_a_drain_began_is_handled_and_no_more() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let me = actor.clone();
        run_in(&actor, move |ctx| {
            ctx.send_every(SECOND, move || {
                drop(me.drain());
                note("given")
            });
            ctx.send_every(SECOND, || note("too late"));
        })
        .await;
        actor.stopped().await.unwrap();
        assert_eq!(log.entries(), ["given"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn due_ticks_do_not_hold_up_a_drain() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        run_in(&actor, |ctx| {
            ctx.send_every(SECOND, || note("tick"));
            ctx.send_after(SECOND, note("once"));
        })
        .await;
        let gate = hold(&actor).await;
        actor.tell(note("mail")).await.unwrap();
        sleep(5 * SECOND).await;
        let drain = actor.drain();
        gate.open();
        drain.await.unwrap();
        assert_eq!(log.entries(), ["mail"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn dropped_handles_end_nothing_and_kept_ones_hold_nothing() {
    paused(async |check| {
        let fixture = Fixture::new(&check);
        let log = Log::default();
        let actor = fixture.system.spawn(Node::new(&check, &log)).unwrap();
        let kept: Made = Arc::default();
        run_in(&actor, fixture.set_up(&check)).await;
        std::mem::swap(
            &mut *kept.lock().unwrap(),
            &mut *fixture.made.lock().unwrap(),
        );
        run_in(&actor, fixture.set_up(&check)).await;
        fixture.made.lock().unwrap().clear();
        // The new receive timeout has replaced the old one.
        assert_eq!(check.alive(), 2 + 2 * GUARDS - 1);
        sleep(HOUR + SECOND).await;
        assert!(log.entries().contains(&"tick".to_owned()));
        actor.stop().await.unwrap();
        drop(actor);
        assert_eq!(check.alive(), 1);
        assert_eq!(active(&kept), [false; 6]);
        kept.lock().unwrap()[0].cancel();
        fixture.end().await;
        kept.lock().unwrap()[0].cancel();
    });
}

#[test]
fn an_actor_that_nobody_refers_to_lives_on_with_its_timers_and_ends_with_its_owner() {
    paused(async |check| {
        let log = Log::default();
        let (begun, guards) = (Instant::now(), check.clone());
        let kept = log.clone();
        tenure::scope(async move |scope| {
            let node = Node::new(&guards, &kept).on_start(|ctx| {
                ctx.send_every(SECOND, || note("tick"));
                ctx.send_after(HOUR, note("never"));
            });
            drop(scope.spawn(node)?);
            sleep(Duration::from_millis(2_500)).await;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["tick", "tick"]);
        assert_eq!(begun.elapsed(), Duration::from_millis(2_500));
        assert_eq!(check.alive(), 0);
    });
}

#[test]
fn the_next_incarnation_has_only_what_it_sets_up_itself() {
    for (end, restart) in [
        ("fail", Restart::OnFailure),
        ("panic", Restart::OnFailure),
        ("itself", Restart::Always),
        ("empty", Restart::Always),
    ] {
        paused(async |check| {
            let fixture = Fixture::new(&check);
            let (log, starts) = (Log::default(), Count::default());
            let (guards, noted, counted) = (check.clone(), log.clone(), starts.clone());
            let in_stop = Arc::new(fixture.set_up(&check));
            let spec = ChildSpec::factory(move || {
                let (counted, in_stop) = (counted.clone(), Arc::clone(&in_stop));
                Node::new(&guards, &noted)
                    .on_start(move |ctx| {
                        counted.add();
                        let incarnation = counted.get();
                        ctx.send_every(SECOND, move || note(format!("{incarnation}")));
                    })
                    .on_stop(move |ctx| in_stop(ctx))
            });
            let actor = fixture.system.spawn(spec.restart(restart)).unwrap();
            run_in(&actor, fixture.set_up(&check)).await;
            sleep(Duration::from_millis(1_500)).await;
            match end {
                "fail" => actor.tell(Msg::Fail).await.unwrap(),
                "panic" => actor.tell(Msg::Panic).await.unwrap(),
                "itself" => actor.tell(run(|ctx| ctx.stop())).await.unwrap(),
                _ => actor.tell(run(|ctx| ctx.stop_if_empty())).await.unwrap(),
            }
            while starts.get() < 2 {
                sleep(Duration::from_millis(1)).await;
            }
            // The guards of the watched actor, and of the actor itself.
            assert_eq!(check.alive(), 2, "{end}");
            let of_both = if end == "panic" { 6 } else { 12 };
            assert_eq!(active(&fixture.made), vec![false; of_both], "{end}");
            sleep(Duration::from_millis(1_500)).await;
            assert_eq!(log.entries(), ["1", "2"], "{end}");
            actor.stop().await.unwrap();
            fixture.end().await;
        });
    }
}

#[test]
fn an_actor_that_failed_over_a_tick_is_idle_in_its_next_incarnation() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (starts, guards) = (Count::default(), check.clone());
        let counted = starts.clone();
        let spec = ChildSpec::factory(move || {
            let counted = counted.clone();
            Node::new(&guards, &Log::default()).on_start(move |ctx| {
                counted.add();
                if counted.get() == 1 {
                    ctx.send_after(SECOND, Msg::Fail);
                }
            })
        });
        let actor = system.spawn(spec.restart(Restart::OnFailure)).unwrap();
        while starts.get() < 2 {
            sleep(SECOND).await;
        }
        actor.ask(Msg::Ping).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(actor.node().label(), None);
        system.stop().await.unwrap();
    });
}
