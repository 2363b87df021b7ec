//! Who is there, and what they say to each other.

use std::collections::HashMap;
use std::sync::Arc;

use tenure::prelude::*;
use tenure::{Cause, Failure, StopReason};

/// A line for clients, without its end.
pub(crate) type Line = Arc<str>;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 32;

#[derive(Default)]
pub(crate) struct Room {
    members: HashMap<String, Member>,
}

struct Member {
    session: ActorRef<Line>,
    /// Why the room has killed the session, which keeps its name until it is gone.
    dropped: Option<&'static str>,
}

pub(crate) enum RoomMsg {
    /// Replies with the name if the client may not have it, and the reason.
    Join {
        name: String,
        session: ActorRef<Line>,
        reply: ReplyTo<Result<(), &'static str>>,
    },
    Say {
        name: String,
        text: String,
    },
    Gone {
        name: String,
        end: Watched,
    },
}

impl Actor for Room {
    type Msg = RoomMsg;

    async fn handle(&mut self, msg: RoomMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            RoomMsg::Join {
                name,
                session,
                reply,
            } => {
                let joined = self.check(&name);
                if joined.is_ok() {
                    self.join(name, session, ctx)?;
                }
                reply.send(joined);
            }
            RoomMsg::Say { name, text } => self.tell_all_but(&name, &format!("{name}: {text}")),
            RoomMsg::Gone { name, end } => {
                let dropped = self.members.remove(&name).and_then(|member| member.dropped);
                let why = dropped.map_or_else(|| reason(end.reason()), String::from);
                tracing::info!(name, why, "left");
                self.tell_all_but(&name, &format!("* {name} has left: {why}"));
            }
        }
        Ok(())
    }

    fn label(msg: &RoomMsg) -> &'static str {
        match msg {
            RoomMsg::Join { .. } => "Join",
            RoomMsg::Say { .. } => "Say",
            RoomMsg::Gone { .. } => "Gone",
        }
    }
}

impl Room {
    fn check(&self, name: &str) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(char::is_control) {
            Err("that is no name")
        } else if self.members.contains_key(name) {
            Err("that name is taken")
        } else {
            Ok(())
        }
    }

    fn join(
        &mut self,
        name: String,
        session: ActorRef<Line>,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        let watched = name.clone();
        ctx.watch(&session, |end| RoomMsg::Gone { name: watched, end })?;
        self.tell_all_but(&name, &format!("* {name} is here"));
        let dropped = None;
        self.members.insert(name, Member { session, dropped });
        Ok(())
    }

    /// Never waits: a session that has no room for the line is killed.
    fn tell_all_but(&mut self, name: &str, line: &str) {
        let line = Line::from(line);
        let others = self.members.iter_mut().filter(|(other, _)| *other != name);
        for (_, member) in others {
            // A session that takes no more messages is about to end, which the watch will tell.
            let told = member.session.try_tell(Line::clone(&line));
            if told.is_err_and(|error| error.is_full()) && member.dropped.is_none() {
                member.dropped = Some("reads too slowly");
                // A stop would have to wait for the line that the client does not take.
                member.session.request_kill();
            }
        }
    }
}

/// Why a session has ended. If it failed: in the words of its own error, or of its reading task's.
fn reason(reason: &StopReason) -> String {
    let StopReason::Failed(failure) = reason else {
        return String::from("goodbye");
    };
    match failure.leaves().next().map(Failure::cause) {
        Some(Cause::Error(error)) => error.to_string(),
        _ => String::from("a fault of ours"),
    }
}
