//! Messages that an actor has put aside are the actor's to finish: no end waits for them. Those that are left when it
//! ends are dead letters (rule 11).

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::node::{Node, note, run_in};
use crate::common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{Stashed, StopReason};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// The desk puts it aside.
    Work(ReplyTo<u32>),
    StopIfEmpty,
    /// The desk puts it aside, and asks its caller back in the same handler.
    AskBack(
        ActorRef<Msg>,
        #[expect(dead_code, reason = "it is put aside with the message")] ReplyTo<u32>,
    ),
    /// Has the desk ask that actor, which asks back.
    Begin(ActorRef<Msg>, ReplyTo<Result<u32, AskError>>),
}

/// Puts its work aside. In a drain it answers what is aside, if it `finishes`.
#[derive(Default)]
struct Desk {
    finishes: bool,
    aside: Vec<Stashed<Msg>>,
}

impl Actor for Desk {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::StopIfEmpty => ctx.stop_if_empty(),
            Msg::Begin(other, reply) => {
                let me = ctx.me();
                let asked = other.ask(|reply| Msg::AskBack(me, reply)).await;
                reply.send(asked);
            }
            Msg::AskBack(ref back, _) => {
                let back = back.clone();
                self.aside.push(ctx.stash(msg));
                // The caller waits for this very handler, so the ask would complete a cycle.
                let asked = back.ask(Msg::Work).await;
                assert!(matches!(asked, Err(AskError::Deadlock(_))), "{asked:?}");
            }
            Msg::Work(_) => self.aside.push(ctx.stash(msg)),
        }
        Ok(())
    }

    async fn on_drain(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.finishes {
            for aside in self.aside.drain(..) {
                if let Msg::Work(reply) = aside.into_inner() {
                    reply.send(7);
                }
            }
        }
        Ok(())
    }
}

async fn sent<T>(ask: impl Future<Output = T>) {
    let sent = timeout(Duration::ZERO, ask).await;
    assert!(sent.is_err(), "nobody replies");
}

#[test]
fn drain_lets_the_actor_finish_what_is_aside() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let finishes = true;
            let aside = Vec::new();
            let desk = scope.spawn(Desk { finishes, aside })?;
            let (mut first, mut second) = (pin!(desk.ask(Msg::Work)), pin!(desk.ask(Msg::Work)));
            sent(first.as_mut()).await;
            sent(second.as_mut()).await;
            desk.drain().await?;
            assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
            assert_eq!(scope.dead_letters(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_is_aside_when_the_state_goes_is_a_dead_letter_and_its_ask_has_stopped() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for (lost, is_own) in [(1, false), (2, true)] {
                let desk = scope.spawn(Desk::default())?;
                let mut ask = pin!(desk.ask(Msg::Work));
                sent(ask.as_mut()).await;
                let end = match is_own {
                    true => {
                        desk.tell(Msg::StopIfEmpty).await?;
                        desk.stopped().await
                    }
                    false => desk.drain().await,
                };
                let right = match is_own {
                    true => matches!(end, Ok(StopReason::Finished)),
                    false => matches!(end, Ok(StopReason::Drained)),
                };
                assert!(right, "{end:?}");
                let stopped = ask.await.unwrap_err();
                assert_eq!(stopped, AskError::Stopped);
                assert!(stopped.never_started());
                assert_eq!(scope.dead_letters(), lost);
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn wait_for_what_was_put_aside_is_seen_until_its_handler_ends() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let [asks, asked] = [scope.spawn(Desk::default())?, scope.spawn(Desk::default())?];
            let target = asked.clone();
            let mut begun = pin!(asks.ask(|reply| Msg::Begin(target, reply)));
            sent(begun.as_mut()).await;
            settled().await;
            asked.stop().await?;
            assert_eq!(begun.await?, Err(AskError::Stopped));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn letter_has_its_label_when_it_was_put_aside() {
    paused(async |check| {
        let letters = Log::default();
        let seen = letters.clone();
        let system = System::builder()
            .on_dead_letter(move |letter| seen.push(letter.label()))
            .start()
            .unwrap();
        let node = system.spawn(Node::new(&check, &Log::default())).unwrap();
        run_in(&node, |ctx| drop(ctx.stash(note("aside")))).await;
        // A message that is put aside and outlives its actor has its label, too.
        let kept = Arc::new(Mutex::new(None));
        let keeps = Arc::clone(&kept);
        run_in(&node, move |ctx| {
            *keeps.lock().unwrap() = Some(ctx.stash(note("kept")));
        })
        .await;
        node.stop().within(SECOND).await.unwrap();
        drop(kept.lock().unwrap().take());
        assert_eq!(letters.entries(), ["Note", "Note"]);
        system.stop().await.unwrap();
    });
}
