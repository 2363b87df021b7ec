//! A parent with children, and the order in which they stop.
//!
//! The shop starts a store, then a cache in front of it, then a front desk that uses both, and a task that keeps the
//! cache warm. When it is stopped, it ends them in the opposite order: first the task, then the desk, the cache and the
//! store, each of which is gone before the next is told. Then it runs its own `on_stop`.

use std::convert::Infallible;

use tenure::prelude::*;

struct Part(&'static str);

impl Actor for Part {
    /// It takes no messages: this type has no values.
    type Msg = Infallible;

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        println!("{}: on_stop", ctx.me().path());
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        println!("{}: dropped", self.0);
    }
}

struct Shop;

enum ShopMsg {
    /// Prints what is alive.
    Show(ReplyTo<()>),
}

impl Actor for Shop {
    type Msg = ShopMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for name in ["store", "cache", "desk"] {
            // `start` waits until the child has started: the next one may use it.
            ctx.start(ChildSpec::new(Part(name)).name(name)).await?;
        }
        let warmth = Part("warmer");
        ctx.task(async move {
            std::future::pending::<()>().await;
            drop(warmth);
        })?;
        Ok(())
    }

    async fn handle(&mut self, msg: ShopMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            ShopMsg::Show(reply) => {
                println!("alive:\n{}", ctx.node().snapshot());
                reply.send(());
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        println!("/shop: on_stop, with the children gone");
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let shop = scope.spawn(ChildSpec::new(Shop).name("shop"))?;
        shop.ask(ShopMsg::Show).await?;
        println!("stopping /shop");
        shop.stop().await?;
        println!(
            "/shop has stopped; its name is free: {}",
            scope.child("shop").is_none()
        );
        Ok(())
    })
    .await
}
