//! How many messages a second each ready-made actor takes, beside an actor that is told or asked with nothing in between,
//! in one run on one thread.
//!
//! ```sh
//! cargo bench -p tenure-actors --all-features --bench actors              # all of it, in half a minute
//! cargo bench -p tenure-actors --all-features --bench actors -- --quick   # a tenth of the work
//! cargo bench -p tenure-actors --all-features --bench actors -- pool      # only what has this word in its name
//! ```

use std::env;
use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tenure::prelude::*;
use tenure_actors::batcher::BatcherOptions;
use tenure_actors::breaker::Breaker;
use tenure_actors::cache::{CacheMsg, CacheOptions};
use tenure_actors::debounce::Debounce;
use tenure_actors::groups::{Groups, GroupsMsg};
use tenure_actors::limiter::{Bucket, Limiter, Rate};
use tenure_actors::pool::{PoolOptions, Priority};
use tenure_actors::pubsub::{Slow, Subscription, TopicMsg, TopicOptions};
use tenure_actors::retry::Retry;
use tenure_actors::scheduler::{Job, Overlap, Schedule, SchedulerMsg, SchedulerOptions};
use tenure_actors::throttle::Throttle;

const ROUNDS: usize = 5;

/// Adds up what it is told.
#[derive(Clone, Default)]
struct Sum {
    sum: u64,
}

enum SumMsg {
    Add(u64),
    Sum(ReplyTo<u64>),
}

impl From<u64> for SumMsg {
    fn from(number: u64) -> Self {
        Self::Add(number)
    }
}

impl From<Vec<u64>> for SumMsg {
    fn from(numbers: Vec<u64>) -> Self {
        Self::Add(numbers.into_iter().sum())
    }
}

impl Actor for Sum {
    type Msg = SumMsg;

    async fn handle(&mut self, msg: SumMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            SumMsg::Add(number) => self.sum += number,
            SumMsg::Sum(reply) => reply.send(self.sum),
        }
        Ok(())
    }
}

/// A way to spend some messages, and how many there are.
struct Bench {
    words: Vec<String>,
    messages: u64,
}

impl Bench {
    /// Prints the best of several rounds, each in a scope of its own.
    async fn row<F: Future<Output = tenure::Result<Duration>>>(
        &self,
        name: &str,
        messages: u64,
        round: impl Fn(u64) -> F,
    ) -> tenure::Result {
        if !self.words.is_empty() && !self.words.iter().any(|word| name.contains(word.as_str())) {
            return Ok(());
        }
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            best = best.min(round(messages).await?);
        }
        let a_second = messages as f64 / best.as_secs_f64();
        let each = best.as_nanos() / u128::from(messages);
        println!("{name:<44} {a_second:>12.0} a second {each:>7} ns each");
        Ok(())
    }
}

/// Tells an actor this many numbers through the actor in front of it, and checks that all have come.
async fn told<C>(
    messages: u64,
    before: impl AsyncFnOnce(&Scope, &ActorRef<SumMsg>) -> tenure::Result<ActorRef<C>>,
) -> tenure::Result<Duration>
where
    C: From<u64> + Send + 'static,
{
    let time = tenure::scope(async |scope| {
        let sum = scope.spawn(Sum::default())?;
        let front = before(&scope, &sum).await?;
        let begin = Instant::now();
        for number in 0..messages {
            front.tell(number.into()).await?;
        }
        front.drain().await?;
        if front.id() != sum.id() {
            assert_eq!(sum.ask(SumMsg::Sum).await?, messages * (messages - 1) / 2);
        }
        Ok(begin.elapsed())
    });
    Ok(time.await?)
}

async fn plain(bench: &Bench) -> tenure::Result {
    let tells = |messages| told::<SumMsg>(messages, async |_, sum| Ok(sum.clone()));
    bench
        .row("an actor that is told", bench.messages, tells)
        .await?;
    let asks = async |messages| {
        let time = tenure::scope(async |scope| {
            let sum = scope.spawn(Sum::default())?;
            let begin = Instant::now();
            for _ in 0..messages {
                black_box(sum.ask(SumMsg::Sum).await?);
            }
            Ok(begin.elapsed())
        });
        Ok(time.await?)
    };
    bench
        .row("an actor that is asked", bench.messages, asks)
        .await
}

/// One of several members.
struct Worker;

impl Actor for Worker {
    type Msg = u64;

    async fn handle(&mut self, number: u64, _: &mut Context<Self>) -> tenure::Result {
        black_box(number);
        Ok(())
    }
}

