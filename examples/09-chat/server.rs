//! The listener, and the owner of all sessions.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use tenure::prelude::*;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::room::RoomMsg;
use crate::session::session;

/// How long to wait if no connection can be accepted, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// The recipe of the server.
pub(crate) struct Listen {
    pub(crate) port: u16,
}

pub(crate) struct Server;

impl Start for Listen {
    type Actor = Server;

    async fn start(self, ctx: &mut Context<Server>) -> tenure::Result<Server> {
        let room = ctx.lookup::<RoomMsg>("room")?;
        // If the port is in use, the start fails, and with it the chat.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("listening on {}", listener.local_addr()?);
        let sessions = ctx.spawner();
        ctx.task_with(|token| async move {
            while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
                match accepted {
                    Ok((stream, _)) => drop(sessions.spawn(session(stream, room.clone()))?),
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be accepted");
                        sleep(PAUSE).await;
                    }
                }
            }
            tenure::Ok(())
        })?;
        Ok(Server)
    }
}

impl Actor for Server {
    type Msg = Infallible;

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}
