//! A probe shows what an actor was sent. A handler can be run by itself.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{LeakCheck, Probe, ask_once, handle_once, with_context};
use tokio::time::{Instant, sleep};

use super::common::node::{Msg, Node, note, run};
use super::common::{Check, Log, paused};

/// The message with which a future panics.
async fn panic_of<T>(future: impl Future<Output = T>) -> String {
    let mut future = Box::pin(future);
    let polled = std::future::poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(polled) => polled.map(|_| None),
            Err(panic) => std::task::Poll::Ready(Some(panic)),
        }
    });
    let panic = polled.await.expect("it panics");
    *panic.downcast::<String>().unwrap()
}

#[test]
fn a_probe_keeps_what_it_is_sent_in_order() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mut probe = Probe::<u32>::spawn(&scope)?;
            let actor = probe.actor().clone();
            let sender = scope.task(async move {
                for n in 0..3 {
                    sleep(Duration::from_millis(300)).await;
                    actor.tell(n).await?;
                }
                tenure::Ok(())
            })?;
            assert_eq!(probe.try_recv(), None);
            assert_eq!(probe.recv().await, 0);
            sender.await?;
            assert_eq!((probe.recv().await, probe.recv().await), (1, 2));
            probe.assert_none(Duration::from_secs(60)).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_probe_answers_an_ask_late_or_by_itself() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mut probe = Probe::<(u32, ReplyTo<u32>)>::spawn(&scope)?;
            let actor = probe.actor().clone();
            let ask = scope.task(async move { actor.ask(|reply| (1, reply)).await })?;
            let (n, reply) = probe.recv().await;
            sleep(Duration::from_secs(5)).await;
            reply.send(n + 1);
            assert_eq!(ask.await?, 2);

            probe.answer_with(|(n, reply)| {
                if n == 0 {
                    return Some((n, reply));
                }
                reply.send(10 * n);
                None
            });
            assert_eq!(probe.actor().ask(|reply| (3, reply)).await?, 30);
            let actor = probe.actor().clone();
            let unanswered = actor.ask(|reply| (0, reply));
            let dropped = async {
                drop(probe.recv().await);
            };
            let (unanswered, ()) = tokio::join!(unanswered, dropped);
            assert_eq!(unanswered, Err(AskError::NoReply));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_probe_says_where_it_was_awaited_in_vain() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mut probe =
                Probe::<u32>::spawn_as(&scope, |actor| ChildSpec::new(actor).name("store"))?
                    .limit(Duration::from_secs(3));
            let begin = Instant::now();
            let (text, line) = (panic_of(probe.recv()).await, line!());
            assert_eq!(begin.elapsed(), Duration::from_secs(3));
            let head = format!("{}:{line}:", file!());
            assert!(text.starts_with(&head), "{text}");
            assert!(
                text.ends_with("Probe<u32>(/store) was sent nothing within 3s"),
                "{text}"
            );

            probe.actor().tell(7).await?;
            probe.actor().tell(8).await?;
            let text = panic_of(probe.assert_none(Duration::from_millis(1))).await;
            assert!(text.ends_with("was sent something, and 1 more"), "{text}");
            assert_eq!(probe.try_recv(), Some(8));
            probe.actor().stop().await?;
            let text = panic_of(probe.recv()).await;
            assert!(
                text.ends_with("gets nothing more: its actor has ended"),
                "{text}"
            );
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_probe_may_be_restarted_and_dropped() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mut probe = Probe::<u32>::spawn_as(&scope, |actor| {
                ChildSpec::new(actor).restart(Restart::OnFailure)
            })?;
            probe.answer_with(|n| {
                assert!(n != 0, "none");
                Some(n)
            });
            for n in [1, 0, 2] {
                probe.actor().tell(n).await?;
            }
            assert_eq!((probe.recv().await, probe.recv().await), (1, 2));
            let actor = probe.actor().clone();
            drop(probe);
            actor.tell(3).await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn probe_between_two_incarnations_is_not_waited_for() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let pause = Duration::from_secs(3_600);
            let mut probe = Probe::<u32>::spawn_as(&scope, |actor| {
                ChildSpec::new(actor)
                    .restart(Restart::OnFailure)
                    .backoff(Backoff::fixed(pause))
            })?;
            probe.answer_with(|number| match number {
                0 => panic!("it is to fail"),
                number => Some(number),
            });
            probe.actor().tell(0).await?;
            probe.actor().tell(1).await?;
            let begin = Instant::now();
            probe.assert_none(Duration::from_secs(60)).await;
            assert_eq!(begin.elapsed(), Duration::from_secs(60));
            sleep(pause).await;
            assert_eq!(probe.recv().await, 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// The least and the most for the limit.
#[test]
fn limit_of_a_probe() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mut probe = Probe::<u32>::spawn(&scope)?.limit(Duration::ZERO);
            panic_of(probe.recv()).await;
            probe.actor().tell(1).await?;
            sleep(Duration::from_millis(1)).await;
            assert_eq!(probe.recv().await, 1);
            let mut probe = probe.limit(Duration::MAX);
            probe.actor().tell(2).await?;
            assert_eq!(probe.recv().await, 2);
            probe.assert_none(Duration::ZERO).await;
            // What was sent counts, even if the probe's actor has not handled it yet.
            let mut probe = probe.limit(Duration::ZERO);
            probe.actor().tell(3).await?;
            assert_eq!(probe.recv().await, 3);
            probe.actor().tell(4).await?;
            let text = panic_of(probe.assert_none(Duration::ZERO)).await;
            assert!(text.contains("was sent something, and 0 more"), "{text}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

fn node(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

#[test]
fn one_handler_runs_without_a_system() {
    paused(async |check| {
        let leaks = LeakCheck::start().patience(Duration::ZERO);
        let log = Log::default();
        let mut actor = Node::new(&check, &log);
        handle_once(&mut actor, note("one")).await.unwrap();
        handle_once(&mut actor, Msg::Sleep(Duration::from_secs(9)))
            .await
            .unwrap();
        let error = handle_once(&mut actor, Msg::Fail).await.unwrap_err();
        assert_eq!(error.to_string(), "it fails");
        assert_eq!(log.entries(), ["one"]);
        // What the handler has started is gone when `handle_once` returns.
        let guard = check.guard();
        let spawn = run(move |ctx| {
            let task = async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            };
            drop(ctx.task(task).unwrap());
        });
        handle_once(&mut actor, spawn).await.unwrap();
        assert_eq!(check.alive(), 1, "but for the actor itself");
        leaks.finish().await.unwrap();
    });
}

#[test]
fn one_ask_gives_its_reply() {
    paused(async |check| {
        let mut actor = node(&check);
        ask_once(&mut actor, Msg::Ping).await.unwrap();
        let late = |reply: ReplyTo<u32>| {
            run(move |ctx| {
                let task = async move {
                    sleep(Duration::from_millis(500)).await;
                    reply.send(7);
                };
                drop(ctx.task(task).unwrap());
            })
        };
        assert_eq!(ask_once(&mut actor, late).await.unwrap(), 7);
        let dropped = |reply: ReplyTo<u32>| run(move |_| drop(reply));
        let error = ask_once(&mut actor, dropped).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&AskError::NoReply));
        let kept = |reply: ReplyTo<u32>| run(move |_| std::mem::forget(reply));
        let error = ask_once(&mut actor, kept).await.unwrap_err();
        assert!(matches!(
            error.downcast_ref(),
            Some(AskError::TimedOut { .. })
        ));
    });
}

