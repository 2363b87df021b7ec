//! What nodes, messages and waiters note in the model, and the rules that hold at that moment.

use tenure::{ActorRef, NodeId, NodeRef, StartError};

use crate::actor::Msg;
use crate::script::{Held, Order};
use crate::world::{Incarnation, Message, State, Tag, Told, World};

impl World {
    pub fn tag_of(&self, id: NodeId) -> Option<Tag> {
        self.lock().tag_of(id)
    }

    /// A number that nothing else has.
    pub fn key(&self) -> u64 {
        self.lock().tick()
    }

    pub fn has_lived(&self, tag: Tag) -> bool {
        !self.lock().nodes[tag].incarnations.is_empty()
    }

    /// An incarnation begins. Nothing of the last one is left, and nobody has told the actor to end (rule 9).
    pub fn begins_incarnation(&self, tag: Tag, token_has_fired: bool) {
        let mut state = self.lock();
        let now = state.tick();
        let number = state.nodes[tag].incarnations.len() + 1;
        state.log(format!("#{tag} begins incarnation {number}"));
        state.nodes[tag].ran = true;
        if number > 1 {
            if token_has_fired {
                state.breach(format!(
                    "rule 9: #{tag} is restarted, and its token has fired"
                ));
            }
            if let Some(other) = state.of_last_incarnation(tag, self.simulated) {
                state.breach(format!(
                    "rule 9: #{tag} is restarted, and #{other} of its last incarnation is alive"
                ));
            }
            let told = |tag: &Tag| state.nodes[*tag].ends_restarts();
            let above = state.upward(tag).find(|tag| self.simulated && told(tag));
            if let Some(above) = above {
                state.breach(format!(
                    "rule 9: #{tag} is restarted, and #{above} was told to end"
                ));
            }
            if let Some(other) = state.outlived(tag) {
                state.breach(format!("#{tag} is restarted with its group, and the state of #{other} from before is alive"));
            }
        }
        let node = &mut state.nodes[tag];
        let undropped = node
            .incarnations
            .last()
            .is_some_and(|incarnation| incarnation.is_made && incarnation.dropped.is_none());
        node.incarnations.push(Incarnation {
            began: now,
            ..Incarnation::default()
        });
        if undropped {
            state.breach(format!("#{tag} has two states"));
        }
    }

    pub fn message(&self, sender: u64, target: Tag) -> usize {
        let mut state = self.lock();
        state.messages.push(Message {
            sender,
            target,
            ..Message::default()
        });
        state.messages.len() - 1
    }

    /// A message was accepted or refused.
    pub fn offered(&self, id: usize, accepted: bool) {
        let mut state = self.lock();
        let target = state.messages[id].target;
        state.log(format!(
            "message {id} for #{target}: {}",
            if accepted { "accepted" } else { "refused" }
        ));
        let now = state.tick();
        let message = &mut state.messages[id];
        match accepted {
            true => message.accepted = Some(now),
            false => message.refused = true,
        }
        if !accepted && message.begun.is_some() {
            state.breach(format!("rule 11: message {id} was refused, and handled"));
        }
        drop(state);
        if accepted {
            self.check_room(target);
        }
    }

    /// No more messages wait in a mailbox than it has room for. While it drains, the nodes beneath need no room.
    fn check_room(&self, tag: Tag) {
        let (actor, room) = {
            let state = self.lock();
            let mut above = state.upward(tag);
            let drains = above.any(|tag| !state.nodes[tag].orders.is_empty());
            let node = &state.nodes[tag];
            let room = node.child.as_ref().and_then(|child| child.room);
            (
                node.actor.clone(),
                room.filter(|_| !drains && !node.finishes),
            )
        };
        if let (Some(actor), Some(room)) = (&actor, room) {
            let waiting = actor.node().backlog();
            if self.simulated && waiting > u64::from(room) {
                self.breach(format!(
                    "{waiting} messages wait for #{tag}, which has room for {room}"
                ));
            }
        }
        drop(actor);
    }

    /// A handler begins. Before that nobody has killed the node, or stopped it (rules 3 and 5).
    pub fn begins_message(&self, tag: Tag, id: usize) {
        let mut state = self.lock();
        state.log(format!("#{tag} begins message {id}"));
        let now = state.tick();
        state.nodes[tag].ran = true;
        state.nodes[tag].handling = Some(id);
        let message = &mut state.messages[id];
        let (twice, wrong) = (message.begun.replace(now).is_some(), message.target != tag);
        let (refused, skipped) = (message.refused, message.never_started);
        if twice || wrong || refused || skipped {
            state.breach(format!(
                "rule 11: message {id} is handled by #{tag}: twice: {twice}, by another: {wrong}, refused: {refused}, said to be never started: {skipped}"
            ));
        }
        let stopped = state.nodes[tag].was_told(Order::Stop);
        if self.simulated && stopped {
            state.breach(format!(
                "rule 3: #{tag} begins message {id}, and was told to stop"
            ));
        }
        self.check_not_killed(&mut state, tag, "a handler");
    }

