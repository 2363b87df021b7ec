//! What every duration, number, instant and name may be: nothing at all, the least, the most, what has
//! passed, and what makes no sense.
//!
//! Each test is a table: an entry point, a value, and what is right for it.

use crate::common;

use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use common::node::{Gate, Msg, Node, hold, note};
use common::restarting::{self, Recipe};
use common::{Check, Count, Log, paused};
use tenure::prelude::*;
use tenure::{NodeRef, StartError, StopError, StopReason, TaskError, Timer};
use tokio::time::{Instant, MissedTickBehavior, sleep, timeout};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// For what is as good as for ever: a test waits no longer than this.
const DAY: Duration = Duration::from_secs(86_400);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Times that are over within a second.
const SHORT: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_micros(999),
    MS,
    Duration::from_millis(999),
];

/// Times that no test lives to see the end of: beyond what 32 bits of milliseconds hold, what the crate's
/// own moments hold, and what a clock can count.
const LONG: [Duration; 6] = [
    Duration::from_millis(u32::MAX as u64),
    Duration::from_millis(u32::MAX as u64 + 1),
    Duration::from_secs(31 * 365 * 86_400),
    CENTURY,
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

/// What a row came to: its own word, or that it waits, or that it panicked.
async fn outcome(row: impl Future<Output = &'static str>) -> &'static str {
    let mut row = pin!(timeout(DAY, row));
    let guarded = poll_fn(|cx| {
        let poll = || row.as_mut().poll(cx);
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(polled) => polled.map(|ended| ended.unwrap_or("waits")),
            Err(_) => Poll::Ready("panics"),
        }
    });
    guarded.await
}

/// Runs one row.
async fn row(
    entry: &str,
    value: impl Debug,
    right: &str,
    what: impl Future<Output = &'static str>,
) {
    let got = outcome(what).await;
    let mut value = format!("{value:?}");
    value.truncate(80);
    assert_eq!(got, right, "{entry} with {value}");
}

/// Short ones are over, and long ones are not.
fn times() -> impl Iterator<Item = (Duration, &'static str)> {
    let short = SHORT.into_iter().map(|time| (time, "timed out"));
    short.chain(LONG.into_iter().map(|time| (time, "waits")))
}

fn sent<M>(result: Result<(), SendError<M>>) -> &'static str {
    match result {
        Ok(()) => "sent",
        Err(SendError::TimedOut(_)) => "timed out",
        Err(_) => "refused",
    }
}

fn asked(result: Result<(), AskError>) -> &'static str {
    match result {
        Ok(()) => "replied",
        Err(AskError::TimedOut { .. }) => "timed out",
        Err(_) => "refused",
    }
}

/// An actor in a handler that goes on, with a mailbox that has no room left.
async fn busy_and_full(scope: &Scope, check: &Check) -> (ActorRef<Msg>, Arc<Gate>) {
    let spec = ChildSpec::new(Node::new(check, &Log::default())).mailbox(Mailbox::bounded(1));
    let actor = scope.spawn(spec).unwrap();
    let gate = hold(&actor).await;
    actor.try_tell(note("fills it")).unwrap();
    (actor, gate)
}

