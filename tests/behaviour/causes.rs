//! A failure that is passed on stands once in the tree of causes, in however many ways it got there.

use crate::common;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use common::node::{Msg, Node, hold, run};
use common::{Log, paused, settled, time_at_work};
use tenure::prelude::*;
use tenure::{Cause, ChildExit, Failure, Phase, StopError};
use tokio::task::yield_now;

fn failure_of<T: fmt::Debug>(end: Result<T, StopError>) -> Failure {
    match end {
        Err(StopError::Failed(failure)) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// The paths of all failures in the tree.
fn paths(failure: &Failure) -> Vec<&str> {
    let mut found = vec![failure.path()];
    found.extend(failure.beneath().iter().flat_map(paths));
    found
}

/// Waits for the end of an actor, and fails with what the closure makes of the outcome.
struct Waits<F>(ActorRef<Msg>, F);

impl<F> Actor for Waits<F>
where
    F: Fn(StopError) -> tenure::Error + Send + Sync + 'static,
{
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        match self.0.stopped().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.1(error)),
        }
    }
}

/// How an actor fails that has waited for one that failed.
fn passed_on(
    pass_on: impl Fn(StopError) -> tenure::Error + Copy + Send + Sync + 'static,
    test: impl Fn(Failure),
) {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = Node::new(&check, &Log::default()).named("node").contain();
            let node = scope.spawn(node)?;
            let waits = ChildSpec::new(Waits(node.clone(), pass_on));
            let waits = scope.spawn(waits.name("waits").contain())?;
            waits.tell(()).await?;
            node.tell(Msg::Fail).await?;
            test(failure_of(waits.stopped().await));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn failure_that_is_passed_on_is_found_whatever_hides_it() {
    passed_on(Into::into, |failure| {
        assert!(matches!(failure.cause(), Cause::Beneath), "{failure:?}");
        assert_eq!(paths(&failure), ["/waits", "/node"]);
    });
    passed_on(
        |error| anyhow::Error::from(error).into(),
        |failure| {
            assert!(matches!(failure.cause(), Cause::Beneath), "{failure:?}");
            assert_eq!(paths(&failure), ["/waits", "/node"]);
        },
    );
    let with_context = |error| {
        let told: anyhow::Result<()> = Err(error).context("on the way");
        told.unwrap_err().into()
    };
    passed_on(with_context, |failure| {
        assert_eq!(failure.to_string(), "/waits failed: on the way");
        assert_eq!(paths(&failure), ["/waits", "/node"]);
    });
}

#[test]
fn failure_that_comes_by_two_ways_stands_once() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let (give, take) = tokio::sync::oneshot::channel();
            let owner = scope.spawn(Node::new(&check, &log).named("owner").contain())?;
            let child = Node::new(&check, &log).named("child");
            owner
                .tell(run(move |ctx| {
                    let child = ctx.spawn(child).unwrap();
                    let waits = Waits(child.clone(), |error: StopError| error.into());
                    let waits = ctx.spawn(ChildSpec::new(waits).name("waits")).unwrap();
                    waits.try_tell(()).unwrap();
                    drop(give.send(child));
                }))
                .await?;
            take.await?.tell(Msg::Fail).await?;
            let failure = failure_of(owner.stopped().await);
            let mut paths = paths(&failure);
            paths.sort_unstable();
            paths.dedup();
            assert!(paths.contains(&"/owner/child"), "{failure:?}");
            let times = failure
                .leaves()
                .filter(|leaf| leaf.path() == "/owner/child");
            assert_eq!(times.count(), 1, "{failure:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// An actor that waits for a child after its end is given the failure as text, while the owner has the failure itself.
/// Both are the same failure, and stand once.
#[test]
fn failure_that_is_known_as_text_too_stands_once() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let (give, take) = tokio::sync::oneshot::channel();
            let owner = scope.spawn(Node::new(&check, &log).named("owner").contain())?;
            let child = Node::new(&check, &log).named("child");
            owner
                .tell(run(move |ctx| {
                    let child = ctx.spawn(child).unwrap();
                    let waits = Waits(child.clone(), |error: StopError| error.into());
                    let waits = ctx.spawn(ChildSpec::new(waits).name("waits")).unwrap();
                    give.send((child, waits)).unwrap_or_default();
                }))
                .await?;
            let (child, waits) = take.await?;
            // The owner sees neither end before both have come.
            let gate = hold(&owner).await;
            child.tell(Msg::Fail).await?;
            while child.node().phase() != Phase::Stopped {
                yield_now().await;
            }
            waits.tell(()).await?;
            while waits.node().phase() != Phase::Stopped {
                yield_now().await;
            }
            gate.open();
            let failure = failure_of(owner.stopped().await);
            assert_eq!(paths(&failure), ["/owner", "/owner/waits", "/owner/child"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// An error whose `source` or `Display` panics.
#[derive(Clone, Copy, PartialEq)]
enum Odd {
    Source,
    Display,
    Debug,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(*self != Self::Display, "Display panics");
        f.write_str("odd")
    }
}

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(*self != Self::Debug, "Debug panics");
        f.write_str("Odd")
    }
}

impl StdError for Odd {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        assert!(*self != Self::Source, "source panics");
        None
    }
}

