//! Asks, until they have their replies (rule 10).

use std::sync::Arc;

use tenure::AskError;
use tokio::time::{Duration, Instant};

use crate::script::Wait;
use crate::world::{Tag, World};

/// By how much a limit may be overrun, as timers count in milliseconds.
const SLACK: Duration = Duration::from_millis(3);

impl World {
    /// Sends an ask and awaits its reply.
    pub fn asks(self: &Arc<Self>, who: Option<Tag>, id: usize, wait: Wait, timed: bool) -> Asking {
        let mut state = self.lock();
        let is_polled = who.is_none_or(|who| state.is_polled_by_a_node(who));
        state.messages[id].is_ask = true;
        let target = state.messages[id].target;
        state.log(format!("message {id} asks #{target}, {wait:?}"));
        let limit = match wait {
            Wait::Limit(millis) if self.exact && is_polled && !timed => Some(self.millis(millis)),
            _ => None,
        };
        let limit = limit.map(|limit| Instant::now() + limit + SLACK);
        Asking {
            world: Arc::clone(self),
            id,
            limit,
            is_over: false,
        }
    }
}

pub struct Asking {
    world: Arc<World>,
    id: usize,
    limit: Option<Instant>,
    is_over: bool,
}

impl Asking {
    pub fn resolved(mut self, asked: Option<&Result<usize, AskError>>) {
        self.is_over = true;
        let Some(asked) = asked else {
            return self.leave();
        };
        let mut state = self.world.lock();
        let id = self.id;
        state.log(format!("message {id} has its reply: {asked:?}"));
        let message = &mut state.messages[id];
        // Only the asker knows that, and only now.
        message.caller_left = asked.is_err();
        message.never_started = asked.as_ref().is_err_and(AskError::never_started);
        let begun = message.begun.is_some();
        let accepted = asked.is_ok() || begun;
        if accepted && message.accepted.is_none() {
            // Its place among the sender's messages is not known.
            message.sender = 0;
        }
        let was_begun = message.begun.is_some();
        if message.never_started && was_begun {
            state.breach(format!(
                "rule 10: message {id} was begun, and its ask says that it never was: {asked:?}"
            ));
        }
        if asked.is_ok() && !was_begun {
            state.breach(format!(
                "rule 10: message {id} has a reply, and was not begun"
            ));
        }
        if self.limit.is_some_and(|limit| Instant::now() > limit) {
            state.breach(format!(
                "rule 10: message {id} was answered after its time: {asked:?}"
            ));
        }
    }

    fn leave(&self) {
        let mut state = self.world.lock();
        let message = &mut state.messages[self.id];
        message.caller_left = true;
        message.sender = 0;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_over {
            self.leave();
        }
    }
}
