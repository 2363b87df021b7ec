//! Room in a mailbox, and the turns of those who wait for it.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::{Letter, Office, in_scope, poll};
use crate::common::node::{Msg, Node, hold, note, run};
use crate::common::{Log, is_simulated, settled};
use tenure::Tell;
use tenure::prelude::*;
use tokio::time::Instant;

#[test]
fn capacity_counts_what_is_accepted_and_not_started() {
    in_scope(async |scope, check| {
        for capacity in [1, 3, 100] {
            let office = Office::full(scope, check, capacity).await;
            office.refused(900);
            // Each message that is started frees room for exactly one, although the loop has taken the whole batch.
            for round in 1..=capacity {
                office.handle(1).await;
                let next = office.letter(capacity + round);
                office.clerk.try_tell(next).unwrap();
                office.refused(900);
                assert_eq!(office.clerk.node().backlog(), u64::from(capacity));
            }
            office.assert_handled(0..=2 * capacity).await;
        }
    });
}

#[test]
fn tell_waits_for_room_and_its_turn() {
    in_scope(async |scope, check| {
        let office = Office::full(scope, check, 1).await;
        let mut tells: Vec<Tell<'_, _>> = (2..5)
            .map(|number| office.clerk.tell(office.letter(number)))
            .collect();
        for tell in &mut tells {
            assert!(poll(tell).is_pending());
        }
        // The room goes to the first in the line, even before it is polled.
        office.handle(1).await;
        office.refused(900);
        assert!(poll(&mut tells[2]).is_pending());
        assert!(poll(&mut tells[1]).is_pending());
        assert!(matches!(poll(&mut tells[0]), Poll::Ready(Ok(()))));
        office.refused(900);
        assert!(poll(&mut tells[1]).is_pending());

        office.handle(1).await;
        assert!(poll(&mut tells[2]).is_pending());
        assert!(matches!(poll(&mut tells[1]), Poll::Ready(Ok(()))));
        office.handle(1).await;
        assert!(matches!(poll(&mut tells[2]), Poll::Ready(Ok(()))));
        drop(tells);
        office.assert_handled(0..5).await;
    });
}

#[test]
fn waiting_tells_are_woken_in_order() {
    in_scope(async |scope, check| {
        let office = Office::full(scope, check, 1).await;
        let (mut tellers, begun) = (Vec::new(), Log::default());
        for number in 2..50 {
            let (clerk, letter, begun) =
                (office.clerk.clone(), office.letter(number), begun.clone());
            let telling = async move {
                begun.push(number.to_string());
                clerk.tell(letter).await
            };
            tellers.push(scope.task(telling).unwrap());
        }
        settled().await;
        office.turns.add_permits(50);
        for teller in tellers {
            teller.await.unwrap();
        }
        let in_line = begun.entries();
        let in_line = in_line.iter().map(|number| number.parse().unwrap());
        office
            .assert_handled([0, 1].into_iter().chain(in_line))
            .await;
    });
}

#[test]
fn dropped_tell_has_sent_nothing_and_passes_its_turn_on() {
    in_scope(async |scope, check| {
        let office = Office::full(scope, check, 1).await;
        let tell = |number| Box::pin(office.clerk.tell(office.letter(number)));
        let (mut first, mut second, mut third, mut fourth) = (tell(2), tell(3), tell(4), tell(5));
        for tell in [&mut first, &mut second, &mut third, &mut fourth] {
            assert!(poll(tell).is_pending());
        }
        let alive = check.alive();
        // This one leaves while it waits in the line.
        drop(second);
        assert_eq!(check.alive(), alive - 1);
        // This one leaves with room that was granted to it.
        office.handle(1).await;
        drop(first);
        assert!(poll(&mut fourth).is_pending());
        assert!(matches!(poll(&mut third), Poll::Ready(Ok(()))));
        office.handle(1).await;
        assert!(matches!(poll(&mut fourth), Poll::Ready(Ok(()))));
        // Nobody is left in the line: there is room for everybody.
        let mut fifth = tell(6);
        assert!(poll(&mut fifth).is_pending());
        office.handle(1).await;
        office.refused(900);
        drop(fifth);
        office.clerk.try_tell(office.letter(7)).unwrap();
        // This one was never polled.
        drop(tell(8));
        office.assert_handled([0, 1, 4, 5, 7]).await;
    });
}

#[test]
fn tell_that_is_taken_back_gives_the_message_back_and_passes_its_turn_on() {
    in_scope(async |scope, check| {
        let office = Office::full(scope, check, 1).await;
        let recipient: Recipient<Letter> = office.clerk.recipient();
        let (mut first, mut second) = (
            office.clerk.tell(office.letter(2)),
            recipient.tell(office.letter(3)),
        );
        let mut third = office.clerk.tell(office.letter(4));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        assert!(poll(&mut third).is_pending());
        // One leaves with room that was granted to it, and one while it waits in the line.
        office.handle(1).await;
        assert_eq!(first.into_inner().map(|letter| letter.number), Some(2));
        assert_eq!(second.into_inner().map(|letter| letter.number), Some(3));
        assert!(matches!(poll(&mut third), Poll::Ready(Ok(()))));
        assert!(third.into_inner().is_none(), "it is sent");
        office.assert_handled([0, 1, 4]).await;
    });
}