struct Oddly(Odd);

impl Actor for Oddly {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Err(self.0.into())
    }
}

#[test]
fn error_whose_code_panics_is_a_failure() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for odd in [Odd::Source, Odd::Display, Odd::Debug] {
                let actor = scope.spawn(ChildSpec::new(Oddly(odd)).name("odd").contain())?;
                actor.tell(()).await?;
                let failure = failure_of(actor.stopped().await);
                let told = format!("{failure} {:?}", failure.cause());
                assert_eq!(told.contains("panicked"), odd != Odd::Source, "{told}");
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A link of a chain, the last of which fails. Each wraps the failure of the next in an error of its own.
struct Link {
    beneath: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("what is beneath has failed")]
struct Wrapped(#[source] Failure);

impl Actor for Link {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let beneath = self.beneath.checked_sub(1).ok_or("the last fails")?;
        ctx.spawn(ChildSpec::new(Self { beneath }))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        match exit.reason() {
            tenure::StopReason::Failed(failure) => Err(Wrapped(failure.clone()).into()),
            _ => Ok(()),
        }
    }
}

/// How long it takes a failure to go up this many levels, and to be dropped.
fn escalation(levels: usize) -> Duration {
    let runtime = common::current_thread();
    runtime.block_on(async {
        let begin = time_at_work();
        let ended = tenure::scope(async |scope| {
            let first = scope.spawn(Link { beneath: levels })?;
            drop(first.stopped().await);
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(failure.leaves().count(), levels + 1);
        let path = failure.leaves().nth(levels / 2).unwrap().path().to_owned();
        assert_eq!(path.split('/').count(), 66, "{path}");
        drop(failure);
        time_at_work() - begin
    })
}

#[test]
fn failure_goes_up_through_many_levels_in_linear_time_and_without_recursion() {
    let stack = std::thread::Builder::new().stack_size(256 * 1024);
    let took = stack.spawn(|| escalation(10_000)).unwrap().join().unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// The failure of the child reaches the root through its owner, and through an actor beside the owner that has waited
/// for the child and fails with it.
#[test]
fn failure_that_comes_by_two_ways_is_shown_once() {
    paused(async |check| {
        let log = Log::default();
        let end = tenure::scope(async |scope| {
            let owner = scope.spawn(Node::new(&check, &log).named("owner"))?;
            let (to, child) = tokio::sync::oneshot::channel();
            let node = Node::new(&check, &log).named("child");
            owner
                .tell(run(move |ctx| drop(to.send(ctx.spawn(node).unwrap()))))
                .await?;
            let child = child.await?;
            let waits = Waits(child.clone(), |error: StopError| error.into());
            let waits = scope.spawn(ChildSpec::new(waits).name("waits"))?;
            waits.tell(()).await?;
            settled().await;
            child.tell(Msg::Fail).await?;
            std::future::pending().await
        })
        .await;
        let Err(RunError::Failed(failure)) = end.map(|(): ()| ()) else {
            panic!("it has not failed");
        };
        let shown = format!("{failure:?}");
        let lines = |start: &str| {
            let lines = shown.lines().map(str::trim_start);
            lines.filter(|line| line.starts_with(start)).count()
        };
        assert_eq!(lines("/waits failed"), 1, "{shown}");
        assert_eq!(lines("/owner/child failed"), 1, "{shown}");
        let leaves = failure.leaves().map(Failure::path);
        assert_eq!(leaves.filter(|path| *path == "/owner/child").count(), 1);
    });
}
