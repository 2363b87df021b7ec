//! hello
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
async fn main() -> Result<(), tenure::RunError> {
    tenure::scope(async |scope| {
        let counter = scope.spawn(Counter::default())?;
        counter.tell(CounterMsg::Add(2)).await?;
        assert_eq!(counter.ask(CounterMsg::Get).await?, 2);
        println!("ok");
        Ok(())
    })
    .await
}
