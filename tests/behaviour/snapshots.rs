//! What a snapshot tells of each node.

use std::sync::Arc;
use std::time::Duration;

use tenure::observe::{AskedBy, Fate, GateInfo, OrderKind, SnapshotOptions, Verdict, WaitKind};
use tenure::prelude::*;
use tenure::{Kind, NodeRef, Phase};
use tokio::time::sleep;

use crate::common::node::{Msg, Node, hold, note, run, run_in};
use crate::common::{Check, Log, in_order, paused};

fn word(node: &NodeRef) -> &'static str {
    let snapshot = node.snapshot();
    snapshot.nodes[0].verdict.word()
}

/// Lets others go on until they wait for something.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

fn plain(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

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
        assert!(node.site.file.ends_with("snapshots.rs"), "{}", node.site);
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

#[test]
fn stopping_node_tells_who_asked_and_what_will_become_of_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = plain(&check).named("slow").grace(Duration::from_secs(5));
        let slow = system.spawn(spec).unwrap();
        let gate = hold(&slow).await;
        let stopping = slow.stop();
        let line = line!() - 1;
        settle().await;
        sleep(Duration::from_secs(3)).await;

        let snapshot = system.snapshot();
        let node = snapshot.find("/slow").unwrap();
        let order = node.order.as_ref().unwrap();
        assert_eq!(
            (order.kind, &order.by),
            (OrderKind::Stop, &AskedBy::Outside)
        );
        assert_eq!(order.site.as_ref().unwrap().line, line);
        assert_eq!(order.ago.unwrap().as_secs(), 3);
        let grace = node.grace.as_ref().unwrap();
        assert_eq!((grace.whole.as_secs(), grace.used.as_secs()), (5, 3));
        assert!(grace.is_counting);
        assert_eq!(grace.then, Fate::Killed);
        let left = grace.left.unwrap().as_secs_f64();
        assert!((1.9..2.1).contains(&left), "{left}");
        assert_eq!(node.mailbox.unwrap().gate, GateInfo::Closed);
        assert!(node.holds_up_stop);
        assert_eq!(snapshot.blockers()[0].path, "/slow");
        let shown = node.verdict.to_string();
        assert!(
            shown.starts_with("stopping for 3.0 s, is killed in 1.9"),
            "{shown}"
        );
        assert!(snapshot.to_string().contains("* "), "{snapshot}");

        gate.open();
        stopping.await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn order_names_the_node_that_gave_it_or_the_owner_or_itself() {
    paused(async |check| {
        let system = System::start().unwrap();
        let boss = system.spawn(plain(&check).named("boss")).unwrap();
        let told = system.spawn(plain(&check).named("told")).unwrap();
        let gate = hold(&told).await;
        let target = told.clone();
        run_in(&boss, move |_| target.request_drain()).await;
        let by = |path: &str| {
            let snapshot = system.snapshot();
            let order = snapshot.find(path).unwrap().order.clone().unwrap();
            (order.kind, order.by)
        };
        let path = String::from("/boss");
        assert_eq!(by("/told"), (OrderKind::Drain, AskedBy::Node { path }));

        let itself = system.spawn(plain(&check).named("itself")).unwrap();
        itself.tell(run(|ctx| ctx.stop())).await.unwrap();
        let own = hold_after_own_stop(&itself).await;
        // The owner tells those beneath it, the youngest first.
        let stopping = system.stop();
        settle().await;
        if let Some((order, asked)) = own {
            assert_eq!((order, asked), (OrderKind::Stop, AskedBy::Itself));
        }
        gate.open();
        stopping.await.unwrap();
    });
}

/// What is told of one that has stopped itself, if it is still there.
async fn hold_after_own_stop(actor: &ActorRef<Msg>) -> Option<(OrderKind, AskedBy)> {
    let snapshot = actor.node().snapshot();
    let order = snapshot.nodes.first()?.order.clone()?;
    Some((order.kind, order.by))
}

#[test]
fn owner_in_its_end_waits_for_its_child_which_was_told_by_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let child = plain(&check).named("child");
        let (send, receive) = tokio::sync::oneshot::channel();
        run_in(&owner, move |ctx| {
            drop(send.send(ctx.spawn(child).unwrap()))
        })
        .await;
        let child = receive.await.unwrap();
        let gate = hold(&child).await;
        let stopping = owner.stop();
        settle().await;

        let snapshot = system.snapshot();
        let node = snapshot.find("/owner").unwrap();
        assert_eq!(node.waits[0].kind, WaitKind::Child);
        assert_eq!(node.waits[0].target.as_ref().unwrap().path, "/owner/child");
        assert!(!node.holds_up_stop);
        let shown = node.verdict.to_string();
        assert!(
            shown.contains("waits for the end of child /owner/child"),
            "{shown}"
        );
        let child = snapshot.find("/owner/child").unwrap();
        assert_eq!(child.order.as_ref().unwrap().by, AskedBy::Owner);
        assert!(child.holds_up_stop);

        gate.open();
        stopping.await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn waits_are_told_with_what_they_wait_for_and_since_when() {
    paused(async |check| {
        let system = System::start().unwrap();
        let target = system.spawn(plain(&check).named("target")).unwrap();
        let gate = hold(&target).await;
        let asked = target.clone();
        let asker = system
            .task(TaskSpecOf::named("asker", async move {
                asked.ask(Msg::Ping).await.unwrap();
            }))
            .unwrap();
        settle().await;
        let wait = || {
            let snapshot = system.snapshot();
            let node = snapshot.find("/asker").unwrap();
            assert_eq!(node.verdict.word(), "waiting");
            node.waits[0].clone()
        };
        assert_eq!(wait().kind, WaitKind::Reply);
        sleep(Duration::from_secs(4)).await;
        let wait = wait();
        assert_eq!(wait.target.as_ref().unwrap().path, "/target");
        assert_eq!(wait.lasted.unwrap().as_secs(), 4);
        assert_eq!(wait.to_string(), "a reply of /target for 4.0 s");
        gate.open();
        asker.await.unwrap();
        system.stop().await.unwrap();
    });
}

struct TaskSpecOf;

impl TaskSpecOf {
    fn named<F>(name: &str, future: F) -> tenure::TaskSpec<F>
    where
        F: std::future::Future<Output = ()> + Send + 'static,
    {
        tenure::TaskSpec::new(future).name(name)
    }
}

#[test]
fn full_mailbox_tells_how_many_wait_for_room() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = plain(&check).named("full").mailbox(Mailbox::bounded(1));
        let full = system.spawn(spec).unwrap();
        let gate = hold(&full).await;
        full.tell(note("first")).await.unwrap();
        let mut senders = Vec::new();
        for _ in 0..3 {
            let full = full.clone();
            let send = async move { full.tell(note("more")).await.unwrap() };
            senders.push(system.task(send).unwrap());
        }
        settle().await;
        let snapshot = system.snapshot();
        let node = snapshot.find("/full").unwrap();
        assert!(node.mailbox.unwrap().is_full());
        match &node.verdict {
            Verdict::Full {
                queued,
                senders,
                label,
                ..
            } => {
                assert_eq!((*queued, *senders, label.as_deref()), (1, 3, Some("Hold")));
            }
            other => panic!("{other}"),
        }
        assert_eq!(snapshot.trouble().len(), 1);
        let sender = snapshot
            .nodes
            .iter()
            .find(|node| node.kind == Kind::Task)
            .unwrap();
        assert_eq!(sender.waits[0].kind, WaitKind::Room);
        gate.open();
        for sender in senders {
            sender.await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn cycle_that_the_crate_lets_through_is_a_deadlock_of_all_in_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let ping = system.spawn(Asks::named("ping", &check)).unwrap();
        let pong = system.spawn(Asks::named("pong", &check)).unwrap();
        ping.tell(Ask::Of(pong.clone())).await.unwrap();
        pong.tell(Ask::Of(ping.clone())).await.unwrap();
        settle().await;
        let snapshot = system.snapshot();
        for (path, other) in [("/ping", "/pong"), ("/pong", "/ping")] {
            let node = snapshot.find(path).unwrap();
            let Verdict::Deadlocked { cycle, is_limited } = &node.verdict else {
                panic!("{}", node.verdict);
            };
            assert_eq!(cycle, &[path, other]);
            assert!(is_limited);
        }
        system.kill().await.unwrap();
    });
}

