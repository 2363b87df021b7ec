//! The actor of the model does what it is sent, and notes everything that happens to it.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use tenure::prelude::*;
use tenure::{Phase, Timer};

use crate::mail::answer;
use crate::perform::{Here, Place, perform, poll_once};
use crate::script::{Answer, Child, Drops, List};
use crate::world::{Boxed, Incarnation, Piece, Tag, World};

pub struct Act {
    kept: Kept,
    /// Dropped after everything that the state keeps.
    state: Dying,
}

/// What an actor keeps in its state.
#[derive(Default)]
pub struct Kept {
    pub replies: Vec<ReplyTo<usize>>,
    pub scopes: Vec<Boxed>,
    pub timers: HashMap<u64, Timer>,
}

/// The recipe of an actor. Each incarnation has a clone.
pub struct Recipe {
    piece: Piece,
    child: Arc<Child>,
}

/// The part of a state with a destructor that does something.
struct Dying {
    piece: Piece,
    child: Arc<Child>,
    spawner: Spawner,
}

pub struct Msg {
    pub id: usize,
    pub body: List,
    pub reply: Option<ReplyTo<usize>>,
    pub answer: Answer,
    /// The timer whose last message this is.
    pub last_of: Option<u64>,
    world: Arc<World>,
}

impl Recipe {
    pub fn new(world: &Arc<World>, tag: Tag, child: &Arc<Child>) -> Self {
        Self {
            piece: Piece::new(world, tag),
            child: Arc::clone(child),
        }
    }
}

impl Clone for Recipe {
    fn clone(&self) -> Self {
        Self::new(&self.piece.world, self.piece.tag, &self.child)
    }
}

impl Start for Recipe {
    type Actor = Act;

    async fn start(self, ctx: &mut Context<Act>) -> tenure::Result<Act> {
        let (world, tag) = (Arc::clone(&self.piece.world), self.piece.tag);
        world.know(tag, ctx.node(), Some(ctx.me()), Some(ctx.spawner()));
        // The token fires, and the phase changes, before the one who gives the order notes it.
        let token_has_fired = world.has_lived(tag)
            && ctx.token().is_cancelled()
            && ctx.node().phase() == Phase::Starting;
        world.begins_incarnation(tag, token_has_fired);
        let state = Dying {
            piece: Piece::new(&world, tag),
            child: Arc::clone(&self.child),
            spawner: ctx.spawner(),
        };
        let mut act = Act {
            kept: Kept::default(),
            state,
        };
        world.incarnation(tag, |incarnation, _| incarnation.is_made = true);
        if tag % 2 == 0 {
            // Half of the actors do it here, the others in the hook.
            if let Err(error) = act.run(ctx, &self.child.on_start, false).await {
                // Its destructor may panic. In a return that would lose the memory of the error: the compiler forgets what is
                // returned (rust-lang/rust#47949).
                drop(act);
                return Err(error);
            }
        }
        world.incarnation(tag, |incarnation, _| incarnation.is_given = true);
        Ok(act)
    }
}

impl Act {
    async fn run(&mut self, ctx: &mut Context<Self>, steps: &List, timed: bool) -> tenure::Result {
        let (world, tag) = (Arc::clone(&self.state.piece.world), self.state.piece.tag);
        let _unwinding = Unwinding {
            world: Arc::clone(&world),
            tag,
        };
        let place = Place::Actor(ctx, &mut self.kept);
        let mut here = Here::new(world, Some(tag), timed, place);
        let done = perform(&mut here, &steps.0).await;
        self.noted(done)
    }

    /// Notes an error of the actor's own code.
    fn noted(&self, done: tenure::Result) -> tenure::Result {
        let (world, tag) = self.world();
        if done.is_err() {
            world.incarnation(tag, |incarnation, _| incarnation.has_erred = true);
        }
        done
    }

    fn world(&self) -> (&Arc<World>, Tag) {
        (&self.state.piece.world, self.state.piece.tag)
    }
}

