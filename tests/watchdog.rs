//! A watchdog, in real time: it has a thread of its own, which no test can poll.

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::node::{Msg, Node, hold, note, run};
use common::{Check, Log, workers};
use tenure::observe::{Alarm, AlarmKind, Watchdog};
use tenure::prelude::*;
use tenure::{Restart, System};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

/// A watchdog that looks for nothing.
fn blind() -> Watchdog {
    Watchdog::new()
        .poll(None)
        .handler(None)
        .full(None)
        .overrun(None)
        .unreachable(None)
        .restarts(None)
}

/// A watchdog that sends its alarms to a channel.
fn heard(watchdog: Watchdog) -> (Watchdog, Receiver<Alarm>) {
    let (send, alarms) = channel();
    // The test may have dropped the receiver once it has what it needs.
    let watchdog = watchdog.on_alarm(move |alarm| send.send(alarm.clone()).unwrap_or_default());
    (watchdog, alarms)
}

fn next(alarms: &Receiver<Alarm>) -> Alarm {
    alarms.recv_timeout(LONG).expect("an alarm")
}

/// Blocks this thread until the sender is dropped.
fn block_on_gate(gate: &Receiver<()>) {
    gate.recv().unwrap_err();
}

/// Code that blocks the thread that runs it until the sender is dropped.
fn blocker() -> (Sender<()>, impl FnOnce(&mut Context<Node>) + Send + 'static) {
    let (open, gate) = channel::<()>();
    (open, move |_: &mut Context<Node>| block_on_gate(&gate))
}

fn plain(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

#[test]
fn stuck_poll_is_found_though_every_worker_is_stuck_and_a_job_is_none() {
    let (watchdog, alarms) = heard(blind().poll(SHORT));
    let runtime = workers(1);
    let check = Check::default();
    let (job_goes_on, job) = channel::<()>();
    let (goes_on, block) = blocker();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        system.blocking(move |_| block_on_gate(&job)).unwrap();
        let stuck = system.spawn(plain(&check).named("stuck")).unwrap();
        stuck.tell(run(block)).await.unwrap();
        system
    });
    let first = next(&alarms);
    assert_eq!(first.kind, AlarmKind::StuckPoll);
    assert_eq!((first.node.path.as_str(), first.times), ("/stuck", 1));
    assert_eq!(first.node.label.as_deref(), Some("Run"));
    assert!(first.node.site.file.ends_with("watchdog.rs"));
    assert!(first.lasted >= SHORT, "{first}");
    assert!(first.to_string().starts_with("stuck_poll for "), "{first}");
    // An alarm is repeated only once the trouble has lasted twice as long.
    let second = next(&alarms);
    assert_eq!((second.node.id, second.times), (first.node.id, 2));
    assert!(second.lasted >= 2 * first.lasted, "{first}, {second}");
    drop((goes_on, job_goes_on));
    runtime.block_on(async { system.stop().await.unwrap() });
    let others = alarms
        .try_iter()
        .filter(|alarm| alarm.node.id != first.node.id);
    assert_eq!(others.count(), 0);
    check.assert_clean();
}

#[test]
fn code_of_a_scope_that_blocks_is_the_poll_of_its_owner() {
    let (watchdog, alarms) = heard(blind().poll(SHORT));
    let runtime = workers(1);
    let (goes_on, gate) = channel::<()>();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        let task = tenure::TaskSpec::new(tenure::scope_send(move |_| async move {
            block_on_gate(&gate);
            Ok(())
        }));
        drop(system.task(task.name("owner")).unwrap());
        system
    });
    assert_eq!(next(&alarms).node.path, "/owner");
    assert_eq!(next(&alarms).node.path, "/owner");
    drop(goes_on);
    runtime.block_on(async { system.drain().await.unwrap() });
}

#[test]
fn long_handler_and_full_mailbox_are_found() {
    let (watchdog, alarms) = heard(blind().handler(SHORT).full(SHORT));
    let runtime = workers(1);
    let check = Check::default();
    let (system, gate) = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        let spec = plain(&check).named("slow").mailbox(Mailbox::bounded(1));
        let slow = system.spawn(spec).unwrap();
        let gate = hold(&slow).await;
        slow.tell(note("queued")).await.unwrap();
        let send = async move { slow.tell(note("waits")).await.unwrap() };
        drop(system.task(send).unwrap());
        (system, gate)
    });
    let mut kinds = [next(&alarms), next(&alarms)].map(|alarm| {
        assert_eq!(alarm.node.path, "/slow");
        alarm.kind.name()
    });
    kinds.sort_unstable();
    assert_eq!(kinds, ["full_mailbox", "long_handler"]);
    gate.open();
    runtime.block_on(async { system.drain().await.unwrap() });
    check.assert_clean();
}

#[test]
fn stop_that_overruns_names_what_does_not_yield() {
    let (watchdog, alarms) = heard(blind().overrun(SHORT));
    let runtime = workers(2);
    let check = Check::default();
    let (goes_on, block) = blocker();
    let (system, stopping) = runtime.block_on(async {
        let builder = System::builder().watchdog(watchdog);
        let system = builder.patience(LONG).start().unwrap();
        let spec = plain(&check).named("blocks").grace(SHORT);
        let blocks = system.spawn(spec).unwrap();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let block = move |ctx: &mut Context<Node>| {
            begun.send(()).unwrap();
            block(ctx);
        };
        blocks.tell(run(block)).await.unwrap();
        has_begun.await.unwrap();
        let stopping = system.stop();
        (system, stopping)
    });
    let stopping = std::thread::scope(|threads| {
        let ended = threads.spawn(|| runtime.block_on(stopping));
        let alarm = next(&alarms);
        assert_eq!(alarm.kind, AlarmKind::StopOverrun);
        assert_eq!(alarm.node.path, "/blocks");
        // It is also in a single poll, which becomes the verdict once that is long.
        assert!(["stuck", "overdue"].contains(&alarm.node.verdict.word()));
        drop(goes_on);
        ended.join().unwrap()
    });
    stopping.unwrap_err();
    drop(system);
    check.assert_clean();
}

