use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::facts::Site;
use super::snapshot::Snapshot;
use super::text::time;
use super::verdict::Verdict;
use crate::error::Kind;

/// The nodes of a [`Snapshot`] counted by type and place of spawn: the view in which a slow leak shows.
///
/// `Display` prints a line for each group, the largest first or, in a comparison, the one that has grown most.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Groups {
    /// When the snapshot was taken, as [`Snapshot::taken_at`].
    #[cfg_attr(
        feature = "serde",
        serde(rename = "taken_at_ms", with = "super::millis")
    )]
    pub taken_at: Duration,
    /// How much earlier the snapshot was taken with which this is compared, if it is.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "compared_over_ms", with = "super::millis::option")
    )]
    pub compared_over: Option<Duration>,
    /// The groups.
    pub groups: Vec<Group>,
}

/// The nodes of one type that were spawned in one place.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Group {
    /// Their type.
    pub type_name: Cow<'static, str>,
    /// Where they were spawned.
    pub site: Site,
    /// Their kind.
    pub kind: Kind,
    /// How many there are.
    pub count: usize,
    /// How many more there are than in the earlier snapshot; negative if fewer. `None` without an earlier one.
    pub change: Option<i64>,
    /// How many of them are unreachable.
    pub unreachable: usize,
    /// How many of them are in [trouble](Verdict::is_trouble), including the unreachable ones.
    pub trouble: usize,
    /// How many messages are queued for all of them together.
    pub queued: u64,
    /// How many messages they have started together.
    pub handled: u64,
    /// The [age](super::NodeInfo::age) of the oldest.
    #[cfg_attr(feature = "serde", serde(rename = "oldest_ms", with = "super::millis"))]
    pub oldest: Duration,
    /// The path of one of them.
    pub example: String,
}

impl Groups {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut places: HashMap<(&str, &Site, Kind), usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for node in &snapshot.nodes {
            let key = (&*node.type_name, &node.site, node.kind);
            let place = *places.entry(key).or_insert_with(|| {
                groups.push(Group::new(
                    node.type_name.clone(),
                    node.site.clone(),
                    node.kind,
                    &node.path,
                ));
                groups.len() - 1
            });
            let group = &mut groups[place];
            group.count += 1;
            group.unreachable += usize::from(matches!(node.verdict, Verdict::Unreachable { .. }));
            group.trouble += usize::from(node.verdict.is_trouble());
            group.queued += node.backlog();
            group.handled += node.handled;
            group.oldest = group.oldest.max(node.age);
        }
        groups.sort_by(|one, other| {
            (other.count, &one.type_name).cmp(&(one.count, &other.type_name))
        });
        Self {
            taken_at: snapshot.taken_at,
            compared_over: None,
            groups,
        }
    }

    /// The same groups with their changes since an earlier snapshot, the one that has grown most first. Groups that
    /// have vanished are listed with a count of 0.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        let before = earlier.groups.iter().map(|group| (group.key(), group));
        let mut before: HashMap<_, _> = before.collect();
        for group in &mut self.groups {
            let known = before.remove(&group.key()).map_or(0, |known| known.count);
            group.change = Some(difference(group.count, known));
        }
        let gone = before.into_values().filter(|group| group.count > 0);
        self.groups.extend(gone.map(Group::gone));
        self.groups.sort_by(|one, other| {
            let order = (other.change, other.count).cmp(&(one.change, one.count));
            order.then_with(|| one.type_name.cmp(&other.type_name))
        });
        self.compared_over = Some(self.taken_at.saturating_sub(earlier.taken_at));
        self
    }
}

impl Group {
    fn new(type_name: Cow<'static, str>, site: Site, kind: Kind, example: &str) -> Self {
        Self {
            type_name,
            site,
            kind,
            count: 0,
            change: None,
            unreachable: 0,
            trouble: 0,
            queued: 0,
            handled: 0,
            oldest: Duration::ZERO,
            example: example.to_owned(),
        }
    }

    fn key(&self) -> (Cow<'static, str>, Site, Kind) {
        (self.type_name.clone(), self.site.clone(), self.kind)
    }

    fn gone(before: &Self) -> Self {
        let (type_name, site, kind) = before.key();
        Self {
            change: Some(difference(0, before.count)),
            ..Self::new(type_name, site, kind, &before.example)
        }
    }
}

fn difference(now: usize, before: usize) -> i64 {
    let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
    signed(now) - signed(before)
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(over) = self.compared_over {
            writeln!(f, "{:>8} {:>8}  over {}", "count", "change", time(over))?;
        }
        for group in &self.groups {
            writeln!(f, "{group}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8} ", self.count)?;
        if let Some(change) = self.change {
            write!(f, "{change:>+8} ")?;
        }
        write!(f, " {} at {}", self.type_name, self.site)?;
        if self.count > 0 {
            write!(f, ", the oldest {}", time(self.oldest))?;
        }
        if self.unreachable > 0 {
            write!(f, ", {} unreachable", self.unreachable)?;
        }
        if self.trouble > self.unreachable {
            write!(f, ", {} in trouble", self.trouble - self.unreachable)?;
        }
        if self.queued > 0 {
            write!(f, ", {} queued", self.queued)?;
        }
        Ok(())
    }
}
