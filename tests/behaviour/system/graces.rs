//! The grace of a system.

use std::time::Duration;

use super::{LONG, Plan, Root};
use crate::common::paused;
use tenure::StopError;
use tenure::prelude::*;
use tokio::time::Instant;

const GRACE: Duration = Duration::from_secs(3);

#[test]
fn grace_of_a_system_bounds_its_stop() {
    paused(async |check| {
        for drains in [false, true] {
            let system = System::builder()
                .grace(GRACE)
                .child_grace(LONG)
                .start()
                .unwrap();
            let root = ChildSpec::new(Root::new(Plan::Hang, &check)).name("stuck");
            system.start(root).await.unwrap();
            tokio::task::yield_now().await;
            let begin = Instant::now();
            let ended = if drains {
                system.drain().await
            } else {
                system.stop().await
            };
            assert_eq!(begin.elapsed(), GRACE);
            let Err(StopError::CutShort(cut)) = ended else {
                panic!("{ended:?}");
            };
            let named = cut.nodes().iter().any(|node| node.path == "/stuck");
            assert!(named, "{cut}");
        }
    });
}

#[test]
fn grace_of_a_system_bounds_the_end_of_its_root() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = System::builder()
            .grace(GRACE)
            .child_grace(LONG)
            .run(Root::new(Plan::FinishWithSlowChild, &check))
            .await;
        assert_eq!(begin.elapsed(), GRACE);
        assert_eq!(check.alive(), 0);
        let Err(RunError::CutShort(cut)) = ended else {
            panic!("{ended:?}");
        };
        let named = cut.nodes().iter().any(|node| node.path == "/root/slow");
        assert!(named, "{cut}");
    });
}

#[test]
fn default_of_a_system_is_that_of_its_nodes() {
    paused(async |check| {
        let system = System::builder()
            .child_grace(GRACE)
            .mailbox(Mailbox::bounded(2))
            .start()
            .unwrap();
        let actor = system.start(Root::new(Plan::Hang, &check)).await.unwrap();
        // One message is being handled, and two are queued.
        tokio::task::yield_now().await;
        actor.try_tell(()).unwrap();
        actor.try_tell(()).unwrap();
        assert!(actor.try_tell(()).unwrap_err().is_full());
        let begin = Instant::now();
        let ended = actor.stop().await;
        assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), GRACE);
        system.stop().await.unwrap();
    });
}
