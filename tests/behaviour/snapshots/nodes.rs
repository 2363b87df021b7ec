//! What a snapshot says of a single node.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{plain, settle, word};
use crate::common::node::{Gate, Msg, hold, note, run_in};
use crate::common::paused;
use tenure::observe::{GateInfo, Verdict, WaitKind};
use tenure::prelude::*;
use tenure::{Kind, Phase};
use tokio::sync::oneshot;
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn node_is_told_with_its_place_its_mailbox_and_what_it_does() {
    paused(async |check| {
        let system = System::builder().name("shop").start().unwrap();
        let spec = plain(&check).named("till").mailbox(Mailbox::bounded(8));
        let till = system.spawn(spec).unwrap();
        till.ask(Msg::Ping).await.unwrap();
        let gate = hold(&till).await;
        till.tell(note("queued")).await.unwrap();
        let permit = till.reserve().await.unwrap();

        let snapshot = system.snapshot();
        assert_eq!(snapshot.nodes.len(), 2);
        assert_eq!(snapshot.left_out.total(), 0);
        let root = &snapshot.nodes[0];
        assert_eq!((root.kind, root.depth, root.children), (Kind::System, 0, 1));
        let node = snapshot.find("shop:/till").unwrap();
        assert_eq!((node.depth, node.owner), (1, Some(root.id)));
        assert_eq!((node.kind, node.phase), (Kind::Actor, Phase::Running));
        assert_eq!(node.name.as_deref(), Some("till"));
        assert!(node.type_name.ends_with("node::Node"), "{}", node.type_name);
        assert!(
            node.site.file.ends_with("snapshots/nodes.rs"),
            "{}",
            node.site
        );
        let mailbox = node.mailbox.unwrap();
        assert_eq!((mailbox.queued, mailbox.capacity), (1, Some(8)));
        assert_eq!((mailbox.reserved, mailbox.senders_waiting), (1, 0));
        assert_eq!(mailbox.gate, GateInfo::Open);
        assert_eq!(node.handled, 2);
        assert_eq!(node.label.as_deref(), Some("Hold"));
        assert_eq!(node.verdict.word(), "busy");
        assert!(node.in_poll_for.is_none() && node.order.is_none() && node.grace.is_none());
        assert!(node.polls > 0);

        drop(permit);
        gate.open();
        till.ask(Msg::Ping).await.unwrap();
        settle().await;
        assert_eq!(word(&till.node()), "idle");
        system.stop().await.unwrap();
        assert_eq!(system.snapshot().nodes.len(), 0);
        assert!(system.snapshot().to_string().is_empty());
    });
}

