use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use futures_util::future::join_all;
use tenure::{
    Actor, Attached, Context, NodeId, Recipient, ReplyTo, Result, SendError, TrySendError,
};

use super::error::GroupsError;
use crate::ends::end_of;
use crate::{caught, caught_while};

/// The messages of [`Groups`].
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupsMsg<T: Send + 'static> {
    /// Adds a member to a group. Nothing changes if it is a member already.
    Join {
        /// The name of the group, which is not empty.
        group: String,
        /// The actor that joins.
        member: Recipient<T>,
        /// [`GroupsError::EmptyName`] if the name is empty.
        reply: ReplyTo<Result<(), GroupsError>>,
    },
    /// Takes a member out of a group.
    Leave {
        /// The name of the group.
        group: String,
        /// The member's number.
        member: NodeId,
    },
    /// Takes a member out of all groups. The groups send this to themselves when a member has ended.
    LeaveAll(NodeId),
    /// Tells each member, and waits for members that have no room.
    TellAll {
        /// The name of the group.
        group: String,
        /// The message; each member gets a clone.
        message: T,
        /// How many members have it. A member whose code panics does not; the others do all the same.
        reply: ReplyTo<usize>,
    },
    /// Tells one member: the next in turn that has room. If none has room, it waits for the next in turn.
    TellOne {
        /// The name of the group.
        group: String,
        /// The message. It is dropped if the group has no member.
        message: T,
        /// The member that has it; or [`GroupsError::NoMember`], or [`GroupsError::MemberPanicked`].
        reply: ReplyTo<Result<NodeId, GroupsError>>,
    },
    /// Replies with the members of a group, in the order in which they have joined.
    Members {
        /// The name of the group.
        group: String,
        /// The members.
        reply: ReplyTo<Vec<Recipient<T>>>,
    },
    /// Replies with the names of the groups that have members, sorted.
    Names(ReplyTo<Vec<String>>),
}

/// Named sets of actors.
pub struct Groups<T: Send + 'static> {
    groups: BTreeMap<String, Group<T>>,
    /// The groups of each member, and the wait for its end.
    members: HashMap<NodeId, (HashSet<String>, Attached)>,
}

struct Group<T: Send + 'static> {
    members: Vec<Recipient<T>>,
    turn: usize,
}

impl<T: Clone + Send + 'static> Groups<T> {
    /// An actor without groups.
    #[must_use]
    pub fn new() -> Self {
        Self {
            groups: BTreeMap::new(),
            members: HashMap::new(),
        }
    }

    fn join(
        &mut self,
        name: String,
        member: Recipient<T>,
        ctx: &mut Context<Self>,
    ) -> Result<(), GroupsError> {
        if name.is_empty() {
            return Err(GroupsError::EmptyName);
        }
        let new = || {
            (
                HashSet::new(),
                ctx.attach(end_of(&member), GroupsMsg::LeaveAll),
            )
        };
        let (joined, _) = self.members.entry(member.id()).or_insert_with(new);
        if joined.insert(name.clone()) {
            self.groups.entry(name).or_default().members.push(member);
        }
        Ok(())
    }

    fn leave(&mut self, name: &str, id: NodeId) {
        if let Some(group) = self.groups.get_mut(name) {
            group.members.retain(|member| member.id() != id);
            if group.members.is_empty() {
                self.groups.remove(name);
            }
        }
        if let Some((joined, end)) = self.members.get_mut(&id) {
            joined.remove(name);
            if joined.is_empty() {
                end.cancel();
                self.members.remove(&id);
            }
        }
    }

    fn leave_all(&mut self, id: NodeId) {
        let joined = self.members.get(&id).map(|(joined, _)| joined.clone());
        for name in joined.into_iter().flatten() {
            self.leave(&name, id);
        }
    }

    async fn tell_all(&mut self, name: &str, message: T, ctx: &Context<Self>) -> usize {
        let Some(group) = self.groups.get(name) else {
            return 0;
        };
        let tells = group
            .members
            .iter()
            .map(|member| caught_while(member.tell(message.clone())));
        tokio::select! {
            biased;
            told = join_all(tells) => told.into_iter().filter(has_it).count(),
            () = ctx.cancelled() => 0,
        }
    }

    async fn tell_one(
        &mut self,
        name: &str,
        mut message: T,
        ctx: &Context<Self>,
    ) -> Result<NodeId, GroupsError> {
        let group = self.groups.get_mut(name).ok_or(GroupsError::NoMember)?;
        let first = group.turn % group.members.len();
        group.turn = first + 1;
        let (before, from_turn) = group.members.split_at(first);
        let in_turn = || from_turn.iter().chain(before);
        let mut full = Vec::new();
        for member in in_turn() {
            match caught(|| member.try_tell(message)).map_err(panicked)? {
                Ok(()) => return Ok(member.id()),
                Err(refused) => {
                    if matches!(refused, TrySendError::Full(_)) {
                        full.push(member);
                    }
                    message = refused.into_inner();
                }
            }
        }
        for member in full {
            let told = tokio::select! {
                biased;
                told = caught_while(member.tell(message)) => told.map_err(panicked)?,
                () = ctx.cancelled() => return Err(GroupsError::NoMember),
            };
            match told {
                Ok(()) => return Ok(member.id()),
                Err(refused) => message = refused.into_inner(),
            }
        }
        Err(GroupsError::NoMember)
    }
}

/// Whether a member was told.
fn has_it<T>(told: &Result<Result<(), SendError<T>>, String>) -> bool {
    if let Err(panic) = told {
        panicked(panic);
    }
    matches!(told, Ok(Ok(())))
}

/// A panic in the code of one member does not affect the others.
fn panicked(panic: impl fmt::Display) -> GroupsError {
    tracing::warn!(%panic, "a member's code has panicked, and it is not told");
    GroupsError::MemberPanicked
}

impl<T: Clone + Send + 'static> Actor for Groups<T> {
    type Msg = GroupsMsg<T>;

    async fn handle(&mut self, msg: GroupsMsg<T>, ctx: &mut Context<Self>) -> Result {
        match msg {
            GroupsMsg::Join {
                group,
                member,
                reply,
            } => reply.send(self.join(group, member, ctx)),
            GroupsMsg::Leave { group, member } => self.leave(&group, member),
            GroupsMsg::LeaveAll(id) => self.leave_all(id),
            GroupsMsg::TellAll {
                group,
                message,
                reply,
            } => {
                reply.send(self.tell_all(&group, message, ctx).await);
            }
            GroupsMsg::TellOne {
                group,
                message,
                reply,
            } => {
                reply.send(self.tell_one(&group, message, ctx).await);
            }
            GroupsMsg::Members { group, reply } => {
                let group = self.groups.get(&group);
                reply.send(group.map(|group| group.members.clone()).unwrap_or_default());
            }
            GroupsMsg::Names(reply) => reply.send(self.groups.keys().cloned().collect()),
        }
        Ok(())
    }

    fn label(msg: &GroupsMsg<T>) -> &'static str {
        match msg {
            GroupsMsg::Join { .. } => "Join",
            GroupsMsg::Leave { .. } => "Leave",
            GroupsMsg::LeaveAll(_) => "LeaveAll",
            GroupsMsg::TellAll { .. } => "TellAll",
            GroupsMsg::TellOne { .. } => "TellOne",
            GroupsMsg::Members { .. } => "Members",
            GroupsMsg::Names(_) => "Names",
        }
    }
}

impl<T: Clone + Send + 'static> Default for Groups<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static> Default for Group<T> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            turn: 0,
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Groups<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.groups.keys();
        f.debug_set().entries(names).finish()
    }
}