impl Actor for Act {
    type Msg = Msg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let child = Arc::clone(&self.state.child);
        if self.state.piece.tag % 2 == 1 {
            self.run(ctx, &child.on_start, false).await?;
        }
        let (world, tag) = self.world();
        world.incarnation(tag, |incarnation, _| incarnation.has_started = true);
        Ok(())
    }

    async fn handle(&mut self, mut msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let (world, tag) = (Arc::clone(&self.state.piece.world), self.state.piece.tag);
        world.begins_message(tag, msg.id);
        let _handling = Handling {
            world: Arc::clone(&world),
            tag,
            id: msg.id,
        };
        if let Some(timer) = msg.last_of.and_then(|key| self.kept.timers.remove(&key)) {
            timer.cancel();
        }
        for scope in &mut self.kept.scopes {
            poll_once(scope).await;
        }
        let timed = ctx.deadline().is_some();
        if msg.answer == Answer::AtOnce
            && let Some(reply) = msg.reply.take()
        {
            reply.send(msg.id);
        }
        let body = std::mem::take(&mut msg.body);
        self.run(ctx, &body, timed).await?;
        if let Some(reply) = msg.reply.take() {
            let place = Place::Actor(ctx, &mut self.kept);
            let mut here = Here::new(world, Some(tag), timed, place);
            answer(&mut here, msg.id, reply, msg.answer).await;
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        let (world, tag) = self.world();
        world.sees_exit(tag, exit.id());
        match self.state.child.tolerant {
            true => Ok(()),
            false => self.noted(exit.into_result()),
        }
    }

    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let (world, tag) = self.world();
        world.begins_on_drain(tag);
        let child = Arc::clone(&self.state.child);
        self.run(ctx, &child.on_drain, false).await
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let (world, tag) = self.world();
        world.begins_on_stop(tag, ctx.token().is_cancelled());
        let child = Arc::clone(&self.state.child);
        let done = self.run(ctx, &child.on_stop, false).await;
        let (world, tag) = self.world();
        world.incarnation(tag, |incarnation, _| incarnation.on_stop_done += 1);
        done
    }
}

impl Drop for Dying {
    fn drop(&mut self) {
        let (world, tag) = (&self.piece.world, self.piece.tag);
        let is_followed = self.spawner.node().phase() == Phase::Restarting;
        world.incarnation(tag, |incarnation: &mut Incarnation, now| {
            incarnation.dropped = Some(now);
            incarnation.is_followed = is_followed;
        });
        world.log(format!("#{tag}: its state is dropped"));
        world.loses_state(tag);
        match self.child.drops {
            Drops::Quietly => {}
            Drops::Telling(at) => {
                if let Some((to, actor)) = world.pick_actor(at) {
                    let msg = Msg::new(world, 0, to, List::default());
                    let id = msg.id;
                    let told = actor.try_tell(msg);
                    world.offered(id, told.is_ok());
                }
            }
            Drops::Ending(at, order) => {
                if let Some((tag, node)) = world.pick_node(at) {
                    world.requests(tag, &node, order);
                }
            }
            Drops::Spawning => drop(self.spawner.task(async {})),
            Drops::Panicking if std::thread::panicking() => {}
            Drops::Panicking => {
                let text = world.plan(None);
                resume_unwind(Box::new(text));
            }
        }
    }
}

impl Msg {
    pub fn new(world: &Arc<World>, sender: u64, target: Tag, body: List) -> Self {
        let id = world.message(sender, target);
        Self {
            id,
            body,
            reply: None,
            answer: Answer::Never,
            last_of: None,
            world: Arc::clone(world),
        }
    }

    /// A message from a source, which no mailbox has accepted.
    pub fn from_source(world: &Arc<World>, target: Tag, body: List) -> Self {
        let msg = Self::new(world, 0, target, body);
        world.lock().messages[msg.id].from_source = true;
        msg
    }

    pub fn asking(mut self, reply: ReplyTo<usize>, answer: Answer) -> Self {
        self.reply = Some(reply);
        self.answer = answer;
        self
    }
}

impl Drop for Msg {
    fn drop(&mut self) {
        self.world.lock().messages[self.id].dropped = true;
    }
}

/// Notes the end of a handler, however it ends.
struct Handling {
    world: Arc<World>,
    tag: Tag,
    id: usize,
}

impl Drop for Handling {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        let (tag, id) = (self.tag, self.id);
        state.log(format!("#{tag} is done with message {id}"));
        state.nodes[tag].handling = None;
    }
}

/// Notes that code of the actor panics.
struct Unwinding {
    world: Arc<World>,
    tag: Tag,
}

impl Drop for Unwinding {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.world
                .incarnation(self.tag, |incarnation, _| incarnation.panicked = true);
        }
    }
}
