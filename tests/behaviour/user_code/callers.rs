//! Code that a caller hands over with a call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{At, Msg, Recipe};
use crate::common::paused;
use tenure::prelude::*;

/// A panic in such code is the caller's own, and costs nobody else anything.
#[test]
fn panics_in_the_callers_own_code() {
    paused(async |_| {
        let system = System::start().unwrap();
        let actor = system.spawn(Recipe::new(At::Nowhere)).unwrap();
        let recipient: Recipient<()> = actor.recipient();
        let panics = |name: &str, what: &mut dyn FnMut()| {
            assert!(catch_unwind(AssertUnwindSafe(what)).is_err(), "{name}");
        };
        panics("try_tell of a recipient", &mut || {
            drop(recipient.try_tell(()))
        });
        panics("the closure of an ask", &mut || {
            drop(actor.ask(|_: ReplyTo<()>| panic!("called")));
        });
        panics("the closure of a task with a token", &mut || {
            drop(system.task_with(|_| -> std::future::Ready<()> { panic!("called") }));
        });
        assert_eq!(system.children().len(), 1, "what could not be made is gone");
        actor.tell(Msg::Sleep).await.unwrap();
        actor.drain().await.unwrap();
        let stopped = system.stop().await;
        drop(stopped);
    });
}
