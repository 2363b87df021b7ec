//! The rules that are checked after each step and at the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use tenure::{Cause, Failure, Phase, Restart, StopError, StopReason, Strategy, System};

use crate::script::Child;
use crate::world::{Incarnation, ROOT, Sort, State, Tag, World};

impl World {
    /// Phases only go forward, and tables hold exactly the nodes that are alive.
    pub fn look(&self) {
        let known: Vec<_> = {
            let state = self.lock();
            let known = state.nodes.iter().enumerate();
            known
                .filter(|(_, node)| node.phase != Phase::Stopped)
                .filter_map(|(tag, node)| node.known.clone().map(|node| (tag, node)))
                .collect()
        };
        for (tag, node) in &known {
            let phase = node.phase();
            let in_table = node.owner().map(|owner| owner.children().contains(node));
            let names: Vec<_> = node
                .children()
                .iter()
                .filter_map(|child| child.name())
                .collect();
            let distinct: HashSet<_> = names.iter().collect();
            let mut state = self.lock();
            let before = state.nodes[*tag].phase;
            if before == Phase::Stopping && !matches!(phase, Phase::Stopping | Phase::Stopped) {
                state.breach(format!(
                    "a phase goes back: #{tag} was {before}, and is {phase}"
                ));
            }
            if self.simulated && in_table == Some(phase == Phase::Stopped) {
                state.breach(format!(
                    "rule 14: #{tag} is {phase}; in its owner's table: {in_table:?}"
                ));
            }
            if self.simulated && distinct.len() != names.len() {
                state.breach(format!(
                    "rule 14: two children of #{tag} have one name: {names:?}"
                ));
            }
            state.nodes[*tag].phase = phase;
        }
        drop(known);
    }

    /// Nothing goes on by itself any longer: no waits may form a cycle (rule 16).
    pub fn is_quiet(&self) {
        let mut state = self.lock();
        if let Some(cycle) = state.cycle() {
            state.breach(format!(
                "rule 16: a cycle of waits that nobody was told of: {cycle:?}"
            ));
        }
    }

    pub fn has_open_asks(&self) -> bool {
        self.lock().open_asks() > 0
    }

    /// A part of a node may be gone while its shell is not.
    pub fn is_anything_left(&self) -> bool {
        self.lock().nodes.iter().any(|node| {
            let known = node.known.as_ref();
            node.pieces != 0 || known.is_some_and(|known| known.phase() != Phase::Stopped)
        })
    }

    /// Everything has ended, so every ask has its answer (rule 10). Nodes that do not yield in time may have some.
    pub fn all_are_answered(&self) {
        let mut state = self.lock();
        let known = state.nodes[ROOT].known.as_ref();
        if known.is_some_and(|known| known.phase() != Phase::Stopped) {
            return;
        }
        let open = state.open_asks();
        if open > 0 {
            state.breach(format!("rule 10: {open} asks are open, and all is gone"));
        }
    }

    pub fn at_the_end(&self, system: &System) {
        self.look();
        let letters = system.dead_letters();
        let mut state = self.lock();
        let open = state.waits.replies().count();
        if open > 0 {
            state.breach(format!("rule 10: {open} asks are open at the end"));
        }
        state.check_messages(letters);
        state.check_senders();
        for tag in 0..state.nodes.len() {
            state.check_node(tag);
        }
    }
}

impl State {
    /// The open asks to actors of the system. Nobody who was killed waits. An ask that was forwarded is counted with
    /// the actor that has it now, which may belong to a scope of a client and end with that.
    fn open_asks(&self) -> usize {
        let is_open = |(id, target): &(usize, Tag)| {
            let now = self.messages[*id].forwarded.last();
            self.is_of_whole(*now.unwrap_or(target))
        };
        self.waits.replies().filter(is_open).count()
    }

    fn is_of_whole(&self, tag: Tag) -> bool {
        self.upward(tag).last() == Some(ROOT)
    }

