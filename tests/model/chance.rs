//! Scripts by chance.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tenure::{AutoShutdown, Restart, StopOrder, Strategy as Siblings};

use crate::script::{Answer, Child, Drops, Held, List, Order, Script, Step, Wait, Work};

/// How deep the messages in messages may nest.
const DEPTH: u32 = 3;

/// Makes the script of this number, and shortens scripts that fail.
pub fn runner(number: u64) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let config = Config {
        cases: 1,
        failure_persistence: None,
        ..Config::default()
    };
    let max_shrink_iters = match config.max_shrink_iters {
        // The default, which means that PROPTEST_MAX_SHRINK_ITERS is not set.
        u32::MAX => 4_000,
        asked => asked,
    };
    let config = Config {
        max_shrink_iters,
        ..config
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Scripts with at most this many steps at the top.
pub fn script(steps: usize) -> impl Strategy<Value = Script> {
    let plain = vec(step(DEPTH), 1..=steps);
    // Half of them begin with waits that cross each other, which chance alone makes too rarely.
    let steps = prop_oneof![
        plain.clone(),
        (crossing(), plain).prop_map(|(mut first, rest)| {
            first.extend(rest);
            first
        }),
    ];
    let within = prop_oneof![2 => Just(None), 1 => (0..3_000_u16).prop_map(Some)];
    let faults = prop_oneof![4 => Just(false), 1 => Just(true)];
    (any::<u64>(), faults, steps, order(), within).prop_map(
        |(order, faults, steps, end, within)| Script {
            // The simulation reserves the largest numbers.
            order: order >> 1,
            faults,
            steps: List(steps),
            end,
            within,
        },
    )
}

/// Three actors whose handlers, and tasks beside those, wait for each other.
fn crossing() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![
        3 => (0..3_u8, wait(), answer()).prop_map(|(to, wait, answer)| {
            Step::Ask { to, wait, answer, strict: false, body: List::default() }
        }),
        3 => (0..3_u8, wait()).prop_map(|(of, wait)| Step::Stopped { of, wait, strict: false }),
        1 => (0..3_u8, wait()).prop_map(|(to, wait)| {
            Step::Tell { to, wait, body: List::default() }
        }),
        3 => (0..100_u16).prop_map(Step::Sleep),
    ];
    let handler = vec(waits, 1..4).prop_map(List);
    let send = prop_oneof![
        4 => (0..3_u8, handler.clone()).prop_map(|(to, body)| Step::Offer { to, body }),
        1 => handler.prop_map(|body| {
            Step::Task { under: None, work: Work::Plain, body, contained: false, wait: None }
        }),
    ];
    vec(send, 2..6).prop_map(|sends| {
        let spawn = || Step::Spawn {
            under: None,
            child: Child::default(),
            wait: None,
        };
        let spawns = (0..3).map(|_| spawn());
        spawns.chain([Step::Sleep(1)]).chain(sends).collect()
    })
}

fn list(depth: u32) -> BoxedStrategy<List> {
    if depth == 0 {
        return Just(List::default()).boxed();
    }
    let longer = vec(step(depth - 1), 1..3).prop_map(List);
    prop_oneof![2 => Just(List::default()), 3 => longer].boxed()
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let body = list(depth);
    let at = || 0..6_u8;
    let under = || option::weighted(0.3, 0..6_u8);
    let starts = prop_oneof![
        6 => (under(), child(depth), option::weighted(0.3, wait()))
            .prop_map(|(under, child, wait)| Step::Spawn { under, child, wait }),
        4 => (under(), work(), body.clone(), any::<bool>(), option::weighted(0.4, wait())).prop_map(
            |(under, work, body, contained, wait)| Step::Task { under, work, body, contained, wait }),
        3 => (held(), body.clone()).prop_map(|(held, body)| Step::Scope { held, body }),
        1 => body.clone().prop_map(|body| Step::Pipe { body }),
    ];
    let mail = prop_oneof![
        6 => (at(), wait(), body.clone()).prop_map(|(to, wait, body)| Step::Tell { to, wait, body }),
        1 => (at(), body.clone()).prop_map(|(to, body)| Step::Offer { to, body }),
        1 => (at(), wait(), 0..50_u16, body.clone())
            .prop_map(|(to, wait, hold, body)| Step::Permit { to, wait, hold, body }),
        6 => (at(), wait(), answer(), prop::bool::weighted(0.2), body.clone()).prop_map(
            |(to, wait, answer, strict, body)| Step::Ask { to, wait, answer, strict, body }),
        1 => Just(Step::AnswerKept),
    ];
    let ends = prop_oneof![
        5 => (at(), order(), option::weighted(0.5, wait()))
            .prop_map(|(of, order, wait)| Step::End { of, order, wait }),
        2 => (at(), wait(), prop::bool::weighted(0.2))
            .prop_map(|(of, wait, strict)| Step::Stopped { of, wait, strict }),
        1 => Just(Step::Finish),
        1 => Just(Step::DrainSelf),
        1 => Just(Step::FinishIfEmpty),
        2 => Just(Step::Fail),
        1 => Just(Step::Panic),
    ];
    let sources = prop_oneof![
        2 => (0..200_u16, body.clone()).prop_map(|(time, body)| Step::After { time, body }),
        1 => (1..100_u16, 1..4_u8, body.clone())
            .prop_map(|(time, ticks, body)| Step::Every { time, ticks, body }),
        1 => (0..4_u8, body.clone()).prop_map(|(items, body)| Step::Items { items, body }),
        1 => (1..200_u16).prop_map(|time| Step::Quiet { time }),
        2 => (at(), body.clone()).prop_map(|(of, body)| Step::Watch { of, body }),
    ];
    let pauses = prop_oneof![
        2 => (0..300_u16).prop_map(Step::Sleep),
        2 => (1..4_u8).prop_map(Step::Yield),
        1 => wait().prop_map(|wait| Step::Cancelled { wait }),
        1 => body.prop_map(|body| Step::WhileCaller { body }),
    ];
    prop_oneof![6 => starts, 6 => mail, 4 => ends, 2 => sources, 3 => pauses].boxed()
}

