//! Seeing what is alive, who owns it, and why it does not end: [`NodeRef::snapshot`](crate::NodeRef::snapshot).
//!
//! A [`Snapshot`] is data, from which everything that shows what is alive is made.
//! [`NodeRef::ends`](crate::NodeRef::ends) reports what has ended, and why.

mod cycles;
mod dump;
mod ended;
mod ends;
mod facts;
#[cfg(feature = "serde")]
mod forms;
mod groups;
mod info;
mod judge;
mod options;
mod places;
mod snapshot;
mod take;
mod text;
mod times;
mod verdict;
mod watchdog;

pub use ended::{CauseInfo, EndKind, Ended};
pub use ends::Ends;
pub use facts::{
    AskedBy, Fate, GateInfo, GraceInfo, MailboxInfo, OrderInfo, OrderKind, RestartsInfo, Site,
    SourcesInfo, Target, WaitInfo, WaitKind,
};
#[cfg(feature = "serde")]
use forms::{millis, nanos, verdict_form};
pub use groups::{Group, Groups};
pub use options::SnapshotOptions;
pub(crate) use snapshot::is_task;
pub use snapshot::{LeftOut, NodeInfo, Snapshot, TypeTally};
#[cfg(feature = "simulation")]
pub(crate) use text::bounded;
pub use times::{Histogram, TypeTimes};
pub use verdict::Verdict;
pub use watchdog::{Alarm, AlarmKind, Watchdog};
