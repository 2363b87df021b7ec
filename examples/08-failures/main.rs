//! What failures print: what is alive, what held up a stop, and why a tree has failed.
//!
//! `output.txt` is what it prints. The README shows it.

use std::future::pending;
use std::io;
use std::time::Duration;

use tenure::prelude::*;

/// Takes payments, one at a time. Its bank does not answer.
struct Till;

enum TillMsg {
    Pay(u32),
}

impl Actor for Till {
    type Msg = TillMsg;

    async fn handle(&mut self, msg: TillMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            TillMsg::Pay(cents) => ask_the_bank(cents).await,
        }
    }

    fn label(msg: &TillMsg) -> &'static str {
        match msg {
            TillMsg::Pay(_) => "Pay",
        }
    }
}

async fn ask_the_bank(_cents: u32) -> tenure::Result {
    pending().await
}

/// Writes down what was sold, on a disk that is full.
struct Ledger;

struct Sold(&'static str);

impl Actor for Ledger {
    type Msg = Sold;

    async fn handle(&mut self, Sold(what): Sold, _ctx: &mut Context<Self>) -> tenure::Result {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        Err(format!("{what}: {full}").into())
    }
}

/// Owns the ledger, and the printer of its receipts.
struct Office;

impl Actor for Office {
    type Msg = Sold;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let ledger = ctx.spawn(ChildSpec::new(Ledger).name("ledger"))?;
        ctx.spawn(ChildSpec::new(Printer).name("printer"))?;
        ledger.tell(Sold("one cup of tea")).await?;
        Ok(())
    }

    async fn handle(&mut self, _: Sold, _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Is stopped because the ledger has failed, and panics then.
struct Printer;

impl Actor for Printer {
    type Msg = Sold;

    async fn handle(&mut self, _: Sold, _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        panic!("out of paper")
    }
}

/// A stop that has to kill what hangs.
async fn stop_what_hangs() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let till = ChildSpec::new(Till)
            .name("till")
            .grace(Duration::from_millis(100));
        let till = scope.start(till).await?;
        for cents in [250, 400, 180] {
            till.tell(TillMsg::Pay(cents)).await?;
        }
        // Waits until the first payment is being handled.
        while till.node().backlog() > 2 {
            tokio::task::yield_now().await;
        }
        println!("alive:\n{}", scope.node().snapshot());
        if let Err(error) = till.stop().await {
            println!("stopped: {error}\n");
        }
        Ok(())
    })
    .await
}

/// A failure that goes up to the root.
async fn fail_from_beneath() -> Result<(), RunError> {
    System::builder()
        .name("shop")
        .run(ChildSpec::new(Office).name("office"))
        .await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), RunError> {
    // The panic is a part of the show. Without this, it would print a backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    stop_what_hangs().await?;
    if let Err(error) = fail_from_beneath().await {
        println!("failed: {error:?}");
    }
    Ok(())
}
