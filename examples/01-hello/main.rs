//! One actor, told and asked.
//!
//! An actor is a state and the messages that it handles, one at a time. It lives in a scope, and
//! the scope returns once the actor has been drained, stopped, dropped and joined.

use tenure::prelude::*;

#[derive(Default)]
struct Counter {
    count: u64,
}

enum CounterMsg {
    Add(u64),
    Get(ReplyTo<u64>),
}

impl Actor for Counter {
    type Msg = CounterMsg;

    async fn handle(&mut self, msg: CounterMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            CounterMsg::Add(n) => self.count += n,
            CounterMsg::Get(reply) => reply.send(self.count),
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let counter = scope.spawn(Counter::default())?;
        counter.tell(CounterMsg::Add(40)).await?;
        counter.tell(CounterMsg::Add(2)).await?;
        println!("the count is {}", counter.ask(CounterMsg::Get).await?);
        Ok(())
    })
    .await
}
