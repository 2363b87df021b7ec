//! actix: its own system, on one thread; where there are two, actors are on an arbiter beside it.
//!
//! A tell that waits for room does not exist (`do_send` passes over the bound, `send` waits for the
//! reply), so that the rows with bounded mailboxes are empty. Nor does a join: an actor that is told
//! to stop says when its state is dropped. Its stop is a message behind the others.

use std::future::Future;
use std::marker::PhantomData;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, ActorContext, Addr, Arbiter, AsyncContext, Context, Handler, Message, System};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::kits::{Alive, Hop, Kit, Member, Payload, Plan, Room};
use crate::runtime::{On, Threads};

pub(crate) struct Actix;

/// The arbiter for the actors, unless they share the system's.
pub(crate) struct World(Option<Arbiter>);

impl World {
    fn start<A>(&self, actor: A) -> Addr<A>
    where
        A: Actor<Context = Context<A>> + Send,
    {
        match &self.0 {
            Some(arbiter) => A::start_in_arbiter(&arbiter.handle(), |_| actor),
            None => actor.start(),
        }
    }
}

/// What is in here is dropped with the state of the actor that is told to stop.
struct Stop(oneshot::Sender<()>);

impl Message for Stop {
    type Result = ();
}

async fn end<A>(actor: Addr<A>)
where
    A: Actor<Context = Context<A>> + Handler<Stop>,
{
    let (sender, ended) = oneshot::channel();
    actor.do_send(Stop(sender));
    drop(actor);
    assert!(ended.await.is_err(), "it is dropped and says nothing");
}

pub(crate) struct Adder<P> {
    sum: u64,
    _alive: Alive,
    ended: Option<oneshot::Sender<()>>,
    told: PhantomData<fn(P)>,
}

impl<P: Payload> Actor for Adder<P> {
    type Context = Context<Self>;
}

struct Add<P>(P);

impl<P> Message for Add<P> {
    type Result = ();
}

impl<P: Payload> Handler<Add<P>> for Adder<P> {
    type Result = ();

    fn handle(&mut self, Add(payload): Add<P>, _: &mut Context<Self>) {
        self.sum += payload.value();
    }
}

struct Get;

impl Message for Get {
    type Result = u64;
}

impl<P: Payload> Handler<Get> for Adder<P> {
    type Result = u64;

    fn handle(&mut self, _: Get, _: &mut Context<Self>) -> u64 {
        self.sum
    }
}

impl<P: Payload> Handler<Stop> for Adder<P> {
    type Result = ();

    fn handle(&mut self, Stop(ended): Stop, context: &mut Context<Self>) {
        self.ended = Some(ended);
        context.stop();
    }
}

pub(crate) struct RingMember {
    member: Member<Addr<RingMember>>,
    ended: Option<oneshot::Sender<()>>,
}

impl Actor for RingMember {
    type Context = Context<Self>;
}

struct Next(Addr<RingMember>);

impl Message for Next {
    type Result = ();
}

impl Handler<Next> for RingMember {
    type Result = ();

    fn handle(&mut self, Next(next): Next, _: &mut Context<Self>) {
        self.member.next = Some(next);
    }
}

impl Message for Hop {
    type Result = ();
}

impl Handler<Hop> for RingMember {
    type Result = ();

    fn handle(&mut self, hop: Hop, _: &mut Context<Self>) {
        if let Some((next, hop)) = self.member.take(hop) {
            next.do_send(hop);
        }
    }
}

impl Handler<Stop> for RingMember {
    type Result = ();

    fn handle(&mut self, Stop(ended): Stop, context: &mut Context<Self>) {
        self.ended = Some(ended);
        context.stop();
    }
}

pub(crate) struct Branch {
    plan: Plan,
    children: Vec<Addr<Branch>>,
    alive: Option<Alive>,
    ended: Option<oneshot::Sender<()>>,
}

impl Actor for Branch {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        let below = (0..self.plan.width()).map(|_| Self::new(self.plan.below()).start());
        self.children = below.collect();
        self.alive = Some(Alive::new(&self.plan.alive));
    }
}

impl Branch {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            children: Vec::new(),
            alive: None,
            ended: None,
        }
    }
}

impl Handler<Stop> for Branch {
    type Result = ();

    fn handle(&mut self, Stop(ended): Stop, context: &mut Context<Self>) {
        self.ended = Some(ended);
        if self.children.is_empty() {
            context.stop();
            return;
        }
        let children: Vec<_> = self.children.drain(..).map(end).collect();
        let all = async {
            // All are told before one is waited for.
            let told: Vec<_> = children.into_iter().map(actix::spawn).collect();
            for child in told {
                child.await.expect("the task does not panic");
            }
        };
        context.wait(wrap_future::<_, Self>(all).map(|(), _, context| context.stop()));
    }
}

impl Kit for Actix {
    const NAME: &'static str = "actix";

    type World = World;
    type Sum<P: Payload> = Addr<Adder<P>>;
    type Sender<P: Payload> = Addr<Adder<P>>;
    type Ring = Vec<Addr<RingMember>>;
    type Tree = Addr<Branch>;

    fn run<F>(_: &On, work: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        System::new().block_on(work)
    }

    fn has(room: Room) -> bool {
        room == Room::Unbounded
    }

    fn open(threads: Threads) -> World {
        World((threads == Threads::Two).then(Arbiter::new))
    }

    async fn close(world: World) {
        if let Some(arbiter) = world.0 {
            arbiter.stop();
            arbiter.join().expect("the thread does not panic");
        }
    }

    fn sum<P: Payload>(world: &World, _: Room, alive: Alive) -> Addr<Adder<P>> {
        world.start(Adder {
            sum: 0,
            _alive: alive,
            ended: None,
            told: PhantomData,
        })
    }

    fn sender<P: Payload>(sum: &Addr<Adder<P>>) -> Addr<Adder<P>> {
        sum.clone()
    }

    async fn tell<P: Payload>(to: &Addr<Adder<P>>, payload: P) {
        to.do_send(Add(payload));
    }

    async fn ask<P: Payload>(to: &Addr<Adder<P>>) -> u64 {
        to.send(Get).await.expect("it is alive")
    }

    async fn stop<P: Payload>(sum: Addr<Adder<P>>) {
        end(sum).await;
    }

    async fn ring(world: &World, members: u64, done: UnboundedSender<u64>) -> Self::Ring {
        let start = |weight| {
            let done = done.clone();
            let member = Member {
                next: None,
                weight,
                done,
            };
            world.start(RingMember {
                member,
                ended: None,
            })
        };
        let ring: Self::Ring = (1..=members).map(start).collect();
        for (index, member) in ring.iter().enumerate() {
            member.do_send(Next(ring[(index + 1) % ring.len()].clone()));
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        ring[0].do_send(hop);
    }

    async fn break_up(ring: Self::Ring) {
        for member in ring {
            end(member).await;
        }
    }

    fn tree(world: &World, plan: Plan) -> Addr<Branch> {
        world.start(Branch::new(plan))
    }

    async fn stop_tree(tree: Addr<Branch>) {
        end(tree).await;
    }
}
