//! A context can be lent to a helper across its awaits, whatever the messages are.

use std::cell::Cell;

use crate::common::paused;
use tenure::prelude::*;
use tokio::task::yield_now;

/// Its messages are `Send`, and not `Sync`.
struct Clerk {
    sum: u32,
}

impl Clerk {
    /// Borrows the context over an await, in a future that is sent between threads.
    async fn file(&mut self, number: u32, ctx: &Context<Self>) -> tenure::Result {
        yield_now().await;
        self.sum += number;
        if self.sum == 6 {
            ctx.stop();
        }
        Ok(())
    }
}

impl Actor for Clerk {
    type Msg = Cell<u32>;

    async fn handle(&mut self, msg: Cell<u32>, ctx: &mut Context<Self>) -> tenure::Result {
        self.file(msg.into_inner(), ctx).await
    }
}

fn is_sync<T: Sync>() {}

#[test]
fn context_is_sync_also_for_a_message_that_is_not() {
    is_sync::<Context<Clerk>>();
}

#[test]
fn helper_that_borrows_the_context_over_an_await_serves_each_message() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let clerk = scope.spawn(Clerk { sum: 0 })?;
            check.node(clerk.node());
            for number in 1..=3 {
                clerk.tell(Cell::new(number)).await?;
            }
            clerk.stopped().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
