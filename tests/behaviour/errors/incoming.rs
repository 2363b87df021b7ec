//! Errors of other crates in handlers.

use std::cell::Cell;

use super::{foreign, spec};
use crate::common::paused;
use tenure::prelude::*;
use tenure::{Cause, StopError};

/// Every error of another crate goes in by `?`.
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
