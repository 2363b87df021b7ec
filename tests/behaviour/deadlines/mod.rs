//! Deadlines are inherited from ask to ask.

mod own;
mod scopes;
mod tasks;

use std::future::pending;
use std::time::Duration;

use crate::common::{Check, Guard, Log, multi_thread, paused};
use tenure::prelude::*;
use tenure::{CallerGone, System};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(3);

enum Msg {
    /// Asks the next hop after this much time.
    Pass(Duration, ReplyTo<Result<u32, AskError>>),
    /// As `Pass`, through a recipient.
    PassTyped(ReplyTo<Result<u32, AskError>>),
    PassAfterReply(ReplyTo<Result<u32, AskError>>),
    PassInTask(ReplyTo<Result<u32, AskError>>),
    PassInScope(ReplyTo<Result<u32, AskError>>),
    PassOnThread(ReplyTo<Result<u32, AskError>>),
    /// Replies late, from a task; or notes that the caller has gone.
    Late(Duration, ReplyTo<u32>),
    Forward(ReplyTo<Result<u32, AskError>>),
    /// Replies how much time is left.
    Left(ReplyTo<Option<Duration>>),
    Tell,
}

impl From<ReplyTo<Result<u32, AskError>>> for Msg {
    fn from(reply: ReplyTo<Result<u32, AskError>>) -> Self {
        Self::Pass(Duration::ZERO, reply)
    }
}

/// A hop of a chain. The last one, which has no next, hangs.
struct Hop {
    next: Option<ActorRef<Msg>>,
    seen: Log,
    _guard: Guard,
}

fn flat(asked: Result<Result<u32, AskError>, AskError>) -> Result<u32, AskError> {
    asked.unwrap_or_else(Err)
}

impl Hop {
    fn see(&self, ctx: &Context<Self>) {
        let left = ctx.deadline().map(|deadline| deadline - Instant::now());
        self.seen.push(format!("{left:?}"));
    }
}

/// Asks in a scope and in a task of the scope. Either both inherit the deadline or neither does.
async fn ask_in_scope(next: ActorRef<Msg>) -> Result<Result<u32, AskError>, RunError> {
    tenure::scope(async |scope| {
        let first = next.ask(|reply| Msg::Pass(Duration::ZERO, reply)).await;
        let then = next.clone();
        let task = scope.task(async move {
            let asked = then.ask(|reply| Msg::Pass(Duration::ZERO, reply)).await;
            Ok::<_, tenure::Error>(asked)
        })?;
        let is_late = |asked| {
            matches!(
                asked,
                Err(AskError::TimedOut {
                    inherited: true,
                    ..
                })
            )
        };
        let (first, second) = (flat(first), flat(task.await?));
        assert_eq!(is_late(first.clone()), is_late(second));
        Ok(first)
    })
    .await
}

async fn reply_late(after: Duration, reply: ReplyTo<u32>, seen: Log) {
    let mut gone: CallerGone = reply.gone();
    tokio::select! {
        () = tokio::time::sleep(after) => {
            assert!(!reply.is_gone());
            assert_eq!(reply.try_send(5), Ok(()));
        }
        () = &mut gone => {
            assert!(reply.is_gone());
            seen.push("gone");
            assert_eq!(reply.try_send(5), Err(5));
        }
    }
}

impl Actor for Hop {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        self.see(ctx);
        let Some(next) = self.next.clone() else {
            match msg {
                Msg::Tell => {}
                Msg::Left(reply) => reply.send(ctx.deadline().map(|at| at - Instant::now())),
                _ => pending().await,
            }
            return Ok(());
        };
        let none = Duration::ZERO;
        match msg {
            Msg::Pass(after, reply) => {
                tokio::time::sleep(after).await;
                reply.send(flat(next.ask(|reply| Msg::Pass(after, reply)).await));
            }
            Msg::PassTyped(reply) => {
                let next = next.recipient::<ReplyTo<Result<u32, AskError>>>();
                reply.send(flat(next.ask(|reply| reply).await));
            }
            Msg::PassAfterReply(reply) => {
                reply.send(Ok(1));
                assert_eq!(ctx.deadline(), None);
                let asking = next.ask(|reply| Msg::Pass(none, reply));
                let waited = tokio::time::timeout(LIMIT * 10, asking).await;
                self.seen.push(format!("{}", waited.is_err()));
            }
            Msg::PassInTask(reply) => {
                ctx.task(async move {
                    tokio::time::sleep(LIMIT / 3).await;
                    let asked = flat(next.ask(|reply| Msg::Pass(none, reply)).await);
                    reply.send(asked);
                })?;
            }
            Msg::PassInScope(reply) => reply.send(ask_in_scope(next).await?),
            Msg::PassOnThread(reply) => {
                let job = move |_| {
                    reply.send(flat(next.blocking_ask(|reply| Msg::Pass(none, reply))));
                };
                ctx.blocking(job)?;
            }
            Msg::Late(after, reply) => {
                drop(ctx.task(reply_late(after, reply, self.seen.clone()))?)
            }
            Msg::Forward(reply) => next.forward(reply, |reply| Msg::Pass(none, reply)).await?,
            Msg::Left(reply) => reply.send(next.ask(Msg::Left).await?),
            Msg::Tell => {}
        }
        Ok(())
    }
}

/// A chain of this many hops, the last of which hangs. Returns the first one, and the log of all.
fn chain(system: &System, check: &Check, hops: usize) -> (ActorRef<Msg>, Log) {
    let seen = Log::default();
    let mut next = None;
    for _ in 0..hops {
        let hop = Hop {
            next: next.take(),
            seen: seen.clone(),
            _guard: check.guard(),
        };
        let actor = system.spawn(ChildSpec::new(hop).contain()).unwrap();
        check.node(actor.node());
        next = Some(actor);
    }
    (next.unwrap(), seen)
}