/// A handler is shown by the label of its message, also in a mailbox from which messages are taken one at a time.
#[test]
fn handler_is_told_whatever_becomes_of_messages_without_room() {
    paused(async |check| {
        let system = System::start().unwrap();
        let room = Mailbox::bounded(2);
        for mailbox in [room, room.drop_oldest(), room.drop_newest()] {
            let spec = ChildSpec::new(plain(&check)).mailbox(mailbox);
            let actor = system.spawn(spec).unwrap();
            let label = || system.snapshot().nodes[1].label.clone();
            let gate = hold(&actor).await;
            assert_eq!(label().as_deref(), Some("Hold"), "{mailbox:?}");
            gate.open();
            settle().await;
            assert_eq!(label(), None, "{mailbox:?}");
            actor.stop().await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn messages_that_were_not_started_are_not_counted_as_handled() {
    paused(async |check| {
        let system = System::start().unwrap();
        let room = Mailbox::bounded(2);
        // How many of the five notes behind the current message are started.
        for (mailbox, started) in [
            (Mailbox::unbounded(), 5),
            (room.drop_oldest(), 2),
            (room.drop_newest(), 2),
            (room.drop_oldest().including_current(), 1),
        ] {
            let mut ends = system.ends(8);
            let spec = ChildSpec::new(plain(&check)).mailbox(mailbox);
            let actor = system.spawn(spec).unwrap();
            let handled = || system.snapshot().nodes[1].handled;
            for so_far in [0, started + 1] {
                let gate = hold(&actor).await;
                for _ in 0..5 {
                    actor.tell(note("queued")).await.unwrap();
                }
                assert_eq!(handled(), so_far + 1, "{mailbox:?}");
                gate.open();
                settle().await;
                assert_eq!(handled(), so_far + 1 + started, "{mailbox:?}");
            }
            actor.stop().await.unwrap();
            let end = ends.recv().await.unwrap();
            assert_eq!(end.handled, 2 * (started + 1), "{mailbox:?}");
        }

        let actor = system.spawn(plain(&check)).unwrap();
        let gate = hold(&actor).await;
        for _ in 0..3 {
            let given_up = actor.ask(Msg::Ping).timeout(Duration::ZERO).await;
            given_up.unwrap_err();
            let mut dropped = Box::pin(actor.ask(Msg::Ping));
            assert!(
                std::future::poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx)))
                    .await
                    .is_pending()
            );
        }
        gate.open();
        actor.ask(Msg::Ping).await.unwrap();
        settle().await;
        assert_eq!(system.snapshot().nodes[1].handled, 2);
        system.stop().await.unwrap();
    });
}

#[test]
fn messages_that_an_end_discards_are_not_counted_as_handled() {
    paused(async |check| {
        let system = System::start().unwrap();
        let room = Mailbox::bounded(2);
        for mailbox in [
            Mailbox::unbounded(),
            room.drop_oldest(),
            room.including_current(),
        ] {
            for (kills, begins) in [(false, true), (true, true), (true, false)] {
                let mut ends = system.ends(8);
                let letters = system.dead_letters();
                let spec = ChildSpec::new(plain(&check)).mailbox(mailbox);
                let actor = system.spawn(spec).unwrap();
                let gate = match begins {
                    true => Some(hold(&actor).await),
                    false => None,
                };
                let mut queued = 0;
                for _ in 0..2 {
                    queued += u64::from(actor.try_tell(note("queued")).is_ok());
                }
                let end = match kills {
                    true => actor.kill(),
                    false => actor.stop(),
                };
                if let Some(gate) = gate {
                    gate.open();
                }
                end.await.unwrap();
                assert_eq!(actor.node().backlog(), 0);
                assert_eq!(ends.recv().await.unwrap().handled, u64::from(begins));
                assert_eq!(system.dead_letters() - letters, queued);
            }
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn handler_lasts_since_it_was_first_seen_and_with_timings_since_it_began() {
    paused(async |check| {
        for timings in [false, true] {
            let builder = System::builder();
            let builder = if timings { builder.timings() } else { builder };
            let system = builder.start().unwrap();
            let actor = system.spawn(plain(&check)).unwrap();
            let gate = hold(&actor).await;
            sleep(Duration::from_secs(2)).await;
            let lasted = || system.snapshot().nodes[1].handling_for.unwrap();
            let first = lasted();
            sleep(Duration::from_secs(3)).await;
            let second = lasted();
            let secs = (first.as_secs_f64().round(), second.as_secs_f64().round());
            assert_eq!(secs, if timings { (2.0, 5.0) } else { (0.0, 3.0) });
            gate.open();
            system.stop().await.unwrap();
        }
    });
}

/// Though the actor was busy at each look.
#[test]
fn messages_that_follow_each_other_are_not_one_long_handler() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(plain(&check)).unwrap();
        let lasted = || system.snapshot().nodes[1].handling_for.unwrap();
        let (first, second) = (hold(&actor).await, Arc::new(Gate::default()));
        actor.tell(Msg::Hold(Arc::clone(&second))).await.unwrap();
        assert_eq!(lasted(), Duration::ZERO);
        sleep(Duration::from_secs(3)).await;
        first.open();
        second.reached().await;
        assert_eq!(lasted(), Duration::ZERO);
        second.open();
        system.stop().await.unwrap();
    });
}

#[test]
fn sources_are_counted_and_the_next_timer_is_told() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(plain(&check)).unwrap();
        let watched = system.task(std::future::pending::<()>()).unwrap();
        let node = watched.node();
        run_in(&actor, move |ctx| {
            ctx.send_after(Duration::from_secs(60), note("once"));
            ctx.send_every(Duration::from_secs(10), || note("tick"));
            ctx.receive_timeout(Duration::from_secs(45), || note("quiet"));
            ctx.watch(node, |_| note("end")).unwrap();
        })
        .await;
        settle().await;
        let sources = || system.snapshot().nodes[1].sources.unwrap();
        let counts = |of: tenure::observe::SourcesInfo| (of.timers, of.streams, of.watches);
        assert_eq!(counts(sources()), (3, 0, 1));
        let due = sources().next_due_in.unwrap();
        assert!((9.9..10.1).contains(&due.as_secs_f64()), "{due:?}");
        sleep(Duration::from_secs(14)).await;
        let due = sources().next_due_in.unwrap();
        assert!((5.9..6.1).contains(&due.as_secs_f64()), "{due:?}");
        watched.cancel();
        sleep(Duration::from_secs(50)).await;
        assert_eq!(counts(sources()), (2, 0, 0));
        actor.stop().await.unwrap();

        let actor = system.spawn(plain(&check)).unwrap();
        run_in(&actor, |ctx| {
            drop(ctx.send_after(Duration::from_secs(60), note("once")));
        })
        .await;
        let due = system.snapshot().nodes[1].sources.unwrap().next_due_in;
        assert_eq!(due.map(|due| due.as_secs()), Some(60));
        system.stop().await.unwrap();
    });
}

