//! Errors in both directions, and what the types promise.

use crate::common;

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::time::Duration;

use common::{paused, settled};
use tenure::observe::NodeInfo;
use tenure::prelude::*;
use tenure::{
    Ask, Blocker, Builder, CallerGone, Cause, CutShort, Failure, Forward, Kind, NodeId, NodeRef,
    Permit, Phase, Refused, Reserve, Snapshot, StartError, Starting, Stashed, StopError,
    StopReason, Stopped, Stopping, TaskError, TaskHandle, Tell, TrySendError, Unjoined, Unstarted,
};

/// It can be sent to another thread, and not shared with one.
type NotSync = Cell<u32>;

/// An actor that is not `Sync`, with messages that are not.
struct Cells(NotSync);

impl Actor for Cells {
    type Msg = NotSync;

    async fn handle(&mut self, msg: NotSync, ctx: &mut Context<Self>) -> tenure::Result {
        match msg.get() {
            0 => ctx.stop(),
            1 => return Err(foreign("a message that fails").unwrap_err().into()),
            2 => pending::<()>().await,
            more => self.0.set(more),
        }
        Ok(())
    }
}

fn foreign(text: &'static str) -> anyhow::Result<u32> {
    Err(anyhow::anyhow!(text))
}

fn spec() -> ChildSpec<Cells> {
    ChildSpec::new(Cells(Cell::new(0)))
}

/// An error of each kind that comes out, each through `?`.
mod outward {
    use super::*;

    pub(super) async fn told(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.tell(Cell::new(0)).await?;
        Ok(())
    }

    pub(super) async fn timed_out(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        let limit = Duration::from_secs(1);
        actor.tell(Cell::new(3)).timeout(limit).await?;
        Ok(())
    }

    pub(super) fn tried(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.try_tell(Cell::new(3))?;
        Ok(())
    }

    pub(super) async fn reserved(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.reserve().await?.send(Cell::new(3))?;
        Ok(())
    }

    pub(super) async fn asked(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.ask(|_: ReplyTo<NotSync>| Cell::new(3)).await?;
        Ok(())
    }

    pub(super) fn spawned(spawner: &Spawner) -> anyhow::Result<()> {
        spawner.spawn(spec().name("a"))?;
        spawner.spawn(Cells(Cell::new(0)))?;
        Ok(())
    }

    pub(super) async fn started(spawner: &Spawner) -> anyhow::Result<()> {
        spawner.start(spec().name("a")).await?;
        Ok(())
    }

    pub(super) async fn task(spawner: &Spawner) -> anyhow::Result<()> {
        let cell = NotSync::new(1);
        spawner.task(async move { cell.set(2) })?.await?;
        Ok(())
    }

    pub(super) async fn failed_task(spawner: &Spawner) -> anyhow::Result<()> {
        spawner
            .task(async { foreign("a task that fails") })?
            .await?;
        Ok(())
    }

    pub(super) async fn stopped(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.stopped().await?;
        Ok(())
    }

    pub(super) async fn run() -> anyhow::Result<()> {
        System::run(spec().name("a/b")).await?;
        Ok(())
    }

    pub(super) async fn scope() -> anyhow::Result<()> {
        tenure::scope(async |_| {
            foreign("a body that fails")?;
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// The error is the very one, and can be had back.
fn is<E: StdError + Send + Sync + 'static>(error: anyhow::Result<()>, shown: &str) -> E {
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), shown);
    error.downcast().unwrap()
}

#[test]
fn outward_errors_go_into_anyhow() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let full = spec().contain().name("full").mailbox(Mailbox::bounded(1));
        let full = system.start(full).await.unwrap();
        full.try_tell(Cell::new(2)).unwrap();
        settled().await;
        full.try_tell(Cell::new(3)).unwrap();

