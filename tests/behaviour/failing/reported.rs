//! Everything that goes wrong during an end is in its outcome.

use std::time::Duration;

use super::{ChildMsg, OnStop, Owner, OwnerMsg, child, failure_of, leaves};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{Cause, StopError};

#[test]
fn all_failures_are_reported() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let mut owner = Owner::new(&log, &check);
            owner.falls = true;
            let owner = scope.spawn(ChildSpec::new(owner).name("p"))?;
            let mut children = Vec::new();
            for name in ["a", "b", "c"] {
                let spec = ChildSpec::new(child(name, &log, &check)).name(name);
                children.push(owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?);
            }
            owner.tell(OwnerMsg::FailWith(children)).await?;
            owner.stopped().await?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(
            leaves(&failure),
            [
                "/p failed: no way to end it",
                "/p failed: the owner has had enough",
                "/p panicked: and its state panics",
                "/p/a failed: a is out of paper",
                "/p/b failed: b is out of paper",
                "/p/c failed: c is out of paper",
            ],
        );
        assert!(matches!(failure.cause(), Cause::Beneath));
        let [owner] = failure.beneath() else {
            panic!("{failure:?}");
        };
        assert!(matches!(owner.cause(), Cause::Error(_)));
        let tree = format!("{:?}", RunError::Failed(failure.clone()));
        assert_eq!(tree.lines().count(), 7, "{tree}");
        for leaf in leaves(&failure) {
            assert_eq!(tree.matches(&leaf).count(), 1, "{leaf} in {tree}");
        }
    });
}

/// The first failure that the owner is shown fails it. The others, which it was not shown, are reported with its end.
#[test]
fn failures_that_the_owner_has_not_seen_are_reported_with_it() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("p"))?;
            let mut children = Vec::new();
            for name in ["a", "b", "c"] {
                let spec = ChildSpec::new(child(name, &log, &check)).name(name);
                children.push(owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?);
            }
            // All children fail while the owner is busy.
            owner.tell(OwnerMsg::LetFail(children)).await?;
            owner.stopped().await?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(
            log.entries()
                .iter()
                .filter(|entry| entry.starts_with("exit"))
                .count(),
            1
        );
        assert_eq!(
            leaves(&failure),
            [
                "/p/a failed: a is out of paper",
                "/p/b failed: b is out of paper",
                "/p/c failed: c is out of paper",
            ],
        );
    });
}

#[test]
fn panic_in_on_stop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let owner = ChildSpec::new(Owner::new(&log, &check)).name("p").contain();
            let owner = scope.spawn(owner)?;
            for name in ["c1", "c2", "c3", "c4", "c5"] {
                let mut child = child(name, &log, &check);
                if name == "c3" {
                    child.on_stop = OnStop::Panics;
                }
                let spec = ChildSpec::new(child).name(name);
                owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
            }
            let failure = failure_of(owner.stop().await);
            assert_eq!(leaves(&failure), ["/p/c3 panicked: c3 tripped"]);
            let expected: Vec<_> = ["c5", "c4", "c3", "c2", "c1"]
                .iter()
                .flat_map(|name| [format!("{name} on_stop"), format!("{name} dropped")])
                .collect();
            assert_eq!(log.entries(), expected);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn child_cut_short_in_its_owners_stop_is_reported() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("p"))?;
            let spec = ChildSpec::new(child("c", &log, &check))
                .name("c")
                .grace(Duration::from_secs(1));
            let child = owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
            child.ask(ChildMsg::Hang).await?;
            let ended = owner.stop().await;
            let Err(StopError::CutShort(cut)) = ended else {
                panic!("{ended:?}");
            };
            let paths: Vec<_> = cut.nodes().iter().map(|node| node.path.as_str()).collect();
            assert_eq!(paths, ["/p/c"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}
