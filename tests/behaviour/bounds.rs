//! Each end is bounded, and what bounds it counts only what belongs to it.

use crate::common;

use std::time::Duration;

use common::{Count, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Kind, Phase, StopError};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// Has the actor send this message to itself again.
    Again,
    /// Has the actor stop when its mailbox is empty.
    IfEmpty,
    SpawnChild(u32, ReplyTo<ActorRef<Msg>>),
    Sleep(u32),
    TellLater(u32, ActorRef<Msg>),
    Forward(ReplyTo<()>, ActorRef<Msg>),
    Fail,
    Answer(ReplyTo<()>),
}

/// Its `on_stop` takes this many seconds.
struct Node(u32);

impl Actor for Node {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Again => drop(ctx.me().try_tell(Msg::Again)),
            Msg::IfEmpty => ctx.stop_if_empty(),
            Msg::SpawnChild(seconds, reply) => reply.send(ctx.spawn(Node(seconds))?),
            Msg::Sleep(seconds) => sleep(seconds * SECOND).await,
            Msg::TellLater(seconds, other) => {
                sleep(seconds * SECOND).await;
                other.tell(Msg::Sleep(0)).await?;
            }
            Msg::Forward(reply, other) => other.forward(reply, Msg::Answer).await?,
            Msg::Fail => return Err("told to fail".into()),
            Msg::Answer(reply) => reply.send(()),
        }
        Ok(())
    }

    async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        sleep(self.0 * SECOND).await;
        Ok(())
    }
}

#[test]
fn an_actor_that_feeds_itself_without_waiting_yields() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node(0))?;
            check.node(node.node());
            node.tell(Msg::Again).await?;
            tokio::task::yield_now().await;
            node.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn stop_if_empty_refuses_those_who_wait_for_room() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(ChildSpec::new(Node(0)).mailbox(Mailbox::bounded(1)))?;
            check.node(node.node());
            node.tell(Msg::Sleep(1)).await?;
            sleep(SECOND / 2).await;
            node.tell(Msg::IfEmpty).await?;
            // The holder of the permit never uses it, and another sender waits behind it.
            let permit = node.reserve();
            let waiting = node.tell(Msg::Sleep(0));
            let (permit, waiting) = tokio::join!(permit, waiting);
            assert!(permit.is_err() || waiting.is_err());
            node.stopped().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_drain_leaves_its_grace_for_what_comes_after_the_children() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let owner = scope.spawn(Node(1))?;
            check.node(owner.node());
            owner.ask(|reply| Msg::SpawnChild(1, reply)).await?;
            let start = Instant::now();
            owner.drain().await?;
            assert_eq!(start.elapsed(), 2 * SECOND);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_token_made_in_a_drain_fires() {
    multi_thread(async |check| {
        for _ in 0..50 {
            let guard = check.guard();
            tenure::scope(async |scope| {
                // The drain begins before the job has a thread.
                scope.blocking(move |token| {
                    let _guard = guard;
                    while !token.is_cancelled() {
                        std::thread::yield_now();
                    }
                })?;
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn the_last_hook_of_a_failed_actor_has_its_grace_and_no_more() {
    paused(async |check| {
        let start = Instant::now();
        let outcome = tenure::scope(async |scope| {
            let node = scope.spawn(Node(3_600))?;
            check.node(node.node());
            node.tell(Msg::Fail).await?;
            std::future::pending::<tenure::Result>().await
        })
        .await;
        assert_eq!(start.elapsed(), 5 * SECOND);
        let RunError::Failed(failure) = outcome.unwrap_err() else {
            panic!("it failed");
        };
        let failed = failure.leaves().next().unwrap();
        assert_eq!(failed.cut_short()[0].nodes().len(), 1);
    });
}

#[test]
fn a_scope_that_drains_forgives_what_only_says_stopped() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let first = scope.spawn(Node(0))?;
            let slow = scope.spawn(Node(2))?;
            let last = scope.spawn(Node(0))?;
            check.node(slow.node());
            // `first` is told to drain after `last` has gone, so telling `last` fails it with "stopped".
            first.tell(Msg::TellLater(1, last)).await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_forwarded_ask_is_never_said_to_be_unstarted() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let front = scope.spawn(Node(0))?;
            let back = scope.spawn(Node(0))?;
            check.node(back.node());
            back.tell(Msg::Sleep(1)).await?;
            let asked = front.ask(|reply| Msg::Forward(reply, back.clone()));
            let (reply, ended) = tokio::join!(asked, async {
                sleep(SECOND / 2).await;
                back.stop().await
            });
            ended?;
            let error = reply.unwrap_err();
            assert!(!error.never_started(), "{error:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_run_dropped_in_its_drain_kills_what_is_left() {
    struct Root(
        Count,
        #[expect(dead_code, reason = "counts as long as it lives")] common::Guard,
    );

    impl Actor for Root {
        type Msg = ();

        async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }

        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            ctx.drain();
            Ok(())
        }

        async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
            sleep(3 * SECOND).await;
            self.0.add();
            Ok(())
        }
    }

    paused(async |check| {
        let stopped = Count::default();
        let root = Root(stopped.clone(), check.guard());
        assert!(timeout(SECOND, System::run(root)).await.is_err());
        while check.alive() > 0 {
            tokio::task::yield_now().await;
        }
        sleep(5 * SECOND).await;
        assert_eq!(stopped.get(), 0, "its hook did not run");
    });
}

#[test]
fn what_blocks_is_found_in_time_behind_a_sibling_with_a_long_grace() {
    multi_thread(async |check| {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let system = System::builder()
            .child_grace(Duration::from_millis(50))
            .patience(Duration::from_millis(50))
            .start()
            .unwrap();
        let (start, started) = std::sync::mpsc::channel::<()>();
        let guard = check.guard();
        let job = system
            .blocking(move |_| {
                let _guard = guard;
                start.send(()).unwrap();
                released.recv().ok();
            })
            .unwrap();
        started.recv().unwrap();
        let long = ChildSpec::new(Node(0)).grace(Duration::from_secs(3_600));
        let long = system.spawn(long).unwrap();
        check.node(long.node());
        // On a busy machine the shell of the system may be late and be named first.
        loop {
            let outcome = system.stop().await;
            let Err(StopError::Unjoined(unjoined)) = &outcome else {
                panic!("{outcome:?}");
            };
            if unjoined
                .nodes()
                .iter()
                .any(|node| node.kind == Kind::Blocking)
            {
                break;
            }
        }
        assert_eq!(job.node().phase(), Phase::Stopping);
        drop(release);
        drop(system.stopped().await);
        assert_eq!(long.node().phase(), Phase::Stopped);
    });
}

/// Nobody waits for the end, so only the actor itself looks at the time. It knew of its grace before.
#[test]
fn a_bound_that_is_given_later_shortens_a_stop() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let node = system.spawn(Node(0)).unwrap();
        node.tell(Msg::Sleep(100)).await.unwrap();
        settled().await;
        drop(node.stop());
        sleep(SECOND).await;
        drop(node.stop().within(SECOND));
        sleep(2 * SECOND).await;
        assert_eq!(node.node().phase(), Phase::Stopped);
        drop(system.stop().await);
    });
}

