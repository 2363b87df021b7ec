//! A contained child's failure fails nobody. Its owner is shown the end like any other.

use crate::common::node::{self, Node};
use crate::common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Kind, StopReason};

/// Notes the ends of its children. If one has failed, it starts the next, up to `again` times.
struct Owner {
    log: Log,
    check: Check,
    again: usize,
    child: Option<ActorRef<node::Msg>>,
}

enum Msg {
    /// Fails its child.
    Fail,
    /// Ends its child in good order.
    Finish,
    StartTask(TaskSpec<std::future::Ready<tenure::Result>>),
    Sync(ReplyTo<()>),
}

impl Owner {
    fn new(log: &Log, check: &Check) -> Self {
        Self {
            log: log.clone(),
            check: check.clone(),
            again: 0,
            child: None,
        }
    }

    fn start_child(&mut self, ctx: &Context<Self>) -> tenure::Result {
        let child = Node::new(&self.check, &Log::default())
            .named("child")
            .contain();
        self.child = Some(ctx.spawn(child)?);
        Ok(())
    }
}

impl Actor for Owner {
    type Msg = Msg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.start_child(ctx)
    }

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let child = self.child.as_ref();
        match (msg, child) {
            (Msg::Fail, Some(child)) => child.tell(node::Msg::Fail).await?,
            (Msg::Finish, Some(child)) => {
                child.tell(node::run(|ctx| ctx.stop())).await?;
            }
            (Msg::StartTask(spec), _) => drop(ctx.task(spec)?),
            (Msg::Sync(reply), _) => reply.send(()),
            (Msg::Fail | Msg::Finish, None) => {}
        }
        Ok(())
    }

    async fn on_child_exit(
        &mut self,
        exit: tenure::ChildExit,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        let how = match exit.reason() {
            StopReason::Failed(failure) => failure.to_string(),
            other => format!("{other:?}"),
        };
        self.log.push(format!("{} {}", exit.is_contained(), how));
        if self.again > 0 && exit.kind() == Kind::Actor {
            self.again -= 1;
            self.start_child(ctx)?;
        }
        exit.into_result()
    }
}

/// Returns what the owner saw. The owner must have lived through it.
async fn seen(check: Check, again: usize, messages: Vec<Msg>) -> Vec<String> {
    let log = Log::default();
    tenure::scope(async |scope| {
        let mut owner = Owner::new(&log, &check);
        owner.again = again;
        let owner = scope.spawn(ChildSpec::new(owner).name("owner"))?;
        for message in messages {
            owner.tell(message).await?;
            settled().await;
            owner.ask(Msg::Sync).await?;
        }
        owner.stop().await?;
        Ok(())
    })
    .await
    .unwrap();
    log.entries()
}

#[test]
fn failure_that_is_contained_is_shown_and_the_default_passes_it_over() {
    paused(async |check| {
        let seen = seen(check, 0, vec![Msg::Fail]).await;
        assert_eq!(seen, ["true /owner/child failed: it fails"]);
    });
}

#[test]
fn end_in_good_order_of_a_contained_child_is_shown_the_same_way() {
    paused(async |check| {
        let seen = seen(check, 0, vec![Msg::Finish]).await;
        assert_eq!(seen, ["true Finished"]);
    });
}

#[test]
fn owner_puts_another_child_in_the_place_of_one_that_was_contained() {
    paused(async |check| {
        let seen = seen(check, 2, vec![Msg::Fail, Msg::Fail, Msg::Finish]).await;
        let failed = "true /owner/child failed: it fails";
        assert_eq!(seen, [failed, failed, "true Finished"]);
    });
}

#[test]
fn failure_of_a_contained_task_is_shown() {
    paused(async |check| {
        let failing = std::future::ready(Err("no route".into()));
        let task = TaskSpec::new(failing).name("task").contain();
        let seen = seen(check, 0, vec![Msg::StartTask(task)]).await;
        assert_eq!(seen, ["true /owner/task failed: no route"]);
    });
}

#[test]
fn failure_that_is_not_contained_says_so_and_fails_the_owner() {
    paused(async |check| {
        let log = Log::default();
        let end = tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).contain())?;
            let failing = std::future::ready(Err("no route".into()));
            owner
                .tell(Msg::StartTask(TaskSpec::new(failing).name("task")))
                .await?;
            assert!(owner.stopped().await.is_err());
            Ok(())
        });
        end.await.unwrap();
        let seen = log.entries();
        assert!(
            seen[0].starts_with("false") && seen[0].ends_with("/task failed: no route"),
            "{seen:?}"
        );
    });
}

#[test]
fn contained_failure_that_nobody_has_looked_at_fails_no_owner_that_ends() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("owner"))?;
            // The owner has no time to look: it is told to stop in the same moment.
            owner.tell(Msg::Fail).await?;
            owner.stop().await?;
            let holder = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("holder"))?;
            let failing = std::future::ready(Err("no route".into()));
            holder
                .tell(Msg::StartTask(TaskSpec::new(failing).contain()))
                .await?;
            let drained = holder.drain().await?;
            assert!(matches!(drained, StopReason::Drained), "{drained:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn contained_failure_does_not_end_a_scope() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let child = Node::new(&check, &Log::default()).named("child").contain();
            let child = scope.spawn(child)?;
            child.tell(node::Msg::Fail).await?;
            assert!(child.stopped().await.is_err());
            let other = scope.spawn(Node::new(&check, &Log::default()))?;
            other.ask(node::Msg::Ping).await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
