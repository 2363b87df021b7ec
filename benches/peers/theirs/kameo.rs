//! kameo: without its `tracing` feature, which opens a span for each message.
//!
//! Its graceful stop handles what is queued first, so that the stop with a backlog is its `kill`.
//! An owner's children are supervised and never restarted; it stops them all at once.

use std::convert::Infallible;
use std::future::pending;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use tokio::sync::mpsc::UnboundedSender;

use crate::kits::{Alive, Hop, Kit, Member, Payload, Plan, Room};
use crate::runtime::Threads;

pub(crate) struct Kameo;

pub(crate) struct Adder<P> {
    sum: u64,
    _alive: Alive,
    told: PhantomData<fn(P)>,
}

impl<P: Payload> Actor for Adder<P> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

struct Add<P>(P);

impl<P: Payload> Message<Add<P>> for Adder<P> {
    type Reply = ();

    async fn handle(&mut self, Add(payload): Add<P>, _: &mut Context<Self, ()>) {
        self.sum += payload.value();
    }
}

struct Get;

impl<P: Payload> Message<Get> for Adder<P> {
    type Reply = u64;

    async fn handle(&mut self, _: Get, _: &mut Context<Self, u64>) -> u64 {
        self.sum
    }
}

pub(crate) struct To<P: Payload> {
    actor: ActorRef<Adder<P>>,
    room: Room,
}

impl<P: Payload> Clone for To<P> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            room: self.room,
        }
    }
}

pub(crate) struct RingMember(Member<ActorRef<RingMember>>);

impl Actor for RingMember {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

struct Next(ActorRef<RingMember>);

impl Message<Next> for RingMember {
    type Reply = ();

    async fn handle(&mut self, Next(next): Next, _: &mut Context<Self, ()>) {
        self.0.next = Some(next);
    }
}

impl Message<Hop> for RingMember {
    type Reply = ();

    async fn handle(&mut self, hop: Hop, _: &mut Context<Self, ()>) {
        if let Some((next, hop)) = self.0.take(hop) {
            let told = next.tell(hop).send().await;
            assert!(told.is_ok(), "the next member is alive");
        }
    }
}

pub(crate) struct Branch {
    _alive: Alive,
}

impl Actor for Branch {
    type Args = Plan;
    type Error = Infallible;

    async fn on_start(plan: Plan, me: ActorRef<Self>) -> Result<Self, Infallible> {
        for _ in 0..plan.width() {
            Self::supervise(&me, plan.below())
                .restart_policy(RestartPolicy::Never)
                .spawn()
                .await;
        }
        Ok(Self {
            _alive: Alive::new(&plan.alive),
        })
    }
}

/// Handles its first message for ever.
struct Gated;

impl Actor for Gated {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(args: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(args)
    }
}

impl Message<u64> for Gated {
    type Reply = ();

    async fn handle(&mut self, _: u64, _: &mut Context<Self, ()>) {
        pending().await
    }
}

async fn end<A: Actor>(actor: ActorRef<A>) {
    actor.stop_gracefully().await.expect("it is alive");
    actor.wait_for_shutdown().await;
}

impl Kit for Kameo {
    const NAME: &'static str = "kameo";

    type World = ();
    type Sum<P: Payload> = To<P>;
    type Sender<P: Payload> = To<P>;
    type Ring = Vec<ActorRef<RingMember>>;
    type Tree = ActorRef<Branch>;

    fn open(_: Threads) {}

    async fn close((): ()) {}

    fn sum<P: Payload>((): &(), room: Room, alive: Alive) -> To<P> {
        let adder = Adder {
            sum: 0,
            _alive: alive,
            told: PhantomData,
        };
        let mailbox = match room {
            Room::Bounded(capacity) => mailbox::bounded(capacity),
            Room::Unbounded => mailbox::unbounded(),
        };
        let actor = Adder::spawn_with_mailbox(adder, mailbox);
        To { actor, room }
    }

    fn sender<P: Payload>(sum: &To<P>) -> To<P> {
        sum.clone()
    }

    async fn tell<P: Payload>(to: &To<P>, payload: P) {
        let tell = to.actor.tell(Add(payload));
        let told = match to.room {
            Room::Bounded(_) => tell.send().await.is_ok(),
            Room::Unbounded => tell.try_send().is_ok(),
        };
        assert!(told, "the actor is alive");
    }

    async fn ask<P: Payload>(to: &To<P>) -> u64 {
        let reply = to.actor.ask(Get).send().await;
        reply.expect("it is alive")
    }

    async fn stop<P: Payload>(sum: To<P>) {
        end(sum.actor).await;
    }

    async fn ring((): &(), members: u64, done: UnboundedSender<u64>) -> Self::Ring {
        let spawn = |weight| {
            let done = done.clone();
            let member = Member {
                next: None,
                weight,
                done,
            };
            RingMember::spawn_with_mailbox(RingMember(member), mailbox::bounded(1_024))
        };
        let ring: Self::Ring = (1..=members).map(spawn).collect();
        for (index, member) in ring.iter().enumerate() {
            let next = Next(ring[(index + 1) % ring.len()].clone());
            assert!(member.tell(next).send().await.is_ok(), "it is alive");
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        assert!(ring[0].tell(hop).send().await.is_ok(), "it is alive");
    }

    async fn break_up(ring: Self::Ring) {
        for member in ring {
            end(member).await;
        }
    }

    fn tree((): &(), plan: Plan) -> ActorRef<Branch> {
        Branch::spawn_with_mailbox(plan, mailbox::bounded(1_024))
    }

    async fn stop_tree(tree: ActorRef<Branch>) {
        end(tree).await;
    }

    async fn stop_with_backlog((): &(), messages: u64) -> Option<Duration> {
        let actor = Gated::spawn_with_mailbox(Gated, mailbox::unbounded());
        actor.wait_for_startup().await;
        for n in 0..=messages {
            actor.tell(n).try_send().expect("it is alive");
        }
        let start = Instant::now();
        actor.kill();
        actor.wait_for_shutdown().await;
        Some(start.elapsed())
    }
}
