//! Owners of a hundred thousand children.

use std::fs;
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::Instant;

use crate::alone;
use crate::common::{Guard, in_order, time_at_work};

/// Has children and nothing to do.
struct Wide(#[allow(dead_code, reason = "counted")] Guard);

impl Actor for Wide {
    type Msg = ReplyTo<Spawner>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(ctx.spawner());
        Ok(())
    }
}

/// The number of children is the same for any number of owners: the cost of a stop depends on how much of the tree fits
/// into the processor's caches.
const MANY: usize = 100_000;

/// How long it takes to stop this many owners, among which the children are divided.
fn stop_time(owners: usize, order: StopOrder) -> Duration {
    let mut time = Duration::MAX;
    in_order(async |check| {
        tenure::scope(async |scope| {
            let mut all = Vec::new();
            for _ in 0..owners {
                let wide = ChildSpec::new(Wide(check.guard())).stop_order(order);
                let wide = scope.spawn(wide)?;
                let beneath = wide.ask(|reply| reply).await?;
                let mut last = wide.clone();
                for _ in 0..MANY / owners {
                    last = beneath.spawn(Wide(check.guard()))?;
                }
                last.ask(|reply| reply).await?;
                all.push(wide);
            }
            let (start, running) = (Instant::now(), time_at_work());
            for wide in all {
                wide.stop().await?;
            }
            time = time_at_work() - running;
            assert_eq!((start.elapsed(), check.alive()), (Duration::ZERO, 0));
            Ok(())
        })
        .await
        .unwrap();
    });
    time
}

/// The resident memory in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

#[test]
fn wide_tree() {
    const ROUNDS: usize = 3;
    /// How many bytes a child may leave behind.
    const TOLERANCE: usize = 100;

    let _alone = alone();
    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        let (mut narrow, mut wide) = (Duration::MAX, Duration::MAX);
        let mut before = None;
        for _ in 0..ROUNDS {
            narrow = narrow.min(stop_time(100, order));
            wide = wide.min(stop_time(1, order));
            // The allocator keeps some memory after the first round.
            before.get_or_insert_with(resident);
        }
        assert!(
            wide < narrow * 3,
            "{order:?}: {wide:?} for one with all children, {narrow:?} for a hundred"
        );
        let grown = resident().saturating_sub(before.unwrap());
        assert!(
            grown < TOLERANCE * MANY,
            "{order:?}: {grown} more bytes are resident"
        );
    }
}
