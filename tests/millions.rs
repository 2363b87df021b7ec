//! A million actors, messages or letters.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{multi_thread, paused};
use tenure::prelude::*;
use tokio::sync::oneshot;

const THOUSAND: u64 = 1_000;

/// Has this many children, which have none.
struct Owner {
    width: u64,
    alive: Arc<AtomicU64>,
    _me: Alive,
}

struct Alive(Arc<AtomicU64>);

impl Alive {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Owner {
    fn new(width: u64, alive: &Arc<AtomicU64>) -> Self {
        let alive = Arc::clone(alive);
        let _me = Alive::new(&alive);
        Self { width, alive, _me }
    }
}

impl Actor for Owner {
    type Msg = ReplyTo<()>;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for _ in 0..self.width {
            ctx.spawn(Self::new(0, &self.alive))?;
        }
        Ok(())
    }

    async fn handle(&mut self, reply: ReplyTo<()>, _ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(());
        Ok(())
    }
}

#[test]
fn a_million_actors_start_and_are_stopped_and_joined() {
    multi_thread(|check| async move {
        let alive = Arc::default();
        // In real time, on a machine that may be busy.
        let system = System::builder().grace(Duration::from_secs(600));
        let system = system.start().unwrap();
        check.node(system.node());
        let mut owners = Vec::new();
        for _ in 0..THOUSAND {
            owners.push(system.spawn(Owner::new(THOUSAND, &alive)).unwrap());
        }
        for owner in &owners {
            // The owner has started all its children when it replies.
            owner.ask(|reply| reply).await.unwrap();
        }
        assert_eq!(alive.load(Ordering::SeqCst), THOUSAND * THOUSAND + THOUSAND);
        system.stop().await.unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        for owner in owners {
            check.node(owner.node());
        }
    });
}

/// Its first message waits for the gate.
struct Gated(u64);

enum GatedMsg {
    Wait(oneshot::Receiver<()>),
    Queued(#[expect(dead_code, reason = "counts where it ends")] common::Guard),
}

impl Actor for Gated {
    type Msg = GatedMsg;

    async fn handle(&mut self, msg: GatedMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            GatedMsg::Wait(gate) => gate.await?,
            GatedMsg::Queued(_) => self.0 += 1,
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        assert_eq!(self.0, 0, "a stop handles no further message");
        Ok(())
    }
}

#[test]
fn a_stop_does_not_wait_for_a_million_queued_messages() {
    paused(|check| async move {
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Gated(0)).mailbox(Mailbox::unbounded());
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        let (open, gate) = oneshot::channel();
        actor.tell(GatedMsg::Wait(gate)).await.unwrap();
        for _ in 0..THOUSAND * THOUSAND {
            actor.try_tell(GatedMsg::Queued(check.guard())).unwrap();
        }
        let stopping = actor.stop();
        open.send(()).unwrap();
        stopping.await.unwrap();
        assert_eq!(check.alive(), 0, "the queue is gone when the stop returns");
        system.stop().await.unwrap();
    });
}
