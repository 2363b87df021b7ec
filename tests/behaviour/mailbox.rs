//! Sending: room, turns, and that nothing that was refused is lost.

use crate::common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use common::{Check, Guard, Log, in_order, is_simulated, paused, settled};
use proptest::prelude::*;
use tenure::prelude::*;
use tenure::{Permit, StopError, Tell, TrySendError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A message that can be told from all others, and must not be lost.
struct Letter {
    number: u32,
    _guard: Guard,
}

/// Handles a message each time that it is let.
struct Clerk {
    turns: Arc<Semaphore>,
    log: Log,
}

impl Actor for Clerk {
    type Msg = Letter;

    async fn handle(&mut self, letter: Letter, _: &mut Context<Self>) -> tenure::Result {
        self.turns.acquire().await?.forget();
        self.log.push(letter.number.to_string());
        Ok(())
    }
}

struct Office {
    check: Check,
    clerk: ActorRef<Letter>,
    turns: Arc<Semaphore>,
    log: Log,
}

impl Office {
    fn new(scope: &Scope, check: &Check, mailbox: Mailbox) -> Self {
        let (turns, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let clerk = Clerk {
            turns: Arc::clone(&turns),
            log: log.clone(),
        };
        let clerk = scope
            .spawn(ChildSpec::new(clerk).mailbox(mailbox).name("clerk"))
            .unwrap();
        check.node(clerk.node());
        Self {
            check: check.clone(),
            clerk,
            turns,
            log,
        }
    }

    fn letter(&self, number: u32) -> Letter {
        Letter {
            number,
            _guard: self.check.guard(),
        }
    }

    /// Its mailbox is full: one letter is being handled, and `capacity` more wait.
    async fn full(scope: &Scope, check: &Check, capacity: u32) -> Self {
        let mailbox = Mailbox::bounded(capacity as usize);
        let office = Self::new(scope, check, mailbox);
        office.clerk.try_tell(office.letter(0)).unwrap();
        settled().await;
        for number in 1..=capacity {
            office.clerk.try_tell(office.letter(number)).unwrap();
        }
        assert_eq!(office.clerk.node().backlog(), u64::from(capacity));
        office
    }

    /// Lets the clerk handle so many, and take up the next.
    async fn handle(&self, count: usize) {
        self.turns.add_permits(count);
        settled().await;
    }

    fn refused(&self, number: u32) {
        match self.clerk.try_tell(self.letter(number)) {
            Err(TrySendError::Full(refused)) => assert_eq!(refused.into_inner().number, number),
            other => panic!("there was room for {number}: {other:?}"),
        }
    }

    /// Lets the clerk handle all that was accepted, and compares.
    async fn assert_handled(&self, numbers: impl IntoIterator<Item = u32>) {
        self.turns.add_permits(1_000);
        self.clerk.drain().await.unwrap();
        let expected: Vec<_> = numbers.into_iter().map(|n| n.to_string()).collect();
        assert_eq!(self.log.entries(), expected);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Runs a test in a scope of its own.
fn in_scope(test: impl AsyncFn(&Scope, &Check)) {
    paused(async |check| {
        tenure::scope(async |scope| {
            test(&scope, &check).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn capacity_counts_what_is_accepted_and_not_started() {
    in_scope(async |scope, check| {
        for capacity in [1, 3, 100] {
            let office = Office::full(scope, check, capacity).await;
            office.refused(900);
            // Each that is started makes room for exactly one, although the clerk has taken the
            // whole batch.
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
        // The room goes to the first of those who wait, even before it looks.
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
        // In the line.
        drop(second);
        assert_eq!(check.alive(), alive - 1);
        // With the room that was already its own.
        office.handle(1).await;
        drop(first);
        assert!(poll(&mut fourth).is_pending());
        assert!(matches!(poll(&mut third), Poll::Ready(Ok(()))));
        office.handle(1).await;
        assert!(matches!(poll(&mut fourth), Poll::Ready(Ok(()))));
        // Nobody waits: the room is there for all.
        let mut fifth = tell(6);
        assert!(poll(&mut fifth).is_pending());
        office.handle(1).await;
        office.refused(900);
        drop(fifth);
        office.clerk.try_tell(office.letter(7)).unwrap();
        // One that was never polled.
        drop(tell(8));
        office.assert_handled([0, 1, 4, 5, 7]).await;
    });
}

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

        // Unused, it goes to the next in the line, and not to those behind.
        drop(first);
        assert!(poll(&mut telling).is_pending());
        let Poll::Ready(Ok(third)) = poll(&mut reserving) else {
            panic!("the permit was not passed on");
        };
        drop(reserving);
        // In the line, a reservation passes its turn on as well.
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

        // One that gets its turn in time does not.
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

#[test]
fn blocking_job_tells_and_asks() {
    struct Sum(u64);
    enum SumMsg {
        Add(u64),
        Get(ReplyTo<u64>),
    }
    impl Actor for Sum {
        type Msg = SumMsg;
        async fn handle(&mut self, msg: SumMsg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                SumMsg::Add(number) => self.0 += number,
                SumMsg::Get(reply) => reply.send(self.0),
            }
            Ok(())
        }
    }
    // Two jobs block a thread each, and a simulation has but one.
    in_order(async |_check| {
        let ended = tenure::scope(async |scope| {
            let spec = ChildSpec::new(Sum(0)).mailbox(Mailbox::bounded(1));
            let sum = scope.spawn(spec).unwrap();
            let jobs: Vec<_> = (0..2)
                .map(|_| {
                    let sum = sum.clone();
                    scope.blocking(move |_token| {
                        for number in 0..1_000 {
                            sum.blocking_tell(SumMsg::Add(number))?;
                        }
                        Ok::<_, tenure::Error>(sum.blocking_ask(SumMsg::Get)?)
                    })
                })
                .collect();
            let mut most = 0;
            for job in jobs {
                most = most.max(job.unwrap().await.unwrap());
            }
            assert_eq!(most, 2 * (999 * 1_000 / 2));

            sum.stop().await.unwrap();
            let late = sum.clone();
            let job = scope.blocking(move |_token| {
                let told = late.blocking_tell(SumMsg::Add(7));
                let asked = late.blocking_ask(SumMsg::Get);
                Ok::<_, tenure::Error>((told, asked))
            });
            let (told, asked) = job.unwrap().await.unwrap();
            assert!(matches!(told.unwrap_err().into_inner(), SumMsg::Add(7)));
            assert_eq!(asked, Err(AskError::Stopped));
            Ok(())
        });
        ended.await.unwrap();
    });
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

/// A producer that never waits for room still lets the others run.
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
fn message_needs_only_be_send() {
    struct Cells;
    enum CellMsg {
        Take(Cell<u32>),
        Swap(Cell<u32>, ReplyTo<Cell<u32>>),
    }
    impl Actor for Cells {
        type Msg = CellMsg;
        async fn handle(&mut self, msg: CellMsg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                CellMsg::Take(cell) => assert_eq!(cell.get(), 1),
                CellMsg::Swap(cell, reply) => {
                    tokio::task::yield_now().await;
                    reply.send(cell);
                }
            }
            Ok(())
        }
    }
    in_scope(async |scope, _check| {
        let cells = scope.spawn(Cells).unwrap();
        let telling = cells.clone();
        let task = scope.task(async move {
            telling.tell(CellMsg::Take(Cell::new(1))).await?;
            telling.try_tell(CellMsg::Take(Cell::new(1)))?;
            telling.reserve().await?.send(CellMsg::Take(Cell::new(1)))?;
            let swapped = telling
                .ask(|reply| CellMsg::Swap(Cell::new(5), reply))
                .await?;
            Ok::<_, tenure::Error>(swapped.get())
        });
        assert_eq!(task.unwrap().await.unwrap(), 5);
    });
}

/// Takes two kinds of messages, and shows each to one half of the world.
struct Desk(Log);

enum DeskMsg {
    Note(String),
    Count(ReplyTo<usize>),
    #[allow(dead_code, reason = "it is never handled")]
    Poison(ActorRef<DeskMsg>, Option<ReplyTo<usize>>),
}

impl From<String> for DeskMsg {
    fn from(note: String) -> Self {
        Self::Note(note)
    }
}

impl From<ReplyTo<usize>> for DeskMsg {
    fn from(reply: ReplyTo<usize>) -> Self {
        Self::Count(reply)
    }
}

/// Its conversion ends the actor that it is for.
struct Poison(ActorRef<DeskMsg>, Option<ReplyTo<usize>>);

impl From<Poison> for DeskMsg {
    fn from(Poison(desk, reply): Poison) -> Self {
        drop(desk.stop());
        Self::Poison(desk, reply)
    }
}

impl Actor for Desk {
    type Msg = DeskMsg;

    async fn handle(&mut self, msg: DeskMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            DeskMsg::Note(note) => self.0.push(note),
            DeskMsg::Count(reply) => reply.send(self.0.entries().len()),
            DeskMsg::Poison(..) => unreachable!("it came too late"),
        }
        Ok(())
    }
}

#[test]
fn recipient_sends_a_part_of_what_an_actor_takes() {
    in_scope(async |scope, check| {
        let log = Log::default();
        let office = Office::full(scope, check, 1).await;
        let desk = scope
            .spawn(ChildSpec::new(Desk(log.clone())).mailbox(Mailbox::bounded(1)))
            .unwrap();
        let notes: Recipient<String> = desk.recipient();
        let counts: Recipient<ReplyTo<usize>> = desk.recipient();
        assert_eq!(notes.id(), desk.id());

        notes.tell("one".into()).await.unwrap();
        assert_eq!(counts.ask(|reply| reply).await, Ok(1));
        notes.try_tell("two".into()).unwrap();
        let Err(TrySendError::Full(refused)) = notes.try_tell("three".into()) else {
            panic!("there was room");
        };
        assert_eq!(refused.into_inner(), "three");
        notes.tell("four".into()).await.unwrap();
        assert_eq!(counts.ask(|reply| reply).await, Ok(3));
        assert_eq!(log.entries(), ["one", "two", "four"]);

        // It stands in the same line as all others.
        let letters: Recipient<Letter> = office.clerk.recipient();
        let mut first = Box::pin(letters.tell(office.letter(2)));
        let mut second = Box::pin(office.clerk.tell(office.letter(3)));
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        office.handle(1).await;
        let barging = letters.try_tell(office.letter(900));
        assert!(matches!(barging, Err(TrySendError::Full(_))), "{barging:?}");
        drop(barging);
        // Dropped with the room that was its own.
        drop(first);
        assert!(matches!(poll(&mut second), Poll::Ready(Ok(()))));
        drop(second);
        drop(letters);
        office.assert_handled([0, 1, 3]).await;

        // An ask that is dropped before it is started.
        let mut asking = Box::pin(counts.ask(|reply| reply));
        assert!(poll(&mut asking).is_pending());
        drop(asking);
        settled().await;
        assert_eq!(desk.node().backlog(), 0);

        let poisons: Recipient<Poison> = desk.recipient();
        let asked: Result<usize, _> = poisons.ask(|reply| Poison(desk.clone(), Some(reply))).await;
        assert_eq!(asked, Err(AskError::Stopped), "it was never started");
        desk.stopped().await.unwrap();

        let Err(SendError::Stopped(refused)) = notes.tell("late".into()).await else {
            panic!("a stopped actor took a message");
        };
        assert_eq!(refused.into_inner(), "late");
        let refused = notes.try_tell("late".into());
        assert!(
            matches!(refused, Err(TrySendError::Stopped(_))),
            "{refused:?}"
        );
        assert_eq!(counts.ask(|reply| reply).await, Err(AskError::Stopped));
        let other = notes.clone();
        assert!(format!("{other:?}").starts_with("Recipient(\"/Desk-"));
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

/// Tells its owner something while that drains with a full mailbox.
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

/// Room that an outsider holds when a drain begins goes to those beneath, who may still send.
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
            // The task beneath stands in the line by then.
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

#[test]
fn forwarded_ask_is_answered_by_the_last() {
    struct Relay(Option<ActorRef<ReplyTo<&'static str>>>);
    impl Actor for Relay {
        type Msg = ReplyTo<&'static str>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            match &self.0 {
                Some(next) => next.forward(reply, |reply| reply).await?,
                None => reply.send("from the last"),
            }
            Ok(())
        }
    }
    in_scope(async |scope, _check| {
        let last = scope.spawn(Relay(None)).unwrap();
        let middle = ChildSpec::new(Relay(Some(last.clone()))).contain();
        let middle = scope.spawn(middle).unwrap();
        let first = scope.spawn(Relay(Some(middle))).unwrap();
        assert_eq!(first.ask(|reply| reply).await, Ok("from the last"));

        // Refused, the message comes back with the reply in it.
        last.stop().await.unwrap();
        // It is not kept with the failure of the one that did not handle that.
        let asked = first.ask(|reply| reply).await;
        assert_eq!(asked, Err(AskError::NoReply));
    });
}

/// What can be done to a mailbox. Indices are taken modulo what there is.
#[derive(Debug, Clone)]
enum Op {
    TryTell,
    Tell,
    PollTell(usize),
    DropTell(usize),
    Reserve,
    SendPermit(usize),
    DropPermit(usize),
    Handle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::TryTell),
        4 => Just(Op::Tell),
        3 => (0..8usize).prop_map(Op::PollTell),
        2 => (0..8usize).prop_map(Op::DropTell),
        2 => Just(Op::Reserve),
        2 => (0..8usize).prop_map(Op::SendPermit),
        1 => (0..8usize).prop_map(Op::DropPermit),
        4 => Just(Op::Handle),
    ]
}

/// A mailbox as the documentation has it.
#[derive(Default)]
struct Model {
    capacity: usize,
    /// Accepted; the first of it is being handled if `busy`.
    queue: VecDeque<u32>,
    busy: bool,
    permits: usize,
    /// The line: who it is, and whether room is held for it.
    line: Vec<(u32, bool)>,
    handled: Vec<String>,
}

impl Model {
    fn room(&self) -> usize {
        let waiting = self.queue.len() - usize::from(self.busy);
        let granted = self.line.iter().filter(|(_, granted)| *granted).count();
        self.capacity - waiting - self.permits - granted
    }

    fn has_waiting(&self) -> bool {
        self.line.iter().any(|(_, granted)| !granted)
    }

    fn admits(&self) -> bool {
        self.room() > 0 && !self.has_waiting()
    }

    /// The actor does what it can, and room goes to those in the line.
    fn settle(&mut self) {
        self.busy = !self.queue.is_empty();
        while self.room() > 0 {
            let Some(next) = self.line.iter_mut().find(|(_, granted)| !granted) else {
                break;
            };
            next.1 = true;
        }
    }

    fn leave(&mut self, number: u32) -> bool {
        let index = self.line.iter().position(|(known, _)| *known == number);
        self.line.remove(index.unwrap()).1
    }
}

/// What has been begun at the mailbox, beside what its model says of it.
struct Run<'a> {
    office: &'a Office,
    model: Model,
    tells: Vec<(u32, Tell<'a, Letter>)>,
    permits: Vec<Permit<'a, Letter>>,
}

impl Run<'_> {
    /// Does one thing, with the letter of this number; nothing, if there is nothing to do it with.
    fn apply(&mut self, number: u32, op: Op) {
        let model = &mut self.model;
        match op {
            Op::TryTell => {
                let told = self.office.clerk.try_tell(self.office.letter(number));
                assert_eq!(told.is_ok(), model.admits());
                model.queue.extend(told.is_ok().then_some(number));
            }
            Op::Tell => self.tell(number),
            Op::PollTell(index) if !self.tells.is_empty() => self.poll_tell(index),
            Op::DropTell(index) if !self.tells.is_empty() => {
                let (number, tell) = self.tells.remove(index % self.tells.len());
                drop(tell);
                model.leave(number);
            }
            Op::Reserve => {
                let reserved = poll(&mut Box::pin(self.office.clerk.reserve()));
                assert_eq!(reserved.is_ready(), model.admits());
                if let Poll::Ready(permit) = reserved {
                    self.permits.push(permit.unwrap());
                    model.permits += 1;
                }
            }
            Op::SendPermit(index) if !self.permits.is_empty() => {
                let permit = self.permits.remove(index % self.permits.len());
                permit.send(self.office.letter(number)).unwrap();
                model.permits -= 1;
                model.queue.push_back(number);
            }
            Op::DropPermit(index) if !self.permits.is_empty() => {
                drop(self.permits.remove(index % self.permits.len()));
                model.permits -= 1;
            }
            Op::Handle if model.busy => {
                self.office.turns.add_permits(1);
                let handled = model.queue.pop_front();
                model.busy = false;
                model.handled.extend(handled.map(|n| n.to_string()));
            }
            _ => {}
        }
    }

    fn tell(&mut self, number: u32) {
        let mut tell = self.office.clerk.tell(self.office.letter(number));
        let told = poll(&mut tell).is_ready();
        assert_eq!(told, self.model.admits());
        if told {
            self.model.queue.push_back(number);
        } else {
            self.model.line.push((number, false));
            self.tells.push((number, tell));
        }
    }

    fn poll_tell(&mut self, index: usize) {
        let index = index % self.tells.len();
        let (number, tell) = &mut self.tells[index];
        let number = *number;
        let granted = self.model.line.contains(&(number, true));
        assert_eq!(poll(tell).is_ready(), granted);
        if granted {
            drop(self.tells.remove(index));
            assert!(self.model.leave(number));
            self.model.queue.push_back(number);
        }
    }
}

async fn run_against_model(capacity: usize, ops: Vec<Op>, scope: &Scope, check: &Check) {
    let office = Office::new(scope, check, Mailbox::bounded(capacity));
    let mut run = Run {
        office: &office,
        model: Model {
            capacity,
            ..Model::default()
        },
        tells: Vec::new(),
        permits: Vec::new(),
    };
    for (number, op) in (0..).zip(ops) {
        run.apply(number, op);
        settled().await;
        let model = &mut run.model;
        model.settle();
        let waiting = model.queue.len() - usize::from(model.busy);
        assert_eq!(office.clerk.node().backlog(), waiting as u64);
        assert_eq!(office.log.entries(), model.handled);
    }
    let Model { handled, queue, .. } = run.model;
    drop((run.tells, run.permits));
    let handled = handled.iter().map(|n| n.parse().unwrap());
    office
        .assert_handled(handled.chain(queue).collect::<Vec<u32>>())
        .await;
}

#[test]
fn mailbox_behaves_as_its_model() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: if is_simulated() { 4 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ops = (1..4usize, proptest::collection::vec(op(), 1..60));
    runner
        .run(&ops, |(capacity, ops)| {
            in_scope(async |scope, check| {
                run_against_model(capacity, ops.clone(), scope, check).await;
            });
            Ok(())
        })
        .unwrap();
}