fn child(depth: u32) -> BoxedStrategy<Child> {
    let hook = || {
        let some = list(depth.saturating_sub(1));
        prop_oneof![3 => Just(List::default()), 1 => some]
    };
    let restart = prop_oneof![
        3 => Just(Restart::Never),
        2 => Just(Restart::OnFailure),
        1 => Just(Restart::Always),
    ];
    let stop_order = prop_oneof![3 => Just(StopOrder::Reverse), 1 => Just(StopOrder::Concurrent)];
    let auto_shutdown = prop_oneof![
        6 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::Any),
        1 => Just(AutoShutdown::All),
    ];
    let rarely = || prop::bool::weighted(0.15);
    let policy = (restart, siblings(), stop_order, auto_shutdown);
    let flags = (rarely(), rarely(), rarely());
    let sizes = (
        option::weighted(0.3, 0..3_u8),
        option::weighted(0.4, 1..4_u8),
        option::weighted(0.4, 0..500_u16),
        option::weighted(0.4, 0..300_u16),
    );
    let hooks = (hook(), hook(), hook(), drops());
    (policy, flags, sizes, hooks)
        .prop_map(|(policy, flags, sizes, hooks)| Child {
            restart: policy.0,
            strategy: policy.1,
            stop_order: policy.2,
            auto_shutdown: policy.3,
            significant: flags.0,
            contained: flags.1,
            tolerant: flags.2,
            name: sizes.0,
            room: sizes.1,
            grace: sizes.2,
            backoff: sizes.3,
            on_start: hooks.0,
            on_drain: hooks.1,
            on_stop: hooks.2,
            drops: hooks.3,
        })
        .boxed()
}

fn siblings() -> impl Strategy<Value = Siblings> {
    prop_oneof![
        3 => Just(Siblings::OneForOne),
        1 => Just(Siblings::OneForAll),
        1 => Just(Siblings::RestForOne),
    ]
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        5 => Just(Wait::Forever),
        1 => Just(Wait::EvenIfCyclic),
        2 => (0..400_u16).prop_map(Wait::Limit),
        2 => (0..4_u8).prop_map(Wait::GivenUp),
    ]
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![3 => Just(Work::Plain), 2 => Just(Work::WithToken), 1 => Just(Work::Job)]
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![
        3 => Just(Held::Awaited),
        2 => Just(Held::InState),
        1 => Just(Held::Elsewhere),
        2 => (0..4_u8).prop_map(Held::DroppedAfter),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        2 => Just(Answer::AtOnce),
        3 => Just(Answer::AfterBody),
        1 => Just(Answer::Never),
        2 => Just(Answer::Kept),
        2 => (0..6_u8).prop_map(Answer::Forwarded),
        1 => (0..200_u16).prop_map(Answer::ByTask),
        1 => (0..200_u16).prop_map(Answer::ByTimer),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![2 => Just(Order::Stop), 2 => Just(Order::Drain), 1 => Just(Order::Kill)]
}

fn drops() -> impl Strategy<Value = Drops> {
    prop_oneof![
        8 => Just(Drops::Quietly),
        1 => Just(Drops::Panicking),
        1 => (0..6_u8).prop_map(Drops::Telling),
        1 => (0..6_u8, order()).prop_map(|(at, order)| Drops::Ending(at, order)),
        1 => Just(Drops::Spawning),
    ]
}
