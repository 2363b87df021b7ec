//! The `Debug` texts of nodes, references, waits and specs, and how nodes are compared.

use crate::common;

use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::time::Duration;

use common::node::{Msg, Node, hold, note, run_in};
use common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{ChildExit, Deadline, NodeRef, TaskSpec, Watched};
use tokio::time::Instant;

fn hash(reference: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(reference)
}

/// Compares the `Debug` text of each value.
fn assert_shown<const N: usize>(shown: [(&dyn Debug, &str); N]) {
    for (value, text) in shown {
        assert_eq!(format!("{value:?}"), text);
    }
}

#[test]
fn nodes_and_waits_say_what_they_are() {
    paused(async |check| {
        let (log, letters) = (Log::default(), Log::default());
        let seen = letters.clone();
        let system = System::builder()
            .name("shop")
            .on_dead_letter(move |letter| {
                seen.push(format!("{letter:?}"));
                seen.push(letter.label());
                seen.push(letter.type_name());
            })
            .start()
            .unwrap();
        let till = system.spawn(Node::new(&check, &log).named("till")).unwrap();
        let other = system.spawn(Node::new(&check, &log)).unwrap().node();
        let node = till.node();
        assert!(node.type_name().ends_with("node::Node"));
        assert_eq!(hash(&node), hash(node.clone()));
        assert_ne!(hash(&node), hash(&other));
        let gate = hold(&till).await;
        assert_eq!(
            format!("{node:?}"),
            r#"NodeRef { path: "shop:/till", kind: Actor, phase: Running }"#
        );
        till.tell(note("lost")).await.unwrap();
        assert_eq!(format!("{:?}", till.stopped()), "Stopped { .. }");
        let stopping = till.stop();
        assert_eq!(format!("{stopping:?}"), "Stopping { .. }");
        gate.open();
        drop(stopping.await);
        let msg = std::any::type_name::<common::node::Msg>();
        let shown = format!(
            r#"DeadLetter {{ path: "shop:/till", label: "Note", type_name: "{msg}", .. }}"#
        );
        assert_eq!(letters.entries(), [shown.as_str(), "Note", msg]);
        system.stop().await.unwrap();
    });
}

#[test]
fn references_are_told_apart_by_their_actors() {
    paused(async |check| {
        let system = System::start().unwrap();
        let [one, other] = [(); 2].map(|()| Node::new(&check, &Log::default()));
        let (one, other) = (system.spawn(one).unwrap(), system.spawn(other).unwrap());
        let again = one.downgrade().upgrade().unwrap();
        assert_eq!((&one, hash(&one)), (&again, hash(&again)));
        assert_ne!(one, other);
        assert_ne!(hash(&one), hash(&other));
        system.stop().await.unwrap();
    });
}

#[test]
fn references_futures_and_specs_say_what_they_are() {
    paused(async |check| {
        let system = System::builder().name("shop").start().unwrap();
        let till = Node::new(&check, &Log::default()).named("till");
        let till = system.spawn(till).unwrap();
        let recipient = till.recipient::<String>();
        let task = system.task(async {}).unwrap();
        let permit = till.reserve().await.unwrap();
        assert_shown([
            (&till, r#"ActorRef("shop:/till")"#),
            (&recipient, r#"Recipient("shop:/till")"#),
            (
                &till.downgrade(),
                r#"WeakRef(Some(ActorRef("shop:/till")))"#,
            ),
            (&till.tell(note("")), "Tell { .. }"),
            (&till.ask(Msg::Ping), "Ask { .. }"),
            (&till.reserve(), "Reserve { .. }"),
            (&permit, "Permit { .. }"),
            (&recipient.tell(String::new()), "RecipientTell { .. }"),
            (&task, "TaskHandle { .. }"),
        ]);
        drop(permit);
        run_in(&till, |ctx| {
            let me = ctx.me();
            let [aside, handed_on] = [(); 2].map(|()| ctx.stash(note("")));
            assert_shown([
                (ctx, r#"Context { me: ActorRef("shop:/till") }"#),
                (&ctx.spawner(), r#"Spawner("shop:/till")"#),
                (&ctx.cancelled(), "Cancelled"),
                (&aside, "Stashed { is_abandoned: false, .. }"),
                (&handed_on.forward(&me), "Forward { .. }"),
            ]);
            assert_shown([(&ctx.next(), "Next")]);
        })
        .await;

        let limit = Instant::now() + Duration::from_secs(1);
        let deadline = Deadline::at(limit);
        assert_eq!(
            format!("{deadline:?}"),
            format!("Deadline({:?})", Some(limit))
        );
        deadline.lift();
        assert_shown([(&deadline, "Deadline(None)")]);
        let spec = TaskSpec::new(async {}).name("sum");
        let shown = format!("{spec:?}");
        let (head, rest) = (
            "TaskSpec { options: TaskOptions { ",
            r#"name: Some("sum"), "#,
        );
        assert!(shown.starts_with(&format!("{head}{rest}")), "{shown}");
        let with_token = TaskSpec::with_token(|_| async {}).into_inner();
        let blocking = TaskSpec::blocking(|_| ()).into_inner();
        assert_shown([(&with_token, "WithToken(..)"), (&blocking, "Blocking(..)")]);

        task.await.unwrap();
        system.stop().await.unwrap();
        let gone = till.downgrade();
        drop((till, recipient));
        assert_shown([(&gone, "WeakRef(None)")]);
    });
}

/// Keeps what it is shown of ends.
struct Sees(Log);

enum Seen {
    Child,
    Watch(NodeRef),
    Ended(Watched),
}

impl Actor for Sees {
    type Msg = Seen;

    async fn handle(&mut self, msg: Seen, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Seen::Child => drop(ctx.task(TaskSpec::new(async {}).name("child"))?),
            Seen::Watch(node) => drop(ctx.watch(node, Seen::Ended)?),
            Seen::Ended(watched) => self.0.push(format!("{watched:?}")),
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(format!("{exit:?}"));
        Ok(())
    }
}

#[test]
fn ends_say_whose_they_are() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let sees = system
            .spawn(ChildSpec::new(Sees(log.clone())).name("sees"))
            .unwrap();
        sees.tell(Seen::Child).await.unwrap();
        settled().await;
        let till = Node::new(&check, &log).named("till");
        let till = system.spawn(till).unwrap();
        sees.tell(Seen::Watch(till.node())).await.unwrap();
        settled().await;
        till.stop().await.unwrap();
        settled().await;
        assert_eq!(
            log.entries(),
            [
                r#"ChildExit { path: "/sees/child", kind: Task, reason: Finished }"#,
                r#"Watched { path: "/till", kind: Actor, reason: Stopped }"#,
            ]
        );
        system.stop().await.unwrap();
    });
}
