//! Asks that take longer than their callers wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use super::{Holder, LIMIT, Msg, Rig, is_ready};
use crate::common::{multi_thread, paused};
use tenure::prelude::*;
use tokio::time::Instant;

#[test]
fn ask_that_times_out_in_the_queue_is_never_started() {
    paused(async |check| {
        let rig = Rig::new(&check);
        rig.actor.tell(Msg::Wait).await.unwrap();
        rig.entered.notified().await;
        let begin = Instant::now();
        let asked = rig
            .actor
            .ask(|reply| Msg::Send(1, reply))
            .timeout(LIMIT)
            .await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: false,
                inherited: false
            })
        );
        assert!(asked.unwrap_err().never_started());
        assert_eq!(begin.elapsed(), LIMIT);

        // Only the ask that timed out is skipped.
        let asking = rig.actor.ask(|reply| Msg::Send(2, reply)).timeout(LIMIT);
        rig.go_on.notify_one();
        assert_eq!(asking.await, Ok(2));
        assert_eq!(rig.started.entries(), ["2"]);
        assert_eq!(rig.actor.node().backlog(), 0);
        rig.end().await;
    });
}

#[test]
fn ask_that_times_out_in_the_handler_says_so() {
    paused(async |check| {
        let rig = Rig::new(&check);
        let begin = Instant::now();
        let asked = rig.actor.ask(Msg::HoldAndHang).timeout(LIMIT).await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: true,
                inherited: false
            })
        );
        assert!(!asked.unwrap_err().never_started());
        assert_eq!(begin.elapsed(), LIMIT);
        // The handler goes on.
        rig.entered.notified().await;
        assert!(!rig.actor.is_stopped());
        rig.actor.kill().await.unwrap();
        rig.end().await;
    });
}

#[test]
fn ask_that_times_out_in_the_line_was_never_sent() {
    paused(async |check| {
        let rig = Rig::with(Holder::new(&check), Mailbox::bounded(1), &check);
        rig.actor.tell(Msg::Wait).await.unwrap();
        rig.entered.notified().await;
        rig.actor.tell(Msg::Wait).await.unwrap();
        let asked = rig
            .actor
            .ask(|reply| Msg::Send(1, reply))
            .timeout(LIMIT)
            .await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: false,
                inherited: false
            })
        );
        let asked = rig.actor.try_ask(|reply| Msg::Send(2, reply)).await;
        assert_eq!(asked, Err(AskError::Full));
        let asking = rig.actor.ask(|reply| Msg::Send(3, reply));
        rig.go_on.notify_one();
        let then = async {
            rig.entered.notified().await;
            rig.go_on.notify_one();
        };
        assert_eq!(tokio::join!(asking, then).0, Ok(3));
        assert_eq!(rig.started.entries(), ["3"]);
        rig.end().await;
    });
}

#[test]
fn ask_that_gets_its_limit_late_never_claims_not_to_have_been_started() {
    paused(async |check| {
        let rig = Rig::new(&check);
        let mut asking = rig.actor.ask(Msg::HoldAndHang);
        assert!(!is_ready(&mut asking, Waker::noop()));
        rig.entered.notified().await;
        let late = asking.timeout(LIMIT).await;
        assert_eq!(
            late,
            Err(AskError::TimedOut {
                started: true,
                inherited: false
            })
        );
        rig.actor.kill().await.unwrap();
        rig.end().await;
    });
}

#[test]
fn deadline_in_the_past_gives_one_try() {
    paused(async |check| {
        let rig = Rig::new(&check);
        tokio::time::sleep(LIMIT).await;
        let past = Instant::now() - Duration::from_secs(1);
        let asked = rig
            .actor
            .ask(|reply| Msg::Send(1, reply))
            .deadline(past)
            .await;
        assert_eq!(
            asked,
            Err(AskError::TimedOut {
                started: false,
                inherited: false
            })
        );
        assert_eq!(rig.actor.ask(|reply| Msg::Send(2, reply)).await, Ok(2));
        assert_eq!(rig.started.entries(), ["2"]);
        rig.end().await;
    });
}

#[test]
fn never_started_is_certain() {
    let table = [
        (AskError::Stopped, true),
        (AskError::Full, true),
        (
            AskError::TimedOut {
                started: false,
                inherited: false,
            },
            true,
        ),
        (
            AskError::TimedOut {
                started: true,
                inherited: false,
            },
            false,
        ),
        (AskError::NoReply, false),
        (AskError::Failed, false),
        (AskError::Killed, false),
    ];
    for (error, never_started) in table {
        assert_eq!(error.never_started(), never_started, "{error:?}");
    }
}

/// Notes which asks it has started.
struct Ledger(Arc<Mutex<HashSet<u32>>>);

impl Actor for Ledger {
    type Msg = Option<(u32, ReplyTo<()>)>;

    async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        if let Some((id, reply)) = msg {
            self.0.lock().unwrap().insert(id);
            reply.send(());
        }
        Ok(())
    }
}

/// An error that says "never started" is right, even if the limit ends while the actor takes the message.
#[test]
fn never_started_is_certain_on_many_threads() {
    const ASKS: u32 = 10_000;
    multi_thread(async |_check| {
        let started = Arc::new(Mutex::new(HashSet::new()));
        let ledger = Ledger(Arc::clone(&started));
        let unstarted = tenure::scope(async |scope| {
            let ledger = scope.spawn(ledger)?;
            let mut askers = Vec::new();
            for asker in 0..2 {
                let ledger = ledger.clone();
                let asking = async move {
                    let mut unstarted = Vec::new();
                    let (mut replied, mut late) = (0, 0);
                    for round in 0..ASKS {
                        let id = asker * ASKS + round;
                        // The actor, on another thread, is busy for a little longer each time, so that it takes the ask
                        // about when the limit ends.
                        for _ in 0..round % 32 {
                            ledger.tell(None).await?;
                        }
                        let asked = ledger
                            .ask(|reply| Some((id, reply)))
                            .deadline(Instant::now())
                            .await;
                        match asked {
                            Ok(()) => replied += 1,
                            Err(AskError::TimedOut {
                                started: true,
                                inherited: false,
                            }) => late += 1,
                            Err(error) => {
                                assert!(error.never_started(), "{error:?}");
                                unstarted.push(id);
                            }
                        }
                    }
                    assert_eq!(unstarted.len() + replied + late, ASKS as usize);
                    Ok::<_, tenure::Error>(unstarted)
                };
                askers.push(scope.task(asking)?);
            }
            let mut unstarted = Vec::new();
            for asker in askers {
                unstarted.extend(asker.await?);
            }
            Ok(unstarted)
        })
        .await
        .unwrap();
        let started = started.lock().unwrap();
        for id in unstarted {
            assert!(!started.contains(&id), "{id} was started");
        }
    });
}
