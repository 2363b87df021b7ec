//! A task gives nothing, a result, or nothing ever.

use tenure::prelude::*;

fn start(scope: &Scope) {
    scope.blocking(|_| 7).unwrap();
    scope.task(async { "done" }).unwrap();
    scope.task_with(|_| async { Some(7) }).unwrap();
    scope.task(TaskSpec::new(async { 7_u8 })).unwrap();
}

fn main() {}
