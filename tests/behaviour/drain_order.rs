//! The order of a drain: accepted mail, `on_drain`, the token, tasks, children; then as a stop.

use crate::common;

use std::time::Duration;

use common::node::{Msg, Node, note, run, run_in};
use common::{Check, Guard, Log, multi_thread, paused, settled};
use tenure::StopReason;
use tenure::prelude::*;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn is_drained(end: &Result<StopReason, tenure::StopError>) -> bool {
    matches!(end, Ok(StopReason::Drained))
}

/// The rule: a plain task that waits for its actor's token ends in a drain, since the token fires before the tasks are
/// waited for. Web servers are shut down like that.
#[test]
fn plain_task_that_waits_for_the_token_ends_in_a_drain() {
    paused(async |check| {
        let begin = Instant::now();
        tenure::scope(async |scope| {
            let (own, log) = (check.clone(), Log::default());
            let server = Node::new(&check, &log).on_start(move |ctx| {
                let (token, cancelled) = (ctx.token(), ctx.cancelled());
                let guards = (own.guard(), own.guard());
                drop(ctx.task(async move {
                    token.cancelled().await;
                    drop(guards.0);
                }));
                drop(ctx.task(async move {
                    cancelled.await;
                    drop(guards.1);
                }));
            });
            let server = scope.spawn(server)?;
            check.node(server.node());
            let end = server.drain().await;
            assert!(is_drained(&end), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// Collects items, and hands them to its child when it drains.
struct Batcher {
    log: Log,
    batch: Vec<String>,
    disk: Option<ActorRef<Msg>>,
    check: Check,
    _guard: Guard,
}

impl Batcher {
    fn new(check: &Check, log: &Log) -> Self {
        Self {
            log: log.clone(),
            batch: Vec::new(),
            disk: None,
            check: check.clone(),
            _guard: check.guard(),
        }
    }
}

impl Actor for Batcher {
    type Msg = String;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let log = self.log.clone();
        let disk = Node::new(&self.check, &self.log).on_stop(move |_| log.push("disk stops"));
        self.disk = Some(ctx.spawn(disk)?);
        let (token, log) = (ctx.token(), self.log.clone());
        ctx.task(async move {
            token.cancelled().await;
            log.push("the token fires");
        })?;
        Ok(())
    }

    async fn handle(&mut self, item: String, _: &mut Context<Self>) -> tenure::Result {
        self.batch.push(item);
        Ok(())
    }

    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.log.push("on_drain");
        assert!(!ctx.token().is_cancelled());
        if let Some(disk) = &self.disk {
            for item in std::mem::take(&mut self.batch) {
                disk.tell(note(item)).await?;
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        assert!(ctx.token().is_cancelled());
        self.log.push(format!("on_stop with {}", self.batch.len()));
        Ok(())
    }
}

#[test]
fn on_drain_comes_after_the_mail_and_before_the_token() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let batcher = scope.spawn(Batcher::new(&check, &log))?;
            check.node(batcher.node());
            for item in ["a", "b"] {
                batcher.tell(item.into()).await?;
            }
            let end = batcher.drain().await;
            assert!(is_drained(&end), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        let expected = [
            "on_drain",
            "the token fires",
            "a",
            "b",
            "disk stops",
            "on_stop with 0",
        ];
        let mut found = log.entries();
        // The child runs beside the task, so the order of the two does not matter.
        found.sort_by_key(|entry| expected.iter().position(|known| known == entry));
        assert_eq!(found, expected);
        assert_eq!(log.entries()[0], "on_drain");
    });
}

#[test]
fn on_drain_does_not_run_in_a_stop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let batcher = scope.spawn(Batcher::new(&check, &log))?;
            check.node(batcher.node());
            batcher.tell("a".into()).await?;
            settled().await;
            batcher.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
        let mut entries = log.entries();
        // The token fires at once. Whoever waits for it may be polled before it is dropped.
        entries.retain(|entry| entry != "the token fires");
        assert_eq!(entries, ["disk stops", "on_stop with 1"]);
    });
}

/// Works on what it is sent until it is cancelled.
struct Careful(Log, #[allow(dead_code, reason = "counted")] Guard);

impl Actor for Careful {
    type Msg = &'static str;

    async fn handle(&mut self, item: &'static str, ctx: &mut Context<Self>) -> tenure::Result {
        tokio::select! {
            biased;
            () = ctx.cancelled() => self.0.push(format!("{item} cancelled")),
            () = sleep(SECOND) => self.0.push(item),
        }
        Ok(())
    }

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let me = ctx.me();
        ctx.task_with(async move |token| {
            token.cancelled().await;
            me.tell("late").await
        })?;
        Ok(())
    }
}

/// The rule: in a handler `cancelled()` means a stop or a kill, so late messages from beneath are handled.
#[test]
fn late_mail_of_a_drain_is_not_handled_as_cancelled() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let careful = scope.spawn(Careful(log.clone(), check.guard()))?;
            check.node(careful.node());
            careful.tell("early").await?;
            let end = careful.drain().await;
            assert!(is_drained(&end), "{end:?}");

            let careful = scope.spawn(Careful(log.clone(), check.guard()))?;
            careful.tell("stopped").await?;
            settled().await;
            careful.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["early", "late", "stopped cancelled"]);
    });
}