    /// Each accepted message was handled or is counted (rule 11).
    fn check_messages(&mut self, letters: u64) {
        let mut dead = 0;
        for id in 0..self.messages.len() {
            let message = self.messages[id].clone();
            let in_whole = self.is_of_whole(message.target);
            dead += u64::from(message.dead);
            let begun = message.begun.is_some();
            if message.dead > 1 || message.dead == 1 && begun {
                self.breach(format!(
                    "rule 11: message {id}: begun: {begun}, a dead letter {} times",
                    message.dead
                ));
            }
            let lost = message.accepted.is_some() && !begun && message.dead == 0;
            if lost && in_whole && !message.is_ask {
                self.breach(format!(
                    "rule 11: message {id} for #{} was accepted, and lost silently",
                    message.target
                ));
            }
            if !message.dropped {
                self.breach(format!("message {id} for #{} is alive", message.target));
            }
        }
        if letters != dead {
            self.breach(format!(
                "rule 11: {letters} dead letters are counted, and {dead} were shown"
            ));
        }
    }

    /// The messages of one sender to one actor are begun in their order.
    fn check_senders(&mut self) {
        type Sent = Vec<(u64, u64, usize)>;
        let mut orders: BTreeMap<(u64, Tag), Sent> = BTreeMap::new();
        for (id, message) in self.messages.iter().enumerate() {
            if let (Some(accepted), Some(begun)) = (message.accepted, message.begun)
                && message.sender != 0
            {
                let key = (message.sender, message.target);
                orders.entry(key).or_default().push((accepted, begun, id));
            }
        }
        for (_, mut all) in orders {
            all.sort_unstable();
            for pair in all.windows(2) {
                if pair[0].1 > pair[1].1 {
                    self.breach(format!(
                        "messages {} and {} were begun in the wrong order",
                        pair[0].2, pair[1].2
                    ));
                }
            }
        }
    }

    fn check_node(&mut self, tag: Tag) {
        let node = &self.nodes[tag];
        if node.pieces != 0 {
            let pieces = node.pieces;
            self.breach(format!(
                "the promise: {pieces} pieces of #{tag} are alive at the end"
            ));
        }
        let node = &self.nodes[tag];
        let Some(outcome) = node.known.as_ref().map(|known| known.outcome()) else {
            return;
        };
        let Some(outcome) = outcome else {
            return self.breach(format!("the promise: #{tag} has not ended"));
        };
        let text = match &outcome {
            Ok(reason) => format!("{reason:?}"),
            Err(error) => format!("{error}"),
        };
        if node.outcome.as_ref().is_some_and(|told| *told != text) {
            let told = node.outcome.clone();
            self.breach(format!(
                "rule 13: #{tag} has ended in two ways: {told:?}, and {text}"
            ));
        }
        if let Err(StopError::Failed(failure)) = &outcome {
            self.check_causes(tag, failure);
        }
        if self.nodes[tag].sort == Sort::Actor {
            self.check_incarnations(tag, &outcome);
        }
        self.check_failures_beneath(tag, &outcome);
    }

    /// The table of rule 9.
    fn check_incarnations(&mut self, tag: Tag, outcome: &Result<StopReason, StopError>) {
        let node = &self.nodes[tag];
        let incarnations = node.incarnations.clone();
        let policy = node
            .child
            .as_ref()
            .map_or(Restart::Never, |child| child.restart);
        if policy == Restart::Never && incarnations.len() > 1 {
            self.breach(format!(
                "rule 9: #{tag} is never restarted, and has {} incarnations",
                incarnations.len()
            ));
        }
        for (number, incarnation) in incarnations.iter().enumerate() {
            if incarnation.is_made && incarnation.dropped.is_none() {
                self.breach(format!(
                    "the promise: the state {number} of #{tag} is not dropped"
                ));
            }
        }
        let Some(last) = incarnations.last() else {
            return;
        };
        self.check_good_end(tag, policy, last, outcome);
        if !last.is_given && last.on_stop > 0 {
            self.breach(format!(
                "rule 9: #{tag} has never been made, and on_stop has run"
            ));
        }
        let by_error = |failure: &Failure| matches!(failure.cause(), Cause::Error(_));
        if let Err(StopError::Failed(failure)) = outcome
            && by_error(failure)
            && failure.cut_short().is_empty()
            && last.is_given
            && last.on_stop == 0
            && !last.panicked
        {
            // A kill that came before the turn of `on_stop` leaves the hook out, and the error stays.
            if !self.was_killed_before(tag, last.dropped.unwrap_or(u64::MAX)) {
                self.breach(format!(
                    "rule 9: #{tag} failed with an error, and on_stop has not run"
                ));
            }
        }
    }