#[test]
fn a_context_of_its_own_has_a_mailbox_and_children() {
    paused(async |check| {
        let child = node(&check);
        let mut actor = node(&check);
        with_context(async |ctx: &mut Context<Node>| {
            ctx.me().tell(note("to itself")).await.unwrap();
            let Some(Msg::Note(text)) = ctx.try_next() else {
                panic!("nothing came");
            };
            actor.handle(Msg::Note(text), ctx).await.unwrap();
            let child = ctx.spawn(child).unwrap();
            child.ask(Msg::Ping).await.unwrap();
            assert_eq!(child.node().owner(), Some(ctx.node()));
            Actor::on_stop(&mut actor, ctx).await.unwrap();
        })
        .await;
        assert_eq!(actor.log.entries(), ["to itself"]);
    });
}

#[test]
fn what_goes_wrong_in_code_by_itself_is_said() {
    paused(async |_| {
        let killed = with_context(async |ctx: &mut Context<Node>| {
            ctx.me().request_kill();
            sleep(Duration::from_secs(1)).await;
        });
        let text = panic_of(killed).await;
        assert!(text.ends_with("the code has killed its own node"), "{text}");
        let failed = with_context(async |ctx: &mut Context<Node>| {
            drop(ctx.task(async { Err::<(), _>("no paper") }).unwrap());
            sleep(Duration::from_secs(1)).await;
        });
        let text = panic_of(failed).await;
        assert!(text.contains("no paper"), "{text}");
    });
}
