//! What the rules ask about nodes: what has happened to them, and what is left of them.

use tenure::{Kind, NodeId, StopError, Strategy};

use crate::script::{Held, Order};
use crate::world::{Sort, State, Tag};

impl crate::world::Node {
    pub fn was_told(&self, order: Order) -> bool {
        self.orders.iter().any(|told| told.order == order)
    }

    /// It was killed before this moment, by an order or because the future of a scope was dropped.
    pub fn was_killed_before(&self, moment: u64) -> bool {
        let mut orders = self.orders.iter();
        orders.any(|told| told.order == Order::Kill && told.before < moment)
            || self.let_go.is_some_and(|at| at < moment)
    }

    /// From now on neither it nor anything beneath it is restarted.
    pub fn ends_restarts(&self) -> bool {
        self.was_told(Order::Stop)
            || self.was_told(Order::Kill)
            // The token of a system or scope fires at the beginning of a drain.
            || self.was_told(Order::Drain) && matches!(self.sort, Sort::System | Sort::Scope(_))
    }
}

impl State {
    pub fn tag_of(&self, id: NodeId) -> Option<Tag> {
        let is_it =
            |node: &crate::world::Node| node.known.as_ref().is_some_and(|node| node.id() == id);
        self.nodes.iter().rposition(is_it)
    }

    /// It or a node above it was killed before this moment.
    pub fn was_killed_before(&self, tag: Tag, moment: u64) -> bool {
        self.upward(tag)
            .any(|tag| self.nodes[tag].was_killed_before(moment))
    }

    /// A node of this actor's last incarnation that is alive when the next one begins.
    ///
    /// An actor takes no children while it waits for its turn. From its turn on it does, and those belong to the next
    /// incarnation. Another thread may add one before the code of that incarnation runs. So only nodes that were known
    /// before the last state was dropped count as the last incarnation's. In an order of events nothing happens in
    /// between, and all nodes count.
    pub fn of_last_incarnation(&self, tag: Tag, simulated: bool) -> Option<Tag> {
        let ended = self.nodes[tag]
            .incarnations
            .last()
            .and_then(|incarnation| incarnation.dropped);
        let is_of_it = |other: &Tag| {
            let mut above = self.upward(*other);
            let child = above.find(|it| self.nodes[*it].owner == Some(tag));
            let registered = child.and_then(|child| self.nodes[child].registered);
            simulated || ended.is_none_or(|ended| registered.is_some_and(|at| at < ended))
        };
        self.all_alive_beneath(tag, |_| true).find(is_of_it)
    }

    /// A node beneath this one that is alive. A kept scope may be, and so may everything beneath a scope that others
    /// hold, unless `counts` says otherwise.
    pub fn alive_beneath(&self, above: Tag, counts: impl Fn(Held) -> bool) -> Option<Tag> {
        self.all_alive_beneath(above, counts).next()
    }

    fn all_alive_beneath(
        &self,
        above: Tag,
        counts: impl Fn(Held) -> bool,
    ) -> impl Iterator<Item = Tag> {
        self.beneath(above).filter(move |tag| {
            let node = &self.nodes[*tag];
            if node.pieces <= 0 {
                return false;
            }
            if let Sort::Scope(held) = node.sort
                && !counts(held)
            {
                return false;
            }
            let between = self.upward(*tag).skip(1).take_while(|tag| *tag != above);
            let elsewhere = |tag: Tag| match self.nodes[tag].sort {
                // What a task keeps was given away, too.
                Sort::Scope(held @ (Held::Elsewhere | Held::InState)) => !counts(held),
                _ => false,
            };
            !between.into_iter().any(elsewhere)
        })
    }

    /// A sibling that the restart of the group should have ended before this one began again.
    pub fn outlived(&self, tag: Tag) -> Option<Tag> {
        let node = &self.nodes[tag];
        let owner = node.owner?;
        let strategy = match &self.nodes[owner].child {
            Some(child) => child.strategy,
            None => Strategy::OneForOne,
        };
        let ended = node.incarnations.last()?.dropped?;
        let of_group = |other: Tag| match strategy {
            Strategy::OneForAll => other != tag,
            Strategy::RestForOne => other > tag,
            _ => false,
        };
        (0..self.nodes.len()).find(|other| {
            let sibling = &self.nodes[*other];
            sibling.owner == Some(owner)
                && sibling.sort == Sort::Actor
                && of_group(*other)
                && sibling.incarnations.last().is_some_and(|incarnation| {
                    incarnation.is_made
                        && incarnation.dropped.is_none()
                        && incarnation.began < ended
                })
        })
    }

    /// The younger siblings have gone, if the owner stops its children in order (rule 3).
    pub fn check_younger(&mut self, tag: Tag) {
        let node = &self.nodes[tag];
        let Some(owner) = node.owner else { return };
        let above = &self.nodes[owner];
        let in_order = match &above.child {
            Some(child) => child.stop_order == tenure::StopOrder::Reverse,
            None => true,
        };
        let by_itself = !node.orders.is_empty()
            || node
                .incarnations
                .last()
                .is_some_and(|incarnation| incarnation.has_erred || incarnation.panicked)
            || node
                .known
                .as_ref()
                .is_some_and(|node| node.kind() != Kind::Actor);
        let is_stopped = above.was_told(Order::Stop) && !above.was_told(Order::Drain);
        // Its own handlers may have ended it earlier.
        if !in_order || by_itself || !is_stopped || self.ends_itself(tag) {
            return;
        }
        let younger = (tag + 1..self.nodes.len()).find(|other| {
            let other = &self.nodes[*other];
            other.owner == Some(owner) && other.sort == Sort::Actor && other.pieces > 0
        });
        if let Some(younger) = younger {
            self.breach(format!(
                "rule 3: #{tag} stops, and its younger sibling #{younger} is alive"
            ));
        }
    }

    pub fn ends_itself(&self, tag: Tag) -> bool {
        let node = &self.nodes[tag];
        node.finishes
            || node
                .child
                .as_ref()
                .is_some_and(|child| child.auto_shutdown != tenure::AutoShutdown::Never)
    }

    /// A node beneath this one that was cut after it had been told to end.
    pub fn cut_beneath(&self, above: Tag) -> Option<Tag> {
        let orders = self.nodes[above].orders.iter();
        let told = orders.filter_map(|told| told.after).min()?;
        self.beneath(above).find(|tag| {
            let node = &self.nodes[*tag];
            let last = node
                .incarnations
                .last()
                .and_then(|incarnation| incarnation.dropped);
            let ended_later = last.is_some_and(|dropped| dropped > told);
            let outcome = node.known.as_ref().and_then(|node| node.outcome());
            ended_later && matches!(outcome, Some(Err(StopError::CutShort(_))))
        })
    }
}
