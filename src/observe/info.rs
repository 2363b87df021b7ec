//! Makes the [`NodeInfo`] of one node from a look at it. What depends on other nodes is [judged](super::judge) after
//! that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::facts::{
    AskedBy, Fate, GateInfo, GraceInfo, MailboxInfo, OrderInfo, OrderKind, RestartsInfo, Site,
    SourcesInfo, Target, WaitInfo, WaitKind,
};
use super::snapshot::NodeInfo;
use super::text::{bounded, path_of};
use super::verdict::Verdict;
use crate::error::{Kind, Phase};
use crate::mailbox::{Gate, MailboxLook};
use crate::sync::saturating_add;
use crate::tree::{AnyNode, Awaiting, Joined, Look, Requester, look};

/// A node that was looked at, with the facts that only the judgement needs.
pub(super) struct Seen {
    pub(super) info: NodeInfo,
    /// The place of the node above it, if that is in the snapshot.
    pub(super) above: Option<usize>,
    pub(super) joins: Joins,
    /// It is using its own time to end.
    pub(super) uses_own_time: bool,
    /// Since when its time to end is up.
    pub(super) over_since: Option<Instant>,
    /// It is in a handler, or its code is being polled.
    pub(super) is_busy: bool,
    /// If nothing can wake it: how many weak references there are.
    pub(super) unreachable: Option<usize>,
    /// A number that distinguishes the current handler from others.
    pub(super) handler: u64,
    /// Since when it has been handling the current message, if that is timed.
    pub(super) handling_since: Option<Instant>,
}

/// Which of its children a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    Nobody,
    One,
    Tasks,
    All,
}

/// Looks at a node; `None` if it has ended.
pub(super) fn see(
    node: &Arc<dyn AnyNode>,
    path: String,
    depth: usize,
    above: Option<usize>,
    now: Instant,
) -> Option<Seen> {
    let look = look(node, now)?;
    let mail = node.look_at_mail();
    let is_from_source = look.signals.is_from_source();
    let is_awake = |mail: &MailboxLook| !mail.is_asleep || is_from_source;
    let label = node.label().filter(|_| mail.as_ref().is_some_and(is_awake));
    let mut info = describe(node, &look, mail.as_ref(), now);
    info.path = path;
    info.depth = depth;
    info.label = label.map(bounded);
    let is_handling = label.is_some();
    let is_killed = look.signals.is_killed();
    let until = look.own_time.map(|own| own.until);
    let over = until.filter(|until| *until <= now);
    Some(Seen {
        above,
        joins: match &look.joined {
            Joined::Nobody => Joins::Nobody,
            Joined::One(_) => Joins::One,
            Joined::Tasks(..) => Joins::Tasks,
            Joined::All(..) => Joins::All,
        },
        uses_own_time: look.own_time.is_some() && node.kind() != Kind::System,
        over_since: over.filter(|_| is_killed || node.kind() != Kind::System),
        is_busy: info.in_poll_for.is_some() || is_handling || node.kind() == Kind::Blocking,
        unreachable: is_unreachable(node, &look, mail.as_ref(), info.references),
        handler: mail.as_ref().map_or(0, |mail| mail.handler),
        handling_since: mail.and_then(|mail| mail.began).filter(|_| is_handling),
        info: with_phase(info, &look, now),
    })
}

/// The facts about one node, without its path, its depth and its label.
fn describe(
    node: &Arc<dyn AnyNode>,
    look: &Look,
    mail: Option<&MailboxLook>,
    now: Instant,
) -> NodeInfo {
    let polls = node.polls();
    NodeInfo {
        id: node.id(),
        owner: node.owner().map(|owner| owner.id()),
        depth: 0,
        path: String::new(),
        name: look.name.as_deref().map(|name| bounded(name).into_owned()),
        kind: node.kind(),
        type_name: bounded(node.type_name()),
        site: node.site().into(),
        age: now.saturating_duration_since(node.born(now)),
        phase: look.phase,
        phase_for: None,
        verdict: Verdict::Idle,
        holds_up_stop: false,
        order: order(node, look, now).map(Box::new),
        grace: grace(node, look, now).map(Box::new),
        mailbox: mail.map(|mail| mailbox(mail, now)),
        handled: mail.map_or(0, |mail| mail.started),
        label: None,
        handling_for: None,
        polls: polls.ended(),
        in_poll_for: polls.is_in_poll().then_some(Duration::ZERO),
        waits: waits(look, now),
        more_waits: look.more_waits,
        sources: sources(look, now),
        restarts: restarts(look, now).map(Box::new),
        children: look.children,
        references: node.own_references().map(|own| {
            // One more reference belongs to this look.
            Arc::strong_count(node).saturating_sub(own + look.children + 1)
        }),
    }
}

