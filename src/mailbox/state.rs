use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::task::Waker;

use super::Mailbox;
use super::admission::Admission;
use super::attention::Attention;
use super::gate::Gate;
use crate::sync::Foreign;

/// The part of a mailbox under its lock. The invariants are those of the [`Queue`](super::Queue).
///
/// The order of the fields is a part of the layout of the actor's cell.
#[repr(C)]
pub(super) struct State<M> {
    admission: Admission,
    pub(super) messages: VecDeque<Foreign<M>>,
}

impl<M> State<M> {
    pub(super) fn new(mailbox: Mailbox, gate: Gate) -> Self {
        Self {
            admission: Admission::new(mailbox, gate),
            messages: VecDeque::new(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, message: M, attention: &Attention) -> (u64, Option<Waker>) {
        let number = self.pushed;
        self.messages.push_back(Foreign::new(message));
        self.pushed += 1;
        (number, self.end_sleep(attention))
    }
}

impl<M> Deref for State<M> {
    type Target = Admission;

    #[inline]
    fn deref(&self) -> &Admission {
        &self.admission
    }
}

impl<M> DerefMut for State<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Admission {
        &mut self.admission
    }
}
