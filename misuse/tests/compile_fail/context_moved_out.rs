//! An actor's context does not outlive the handler that it was lent to.

use tenure::prelude::*;

struct Smuggler {
    kept: Option<&'static mut Context<Smuggler>>,
}

impl Actor for Smuggler {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        self.kept = Some(ctx);
        Ok(())
    }
}

struct Delegator;

impl Actor for Delegator {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        ctx.task(async move { ctx.stop() })?;
        Ok(())
    }
}

fn main() {}