#[test]
fn tell_that_times_out_gives_the_message_back() {
    const LIMIT: Duration = Duration::from_secs(3);
    in_scope(async |scope, check| {
        let office = Office::full(scope, check, 1).await;
        let begin = Instant::now();
        let mut patient = Box::pin(office.clerk.tell(office.letter(2)));
        let mut behind = Box::pin(office.clerk.tell(office.letter(3)).timeout(LIMIT));
        assert!(poll(&mut patient).is_pending());
        let Err(SendError::TimedOut(refused)) = behind.as_mut().await else {
            panic!("it did not time out");
        };
        drop(behind);
        assert_eq!(begin.elapsed(), LIMIT);
        assert_eq!(refused.into_inner().number, 3);

        // A sender that gets its turn in time does not time out.
        let in_time = office.clerk.tell(office.letter(4)).timeout(LIMIT);
        let handle = async {
            settled().await;
            office.handle(2).await;
        };
        let (told, in_time, ()) = tokio::join!(patient, in_time, handle);
        told.unwrap();
        in_time.unwrap();
        office.assert_handled([0, 1, 2, 4]).await;
    });
}

/// An ask that times out in the line keeps neither its message nor its place there, even while its future is kept.
#[test]
fn ask_that_times_out_before_it_is_sent_leaves_nothing_in_the_line() {
    type Asking<'a> = Pin<Box<dyn Future<Output = Result<(), AskError>> + 'a>>;
    const LIMIT: Duration = Duration::from_secs(3);
    for is_typed in [false, true] {
        in_scope(async |scope, check| {
            let node = ChildSpec::new(Node::new(check, &Log::default()));
            let actor = scope.spawn(node.mailbox(Mailbox::bounded(1))).unwrap();
            let typed = actor.recipient::<Msg>();
            let gate = hold(&actor).await;
            actor.try_tell(note("full")).unwrap();
            let before = check.alive();
            let guard = check.guard();
            let message = |reply: ReplyTo<()>| {
                run(move |_| {
                    drop(guard);
                    reply.send(());
                })
            };
            let mut asking: Asking<'_> = match is_typed {
                true => Box::pin(typed.ask(message).timeout(LIMIT)),
                false => Box::pin(actor.ask(message).timeout(LIMIT)),
            };
            let asked = asking.as_mut().await;
            let late = AskError::TimedOut {
                started: false,
                inherited: false,
            };
            assert_eq!(asked, Err(late));
            assert_eq!(check.alive(), before);
            let behind = actor.tell(note("behind")).timeout(LIMIT);
            let go_on = async {
                settled().await;
                gate.open();
            };
            let (behind, ()) = tokio::join!(behind, go_on);
            assert!(behind.is_ok(), "{behind:?}");
            drop(asking);
        });
    }
}

#[test]
fn unbounded_mailbox_never_waits() {
    in_scope(async |scope, check| {
        let many = if is_simulated() { 1_000 } else { 100_000 };
        let office = Office::new(scope, check, Mailbox::unbounded());
        for number in 0..many {
            office.clerk.try_tell(office.letter(number)).unwrap();
        }
        assert_eq!(office.clerk.node().backlog(), u64::from(many));
        office.turns.add_permits(many as usize);
        office.assert_handled(0..many).await;
    });
}

/// A sender that never has to wait for room still lets other tasks run.
#[test]
fn endless_tells_yield() {
    in_scope(async |scope, check| {
        let office = Office::new(scope, check, Mailbox::unbounded());
        let recipient: Recipient<Letter> = office.clerk.recipient();
        let (clerk, check) = (office.clerk.clone(), check.clone());
        let flood = scope.task(async move {
            loop {
                let letter = Letter {
                    number: 0,
                    _guard: check.guard(),
                };
                if clerk.tell(letter).await.is_err() {
                    break;
                }
            }
        });
        let check = office.check.clone();
        let other_flood = scope.task(async move {
            loop {
                let letter = Letter {
                    number: 0,
                    _guard: check.guard(),
                };
                if recipient.tell(letter).await.is_err() {
                    break;
                }
            }
        });
        settled().await;
        office.clerk.kill().await.unwrap();
        flood.unwrap().await.unwrap();
        other_flood.unwrap().await.unwrap();
    });
}

#[test]
fn those_who_wait_for_room_get_their_message_back() {
    in_scope(async |scope, check| {
        for kill in [false, true] {
            let office = Office::full(scope, check, 1).await;
            let tells: Vec<_> = (2..10)
                .map(|number| office.clerk.tell(office.letter(number)))
                .collect();
            let telling = async {
                let mut refused = Vec::new();
                let mut tells = tells;
                for tell in &mut tells {
                    assert!(poll(tell).is_pending());
                }
                for tell in tells {
                    match tell.await {
                        Err(SendError::Stopped(letter)) => refused.push(letter.into_inner().number),
                        other => panic!("{other:?}"),
                    }
                }
                refused
            };
            let stopping = async {
                settled().await;
                let stopping = if kill {
                    office.clerk.kill()
                } else {
                    office.clerk.stop()
                };
                office.turns.add_permits(1);
                stopping.await
            };
            let (refused, stopped) = tokio::join!(telling, stopping);
            assert_eq!(refused, (2..10).collect::<Vec<_>>());
            stopped.unwrap();
            let handled: &[&str] = if kill { &[] } else { &["0"] };
            assert_eq!(office.log.entries(), handled, "the queue is discarded");
        }
    });
}
