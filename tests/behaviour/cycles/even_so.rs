//! A wait with `even_if_cyclic` is not refused, even for room in one's own full mailbox. Something else has to end it.

use std::time::Duration;

use crate::common::{Log, paused};
use tenure::prelude::*;
use tokio::time::timeout;

#[derive(Debug, Clone, Copy)]
enum How {
    Tell,
    Typed,
    Reserve,
    HandOn,
}

/// Waits for room in its own mailbox for a second.
struct Own(Log);

impl Actor for Own {
    type Msg = Option<How>;

    async fn handle(&mut self, msg: Option<How>, ctx: &mut Context<Self>) -> tenure::Result {
        let Some(how) = msg else {
            return Ok(());
        };
        let me = ctx.me();
        let typed = me.recipient::<Option<How>>();
        me.try_tell(None)?;
        let aside = ctx.stash(None);
        let sent = async {
            match how {
                How::Tell => me.tell(None).even_if_cyclic().await.map_err(drop),
                How::Typed => typed.tell(None).even_if_cyclic().await.map_err(drop),
                How::Reserve => me.reserve().even_if_cyclic().await.map(drop).map_err(drop),
                How::HandOn => aside.forward(&me).even_if_cyclic().await.map_err(drop),
            }
        };
        let sent = timeout(Duration::from_secs(1), sent).await;
        self.0.push(format!("{sent:?}"));
        Ok(())
    }
}

#[test]
fn wait_for_room_may_complete_a_cycle_even_so() {
    for how in [How::Tell, How::Typed, How::Reserve, How::HandOn] {
        paused(async |_| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let own = ChildSpec::new(Own(log.clone())).mailbox(Mailbox::bounded(1));
            let own = system.spawn(own).unwrap();
            own.tell(Some(how)).await.unwrap();
            own.drain().await.unwrap();
            assert_eq!(log.entries(), ["Err(Elapsed(()))"], "{how:?}");
            system.stop().await.unwrap();
        });
    }
}
