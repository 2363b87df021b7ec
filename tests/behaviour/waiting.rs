//! Waiting for a reply, and for an end.

use crate::common;

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Wake, Waker};
use std::time::Duration;

use common::{Check, Count, Guard, Log, multi_thread, paused};
use tenure::prelude::*;
use tenure::{Ask, CallerGone, NodeRef, StopError, StopReason, System, TaskError};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

type Reply = ReplyTo<u32>;

/// What an actor does with a reply's address.
enum Msg {
    Send(u32, Reply),
    DropAndGoOn(Reply),
    DropAndFail(Reply),
    DropAndPanic(Reply),
    /// Drops it inside of a scope, and fails.
    DropInScopeAndFail(Reply),
    DropAndHang(Reply),
    HoldAndHang(Reply),
    HoldAndFail(Reply),
    Keep(Reply),
    ToTask(Reply),
    To(ActorRef<Msg>, Reply),
    /// Lets the actor's hook drop what it keeps, and hang.
    EndAChild,
    Wait,
}

struct Holder {
    kept: Option<Reply>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    hook_hangs: bool,
    started: Log,
    _guard: Guard,
}

async fn hold(reply: Reply) {
    pending::<()>().await;
    drop(reply);
}

async fn fail_later() -> tenure::Result {
    tokio::task::yield_now().await;
    Err("no reply from here".into())
}

impl Actor for Holder {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Send(value, reply) => {
                self.started.push(value.to_string());
                reply.send(value);
            }
            Msg::DropAndGoOn(reply) => {
                drop(reply);
                self.entered.notify_one();
                self.go_on.notified().await;
            }
            Msg::DropAndFail(reply) => {
                drop(reply);
                return fail_later().await;
            }
            Msg::DropAndPanic(reply) => {
                drop(reply);
                tokio::task::yield_now().await;
                panic!("no reply from here");
            }
            Msg::DropInScopeAndFail(reply) => {
                drop(reply);
                return tenure::scope(async |_| fail_later().await)
                    .await
                    .map_err(Into::into);
            }
            Msg::DropAndHang(reply) => {
                drop(reply);
                self.entered.notify_one();
                pending::<()>().await;
            }
            Msg::HoldAndHang(reply) => {
                self.entered.notify_one();
                hold(reply).await;
            }
            Msg::HoldAndFail(_reply) => return fail_later().await,
            Msg::Keep(reply) => {
                self.kept = Some(reply);
                self.entered.notify_one();
            }
            Msg::ToTask(reply) => {
                ctx.task(hold(reply))?;
                self.entered.notify_one();
            }
            Msg::To(next, reply) => next.tell(Msg::DropAndGoOn(reply)).await?,
            Msg::EndAChild => {
                ctx.task(async {})?;
            }
            Msg::Wait => {
                self.entered.notify_one();
                self.go_on.notified().await;
            }
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        if self.hook_hangs {
            self.kept = None;
            self.entered.notify_one();
            pending::<()>().await;
        }
        exit.into_result()
    }
}

impl Holder {
    fn new(check: &Check) -> Self {
        Self {
            kept: None,
            entered: Arc::default(),
            go_on: Arc::default(),
            hook_hangs: false,
            started: Log::default(),
            _guard: check.guard(),
        }
    }
}

/// An actor in a system of its own, whose failure is nobody else's.
struct Rig {
    system: System,
    actor: ActorRef<Msg>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    started: Log,
}

impl Rig {
    fn new(check: &Check) -> Self {
        Self::with(Holder::new(check), Mailbox::default(), check)
    }

    fn with(holder: Holder, mailbox: Mailbox, check: &Check) -> Self {
        let system = System::start().unwrap();
        let (entered, go_on) = (Arc::clone(&holder.entered), Arc::clone(&holder.go_on));
        let started = holder.started.clone();
        let spec = ChildSpec::new(holder).mailbox(mailbox).contain();
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        Self {
            system,
            actor,
            entered,
            go_on,
            started,
        }
    }

