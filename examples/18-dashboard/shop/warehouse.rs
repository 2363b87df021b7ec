use std::time::Duration;

use tenure::TaskSpec;
use tenure::prelude::*;
use tokio::time::sleep;

/// Its end waits for the end of the inventory, which takes six of its ten seconds.
pub(crate) struct Warehouse;

impl Actor for Warehouse {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let inventory = TaskSpec::with_token(|token| async move {
            token.cancelled().await;
            sleep(Duration::from_secs(6)).await;
        });
        ctx.spawn(ChildSpec::new(Shelf).name("shelf-1"))?;
        ctx.spawn(ChildSpec::new(Shelf).name("shelf-2"))?;
        ctx.task(inventory.name("inventory").grace(Duration::from_secs(10)))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

struct Shelf;

impl Actor for Shelf {
    type Msg = ();

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}
