//! A message that was accepted and is never handled is counted, and shown to the system's hook.

mod common;

use std::any::type_name;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use common::node::{Msg, Node, hold, note, run, run_in};
use common::{Check, Log, paused, time_at_work};
use tenure::prelude::*;
use tenure::{StopError, StopReason};

const SECOND: Duration = Duration::from_secs(1);

/// A system whose hook logs the path and label of each dead letter.
fn logging(letters: &Log) -> System {
    let letters = letters.clone();
    System::builder()
        .on_dead_letter(move |letter| {
            letters.push(format!("{} {}", letter.path(), letter.label()));
        })
        .start()
        .unwrap()
}

fn node(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

#[test]
fn a_hook_sees_each_lost_message_once_and_the_count_outlives_the_system() {
    paused(async |check| {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let target = Arc::new(OnceLock::new());
        let (log, id) = (Arc::clone(&seen), Arc::clone(&target));
        let system = System::builder()
            .on_dead_letter(move |letter| {
                assert_eq!(letter.path(), "/shop/till");
                assert_eq!(letter.type_name(), type_name::<Msg>());
                assert_eq!(Some(&letter.target()), id.get());
                assert!(letter.downcast_ref::<String>().is_none());
                let text = match letter.downcast_ref::<Msg>() {
                    Some(Msg::Note(text)) => text,
                    _ => "",
                };
                log.lock()
                    .unwrap()
                    .push(format!("{} {text}", letter.label()));
            })
            .start()
            .unwrap();
        let shop = system.spawn(node(&check).named("shop")).unwrap();
        let lost = check.clone();
        run_in(&shop, move |ctx| {
            ctx.spawn(node(&lost).named("till")).unwrap();
        })
        .await;
        let till = system.lookup::<Msg>("till").unwrap();
        target.set(till.id()).unwrap();
        let gate = hold(&till).await;
        till.tell(note("one")).await.unwrap();
        till.tell(Msg::Keep(check.guard())).await.unwrap();
        till.tell(note("two")).await.unwrap();
        let stopping = till.stop();
        gate.open();
        stopping.await.unwrap();
        assert_eq!(*seen.lock().unwrap(), ["Note one", "Keep ", "Note two"]);
        assert_eq!(check.alive(), 1);
        system.stop().await.unwrap();
        assert_eq!(system.dead_letters(), 3);
        assert_eq!(seen.lock().unwrap().len(), 3);
        check.node(till.node());
    });
}

#[test]
fn a_hook_that_panics_costs_no_letter_and_fails_nobody() {
    paused(async |check| {
        let log = Log::default();
        let shown = log.clone();
        let system = System::builder()
            .on_dead_letter(move |letter| {
                assert!(letter.downcast_ref::<Msg>().is_some());
                shown.push(format!("{} {}", letter.path(), letter.label()));
                panic!("the hook panics");
            })
            .start()
            .unwrap();
        let actor = system.spawn(node(&check).named("a")).unwrap();
        let gate = hold(&actor).await;
        actor.tell(note("lost")).await.unwrap();
        actor.tell(Msg::Keep(check.guard())).await.unwrap();
        let stopping = actor.stop();
        gate.open();
        assert!(matches!(stopping.await, Ok(StopReason::Stopped)));
        assert_eq!(log.entries(), ["/a Note", "/a Keep"]);
        assert_eq!(check.alive(), 0);
        system.stop().await.unwrap();
        assert_eq!(system.dead_letters(), 2);
    });
}

#[test]
fn every_end_but_a_drain_and_a_restart_leaves_letters() {
    paused(async |check| {
        let letters = Log::default();
        let system = logging(&letters);
        let mut expected = 0;
        for end in ["stop", "kill", "fail", "panic", "itself", "drain"] {
            let actor = system.spawn(node(&check).contain_as("a")).unwrap();
            let gate = hold(&actor).await;
            match end {
                "fail" => actor.tell(Msg::Fail).await.unwrap(),
                "panic" => actor.tell(Msg::Panic).await.unwrap(),
                "itself" => actor.tell(run(|ctx| ctx.stop())).await.unwrap(),
                _ => {}
            }
            for _ in 0..3 {
                actor.tell(Msg::Keep(check.guard())).await.unwrap();
            }
            match end {
                "stop" => drop(actor.stop()),
                "kill" => drop(actor.kill()),
                "drain" => drop(actor.drain()),
                _ => {}
            }
            gate.open();
            drop(actor.stopped().await);
            assert_eq!(check.alive(), 0, "{end}");
            // The message in the handler is not a dead letter, because it was begun.
            expected += if end == "drain" { 0 } else { 3 };
            assert_eq!(system.dead_letters(), expected, "{end}");
            assert!(actor.try_tell(note("refused")).is_err());
            assert_eq!(system.dead_letters(), expected, "{end}");
            check.node(actor.node());
        }
        assert_eq!(letters.entries(), vec!["/a Keep"; 15]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_restart_keeps_the_mailbox_and_loses_only_what_is_left_at_the_end() {
    paused(async |check| {
        let letters = Log::default();
        let system = logging(&letters);
        let log = Log::default();
        let (make, kept) = (log.clone(), check.clone());
        let spec = ChildSpec::factory(move || Node::new(&kept, &make))
            .restart(Restart::OnFailure)
            .name("a");
        let actor = system.spawn(spec).unwrap();
        let gate = hold(&actor).await;
        actor.tell(Msg::Fail).await.unwrap();
        actor.tell(note("kept")).await.unwrap();
        gate.open();
        actor.ask(Msg::Ping).await.unwrap();
        assert_eq!(log.entries(), ["kept"]);
        assert_eq!(system.dead_letters(), 0);
        // The stop comes while the actor waits for its next incarnation.
        actor.tell(Msg::Fail).await.unwrap();
        actor.tell(note("lost")).await.unwrap();
        while actor.node().phase() != tenure::Phase::Restarting {
            tokio::task::yield_now().await;
        }
        actor.stop().await.unwrap();
        assert_eq!(letters.entries(), ["/a Note"]);
        system.stop().await.unwrap();
        assert_eq!(system.dead_letters(), 1);
    });
}

#[test]
fn a_letter_that_came_through_a_recipient_is_of_the_actors_own_type() {
    paused(async |check| {
        let log = Log::default();
        let shown = log.clone();
        let system = System::builder()
            .on_dead_letter(move |letter| {
                assert_eq!(letter.type_name(), type_name::<Msg>());
                let Some(Msg::Note(text)) = letter.downcast_ref::<Msg>() else {
                    panic!("{letter:?}")
                };
                shown.push(text);
            })
            .start()
            .unwrap();
        let actor = system.spawn(node(&check).named("a")).unwrap();
        let recipient: Recipient<String> = actor.recipient();
        let gate = hold(&actor).await;
        recipient.tell(String::from("told")).await.unwrap();
        recipient.try_tell(String::from("tried")).unwrap();
        let stopping = actor.stop();
        gate.open();
        stopping.await.unwrap();
        assert!(recipient.try_tell(String::from("refused")).is_err());
        assert_eq!(log.entries(), ["told", "tried"]);
        system.stop().await.unwrap();
        assert_eq!(system.dead_letters(), 2);
    });
}

/// There was room, but the actor was stopped while the value was converted into a message.
#[test]
fn a_letter_is_counted_whose_target_closes_while_it_is_converted() {
    struct Closes(
        ActorRef<Late>,
        #[allow(dead_code, reason = "counted")] common::Guard,
    );
    struct Late(#[allow(dead_code, reason = "only its drop matters")] Closes);
    impl From<Closes> for Late {
        fn from(value: Closes) -> Self {
            drop(value.0.stop());
            Self(value)
        }
    }
    struct Sink;
    impl Actor for Sink {
        type Msg = Late;
        async fn handle(&mut self, _: Late, _: &mut Context<Self>) -> tenure::Result {
            panic!("it takes no more");
        }
    }
    paused(async |check| {
        let letters = Log::default();
        let system = logging(&letters);
        let sink = system.spawn(ChildSpec::new(Sink).name("sink")).unwrap();
        let recipient: Recipient<Closes> = sink.recipient();
        let value = Closes(sink.clone(), check.guard());
        // The sender has been given its room, so it is told nothing more.
        recipient.tell(value).await.unwrap();
        sink.stopped().await.unwrap();
        assert_eq!(check.alive(), 0);
        assert_eq!(letters.entries().len(), 1);
        assert_eq!(system.dead_letters(), 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn what_a_dropped_runtime_takes_with_it_is_counted_and_shown() {
    let check = Check::default();
    let letters = Log::default();
    let runtime = common::current_thread();
    let (system, spawner) = runtime.block_on(async {
        let system = logging(&letters);
        let begun = system.spawn(node(&check).named("begun")).unwrap();
        hold(&begun).await;
        begun.tell(Msg::Keep(check.guard())).await.unwrap();
        // This actor is never polled.
        let unbegun = system.spawn(node(&check).named("unbegun")).unwrap();
        unbegun.try_tell(Msg::Keep(check.guard())).unwrap();
        unbegun.try_tell(note("lost")).unwrap();
        let spawner = system.spawner();
        (system, spawner)
    });
    drop(runtime);
    assert_eq!(check.alive(), 0);
    let mut seen = letters.entries();
    seen.sort();
    assert_eq!(seen, ["/begun Keep", "/unbegun Keep", "/unbegun Note"]);
    assert_eq!(spawner.dead_letters(), 3);
    drop(system);
    assert_eq!(spawner.dead_letters(), 3);
}

#[test]
fn a_hook_may_use_the_system() {
    paused(async |check| {
        let log = Log::default();
        let postmaster: Arc<OnceLock<ActorRef<Msg>>> = Arc::default();
        let to = Arc::clone(&postmaster);
        let system = System::builder()
            .on_dead_letter(move |letter| {
                let to = to.get().unwrap();
                assert!(to.node().find("/a").is_some(), "it is stopping");
                to.try_tell(note(letter.label())).unwrap();
            })
            .start()
            .unwrap();
        let master = system.spawn(Node::new(&check, &log)).unwrap();
        postmaster.set(master.clone()).unwrap();
        let actor = system.spawn(node(&check).named("a")).unwrap();
        let gate = hold(&actor).await;
        actor.tell(note("lost")).await.unwrap();
        let stopping = actor.stop();
        gate.open();
        stopping.await.unwrap();
        master.ask(Msg::Ping).await.unwrap();
        assert_eq!(log.entries(), ["Note"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn letters_from_beneath_are_the_systems_and_those_of_another_are_not() {
    paused(async |check| {
        let letters = Log::default();
        let (system, other) = (logging(&letters), System::start().unwrap());
        let inner = check.clone();
        let task = system
            .task(async move {
                tenure::scope(async |scope| {
                    let actor = scope.spawn(node(&inner).named("a")).unwrap();
                    let gate = hold(&actor).await;
                    actor.tell(note("lost")).await.unwrap();
                    let stopping = actor.stop();
                    gate.open();
                    stopping.await.unwrap();
                    Ok(())
                })
                .await
                .unwrap();
            })
            .unwrap();
        task.await.unwrap();
        assert_eq!(system.dead_letters(), 1);
        assert_eq!(letters.entries().len(), 1);
        assert_eq!(other.dead_letters(), 0);
        system.stop().await.unwrap();
        other.stop().await.unwrap();
    });
}

#[test]
fn a_letter_whose_destructor_panics_is_counted_and_costs_no_other() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    paused(async |check| {
        let letters = Log::default();
        let system = logging(&letters);
        let actor = system.spawn(node(&check).contain_as("a")).unwrap();
        let gate = hold(&actor).await;
        let bomb = Bomb;
        actor.tell(run(move |_| drop(bomb))).await.unwrap();
        actor.tell(Msg::Keep(check.guard())).await.unwrap();
        let stopping = actor.stop();
        gate.open();
        let end = stopping.await;
        assert!(matches!(end, Err(StopError::Failed(_))), "{end:?}");
        assert_eq!(letters.entries(), ["/a Run", "/a Keep"]);
        assert_eq!(check.alive(), 0);
        system.stop().await.unwrap();
    });
}

/// The time is compared with that of sending the letters.
#[test]
fn a_million_letters_that_nobody_looks_at_stop_quickly() {
    const MANY: usize = 1_000_000;
    const ROUNDS: usize = 3;
    paused(async |check| {
        let (mut sending, mut discarding) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            let system = System::start().unwrap();
            let spec = node(&check).named("a").mailbox(Mailbox::unbounded());
            let actor = system.spawn(spec).unwrap();
            let gate = hold(&actor).await;
            let begun = time_at_work();
            for _ in 0..MANY {
                actor.try_tell(Msg::Sleep(SECOND)).unwrap();
            }
            sending = sending.min(time_at_work() - begun);
            let stopping = actor.stop();
            gate.open();
            let begun = time_at_work();
            stopping.await.unwrap();
            discarding = discarding.min(time_at_work() - begun);
            system.stop().await.unwrap();
            assert_eq!(system.dead_letters(), MANY as u64);
        }
        assert!(
            discarding < sending * 2,
            "{discarding:?} to discard what was sent in {sending:?}"
        );
    });
}

trait Contained {
    fn contain_as(self, name: &str) -> ChildSpec<Node>;
}

impl Contained for Node {
    /// A spec with this name, and with contained failures.
    fn contain_as(self, name: &str) -> ChildSpec<Self> {
        self.named(name).contain()
    }
}

#[test]
fn an_ask_whose_caller_has_gone_is_no_letter_wherever_it_is_found() {
    paused(async |check| {
        let letters = Log::default();
        let system = logging(&letters);
        for in_batch in [true, false] {
            let actor = system.spawn(node(&check).named("a")).unwrap();
            let mut asks = Vec::new();
            let first = if in_batch {
                None
            } else {
                Some(hold(&actor).await)
            };
            let gate = Arc::default();
            if in_batch {
                // This message and all that follow are taken out in one batch.
                actor.try_tell(Msg::Hold(Arc::clone(&gate))).unwrap();
            }
            actor.try_tell(note("lost")).unwrap();
            for limit in [None, Some(SECOND)] {
                for _ in 0..3 {
                    let mut ask = Box::pin({
                        let ask = actor.ask(Msg::Ping).owned();
                        match limit {
                            Some(limit) => ask.timeout(limit),
                            None => ask,
                        }
                    });
                    assert!(poll_once(&mut ask).await.is_none());
                    asks.push(ask);
                    actor.try_tell(Msg::Keep(check.guard())).unwrap();
                }
            }
            if in_batch {
                gate.reached().await;
            }
            // The first of each three is dropped.
            let before = (letters.entries().len(), system.dead_letters());
            drop(asks.remove(3));
            drop(asks.remove(0));
            let stopping = actor.stop();
            first.as_ref().unwrap_or(&gate).open();
            stopping.await.unwrap();
            for ask in asks {
                assert!(matches!(ask.await, Err(AskError::Stopped)));
            }
            let keep = "/a Keep";
            let ping = "/a Ping";
            let three = [keep, ping, keep, ping, keep];
            assert_eq!(letters.entries()[before.0], "/a Note");
            assert_eq!(letters.entries()[before.0 + 1..], [three, three].concat());
            assert_eq!(system.dead_letters() - before.1, 11);
            check.node(actor.node());
        }
        system.stop().await.unwrap();
    });
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
