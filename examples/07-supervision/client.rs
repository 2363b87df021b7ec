//! Clients that ask again until they have an answer, and count what became of each ask.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::books::BooksMsg;
use crate::ledger::LedgerMsg;

/// An ask that takes longer than this counts as lost.
const LOST: Duration = Duration::from_secs(20);

/// What the clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// For each client, the balance that it was told.
    pub(crate) acknowledged: BTreeMap<u32, u64>,
    pub(crate) deposits: u64,
    /// Bad records that were sent, each of which crashed the ledger.
    pub(crate) crashes: u64,
    /// Asks that were repeated because of a failure that others had caused.
    pub(crate) retries: u64,
    /// How often a client had to look for the ledger of reopened books.
    pub(crate) moves: u64,
    pub(crate) lost: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} deposits, {} crashes, {} retries, {} moves, {} lost",
            self.deposits, self.crashes, self.retries, self.moves, self.lost
        )
    }
}

/// Runs this many clients for this long, or until the token fires.
pub(crate) async fn run(
    clients: u32,
    time: Duration,
    books: &ActorRef<BooksMsg>,
    token: CancellationToken,
) -> tenure::Result<Tally> {
    let until = Instant::now() + time;
    let total = tenure::scope(async |scope| {
        let mut tasks = Vec::new();
        for id in 1..=clients {
            let client = Client::new(id, books.clone(), token.clone());
            tasks.push(scope.task(client.run(until))?);
        }
        let mut total = Tally::default();
        for task in tasks {
            total.add(task.await?);
        }
        Ok(total)
    });
    Ok(total.await?)
}

/// The balances in the books.
pub(crate) async fn balances(books: &ActorRef<BooksMsg>) -> tenure::Result<BTreeMap<u32, u64>> {
    let ledger = books.ask(BooksMsg::Ledger).await?;
    Ok(ledger.ask(LedgerMsg::Balances).await?)
}

struct Client {
    id: u32,
    books: ActorRef<BooksMsg>,
    token: CancellationToken,
    tally: Tally,
    random: u64,
}

impl Client {
    fn new(id: u32, books: ActorRef<BooksMsg>, token: CancellationToken) -> Self {
        Self {
            id,
            books,
            token,
            tally: Tally::default(),
            random: 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(u64::from(id)),
        }
    }

    async fn run(mut self, until: Instant) -> tenure::Result<Tally> {
        let mut ledger = self.books.ask(BooksMsg::Ledger).await?;
        let mut number = 0;
        while Instant::now() < until && !self.token.is_cancelled() {
            match self.random(400) {
                0 => self.crash(&ledger, "what is this?".into()).await,
                1 => {
                    let absurd = format!("{} {} {}", self.id, u64::MAX, u64::MAX);
                    self.crash(&ledger, absurd).await;
                }
                _ => {
                    number += 1;
                    let amount = self.random(100);
                    let record = format!("{} {number} {amount}", self.id);
                    self.deposit(&mut ledger, &record).await?;
                }
            }
            sleep(Duration::from_millis(self.random(5))).await;
        }
        Ok(self.tally)
    }

    /// Asks until there is an answer.
    async fn deposit(
        &mut self,
        ledger: &mut ActorRef<LedgerMsg>,
        record: &str,
    ) -> tenure::Result<()> {
        loop {
            let asked = ledger.ask(|reply| LedgerMsg::Record(record.into(), reply));
            match asked.timeout(LOST).await {
                Ok(balance) => {
                    self.tally.deposits += 1;
                    self.tally.acknowledged.insert(self.id, balance);
                    return Ok(());
                }
                Err(AskError::TimedOut { .. }) => self.tally.lost += 1,
                Err(AskError::Stopped | AskError::Killed) => {
                    // The books were closed together with this ledger, and another one is open by now.
                    *ledger = self.books.ask(BooksMsg::Ledger).await?;
                    self.tally.moves += 1;
                }
                Err(_) => self.tally.retries += 1,
            }
        }
    }

    /// Sends a record that crashes the ledger.
    async fn crash(&mut self, ledger: &ActorRef<LedgerMsg>, record: String) {
        let asked = ledger.ask(|reply| LedgerMsg::Record(record, reply));
        match asked.timeout(LOST).await {
            Err(AskError::TimedOut { .. }) => self.tally.lost += 1,
            _ => self.tally.crashes += 1,
        }
    }

    /// A number below `limit`, by Marsaglia's xorshift.
    fn random(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }
}

impl Tally {
    fn add(&mut self, mut other: Self) {
        self.acknowledged.append(&mut other.acknowledged);
        self.deposits += other.deposits;
        self.crashes += other.crashes;
        self.retries += other.retries;
        self.moves += other.moves;
        self.lost += other.lost;
    }
}
