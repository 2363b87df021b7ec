//! A bounded mailbox, and what happens with each way of sending when it is full.
//!
//! The printer takes its time, and its mailbox has room for two. A `tell` waits for room, so a slow consumer slows down
//! its producers. A `try_tell` gives the message back at once, and a `tell` with a timeout a little later. A message
//! that is refused is never lost.

use std::time::Duration;

use tenure::prelude::*;
use tokio::time::{Instant, sleep};

struct Printer;

struct Page(u32);

impl Actor for Printer {
    type Msg = Page;

    async fn handle(&mut self, Page(number): Page, _ctx: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_millis(30)).await;
        println!("printed page {number}");
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let printer = scope.spawn(ChildSpec::new(Printer).mailbox(Mailbox::bounded(2)))?;

        let start = Instant::now();
        for number in 1..=6 {
            printer.tell(Page(number)).await?;
        }
        let waited = start.elapsed();
        println!("sending six pages took {waited:.0?}: the printer set the pace");

        let refused = printer.try_tell(Page(7)).expect_err("the mailbox is full");
        println!("try_tell: {refused}");
        let Page(number) = refused.into_inner();

        let late = printer
            .tell(Page(number))
            .timeout(Duration::from_millis(1))
            .await;
        println!(
            "tell with a timeout: {}",
            late.expect_err("there was no room in time")
        );

        // First the room, and then the message: useful if the message is costly to make.
        let permit = printer.reserve().await?;
        permit.send(Page(8))?;
        Ok(())
    })
    .await?;
    println!("the scope has drained: all that was accepted is printed");
    Ok(())
}