    fn check_not_killed(&self, state: &mut State, tag: Tag, what: &str) {
        let killed = |tag: &Tag| state.nodes[*tag].was_told(Order::Kill);
        let above = state.upward(tag).find(|tag| self.simulated && killed(tag));
        if let Some(above) = above {
            state.breach(format!(
                "rule 5: {what} of #{tag} begins, and #{above} was killed"
            ));
        }
    }

    pub fn begins_on_drain(&self, tag: Tag) {
        let mut state = self.lock();
        state.log(format!("#{tag} begins on_drain"));
        self.check_not_killed(&mut state, tag, "on_drain");
        if let Some(incarnation) = state.nodes[tag].incarnations.last_mut() {
            incarnation.on_drain += 1;
            if incarnation.on_drain > 1 || incarnation.on_stop > 0 {
                state.breach(format!("rule 4: #{tag} drains twice, or after on_stop"));
            }
        }
    }

    /// `on_stop` begins. The token has fired, and the children are gone (rule 3).
    pub fn begins_on_stop(&self, tag: Tag, token_has_fired: bool) {
        let mut state = self.lock();
        state.log(format!("#{tag} begins on_stop"));
        self.check_not_killed(&mut state, tag, "on_stop");
        if !token_has_fired {
            state.breach(format!(
                "rule 3: #{tag} begins on_stop, and its token has not fired"
            ));
        }
        if let Some(other) = state.alive_beneath(tag, |held| held == Held::Awaited) {
            state.breach(format!(
                "rule 3: #{tag} begins on_stop, and #{other} beneath it is alive"
            ));
        }
        if let Some(incarnation) = state.nodes[tag].incarnations.last_mut() {
            incarnation.on_stop += 1;
            let (again, panicked) = (incarnation.on_stop > 1, incarnation.panicked);
            if again || panicked {
                state.breach(format!(
                    "rule 9: on_stop of #{tag}: again: {again}, after a panic: {panicked}"
                ));
            }
        }
        if self.simulated {
            state.check_younger(tag);
        }
    }

    /// A state is dropped. Nothing is left beneath it (rule 5). What a start has made so far is dropped with the start.
    pub fn loses_state(&self, tag: Tag) {
        let mut state = self.lock();
        if !state.nodes[tag]
            .incarnations
            .last()
            .is_some_and(|incarnation| incarnation.is_given)
        {
            return;
        }
        if let Some(other) = state.alive_beneath(tag, |held| held == Held::Awaited) {
            state.breach(format!(
                "rule 5: the state of #{tag} is dropped, and #{other} beneath it is alive"
            ));
        }
    }

    /// The future of a scope or start is dropped, which kills the node at that moment or later.
    pub fn lets_go(&self, tag: Tag, at: u64) {
        let mut state = self.lock();
        state.log(format!("the future of #{tag} kills it"));
        state.nodes[tag].let_go = Some(at);
    }

    /// Gives an order. It is noted before and after.
    pub fn orders<T>(&self, tag: Tag, order: Order, give: impl FnOnce() -> T) -> T {
        let place = {
            let mut state = self.lock();
            state.log(format!("#{tag} is told: {order:?}"));
            let (before, after) = (state.tick(), None);
            let orders = &mut state.nodes[tag].orders;
            orders.push(Told {
                order,
                before,
                after,
            });
            orders.len() - 1
        };
        let given = give();
        let mut state = self.lock();
        let now = state.tick();
        state.nodes[tag].orders[place].after = Some(now);
        given
    }

    /// Requests an end without waiting for it.
    pub fn requests(&self, tag: Tag, node: &NodeRef, order: Order) {
        self.orders(tag, order, || match order {
            Order::Stop => node.request_stop(),
            Order::Drain => node.request_drain(),
            Order::Kill => node.request_kill(),
        });
    }

    /// A spawn was refused: nothing of it was polled (rule 2).
    pub fn refuses(&self, tag: Tag) {
        let mut state = self.lock();
        state.log(format!("#{tag} is refused"));
        if state.nodes[tag].ran {
            state.breach(format!("rule 2: #{tag} was refused, and its code has run"));
        }
    }

    pub fn starts(&self, tag: Tag, actor: ActorRef<Msg>) {
        self.know(tag, actor.node(), Some(actor), None);
        let state = &mut *self.lock();
        if !state.nodes[tag]
            .incarnations
            .iter()
            .any(|incarnation| incarnation.has_started)
        {
            state.breach(format!("#{tag} is said to have started, and has not"));
        }
    }

    pub fn has_not_started(
        &self,
        waiter: Option<Tag>,
        tag: Tag,
        error: StartError<impl Sized + Send>,
    ) {
        self.log(format!("#{tag} has not started: {error}"));
        let gone = match &error {
            StartError::Refused(_) => {
                self.refuses(tag);
                false
            }
            StartError::Deadlock(cycle) => {
                self.refuses_wait(waiter, tag, &format!("a start: {cycle}"));
                false
            }
            StartError::Failed(_) | StartError::Stopped => true,
            _ => false,
        };
        if gone {
            self.check_gone(tag, "a wait for its start");
        }
        drop(error);
    }

    pub fn dead_letter(&self, id: usize) {
        let mut state = self.lock();
        state.log(format!("message {id} is a dead letter"));
        state.messages[id].dead += 1;
    }
}
