//! ractor: its mailboxes have no bound, so that the rows with bounded ones are empty.
//!
//! Without `message_span_propogation`, which makes a span for each message. An actor is spawned
//! with `spawn_instant`, which, as the others, does not wait for its start. An owner stops its
//! children all at once.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use ractor::concurrency::JoinHandle;
use ractor::{
    Actor, ActorProcessingErr, ActorRef, ActorRuntime, RpcReplyPort, SpawnErr, SupervisionEvent,
};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::kits::{Alive, Hop, Kit, Member, Payload, Plan, Room};
use crate::runtime::Threads;

pub(crate) struct Ractor;

/// An actor with what joins it.
pub(crate) struct Joined<M> {
    actor: ActorRef<M>,
    started: JoinHandle<Result<JoinHandle<()>, SpawnErr>>,
}

impl<M: ractor::Message> Joined<M> {
    fn spawn<A: Actor<Msg = M>>(handler: A, arguments: A::Arguments) -> Self {
        let spawned = ActorRuntime::spawn_instant(None, handler, arguments);
        let (actor, started) = spawned.expect("it has no name that could be taken");
        Self { actor, started }
    }

    async fn end(self) {
        self.actor.stop(None);
        let started = self.started.await.expect("the task does not panic");
        let running = started.expect("it starts");
        running.await.expect("the task does not panic");
    }
}

struct Adder<P>(PhantomData<fn(P)>);

pub(crate) enum SumMsg<P> {
    Add(P),
    Get(RpcReplyPort<u64>),
}

impl<P: Payload> Actor for Adder<P> {
    type Msg = SumMsg<P>;
    type State = (u64, Alive);
    type Arguments = Alive;

    async fn pre_start(
        &self,
        _: ActorRef<SumMsg<P>>,
        alive: Alive,
    ) -> Result<(u64, Alive), ActorProcessingErr> {
        Ok((0, alive))
    }

    async fn handle(
        &self,
        _: ActorRef<SumMsg<P>>,
        message: SumMsg<P>,
        (sum, _): &mut (u64, Alive),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SumMsg::Add(payload) => *sum += payload.value(),
            SumMsg::Get(reply) => reply.send(*sum)?,
        }
        Ok(())
    }
}

struct InRing;

pub(crate) enum RingMsg {
    Next(ActorRef<RingMsg>),
    Hop(Hop),
}

impl Actor for InRing {
    type Msg = RingMsg;
    type State = Member<ActorRef<RingMsg>>;
    type Arguments = Member<ActorRef<RingMsg>>;

    async fn pre_start(
        &self,
        _: ActorRef<RingMsg>,
        member: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(member)
    }

    async fn handle(
        &self,
        _: ActorRef<RingMsg>,
        message: RingMsg,
        member: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RingMsg::Next(next) => member.next = Some(next),
            RingMsg::Hop(hop) => {
                if let Some((next, hop)) = member.take(hop) {
                    next.cast(RingMsg::Hop(hop))?;
                }
            }
        }
        Ok(())
    }
}

struct Branch;

impl Actor for Branch {
    type Msg = u64;
    type State = Alive;
    type Arguments = Plan;

    async fn pre_start(&self, me: ActorRef<u64>, plan: Plan) -> Result<Alive, ActorProcessingErr> {
        for _ in 0..plan.width() {
            ActorRuntime::spawn_linked_instant(None, Self, plan.below(), me.get_cell())?;
        }
        Ok(Alive::new(&plan.alive))
    }

    async fn post_stop(&self, me: ActorRef<u64>, _: &mut Alive) -> Result<(), ActorProcessingErr> {
        me.stop_children_and_wait(None, None).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<u64>,
        _: SupervisionEvent,
        _: &mut Alive,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

struct Gated;

enum GatedMsg {
    Wait(oneshot::Receiver<()>),
    Queued(#[expect(dead_code, reason = "it is never handled")] u64),
}

impl Actor for Gated {
    type Msg = GatedMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<GatedMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<GatedMsg>,
        message: GatedMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            GatedMsg::Wait(gate) => gate.await?,
            GatedMsg::Queued(_) => panic!("a stop handles no further message"),
        }
        Ok(())
    }
}

fn told<M>(result: Result<(), ractor::MessagingErr<M>>) {
    assert!(result.is_ok(), "the actor is alive");
}

impl Kit for Ractor {
    const NAME: &'static str = "ractor";

    type World = ();
    type Sum<P: Payload> = Joined<SumMsg<P>>;
    type Sender<P: Payload> = ActorRef<SumMsg<P>>;
    type Ring = Vec<Joined<RingMsg>>;
    type Tree = Joined<u64>;

    fn has(room: Room) -> bool {
        room == Room::Unbounded
    }

    fn open(_: Threads) {}

    async fn close((): ()) {}

    fn sum<P: Payload>((): &(), _: Room, alive: Alive) -> Joined<SumMsg<P>> {
        Joined::spawn(Adder(PhantomData), alive)
    }

    fn sender<P: Payload>(sum: &Joined<SumMsg<P>>) -> ActorRef<SumMsg<P>> {
        sum.actor.clone()
    }

    async fn tell<P: Payload>(to: &ActorRef<SumMsg<P>>, payload: P) {
        told(to.cast(SumMsg::Add(payload)));
    }

    async fn ask<P: Payload>(to: &ActorRef<SumMsg<P>>) -> u64 {
        let reply = to.call(SumMsg::Get, None).await;
        reply.expect("it is alive").expect("it replies")
    }

    async fn stop<P: Payload>(sum: Joined<SumMsg<P>>) {
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
            Joined::spawn(InRing, member)
        };
        let ring: Self::Ring = (1..=members).map(spawn).collect();
        for (index, member) in ring.iter().enumerate() {
            let next = ring[(index + 1) % ring.len()].actor.clone();
            told(member.actor.cast(RingMsg::Next(next)));
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        told(ring[0].actor.cast(RingMsg::Hop(hop)));
    }

    async fn break_up(ring: Self::Ring) {
        for member in ring {
            member.end().await;
        }
    }

    fn tree((): &(), plan: Plan) -> Joined<u64> {
        Joined::spawn(Branch, plan)
    }

    async fn stop_tree(tree: Joined<u64>) {
        tree.end().await;
    }

    async fn stop_with_backlog((): &(), messages: u64) -> Option<Duration> {
        let gated = Joined::spawn(Gated, ());
        let (open, gate) = oneshot::channel();
        told(gated.actor.cast(GatedMsg::Wait(gate)));
        for n in 0..messages {
            told(gated.actor.cast(GatedMsg::Queued(n)));
        }
        let start = Instant::now();
        gated.actor.stop(None);
        open.send(()).expect("the gate is waited for");
        gated.end().await;
        Some(start.elapsed())
    }
}
