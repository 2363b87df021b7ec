//! A pool of workers that count primes, on threads that may block.
//!
//! It has one worker, and up to four while jobs wait. What somebody waits for goes before what is done for later, and one that
//! is given up frees its worker at once.

use std::time::Duration;

use tenure::Kind;
use tenure::prelude::*;
use tenure_actors::pool::{Blocking, PoolOptions, Priority};

struct Count {
    upto: u32,
    priority: Priority,
    reply: ReplyTo<usize>,
}

fn is_prime(number: u32) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number > 1 && divisors.all(|divisor| !number.is_multiple_of(divisor))
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let worker = Blocking::new(|count: Count, token| {
            let numbers = (0..count.upto).take_while(|_| !token.is_cancelled());
            let primes = numbers.filter(|number| is_prime(*number)).count();
            if !token.is_cancelled() {
                count.reply.send(primes);
            }
            Ok(())
        });
        let pool = PoolOptions::elastic(1..=4, move |_| worker.clone())
            .priority(|count: &Count| count.priority)
            .queue(Mailbox::bounded(100))
            .spec();
        let pool = scope.spawn(pool.name("primes").grace(Duration::from_secs(30)))?;

        let ask = |upto, priority| {
            let count = move |reply| Count {
                upto,
                priority,
                reply,
            };
            pool.ask(count).owned()
        };
        for number in 1..=8 {
            let later = ask(number * 10_000, Priority::Low);
            scope.task(async move {
                println!("below {}: {}", number * 10_000, later.await?);
                tenure::Ok(())
            })?;
        }
        let urgent = ask(1_000, Priority::High).await?;
        println!("urgent, below 1000: {urgent}");
        let children = pool.node().children();
        let workers = children.iter().filter(|child| child.kind() == Kind::Actor);
        println!("workers by now: {}", workers.count());

        // This job takes longer than its caller waits.
        let endless = ask(u32::MAX, Priority::High).timeout(Duration::from_millis(50));
        println!("below 2^32: {}", endless.await.unwrap_err());
        Ok(())
    })
    .await
}