#[test]
fn limit_of_a_wait_for_room() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (full, gate) = busy_and_full(&scope, &check).await;
            let recipient: Recipient<String> = full.recipient();
            for (time, right) in times() {
                let value = (time, "in a full mailbox");
                let tell = async { sent(full.tell(note("late")).timeout(time).await) };
                row("Tell::timeout", value, right, tell).await;
                let tell = async { sent(recipient.tell("late".into()).timeout(time).await) };
                row("RecipientTell::timeout", value, right, tell).await;
                let reserve = async { sent(full.reserve().timeout(time).await.map(drop)) };
                row("Reserve::timeout", value, right, reserve).await;
                let ask = async { asked(full.ask(Msg::Ping).timeout(time).await) };
                row("Ask::timeout", value, right, ask).await;
            }
            gate.open();
            full.ask(Msg::Ping).await?;
            // What has room needs no time.
            for (time, _) in times() {
                let value = (time, "with room");
                let tell = async { sent(full.tell(note("in time")).timeout(time).await) };
                row("Tell::timeout", value, "sent", tell).await;
                full.ask(Msg::Ping).await?;
                let tell = async { sent(recipient.tell("in time".into()).timeout(time).await) };
                row("RecipientTell::timeout", value, "sent", tell).await;
                full.ask(Msg::Ping).await?;
                let reserve = async { sent(full.reserve().timeout(time).await.map(drop)) };
                row("Reserve::timeout", value, "sent", reserve).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn refused_messages_come_back_whatever_the_limit() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (full, gate) = busy_and_full(&scope, &check).await;
            for time in SHORT {
                let Err(refused) = full.tell(note("mine")).timeout(time).await else {
                    panic!("sent into a full mailbox within {time:?}");
                };
                assert!(matches!(refused.into_inner(), Msg::Note(text) if text == "mine"));
            }
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Instants that have passed, and such that have not.
fn instants() -> impl Iterator<Item = (Instant, &'static str)> {
    let now = Instant::now();
    let past = [DAY, HOUR, MS].map(|ago| now.checked_sub(ago));
    let past = past.into_iter().flatten().chain([now, now + MS]);
    let future = [DAY + HOUR, CENTURY, 5 * CENTURY].map(|later| now.checked_add(later));
    let past = past.map(|at| (at, "timed out"));
    past.chain(future.into_iter().flatten().map(|at| (at, "waits")))
}

#[test]
fn limit_of_an_ask() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &Log::default()))?;
            let texts = scope.spawn(Silent(Vec::new()))?;
            let recipient: Recipient<ReplyTo<()>> = texts.recipient();
            let gate = hold(&actor).await;
            for (time, right) in times() {
                let ask = async { asked(actor.ask(Msg::Ping).timeout(time).await) };
                row("Ask::timeout", time, right, ask).await;
                let ask = async { asked(actor.try_ask(Msg::Ping).timeout(time).await) };
                row("try_ask and Ask::timeout", time, right, ask).await;
                let ask = async { asked(actor.ask(Msg::Ping).timeout(time).owned().await) };
                row("Ask::timeout and owned", time, right, ask).await;
                let ask = async { asked(recipient.ask(|reply| reply).timeout(time).await) };
                row("RecipientAsk::timeout", time, right, ask).await;
            }
            for (at, right) in instants() {
                let value = at.checked_duration_since(Instant::now());
                let ask = async { asked(actor.ask(Msg::Ping).deadline(at).await) };
                row("Ask::deadline", value, right, ask).await;
            }
            for (at, right) in instants() {
                let value = at.checked_duration_since(Instant::now());
                let ask = async { asked(recipient.ask(|reply| reply).deadline(at).await) };
                row("RecipientAsk::deadline", value, right, ask).await;
            }
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Keeps all replies, and sends none.
struct Silent(Vec<ReplyTo<()>>);

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(reply);
        Ok(())
    }
}

/// Asks the actor that it knows, as part of what it handles, and says how that went.
struct Relay(ActorRef<ReplyTo<()>>);

impl Actor for Relay {
    type Msg = ReplyTo<&'static str>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let has_deadline = ctx.deadline().is_some();
        let inner = asked(self.0.ask(|reply| reply).await);
        reply.send(if has_deadline { inner } else { "unlimited" });
        Ok(())
    }
}

#[test]
fn limits_that_are_inherited() {
    paused(async |_| {
        for (time, right) in times() {
            let system = System::builder().ask_timeout(time).start().unwrap();
            let silent = system.spawn(Silent(Vec::new())).unwrap();
            let relay = system.spawn(Relay(silent.clone())).unwrap();
            // The ask from here inherits nothing, so the relay's own has the system's default.
            let by_default = async {
                relay.ask(|reply| reply).await.unwrap();
                "timed out"
            };
            row("Builder::ask_timeout", time, right, by_default).await;
            system.kill().await.unwrap();

            let system = System::start().unwrap();
            let silent = system.spawn(Silent(Vec::new())).unwrap();
            let relay = system.spawn(Relay(silent.clone())).unwrap();
            // The relay and its caller are late at the same moment.
            let inherited = async {
                let told = relay.ask(|reply| reply).timeout(time).await;
                told.unwrap_or_else(|error| asked(Err(error)))
            };
            row("an inherited Ask::timeout", time, right, inherited).await;
            system.kill().await.unwrap();
        }
    });
}

/// Its start does not end.
#[derive(Clone)]
struct NeverStarts;

