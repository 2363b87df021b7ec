//! The journal, the ledger, and the actor that owns both.

use std::path::PathBuf;
use std::time::Duration;

use tenure::prelude::*;
use tenure::{Backoff, Restart};

use crate::journal::OpenJournal;
use crate::ledger::{LedgerMsg, OpenLedger};

/// The recipe of the books, and their state.
#[derive(Clone)]
pub(crate) struct Books {
    file: PathBuf,
    ledger: Option<ActorRef<LedgerMsg>>,
}

pub(crate) enum BooksMsg {
    /// The ledger of this incarnation. After a restart of the books it is another one.
    Ledger(ReplyTo<ActorRef<LedgerMsg>>),
}

impl Books {
    pub(crate) fn new() -> tenure::Result<Self> {
        let file = std::env::temp_dir().join(format!("tenure-journal-{}", std::process::id()));
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(Self { file, ledger: None }),
        }
    }
}

impl Actor for Books {
    type Msg = BooksMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        // Clients may crash the ledger often. A disk should not fail as often.
        let brief = Backoff::exponential(Duration::from_millis(1), Duration::from_millis(20));
        let journal = ctx.spawn(
            ChildSpec::new(OpenJournal(self.file.clone()))
                .name("journal")
                .restart(Restart::OnFailure)
                .intensity(4, Duration::from_secs(1))
                .backoff(brief),
        )?;
        let ledger = ctx.spawn(
            ChildSpec::new(OpenLedger(journal))
                .name("ledger")
                .restart(Restart::OnFailure)
                .intensity(10_000, Duration::from_secs(1))
                .backoff(brief),
        )?;
        self.ledger = Some(ledger);
        Ok(())
    }

    async fn handle(&mut self, msg: BooksMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            BooksMsg::Ledger(reply) => reply.send(self.ledger.clone().ok_or("not open")?),
        }
        Ok(())
    }
}