/// An actor that asks others although that may be a cycle.
struct Asks(#[expect(dead_code, reason = "it counts what is alive")] crate::common::Guard);

enum Ask {
    Of(ActorRef<Ask>),
    Reply(ReplyTo<()>),
}

impl Asks {
    fn named(name: &str, check: &Check) -> ChildSpec<Self> {
        ChildSpec::new(Self(check.guard())).name(name)
    }
}

impl Actor for Asks {
    type Msg = Ask;

    async fn handle(&mut self, msg: Ask, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            Ask::Of(other) => other.ask(Ask::Reply).even_if_cyclic().await?,
            Ask::Reply(reply) => reply.send(()),
        }
        Ok(())
    }
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
        system.stop().await.unwrap();
    });
}

#[test]
fn limits_are_kept_and_what_is_left_out_is_counted() {
    paused(async |check| {
        let system = System::start().unwrap();
        for number in 0..10 {
            system
                .spawn(plain(&check).named(&format!("worker-{number}")))
                .unwrap();
        }
        let owner = system.spawn(plain(&check).named("owner")).unwrap();
        let child = plain(&check).named("child");
        run_in(&owner, move |ctx| drop(ctx.spawn(child).unwrap())).await;
        settle().await;
        let with = |options: SnapshotOptions| system.node().snapshot_with(&options);

        let all = with(SnapshotOptions::new());
        assert_eq!(
            (all.nodes.len(), all.count(), all.left_out.total()),
            (13, 12, 0)
        );
        let paths: Vec<_> = all.nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths[1], "/worker-0");
        assert_eq!(paths[11..], ["/owner", "/owner/child"]);

        let shallow = with(SnapshotOptions::new().depth(1));
        assert_eq!((shallow.nodes.len(), shallow.left_out.by_depth), (12, 1));
        let few = with(SnapshotOptions::new().nodes(5));
        assert_eq!((few.nodes.len(), few.left_out.by_number), (5, 7));
        let none = with(SnapshotOptions::new().nodes(0));
        assert_eq!((none.nodes.len(), none.left_out.total()), (0, 1));

        let under = with(SnapshotOptions::new().under("/owner"));
        let paths: Vec<_> = under.nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths, ["/owner", "/owner/child"]);
        assert_eq!(under.left_out.by_filter, 11);
        let kind = with(SnapshotOptions::new().kind(Kind::System));
        assert_eq!(kind.nodes.len(), 1);
        let typed = with(SnapshotOptions::new().type_name("node::Node"));
        assert_eq!(typed.nodes.len(), 12);
        system.stop().await.unwrap();
    });
}

