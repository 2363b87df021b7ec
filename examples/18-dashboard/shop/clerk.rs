use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

pub(crate) struct Clerk;

pub(crate) enum ClerkMsg {
    Serve(ReplyTo<()>),
    /// Blocks the thread, which no handler should do.
    Block,
}

impl Actor for Clerk {
    type Msg = ClerkMsg;

    async fn handle(&mut self, msg: ClerkMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            ClerkMsg::Serve(reply) => {
                sleep(Duration::from_millis(5)).await;
                reply.send(());
            }
            ClerkMsg::Block => std::thread::sleep(Duration::from_secs(10)),
        }
        Ok(())
    }

    fn label(msg: &ClerkMsg) -> &'static str {
        match msg {
            ClerkMsg::Serve(_) => "Serve",
            ClerkMsg::Block => "Block",
        }
    }
}
