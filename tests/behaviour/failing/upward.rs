//! To whom a failure goes.

use super::{ChildMsg, OnStop, Owner, OwnerMsg, child, leaves};
use crate::common::{Check, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{StopError, StopReason, System};

/// Starts a chain of three, the last of which panics.
struct Level {
    depth: usize,
    _guard: Guard,
    check: Check,
}

impl Actor for Level {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.check.node(ctx.node());
        let names = ["one", "two", "three"];
        if let Some(name) = names.get(self.depth) {
            let next = Self {
                depth: self.depth + 1,
                _guard: self.check.guard(),
                check: self.check.clone(),
            };
            ctx.spawn(ChildSpec::new(next).name(*name))?.try_tell(())?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        assert!(self.depth < 3, "too deep");
        Ok(())
    }
}

#[test]
fn failure_escalates_to_the_root() {
    paused(async |check| {
        let root = Level {
            depth: 0,
            _guard: check.guard(),
            check: check.clone(),
        };
        let ended = System::run(root).await;
        assert_eq!(check.alive(), 0);
        let Err(RunError::Failed(failure)) = &ended else {
            panic!("{ended:?}");
        };
        let mut paths = Vec::new();
        let mut next = Some(failure);
        while let Some(failure) = next {
            assert!(failure.beneath().len() <= 1);
            paths.push(failure.path());
            next = failure.beneath().first();
        }
        let expected = [
            "/",
            "/root",
            "/root/one",
            "/root/one/two",
            "/root/one/two/three",
        ];
        assert_eq!(paths, expected);
        assert_eq!(leaves(failure), ["/root/one/two/three panicked: too deep"],);
        let printed = format!("{ended:?}");
        for path in expected {
            assert!(printed.contains(&format!("{path} ")), "{path} in {printed}");
        }
    });
}

/// How a child comes to its end, for the table of rule 9.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Finished,
    Stopped,
    Drained,
    Killed,
    Error,
    ErrorInOnStop,
    Panic,
    PanicInOnStop,
    OutOfGrace,
}

impl Way {
    async fn end(
        self,
        child: &ActorRef<ChildMsg>,
    ) -> tenure::Result<Result<StopReason, StopError>> {
        match self {
            Self::Finished => child.tell(ChildMsg::Stop).await?,
            Self::Error => child.tell(ChildMsg::Fail).await?,
            Self::Panic => child.tell(ChildMsg::Panic).await?,
            Self::OutOfGrace => child.ask(ChildMsg::Hang).await?,
            _ => {}
        }
        Ok(match self {
            Self::Finished | Self::Error | Self::Panic => child.stopped().await,
            Self::Drained => child.drain().await,
            Self::Killed => child.kill().await,
            _ => child.stop().await,
        })
    }
}

#[derive(Debug, PartialEq)]
struct Row {
    way: Way,
    reason: &'static str,
    on_stop: bool,
    fails_owner: bool,
}

async fn end_of(way: Way, contain: bool, check: &Check) -> Row {
    let log = Log::default();
    let row = tenure::scope(async |scope| {
        let spec = ChildSpec::new(Owner::new(&log, check)).contain();
        let owner = scope.spawn(spec)?;
        let mut child = child("c", &log, check);
        child.on_stop = match way {
            Way::ErrorInOnStop => OnStop::Fails,
            Way::PanicInOnStop => OnStop::Panics,
            _ => OnStop::Ends,
        };
        let mut spec = ChildSpec::new(child).name("c");
        if contain {
            spec = spec.contain();
        }
        let child = owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
        let reason = match way.end(&child).await? {
            Ok(StopReason::Finished) => "finished",
            Ok(StopReason::Stopped) => "stopped",
            Ok(StopReason::Drained) => "drained",
            Ok(StopReason::Killed) => "killed",
            Err(StopError::CutShort(_)) => "cut short",
            Err(StopError::Failed(_)) => "failed",
            other => panic!("{other:?}"),
        };
        let fails_owner = match owner.drain().await {
            Ok(_) => false,
            Err(StopError::Failed(failure)) => {
                assert_eq!(failure.leaves().count(), 1, "{failure:?}");
                true
            }
            other => panic!("{other:?}"),
        };
        let told = format!("exit of {}/c", owner.path());
        assert!(log.entries().contains(&told), "{way:?}");
        assert!(log.entries().contains(&"c dropped".into()));
        Ok(Row {
            way,
            reason,
            on_stop: log.entries().contains(&"c on_stop".into()),
            fails_owner,
        })
    });
    row.await.unwrap()
}

/// The table of rule 9, except for restarts.
#[test]
fn ends_go_where_the_table_says() {
    paused(async |check| {
        #[rustfmt::skip]
        let table = [
            (Way::Finished,      "finished",  true,  false),
            (Way::Stopped,       "stopped",   true,  false),
            (Way::Drained,       "drained",   true,  false),
            (Way::Killed,        "killed",    false, false),
            (Way::Error,         "failed",    true,  true),
            (Way::ErrorInOnStop, "failed",    true,  true),
            (Way::Panic,         "failed",    false, true),
            (Way::PanicInOnStop, "failed",    true,  true),
            (Way::OutOfGrace,    "cut short", false, false),
        ];
        for (way, reason, on_stop, fails_owner) in table {
            for contain in [false, true] {
                let expected = Row {
                    way,
                    reason,
                    on_stop,
                    fails_owner: fails_owner && !contain,
                };
                assert_eq!(end_of(way, contain, &check).await, expected);
            }
        }
    });
}
