//! Memory of failures and restarts.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tenure::Strategy;
use tenure::prelude::*;

use crate::harness::{Does, Fails, Msg, Work};
use crate::{FEW, flat};

#[test]
fn failures_that_are_contained() {
    flat(async {
        let system = System::start().unwrap();
        for _ in 0..FEW {
            let child = system.spawn(ChildSpec::new(Fails).contain()).unwrap();
            child.tell(()).await.unwrap();
            child.stopped().await.unwrap_err();
        }
        system.stop().await.unwrap();
    });
}

/// Fails with an error that holds the actor itself.
struct Clings;

struct Own(#[expect(dead_code, reason = "it is only held")] ActorRef<()>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it holds its own actor")
    }
}

impl StdError for Own {}

impl Actor for Clings {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        Err(Own(ctx.me()).into())
    }
}

#[test]
fn failures_that_hold_their_own_actor() {
    flat(async {
        let system = System::start().unwrap();
        for _ in 0..FEW {
            let child = system.spawn(ChildSpec::new(Clings).contain()).unwrap();
            child.tell(()).await.unwrap();
            child.stopped().await.unwrap_err();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn restarts() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        flat(async move {
            let system = System::start().unwrap();
            let owner = system
                .spawn(ChildSpec::new(Does).strategy(strategy))
                .unwrap();
            let (lend, lent) = tokio::sync::oneshot::channel();
            let start: Work = Box::new(|ctx| {
                let spec = || {
                    ChildSpec::new(Fails)
                        .restart(Restart::OnFailure)
                        .intensity(u32::MAX, Duration::MAX)
                };
                let children = [0; 3].map(|_| ctx.spawn(spec()).unwrap());
                drop(lend.send(children));
                Box::pin(async {})
            });
            owner.tell(Msg::Do(start)).await.unwrap();
            let children = lent.await.unwrap();
            for round in 0..FEW {
                children[round % 3].tell(()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            system.kill().await.unwrap();
        });
    }
}