/// Nobody waits for the end, and the actor has nothing to do but wait for its child.
#[test]
fn a_bound_holds_while_a_child_ends() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let node = system.spawn(Node(0)).unwrap();
        node.ask(|reply| Msg::SpawnChild(100, reply)).await.unwrap();
        drop(node.stop().within(SECOND));
        sleep(2 * SECOND).await;
        assert_eq!(node.node().phase(), Phase::Stopped);
        drop(system.stop().await);
    });
}

/// It takes three seconds for a message, its child takes as long, and then it takes three for its `on_stop`.
#[test]
fn a_grace_goes_on_where_it_stood_when_the_children_have_ended() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let node = system.spawn(Node(3)).unwrap();
        node.ask(|reply| Msg::SpawnChild(3, reply)).await.unwrap();
        node.tell(Msg::Sleep(3)).await.unwrap();
        settled().await;
        let begin = Instant::now();
        let stopped = node.stop().await;
        assert!(
            matches!(stopped, Err(StopError::CutShort(_))),
            "{stopped:?}"
        );
        assert_eq!(begin.elapsed(), 8 * SECOND);
        drop(system.stop().await);
    });
}

/// Ends itself, and logs its `on_stop`.
struct EndsItself(Log);

impl Actor for EndsItself {
    type Msg = bool;

    async fn handle(&mut self, drains: bool, ctx: &mut Context<Self>) -> tenure::Result {
        match drains {
            true => ctx.drain(),
            false => ctx.stop(),
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.push("on_stop");
        Ok(())
    }
}

/// Also where it is the node itself that asks for its end.
#[test]
fn without_a_grace_every_end_that_is_asked_for_is_a_kill() {
    for drains in [false, true] {
        paused(async |_check| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let node = ChildSpec::new(EndsItself(log.clone())).grace(Duration::ZERO);
            let node = system.spawn(node).unwrap();
            node.tell(drains).await.unwrap();
            let ended = node.stopped().await;
            assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
            assert_eq!(log.entries(), [""; 0]);
            drop(system.stop().await);
        });
    }
}