    /// Asks, and does the rest once the handler has come to where it says so.
    async fn ask_and<F: Future>(
        &self,
        message: impl FnOnce(Reply) -> Msg,
        then: impl FnOnce() -> F,
    ) -> Result<u32, AskError> {
        let then = async {
            self.entered.notified().await;
            then().await
        };
        tokio::join!(self.actor.ask(message), then).0
    }

    async fn end(self) {
        self.system.stop().await.unwrap();
    }
}

/// A test in which whoever waits hears of it at once.
fn at_once(test: impl AsyncFn(Check)) {
    paused(async |check| {
        let begin = Instant::now();
        test(check).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn reply_dropped_by_a_handler_is_answered_at_its_end() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let mut asking = Box::pin(rig.actor.ask(Msg::DropAndGoOn));
        tokio::select! {
            biased;
            asked = &mut asking => panic!("before the handler had ended: {asked:?}"),
            () = rig.entered.notified() => {}
        }
        tokio::select! {
            biased;
            asked = &mut asking => panic!("before the handler had ended: {asked:?}"),
            () = tokio::task::yield_now() => {}
        }
        rig.go_on.notify_one();
        assert_eq!(asking.await, Err(AskError::NoReply));
        rig.end().await;
    });
}

#[test]
fn reply_dropped_by_a_handler_that_fails() {
    at_once(async |check| {
        for message in [
            Msg::DropAndFail,
            Msg::DropAndPanic,
            Msg::DropInScopeAndFail,
            Msg::HoldAndFail,
        ] {
            let rig = Rig::new(&check);
            assert_eq!(rig.actor.ask(message).await, Err(AskError::Failed));
            rig.end().await;
        }
    });
}

#[test]
fn reply_dropped_or_held_by_a_handler_that_is_killed() {
    at_once(async |check| {
        for message in [Msg::DropAndHang, Msg::HoldAndHang] {
            let rig = Rig::new(&check);
            let asked = rig.ask_and(message, || rig.actor.kill()).await;
            assert_eq!(asked, Err(AskError::Killed));
            rig.end().await;
        }
    });
}

#[test]
fn reply_lost_with_a_killed_task_of_an_actor_that_lives_on() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let kill_task = || rig.actor.node().children()[0].kill();
        let asked = rig.ask_and(Msg::ToTask, kill_task).await;
        assert_eq!(asked, Err(AskError::NoReply));
        assert!(!rig.actor.is_stopped());
        rig.end().await;
    });
}

#[test]
fn reply_dropped_by_another_actor_that_it_was_handed_to() {
    at_once(async |check| {
        let (rig, other) = (Rig::new(&check), Rig::new(&check));
        let asked = rig
            .actor
            .ask(|reply| Msg::To(other.actor.clone(), reply))
            .await;
        assert_eq!(asked, Err(AskError::NoReply));
        rig.end().await;
        other.go_on.notify_one();
        other.end().await;
    });
}

#[test]
fn reply_kept_by_an_actor_that_is_stopped_or_killed() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let asked = rig.ask_and(Msg::Keep, || rig.actor.stop()).await;
        assert_eq!(asked, Err(AskError::NoReply));
        rig.end().await;
        let rig = Rig::new(&check);
        let asked = rig.ask_and(Msg::Keep, || rig.actor.kill()).await;
        assert_eq!(asked, Err(AskError::Killed));
        rig.end().await;
    });
}

#[test]
fn reply_in_a_message_that_a_stop_or_kill_discards() {
    at_once(async |check| {
        for end in [ActorRef::stop, ActorRef::kill] {
            let rig = Rig::new(&check);
            rig.actor.tell(Msg::Wait).await.unwrap();
            let asking = rig.actor.ask(|reply| Msg::Send(1, reply));
            let ending = async {
                rig.entered.notified().await;
                let ending = end(&rig.actor);
                rig.go_on.notify_one();
                ending.await
            };
            let (asked, ended) = tokio::join!(asking, ending);
            assert_eq!(asked, Err(AskError::Stopped));
            assert!(ended.is_ok(), "{ended:?}");
            rig.end().await;
        }
    });
}