        let error: TrySendError<NotSync> = is(outward::tried(&full), "the mailbox is full");
        assert_eq!(error.into_inner().get(), 3);
        let error: SendError<NotSync> = is(
            outward::timed_out(&full).await,
            "no room in the mailbox within the time given",
        );
        assert_eq!(error.into_inner().get(), 3);
        full.kill().await.unwrap();
        let error: SendError<NotSync> = is(
            outward::told(&full).await,
            "the target takes no more messages",
        );
        assert!(matches!(error, SendError::Stopped(_)));
        let _: TrySendError<NotSync> =
            is(outward::tried(&full), "the target takes no more messages");
        let _: SendError<()> = is(
            outward::reserved(&full).await,
            "the target takes no more messages",
        );
        let error: AskError = is(
            outward::asked(&full).await,
            "the target stopped before it started the message",
        );
        assert_eq!(error, AskError::Stopped);

        let failing = system.start(spec().contain().name("fails")).await.unwrap();
        failing.try_tell(Cell::new(1)).unwrap();
        let error: StopError = is(
            outward::stopped(&failing).await,
            "/fails failed: a message that fails",
        );
        assert!(matches!(error, StopError::Failed(_)));

        let _first = system.spawn(spec().name("a")).unwrap();
        let _: SpawnError<ChildSpec<Cells>> =
            is(outward::spawned(&system), "a live sibling has that name");
        let _: StartError<ChildSpec<Cells>> = is(
            outward::started(&system).await,
            "a live sibling has that name",
        );
        let spawner = system.spawner();
        let failed = outward::failed_task(&spawner).await.unwrap_err();
        assert!(failed.to_string().ends_with("failed: a task that fails"));
        assert!(matches!(failed.downcast_ref(), Some(TaskError::Failed(_))));
        system.stop().await.unwrap_err();
        let closed = outward::spawned(&spawner).unwrap_err();
        assert_eq!(closed.to_string(), "the owner is stopping or gone");
        let closed = outward::task(&spawner).await.unwrap_err();
        assert_eq!(closed.to_string(), "the owner is stopping or gone");

        let error: RunError = is(
            outward::run().await,
            "/root failed: a name must not be empty or contain a slash",
        );
        assert!(matches!(error, RunError::Failed(_)));
    });
}

#[test]
fn scope_error_goes_into_anyhow() {
    paused(async |_check| {
        let error: RunError = is(outward::scope().await, "/ failed: a body that fails");
        let RunError::Failed(failure) = error else {
            panic!("{error:?}");
        };
        // What it was made from is there still.
        let source = StdError::source(&failure).unwrap();
        assert_eq!(source.to_string(), "a body that fails");
    });
}

/// Everything foreign goes in by `?`.
struct Inward;

enum From {
    Anyhow,
    Io,
    Parse,
    Text,
    Refused,
}

impl Actor for Inward {
    type Msg = From;