#[test]
fn groups_count_by_type_and_site_and_tell_the_change() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spawn = || drop(system.spawn(plain(&check)).unwrap());
        (0..3).for_each(|_| spawn());
        let task = system.task(std::future::pending::<()>()).unwrap();
        settle().await;
        let before = system.snapshot();
        let groups = before.groups();
        assert_eq!(groups.groups[0].count, 3);
        (0..2).for_each(|_| spawn());
        task.cancel();
        sleep(Duration::from_secs(60)).await;
        let now = system.snapshot();
        let change = now.since(&before);
        assert_eq!(change.compared_over.unwrap().as_secs(), 60);
        let changes: Vec<_> = change.groups.iter().map(|g| (g.count, g.change)).collect();
        assert_eq!(changes, [(5, Some(2)), (1, Some(0)), (0, Some(-1))]);
        assert!(change.to_string().contains("+2"), "{change}");
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
fn unreachable_actor_is_found_and_nothing_else_is() {
    // A simulation has references of its own.
    in_order(async |check| {
        let system = System::start().unwrap();
        drop(system.spawn(plain(&check)).unwrap());
        let kept = system.spawn(plain(&check)).unwrap();
        drop(system.spawn(plain(&check).named("named")).unwrap());
        let ticks = system.spawn(plain(&check)).unwrap();
        run_in(&ticks, |ctx| {
            drop(ctx.send_after(Duration::from_secs(900), note("late")))
        })
        .await;
        drop(ticks);
        let recipient = system.spawn(plain(&check)).unwrap().recipient::<String>();
        let parent = system.spawn(plain(&check)).unwrap();
        let child = plain(&check).named("child");
        run_in(&parent, move |ctx| drop(ctx.spawn(child).unwrap())).await;
        drop(parent);
        settle().await;
        let words = || -> Vec<_> {
            let snapshot = system.snapshot();
            let nodes = snapshot.nodes.iter().skip(1);
            nodes.map(|node| node.verdict.word()).collect()
        };
        let idle = "idle";
        assert_eq!(words(), ["unreachable", idle, idle, idle, idle, idle, idle]);
        sleep(Duration::from_secs(7)).await;
        let snapshot = system.snapshot();
        let found = snapshot.trouble();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].references, Some(0));
        let shown = found[0].verdict.to_string();
        assert_eq!(shown, "unreachable for 7.0 s: nothing can wake it again");
        assert_eq!(snapshot.node(kept.id()).unwrap().references, Some(1));
        // What is referred to once more is none.
        drop((kept, recipient));
        assert_eq!(words()[1], "unreachable");
        let again: Arc<NodeRef> = Arc::new(system.children()[0].clone());
        assert_eq!(words()[0], idle);
        drop(again);
        system.stop().await.unwrap();
    });
}

