use std::borrow::Cow;
use std::time::Duration;

use super::text::bounded;
use crate::mailbox::{BOUNDS_MICROS, CountsLook};
use crate::tree::AnyNode;

/// How long the messages of one type of actor have waited and were handled, since their system began. They are counted
/// where [timings](crate::Builder::timings) are on.
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
    /// The name of the type, as [`NodeInfo::type_name`](super::NodeInfo::type_name) has it.
    pub type_name: Cow<'static, str>,
    /// From when a message was taken into a mailbox until it was begun. What comes from timers, streams and watches waits in
    /// none.
    pub in_mailbox: Histogram,
    /// From when a handler was begun until it had ended, however it did.
    pub in_handler: Histogram,
}

/// How many times there were of which length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Histogram {
    /// For each of the [bounds](Histogram::BOUNDS) how many were no longer than that, and longer than the one before; the
    /// last is how many were longer than all of them.
    pub buckets: Vec<u64>,
    /// All of them together.
    #[cfg_attr(feature = "serde", serde(rename = "sum_ns", with = "super::nanos"))]
    pub sum: Duration,
}

impl Histogram {
    /// From a microsecond to a minute.
    pub const BOUNDS: [Duration; BOUNDS_MICROS.len()] = bounds();

    /// How many there were.
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

/// Those of the system that this node is of.
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