#[test]
fn reply_dropped_by_a_hook_that_goes_on() {
    paused(async |check| {
        let mut holder = Holder::new(&check);
        holder.hook_hangs = true;
        let rig = Rig::with(holder, Mailbox::default(), &check);
        let other = Rig::new(&check);
        let others_failure = || async {
            rig.actor.tell(Msg::EndAChild).await.unwrap();
            rig.entered.notified().await;
            // What goes wrong elsewhere on this thread is not the answer.
            other.actor.ask(Msg::DropAndPanic).await
        };
        let (asked, failed) = {
            let asking = rig.actor.ask(Msg::Keep);
            let then = async {
                rig.entered.notified().await;
                others_failure().await
            };
            tokio::join!(asking, then)
        };
        assert_eq!(asked, Err(AskError::NoReply));
        assert_eq!(failed, Err(AskError::Failed));
        rig.actor.kill().await.unwrap();
        rig.end().await;
        other.end().await;
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn watch() {
    paused(async |check| {
        let rig = Rig::new(&check);
        // Of a live actor, by three; and by one that is dropped before.
        let (first, second, third) = (
            rig.actor.stopped(),
            rig.actor.stopped(),
            rig.actor.node().stopped(),
        );
        let told = Count::default();
        let watch = async |stopped: tenure::Stopped| {
            let end = stopped.await;
            assert!(rig.actor.is_stopped());
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
            told.add();
        };
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut dropped = Box::pin(rig.actor.stopped());
        let mut waits = pin!(rig.actor.stopped());
        // The start of the actor may wake whoever watched before.
        tokio::task::yield_now().await;
        let cx = &mut task::Context::from_waker(&waker);
        assert!(dropped.as_mut().poll(cx).is_pending());
        drop(dropped);
        let (_, _, _, ended) = tokio::join!(watch(first), watch(second), watch(third), async {
            tokio::task::yield_now().await;
            assert_eq!(told.get(), 0, "before the end");
            rig.actor.stop().await
        });
        assert!(ended.is_ok());
        assert_eq!(told.get(), 3);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "nobody watches any more");

        // Of a dead one: at once.
        let polled = waits.as_mut().poll(cx);
        assert!(matches!(polled, Poll::Ready(Ok(StopReason::Stopped))));
        watch(rig.actor.stopped()).await;
        rig.end().await;

        // A failure is told to all who watch.
        let rig = Rig::new(&check);
        let failing = rig.actor.ask(Msg::DropAndFail);
        let (first, second, asked) =
            tokio::join!(rig.actor.stopped(), rig.actor.stopped(), failing);
        assert!(matches!(first, Err(StopError::Failed(_))), "{first:?}");
        assert!(matches!(second, Err(StopError::Failed(_))), "{second:?}");
        assert_eq!(asked, Err(AskError::Failed));
        rig.end().await;
    });
}

const LIMIT: Duration = Duration::from_secs(3);

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

        // Those behind it are not skipped with it.
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
        // The handler runs on.
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

/// Remembers what it has started.
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

/// What the error says is true even if the time runs out while the actor takes the message.
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
                        // The actor, on another thread, is busy for a little longer each time, so
                        // that it comes to the ask just when the time is up.
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

#[test]
fn queued_ask_whose_caller_has_gone_is_skipped() {
    paused(async |check| {
        let rig = Rig::new(&check);
        rig.actor.tell(Msg::Wait).await.unwrap();
        rig.entered.notified().await;
        let mut asks: Vec<_> = (0..6)
            .map(|n| Box::pin(rig.actor.ask(move |reply| Msg::Send(n, reply))))
            .collect();
        let cx = &mut task::Context::from_waker(Waker::noop());
        for ask in &mut asks {
            assert!(ask.as_mut().poll(cx).is_pending());
        }
        assert_eq!(rig.actor.node().backlog(), 6);
        // The first, the last, and one in the middle; the later before the earlier.
        for gone in [5, 3, 0] {
            drop(asks.remove(gone));
        }
        rig.go_on.notify_one();
        for (ask, n) in asks.into_iter().zip([1, 2, 4]) {
            assert_eq!(ask.await, Ok(n));
        }
        assert_eq!(rig.actor.ask(|reply| Msg::Send(6, reply)).await, Ok(6));
        assert_eq!(rig.started.entries(), ["1", "2", "4", "6"]);
        rig.end().await;
    });
}

/// Hands the reply's address out.
struct Outward(tokio::sync::mpsc::UnboundedSender<ReplyTo<u32>>);

impl Actor for Outward {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        Ok(self.0.send(reply)?)
    }
}

fn is_ready<F: Future + Unpin>(future: &mut F, waker: &Waker) -> bool {
    Pin::new(future)
        .poll(&mut task::Context::from_waker(waker))
        .is_ready()
}

type Asking<'a> = Pin<Box<Ask<'a, ReplyTo<u32>, u32>>>;

/// The address of the ask's reply, which its handler has handed out.
async fn handed_out(
    asking: &mut Asking<'_>,
    replies: &mut UnboundedReceiver<ReplyTo<u32>>,
) -> ReplyTo<u32> {
    tokio::select! {
        biased;
        asked = asking => panic!("{asked:?}"),
        reply = replies.recv() => reply.unwrap(),
    }
}

fn with_outward(
    test: impl AsyncFn(ActorRef<ReplyTo<u32>>, UnboundedReceiver<ReplyTo<u32>>, Arc<Wakes>),
) {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let (send, replies) = unbounded_channel();
            let actor = scope.spawn(Outward(send))?;
            test(actor, replies, Arc::default()).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn reply_knows_whether_its_caller_has_given_up() {
    with_outward(async |actor, mut replies, wakes| {
        let waker = Waker::from(Arc::clone(&wakes));
        // By a drop, and by its time.
        for limit in [None, Some(LIMIT)] {
            let asking = actor.ask(|reply| reply);
            let mut asking = Box::pin(match limit {
                Some(limit) => asking.timeout(limit),
                None => asking,
            });
            let reply = handed_out(&mut asking, &mut replies).await;
            assert!(!reply.is_gone());
            assert_eq!(format!("{reply:?}"), "ReplyTo { is_gone: false }");
            let mut gone: CallerGone = reply.gone();
            for _ in 0..2 {
                // Polled again, it is not kept twice.
                assert!(!is_ready(&mut gone, &waker));
            }
            let before = wakes.0.load(Ordering::SeqCst);
            if limit.is_some() {
                let late = AskError::TimedOut {
                    started: true,
                    inherited: false,
                };
                assert_eq!(asking.await, Err(late));
            } else {
                drop(asking);
            }
            assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1);
            assert!(is_ready(&mut gone, &waker));
            assert!(reply.is_gone());
            assert_eq!(reply.try_send(7), Err(7), "the reply comes back");
        }
    });
}

#[test]
fn reply_knows_whether_its_caller_has_been_served() {
    with_outward(async |actor, mut replies, wakes| {
        let waker = Waker::from(Arc::clone(&wakes));
        let mut asking = Box::pin(actor.ask(|reply| reply));
        let reply = handed_out(&mut asking, &mut replies).await;
        let mut gone = reply.gone();
        assert!(!is_ready(&mut gone, &waker));
        assert_eq!(reply.try_send(7), Ok(()));
        let before = wakes.0.load(Ordering::SeqCst);
        assert_eq!(asking.await, Ok(7));
        assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1);
        assert!(is_ready(&mut gone, &waker));
    });
}