impl Actor for NeverStarts {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        pending().await
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn limit_of_a_wait_for_a_node() {
    paused(async |_| {
        let system = System::start().unwrap();
        for (time, right) in times() {
            let task = system.task(pending::<()>()).unwrap();
            let node = task.node();
            let stopped = async {
                match node.stopped().timeout(time).await {
                    Err(StopError::TimedOut) => "timed out",
                    _ => "ended",
                }
            };
            row("Stopped::timeout", time, right, stopped).await;
            let awaited = async {
                match task.timeout(time).await {
                    Err(TaskError::TimedOut) => "timed out",
                    _ => "ended",
                }
            };
            row("TaskHandle::timeout", time, right, awaited).await;
            node.kill().await.unwrap();
            let start = async {
                match system.start(NeverStarts).timeout(time).await {
                    Err(StartError::TimedOut) => "timed out",
                    _ => "started",
                }
            };
            row("Starting::timeout", time, right, start).await;
        }
        system.kill().await.unwrap();
    });
}

fn ended(result: &Result<StopReason, StopError>) -> &'static str {
    match result {
        Ok(StopReason::Killed) => "killed",
        Ok(_) => "in order",
        Err(StopError::CutShort(_)) => "cut short",
        Err(_) => "badly",
    }
}

/// What has an hour to do, and is told to stop meanwhile.
async fn with_an_hour(spawner: &Spawner, check: &Check, grace: Option<Duration>) -> ActorRef<Msg> {
    let mut spec = ChildSpec::new(Node::new(check, &Log::default()));
    if let Some(grace) = grace {
        spec = spec.grace(grace);
    }
    let actor = spawner.spawn(spec).unwrap();
    actor.tell(Msg::Sleep(HOUR)).await.unwrap();
    while actor.node().backlog() > 0 {
        tokio::task::yield_now().await;
    }
    actor
}

#[test]
fn grace_of_a_node() {
    paused(async |check| {
        let graces = SHORT.into_iter().map(|time| (time, "cut short"));
        for (time, right) in graces.chain(LONG.into_iter().map(|time| (time, "in order"))) {
            let system = System::start().unwrap();
            let actor = with_an_hour(&system, &check, Some(time)).await;
            let stop = async { ended(&actor.stop().await) };
            row("ChildSpec::grace and stop", time, right, stop).await;
            let actor = with_an_hour(&system, &check, Some(time)).await;
            let drain = async { ended(&actor.drain().await) };
            row("ChildSpec::grace and drain", time, right, drain).await;
            system.kill().await.unwrap();

            let system = System::builder().child_grace(time).start().unwrap();
            let actor = with_an_hour(&system, &check, None).await;
            let stop = async { ended(&actor.stop().await) };
            row("Builder::child_grace and stop", time, right, stop).await;
            system.kill().await.unwrap();

            let system = System::start().unwrap();
            let actor = with_an_hour(&system, &check, Some(Duration::MAX)).await;
            let within = async { ended(&actor.stop().within(time).await) };
            row("Stopping::within", time, right, within).await;
            let actor = with_an_hour(&system, &check, Some(Duration::MAX)).await;
            let twice = async { ended(&actor.drain().within(Duration::MAX).within(time).await) };
            row("Stopping::within, set twice", time, right, twice).await;
            system.kill().await.unwrap();
        }
    });
}

#[test]
fn grace_of_a_system() {
    paused(async |check| {
        let graces = SHORT.into_iter().map(|time| (time, "cut short"));
        for (time, right) in graces.chain(LONG.into_iter().map(|time| (time, "in order"))) {
            for drain in [false, true] {
                let builder = System::builder().grace(time).child_grace(Duration::MAX);
                let system = builder.start().unwrap();
                with_an_hour(&system, &check, None).await;
                let end = async {
                    let ending = if drain { system.drain() } else { system.stop() };
                    ended(&ending.await)
                };
                row("Builder::grace", (time, drain), right, end).await;
            }
            let run = System::builder()
                .grace(time)
                .run(Node::new(&check, &Log::default()).on_start(|ctx| ctx.stop()));
            let run = async {
                match run.await {
                    Ok(()) => "in order",
                    // Without any time the system itself may be too late.
                    Err(RunError::CutShort(_)) if time.is_zero() => "in order",
                    Err(_) => "badly",
                }
            };
            row("Builder::grace and run", time, "in order", run).await;
        }
    });
}