#[test]
fn weak_reference_hides_no_leak_and_is_counted_apart() {
    // A simulation has references of its own.
    in_order(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(plain(&check)).unwrap();
        let weak = actor.downgrade();
        assert_eq!(weak.upgrade(), Some(actor.clone()));
        drop(actor);
        settle().await;
        let snapshot = system.snapshot();
        let shown = snapshot.nodes[1].verdict.to_string();
        assert!(
            shown.ends_with("unless by one of 1 weak references"),
            "{shown}"
        );
        weak.upgrade().unwrap().ask(Msg::Ping).await.unwrap();
        system.stop().await.unwrap();
        assert_eq!(weak.upgrade(), None);
    });
}

#[test]
fn two_systems_and_ended_ones_are_told_apart() {
    paused(async |check| {
        let [one, other] =
            ["one", "other"].map(|name| System::builder().name(name).start().unwrap());
        let actor = one.spawn(plain(&check).named("same")).unwrap();
        other.spawn(plain(&check).named("same")).unwrap();
        settle().await;
        assert!(one.snapshot().find("one:/same").is_some());
        assert!(one.snapshot().find("other:/same").is_none());
        assert_eq!(other.snapshot().nodes.len(), 2);
        one.stop().await.unwrap();
        assert_eq!(actor.node().snapshot().nodes.len(), 0);
        assert_eq!(one.snapshot().groups().groups.len(), 0);
        assert_eq!(other.snapshot().nodes.len(), 2);
        other.stop().await.unwrap();
    });
}

#[test]
fn snapshots_while_a_tree_ends_and_begins_are_whole() {
    paused(async |check| {
        let system = System::start().unwrap();
        for round in 0..20 {
            let owner = system.spawn(plain(&check).named("owner")).unwrap();
            let of = check.clone();
            run_in(&owner, move |ctx| {
                for _ in 0..10 {
                    drop(ctx.spawn(plain(&of)).unwrap());
                }
            })
            .await;
            let stopping = owner.stop();
            for _ in 0..round {
                tokio::task::yield_now().await;
                let snapshot = system.snapshot();
                for node in &snapshot.nodes {
                    let owner = node.owner.map(|owner| snapshot.node(owner));
                    assert!(owner.is_none_or(|owner| owner.is_some()), "{snapshot}");
                }
            }
            stopping.await.unwrap();
        }
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
        for _ in 0..50 {
            sleep(Duration::from_millis(10)).await;
            let snapshot = system.snapshot();
            let lasted = snapshot.nodes[1].handling_for.unwrap_or_default();
            assert!(lasted < Duration::from_millis(20), "{lasted:?}");
        }
        system.stop().await.unwrap();
    });
}
