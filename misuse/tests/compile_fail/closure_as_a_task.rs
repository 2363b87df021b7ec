//! A closure that takes a token is started by a method that gives one.

use tenure::CancellationToken;
use tenure::prelude::*;

fn start(scope: &Scope) {
    scope
        .task(|token: CancellationToken| async move { token.cancelled().await })
        .unwrap();
}

fn main() {}
