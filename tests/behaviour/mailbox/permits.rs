//! Room that is reserved before there is a message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Letter, Office, in_scope, poll};
use crate::common::node::{Node, note, run_in};
use crate::common::{Check, Log, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{Permit, StopError};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

#[test]
fn permit_holds_room_for_one() {
    in_scope(async |scope, check| {
        let office = Office::new(scope, check, Mailbox::bounded(2));
        let first = office.clerk.reserve().await.unwrap();
        let second = office.clerk.reserve().await.unwrap();
        office.refused(900);
        let mut reserving = Box::pin(office.clerk.reserve());
        let mut telling = Box::pin(office.clerk.tell(office.letter(3)));
        assert!(poll(&mut reserving).is_pending());
        assert!(poll(&mut telling).is_pending());

        // The room of an unused permit goes to the first in the line only.
        drop(first);
        assert!(poll(&mut telling).is_pending());
        let Poll::Ready(Ok(third)) = poll(&mut reserving) else {
            panic!("the permit was not passed on");
        };
        drop(reserving);
        // A reservation that is dropped in the line passes its turn on, too.
        let mut reserving = Box::pin(office.clerk.reserve());
        assert!(poll(&mut reserving).is_pending());
        second.send(office.letter(1)).unwrap();
        assert!(
            poll(&mut telling).is_pending(),
            "room for two is not for three"
        );
        third.send(office.letter(2)).unwrap();
        settled().await;
        assert!(matches!(poll(&mut telling), Poll::Ready(Ok(()))));
        office.handle(1).await;
        drop(reserving);
        office.clerk.try_tell(office.letter(4)).unwrap();
        drop(telling);
        office.assert_handled(1..5).await;
    });
}

#[test]
fn permit_of_a_stopped_actor_gives_the_message_back() {
    in_scope(async |scope, check| {
        let office = Office::new(scope, check, Mailbox::bounded(1));
        let permit = office.clerk.reserve().await.unwrap();
        office.clerk.stop().await.unwrap();
        let Err(SendError::Stopped(refused)) = permit.send(office.letter(1)) else {
            panic!("a stopped actor took a message");
        };
        assert_eq!(refused.into_inner().number, 1);
        let Err(SendError::Stopped(_)) = office.clerk.reserve().await else {
            panic!("a stopped actor made room");
        };
    });
}

/// Tells its owner something while the owner drains with a full mailbox.
struct Manager {
    turns: Arc<Semaphore>,
    log: Log,
}

impl Actor for Manager {
    type Msg = Letter;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let (me, turns) = (ctx.me(), Arc::clone(&self.turns));
        ctx.task_with(|token| async move {
            token.cancelled().await;
            turns.add_permits(1);
            me.tell(Letter {
                number: 77,
                _guard: Check::default().guard(),
            })
            .await?;
            Ok::<_, tenure::Error>(())
        })?;
        Ok(())
    }

    async fn handle(&mut self, letter: Letter, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(letter.number.to_string());
        Ok(())
    }
}

/// Room that an outsider has reserved when a drain begins goes to the nodes beneath, which may still send.
#[test]
fn permit_that_a_draining_actor_refuses_passes_its_turn_on() {
    in_scope(async |scope, check| {
        let (turns, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let manager = Manager {
            turns: Arc::clone(&turns),
            log: log.clone(),
        };
        let spec = ChildSpec::new(manager).mailbox(Mailbox::bounded(1));
        let manager = scope.start(spec).await.unwrap();
        let permit: Permit<'_, _> = manager.reserve().await.unwrap();
        let draining = manager.drain();
        let refusing = async {
            // The task beneath is in the line by then.
            turns.acquire().await.unwrap().forget();
            settled().await;
            let letter = Letter {
                number: 1,
                _guard: check.guard(),
            };
            permit
                .send(letter)
                .map_err(|error| error.into_inner().number)
        };
        let begin = Instant::now();
        let (drained, refused) = tokio::join!(draining, refusing);
        assert_eq!(refused, Err(1));
        assert!(
            !matches!(drained, Err(StopError::CutShort(_))),
            "{drained:?}"
        );
        assert_eq!(log.entries(), ["77"]);
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// Whether a message was taken.
type Sending = Pin<Box<dyn Future<Output = bool> + Send>>;

/// It was taken outside and is used beneath, or the other way: neither is a message from beneath.
#[test]
fn permit_that_changes_hands_in_a_drain_is_refused() {
    for from_beneath in [false, true] {
        in_scope(async |scope, check| {
            let log = Log::default();
            let actor = scope.spawn(Node::new(check, &log)).unwrap();
            let own = actor.clone();
            let mut sending: Sending = Box::pin(async move {
                let permit = own.reserve().await.unwrap();
                tokio::task::yield_now().await;
                permit.send(note("late")).is_ok()
            });
            let (to, given) = oneshot::channel::<Sending>();
            let (ended, end) = oneshot::channel();
            let (back, begun) = oneshot::channel();
            if !from_beneath {
                assert!(poll_unwoken(&mut sending).is_pending());
            }
            run_in(&actor, move |ctx| {
                if from_beneath {
                    assert!(poll_unwoken(&mut sending).is_pending());
                }
                drop(back.send(sending));
                drop(ctx.task(async move {
                    if let Ok(sending) = given.await {
                        ended.send(sending.await).unwrap();
                    }
                }));
            })
            .await;
            let sending = begun.await.unwrap();
            let draining = actor.drain();
            settled().await;
            if from_beneath {
                assert!(!sending.await);
                drop(to);
            } else {
                assert!(to.send(sending).is_ok());
                assert!(!end.await.unwrap());
            }
            drop(draining.await);
            assert_eq!(log.entries(), [""; 0]);
        });
    }
}
