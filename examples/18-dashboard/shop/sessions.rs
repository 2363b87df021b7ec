use std::time::Duration;

use tenure::prelude::*;

/// Opens a session twice a second and keeps all of them: the list that nobody clears.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Vec<ActorRef<()>>,
}

/// More of them would only take memory.
const MOST: usize = 2_000;

impl Actor for Sessions {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.send_every(Duration::from_millis(500), || ());
        Ok(())
    }

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        if self.open.len() < MOST {
            self.open.push(ctx.spawn(Session)?);
        }
        if self.open.len() < MOST && self.open.len().is_multiple_of(8) {
            // Nobody refers to it, so nothing can make it do anything again.
            ctx.spawn(Draft)?;
        }
        if self.open.len().is_multiple_of(6) {
            ctx.spawn(ChildSpec::new(Checkout).contain())?;
        }
        Ok(())
    }

    fn label(_: &()) -> &'static str {
        "Open"
    }
}

struct Session;

impl Actor for Session {
    type Msg = ();

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Fails because the payment beneath it fails. Its own failure is contained.
struct Checkout;

impl Actor for Checkout {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let payment = async { tenure::Result::<()>::Err("the card was refused".into()) };
        ctx.task(TaskSpec::new(payment).name("payment"))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

struct Draft;

impl Actor for Draft {
    type Msg = ();

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}
