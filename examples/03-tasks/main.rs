//! Scoped tasks and a blocking job.
//!
//! A scope waits for everything that was started in it. A task that would never end by itself takes a token, and ends
//! when that fires. A blocking job cannot be ended from outside, so it looks at its token. One failure ends the whole
//! scope, and everything in it is joined before the error is returned.

use std::time::Duration;

use tenure::prelude::*;
use tokio::time::{interval, sleep};

#[tokio::main]
async fn main() -> Result<(), RunError> {
    let total: u64 = tenure::scope(async |scope| {
        // Runs until it is told to end.
        scope.task_with(|token| async move {
            let mut ticks = interval(Duration::from_millis(20));
            while token.run_until_cancelled(ticks.tick()).await.is_some() {
                println!("still working");
            }
            println!("the ticker ends");
        })?;

        // Work that blocks gets a thread of its own.
        let sum = scope.blocking(|token| {
            let mut sum = 0_u64;
            for n in 0..5_000_000_u64 {
                if n % 100_000 == 0 && token.is_cancelled() {
                    break; // nobody wants the rest; an error would be a failure
                }
                sum = sum.wrapping_add(n * n);
            }
            tenure::Ok(sum)
        })?;

        let slow = scope.task(async {
            sleep(Duration::from_millis(50)).await;
            tenure::Ok(42)
        })?;
        Ok(sum.await?.wrapping_add(slow.await?))
    })
    .await?;
    println!("total {total}; nothing is left running");

    let failed = tenure::scope(async |scope| {
        scope.task(async { Err::<(), _>("the disk is full") })?;
        // This future is dropped at its await point, because a task of the scope has failed.
        std::future::pending::<tenure::Result>().await
    })
    .await;
    println!("a failed scope: {:?}", failed.expect_err("its task fails"));
    Ok(())
}
