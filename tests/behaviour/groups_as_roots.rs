//! A `Group` of specs is a root without an actor written for it.

use crate::common::node::{Msg, Node};
use crate::common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{AutoShutdown, RunError};

/// Logs its start and its stop.
fn logs(name: &'static str, check: &Check, log: &Log) -> ChildSpec<Node> {
    let (started, stopped) = (log.clone(), log.clone());
    let node = Node::new(check, log)
        .on_start(move |_| started.push(format!("{name} starts")))
        .on_stop(move |_| stopped.push(format!("{name} stops")));
    node.named(name)
}

fn failure_of(ran: Result<(), RunError>) -> String {
    ran.unwrap_err().to_string()
}

#[test]
fn children_start_in_their_order_and_stop_the_other_way_round() {
    paused(async |check| {
        let log = Log::default();
        let last = log.clone();
        let ends = Node::new(&check, &log).on_start(move |ctx| {
            last.push("c starts");
            ctx.stop();
        });
        let group = Group::new()
            .with(logs("a", &check, &log))
            .with(logs("b", &check, &log))
            .with(ends.named("c").significant());
        assert_eq!((group.len(), group.is_empty()), (3, false));
        let spec = ChildSpec::new(group).auto_shutdown(AutoShutdown::Any);
        System::run(spec).await.unwrap();
        let expected = ["a starts", "b starts", "c starts", "b stops", "a stops"];
        assert_eq!(log.entries(), expected);
    });
}

#[test]
fn group_can_be_collected_and_its_children_are_found_beneath_it() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let group: Group = ["a", "b"]
                .map(|name| logs(name, &check, &log))
                .into_iter()
                .collect();
            let group = scope.start(ChildSpec::new(group).name("group")).await?;
            let child = scope.lookup::<Msg>("/group/b")?;
            child.ask(Msg::Ping).await?;
            assert_eq!(group.node().children().len(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn group_without_children_is_refused() {
    paused(async |_| {
        let failure = failure_of(System::run(Group::new()).await);
        assert!(
            failure.ends_with("/root failed: a group needs at least one child"),
            "{failure}"
        );
    });
}

#[test]
fn two_children_of_one_name_are_refused_before_any_is_started() {
    paused(async |check| {
        let log = Log::default();
        let group = Group::new()
            .with(logs("a", &check, &log))
            .with(logs("b", &check, &log))
            .with(logs("a", &check, &log));
        let failure = failure_of(System::run(group).await);
        let expected = "/root failed: two children of a group have the name \"a\"";
        assert!(failure.ends_with(expected), "{failure}");
        assert_eq!(log.entries(), Vec::<String>::new());
    });
}

#[test]
fn child_that_is_refused_is_named_and_undoes_those_before_it() {
    paused(async |check| {
        let log = Log::default();
        let group = Group::new()
            .with(logs("a", &check, &log))
            .with(logs("b/c", &check, &log));
        let failure = failure_of(System::run(group).await);
        let expected = "/root failed: b/c: a name must not be empty or contain a slash";
        assert!(failure.ends_with(expected), "{failure}");
        assert_eq!(log.entries(), ["a starts", "a stops"]);
    });
}

/// Its start fails.
struct Broken;

impl Actor for Broken {
    type Msg = std::convert::Infallible;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        Err("no disk".into())
    }

    async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

#[test]
fn start_that_fails_fails_the_group() {
    paused(async |check| {
        let log = Log::default();
        let group = Group::new()
            .with(logs("a", &check, &log))
            .with(ChildSpec::new(Broken).name("broken"));
        let failure = failure_of(System::run(group).await);
        assert!(
            failure.contains("/root/broken failed: no disk"),
            "{failure}"
        );
        assert_eq!(log.entries(), ["a starts", "a stops"]);
    });
}

#[test]
fn child_that_fails_later_fails_the_group() {
    paused(async |check| {
        let log = Log::default();
        let end = tenure::scope(async |scope| {
            let group = Group::new()
                .with(logs("a", &check, &log))
                .with(logs("b", &check, &log));
            scope.start(ChildSpec::new(group).name("group")).await?;
            let child = scope.lookup::<Msg>("/group/a")?;
            child.tell(Msg::Fail).await?;
            std::future::pending::<()>().await;
            Ok(())
        });
        let failure = failure_of(end.await);
        assert!(failure.contains("/group/a failed: it fails"), "{failure}");
    });
}
