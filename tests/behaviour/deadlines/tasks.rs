//! A task that is started while a timed ask is handled inherits the deadline of that ask.

use super::LIMIT;
use crate::common::node::{self, Node, hold, run};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Starts a task while a timed ask is handled. Each time that it is told to, the task asks a busy actor, and gives what
/// comes of that.
fn task_of_a_timed_ask(
    test: impl AsyncFn(&mut mpsc::Receiver<Result<(), AskError>>, &mpsc::Sender<()>, ReplyTo<()>),
) {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let node = scope.spawn(Node::new(&check, &log))?;
            let busy = scope.spawn(Node::new(&check, &log))?;
            let (tell, mut told) = mpsc::channel(1);
            let (give, mut given) = mpsc::channel(1);
            let (lend, lent) = oneshot::channel();
            let gate = hold(&busy).await;
            let asks = async move {
                while told.recv().await.is_some() {
                    let asked = tokio::time::timeout(10 * LIMIT, busy.ask(node::Msg::Ping)).await;
                    let asked = asked.unwrap_or(Ok(()));
                    if give.send(asked).await.is_err() {
                        break;
                    }
                }
            };
            let asked = node.ask(|reply| {
                run(move |ctx| {
                    drop(lend.send(reply));
                    ctx.task(asks).unwrap();
                })
            });
            let (asked, ()) = tokio::join!(asked.timeout(LIMIT), async {
                test(&mut given, &tell, lent.await.unwrap()).await;
            });
            drop(asked);
            drop(tell);
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

const INHERITED: Result<(), AskError> = Err(AskError::TimedOut {
    started: false,
    inherited: true,
});

#[test]
fn task_inherits_a_deadline_until_the_reply_is_sent_or_dropped() {
    for is_sent in [true, false] {
        task_of_a_timed_ask(async |given, tell, reply| {
            if is_sent {
                reply.send(());
            } else {
                drop(reply);
            }
            let begin = Instant::now();
            tell.send(()).await.unwrap();
            assert_eq!(given.recv().await, Some(Ok(())), "it has no limit");
            assert_eq!(begin.elapsed(), 10 * LIMIT);
        });
    }
}

#[test]
fn asks_for_one_whose_time_is_up_fail_until_its_reply_is_dropped() {
    task_of_a_timed_ask(async |given, tell, reply| {
        let begin = Instant::now();
        tell.send(()).await.unwrap();
        assert_eq!(given.recv().await, Some(INHERITED));
        assert_eq!(begin.elapsed(), LIMIT);
        // The asker has given up, but its reply is still there.
        tokio::time::sleep(LIMIT).await;
        tell.send(()).await.unwrap();
        assert_eq!(given.recv().await, Some(INHERITED));
        assert_eq!(begin.elapsed(), 2 * LIMIT, "at once");
        drop(reply);
        tell.send(()).await.unwrap();
        assert_eq!(given.recv().await, Some(Ok(())), "it has no limit");
    });
}
