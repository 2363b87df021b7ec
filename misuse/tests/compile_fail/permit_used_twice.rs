//! Room is held for one message.

use tenure::ActorRef;

async fn send_twice(actor: ActorRef<u32>) -> tenure::Result {
    let permit = actor.reserve().await?;
    permit.send(1)?;
    permit.send(2)?;
    Ok(())
}

fn main() {}