/// Whether nothing can wake it: see [`Snapshot`](super::Snapshot#unreachable). If so, returns how many weak references
/// there are.
pub(super) fn is_unreachable(
    node: &Arc<dyn AnyNode>,
    look: &Look,
    mail: Option<&MailboxLook>,
    references: Option<usize>,
) -> Option<usize> {
    let is_quiet = |mail: &MailboxLook| {
        mail.is_asleep
            && mail.queued == 0
            && mail.gate.is_open()
            && mail.senders_waiting == 0
            && mail.reserved == 0
    };
    let before = mail.filter(|mail| is_quiet(mail))?;
    let has_sources = look
        .sources
        .is_some_and(|counts| counts.timers + counts.streams + counts.watches > 0);
    let is_alone = look.phase == Phase::Running
        && look.name.is_none()
        && look.children == 0
        && !has_sources
        && !look.signals.wants_loop()
        && !look.signals.is_from_source()
        && references == Some(0);
    if !is_alone {
        return None;
    }
    // Somebody may have sent a message and then dropped the last reference.
    let after = node.look_at_mail()?;
    let nothing_came = is_quiet(&after) && after.handler == before.handler;
    nothing_came.then(|| Arc::weak_count(node))
}

fn with_phase(mut info: NodeInfo, look: &Look, now: Instant) -> NodeInfo {
    let restarted = look.restarts.as_ref().map(|note| note.due.min(now));
    let since_restart = restarted.map(|at| now.saturating_duration_since(at));
    info.phase_for = match info.phase {
        Phase::Starting | Phase::Running => Some(since_restart.unwrap_or(info.age)),
        Phase::Restarting | Phase::Stopped => None,
        Phase::Stopping => info.order.as_ref().and_then(|order| order.ago),
    };
    info
}

fn order(node: &Arc<dyn AnyNode>, look: &Look, now: Instant) -> Option<OrderInfo> {
    let signals = look.signals;
    let kind = if signals.is_cut() {
        OrderKind::Cut
    } else if signals.is_killed() {
        OrderKind::Kill
    } else if signals.is_stopped() {
        OrderKind::Stop
    } else if signals.is_drained() {
        OrderKind::Drain
    } else if signals.ends_incarnation() {
        OrderKind::Restart
    } else {
        return None;
    };
    let note = look.order.as_ref();
    let by = match note.map(|note| &note.by) {
        Some(Requester::Node(node)) => AskedBy::Node {
            path: path_of(node),
        },
        Some(Requester::Itself) => AskedBy::Itself,
        Some(Requester::Outside) => AskedBy::Outside,
        Some(Requester::Signal) => AskedBy::Signal,
        None if signals.is_by_self() || node.owner().is_none() => AskedBy::Itself,
        None => AskedBy::Owner,
    };
    let site = note.and_then(|note| note.site);
    let noted = note.and_then(|note| note.at());
    let ago = noted.map(|at| now.saturating_duration_since(at));
    Some(OrderInfo {
        kind,
        by,
        site: site.map(Site::from),
        // Its own time began with the order, or soon after.
        ago: ago.or(look.own_time.map(|own| own.used)),
    })
}