#[test]
fn patience_of_a_system() {
    paused(async |check| {
        for time in SHORT.into_iter().chain(LONG) {
            let system = System::builder().patience(time).start().unwrap();
            with_an_hour(&system, &check, None).await;
            let kill = async { ended(&system.kill().await) };
            row("Builder::patience and kill", time, "killed", kill).await;
            let system = System::builder().patience(time).start().unwrap();
            let scope = async {
                let (spawner, check) = (system.spawner(), &check);
                let actor = with_an_hour(&spawner, check, Some(MS)).await;
                ended(&actor.stop().await)
            };
            row("Builder::patience and a cut", time, "cut short", scope).await;
            system.kill().await.unwrap();
        }
    });
}

const POLICIES: [MissedTickBehavior; 3] = [
    MissedTickBehavior::Burst,
    MissedTickBehavior::Delay,
    MissedTickBehavior::Skip,
];

type SetUp = Box<dyn Fn(&mut Context<Timed>) -> Timer + Send>;

/// Sets up a timer at its start.
struct Timed {
    set_up: SetUp,
    ticks: Count,
}

impl Actor for Timed {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let timer = (self.set_up)(ctx);
        assert!(timer.is_active());
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.ticks.add();
        Ok(())
    }
}

/// Whether the timer gives something in a second and a half, or more than once each millisecond.
async fn ticking(set_up: impl Fn(&mut Context<Timed>) -> Timer + Send + 'static) -> &'static str {
    let ticks = Count::default();
    let system = System::start().unwrap();
    let timed = Timed {
        set_up: Box::new(set_up),
        ticks: ticks.clone(),
    };
    let actor = system.start(timed).await.unwrap();
    sleep(1_500 * MS).await;
    let got = match ticks.get() {
        0 => "waits",
        1..=1_501 => "ticks",
        _ => "spins",
    };
    actor.stop().await.unwrap();
    system.stop().await.unwrap();
    got
}

#[test]
fn times_of_timers() {
    paused(async |_| {
        let short = SHORT.into_iter().map(|time| (time, "ticks"));
        for (time, right) in short.chain(LONG.into_iter().map(|time| (time, "waits"))) {
            let once = ticking(move |ctx| ctx.send_after(time, ()));
            row("send_after", time, right, once).await;
            let every = ticking(move |ctx| ctx.send_every(time, || ()));
            row("send_every", time, right, every).await;
            let quiet = ticking(move |ctx| ctx.receive_timeout(time, || ()));
            row("receive_timeout", time, right, quiet).await;
            for policy in POLICIES {
                let every = ticking(move |ctx| ctx.send_every_with(time, policy, || ()));
                row("send_every_with", (time, policy), right, every).await;
            }
        }
    });
}

/// How often an actor has been started when it has failed this often.
async fn starts(
    check: &Check,
    failures: usize,
    spec: impl FnOnce(ChildSpec<Recipe>) -> ChildSpec<Recipe>,
) -> usize {
    let recipe = Recipe::new("restarting", &Log::default(), check);
    let system = System::start().unwrap();
    let child = spec(recipe.restarting(Restart::OnFailure)).contain();
    let actor = system.start(child).await.unwrap();
    for _ in 0..failures {
        actor.tell(restarting::Msg::Fail).await.ok();
        sleep(5 * MS).await;
    }
    let starts = recipe.incarnations.get();
    // It may be in a wait that is never over.
    system.stop().await.unwrap();
    starts
}

#[test]
fn intensity_of_restarts() {
    paused(async |check| {
        // Of twenty failures, five milliseconds apart.
        let windows = [
            (Duration::ZERO, 21),
            (Duration::from_nanos(1), 21),
            (Duration::from_micros(999), 21),
            (HOUR, 1 + 7),
            (Duration::from_secs(u64::MAX), 1 + 7),
            (Duration::MAX, 1 + 7),
        ];
        for (window, right) in windows {
            for (limit, right) in [(0, 1), (7, right), (u32::MAX, 21)] {
                let got = starts(&check, 20, |spec| spec.intensity(limit, window)).await;
                assert_eq!(got, right, "intensity({limit}, {window:?})");
            }
        }
    });
}

#[test]
fn waits_before_restarts() {
    paused(async |check| {
        let most = |spec: ChildSpec<Recipe>| spec.intensity(u32::MAX, Duration::MAX);
        for wait in SHORT.into_iter().chain(LONG) {
            for reset in SHORT.into_iter().chain(LONG) {
                let backoff = Backoff::fixed(wait).reset_after(reset);
                let doubling = Backoff::exponential(wait, Duration::MAX).jitter(0.0);
                for backoff in [backoff, doubling.reset_after(reset)] {
                    // It is looked at a few milliseconds after its only failure.
                    let right = if wait <= MS { 2 } else { 1 };
                    let got = starts(&check, 1, |spec| most(spec).backoff(backoff)).await;
                    assert_eq!(got, right, "{backoff:?}");
                }
            }
        }
    });
}

#[test]
fn backoffs_that_make_no_sense_are_refused_and_come_back() {
    paused(async |check| {
        let system = System::start().unwrap();
        let times = || SHORT.into_iter().chain(LONG);
        let pairs = times().flat_map(|first| times().map(move |max| (first, max)));
        let jitters = [
            (0.0, true),
            (-0.0, true),
            (1.0, true),
            (f64::MIN_POSITIVE, true),
            (1.0 + f64::EPSILON, false),
            (-f64::MIN_POSITIVE, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
            (f64::MAX, false),
        ];
        for (first, max) in pairs {
            for (jitter, is_valid) in jitters {
                let is_valid = is_valid && first <= max;
                let backoff = Backoff::exponential(first, max).jitter(jitter);
                let row = format!("Backoff::exponential({first:?}, {max:?}).jitter({jitter})");
                assert_eq!(backoff.is_valid(), is_valid, "{row}");
                let recipe = Recipe::new("restarting", &Log::default(), &check);
                let spec = recipe.restarting(Restart::Always).backoff(backoff);
                match system.spawn(spec) {
                    Ok(actor) => {
                        assert!(is_valid, "{row} is spawned");
                        actor.kill().await.unwrap();
                    }
                    Err(SpawnError::BadBackoff(spec)) => {
                        assert!(!is_valid, "{row} is refused");
                        assert_eq!(spec.into_inner().into_inner().name, "restarting");
                    }
                    Err(error) => panic!("{row}: {error:?}"),
                }
            }
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn capacities() {
    paused(async |check| {
        let many = 100;
        let capacities = [
            (Mailbox::bounded(0), None),
            (Mailbox::bounded(1), Some(1)),
            (Mailbox::bounded(99), Some(99)),
            (Mailbox::bounded(u32::MAX as usize - 1), Some(many)),
            (Mailbox::bounded(u32::MAX as usize), Some(many)),
            (Mailbox::bounded(u32::MAX as usize + 1), Some(many)),
            (Mailbox::bounded(usize::MAX), Some(many)),
            (Mailbox::unbounded(), Some(many)),
        ];
        for (mailbox, right) in capacities {
            let by_spec = System::start().unwrap();
            let by_default = System::builder().mailbox(mailbox).start().unwrap();
            let node = || ChildSpec::new(Node::new(&check, &Log::default()));
            let spawned = [
                by_spec.spawn(node().mailbox(mailbox)),
                by_default.spawn(node()),
            ];
            for (place, spawned) in ["ChildSpec", "Builder"].into_iter().zip(spawned) {
                let row = format!("{place}::mailbox({mailbox:?})");
                match (spawned, right) {
                    (Ok(actor), Some(right)) => {
                        let gate = hold(&actor).await;
                        let fits = |_: &i32| actor.try_tell(note("fits")).is_ok();
                        assert_eq!((0..many).take_while(fits).count(), right as usize, "{row}");
                        gate.open();
                    }
                    (Err(SpawnError::NoCapacity(spec)), None) => drop(spec.into_inner()),
                    (spawned, _) => panic!("{row}: {spawned:?}"),
                }
            }
            by_spec.drain().await.unwrap();
            by_default.drain().await.unwrap();
        }
    });
}

/// A name of a megabyte.
fn very_long() -> String {
    "n".repeat(1 << 20)
}

fn names() -> impl Iterator<Item = (String, bool)> {
    let bad = ["", "/", "//", "a/b", "/a", "a/"];
    let good = [
        " ", ".", "..", "*", "-", "-1", "\n", "\0", "名", "root", "Node-1",
    ];
    let bad = bad.into_iter().map(|name| (name.to_owned(), false));
    let good = good.into_iter().map(|name| (name.to_owned(), true));
    let long = [(very_long(), true), (very_long() + "/", false)];
    bad.chain(good).chain(long)
}

#[test]
fn names_of_children() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = |name: &str| Node::new(&check, &Log::default()).named(name);
        for (name, is_good) in names() {
            let shown: String = name.chars().take(20).collect();
            for start in [false, true] {
                let row = format!("a name {shown:?} of {} bytes, {start}", name.len());
                let spawned = if start {
                    match system.start(spec(&name)).await {
                        Err(StartError::Refused(error)) => Err(error),
                        started => Ok(started.unwrap()),
                    }
                } else {
                    system.spawn(spec(&name))
                };
                let actor = match spawned {
                    Ok(actor) => actor,
                    Err(SpawnError::BadName(spec)) => {
                        assert!(!is_good, "{row} is refused");
                        drop(spec.into_inner());
                        continue;
                    }
                    Err(error) => panic!("{row}: {error:?}"),
                };
                assert!(is_good, "{row} is taken");
                let node = Some(actor.node());
                assert_eq!(actor.path(), format!("/{name}"), "{row}");
                assert_eq!(system.child(&name), node, "{row}");
                assert_eq!(system.find(&name), node, "{row}");
                assert_eq!(system.find(&actor.path()), node, "{row}");
                assert_eq!(system.lookup(&name).ok(), Some(actor.clone()), "{row}");
                let twin = system.spawn(spec(&name));
                assert!(
                    matches!(twin, Err(SpawnError::NameTaken(_))),
                    "{row}: {twin:?}"
                );
                actor.stop().await.unwrap();
                assert_eq!(system.child(&name), None, "{row} is free again");
            }
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn names_of_roots() {
    paused(async |check| {
        for (name, is_good) in names() {
            let shown: String = name.chars().take(20).collect();
            let node = || Node::new(&check, &Log::default()).on_start(|ctx| ctx.stop());
            // A system's own name is no segment of a path, so it may be anything; an empty one is none.
            let builder = System::builder().name(name.clone());
            let system = builder.clone().start().unwrap();
            assert_eq!(
                system.node().name().as_ref(),
                Some(&name),
                "a system {shown:?}"
            );
            let prefix = match &*name {
                "" => String::new(),
                name => format!("{name}:"),
            };
            let path = system.node().path();
            assert_eq!(path, format!("{prefix}/"), "a system {shown:?}");
            let child = system.spawn(node().named("child")).unwrap();
            assert_eq!(child.path(), format!("{prefix}/child"), "in {shown:?}");
            let found = system.find(&child.path());
            assert_eq!(found, Some(child.node()), "in {shown:?}");
            system.stop().await.unwrap();
            builder.clone().run(node()).await.unwrap();
            let ran = builder.run(node().named(&name)).await;
            assert_eq!(ran.is_ok(), is_good, "a root {shown:?}: {ran:?}");
        }
    });
}

#[test]
fn paths_that_lead_nowhere() {
    paused(async |check| {
        let system = System::start().unwrap();
        let node = |name| Node::new(&check, &Log::default()).named(name);
        let actor = system.start(node("a")).await.unwrap();
        let root = Some(system.node());
        let found: [(&str, Option<NodeRef>); 9] = [
            ("", root.clone()),
            ("/", root.clone()),
            ("////", root),
            ("a", Some(actor.node())),
            ("/a", Some(actor.node())),
            ("//a//", Some(actor.node())),
            ("b", None),
            ("/a/a", None),
            ("..", None),
        ];
        for (path, right) in found {
            assert_eq!(system.find(path), right, "find({path:?})");
        }
        let long = very_long();
        let deep = "/a".repeat(1 << 19);
        let nowhere = [
            "-",
            "a-",
            "a-0",
            "-0",
            "Node-18446744073709551615",
            "Node-18446744073709551616",
            "a--1",
            "\0",
            &long,
            &deep,
        ];
        for path in nowhere {
            let shown: String = path.chars().take(30).collect();
            assert_eq!(system.find(path), None, "find({shown:?})");
            assert_eq!(system.child(path), None, "child({shown:?})");
            assert!(system.lookup::<Msg>(path).is_err(), "lookup({shown:?})");
        }
        for nothing in ["", "/", "b"] {
            assert!(
                system.lookup::<Msg>(nothing).is_err(),
                "lookup({nothing:?})"
            );
        }
        system.stop().await.unwrap();
    });
}