    async fn handle(&mut self, msg: From, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            From::Anyhow => drop(foreign("from anyhow")?),
            From::Io => Err(std::io::Error::other("from io"))?,
            From::Parse => drop("x".parse::<u32>()?),
            From::Text => Err(String::from("from a string"))?,
            From::Refused => {
                let gone = ctx.spawn(spec())?;
                gone.stop().await?;
                gone.tell(Cell::new(0)).await?;
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        fn fine() -> anyhow::Result<()> {
            Ok(())
        }
        Ok(fine()?)
    }
}

#[test]
fn foreign_errors_go_into_handlers() {
    paused(async |_check| {
        tenure::scope(async |scope| {
            for (from, shown) in [
                (From::Anyhow, "from anyhow"),
                (From::Io, "from io"),
                (From::Parse, "invalid digit found in string"),
                (From::Text, "from a string"),
                (From::Refused, "the target takes no more messages"),
            ] {
                let spec = ChildSpec::new(Inward).contain().name("inward");
                let actor = scope.spawn(spec)?;
                actor.tell(from).await?;
                let Err(StopError::Failed(failure)) = actor.stopped().await else {
                    panic!("{shown}: it did not fail");
                };
                assert_eq!(failure.to_string(), format!("/inward failed: {shown}"));
                let Cause::Error(error) = failure.cause() else {
                    panic!("{failure:?}");
                };
                assert_eq!(error.to_string(), shown);
                let is_io = error.downcast_ref::<std::io::Error>().is_some();
                assert_eq!(is_io, shown == "from io");
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_an_error_is_made_from_comes_back() {
    let error = tenure::Error::from(std::io::Error::other("from io"));
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    assert!(error.downcast_ref::<std::fmt::Error>().is_none());
    assert_eq!(error.as_std().to_string(), "from io");
    assert!(error.into_inner().downcast::<std::io::Error>().is_ok());
}

/// Lower-case, and without a full stop, as the errors of the standard library are; a path may come
/// first.
fn assert_fragment(error: &dyn StdError) {
    let shown = error.to_string();
    let first = shown.chars().next().unwrap();
    assert!(first.is_lowercase() || first == '/', "{shown:?}");
    assert!(!shown.ends_with('.'), "{shown:?}");
    assert!(!shown.contains('\n'), "{shown:?}");
    if let Some(source) = error.source() {
        assert_fragment(source);
    }
}

#[test]
fn errors_are_shown_as_fragments() {
    paused(async |_check| {
        for ask in [
            AskError::Stopped,
            AskError::Full,
            AskError::NoReply,
            AskError::Failed,
            AskError::Killed,
            AskError::TimedOut {
                started: true,
                inherited: false,
            },
            AskError::TimedOut {
                started: false,
                inherited: false,
            },
        ] {
            assert_fragment(&ask);
        }
        for run in [
            RunError::Stopped,
            RunError::Closed,
            RunError::NoRuntime,
            RunError::InsideRuntime,
            RunError::Io(std::io::Error::other("no sockets left")),
        ] {
            assert_fragment(&run);
            assert_eq!(format!("{run:?}"), run.to_string());
        }
        let system = System::start().unwrap();
        assert_fragment(&StopError::WaitsForItself);
        assert_fragment(&StopError::NotAChild);
        assert_fragment(&TaskError::WaitsForItself);
        assert_fragment(&TaskError::Stopped(StopReason::Stopped));
        assert_fragment(&StartError::<Cells>::Stopped);
        assert_fragment(&system.spawn(spec().name("")).unwrap_err());
        assert_fragment(
            &system
                .spawn(spec().mailbox(Mailbox::bounded(0)))
                .unwrap_err(),
        );
        let stuck = spec().grace(Duration::from_secs(1)).name("stuck");
        let stuck = system.start(stuck).await.unwrap();
        stuck.try_tell(Cell::new(2)).unwrap();
        settled().await;
        let cut = stuck.stop().await.unwrap_err();
        assert_fragment(&cut);
        let StopError::CutShort(cut) = cut else {
            panic!("{cut:?}");
        };
        assert!(cut.to_string().starts_with("cut short: /stuck ("), "{cut}");
        assert!(cut.to_string().contains("errors.rs:"), "{cut}");
        assert_eq!(cut.nodes()[0].held_for, Duration::from_secs(1));
        let refused = stuck.tell(Cell::new(0)).await.unwrap_err();
        assert_fragment(&refused);
        assert_eq!(format!("{refused:?}"), "Stopped(..)");
        system.stop().await.unwrap();
    });
}

#[test]
fn run_error_prints_the_tree_of_causes() {
    paused(async |_check| {
        let ended = tenure::scope(async |scope| {
            let inner = scope.spawn(Nest(2))?;
            inner.stopped().await?;
            Ok(())
        })
        .await;
        let error = ended.unwrap_err();
        let lines: Vec<_> = format!("{error:?}").lines().map(str::to_owned).collect();
        let type_name = std::any::type_name::<Nest>();
        let [root, first, second, one, other] = &lines[..] else {
            panic!("{error:?}");
        };
        // Whichever has failed first.
        let (left, right) = (one.min(other), one.max(other));
        assert!(root.starts_with("/ failed because of what is beneath it ("));
        assert!(first.starts_with("  /Nest-"), "{first}");
        assert!(first.ends_with(&format!(
            " failed because of what is beneath it ({type_name})"
        )));
        assert!(second.starts_with("    /Nest-"), "{second}");
        assert!(second.ends_with(&format!("/nest failed: no more nests ({type_name})")));
        for (line, name) in [(left, "left"), (right, "right")] {
            assert!(line.starts_with("      /Nest-"), "{line}");
            assert!(
                line.contains(&format!("/nest/{name} failed: cold (")),
                "{line}"
            );
        }
    });
}

/// A chain whose end fails while its children do.
struct Nest(u32);

impl Actor for Nest {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        match self.0 {
            0 => Err("cold".into()),
            1 => {
                let left = ctx.spawn(ChildSpec::new(Self(0)).name("left"))?;
                let right = ctx.spawn(ChildSpec::new(Self(0)).name("right"))?;
                left.stopped().await.unwrap_err();
                right.stopped().await.unwrap_err();
                Err("no more nests".into())
            }
            more => {
                ctx.spawn(ChildSpec::new(Self(more - 1)).name("nest"))?;
                Ok(())
            }
        }
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn sends<T: Send>() {}
fn shares<T: Send + Sync>() {}
fn error<E: StdError + Send + Sync + 'static>() {}
fn shown<T: Debug>() {}

#[test]
fn everything_public_is_send_and_but_for_the_context_sync() {
    sends::<Context<Cells>>();
    shown::<Context<Cells>>();

    // Whatever the message is.
    shares::<ActorRef<NotSync>>();
    shares::<Recipient<NotSync>>();
    shares::<ReplyTo<NotSync>>();
    shares::<Permit<'_, NotSync>>();
    shares::<Reserve<'_, NotSync>>();
    shares::<Refused<NotSync>>();
    shares::<Unstarted<NotSync>>();
    shares::<TaskHandle<NotSync>>();
    error::<SendError<NotSync>>();
    error::<TrySendError<NotSync>>();
    error::<SendError<Stashed<NotSync>>>();
    error::<SpawnError<Cells>>();
    error::<StartError<Cells>>();
    // These have the message in them.
    sends::<Tell<'_, NotSync>>();
    sends::<Stashed<NotSync>>();
    sends::<Forward<'_, NotSync>>();
    sends::<Ask<'_, NotSync, NotSync>>();
    sends::<Starting<Cells>>();
    sends::<ChildSpec<Cells>>();
    shares::<Tell<'_, u32>>();
    shares::<Ask<'_, u32, u32>>();
    shares::<Starting<Nest>>();
    shares::<ChildSpec<Nest>>();

    error::<AskError>();
    error::<StopError>();
    error::<RunError>();
    error::<TaskError>();
    error::<CutShort>();
    error::<Unjoined>();
    error::<Failure>();
    shares::<tenure::Error>();
    shares::<Cause>();
    shares::<StopReason>();
    shares::<Blocker>();
    shares::<Kind>();
    shares::<Phase>();

    shares::<Builder>();
    shares::<CallerGone>();
    shares::<ChildExit>();
    shares::<NodeInfo>();
    shares::<Mailbox>();
    shares::<NodeId>();
    shares::<NodeRef>();
    shares::<Scope>();
    shares::<Snapshot>();
    shares::<Spawner>();
    shares::<StopOrder>();
    shares::<Stopped>();
    shares::<Stopping>();
    shares::<System>();
    fn is_static<T: 'static>() {}
    is_static::<Spawner>();
    is_static::<CallerGone>();
}

fn send_future<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn scope_runs_inside_a_spawned_task() {
    paused(async |check| {
        let guard = check.guard();
        #[expect(clippy::disallowed_methods, reason = "what a user's program may do")]
        let task = tokio::spawn(async move {
            let (_guard, words) = (guard, [String::from("one"), String::from("three")]);
            tenure::scope(async |scope| {
                let mut longest = 0;
                for word in &words {
                    let length = word.len();
                    let task = scope.task(async move { Ok::<_, tenure::Error>(length) })?;
                    longest = longest.max(task.await?);
                }
                Ok(longest)
            })
            .await
        });
        assert_eq!(task.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn scope_send_runs_in_generic_code() {
    async fn run<F, Fut>(body: F) -> Result<u32, RunError>
    where
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = tenure::Result<u32>> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "what a user's program may do")]
        let task = tokio::spawn(send_future(tenure::scope_send(body)));
        task.await.unwrap()
    }
    paused(async |_check| {
        let ran = run(|scope| async move {
            let task = scope.task(async { Ok::<_, tenure::Error>(7) })?;
            Ok(task.await?)
        });
        assert_eq!(ran.await.unwrap(), 7);
        let ran = run(|_scope| async move { Err("no luck".into()) }).await;
        assert!(matches!(ran, Err(RunError::Failed(_))), "{ran:?}");
    });
}
