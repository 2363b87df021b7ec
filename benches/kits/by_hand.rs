//! What a careful engineer writes on tokio alone: a channel, a task that loops over it, and the
//! join of each task.

#![allow(
    clippy::disallowed_methods,
    reason = "the rows by hand use tokio as it comes"
)]

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Alive, Hop, Kit, Member, Order, Payload, Plan, Room};
use crate::runtime::Threads;

pub(crate) struct ByHand;

pub(crate) enum SumMsg<P> {
    Add(P),
    Get(oneshot::Sender<u64>),
}

pub(crate) enum To<P> {
    Bounded(mpsc::Sender<SumMsg<P>>),
    Unbounded(mpsc::UnboundedSender<SumMsg<P>>),
}

impl<P> Clone for To<P> {
    fn clone(&self) -> Self {
        match self {
            Self::Bounded(sender) => Self::Bounded(sender.clone()),
            Self::Unbounded(sender) => Self::Unbounded(sender.clone()),
        }
    }
}

fn add_up<P: Payload>(sum: &mut u64, message: SumMsg<P>) {
    match message {
        SumMsg::Add(payload) => *sum += payload.value(),
        // The asker may have gone.
        SumMsg::Get(reply) => drop(reply.send(*sum)),
    }
}

fn spawn_sum<P: Payload>(room: Room, alive: Alive) -> (To<P>, JoinHandle<()>) {
    match room {
        Room::Bounded(capacity) => {
            let (sender, mut messages) = mpsc::channel(capacity);
            let task = tokio::spawn(async move {
                let mut sum = 0;
                while let Some(message) = messages.recv().await {
                    add_up(&mut sum, message);
                }
                drop(alive);
            });
            (To::Bounded(sender), task)
        }
        Room::Unbounded => {
            let (sender, mut messages) = mpsc::unbounded_channel();
            let task = tokio::spawn(async move {
                let mut sum = 0;
                while let Some(message) = messages.recv().await {
                    add_up(&mut sum, message);
                }
                drop(alive);
            });
            (To::Unbounded(sender), task)
        }
    }
}

pub(crate) enum RingMsg {
    Next(mpsc::Sender<RingMsg>),
    Hop(Hop),
    /// The actors hold senders of each other, so closing the channel would not end them.
    Close,
}

async fn in_ring(mut member: Member<mpsc::Sender<RingMsg>>, mut messages: mpsc::Receiver<RingMsg>) {
    while let Some(message) = messages.recv().await {
        match message {
            RingMsg::Next(next) => member.next = Some(next),
            RingMsg::Hop(hop) => {
                if let Some((next, hop)) = member.take(hop) {
                    let sent = next.send(RingMsg::Hop(hop)).await;
                    assert!(sent.is_ok(), "the next member is alive");
                }
            }
            RingMsg::Close => break,
        }
    }
}

/// Ends when it is dropped, and is joined through its task.
pub(crate) struct Branch {
    messages: mpsc::Sender<u64>,
    task: JoinHandle<()>,
}

impl Branch {
    fn spawn(plan: Plan) -> Self {
        let (sender, mut messages) = mpsc::channel(1_024);
        let task = tokio::spawn(async move {
            let below = (0..plan.width()).map(|_| Self::spawn(plan.below()));
            let children: Vec<Self> = below.collect();
            let alive = Alive::new(&plan.alive);
            while messages.recv().await.is_some() {}
            Self::end(children, plan.order).await;
            drop(alive);
        });
        Self {
            messages: sender,
            task,
        }
    }

    async fn end(children: Vec<Self>, order: Order) {
        if order == Order::YoungestFirst {
            for child in children.into_iter().rev() {
                child.stop().await;
            }
            return;
        }
        let close = |child: Self| child.task;
        let tasks: Vec<_> = children.into_iter().map(close).collect();
        for task in tasks {
            task.await.expect("the task does not panic");
        }
    }

    async fn stop(self) {
        drop(self.messages);
        self.task.await.expect("the task does not panic");
    }
}

impl Kit for ByHand {
    const NAME: &'static str = "by hand";

    type World = ();
    type Sum<P: Payload> = (To<P>, JoinHandle<()>);
    type Sender<P: Payload> = To<P>;
    type Ring = Vec<(mpsc::Sender<RingMsg>, JoinHandle<()>)>;
    type Tree = Branch;

    fn open(_: Threads) {}

    async fn close((): ()) {}

    fn sum<P: Payload>((): &(), room: Room, alive: Alive) -> Self::Sum<P> {
        spawn_sum(room, alive)
    }

    fn sender<P: Payload>((sender, _): &Self::Sum<P>) -> To<P> {
        sender.clone()
    }

    async fn tell<P: Payload>(to: &To<P>, payload: P) {
        let message = SumMsg::Add(payload);
        let told = match to {
            To::Bounded(sender) => sender.send(message).await.is_ok(),
            To::Unbounded(sender) => sender.send(message).is_ok(),
        };
        assert!(told, "the actor is alive");
    }

    async fn ask<P: Payload>(to: &To<P>) -> u64 {
        let (reply, sum) = oneshot::channel();
        let asked = match to {
            To::Bounded(sender) => sender.send(SumMsg::Get(reply)).await.is_ok(),
            To::Unbounded(sender) => sender.send(SumMsg::Get(reply)).is_ok(),
        };
        assert!(asked, "the actor is alive");
        sum.await.expect("it replies")
    }

    async fn stop<P: Payload>((sender, task): Self::Sum<P>) {
        drop(sender);
        task.await.expect("the task does not panic");
    }

    async fn ring((): &(), members: u64, done: UnboundedSender<u64>) -> Self::Ring {
        let spawn = |weight| {
            let (sender, messages) = mpsc::channel(1_024);
            let done = done.clone();
            let member = Member {
                next: None,
                weight,
                done,
            };
            (sender, tokio::spawn(in_ring(member, messages)))
        };
        let ring: Self::Ring = (1..=members).map(spawn).collect();
        for (index, (member, _)) in ring.iter().enumerate() {
            let next = RingMsg::Next(ring[(index + 1) % ring.len()].0.clone());
            assert!(member.send(next).await.is_ok(), "it is alive");
        }
        ring
    }

    async fn pass(ring: &Self::Ring, hop: Hop) {
        let sent = ring[0].0.send(RingMsg::Hop(hop)).await;
        assert!(sent.is_ok(), "it is alive");
    }

    async fn break_up(ring: Self::Ring) {
        for (member, task) in ring {
            assert!(member.send(RingMsg::Close).await.is_ok(), "it is alive");
            task.await.expect("the task does not panic");
        }
    }

    fn tree((): &(), plan: Plan) -> Branch {
        Branch::spawn(plan)
    }

    async fn stop_tree(tree: Branch) {
        tree.stop().await;
    }

    async fn stop_with_backlog((): &(), messages: u64) -> Option<Duration> {
        let (sender, mut queue) = mpsc::unbounded_channel::<u64>();
        let token = CancellationToken::new();
        let (open, gate) = oneshot::channel();
        let task = tokio::spawn({
            let token = token.clone();
            async move {
                gate.await.expect("the gate opens");
                loop {
                    tokio::select! {
                        biased;
                        () = token.cancelled() => break,
                        message = queue.recv() => assert!(message.is_none(), "it stops first"),
                    }
                }
            }
        });
        for n in 0..messages {
            sender.send(n).expect("it is alive");
        }
        let start = Instant::now();
        token.cancel();
        open.send(()).expect("the gate is waited for");
        task.await.expect("the task does not panic");
        Some(start.elapsed())
    }
}
