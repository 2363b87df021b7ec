//! A scope whose future is held by another thread than that of the node that opened it, in every order of steps that a
//! few threads can take (loom). All but the body is the crate's own code. Run as the `mailbox.rs` beside this.
//!
//! A wake that is lost on its way up from beneath the scope shows as a deadlock.

use std::future::pending;
use std::panic::Location;
use std::sync::Arc;

use loom::future::block_on;
use loom::thread;
use tokio::runtime::Runtime;

use super::super::root::Root;
use super::drive;
use crate::error::{Kind, Phase, Result, RunError};
use crate::tree::explore::{child, explore, finish, root, run, start, wait};
use crate::tree::{AnyNode, Exit, Order, Settings, end_by_itself, register_scope, request};

/// A node, a scope that it has opened, and a child in the scope.
struct House {
    owner: Arc<dyn AnyNode>,
    scope: Arc<dyn AnyNode>,
    child: Arc<dyn AnyNode>,
    /// What the future of the scope holds.
    exit: Exit,
}

impl House {
    fn new(runtime: &Runtime, kind: Kind) -> Self {
        let owner = root(runtime, Settings::default());
        let scope = open(&owner);
        let child = child(&scope, kind);
        let exit = Exit::of_scope(Arc::clone(&scope));
        Self {
            owner,
            scope,
            child,
            exit,
        }
    }
}

fn open(owner: &Arc<dyn AnyNode>) -> Arc<dyn AnyNode> {
    let site = Location::caller();
    register_scope(owner, |place| Root::scope(place, site, "body")).unwrap()
}

fn body() -> impl Future<Output = Result> {
    pending()
}

/// If the future is in the state of the node, what is beneath the scope is told and joined before the state is dropped.
#[test]
fn an_owner_joins_what_is_beneath_a_scope_in_its_state() {
    for kind in [Kind::Task, Kind::Actor] {
        explore(2, move |runtime| {
            let House {
                owner,
                scope,
                child,
                exit,
            } = House::new(runtime, kind);
            let shell = start(&child);
            let mut own = Exit::new(Arc::clone(&owner));
            end_by_itself(&owner);
            block_on(own.stop_children());
            assert_eq!(child.phase(), Phase::Stopped);
            drop(exit);
            assert_eq!(scope.phase(), Phase::Stopped);
            block_on(finish(own));
            shell.join().unwrap();
        });
    }
}

/// Another thread has the future, and drops it at any moment of the owner's end.
#[test]
fn an_owner_ends_whenever_the_future_of_its_scope_is_dropped() {
    explore(1, |runtime| {
        let House {
            owner,
            scope,
            child,
            exit,
        } = House::new(runtime, Kind::Task);
        let keeper = thread::spawn(move || drop(drive(exit, body())));
        let shells = [start(&owner), start(&child)];
        request(&owner, Order::Stop);
        wait(&owner);
        for node in [scope, child] {
            assert_eq!(node.phase(), Phase::Stopped);
        }
        for thread in shells {
            thread.join().unwrap();
        }
        keeper.join().unwrap();
    });
}

/// Another thread polls the future to its end, so that both the owner's shell and the scope's own deal with the scope.
/// It has nothing beneath it: with a child there would be too many orders.
#[test]
fn an_owner_ends_whoever_polls_its_scope() {
    explore(1, |runtime| {
        let owner = root(runtime, Settings::default());
        let scope = open(&owner);
        let exit = Exit::of_scope(Arc::clone(&scope));
        let keeper = thread::spawn(move || {
            let ended = block_on(drive(exit, body()));
            assert!(matches!(ended, Err(RunError::Stopped)), "{ended:?}");
        });
        request(&owner, Order::Stop);
        run(Arc::clone(&owner));
        for node in [owner, scope] {
            assert_eq!(node.phase(), Phase::Stopped);
        }
        keeper.join().unwrap();
    });
}

/// The scope is told to end, and nobody polls it. The shell of its owner, which goes on itself, tells and joins what is
/// beneath it.
#[test]
fn a_scope_that_nobody_polls_is_attended_to() {
    explore(1, |runtime| {
        let House {
            owner,
            scope,
            child,
            exit,
        } = House::new(runtime, Kind::Actor);
        let shells = [start(&owner), start(&child)];
        request(&scope, Order::Stop);
        wait(&child);
        drop(exit);
        wait(&scope);
        request(&owner, Order::Stop);
        wait(&owner);
        for thread in shells {
            thread.join().unwrap();
        }
    });
}