#[test]
fn handler_can_wait_for_its_caller_to_be_gone() {
    struct Worker(Count);
    impl Actor for Worker {
        type Msg = ReplyTo<u32>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            tokio::select! {
                () = reply.gone() => self.0.add(),
                () = pending() => {}
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let gone = Count::default();
            let worker = scope.spawn(Worker(gone.clone()))?;
            let asked = worker.ask(|reply| reply).timeout(LIMIT).await;
            assert_eq!(
                asked,
                Err(AskError::TimedOut {
                    started: true,
                    inherited: false
                })
            );
            worker.drain().await?;
            assert_eq!(gone.get(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Waits for what can only come after it.
struct Inward {
    found: Log,
    upper: Option<NodeRef>,
}

enum WaitFor {
    Itself,
    Owner,
    OwnerInATask,
    Task,
}

impl Actor for Inward {
    type Msg = WaitFor;

    async fn handle(&mut self, msg: WaitFor, ctx: &mut Context<Self>) -> tenure::Result {
        let upper = self.upper.clone();
        match msg {
            WaitFor::Itself => {
                let stopped = ctx.me().stopped().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
                let stopped = ctx.me().stop().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
            }
            WaitFor::Owner => {
                let stopped = upper.ok_or("no owner")?.drain().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
            }
            WaitFor::OwnerInATask => {
                let me = ctx.me();
                let found = self.found.clone();
                ctx.task(async move {
                    let stopped = me.stopped().await;
                    assert!(
                        matches!(stopped, Err(StopError::WaitsForItself)),
                        "{stopped:?}"
                    );
                    let stopped = upper.ok_or("no owner")?.stopped().await;
                    assert!(
                        matches!(stopped, Err(StopError::WaitsForItself)),
                        "{stopped:?}"
                    );
                    found.push("in a task");
                    Ok::<_, tenure::Error>(())
                })?
                .await?;
            }
            WaitFor::Task => {
                // That one is beneath it: it is no wait for itself.
                let task = ctx.task(async {})?;
                task.await?;
            }
        }
        self.found.push("handled");
        Ok(())
    }

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.upper.is_none() {
            let inner = Self {
                found: self.found.clone(),
                upper: Some(ctx.node()),
            };
            let inner = ctx.spawn(ChildSpec::new(inner).name("inner"))?;
            inner.try_tell(WaitFor::OwnerInATask)?;
            inner.try_tell(WaitFor::Task)?;
            inner.try_tell(WaitFor::Owner)?;
        }
        Ok(())
    }
}

#[test]
fn waiting_for_ones_own_end_is_an_error() {
    paused(async |check| {
        let begin = Instant::now();
        tenure::scope(async |scope| {
            let found = Log::default();
            let outer = scope.spawn(Inward {
                found: found.clone(),
                upper: None,
            })?;
            check.node(outer.node());
            // The request of the child stands: it is what ends its owner.
            let ended = outer.stopped().await;
            assert!(matches!(ended, Ok(StopReason::Drained)), "{ended:?}");
            assert_eq!(
                found.entries(),
                ["in a task", "handled", "handled", "handled"]
            );

            let lone = scope.spawn(Inward {
                found: found.clone(),
                upper: Some(scope.node()),
            })?;
            lone.tell(WaitFor::Itself).await?;
            let ended = lone.stopped().await;
            assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn task_that_waits_for_itself_is_told() {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let (send, handle) = tokio::sync::oneshot::channel::<tenure::TaskHandle<()>>();
            let (tell, told) = tokio::sync::oneshot::channel();
            let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                let own = handle.await.unwrap();
                assert!(tell.send(own.await).is_ok());
            });
            let handle = scope.task(task)?;
            assert!(send.send(handle).is_ok());
            let told = told.await?;
            assert!(matches!(told, Err(TaskError::WaitsForItself)), "{told:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