#[test]
fn deadline_travels_over_any_number_of_hops() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (first, seen) = chain(&system, &check, 5);
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let asked = first
            .ask(|reply| Msg::Pass(second / 2, reply))
            .timeout(LIMIT)
            .await;
        // All waits end at the same moment. The caller's own limit may be noticed first or last.
        let late = |inherited| AskError::TimedOut {
            started: true,
            inherited,
        };
        assert!(
            asked == Err(late(false)) || asked == Ok(Err(late(true))),
            "{asked:?}"
        );
        assert_eq!(begin.elapsed(), LIMIT);
        let left = ["3s", "2.5s", "2s", "1.5s", "1s"].map(|left| format!("Some({left})"));
        assert_eq!(seen.entries(), left);
        system.kill().await.unwrap();
    });
}

#[test]
fn every_way_of_asking_inherits() {
    for message in [
        (|reply| Msg::Pass(Duration::ZERO, reply)) as fn(_) -> Msg,
        Msg::PassTyped,
        Msg::PassInTask,
        Msg::PassInScope,
        Msg::Forward,
    ] {
        paused(async |check| {
            let system = System::start().unwrap();
            let (first, seen) = chain(&system, &check, 2);
            let begin = Instant::now();
            let asked = first.ask(message).timeout(LIMIT).await;
            assert!(matches!(flat(asked), Err(AskError::TimedOut { .. })));
            assert_eq!(begin.elapsed(), LIMIT);
            let entries = seen.entries();
            assert!(
                entries.len() >= 2 && !entries.contains(&"None".into()),
                "{entries:?}"
            );
            system.kill().await.unwrap();
        });
    }
}

#[test]
fn blocking_ask_inherits() {
    multi_thread(async |check| {
        let system = System::start().unwrap();
        let (first, seen) = chain(&system, &check, 2);
        let limit = Duration::from_millis(50);
        let asked = first.ask(Msg::PassOnThread).timeout(limit).await;
        assert!(matches!(flat(asked), Err(AskError::TimedOut { .. })));
        assert!(!seen.entries().contains(&"None".into()));
        system.kill().await.unwrap();
    });
}

#[test]
fn deadline_of_an_ask_is_that_of_no_other() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (first, _) = chain(&system, &check, 3);
        for (own, left) in [(LIMIT, LIMIT), (LIMIT * 2, LIMIT * 2)] {
            let asked = first.ask(Msg::Left).timeout(own).await;
            assert_eq!(asked, Ok(Some(left)));
        }
        assert_eq!(first.ask(Msg::Left).await, Ok(None), "nothing is left over");
        first.tell(Msg::Tell).await.unwrap();
        system.drain().await.unwrap();
    });
}

#[test]
fn deadline_ends_with_the_reply() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (first, seen) = chain(&system, &check, 2);
        assert_eq!(
            flat(first.ask(Msg::PassAfterReply).timeout(LIMIT).await),
            Ok(1)
        );
        tokio::time::sleep(LIMIT * 11).await;
        assert_eq!(seen.entries(), ["Some(3s)", "None", "true"]);
        system.kill().await.unwrap();
    });
}

#[test]
fn late_reply_keeps_its_deadline() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (first, seen) = chain(&system, &check, 2);
        let in_time = first.ask(|reply| Msg::Late(LIMIT / 3, reply));
        assert_eq!(in_time.timeout(LIMIT).await, Ok(5));
        let begin = Instant::now();
        let late = first.ask(|reply| Msg::Late(LIMIT * 2, reply));
        let asked = late.timeout(LIMIT).await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: true,
                inherited: false
            })
        );
        assert_eq!(begin.elapsed(), LIMIT);
        system.drain().await.unwrap();
        assert_eq!(seen.entries(), ["Some(3s)", "Some(3s)", "gone"]);
    });
}

#[test]
fn system_has_a_default_for_asks_of_its_nodes() {
    paused(async |check| {
        let system = System::builder().ask_timeout(LIMIT).start().unwrap();
        let (first, _) = chain(&system, &check, 2);
        let begin = Instant::now();
        // This ask is made outside of any node, and has no default.
        let asked = first.ask(|reply| Msg::Pass(Duration::ZERO, reply)).await;
        assert_eq!(
            asked,
            Ok(Err(AskError::TimedOut {
                started: true,
                inherited: false
            }))
        );
        assert_eq!(begin.elapsed(), LIMIT);
        system.kill().await.unwrap();

        let system = System::builder().ask_timeout(LIMIT).start().unwrap();
        let (first, _) = chain(&system, &check, 2);
        let begin = Instant::now();
        // An inherited deadline comes before the default, even if it is later.
        let asked = first.ask(|reply| Msg::Pass(Duration::ZERO, reply));
        let asked = asked.timeout(LIMIT * 2).await;
        assert!(matches!(flat(asked), Err(AskError::TimedOut { .. })));
        assert_eq!(begin.elapsed(), LIMIT * 2);
        system.kill().await.unwrap();
    });
}

#[test]
fn recipient_asks_have_limits_too() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (last, _) = chain(&system, &check, 1);
        let begin = Instant::now();
        let last = last.recipient::<ReplyTo<Result<u32, AskError>>>();
        let asked = last.ask(|reply| reply).timeout(LIMIT).await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: true,
                inherited: false
            })
        );
        let asked = last.ask(|reply| reply).timeout(LIMIT).await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: false,
                inherited: false
            })
        );
        assert_eq!(begin.elapsed(), LIMIT * 2);
        system.kill().await.unwrap();
    });
}