    /// A good end has run its hooks, and nothing has panicked (rules 4 and 9).
    fn check_good_end(
        &mut self,
        tag: Tag,
        policy: Restart,
        last: &Incarnation,
        outcome: &Result<StopReason, StopError>,
    ) {
        let on_stop = (last.on_stop, last.on_stop_done);
        let well = matches!(
            outcome,
            Ok(StopReason::Finished | StopReason::Stopped | StopReason::Drained)
        );
        if well && last.has_started && !last.panicked && on_stop != (1, 1) {
            self.breach(format!(
                "rule 9: #{tag} has ended well, and on_stop has run {on_stop:?} times"
            ));
        }
        if well && last.panicked && policy == Restart::Never {
            self.breach(format!("rule 9: #{tag} has panicked, and ended well"));
        }
        let drained = matches!(outcome, Ok(StopReason::Drained));
        if drained && self.should_have_drained(tag, last) && last.on_drain != 1 {
            self.breach(format!(
                "rule 4: #{tag} has drained, and on_drain has run {} times",
                last.on_drain
            ));
        }
    }

    /// Whether the last incarnation of an actor that has drained should have run `on_drain`. It should not if it had
    /// ended to be followed by another, which then had nothing to handle; a panic always ends it like this. It may not
    /// have if the drain came while it ended itself to be followed, or if its code was dropped for its group.
    fn should_have_drained(&self, tag: Tag, last: &Incarnation) -> bool {
        let node = &self.nodes[tag];
        let owner = node
            .owner
            .and_then(|owner| self.nodes[owner].child.as_ref());
        let has_group = owner.is_some_and(|owner| owner.strategy != Strategy::OneForOne);
        let restart = node
            .child
            .as_ref()
            .map_or(Restart::Never, |child| child.restart);
        let is_followed = last.is_followed
            || last.panicked
            || has_group && restart != Restart::Never
            || restart == Restart::Always && self.ends_itself(tag);
        last.is_given && !last.has_erred && !is_followed
    }

    /// Each failure stands once in a tree of causes (rule 8).
    fn check_causes(&mut self, tag: Tag, failure: &Failure) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for leaf in failure.leaves() {
            let text = leaf.to_string();
            if matches!(leaf.cause(), Cause::Panic(_)) && !text.contains("planned-") {
                self.breach(format!("#{tag} has panicked, and was not made to: {text}"));
            }
            if text.contains("planned-") {
                *seen.entry(text).or_default() += 1;
            }
        }
        if let Some((text, times)) = seen.iter().find(|(_, times)| **times > 1) {
            self.breach(format!(
                "rule 8: in the failure of #{tag} this stands {times} times: {text}"
            ));
        }
    }

    /// A failure beneath a node fails the node, unless something settles it (rule 9).
    fn check_failures_beneath(&mut self, tag: Tag, outcome: &Result<StopReason, StopError>) {
        let node = &self.nodes[tag];
        let fine = matches!(
            outcome,
            Ok(StopReason::Finished | StopReason::Stopped | StopReason::Drained)
        );
        // A restart that is decided on settles the failure, even if no incarnation follows.
        let settling = |child: &Child| child.tolerant || child.restart != Restart::Never;
        let settles = node.child.as_ref().is_some_and(|child| settling(child));
        if !fine || settles {
            return;
        }
        let failed = (tag + 1..self.nodes.len()).find(|other| {
            let child = &self.nodes[*other];
            let contained = child.contained
                || child.child.as_ref().is_some_and(|child| child.contained)
                || matches!(child.sort, Sort::Scope(_))
                || child.start_is_awaited
                    && !child
                        .incarnations
                        .iter()
                        .any(|incarnation| incarnation.has_started);
            let outcome = child.known.as_ref().and_then(|known| known.outcome());
            child.owner == Some(tag)
                && !contained
                && matches!(outcome, Some(Err(StopError::Failed(_))))
        });
        if let Some(failed) = failed {
            self.breach(format!(
                "rule 9: #{failed} has failed, and #{tag} above it has ended well"
            ));
        }
    }
}