#[test]
fn unreachable_actor_is_found_and_many_of_them_are_few_reports() {
    let (watchdog, alarms) = heard(blind().unreachable(SHORT));
    let runtime = workers(2);
    let check = Check::default();
    // More than it looks at in one go, and reachable.
    let mut others = Vec::new();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        others.extend((0..1_000).map(|_| system.spawn(plain(&check)).unwrap()));
        for _ in 0..100 {
            drop(system.spawn(plain(&check)).unwrap());
        }
        system
    });
    let mut seen = 0;
    while seen < 100 {
        let alarm = next(&alarms);
        assert_eq!(alarm.kind, AlarmKind::Unreachable);
        assert_eq!(alarm.node.verdict.word(), "unreachable", "{alarm}");
        assert!(alarm.node.age >= SHORT, "{alarm}");
        seen += 1 + alarm.others;
    }
    runtime.block_on(async { system.stop().await.unwrap() });
    check.assert_clean();
}

#[test]
fn restart_storm_is_found() {
    let (watchdog, alarms) = heard(blind().restarts((10, LONG)));
    let runtime = workers(2);
    let check = Check::default();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        let of = check.clone();
        let spec = ChildSpec::factory(move || plain(&of))
            .name("fails")
            .restart(Restart::OnFailure)
            .backoff(Backoff::fixed(Duration::from_millis(5)))
            .intensity(u32::MAX, LONG)
            // It may fail just when it is told to stop, and is not restarted then.
            .contain()
            .mailbox(Mailbox::unbounded());
        let fails = system.spawn(spec).unwrap();
        for _ in 0..2_000 {
            fails.tell(Msg::Fail).await.unwrap();
        }
        system
    });
    let alarm = next(&alarms);
    assert_eq!(alarm.kind, AlarmKind::RestartStorm);
    assert_eq!(alarm.node.path, "/fails");
    assert!(alarm.others > 10, "{alarm}");
    runtime.block_on(async { system.stop().await.unwrap() });
    check.assert_clean();
}

#[test]
fn hook_that_panics_is_called_again() {
    let (send, calls) = channel();
    let watchdog = blind().poll(SHORT).on_alarm(move |_| {
        send.send(()).unwrap_or_default();
        panic!("the hook panics");
    });
    let runtime = workers(1);
    let check = Check::default();
    let (goes_on, block) = blocker();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        let stuck = system.spawn(plain(&check)).unwrap();
        stuck.tell(run(block)).await.unwrap();
        system
    });
    for _ in 0..2 {
        calls.recv_timeout(LONG).unwrap();
    }
    drop(goes_on);
    runtime.block_on(async { system.stop().await.unwrap() });
}

#[test]
fn watchdog_ends_before_its_system_has_ended() {
    let runtime = workers(2);
    runtime.block_on(async {
        for _ in 0..50 {
            let alive = Arc::new(());
            let held = Arc::clone(&alive);
            let watchdog = Watchdog::new().on_alarm(move |_| drop(Arc::clone(&held)));
            let system = System::builder().watchdog(watchdog).start().unwrap();
            system.stop().await.unwrap();
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}

#[test]
fn end_of_a_watchdog_is_waited_for_while_a_paused_clock_stands_still() {
    let runtime = common::paused_runtime();
    runtime.block_on(async {
        for _ in 0..50 {
            let system = System::builder().watchdog(Watchdog::new());
            let system = system.start().unwrap();
            let begin = tokio::time::Instant::now();
            system.stop().await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
        }
    });
}

#[test]
fn system_does_not_wait_for_a_hook_that_blocks() {
    let (begun, has_begun) = channel();
    let (goes_on, gate) = channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let watchdog = blind().unreachable(SHORT).on_alarm(move |_| {
        begun.send(()).unwrap_or_default();
        block_on_gate(&gate.lock().unwrap());
    });
    let runtime = workers(2);
    let check = Check::default();
    let system = runtime.block_on(async {
        let system = System::builder().watchdog(watchdog).start().unwrap();
        drop(system.spawn(plain(&check)).unwrap());
        system
    });
    has_begun.recv_timeout(LONG).unwrap();
    runtime.block_on(async { system.stop().await.unwrap() });
    drop(goes_on);
}

#[test]
fn watchdog_takes_extreme_thresholds() {
    let all = |time: Duration| {
        Watchdog::new()
            .poll(time)
            .handler(time)
            .full(time)
            .overrun(time)
            .unreachable(time)
            .restarts((0, time))
    };
    let runtime = workers(2);
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let (watchdog, alarms) = heard(all(time));
        let check = Check::default();
        let system = runtime.block_on(async {
            let system = System::builder().watchdog(watchdog).start().unwrap();
            drop(system.spawn(plain(&check)).unwrap());
            system
        });
        if time < LONG {
            while next(&alarms).kind != AlarmKind::Unreachable {}
        }
        runtime.block_on(async { system.stop().await.unwrap() });
        check.assert_clean();
    }
}
