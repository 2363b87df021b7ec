//! Work that outlives the one who asked for it.
//!
//! A session takes orders. What it looks up for a client ends with the client. An order that was accepted does not: the
//! session forwards it to the warehouse, which lives longer, so the order is done even if the session is gone. The
//! warehouse itself answers the one who waits.

use std::time::Duration;

use tenure::prelude::*;
use tokio::time::sleep;

struct Warehouse {
    orders: u32,
}

enum WarehouseMsg {
    /// Replies with the number of the order once it is accepted. Accepted orders are done.
    Order(&'static str, ReplyTo<u32>),
}

impl Actor for Warehouse {
    type Msg = WarehouseMsg;

    async fn handle(&mut self, msg: WarehouseMsg, ctx: &mut Context<Self>) -> tenure::Result {
        let WarehouseMsg::Order(what, reply) = msg;
        // A task of the warehouse: only a drain or stop of the warehouse ends it, and a drain waits for it.
        ctx.task(async move {
            sleep(Duration::from_millis(200)).await;
            println!("packed: {what}");
        })?;
        self.orders += 1;
        reply.send(self.orders);
        Ok(())
    }
}

struct Session {
    warehouse: ActorRef<WarehouseMsg>,
}

enum SessionMsg {
    Browse(ReplyTo<()>),
    Buy(&'static str, ReplyTo<u32>),
}

impl Actor for Session {
    type Msg = SessionMsg;

    async fn handle(&mut self, msg: SessionMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            // Only this client needs it: it ends with the session, or when the caller goes.
            SessionMsg::Browse(reply) => drop(ctx.task(async move {
                sleep(Duration::from_millis(200)).await;
                println!("browsed, which nobody sees");
                reply.send(());
            })?),
            // From here on it belongs to the warehouse, which answers the client itself.
            SessionMsg::Buy(what, reply) => {
                let order = |reply| WarehouseMsg::Order(what, reply);
                self.warehouse.forward(reply, order).await?;
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let warehouse = scope.spawn(ChildSpec::new(Warehouse { orders: 0 }).name("warehouse"))?;
        let session = scope.spawn(Session { warehouse })?;
        let browse = session.ask(SessionMsg::Browse).owned();
        scope.task(async {
            println!("the client that browses: {}", browse.await.unwrap_err());
        })?;
        let order = session
            .ask(|reply| SessionMsg::Buy("a lamp", reply))
            .await?;
        println!("order {order} is taken");
        sleep(Duration::from_millis(20)).await;
        session.stop().await?;
        println!("the session is gone");
        // The scope drains the warehouse.
        Ok(())
    })
    .await
}
