use std::time::Duration;

use tenure::prelude::*;

/// Asks another one, which asks back. That is a cycle, but it is not refused, because each ask has a limit.
pub(crate) struct Quarrel {
    other: &'static str,
    begins: bool,
}

pub(crate) enum QuarrelMsg {
    Begin,
    Reason(ReplyTo<()>),
}

/// Shorter than the grace: a drain does not interrupt a handler, and has to be over in time.
const LIMIT: Duration = Duration::from_secs(2);

impl Quarrel {
    pub(crate) const fn with(other: &'static str, begins: bool) -> Self {
        Self { other, begins }
    }
}

impl Actor for Quarrel {
    type Msg = QuarrelMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.begins {
            ctx.send_every(Duration::from_secs(1), || QuarrelMsg::Begin);
        }
        Ok(())
    }

    async fn handle(&mut self, msg: QuarrelMsg, ctx: &mut Context<Self>) -> tenure::Result {
        if ctx.is_ending() {
            return Ok(());
        }
        let other = ctx.lookup::<QuarrelMsg>(self.other)?;
        let asked = other.ask(QuarrelMsg::Reason).timeout(LIMIT);
        tokio::select! {
            asked = asked => if let Err(error) = asked {
                tracing::info!(%error, "nobody gave in");
            },
            () = ctx.cancelled() => {}
        }
        if let QuarrelMsg::Reason(reply) = msg {
            reply.send(());
        }
        Ok(())
    }

    fn label(msg: &QuarrelMsg) -> &'static str {
        match msg {
            QuarrelMsg::Begin => "Begin",
            QuarrelMsg::Reason(_) => "Reason",
        }
    }
}
