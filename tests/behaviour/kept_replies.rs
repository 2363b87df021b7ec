//! A reply that a handler keeps for later.

use crate::common;

use std::time::Duration;

use common::node::{self, Node, hold};
use common::{Log, paused, settled};
use tenure::System;
use tenure::prelude::*;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Keeps the reply, and asks another actor in its last hook.
struct Keeps {
    reply: Option<ReplyTo<()>>,
    other: ActorRef<node::Msg>,
    log: Log,
}

impl Actor for Keeps {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        self.reply = Some(reply);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        let asked = self.other.ask(node::Msg::Ping).await;
        self.log.push(format!("{asked:?}"));
        drop(self.reply.take());
        Ok(())
    }
}

/// The handler has ended, so the deadline of its caller does not apply to what comes after it.
#[test]
fn deadline_of_a_reply_that_is_kept_is_not_that_of_a_hook() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let other = system.spawn(Node::new(&check, &Log::default())).unwrap();
        let keeps = system
            .spawn(Keeps {
                reply: None,
                other: other.clone(),
                log: log.clone(),
            })
            .unwrap();
        let gate = hold(&other).await;
        let asks = keeps.ask(|reply| reply).timeout(SECOND);
        let stops = async {
            settled().await; // it keeps the reply
            let stopping = keeps.stop();
            sleep(2 * SECOND).await;
            gate.open();
            stopping.await
        };
        let (asked, stopped) = tokio::join!(asks, stops);
        assert!(matches!(asked, Err(AskError::TimedOut { .. })), "{asked:?}");
        assert!(stopped.is_ok(), "{stopped:?}");
        assert_eq!(log.entries(), ["Ok(())"]);
        system.stop().await.unwrap();
    });
}
