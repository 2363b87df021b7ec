use std::borrow::Cow;
use std::time::Duration;

use super::text::bounded;
use crate::mailbox::{BOUNDS_MICROS, CountsLook};
use crate::tree::AnyNode;

/// How long the messages of one type of actor have waited and how long they were handled, since their system began.
/// Counted only if [timings](crate::Builder::timings) are on.
///
/// ```
/// # use tenure::prelude::*;
/// # struct Clerk;
/// # impl Actor for Clerk {
/// #     type Msg = ReplyTo<()>;
/// #     async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
/// #         reply.send(());
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::builder().timings().start()?;
/// let clerk = system.spawn(Clerk)?;
/// clerk.ask(|reply| reply).await?;
/// let snapshot = system.snapshot();
/// assert!(snapshot.times[0].type_name.ends_with("Clerk"));
/// assert_eq!(snapshot.times[0].in_mailbox.count(), 1);
/// # system.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TypeTimes {
    /// The type name, as in [`NodeInfo::type_name`](super::NodeInfo::type_name).
    pub type_name: Cow<'static, str>,
    /// From the acceptance of a message by the mailbox to the begin of its handler. Messages of timers, streams and
    /// watches do not wait in a mailbox.
    pub in_mailbox: Histogram,
    /// From the begin of a handler to its end, in whatever way it ended.
    pub in_handler: Histogram,
}

/// How many times fell into which range.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Histogram {
    /// For each of the [bounds](Histogram::BOUNDS), how many times were at most that long and longer than the bound
    /// before. The last bucket counts the times beyond all bounds.
    pub buckets: Vec<u64>,
    /// The sum of all times.
    #[cfg_attr(feature = "serde", serde(rename = "sum_ns", with = "super::nanos"))]
    pub sum: Duration,
}

impl Histogram {
    /// From a microsecond to a minute.
    pub const BOUNDS: [Duration; BOUNDS_MICROS.len()] = bounds();

    /// How many times there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

const fn bounds() -> [Duration; BOUNDS_MICROS.len()] {
    let mut bounds = [Duration::ZERO; BOUNDS_MICROS.len()];
    let mut place = 0;
    while place < bounds.len() {
        bounds[place] = Duration::from_micros(BOUNDS_MICROS[place]);
        place += 1;
    }
    bounds
}

/// The times of the system to which this node belongs.
pub(super) fn times(root: &dyn AnyNode) -> Vec<TypeTimes> {
    let times = root.shared.times.iter().flat_map(|times| times.look());
    let times = times.map(|(type_name, look)| TypeTimes {
        type_name: bounded(type_name),
        in_mailbox: look.in_mailbox.into(),
        in_handler: look.in_handler.into(),
    });
    times.collect()
}

impl From<CountsLook> for Histogram {
    fn from(look: CountsLook) -> Self {
        Self {
            buckets: look.buckets.into(),
            sum: look.sum,
        }
    }
}
