//! Errors that go into the crate and come out of it, and what their types promise.

mod auto_traits;
mod incoming;
mod outgoing;

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::pending;
use std::time::Duration;

use crate::common::{paused, settled};
use tenure::prelude::*;
use tenure::{StartError, StopError, StopReason, TaskError};

/// It can be sent to another thread, but not shared with one.
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

/// The error is the very one that went in, and can be taken out again.
fn is<E: StdError + Send + Sync + 'static>(error: anyhow::Result<()>, shown: &str) -> E {
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), shown);
    error.downcast().unwrap()
}

/// The text begins with a lower-case letter (or a path) and ends without a full stop, as those of the standard
/// library's errors do.
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
        assert!(cut.to_string().contains(concat!(file!(), ":")), "{cut}");
        assert_eq!(cut.nodes()[0].held_for, Duration::from_secs(1));
        let refused = stuck.tell(Cell::new(0)).await.unwrap_err();
        assert_fragment(&refused);
        assert_eq!(format!("{refused:?}"), "Stopped(..)");
        system.stop().await.unwrap();
    });
}

#[test]
fn error_names_the_first_nodes_of_many_and_how_many_more_there_are() {
    paused(async |_check| {
        let system = System::start().unwrap();
        for number in 0..20 {
            let stuck = system.start(spec().name(format!("stuck-{number}"))).await;
            stuck.unwrap().try_tell(Cell::new(2)).unwrap();
        }
        settled().await;
        let cut = system.stop().within(Duration::ZERO).await.unwrap_err();
        let StopError::CutShort(cut) = cut else {
            panic!("{cut:?}");
        };
        let more = cut.nodes().len() - 16;
        assert!(more >= 4, "{cut}");
        let text = cut.to_string();
        assert_eq!(text.matches("/stuck-").count(), 16, "{text}");
        assert!(text.ends_with(&format!("; and {more} more")), "{text}");
        assert_fragment(&cut);
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
        // Either of the two may have failed first.
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

/// A chain of nodes, the last of which fails together with its children.
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

/// `StopReason` and the error of a task without a value say the same word for an end.
#[test]
fn ends_say_in_a_word_how_they_came() {
    let words = [
        (StopReason::Finished, "finished"),
        (StopReason::Stopped, "stopped"),
        (StopReason::Drained, "drained"),
        (StopReason::Killed, "killed"),
    ];
    for (reason, word) in words {
        assert_eq!(reason.to_string(), word);
        let error = TaskError::Stopped(reason);
        assert_fragment(&error);
        assert!(error.to_string().ends_with(&format!(": {word}")), "{error}");
    }
}