fn grace(node: &Arc<dyn AnyNode>, look: &Look, now: Instant) -> Option<GraceInfo> {
    if !look.signals.ends_incarnation() {
        return None;
    }
    let is_killed = look.signals.is_killed();
    let own = look
        .own_time
        .filter(|_| node.kind() != Kind::System || is_killed);
    let restarts_alone = !look.signals.is_told_to_end();
    let until = match own {
        Some(own) if is_killed => Some(saturating_add(own.until, node.shared.patience)),
        Some(own) => Some(look.bound.map_or(own.until, |bound| bound.min(own.until))),
        None => look.bound.filter(|_| !is_killed),
    };
    let left = until.map(|until| until.saturating_duration_since(now));
    Some(GraceInfo {
        whole: node.grace(),
        used: own.map_or(look.used, |own| own.used),
        is_counting: own.is_some(),
        left,
        then: match left {
            Some(left) if is_killed && left.is_zero() => Fate::Nothing,
            Some(_) if is_killed => Fate::Reported,
            Some(_) if restarts_alone => Fate::Restarted,
            Some(_) => Fate::Killed,
            None => Fate::Nothing,
        },
    })
}

fn mailbox(mail: &MailboxLook, now: Instant) -> MailboxInfo {
    let oldest = mail.oldest.filter(|_| mail.queued > 0);
    MailboxInfo {
        queued: mail.queued,
        capacity: mail.capacity,
        gate: match mail.gate {
            Gate::Open | Gate::Noted => GateInfo::Open,
            Gate::Draining => GateInfo::Draining,
            Gate::Closed => GateInfo::Closed,
        },
        senders_waiting: mail.senders_waiting,
        reserved: mail.reserved,
        oldest_for: oldest.map(|sent| now.saturating_duration_since(sent)),
    }
}

fn waits(look: &Look, now: Instant) -> Vec<WaitInfo> {
    let mut waits = Vec::new();
    let joined = match &look.joined {
        Joined::Nobody => None,
        Joined::One(child) => Some((child, 0)),
        Joined::Tasks(count, child) | Joined::All(count, child) => {
            Some((child, count.saturating_sub(1)))
        }
    };
    waits.extend(joined.map(|(child, others)| WaitInfo {
        others,
        ..wait(WaitKind::Child, Some(child))
    }));
    waits.extend(look.waits.iter().map(|one| WaitInfo {
        lasted: Some(now.saturating_duration_since(one.since)),
        is_limited: one.limited,
        ..wait(kind_of(one.what, &one.target), Some(&one.target))
    }));
    let backoff = look
        .restarts
        .as_ref()
        .filter(|note| look.phase == Phase::Restarting && note.due > now && look.children == 0);
    waits.extend(backoff.map(|note| WaitInfo {
        due_in: Some(note.due.saturating_duration_since(now)),
        is_limited: true,
        ..wait(WaitKind::Backoff, None)
    }));
    waits
}

fn wait(kind: WaitKind, target: Option<&Arc<dyn AnyNode>>) -> WaitInfo {
    WaitInfo {
        kind,
        target: target.map(|node| Target {
            id: node.id(),
            path: path_of(node),
        }),
        others: 0,
        lasted: None,
        due_in: None,
        is_limited: false,
    }
}

fn kind_of(what: Awaiting, target: &Arc<dyn AnyNode>) -> WaitKind {
    match what {
        Awaiting::Reply => WaitKind::Reply,
        Awaiting::Room => WaitKind::Room,
        Awaiting::End if matches!(target.kind(), Kind::Task | Kind::Blocking) => WaitKind::Task,
        Awaiting::End => WaitKind::End,
        Awaiting::Order => WaitKind::Order,
        Awaiting::Start => WaitKind::Start,
        Awaiting::Turn => WaitKind::Turn,
    }
}

fn sources(look: &Look, now: Instant) -> Option<SourcesInfo> {
    look.sources.map(|counts| SourcesInfo {
        timers: counts.timers,
        streams: counts.streams,
        watches: counts.watches,
        next_due_in: counts
            .next_due
            .map(|due| due.saturating_duration_since(now)),
    })
}

fn restarts(look: &Look, now: Instant) -> Option<RestartsInfo> {
    let note = look.restarts.as_ref()?;
    let waits = look.phase == Phase::Restarting;
    Some(RestartsInfo {
        recent: note.recent,
        limit: note.limit,
        window: note.window,
        due_in: waits.then(|| note.due.saturating_duration_since(now)),
        last_failure: note.last_failure.as_deref().map(String::from),
    })
}
