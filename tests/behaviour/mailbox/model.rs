//! Random operations on a mailbox, checked against a model of it.

use std::collections::VecDeque;
use std::task::Poll;

use super::{Letter, Office, in_scope, poll};
use crate::common::{Check, is_simulated, settled};
use proptest::prelude::*;
use tenure::prelude::*;
use tenure::{Permit, Tell};

/// An operation on a mailbox. Indices are taken modulo the number of what is there.
#[derive(Debug, Clone)]
enum Op {
    TryTell,
    Tell,
    PollTell(usize),
    DropTell(usize),
    Reserve,
    SendPermit(usize),
    DropPermit(usize),
    Handle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::TryTell),
        4 => Just(Op::Tell),
        3 => (0..8usize).prop_map(Op::PollTell),
        2 => (0..8usize).prop_map(Op::DropTell),
        2 => Just(Op::Reserve),
        2 => (0..8usize).prop_map(Op::SendPermit),
        1 => (0..8usize).prop_map(Op::DropPermit),
        4 => Just(Op::Handle),
    ]
}

/// A mailbox as the documentation describes it.
#[derive(Default)]
struct Model {
    capacity: usize,
    /// The accepted messages. The first of them is being handled if `busy`.
    queue: VecDeque<u32>,
    busy: bool,
    permits: usize,
    /// The line of senders: who it is, and whether room is held for them.
    line: Vec<(u32, bool)>,
    handled: Vec<String>,
}

impl Model {
    fn room(&self) -> usize {
        let waiting = self.queue.len() - usize::from(self.busy);
        let granted = self.line.iter().filter(|(_, granted)| *granted).count();
        self.capacity - waiting - self.permits - granted
    }

    fn has_waiting(&self) -> bool {
        self.line.iter().any(|(_, granted)| !granted)
    }

    fn admits(&self) -> bool {
        self.room() > 0 && !self.has_waiting()
    }

    /// Has the actor handle what it can, and gives the room to those in the line.
    fn settle(&mut self) {
        self.busy = !self.queue.is_empty();
        while self.room() > 0 {
            let Some(next) = self.line.iter_mut().find(|(_, granted)| !granted) else {
                break;
            };
            next.1 = true;
        }
    }

    fn leave(&mut self, number: u32) -> bool {
        let index = self.line.iter().position(|(known, _)| *known == number);
        self.line.remove(index.unwrap()).1
    }
}

/// The real mailbox and what was begun with it, beside the model.
struct Run<'a> {
    office: &'a Office,
    model: Model,
    tells: Vec<(u32, Tell<'a, Letter>)>,
    permits: Vec<Permit<'a, Letter>>,
}

impl Run<'_> {
    /// Performs an operation, with the letter of this number. Does nothing if there is nothing to perform it on.
    fn apply(&mut self, number: u32, op: Op) {
        let model = &mut self.model;
        match op {
            Op::TryTell => {
                let told = self.office.clerk.try_tell(self.office.letter(number));
                assert_eq!(told.is_ok(), model.admits());
                model.queue.extend(told.is_ok().then_some(number));
            }
            Op::Tell => self.tell(number),
            Op::PollTell(index) if !self.tells.is_empty() => self.poll_tell(index),
            Op::DropTell(index) if !self.tells.is_empty() => {
                let (number, tell) = self.tells.remove(index % self.tells.len());
                drop(tell);
                model.leave(number);
            }
            Op::Reserve => {
                let reserved = poll(&mut Box::pin(self.office.clerk.reserve()));
                assert_eq!(reserved.is_ready(), model.admits());
                if let Poll::Ready(permit) = reserved {
                    self.permits.push(permit.unwrap());
                    model.permits += 1;
                }
            }
            Op::SendPermit(index) if !self.permits.is_empty() => {
                let permit = self.permits.remove(index % self.permits.len());
                permit.send(self.office.letter(number)).unwrap();
                model.permits -= 1;
                model.queue.push_back(number);
            }
            Op::DropPermit(index) if !self.permits.is_empty() => {
                drop(self.permits.remove(index % self.permits.len()));
                model.permits -= 1;
            }
            Op::Handle if model.busy => {
                self.office.turns.add_permits(1);
                let handled = model.queue.pop_front();
                model.busy = false;
                model.handled.extend(handled.map(|n| n.to_string()));
            }
            _ => {}
        }
    }

    fn tell(&mut self, number: u32) {
        let mut tell = self.office.clerk.tell(self.office.letter(number));
        let told = poll(&mut tell).is_ready();
        assert_eq!(told, self.model.admits());
        if told {
            self.model.queue.push_back(number);
        } else {
            self.model.line.push((number, false));
            self.tells.push((number, tell));
        }
    }

    fn poll_tell(&mut self, index: usize) {
        let index = index % self.tells.len();
        let (number, tell) = &mut self.tells[index];
        let number = *number;
        let granted = self.model.line.contains(&(number, true));
        assert_eq!(poll(tell).is_ready(), granted);
        if granted {
            drop(self.tells.remove(index));
            assert!(self.model.leave(number));
            self.model.queue.push_back(number);
        }
    }
}

async fn run_against_model(capacity: usize, ops: Vec<Op>, scope: &Scope, check: &Check) {
    let office = Office::new(scope, check, Mailbox::bounded(capacity));
    let mut run = Run {
        office: &office,
        model: Model {
            capacity,
            ..Model::default()
        },
        tells: Vec::new(),
        permits: Vec::new(),
    };
    for (number, op) in (0..).zip(ops) {
        run.apply(number, op);
        settled().await;
        let model = &mut run.model;
        model.settle();
        let waiting = model.queue.len() - usize::from(model.busy);
        assert_eq!(office.clerk.node().backlog(), waiting as u64);
        assert_eq!(office.log.entries(), model.handled);
    }
    let Model { handled, queue, .. } = run.model;
    drop((run.tells, run.permits));
    let handled = handled.iter().map(|n| n.parse().unwrap());
    office
        .assert_handled(handled.chain(queue).collect::<Vec<u32>>())
        .await;
}

#[test]
fn mailbox_behaves_as_its_model() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: if is_simulated() { 4 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ops = (1..4usize, proptest::collection::vec(op(), 1..60));
    runner
        .run(&ops, |(capacity, ops)| {
            in_scope(async |scope, check| {
                run_against_model(capacity, ops.clone(), scope, check).await;
            });
            Ok(())
        })
        .unwrap();
}
