use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenure::{Actor, CancellationToken, Context, ReplyTo, Result, TaskSpec};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::feed::Feed;
use super::server::Server;

/// The pause after a look is at least this many times as long as the look took.
const REST: u32 = 19;

/// The actor that serves the page: see [`dashboard`](super).
pub struct Dashboard {
    pub(super) address: Option<SocketAddr>,
    pub(super) feed: Arc<Feed>,
}

/// The messages of a [`Dashboard`].
#[derive(Debug)]
#[non_exhaustive]
pub enum DashboardMsg {
    /// Replies with the address at which it serves; `None` if it is mounted in another server.
    Address(ReplyTo<Option<SocketAddr>>),
}

impl Dashboard {
    /// Starts a thread that looks at the tree, and serves if there is a listener, until the dashboard is told to end.
    ///
    /// The thread has a runtime of its own, so that the page works when the program is stuck: code that blocks a worker
    /// of the program's runtime may hold up the timers and sockets of that runtime.
    pub(super) fn run(
        &self,
        ctx: &Context<Self>,
        interval: Duration,
        server: Option<(std::net::TcpListener, Server)>,
    ) -> Result {
        let feed = Arc::clone(&self.feed);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let job = TaskSpec::blocking(move |token| {
            runtime.block_on(async {
                let serves = async {
                    if let Some((listener, server)) = server {
                        server
                            .run(TcpListener::from_std(listener)?, token.clone())
                            .await;
                    }
                    std::io::Result::Ok(())
                };
                let ((), served) = tokio::join!(look(&feed, interval, &token), serves);
                served
            })
        });
        // Contained, so that a failure of the dashboard does not end the program.
        ctx.task(job.name("thread").contain())?;
        Ok(())
    }
}

async fn look(feed: &Feed, interval: Duration, token: &CancellationToken) {
    loop {
        let began = Instant::now();
        let goes_on = feed.look();
        let rest = interval.max(began.elapsed() * REST);
        let next = async {
            match goes_on {
                true => sleep(rest).await,
                // The tree has ended, so there are no more looks.
                false => std::future::pending().await,
            }
        };
        if token.run_until_cancelled(next).await.is_none() {
            break;
        }
    }
    // At once, so that the connections can end.
    feed.close();
}

impl Actor for Dashboard {
    type Msg = DashboardMsg;

    async fn handle(&mut self, msg: DashboardMsg, _ctx: &mut Context<Self>) -> Result {
        match msg {
            DashboardMsg::Address(reply) => reply.send(self.address),
        }
        Ok(())
    }

    fn label(msg: &DashboardMsg) -> &'static str {
        match msg {
            DashboardMsg::Address(_) => "Address",
        }
    }
}

/// Closes the feed also if the actor is killed.
impl Drop for Dashboard {
    fn drop(&mut self) {
        self.feed.close();
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
