//! A service that lives through its own bugs.
//!
//! A bank keeps its books in a ledger, and the ledger in a journal on disk. Clients send deposits, and
//! now and then a record that the ledger cannot read, or one that makes it panic; the disk fails, too,
//! in the middle of a line. Nothing of that ends the service:
//!
//! - The ledger is restarted with its state from the journal; what is queued waits for it.
//! - A failed journal takes the ledger with it (`Strategy::RestForOne`), for that has its address.
//! - When they fail too often, so do the books above them, which are restarted as a whole.
//! - Each ask resolves. A client that is told of a failure asks again with the same number, and the
//!   ledger counts nothing twice.
//!
//! At the end the books are audited: what was acknowledged is there, to the penny.
//!
//! `cargo run --release --example 07-supervision -- 600` goes on for ten minutes.

mod books;
mod client;
mod journal;
mod ledger;
mod memory;

use std::time::Duration;

use books::{Books, BooksMsg};
use client::Tally;
use memory::Memory;
use tenure::Strategy;
use tenure::prelude::*;

/// Watches over the books and the clients, and audits them.
struct Bank {
    clients: u32,
    time: Duration,
    books: Option<ActorRef<BooksMsg>>,
    memory: Memory,
}

enum BankMsg {
    Look,
    Done(tenure::Result<Tally>),
}

impl Actor for Bank {
    type Msg = BankMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let books = ctx.spawn(
            ChildSpec::new(Books::new()?)
                .name("books")
                .strategy(Strategy::RestForOne)
                .restart(Restart::OnFailure)
                .intensity(1_000, Duration::from_secs(60)),
        )?;
        ctx.send_every(self.time / 20, || BankMsg::Look);
        let (me, clients, time) = (ctx.me(), self.clients, self.time);
        self.books = Some(books.clone());
        ctx.task_with(move |token| async move {
            let tally = client::run(clients, time, &books, token).await;
            me.tell(BankMsg::Done(tally)).await
        })?;
        Ok(())
    }

    async fn handle(&mut self, msg: BankMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            BankMsg::Look => self.memory.look(),
            BankMsg::Done(tally) => {
                self.audit(&tally?).await?;
                self.memory.verdict()?;
                ctx.stop();
            }
        }
        Ok(())
    }

    fn label(msg: &BankMsg) -> &'static str {
        match msg {
            BankMsg::Look => "Look",
            BankMsg::Done(_) => "Done",
        }
    }
}

impl Bank {
    /// Compares what the clients were told with what is in the books.
    async fn audit(&self, tally: &Tally) -> tenure::Result {
        println!("{tally}");
        let Some(books) = &self.books else {
            return Err("there are no books".into());
        };
        let balances = client::balances(books).await?;
        for (client, acknowledged) in &tally.acknowledged {
            let booked = balances.get(client).copied().unwrap_or_default();
            if booked != *acknowledged {
                let text = format!("client {client}: told {acknowledged}, booked {booked}");
                return Err(text.into());
            }
        }
        if tally.lost > 0 {
            return Err(format!("{} asks were never answered", tally.lost).into());
        }
        println!(
            "the books are right: {} clients, no reply lost",
            balances.len()
        );
        Ok(())
    }
}

fn main() -> Result<(), RunError> {
    tracing_subscriber::fmt()
        .with_target(false)
        .with_max_level(tracing::Level::ERROR)
        .init();
    // The panics are a part of the show. Without this, each would print a backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let bank = Bank {
        clients: 32,
        time: Duration::from_secs(seconds.unwrap_or(5)),
        books: None,
        memory: Memory::default(),
    };
    System::builder().name("bank").on_signals().block_on(bank)
}
