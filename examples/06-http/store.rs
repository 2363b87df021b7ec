//! The notes, held by one actor: there is no lock, and no request sees half of a change.

use std::collections::BTreeMap;
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

#[derive(Default)]
pub(crate) struct Store {
    notes: BTreeMap<String, String>,
}

pub(crate) enum StoreMsg {
    Put(String, String, ReplyTo<()>),
    Get(String, ReplyTo<Option<String>>),
    /// Slow on purpose: it takes five seconds, and one more for each note.
    Report(ReplyTo<String>),
}

impl Actor for Store {
    type Msg = StoreMsg;

    async fn handle(&mut self, msg: StoreMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            StoreMsg::Put(name, text, reply) => {
                self.notes.insert(name, text);
                reply.send(());
            }
            StoreMsg::Get(name, reply) => reply.send(self.notes.get(&name).cloned()),
            StoreMsg::Report(reply) => {
                let notes = self.notes.clone();
                // A task of the store replies later. Other requests are handled meanwhile.
                ctx.task(async move {
                    let gone = reply.gone();
                    tokio::select! {
                        text = report(notes) => reply.send(text),
                        () = gone => tracing::info!("the client has gone: its report is given up"),
                    }
                })?;
            }
        }
        Ok(())
    }

    fn label(msg: &StoreMsg) -> &'static str {
        match msg {
            StoreMsg::Put(..) => "Put",
            StoreMsg::Get(..) => "Get",
            StoreMsg::Report(..) => "Report",
        }
    }
}

async fn report(notes: BTreeMap<String, String>) -> String {
    sleep(Duration::from_secs(5)).await;
    let mut text = format!("{} notes\n", notes.len());
    for (name, note) in notes {
        sleep(Duration::from_secs(1)).await;
        text += &format!("{name}: {} bytes\n", note.len());
    }
    text
}
