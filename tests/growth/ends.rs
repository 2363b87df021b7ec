//! Memory of nodes that are started and end, again and again.

use std::future::pending;
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::LeakCheck;
use tokio::task::yield_now;

use crate::common::paused_runtime;
use crate::harness::{Does, Msg, Work, in_one_handler, poll_and_drop};
use crate::{BAR, FEW, FEWER, ROUNDS, flat, within};

#[test]
fn tasks_that_a_handler_awaits() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..FEWER {
                ctx.task(async {}).unwrap().await.unwrap();
            }
        })
    }));
}

/// At most about a thousand ends are kept to be shown.
#[test]
fn ends_that_nobody_has_looked_at() {
    let most = 1_024 * 512 + BAR;
    within(
        most,
        &paused_runtime(),
        in_one_handler(|ctx| {
            Box::pin(async {
                for _ in 0..FEWER {
                    drop(ctx.task(async {}).unwrap());
                    yield_now().await;
                }
            })
        }),
    );
}

#[test]
fn scopes_in_a_handler() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..FEWER {
                tenure::scope(async |_| Ok(())).await.unwrap();
                // The future is dropped while the body waits.
                poll_and_drop(tenure::scope(async |_| pending::<tenure::Result>().await));
                yield_now().await;
            }
            assert!(ctx.children().is_empty());
        })
    }));
}

#[test]
fn children_that_end() {
    flat(async {
        let system = System::start().unwrap();
        for round in 0..FEWER {
            let name = format!("child-{round}");
            let child = system.spawn(ChildSpec::new(Does).name(&name)).unwrap();
            assert!(system.spawn(ChildSpec::new(Does).name(name)).is_err());
            match round % 4 {
                0 => child.stop().await.map(drop).unwrap(),
                1 => child.drain().await.map(drop).unwrap(),
                2 => child.kill().await.map(drop).unwrap(),
                _ => drop(system.start(Does).await.unwrap().kill().await),
            }
            child.kill().await.unwrap();
        }
        assert!(system.children().is_empty());
        system.stop().await.unwrap();
    });
}

/// Has an `on_stop`, and a state that is small enough to be a part of the task. tokio boxes futures that are larger
/// than 2 KiB.
struct Orderly(#[expect(dead_code, reason = "it takes room")] [u8; 512]);

impl Actor for Orderly {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        yield_now().await;
        Ok(())
    }
}

/// The tasks of ended actors are gone, even if somebody still refers to the actors.
#[test]
fn actors_that_have_ended_and_are_referred_to() {
    flat(async {
        let system = System::start().unwrap();
        let mut ended = Vec::new();
        for _ in 0..150 {
            let orderly = system.spawn(Orderly([0; 512])).unwrap();
            orderly.stop().await.unwrap();
            ended.push(orderly);
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn ends_that_are_cut_short() {
    flat(async {
        let system = System::start().unwrap();
        let owner = system.spawn(Does).unwrap();
        for _ in 0..FEW {
            let beneath: Work = Box::new(|ctx| {
                let spec = ChildSpec::new(Does).grace(Duration::ZERO);
                let child = ctx.spawn(spec).unwrap();
                Box::pin(async move {
                    let busy: Work = Box::new(|_| Box::pin(pending()));
                    child.tell(Msg::Do(busy)).await.unwrap();
                    yield_now().await;
                    child.stop().await.unwrap_err();
                })
            });
            owner.tell(Msg::Do(beneath)).await.unwrap();
            owner.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn listeners_to_ends() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..ROUNDS {
            drop(system.ends(4));
            drop(actor.node().ends(4));
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn systems_and_scopes() {
    flat(async {
        for _ in 0..FEW {
            let system = System::builder().name("brief").start().unwrap();
            system.spawn(Does).unwrap();
            system.stop().await.unwrap();
            tenure::scope(async |scope| {
                scope.spawn(Does)?;
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn roots_that_begin_during_a_leak_check() {
    flat(async {
        let check = LeakCheck::start();
        for _ in 0..FEW {
            System::start().unwrap().stop().await.unwrap();
            tenure::scope(async |_| Ok(())).await.unwrap();
        }
        check.finish().await.unwrap();
    });
}
