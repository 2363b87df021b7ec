//! A file of lines, one for each deposit.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use tenure::prelude::*;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::ledger::{Account, Deposit};

/// The disk fails once in this many appends, in the middle of a line.
const DISK_FAILS: u64 = 701;

/// The recipe of a journal: where its file is.
#[derive(Clone)]
pub(crate) struct OpenJournal(pub(crate) PathBuf);

pub(crate) struct Journal {
    file: File,
    accounts: BTreeMap<u32, Account>,
    appended: u64,
}

pub(crate) enum JournalMsg {
    Append(Deposit, ReplyTo<()>),
    /// The accounts that the lines add up to.
    Read(ReplyTo<BTreeMap<u32, Account>>),
}

impl Start for OpenJournal {
    type Actor = Journal;

    /// Reads the file, and replaces it by one with a line for each account.
    async fn start(self, _ctx: &mut Context<Journal>) -> tenure::Result<Journal> {
        let text = match fs::read_to_string(&self.0).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let mut accounts: BTreeMap<u32, Account> = BTreeMap::new();
        // A line without an end was torn by a failure. It was never acknowledged.
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let deposit: Deposit = line.trim_end().parse()?;
            accounts.entry(deposit.client).or_default().book(deposit);
        }
        let fresh = self.0.with_extension("new");
        let lines = accounts
            .iter()
            .map(|(client, account)| account.line(*client));
        fs::write(&fresh, lines.collect::<String>()).await?;
        fs::rename(&fresh, &self.0).await?;
        Ok(Journal {
            file: OpenOptions::new().append(true).open(&self.0).await?,
            accounts,
            appended: 0,
        })
    }
}

impl Actor for Journal {
    type Msg = JournalMsg;

    async fn handle(&mut self, msg: JournalMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            JournalMsg::Append(deposit, reply) => {
                let line = deposit.line();
                self.appended += 1;
                if self.appended.is_multiple_of(DISK_FAILS) {
                    self.write(&line.as_bytes()[..line.len() / 2]).await?;
                    return Err("the disk has failed".into());
                }
                self.write(line.as_bytes()).await?;
                self.accounts
                    .entry(deposit.client)
                    .or_default()
                    .book(deposit);
                reply.send(());
            }
            JournalMsg::Read(reply) => reply.send(self.accounts.clone()),
        }
        Ok(())
    }

    fn label(msg: &JournalMsg) -> &'static str {
        match msg {
            JournalMsg::Append(..) => "Append",
            JournalMsg::Read(_) => "Read",
        }
    }
}

impl Journal {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.file.flush().await
    }
}