/// The rule: a spawn into a draining owner is either drained or refused, also in its last moment.
#[test]
fn child_that_is_let_in_by_a_drain_is_drained() {
    multi_thread(async |check| {
        for round in 0..300_u32 {
            let log = Log::default();
            let own = check.clone();
            tenure::scope(async move |scope| {
                let owner = scope.spawn(Node::new(&own, &log))?;
                let spawner = {
                    let (send, receive) = tokio::sync::oneshot::channel();
                    run_in(&owner, move |ctx| drop(send.send(ctx.spawner()))).await;
                    receive.await?
                };
                let (beside, log_beside) = (own.clone(), log.clone());
                let racer = scope.task(async move {
                    for _ in 0..round % 40 {
                        std::hint::spin_loop();
                    }
                    let mut accepted = 0_usize;
                    while let Ok(child) = spawner.spawn(Node::new(&beside, &log_beside)) {
                        if child.try_tell(note("handled")).is_ok() {
                            accepted += 1;
                        }
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, tenure::Error>(accepted)
                })?;
                let end = owner.drain().await;
                assert!(is_drained(&end), "{end:?}");
                let accepted = racer.await?;
                assert_eq!(log.entries().len(), accepted, "round {round}");
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

/// The rule: what comes into a draining tree is told at once. The end of a contained child is not shown to its owner,
/// so nothing else would make the owner look for what that child has let in.
#[test]
fn sibling_that_a_contained_child_lets_in_is_drained_at_once() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            let log = Log::default();
            let owner = ChildSpec::new(Node::new(&check, &log)).stop_order(StopOrder::Concurrent);
            let owner = scope.spawn(owner)?;
            let (send, receive) = tokio::sync::oneshot::channel();
            let (own, beside) = (check.clone(), log.clone());
            run_in(&owner, move |ctx| {
                let child = Node::new(&own, &beside).named("child").contain();
                let child = ctx.spawn(child).unwrap();
                drop(send.send((child, ctx.spawner())));
            })
            .await;
            let (child, spawner) = receive.await?;
            let (own, beside) = (check.clone(), log.clone());
            child.tell(Msg::Sleep(SECOND)).await?;
            child
                .tell(run(move |_| {
                    let sibling = spawner.spawn(Node::new(&own, &beside)).unwrap();
                    own.node(sibling.node());
                }))
                .await?;
            child.tell(Msg::Fail).await?;
            let end = owner.drain().await;
            assert!(is_drained(&end), "{end:?}");
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), SECOND);
    });
}

/// The rule: each end begins the same way. One that begins when the mailbox is found empty closes and fires as any
/// other does.
#[test]
fn stop_if_empty_closes_as_any_stop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let (own, entries) = (check.clone(), log.clone());
            let ending = Node::new(&check, &log).on_stop(move |ctx| {
                let refused = ctx.spawn(Node::new(&own, &entries)).is_err();
                entries.push(format!("refused {refused}"));
                entries.push(format!("fired {}", ctx.token().is_cancelled()));
            });
            let ending = scope.spawn(ending)?;
            check.node(ending.node());
            ending
                .tell(common::node::run(|ctx| ctx.stop_if_empty()))
                .await?;
            ending.tell(note("last")).await?;
            let end = ending.stopped().await;
            assert!(matches!(end, Ok(StopReason::Finished)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["last", "refused true", "fired true"]);
    });
}

/// Tells another actor what it is told.
struct Relay {
    to: ActorRef<Msg>,
    log: Log,
    _guard: Guard,
}

impl Actor for Relay {
    type Msg = &'static str;

    async fn handle(&mut self, text: &'static str, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(text);
        self.to.tell(note(text)).await?;
        Ok(())
    }

    async fn on_drain(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("on_drain");
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("on_stop");
        Ok(())
    }
}

/// An error that only says "stopped" is no failure in a tree that ends (rule 4). But the actor has not drained either,
/// since it has not handled all its mail.
#[test]
fn error_that_says_stopped_makes_a_stop_of_a_drain() {
    for restart in [Restart::Never, Restart::OnFailure] {
        paused(async |check| {
            let log = Log::default();
            tenure::scope(async |scope| {
                let gone = scope.spawn(Node::new(&check, &log))?;
                gone.stop().await?;
                let (to, own, guards) = (gone.clone(), log.clone(), check.clone());
                let relay = ChildSpec::factory(move || Relay {
                    to: to.clone(),
                    log: own.clone(),
                    _guard: guards.guard(),
                });
                let relay = scope.spawn(relay.restart(restart))?;
                relay.tell("first").await?;
                relay.tell("second").await?;
                let end = relay.drain().await;
                assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(log.entries(), ["first", "on_stop"]);
        });
    }
}
