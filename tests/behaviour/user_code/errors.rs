//! Errors whose own code panics.

use std::fmt;

use super::{At, Bomb, MS, Msg, Recipe, Then, assert_ends, run, word};
use crate::common::lines::Lines;
use crate::common::paused;
use tenure::prelude::*;
use tokio::time::sleep;

/// An error, one method of which panics.
#[derive(Clone, Copy)]
enum Faulty {
    Display,
    Debug,
    Source,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!matches!(self, Self::Display), "shown");
        f.write_str("faulty")
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!matches!(self, Self::Debug), "shown");
        f.write_str("Faulty")
    }
}

impl std::error::Error for Faulty {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        assert!(!matches!(self, Self::Source), "asked for its source");
        None
    }
}

/// An error whose drop panics.
#[derive(Debug, thiserror::Error)]
#[error("it explodes")]
struct Explodes(BombInError);

struct BombInError(Bomb);

impl fmt::Debug for BombInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BombInError")
    }
}

#[test]
fn panics_in_the_code_of_errors() {
    paused(async |_| {
        assert_ends(vec![
            (
                "Display of an error",
                Box::new(|_| Err(Faulty::Display.into())),
                Then::Nothing,
                "failed",
            ),
            (
                "Debug of an error",
                Box::new(|_| Err(Faulty::Debug.into())),
                Then::Nothing,
                "failed",
            ),
            (
                "source of an error",
                Box::new(|_| Err(Faulty::Source.into())),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_the_drop_of_errors() {
    paused(async |_| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let told = || lines.with("an error panicked when it was dropped").len();
        let explodes = || run(|_| Err(Explodes(BombInError(Bomb)).into()));
        // A restart settles the error, and drops it.
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Recipe::new(At::Nowhere)).restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        actor.tell(explodes()).await.unwrap();
        actor.tell(Msg::Sleep).await.unwrap();
        sleep(2 * MS).await;
        assert_eq!(word(&actor.drain().await), "in order", "a restart");
        assert_eq!(told(), 1);

        // The error is dropped with its node, to which nobody refers any longer.
        let owner = system.spawn(Recipe::new(At::Nowhere)).unwrap();
        let (lend, lent) = tokio::sync::oneshot::channel();
        let start = run(move |ctx| {
            let child = ctx.spawn(ChildSpec::new(Recipe::new(At::Nowhere)).contain())?;
            lend.send(child).ok();
            Ok(())
        });
        owner.tell(start).await.unwrap();
        let child = lent.await.unwrap();
        child.tell(explodes()).await.unwrap();
        drop(child);
        while !owner.node().children().is_empty() {
            sleep(MS).await;
        }
        assert_eq!(word(&owner.drain().await), "in order", "its owner");
        assert_eq!(told(), 2);
        assert_eq!(word(&system.stop().await), "in order");
    });
}
