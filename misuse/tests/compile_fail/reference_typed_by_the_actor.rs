//! A reference is typed by the message of its actor.

use tenure::prelude::*;

struct Counter;

struct Add(u32);

impl Actor for Counter {
    type Msg = Add;

    async fn handle(&mut self, _: Add, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn start(scope: &Scope) -> ActorRef<Counter> {
    scope.spawn(Counter).unwrap()
}

fn start_well(scope: &Scope) -> RefTo<Counter> {
    scope.spawn(Counter).unwrap()
}

fn main() {}
