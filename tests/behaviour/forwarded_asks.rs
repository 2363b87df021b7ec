//! The wait of an ask that is forwarded is for the node that has the request now (rule 16).

use std::time::Duration;

use crate::common::{Check, Guard, multi_thread, paused};
use tenure::System;
use tenure::prelude::*;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

struct Hop(#[expect(dead_code, reason = "it is counted")] Guard);

/// Whether a wait was refused because it completes a cycle.
type IsCycle = bool;

enum Msg {
    /// Asks the first actor, which forwards the ask along the others. The last one asks back.
    Begin(Vec<ActorRef<Msg>>, ReplyTo<IsCycle>),
    Pass {
        on: Vec<ActorRef<Msg>>,
        back: ActorRef<Msg>,
        reply: ReplyTo<IsCycle>,
    },
    Ping(ReplyTo<()>),
    /// Forwards the ask to an actor that takes a second to reply, and meanwhile asks the other one back.
    PassAndAsk(ActorRef<Msg>, ActorRef<Msg>, ReplyTo<IsCycle>),
    /// Asks the first actor, which forwards the ask to the second and asks back itself.
    BeginBeside(ActorRef<Msg>, ActorRef<Msg>, ReplyTo<IsCycle>),
    Late(ReplyTo<IsCycle>),
}

fn is_cycle<T>(asked: &Result<T, AskError>) -> IsCycle {
    matches!(asked, Err(AskError::Deadlock(_)))
}

impl Actor for Hop {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Begin(mut on, reply) => {
                let (first, back) = (on.remove(0), ctx.me());
                let asked = first.ask(|reply| Msg::Pass { on, back, reply }).await;
                let refused = is_cycle(&asked);
                reply.send(refused || asked?);
            }
            Msg::Pass {
                mut on,
                back,
                reply,
            } => {
                if on.is_empty() {
                    let asked = back.ask(Msg::Ping).await;
                    reply.send(is_cycle(&asked));
                } else {
                    let next = on.remove(0);
                    let pass = |reply| Msg::Pass { on, back, reply };
                    next.forward(reply, pass).await?;
                }
            }
            Msg::Ping(reply) => reply.send(()),
            Msg::PassAndAsk(on, back, reply) => {
                on.forward(reply, Msg::Late).await?;
                back.ask(Msg::Ping).await?;
            }
            Msg::BeginBeside(first, on, reply) => {
                let me = ctx.me();
                let asked = first.ask(|reply| Msg::PassAndAsk(on, me, reply)).await;
                reply.send(is_cycle(&asked));
            }
            Msg::Late(reply) => {
                sleep(SECOND).await;
                reply.send(false);
            }
        }
        Ok(())
    }
}

fn hops<const N: usize>(system: &System, check: &Check) -> [ActorRef<Msg>; N] {
    std::array::from_fn(|_| {
        let hop = system.spawn(Hop(check.guard())).unwrap();
        check.node(hop.node());
        hop
    })
}

#[test]
fn ask_back_through_a_forwarded_ask_is_a_cycle() {
    paused(async |check| {
        let system = System::start().unwrap();
        let begin = Instant::now();
        let [asker, first, second, third] = hops(&system, &check);
        for on in [
            vec![first.clone(), second.clone()],
            vec![first, second, third],
        ] {
            let refused = asker.ask(|reply| Msg::Begin(on, reply)).await;
            assert!(refused.unwrap(), "it is named");
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        system.drain().await.unwrap();
    });
}

/// In whatever order the two waits begin, one of the two asks is refused.
#[test]
fn of_an_ask_that_is_forwarded_and_one_that_comes_back_one_fails() {
    multi_thread(async |check| {
        let system = System::start().unwrap();
        let [asker, first, second] = hops(&system, &check);
        for _ in 0..500 {
            let on = vec![first.clone(), second.clone()];
            let refused = asker.ask(|reply| Msg::Begin(on, reply)).await;
            assert!(refused.unwrap());
        }
        system.drain().await.unwrap();
    });
}

/// Nobody waits for a node that has forwarded the ask, so it may ask back.
#[test]
fn node_that_has_handed_an_ask_on_may_ask_back() {
    paused(async |check| {
        let system = System::start().unwrap();
        let [asker, first, second] = hops(&system, &check);
        let refused = asker
            .ask(|reply| Msg::BeginBeside(first, second, reply))
            .await;
        assert!(!refused.unwrap());
        system.drain().await.unwrap();
    });
}
