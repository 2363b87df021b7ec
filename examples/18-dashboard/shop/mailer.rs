use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

/// Slower than its senders.
pub(crate) struct Mailer;

pub(crate) struct MailerMsg;

impl Actor for Mailer {
    type Msg = MailerMsg;

    async fn handle(&mut self, _: MailerMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_millis(400)).await;
        Ok(())
    }

    fn label(_: &MailerMsg) -> &'static str {
        "Send"
    }
}
