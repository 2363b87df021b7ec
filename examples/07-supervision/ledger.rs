//! The accounts, in memory. A deposit is in the journal before it is acknowledged.

use std::collections::BTreeMap;
use std::str::FromStr;

use tenure::prelude::*;

use crate::journal::JournalMsg;

/// The recipe of a ledger: the journal from which it reads its accounts.
#[derive(Clone)]
pub(crate) struct OpenLedger(pub(crate) ActorRef<JournalMsg>);

pub(crate) struct Ledger {
    journal: ActorRef<JournalMsg>,
    accounts: BTreeMap<u32, Account>,
}

pub(crate) enum LedgerMsg {
    /// A deposit, as the text that a client sent. The reply is the balance.
    Record(String, ReplyTo<u64>),
    Balances(ReplyTo<BTreeMap<u32, u64>>),
}

impl Start for OpenLedger {
    type Actor = Ledger;

    async fn start(self, _ctx: &mut Context<Ledger>) -> tenure::Result<Ledger> {
        Ok(Ledger {
            accounts: self.0.ask(JournalMsg::Read).await?,
            journal: self.0,
        })
    }
}

impl Actor for Ledger {
    type Msg = LedgerMsg;

    async fn handle(&mut self, msg: LedgerMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            LedgerMsg::Record(text, reply) => {
                // A record that cannot be read fails the ledger. That is a bug, but not the end.
                let deposit: Deposit = text.parse()?;
                let account = self.accounts.entry(deposit.client).or_default();
                // A deposit that was booked before a failure is acknowledged again, and not booked twice.
                if deposit.number > account.last {
                    assert!(deposit.amount < 1_000_000, "nobody has that much");
                    self.journal
                        .ask(|reply| JournalMsg::Append(deposit, reply))
                        .await?;
                    account.book(deposit);
                }
                reply.send(account.balance);
            }
            LedgerMsg::Balances(reply) => {
                let all = self.accounts.iter();
                reply.send(
                    all.map(|(client, account)| (*client, account.balance))
                        .collect(),
                );
            }
        }
        Ok(())
    }

    fn label(msg: &LedgerMsg) -> &'static str {
        match msg {
            LedgerMsg::Record(..) => "Record",
            LedgerMsg::Balances(_) => "Balances",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deposit {
    pub(crate) client: u32,
    /// It grows with each deposit of a client.
    pub(crate) number: u64,
    pub(crate) amount: u64,
}

impl Deposit {
    pub(crate) fn line(self) -> String {
        format!("{} {} {}\n", self.client, self.number, self.amount)
    }
}

impl FromStr for Deposit {
    type Err = tenure::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or("a word is missing");
        Ok(Self {
            client: next()?.parse()?,
            number: next()?.parse()?,
            amount: next()?.parse()?,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Account {
    balance: u64,
    /// The number of the last deposit.
    last: u64,
}

impl Account {
    pub(crate) fn book(&mut self, deposit: Deposit) {
        self.balance += deposit.amount;
        self.last = deposit.number;
    }

    /// The account, written as a single deposit.
    pub(crate) fn line(self, client: u32) -> String {
        let deposit = Deposit {
            client,
            number: self.last,
            amount: self.balance,
        };
        deposit.line()
    }
}
