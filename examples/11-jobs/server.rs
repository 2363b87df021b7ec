//! The listener and its connections, each of which is a task of the actor.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use tenure::prelude::*;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::http::serve;
use crate::jobs::JobsMsg;

/// The grace of a connection. It is longer than finding and sending an answer may take, so no client can make a
/// shutdown fail.
pub(crate) const GRACE: Duration = Duration::from_secs(8);
/// How long to wait if no connection can be accepted, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Server {
    pub(crate) port: u16,
}

impl Actor for Server {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let jobs = ctx.lookup::<JobsMsg>("jobs")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let connections = ctx.spawner();
        ctx.task_with(|token| async move {
            while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
                let jobs = jobs.clone();
                match accepted {
                    Ok((stream, _)) => {
                        let serve = TaskSpec::with_token(|token| serve(stream, jobs, token));
                        connections.task(serve.grace(GRACE).contain())?;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be accepted");
                        sleep(PAUSE).await;
                    }
                }
            }
            tenure::Ok(())
        })?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}
