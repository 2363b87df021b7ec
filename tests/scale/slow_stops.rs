//! Slow stops of deep trees.

use std::sync::Arc;
use std::time::Duration;

use tenure::StopReason;
use tenure::prelude::*;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::common::{Check, Guard, in_order, time_at_work};
use crate::{Idle, LASTS, alone, compare};

const HOUR: Duration = Duration::from_secs(3_600);

/// A link of a chain. The deepest one takes a while to stop.
struct Slow {
    below: usize,
    order: StopOrder,
    /// Each link has an older child beside the next link.
    has_older: bool,
    complete: Arc<Notify>,
    _guard: Guard,
    check: Check,
}

impl Slow {
    fn spec(
        below: usize,
        order: StopOrder,
        has_older: bool,
        complete: &Arc<Notify>,
        check: &Check,
    ) -> ChildSpec<Self> {
        let slow = Self {
            below,
            order,
            has_older,
            complete: Arc::clone(complete),
            _guard: check.guard(),
            check: check.clone(),
        };
        ChildSpec::new(slow).stop_order(order).grace(HOUR)
    }
}

impl Actor for Slow {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.below == 0 {
            self.complete.notify_one();
        } else {
            if self.has_older {
                ctx.spawn(Idle)?;
            }
            let Self {
                below,
                order,
                has_older,
                ..
            } = *self;
            let next = Self::spec(below - 1, order, has_older, &self.complete, &self.check);
            ctx.spawn(next)?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.below == 0 {
            // Long enough that waits for it are checked several times.
            sleep(LASTS).await;
        }
        Ok(())
    }
}

/// How long it takes to stop a chain whose deepest link is slow, in processor time.
fn slow_stop_time(depth: usize, order: StopOrder, has_older: bool) -> Duration {
    let mut time = Duration::MAX;
    in_order(async |check| {
        tenure::scope(async |scope| {
            let complete = Arc::new(Notify::new());
            let root = scope.spawn(Slow::spec(depth - 1, order, has_older, &complete, &check))?;
            complete.notified().await;
            let (start, running) = (Instant::now(), time_at_work());
            assert!(matches!(root.stop().await?, StopReason::Stopped));
            time = time_at_work() - running;
            assert!(start.elapsed() < LASTS * 2, "{:?}", start.elapsed());
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
    time
}

#[test]
fn slow_stop_of_a_deep_chain() {
    const SHALLOW: usize = 500;
    const TIMES: usize = 8;

    let _alone = alone();
    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        let rounds = |depth| (0..3).map(|_| slow_stop_time(depth, order, false)).min();
        let (shallow, deep) = (rounds(SHALLOW).unwrap(), rounds(SHALLOW * TIMES).unwrap());
        // In quadratic time it would be 64 times.
        assert!(
            deep < shallow * 24,
            "{order:?}: {deep:?} for a chain {TIMES} times as deep as one that takes {shallow:?}"
        );
    }
}

/// The older child of each link is told once the chain beneath the younger one has ended.
#[test]
fn slow_stop_of_a_deep_chain_with_more_to_do_at_each_level() {
    let _alone = alone();
    compare(100, 8, |depth| {
        slow_stop_time(depth, StopOrder::Reverse, true)
    });
}