/// Its labels are slices of one text: they begin at the same address.
struct Parts;

impl Actor for Parts {
    type Msg = (&'static str, ReplyTo<()>);

    async fn handle(&mut self, (_, reply): Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.gone().await;
        Ok(())
    }

    fn label((text, _): &Self::Msg) -> &'static str {
        text
    }
}

#[test]
fn label_that_another_begins_with_is_told_from_that() {
    const ALL: &str = "put all";
    paused(async |_check| {
        let system = System::start().unwrap();
        let actor = system.spawn(Parts).unwrap();
        for text in [&ALL[..3], ALL, &ALL[..3]] {
            let asking = actor.ask(|reply| (text, reply));
            let label = async {
                settle().await;
                system.snapshot().nodes[1].label.clone()
            };
            tokio::select! {
                asked = asking => panic!("{asked:?}"),
                label = label => assert_eq!(label.as_deref(), Some(text)),
            }
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn restarting_actor_tells_of_its_attempts_and_of_its_last_failure() {
    paused(async |check| {
        let system = System::start().unwrap();
        let check = check.clone();
        let factory = move || plain(&check);
        let spec = ChildSpec::factory(factory)
            .name("fails")
            .restart(tenure::Restart::OnFailure)
            .backoff(Backoff::fixed(Duration::from_secs(4)));
        let fails = system.spawn(spec).unwrap();
        fails.tell(Msg::Fail).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let snapshot = system.snapshot();
        let node = snapshot.find("/fails").unwrap();
        assert_eq!(node.phase, Phase::Restarting);
        let shown = node.verdict.to_string();
        assert!(
            shown.starts_with("restarting: attempt 1 of 3, in "),
            "{shown}"
        );
        let restarts = node.restarts.as_ref().unwrap();
        assert_eq!((restarts.recent, restarts.limit), (1, 3));
        let failure = restarts.last_failure.as_ref().unwrap();
        assert!(failure.contains("it fails"), "{failure}");
        assert_eq!(node.waits[0].kind, WaitKind::Backoff);
        fails.ask(Msg::Ping).await.unwrap();
        settle().await;
        let snapshot = system.snapshot();
        let node = snapshot.find("/fails").unwrap();
        assert_eq!(node.verdict, Verdict::Idle);
        assert_eq!(node.restarts.as_ref().unwrap().due_in, None);
        system.stop().await.unwrap();
    });
}

#[test]
fn names_of_any_sort_are_bounded_and_leave_the_tree_in_its_lines() {
    paused(async |check| {
        let system = System::start().unwrap();
        let names = [
            "a\nb\u{1b}[2J",
            "<script>alert(1)</script >".trim_end(),
            &"x".repeat(100_000),
        ];
        for name in names {
            let name = name.replace('/', "");
            system.spawn(plain(&check).named(&name)).unwrap();
        }
        settle().await;
        let snapshot = system.snapshot();
        let shown = snapshot.to_string();
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(shown.len() < 2_000 && !shown.contains('\u{1b}'), "{shown}");
        assert!(
            snapshot.find("/<script>alert(1)<script >").is_some(),
            "{shown}"
        );
        system.stop().await.unwrap();
    });
}

#[test]
fn ticks_that_follow_each_other_are_not_one_long_handler() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(plain(&check)).unwrap();
        run_in(&actor, |ctx| {
            drop(ctx.send_every(Duration::from_millis(10), || {
                Msg::Sleep(Duration::from_millis(9))
            }));
        })
        .await;
        // Each snapshot is taken in the middle of a handler.
        sleep(Duration::from_millis(5)).await;
        for _ in 0..50 {
            sleep(Duration::from_millis(10)).await;
            let snapshot = system.snapshot();
            let lasted = snapshot.nodes[1].handling_for.unwrap();
            assert!(lasted < Duration::from_millis(20), "{lasted:?}");
        }
        system.stop().await.unwrap();
    });
}

/// The body of a scope has returned, and its task goes on.
#[test]
fn code_that_has_ended_is_in_no_poll() {
    paused(async |_check| {
        let (to, opened) = oneshot::channel();
        let running = tenure::scope(async |scope| {
            scope.task(sleep(2 * Duration::from_secs(1)))?;
            drop(to.send(scope.node()));
            Ok(())
        });
        let looking = async {
            let scope = opened.await.unwrap();
            sleep(Duration::from_secs(1)).await;
            let snapshot = scope.snapshot();
            assert!(snapshot.nodes[0].polls > 0);
            assert_eq!(snapshot.nodes[0].in_poll_for, None);
        };
        let (ended, ()) = tokio::join!(running, looking);
        ended.unwrap();
    });
}

/// It has no mailbox, and nobody counts who refers to it.
#[test]
fn task_has_nothing_in_hand() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let task = system.task(std::future::pending::<()>()).unwrap();
        let (node, snapshot) = (task.node(), task.node().snapshot());
        assert_eq!((node.backlog(), node.in_hand()), (0, 0));
        assert_eq!(snapshot.nodes[0].references, None);
        assert!(snapshot.nodes[0].mailbox.is_none());
        drop(system.kill().await);
    });
}

/// Whatever the node has done between two looks, and also if its asks have a limit by default.
#[test]
fn age_counts_from_the_first_look() {
    paused(async |check| {
        for builder in [System::builder(), System::builder().ask_timeout(HOUR)] {
            let system = builder.start().unwrap();
            let actor = system.spawn(plain(&check)).unwrap();
            let age = || system.snapshot().nodes[1].age;
            assert_eq!(age(), Duration::ZERO);
            sleep(Duration::from_secs(3)).await;
            assert_eq!(age().as_secs_f64().round(), 3.0);
            let limit = Duration::from_secs(60);
            actor.ask(Msg::Ping).timeout(limit).await.unwrap();
            sleep(Duration::from_secs(4)).await;
            assert_eq!(age().as_secs_f64().round(), 7.0);
            system.stop().await.unwrap();
        }
    });
}
