//! How long the messages of a system wait and how long they are handled, by type of actor, if it has asked for that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::mailbox::{Times, TimesLook};
use crate::sync::lock;

#[derive(Debug, Default)]
pub(crate) struct TimesByType(Mutex<BTreeMap<&'static str, Arc<Times>>>);

impl TimesByType {
    /// The times of all actors of one type.
    pub(crate) fn of_type(&self, type_name: &'static str) -> Arc<Times> {
        Arc::clone(lock(&self.0).entry(type_name).or_default())
    }

    pub(crate) fn look(&self) -> Vec<(&'static str, TimesLook)> {
        let types = lock(&self.0);
        types
            .iter()
            .map(|(name, times)| (*name, times.look()))
            .collect()
    }
}