async fn pools(bench: &Bench) -> tenure::Result {
    type Change = fn(PoolOptions<Worker>) -> PoolOptions<Worker>;
    let kinds: [(&str, Change); 4] = [
        ("pool of 4", |pool| pool),
        ("pool of 4, prefetch 16", |pool| pool.prefetch(16)),
        ("pool of 4, by key", |pool| {
            pool.by_key(|number: &u64| number % 64)
        }),
        ("pool of 4, with priorities", |pool| {
            pool.priority(|number: &u64| match number % 2 {
                0 => Priority::High,
                _ => Priority::Low,
            })
        }),
    ];
    for (name, change) in kinds {
        let round = async |messages| {
            let time = tenure::scope(async |scope| {
                let pool = change(PoolOptions::fixed(4, |_| Worker));
                let pool = scope
                    .start(pool.spec().grace(Duration::from_secs(60)))
                    .await?;
                let begin = Instant::now();
                for number in 0..messages {
                    pool.tell(number).await?;
                }
                pool.drain().await?;
                assert_eq!(scope.dead_letters(), 0);
                Ok(begin.elapsed())
            });
            Ok(time.await?)
        };
        bench.row(name, bench.messages, round).await?;
    }
    Ok(())
}

async fn topics(bench: &Bench) -> tenure::Result {
    for (name, subscribers, slow) in [
        ("topic of 1 subscriber, values", 1, Slow::Wait),
        ("topic of 10 subscribers, values", 10, Slow::Wait),
        (
            "topic of 1 with a courier, values",
            1,
            Slow::DropOldest(1 << 20),
        ),
    ] {
        let round = async |messages| {
            told(messages, async |scope, sum| {
                let topic = scope.spawn(TopicOptions::<u64>::new().spec())?;
                for number in 0..subscribers {
                    let other = scope.spawn(Sum::default())?;
                    let recipient = if number == 0 {
                        sum.recipient()
                    } else {
                        other.recipient()
                    };
                    let subscription = Subscription::new(recipient).slow(slow);
                    topic.tell(TopicMsg::Subscribe(subscription)).await?;
                }
                Ok(topic)
            })
            .await
        };
        bench.row(name, bench.messages / subscribers, round).await?;
    }
    Ok(())
}

async fn in_front(bench: &Bench) -> tenure::Result {
    let batcher = |messages| {
        told(messages, async |scope, sum| {
            Ok(scope.spawn(BatcherOptions::<u64>::to(sum.recipient()).spec())?)
        })
    };
    bench.row("batcher, items", bench.messages, batcher).await?;
    let batcher = |messages| {
        told(messages, async |scope, sum| {
            let options = BatcherOptions::<u64>::to(sum.recipient()).bytes(1 << 20, |_| 8);
            Ok(scope.spawn(options.spec())?)
        })
    };
    bench
        .row("batcher with sizes, items", bench.messages, batcher)
        .await?;
    let limiter = |messages| {
        told(messages, async |scope, sum| {
            let bucket = Bucket::new(Rate::per_second(u32::MAX), u32::MAX)?;
            Ok(scope.spawn(Limiter::new(bucket, sum.clone()))?)
        })
    };
    bench
        .row("limiter that does not limit", bench.messages, limiter)
        .await?;
    for name in ["debounce, values", "throttle, values"] {
        let round = async |messages| {
            let time = tenure::scope(async |scope| {
                let last = scope.spawn(Worker)?.recipient();
                let period = Duration::from_millis(100);
                let front = match name.starts_with("debounce") {
                    true => scope.spawn(Debounce::new(last, period))?,
                    false => scope.spawn(Throttle::new(last, period))?,
                };
                let begin = Instant::now();
                for number in 0..messages {
                    front.tell(number).await?;
                }
                front.drain().await?;
                Ok(begin.elapsed())
            });
            Ok(time.await?)
        };
        bench.row(name, bench.messages, round).await?;
    }
    Ok(())
}

async fn groups(bench: &Bench) -> tenure::Result {
    let round = async |messages| {
        let time = tenure::scope(async |scope| {
            let groups = scope.spawn(Groups::<u64>::new())?;
            for _ in 0..10 {
                let member = scope.spawn(Worker)?.recipient();
                let group = String::from("all");
                let join = groups.ask(|reply| GroupsMsg::Join {
                    group,
                    member,
                    reply,
                });
                join.await??;
            }
            let begin = Instant::now();
            for message in 0..messages {
                let group = String::from("all");
                let tell = groups.ask(|reply| GroupsMsg::TellOne {
                    group,
                    message,
                    reply,
                });
                tell.await??;
            }
            Ok(begin.elapsed())
        });
        Ok(time.await?)
    };
    bench
        .row("groups, one of 10 told", bench.messages / 4, round)
        .await
}

