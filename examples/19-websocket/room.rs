//! Who is there, and what they say to each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenure::prelude::*;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub(crate) type Line = Arc<str>;

/// How many lines a client may be behind before it is dropped.
const BEHIND: usize = 64;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 32;

#[derive(Default)]
pub(crate) struct Room {
    members: BTreeMap<String, Sender<Line>>,
}

pub(crate) enum RoomMsg {
    /// Replies with the lines that the client is to be sent, or why it may not join.
    Join(String, ReplyTo<Result<Receiver<Line>, &'static str>>),
    Say(String, String),
    /// A client that is gone is also noticed by its channel, as soon as somebody says something.
    Leave(String),
}

impl Actor for Room {
    type Msg = RoomMsg;

    async fn handle(&mut self, msg: RoomMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            RoomMsg::Join(name, reply) => reply.send(self.join(name)),
            RoomMsg::Say(name, text) => self.tell_all(&format!("{name}: {text}")),
            RoomMsg::Leave(name) => {
                if self.members.remove(&name).is_some() {
                    self.tell_all(&format!("* {name} has left"));
                }
            }
        }
        Ok(())
    }

    fn label(msg: &RoomMsg) -> &'static str {
        match msg {
            RoomMsg::Join(..) => "Join",
            RoomMsg::Say(..) => "Say",
            RoomMsg::Leave(_) => "Leave",
        }
    }
}

impl Room {
    fn join(&mut self, name: String) -> Result<Receiver<Line>, &'static str> {
        if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(char::is_control) {
            return Err("that is no name");
        }
        if self.members.get(&name).is_some_and(|it| !it.is_closed()) {
            return Err("that name is taken");
        }
        let (lines, receiver) = channel(BEHIND);
        self.members.insert(name.clone(), lines);
        self.tell_all(&format!("* {name} is here"));
        Ok(receiver)
    }

    /// Never waits. A client that has no room for the line, or is gone, is dropped, and the others are told.
    fn tell_all(&mut self, line: &str) {
        let mut lines = vec![Line::from(line)];
        while let Some(line) = lines.pop() {
            self.members.retain(|name, member| {
                let is_there = member.try_send(Line::clone(&line)).is_ok();
                if !is_there {
                    lines.push(format!("* {name} has left").into());
                }
                is_there
            });
        }
    }
}
