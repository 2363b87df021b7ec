//! The steps that send messages.

use std::sync::Arc;

use tenure::prelude::*;
use tokio::time::sleep;

use crate::actor::Msg;
use crate::perform::{Here, Place, bounded};
use crate::script::{Answer, At, List, Millis, Wait, Work};
use crate::waits::What;
use crate::world::{Piece, Sort};

pub async fn tell(here: &mut Here<'_>, to: At, wait: Wait, body: &List) {
    let world = Arc::clone(&here.world);
    let Some((target, actor)) = world.pick_actor(to) else {
        return;
    };
    let msg = Msg::new(&world, here.sender, target, body.clone());
    let id = msg.id;
    let _waiting = here.waits(target, What::Room, wait);
    match bounded!(world, wait, actor.tell(msg)) {
        Some(Ok(())) => world.offered(id, true),
        Some(Err(error)) => {
            if let SendError::Deadlock(_, cycle) = &error {
                world.refuses_wait(here.tag, target, &format!("a tell: {cycle}"));
            }
            world.offered(id, false);
        }
        None => world.offered(id, false),
    }
}

pub fn offer(here: &mut Here<'_>, to: At, body: &List) {
    if let Some((target, actor)) = here.world.pick_actor(to) {
        let msg = Msg::new(&here.world, here.sender, target, body.clone());
        let id = msg.id;
        let told = actor.try_tell(msg);
        here.world.offered(id, told.is_ok());
    }
}

pub async fn permit(here: &mut Here<'_>, to: At, wait: Wait, hold: Millis, body: &List) {
    let world = Arc::clone(&here.world);
    let Some((target, actor)) = world.pick_actor(to) else {
        return;
    };
    let waiting = here.waits(target, What::Room, wait);
    let permit = bounded!(world, wait, actor.reserve());
    drop(waiting);
    let Some(Ok(permit)) = permit else {
        return;
    };
    sleep(world.millis(hold)).await;
    // A message of a permit has the permit's place, so it takes no part in the order of its sender's messages.
    let msg = Msg::new(&world, 0, target, body.clone());
    let id = msg.id;
    let sent = permit.send(msg);
    world.offered(id, sent.is_ok());
}

pub async fn ask(
    here: &mut Here<'_>,
    to: At,
    wait: Wait,
    answer: Answer,
    strict: bool,
    body: &List,
) -> tenure::Result {
    let world = Arc::clone(&here.world);
    let Some((target, actor)) = world.pick_actor(to) else {
        return Ok(());
    };
    let msg = Msg::new(&world, here.sender, target, body.clone());
    let id = msg.id;
    let _waiting = here.waits(target, What::Reply(id), wait);
    let asking = world.asks(here.tag, id, wait, here.timed);
    let asked = bounded!(world, wait, actor.ask(|reply| msg.asking(reply, answer)));
    asking.resolved(asked.as_ref());
    if let Some(Err(AskError::Deadlock(cycle))) = &asked {
        world.refuses_wait(here.tag, target, &format!("an ask: {cycle}"));
    }
    match asked {
        Some(Err(error)) if strict => Err(error.into()),
        _ => Ok(()),
    }
}

/// Does with a reply what the script says.
pub async fn answer(here: &mut Here<'_>, id: usize, reply: ReplyTo<usize>, answer: Answer) {
    let world = Arc::clone(&here.world);
    let Place::Actor(ctx, kept) = &mut here.place else {
        return;
    };
    match answer {
        Answer::AtOnce | Answer::AfterBody => reply.send(id),
        Answer::Never => drop(reply),
        Answer::Kept => kept.replies.push(reply),
        Answer::ByTimer(millis) => {
            let Some(tag) = here.tag else { return };
            let mut msg = Msg::from_source(&world, tag, List::default());
            msg = msg.asking(reply, Answer::AfterBody);
            let _timer = ctx.send_after(world.millis(millis), msg);
        }
        Answer::ByTask(millis) => {
            let time = world.millis(millis);
            let tag = world.reserve(here.tag, Sort::Task(Work::Plain), None);
            let piece = Piece::new(&world, tag);
            let task = async move {
                let _piece = piece;
                sleep(time).await;
                reply.send(id);
            };
            match ctx.task(task) {
                Ok(handle) => world.know(tag, handle.node(), None, None),
                Err(refused) => drop(refused),
            }
        }
        Answer::Forwarded(at) => {
            let Some((target, actor)) = world.pick_actor(at) else {
                return;
            };
            let msg = Msg::new(&world, 0, target, List::default());
            let to = msg.id;
            {
                let mut state = world.lock();
                state.messages[id].forwarded.push(target);
                state.messages[to].is_ask = true;
            }
            let _waiting = here.waits(target, What::Room, Wait::EvenIfCyclic);
            let sent = actor.forward(reply, |reply| msg.asking(reply, Answer::AfterBody));
            let sent = sent.timeout(world.millis(100)).await;
            world.offered(to, sent.is_ok());
        }
    }
}