async fn asks(bench: &Bench) -> tenure::Result {
    let round = async |messages| {
        let time = tenure::scope(async |scope| {
            let cache = CacheOptions::new(|key: u64| async move { Ok(key) });
            let cache = scope.spawn(cache.spec())?;
            let begin = Instant::now();
            for number in 0..messages {
                let get = cache.ask(|reply| CacheMsg::Get(number % 100, reply));
                black_box(get.await??);
            }
            Ok(begin.elapsed())
        });
        Ok(time.await?)
    };
    bench
        .row(
            "cache, of 100 keys that are there",
            bench.messages / 4,
            round,
        )
        .await?;
    for name in ["retry around an ask", "breaker around an ask"] {
        let round = async |messages| {
            let time = tenure::scope(async |scope| {
                let sum = scope.spawn(Sum::default())?;
                let breaker = Breaker::new(3, Duration::from_secs(1));
                let begin = Instant::now();
                for _ in 0..messages {
                    let ask = || sum.ask(SumMsg::Sum);
                    black_box(match name.starts_with("retry") {
                        true => Retry::new(3).ask(ask).await?,
                        false => breaker.ask(ask).await?,
                    });
                }
                Ok(begin.elapsed())
            });
            Ok(time.await?)
        };
        bench.row(name, bench.messages / 4, round).await?;
    }
    let round = async |messages| {
        let bucket = Bucket::new(Rate::per_second(u32::MAX), u32::MAX)?;
        let begin = Instant::now();
        for _ in 0..messages {
            bucket.try_take(1)?;
        }
        Ok(begin.elapsed())
    };
    bench.row("bucket, tokens", bench.messages, round).await
}

async fn jobs(bench: &Bench) -> tenure::Result {
    let round = async |messages| {
        let time = tenure::scope(async |scope| {
            let daily = Schedule::every(Duration::from_secs(86_400));
            let job = Job::new("job", daily, || async { Ok(()) }).overlap(Overlap::Allow);
            let scheduler = scope.start(SchedulerOptions::new().job(job).spec()).await?;
            let begin = Instant::now();
            for _ in 0..messages {
                let run = scheduler.ask(|reply| SchedulerMsg::Run(String::from("job"), reply));
                assert!(run.await?);
            }
            scheduler.drain().await?;
            Ok(begin.elapsed())
        });
        Ok(time.await?)
    };
    bench
        .row("scheduler, runs", bench.messages / 20, round)
        .await
}

#[cfg(all(feature = "process", unix))]
async fn lines(bench: &Bench) -> tenure::Result {
    use tenure_actors::process::{Output, ProcessOptions};

    /// Counts lines.
    struct Lines(u64);

    impl Actor for Lines {
        type Msg = Output;

        async fn handle(&mut self, output: Output, _: &mut Context<Self>) -> tenure::Result {
            self.0 -= u64::from(matches!(output, Output::Stdout(_)));
            Ok(())
        }

        async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
            assert_eq!(self.0, 0);
            Ok(())
        }
    }

    let round = async |messages: u64| {
        let begin = Instant::now();
        let run = tenure::scope(async |scope| {
            let lines = scope.spawn(Lines(messages))?;
            let mut command = std::process::Command::new("seq");
            command.arg(messages.to_string());
            let seq = ProcessOptions::new(command).output(lines.recipient());
            let seq = scope.start(seq.spec()).await?;
            seq.stopped().await?;
            lines.drain().await?;
            Ok(())
        });
        run.await?;
        Ok(begin.elapsed())
    };
    bench
        .row("process, lines of output", bench.messages, round)
        .await
}

#[cfg(not(all(feature = "process", unix)))]
async fn lines(_: &Bench) -> tenure::Result {
    Ok(())
}

fn main() -> tenure::Result {
    let (options, words): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|word| word.starts_with("--"));
    let is_quick = options.iter().any(|option| option == "--quick");
    let messages = if is_quick { 20_000 } else { 200_000 };
    let bench = Bench { words, messages };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        plain(&bench).await?;
        pools(&bench).await?;
        topics(&bench).await?;
        groups(&bench).await?;
        in_front(&bench).await?;
        asks(&bench).await?;
        jobs(&bench).await?;
        lines(&bench).await
    })
}
