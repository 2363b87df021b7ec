//! A wait for an end is checked, and a limit holds, whichever futures are polled.

use crate::common;

use std::future::pending;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use common::node::Node;
use common::{Check, Kept, Log, multi_thread, paused, poll_unwoken};
use tenure::prelude::*;
use tenure::{NodeRef, StopError, System, scope_send};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// Its `on_stop` takes this long.
struct Slow(
    Duration,
    #[allow(dead_code, reason = "counted")] common::Guard,
);

impl Actor for Slow {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(self.0).await;
        Ok(())
    }
}

fn slow(time: Duration, check: &Check) -> ChildSpec<Slow> {
    ChildSpec::new(Slow(time, check.guard())).grace(1_000 * SECOND)
}

/// The rule: a wait for an end is checked even if neither the scope in question nor any other future of the user's is
/// polled.
#[test]
fn unjoined_names_a_scope_that_is_not_polled() {
    paused(async |check| {
        let begin = Instant::now();
        let (send, receive) = tokio::sync::oneshot::channel();
        let mut send = Some(send);
        let mut scope = pin!(tenure::scope(async |scope| {
            check.node(scope.node());
            send.take().unwrap().send(scope.node()).unwrap();
            std::future::pending::<()>().await;
            Ok(())
        }));
        tokio::select! {
            biased;
            _ = &mut scope => unreachable!("it never ends by itself"),
            node = receive => {
                let node: NodeRef = node.unwrap();
                let ended = node.kill().await;
                assert!(matches!(ended, Err(StopError::Unjoined(_))), "{ended:?}");
                assert_eq!(begin.elapsed().as_secs(), 2);
            }
        }
        assert!(matches!(scope.await, Err(RunError::Stopped)));
    });
}

/// The same on several threads: the root is the scope in this very task, which no longer polls it.
#[test]
fn unjoined_comes_although_the_root_is_not_polled() {
    multi_thread(async |check| {
        let (release, released) = mpsc::channel::<()>();
        let (send, receive) = tokio::sync::oneshot::channel();
        let (mut send, mut released) = (Some(send), Some(released));
        let mut scope = pin!(tenure::scope(async |scope| {
            let (send, released) = (send.take().unwrap(), released.take().unwrap());
            let (guard, own) = (check.guard(), scope.node());
            drop(scope.blocking(move |_| {
                send.send(own.children().remove(0)).unwrap();
                assert!(released.recv().is_err(), "released");
                drop(guard);
            })?);
            std::future::pending::<()>().await;
            Ok(())
        }));
        tokio::select! {
            biased;
            _ = &mut scope => unreachable!("it never ends by itself"),
            node = receive => {
                let node: NodeRef = node.unwrap();
                let ended = node.kill().await;
                assert!(matches!(ended, Err(StopError::Unjoined(_))), "{ended:?}");
                drop(release);
                drop(node.stopped().await);
                drop(node.owner().unwrap().kill());
            }
        }
        assert!(matches!(scope.await, Err(RunError::Stopped)));
    });
}

/// The rule: a limit is a part of the order, so it holds after the future of the stop is dropped.
#[test]
fn limit_of_a_dropped_stop_holds() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            let slow = scope.spawn(slow(100 * SECOND, &check).name("slow"))?;
            check.node(slow.node());
            drop(slow.stop().within(SECOND));
            let ended = slow.stopped().await;
            assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
            Ok(())
        })
        .await;
        assert_eq!(begin.elapsed(), SECOND);
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// A limit holds while the node in question waits for its children.
#[test]
fn limit_holds_while_children_are_waited_for() {
    paused(async |check| {
        let begin = Instant::now();
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let time = slow(100 * SECOND, &check);
            let owner = Node::new(&check, &log);
            let owner = scope.spawn(owner.named("owner"))?;
            let mut time = Some(time);
            common::node::run_in(&owner, move |ctx| {
                drop(ctx.spawn(time.take().unwrap()).unwrap());
            })
            .await;
            check.node(owner.node());
            drop(owner.drain().within(SECOND));
            let ended = owner.stopped().await;
            assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
            Ok(())
        })
        .await;
        assert_eq!(begin.elapsed(), SECOND);
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// The earliest of several limits holds.
#[test]
fn earliest_limit_holds() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            let slow = scope.spawn(slow(100 * SECOND, &check))?;
            check.node(slow.node());
            let first = slow.stop().within(2 * SECOND);
            drop(slow.stop().within(30 * SECOND));
            // A later limit changes nothing.
            drop(first.within(5 * SECOND));
            let ended = slow.stopped().await;
            assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
            Ok(())
        })
        .await;
        assert_eq!(begin.elapsed(), 2 * SECOND);
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// Two limits of two requesters are two limits, even if they are equal.
#[test]
fn equal_limits_of_two_callers_both_hold() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            let slow = scope.spawn(slow(100 * SECOND, &check))?;
            check.node(slow.node());
            let first = slow.stop().within(2 * SECOND);
            drop(slow.stop().within(2 * SECOND));
            drop(first.within(30 * SECOND));
            let ended = slow.stopped().await;
            assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
            Ok(())
        })
        .await;
        assert_eq!(begin.elapsed(), 2 * SECOND);
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// A limit holds after its stop was polled once and dropped.
#[test]
fn limit_holds_after_a_poll() {
    paused(async |check| {
        let begin = Instant::now();
        drop(
            tenure::scope(async |scope| {
                let slow = scope.spawn(slow(100 * SECOND, &check))?;
                check.node(slow.node());
                {
                    let mut stop = pin!(slow.stop().within(SECOND));
                    std::future::poll_fn(|cx| {
                        assert!(stop.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                }
                drop(slow.stopped().await);
                Ok(())
            })
            .await,
        );
        assert_eq!(begin.elapsed(), SECOND);
    });
}

/// Opens two scopes and gives their futures away. Nobody polls those.
struct Gives(Option<oneshot::Sender<[Kept; 2]>>);

impl Actor for Gives {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        let given = [(); 2].map(|()| {
            let mut given: Kept = Box::pin(scope_send(async |_| pending().await));
            assert!(poll_unwoken(&mut given).is_pending());
            given
        });
        let to = self.0.take().unwrap();
        assert!(to.send(given).is_ok());
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// The scopes have a grace of 5 seconds and are overdue 2 seconds after that. The end of one of them does not restart
/// the patience for the other. But an end within that time is a reason to check once more, half a second later.
#[test]
fn end_of_another_hardly_puts_off_the_report_of_what_does_not_yield() {
    for (ends, reported) in [(4_000, 7_000), (6_000, 7_500), (6_999, 7_500)] {
        paused(async |_check| {
            let system = System::start().unwrap();
            let (to, given) = oneshot::channel();
            let gives = system.spawn(Gives(Some(to))).unwrap();
            let [one, other] = given.await.unwrap();
            let begin = Instant::now();
            let stop = async { (gives.stop().await, begin.elapsed()) };
            let end_of_another = async {
                sleep_until(begin + Duration::from_millis(ends)).await;
                drop(one);
            };
            let ((ended, after), ()) = tokio::join!(stop, end_of_another);
            let Err(StopError::Unjoined(unjoined)) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(unjoined.nodes().len(), 1, "{unjoined}");
            assert_eq!(after, Duration::from_millis(reported), "{ends}");
            drop(other);
            drop(system.stop().await);
        });
    }
}
