//! Our own row.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use tenure::prelude::*;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::{Alive, Hop, Kit, Member, Order, Payload, Plan, Room};
use crate::runtime::Threads;

pub(crate) struct Tenure;

pub(crate) enum SumMsg<P> {
    Add(P),
    Get(ReplyTo<u64>),
}

struct Adder<P> {
    sum: u64,
    _alive: Alive,
    told: PhantomData<fn(P)>,
}

impl<P: Payload> Actor for Adder<P> {
    type Msg = SumMsg<P>;

    async fn handle(&mut self, msg: SumMsg<P>, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            SumMsg::Add(payload) => self.sum += payload.value(),
            SumMsg::Get(reply) => reply.send(self.sum),
        }
        Ok(())
    }
}

/// A sender that waits for room, or has no need to.
pub(crate) struct To<P: Payload> {
    actor: ActorRef<SumMsg<P>>,
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

pub(crate) struct RingMember(Member<ActorRef<RingMsg>>);

pub(crate) enum RingMsg {
    Next(ActorRef<RingMsg>),
    Hop(Hop),
}

impl Actor for RingMember {
    type Msg = RingMsg;

    async fn handle(&mut self, msg: RingMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            RingMsg::Next(next) => self.0.next = Some(next),
            RingMsg::Hop(hop) => {
                if let Some((next, hop)) = self.0.take(hop) {
                    next.tell(RingMsg::Hop(hop)).await?;
                }
            }
        }
        Ok(())
    }
}

struct Branch {
    plan: Plan,
    alive: Option<Alive>,
}

impl Branch {
    fn spec(plan: Plan) -> ChildSpec<Self> {
        let order = match plan.order {
            Order::YoungestFirst => StopOrder::default(),
            Order::AllAtOnce => StopOrder::Concurrent,
        };
        ChildSpec::new(Self { plan, alive: None }).stop_order(order)
    }
}

impl Actor for Branch {
    type Msg = u64;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for _ in 0..self.plan.width() {
            ctx.spawn(Self::spec(self.plan.below()))?;
        }
        self.alive = Some(Alive::new(&self.plan.alive));
        Ok(())
    }

    async fn handle(&mut self, _: u64, _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Holds its first message until the gate opens.
struct Gated;

enum GatedMsg {
    Wait(oneshot::Receiver<()>),
    Queued(#[expect(dead_code, reason = "it is never handled")] u64),
}

impl Actor for Gated {
    type Msg = GatedMsg;

    async fn handle(&mut self, msg: GatedMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            GatedMsg::Wait(gate) => gate.await?,
            GatedMsg::Queued(_) => panic!("a stop handles no further message"),
        }
        Ok(())
    }
}

fn mailbox(room: Room) -> Mailbox {
    match room {
        Room::Bounded(capacity) => Mailbox::bounded(capacity),
        Room::Unbounded => Mailbox::unbounded(),
    }
}

impl Kit for Tenure {
    const NAME: &'static str = "tenure";

    type World = System;
    type Sum<P: Payload> = To<P>;
    type Sender<P: Payload> = To<P>;
    type Ring = Vec<ActorRef<RingMsg>>;
    type Tree = ActorRef<u64>;

    fn open(_: Threads) -> System {
        System::start().expect("a runtime runs")
    }

    async fn close(world: System) {
        world.stop().await.expect("it stops");
    }

    fn sum<P: Payload>(world: &System, room: Room, alive: Alive) -> To<P> {
        let adder = Adder {
            sum: 0,
            _alive: alive,
            told: PhantomData,
        };
        let actor = if room == Room::DEFAULT {
            world.spawn(adder).expect("the system is open")
        } else {
            let spec = ChildSpec::new(adder).mailbox(mailbox(room));
            world.spawn(spec).expect("the system is open")
        };
        To { actor, room }
    }

    fn sender<P: Payload>(sum: &To<P>) -> To<P> {
        sum.clone()
    }

    async fn tell<P: Payload>(to: &To<P>, payload: P) {
        let message = SumMsg::Add(payload);
        let told = match to.room {
            Room::Bounded(_) => to.actor.tell(message).await.is_ok(),
            Room::Unbounded => to.actor.try_tell(message).is_ok(),
        };
        assert!(told, "the actor is alive");
    }

    async fn ask<P: Payload>(to: &To<P>) -> u64 {
        to.actor.ask(SumMsg::Get).await.expect("it is alive")
    }

    async fn ask_within<P: Payload>(to: &To<P>, limit: Duration) -> u64 {
        let ask = to.actor.ask(SumMsg::Get).timeout(limit);
        ask.await.expect("it is alive")
    }

    async fn stop<P: Payload>(sum: To<P>) {
        sum.actor.stop().await.expect("it stops");
    }

    async fn ring(world: &System, members: u64, done: UnboundedSender<u64>) -> Self::Ring {
        let actor = |weight| {
            let done = done.clone();
            let member = RingMember(Member {
                next: None,
                weight,
                done,
            });
            world.spawn(member).expect("the system is open")
        };
        let ring: Self::Ring = (1..=members).map(actor).collect();
        for (index, member) in ring.iter().enumerate() {
            let next = ring[(index + 1) % ring.len()].clone();
            member.tell(RingMsg::Next(next)).await.expect("it is alive");
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        ring[0].tell(RingMsg::Hop(hop)).await.expect("it is alive");
    }

    async fn break_up(ring: Self::Ring) {
        for member in ring {
            member.stop().await.expect("it stops");
        }
    }

    fn tree(world: &System, plan: Plan) -> ActorRef<u64> {
        world.spawn(Branch::spec(plan)).expect("the system is open")
    }

    async fn stop_tree(tree: ActorRef<u64>) {
        tree.stop().await.expect("it stops");
    }

    async fn stop_with_backlog(world: &System, messages: u64) -> Option<Duration> {
        let spec = ChildSpec::new(Gated).mailbox(Mailbox::unbounded());
        let actor = world.spawn(spec).expect("the system is open");
        let (open, gate) = oneshot::channel();
        actor.tell(GatedMsg::Wait(gate)).await.expect("it is alive");
        for n in 0..messages {
            actor.try_tell(GatedMsg::Queued(n)).expect("it is alive");
        }
        let start = Instant::now();
        let stopping = actor.stop();
        open.send(()).expect("the gate is waited for");
        stopping.await.expect("it stops");
        Some(start.elapsed())
    }
}
