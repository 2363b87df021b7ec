//! The hooks and messages of actors.

use super::{At, Bomb, MS, Msg, Recipe, Then, ends, run, word};
use crate::common::paused;
use tenure::prelude::*;

#[test]
fn panics_in_hooks() {
    paused(async |_| {
        let nothing = || vec![run(|_| Ok(()))];
        let child = || vec![run(|ctx| Ok(drop(ctx.task(async {})?)))];
        let rows = [
            (At::Nowhere, nothing(), Then::Stop, "in order"),
            (At::Nowhere, nothing(), Then::Drain, "in order"),
            (At::Nowhere, nothing(), Then::Kill, "killed"),
            (At::Clone, nothing(), Then::Nothing, "failed"),
            (At::Make, nothing(), Then::Nothing, "failed"),
            (At::Start, nothing(), Then::Nothing, "failed"),
            (At::OnStart, nothing(), Then::Nothing, "failed"),
            (At::Handle, nothing(), Then::Nothing, "failed"),
            (At::Label, nothing(), Then::Nothing, "failed"),
            (At::OnChildExit, child(), Then::Nothing, "failed"),
            (At::OnDrain, nothing(), Then::Drain, "failed"),
            (At::OnDrain, nothing(), Then::Stop, "in order"),
            (At::OnStop, nothing(), Then::Stop, "failed"),
            (At::OnStop, nothing(), Then::Drain, "failed"),
            (At::OnStop, nothing(), Then::Kill, "killed"),
            (At::Drop, nothing(), Then::Stop, "failed"),
            (At::Drop, nothing(), Then::Drain, "failed"),
            (At::Drop, nothing(), Then::Kill, "killed"),
            (At::UnpolledDrop, vec![], Then::Kill, "killed"),
        ];
        for (at, first, then, right) in rows {
            assert_eq!(ends(at, first, then).await, right, "{at:?} and {then:?}");
        }
    });
}

#[test]
fn panics_in_the_drop_of_messages() {
    paused(async |_| {
        let queued = || vec![Msg::Sleep, Msg::Keep(Bomb)];
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Nothing).await,
            "failed",
            "in a handler"
        );
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Stop).await,
            "failed",
            "at a stop"
        );
        assert_eq!(
            ends(At::Nowhere, queued(), Then::Kill).await,
            "killed",
            "at a kill"
        );

        // A reply that nobody waits for panics when it is dropped.
        let system = System::start().unwrap();
        let actor = system
            .spawn(ChildSpec::new(Recipe::new(At::Nowhere)).contain())
            .unwrap();
        let asked = actor.ask(Msg::Bombs).timeout(MS).await;
        assert!(matches!(asked, Err(AskError::TimedOut { .. })));
        assert_eq!(word(&actor.stopped().await), "failed");
        system.stop().await.unwrap();
    });
}
