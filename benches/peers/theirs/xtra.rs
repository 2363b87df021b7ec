//! xtra: each actor in a task that is joined, as its `run` allows; it ends with its last address.
//!
//! An ask may overtake tells that were accepted before it, so that the ask of a busy actor does not
//! compare: it does not stand behind the actor's other work.
//!
//! A stop with a backlog is a message of the highest priority, which overtakes the others.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xtra::{Actor, Address, Context, Handler, Mailbox};

use crate::kits::{Alive, Hop, Kit, Member, Order, Payload, Plan, Room};
use crate::runtime::Threads;

pub(crate) struct Xtra;

/// An actor with what joins it.
pub(crate) struct Joined<A> {
    actor: Address<A>,
    task: JoinHandle<()>,
}

impl<A: Actor<Stop = ()>> Joined<A> {
    fn spawn(actor: A, room: Room) -> Self {
        let (address, mailbox) = match room {
            Room::Bounded(capacity) => Mailbox::bounded(capacity),
            Room::Unbounded => Mailbox::unbounded(),
        };
        let task = tokio::spawn(xtra::run(mailbox, actor));
        Self {
            actor: address,
            task,
        }
    }

    async fn end(self) {
        drop(self.actor);
        self.task.await.expect("the task does not panic");
    }
}

async fn told<A, M>(actor: &Address<A>, message: M)
where
    A: Handler<M>,
    M: Send + 'static,
{
    let told = actor.send(message).detach().await;
    assert!(told.is_ok(), "the actor is alive");
}

pub(crate) struct Adder<P> {
    sum: u64,
    _alive: Alive,
    told: PhantomData<fn(P)>,
}

impl<P: Payload> Actor for Adder<P> {
    type Stop = ();

    async fn stopped(self) {}
}

struct Add<P>(P);

impl<P: Payload> Handler<Add<P>> for Adder<P> {
    type Return = ();

    async fn handle(&mut self, Add(payload): Add<P>, _: &mut Context<Self>) {
        self.sum += payload.value();
    }
}

struct Get;

impl<P: Payload> Handler<Get> for Adder<P> {
    type Return = u64;

    async fn handle(&mut self, _: Get, _: &mut Context<Self>) -> u64 {
        self.sum
    }
}

pub(crate) struct RingMember(Member<Address<RingMember>>);

impl Actor for RingMember {
    type Stop = ();

    async fn stopped(self) {}
}

struct Next(Address<RingMember>);

impl Handler<Next> for RingMember {
    type Return = ();

    async fn handle(&mut self, Next(next): Next, _: &mut Context<Self>) {
        self.0.next = Some(next);
    }
}

impl Handler<Hop> for RingMember {
    type Return = ();

    async fn handle(&mut self, hop: Hop, _: &mut Context<Self>) {
        if let Some((next, hop)) = self.0.take(hop) {
            told(next, hop).await;
        }
    }
}

struct Stop;

impl Handler<Stop> for RingMember {
    type Return = ();

    async fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop_self();
    }
}

pub(crate) struct Branch {
    plan: Plan,
    children: Vec<Joined<Branch>>,
    alive: Option<Alive>,
}

impl Branch {
    fn spawn(plan: Plan) -> Joined<Self> {
        let branch = Self {
            plan,
            children: Vec::new(),
            alive: None,
        };
        Joined::spawn(branch, Room::DEFAULT)
    }
}

impl Actor for Branch {
    type Stop = ();

    async fn started(&mut self, _: &Mailbox<Self>) -> Result<(), ()> {
        let below = (0..self.plan.width()).map(|_| Self::spawn(self.plan.below()));
        self.children = below.collect();
        self.alive = Some(Alive::new(&self.plan.alive));
        Ok(())
    }

    async fn stopped(self) {
        if self.plan.order == Order::YoungestFirst {
            for child in self.children.into_iter().rev() {
                child.end().await;
            }
            return;
        }
        let close = |child: Joined<Self>| child.task;
        let tasks: Vec<_> = self.children.into_iter().map(close).collect();
        for task in tasks {
            task.await.expect("the task does not panic");
        }
    }
}

struct Gated;

impl Actor for Gated {
    type Stop = ();

    async fn stopped(self) {}
}

struct Wait(oneshot::Receiver<()>);

impl Handler<Wait> for Gated {
    type Return = ();

    async fn handle(&mut self, Wait(gate): Wait, _: &mut Context<Self>) {
        gate.await.expect("the gate opens");
    }
}

impl Handler<u64> for Gated {
    type Return = ();

    async fn handle(&mut self, _: u64, _: &mut Context<Self>) {
        panic!("the stop overtakes it");
    }
}

impl Handler<Stop> for Gated {
    type Return = ();

    async fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop_self();
    }
}

impl Kit for Xtra {
    const NAME: &'static str = "xtra";

    type World = ();
    type Sum<P: Payload> = Joined<Adder<P>>;
    type Sender<P: Payload> = Address<Adder<P>>;
    type Ring = Vec<Joined<RingMember>>;
    type Tree = Joined<Branch>;

    fn open(_: Threads) {}

    async fn close((): ()) {}

    fn sum<P: Payload>((): &(), room: Room, alive: Alive) -> Joined<Adder<P>> {
        let adder = Adder {
            sum: 0,
            _alive: alive,
            told: PhantomData,
        };
        Joined::spawn(adder, room)
    }

    fn sender<P: Payload>(sum: &Joined<Adder<P>>) -> Address<Adder<P>> {
        sum.actor.clone()
    }

    async fn tell<P: Payload>(to: &Address<Adder<P>>, payload: P) {
        told(to, Add(payload)).await;
    }

    async fn ask<P: Payload>(to: &Address<Adder<P>>) -> u64 {
        to.send(Get).await.expect("it is alive")
    }

    async fn stop<P: Payload>(sum: Joined<Adder<P>>) {
        sum.end().await;
    }

    async fn ring((): &(), members: u64, done: UnboundedSender<u64>) -> Self::Ring {
        let spawn = |weight| {
            let done = done.clone();
            let member = Member {
                next: None,
                weight,
                done,
            };
            Joined::spawn(RingMember(member), Room::DEFAULT)
        };
        let ring: Self::Ring = (1..=members).map(spawn).collect();
        for (index, member) in ring.iter().enumerate() {
            let next = ring[(index + 1) % ring.len()].actor.clone();
            told(&member.actor, Next(next)).await;
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        told(&ring[0].actor, hop).await;
    }

    async fn break_up(ring: Self::Ring) {
        for member in ring {
            told(&member.actor, Stop).await;
            member.end().await;
        }
    }

    fn tree((): &(), plan: Plan) -> Joined<Branch> {
        Branch::spawn(plan)
    }

    async fn stop_tree(tree: Joined<Branch>) {
        tree.end().await;
    }

    async fn stop_with_backlog((): &(), messages: u64) -> Option<Duration> {
        let gated = Joined::spawn(Gated, Room::Unbounded);
        let (open, gate) = oneshot::channel();
        told(&gated.actor, Wait(gate)).await;
        // The stop must not overtake the one that waits.
        tokio::task::yield_now().await;
        for n in 0..messages {
            told(&gated.actor, n).await;
        }
        let start = Instant::now();
        let stop = gated.actor.send(Stop).priority(u32::MAX).detach().await;
        assert!(stop.is_ok(), "it is alive");
        open.send(()).expect("the gate is waited for");
        gated.end().await;
        Some(start.elapsed())
    }
}
