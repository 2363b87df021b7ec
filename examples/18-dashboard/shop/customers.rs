use std::convert::Infallible;
use std::time::Duration;

use tenure::prelude::*;
use tenure::{CancellationToken, TaskSpec};
use tokio::time::sleep;

use super::clerk::ClerkMsg;
use super::mailer::MailerMsg;

/// Owns the tasks that ask the clerk, and those that send more than the mailer can handle.
pub(crate) struct Customers;

impl Actor for Customers {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for number in 1..=4 {
            let clerk = ctx.lookup::<ClerkMsg>("clerk")?;
            let customer = async move {
                while clerk.ask(ClerkMsg::Serve).await.is_ok() {
                    sleep(Duration::from_millis(10 * number)).await;
                }
            };
            let customer = TaskSpec::with_token(|token: CancellationToken| async move {
                token.run_until_cancelled(customer).await;
            });
            ctx.task(customer.name(format!("customer-{number}")))?;
        }
        for number in 1..=3 {
            let mailer = ctx.lookup::<MailerMsg>("mailer")?;
            let sender = async move { while mailer.tell(MailerMsg).await.is_ok() {} };
            let sender = TaskSpec::with_token(|token: CancellationToken| async move {
                token.run_until_cancelled(sender).await;
            });
            ctx.task(sender.name(format!("sender-{number}")))?;
        }
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}
