//! The roots of trees: scopes, which a piece of code opens and waits for, and systems, which live as long as a program.

mod builder;
mod companion;
mod handle;
mod open_scope;
mod root;
mod roots;
mod run;
mod scope;
mod signals;

pub use builder::Builder;
pub(crate) use companion::Control;
pub use handle::System;
pub use open_scope::OpenScope;
pub(crate) use roots::{RootWatch, note as note_root};
pub use scope::{Scope, scope, scope_send};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::mailbox::Mailbox;
use crate::sync::explored;
use crate::tree::{EndLog, Letters, OverrunLog, Shared, Sightings, Stalls};

/// The default settings of a tree.
pub(crate) fn system_defaults(handle: Handle) -> Shared {
    Shared {
        prefix: Box::default(),
        handle,
        grace: Duration::from_secs(5),
        patience: Duration::from_secs(2),
        mailbox: Mailbox::default(),
        letters: Letters::default(),
        ends: EndLog::default(),
        ask_timeout: None,
        stalls: Arc::new(Stalls::default()),
        group_restarts: AtomicUsize::new(0),
        restarting: explored::AtomicUsize::new(0),
        overruns: OverrunLog::default(),
        restarts: AtomicU64::new(0),
        sightings: Sightings::default(),
        times: None,
        spans: false,
    }
}
