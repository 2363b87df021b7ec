//! Where failures go, and that none is lost on the way.

use crate::common;

use std::future::pending;
use std::panic::panic_any;
use std::sync::Arc;
use std::time::Duration;

use common::{Check, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{Cause, Failure, StopError, StopReason, System};
use tokio::sync::Notify;

/// What makes a node fail, sorted, each with its path.
fn leaves(failure: &Failure) -> Vec<String> {
    let mut leaves: Vec<_> = failure.leaves().map(ToString::to_string).collect();
    leaves.sort();
    leaves
}

fn failure_of<T: std::fmt::Debug>(end: Result<T, StopError>) -> Failure {
    match end {
        Err(StopError::Failed(failure)) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// A child that does as it is told.
struct Child {
    name: &'static str,
    log: Log,
    on_stop: OnStop,
    _guard: Guard,
}

#[derive(Clone, Copy, PartialEq)]
enum OnStop {
    Ends,
    Fails,
    Panics,
}

enum ChildMsg {
    Fail,
    Panic,
    Stop,
    Hang(ReplyTo<()>),
    Answer(ReplyTo<u32>),
}

impl Actor for Child {
    type Msg = ChildMsg;

    async fn handle(&mut self, msg: ChildMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            ChildMsg::Fail => return Err(format!("{} is out of paper", self.name).into()),
            ChildMsg::Panic => panic!("{} is on fire", self.name),
            ChildMsg::Stop => ctx.stop(),
            ChildMsg::Answer(reply) => reply.send(42),
            ChildMsg::Hang(reply) => {
                reply.send(());
                pending::<()>().await;
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} on_stop", self.name));
        match self.on_stop {
            OnStop::Ends => Ok(()),
            OnStop::Fails => Err("no end".into()),
            OnStop::Panics => panic!("{} tripped", self.name),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}

fn child(name: &'static str, log: &Log, check: &Check) -> Child {
    Child {
        name,
        log: log.clone(),
        on_stop: OnStop::Ends,
        _guard: check.guard(),
    }
}

/// Owns what it is given, and hears of their ends as every owner does.
struct Owner {
    log: Log,
    check: Check,
    /// Whether its own end goes wrong as well.
    falls: bool,
}

enum OwnerMsg {
    Spawn(ChildSpec<Child>, ReplyTo<ActorRef<ChildMsg>>),
    /// Lets these fail while it is busy.
    LetFail(Vec<ActorRef<ChildMsg>>),
    /// Lets these fail while it is busy, and fails too.
    FailWith(Vec<ActorRef<ChildMsg>>),
}

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            OwnerMsg::Spawn(spec, reply) => {
                let child = ctx.spawn(spec)?;
                self.check.node(child.node());
                reply.send(child);
                Ok(())
            }
            OwnerMsg::LetFail(children) => {
                for child in &children {
                    child.try_tell(ChildMsg::Fail)?;
                }
                // To await an end would be to see it.
                while !children.iter().all(ActorRef::is_stopped) {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            OwnerMsg::FailWith(children) => {
                for child in &children {
                    child.try_tell(ChildMsg::Fail)?;
                }
                for child in &children {
                    failure_of(child.stopped().await);
                }
                Err("the owner has had enough".into())
            }
        }
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("exit of {}", exit.path()));
        exit.into_result()
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.falls {
            return Err("no way to end it".into());
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        assert!(!self.falls, "and its state panics");
    }
}

impl Owner {
    fn new(log: &Log, check: &Check) -> Self {
        Self {
            log: log.clone(),
            check: check.clone(),
            falls: false,
        }
    }
}

#[test]
fn all_failures_are_reported() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let mut owner = Owner::new(&log, &check);
            owner.falls = true;
            let owner = scope.spawn(ChildSpec::new(owner).name("p"))?;
            let mut children = Vec::new();
            for name in ["a", "b", "c"] {
                let spec = ChildSpec::new(child(name, &log, &check)).name(name);
                children.push(owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?);
            }
            owner.tell(OwnerMsg::FailWith(children)).await?;
            owner.stopped().await?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(
            leaves(&failure),
            [
                "/p failed: no way to end it",
                "/p failed: the owner has had enough",
                "/p panicked: and its state panics",
                "/p/a failed: a is out of paper",
                "/p/b failed: b is out of paper",
                "/p/c failed: c is out of paper",
            ],
        );
        assert!(matches!(failure.cause(), Cause::Beneath));
        let [owner] = failure.beneath() else {
            panic!("{failure:?}");
        };
        assert!(matches!(owner.cause(), Cause::Error(_)));
        let tree = format!("{:?}", RunError::Failed(failure.clone()));
        assert_eq!(tree.lines().count(), 7, "{tree}");
        for leaf in leaves(&failure) {
            assert_eq!(tree.matches(&leaf).count(), 1, "{leaf} in {tree}");
        }
    });
}

/// As above, but the owner has nothing against it: it hears of the first, and that fails it.
#[test]
fn failures_that_the_owner_has_not_seen_are_reported_with_it() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("p"))?;
            let mut children = Vec::new();
            for name in ["a", "b", "c"] {
                let spec = ChildSpec::new(child(name, &log, &check)).name(name);
                children.push(owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?);
            }
            // All fail while it is busy.
            owner.tell(OwnerMsg::LetFail(children)).await?;
            owner.stopped().await?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(
            log.entries()
                .iter()
                .filter(|entry| entry.starts_with("exit"))
                .count(),
            1
        );
        assert_eq!(
            leaves(&failure),
            [
                "/p/a failed: a is out of paper",
                "/p/b failed: b is out of paper",
                "/p/c failed: c is out of paper",
            ],
        );
    });
}

#[test]
fn panic_in_on_stop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let owner = ChildSpec::new(Owner::new(&log, &check)).name("p").contain();
            let owner = scope.spawn(owner)?;
            for name in ["c1", "c2", "c3", "c4", "c5"] {
                let mut child = child(name, &log, &check);
                if name == "c3" {
                    child.on_stop = OnStop::Panics;
                }
                let spec = ChildSpec::new(child).name(name);
                owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
            }
            let failure = failure_of(owner.stop().await);
            assert_eq!(leaves(&failure), ["/p/c3 panicked: c3 tripped"]);
            let expected: Vec<_> = ["c5", "c4", "c3", "c2", "c1"]
                .iter()
                .flat_map(|name| [format!("{name} on_stop"), format!("{name} dropped")])
                .collect();
            assert_eq!(log.entries(), expected);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Panics when it is dropped, with a payload that does so too.
struct Bomb(#[allow(dead_code, reason = "counted")] Guard);

struct EvilPayload {
    rounds: u32,
    _guard: Option<Guard>,
}

impl Drop for EvilPayload {
    fn drop(&mut self) {
        if self.rounds > 0 {
            panic_any(Self {
                rounds: self.rounds - 1,
                _guard: None,
            });
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(EvilPayload {
            rounds: 3,
            _guard: None,
        });
    }
}

struct Bomber {
    _bomb: Option<Bomb>,
    check: Check,
}

enum BomberMsg {
    Carry(#[allow(dead_code, reason = "only its drop matters")] Bomb),
    /// Holds a bomb at its await point.
    HangWithBomb(ReplyTo<()>),
    Hang(ReplyTo<()>),
    PanicWithPayload,
    Ask(#[allow(dead_code, reason = "only its drop matters")] ReplyTo<()>),
}

impl Actor for Bomber {
    type Msg = BomberMsg;

    async fn handle(&mut self, msg: BomberMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            BomberMsg::Carry(_) => unreachable!("it is only ever queued"),
            BomberMsg::HangWithBomb(reply) => {
                let _bomb = Bomb(self.check.guard());
                reply.send(());
                pending::<()>().await;
            }
            BomberMsg::Hang(reply) => {
                reply.send(());
                ctx.cancelled().await;
            }
            BomberMsg::PanicWithPayload => panic_any(EvilPayload {
                rounds: 3,
                _guard: Some(self.check.guard()),
            }),
            BomberMsg::Ask(_) => {}
        }
        Ok(())
    }
}

#[test]
fn panic_in_drop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let sibling = scope.spawn(child("sibling", &log, &check))?;
            let bomber = |armed: bool| {
                let bomb = armed.then(|| Bomb(check.guard()));
                let bomber = Bomber {
                    _bomb: bomb,
                    check: check.clone(),
                };
                let spec = ChildSpec::new(bomber).name("bomber").contain();
                scope.spawn(spec).map_err(|_| "not spawned")
            };
            let not_text = ["/bomber panicked: (a payload that is not text)"];

            // The state.
            let failure = failure_of(bomber(true)?.stop().await);
            assert_eq!(leaves(&failure), not_text);
            // A kill stays a kill, of one that runs and of one that was never polled.
            let killed = bomber(true)?.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            let running = bomber(true)?;
            running.ask(BomberMsg::Hang).await?;
            let killed = running.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            let hanging = bomber(false)?;
            hanging.ask(BomberMsg::HangWithBomb).await?;
            let killed = hanging.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");

            // Queued messages: the ask between them resolves.
            let queued = bomber(false)?;
            queued.ask(BomberMsg::Hang).await?;
            queued.try_tell(BomberMsg::Carry(Bomb(check.guard())))?;
            let asking = queued.ask(BomberMsg::Ask);
            let stopping = async {
                tokio::task::yield_now().await;
                queued.try_tell(BomberMsg::Carry(Bomb(check.guard())))?;
                Ok::<_, tenure::Error>(queued.stop().await)
            };
            let (asked, stopped) = tokio::join!(asking, stopping);
            assert_eq!(asked, Err(AskError::Stopped));
            assert_eq!(leaves(&failure_of(stopped?)), not_text);

            // The payload of a panic.
            let panicking = bomber(false)?;
            panicking.tell(BomberMsg::PanicWithPayload).await?;
            assert_eq!(leaves(&failure_of(panicking.stopped().await)), not_text);

            // A task's future, finished and killed.
            let bomb = Bomb(check.guard());
            let task = scope.task(async move {
                let _bomb = &bomb;
                pending::<()>().await;
            })?;
            tokio::task::yield_now().await;
            let killed = task.node().kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");

            assert_eq!(sibling.ask(ChildMsg::Answer).await?, 42);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn panic_in_the_drop_of_a_message_that_nobody_waits_for() {
    #[allow(dead_code, reason = "held, and dropped")]
    struct Fused(Bomb, ReplyTo<()>);
    struct Slow(Arc<Notify>);
    impl Actor for Slow {
        type Msg = Option<Fused>;
        async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            assert!(msg.is_none(), "it was given up before it was started");
            self.0.notified().await;
            Ok(())
        }
    }
    paused(async |check| {
        tenure::scope(async |scope| {
            let go_on = Arc::new(Notify::new());
            let slow = ChildSpec::new(Slow(Arc::clone(&go_on))).contain();
            let slow = scope.spawn(slow)?;
            slow.tell(None).await?;
            let mut asking = Box::pin(slow.ask(|reply| Some(Fused(Bomb(check.guard()), reply))));
            tokio::select! {
                biased;
                replied = &mut asking => panic!("{replied:?}"),
                () = tokio::task::yield_now() => {}
            }
            drop(asking);
            go_on.notify_one();
            let failure = failure_of(slow.stopped().await);
            assert!(matches!(failure.cause(), Cause::Panic(_)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Starts a chain of three, the last of which panics.
struct Level {
    depth: usize,
    _guard: Guard,
    check: Check,
}

impl Actor for Level {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.check.node(ctx.node());
        let names = ["one", "two", "three"];
        if let Some(name) = names.get(self.depth) {
            let next = Self {
                depth: self.depth + 1,
                _guard: self.check.guard(),
                check: self.check.clone(),
            };
            ctx.spawn(ChildSpec::new(next).name(*name))?.try_tell(())?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        assert!(self.depth < 3, "too deep");
        Ok(())
    }
}

#[test]
fn failure_escalates_to_the_root() {
    paused(async |check| {
        let root = Level {
            depth: 0,
            _guard: check.guard(),
            check: check.clone(),
        };
        let ended = System::run(root).await;
        assert_eq!(check.alive(), 0);
        let Err(RunError::Failed(failure)) = &ended else {
            panic!("{ended:?}");
        };
        let mut paths = Vec::new();
        let mut next = Some(failure);
        while let Some(failure) = next {
            assert!(failure.beneath().len() <= 1);
            paths.push(failure.path());
            next = failure.beneath().first();
        }
        let expected = [
            "/",
            "/root",
            "/root/one",
            "/root/one/two",
            "/root/one/two/three",
        ];
        assert_eq!(paths, expected);
        assert_eq!(leaves(failure), ["/root/one/two/three panicked: too deep"],);
        let printed = format!("{ended:?}");
        for path in expected {
            assert!(printed.contains(&format!("{path} ")), "{path} in {printed}");
        }
    });
}

/// How a child is brought to its end in the table of rule 9.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Finished,
    Stopped,
    Drained,
    Killed,
    Error,
    ErrorInOnStop,
    Panic,
    PanicInOnStop,
    OutOfGrace,
}

impl Way {
    async fn end(
        self,
        child: &ActorRef<ChildMsg>,
    ) -> tenure::Result<Result<StopReason, StopError>> {
        match self {
            Self::Finished => child.tell(ChildMsg::Stop).await?,
            Self::Error => child.tell(ChildMsg::Fail).await?,
            Self::Panic => child.tell(ChildMsg::Panic).await?,
            Self::OutOfGrace => child.ask(ChildMsg::Hang).await?,
            _ => {}
        }
        Ok(match self {
            Self::Finished | Self::Error | Self::Panic => child.stopped().await,
            Self::Drained => child.drain().await,
            Self::Killed => child.kill().await,
            _ => child.stop().await,
        })
    }
}

#[derive(Debug, PartialEq)]
struct Row {
    way: Way,
    reason: &'static str,
    on_stop: bool,
    fails_owner: bool,
}

async fn end_of(way: Way, contain: bool, check: &Check) -> Row {
    let log = Log::default();
    let row = tenure::scope(async |scope| {
        let spec = ChildSpec::new(Owner::new(&log, check)).contain();
        let owner = scope.spawn(spec)?;
        let mut child = child("c", &log, check);
        child.on_stop = match way {
            Way::ErrorInOnStop => OnStop::Fails,
            Way::PanicInOnStop => OnStop::Panics,
            _ => OnStop::Ends,
        };
        let mut spec = ChildSpec::new(child).name("c");
        if contain {
            spec = spec.contain();
        }
        let child = owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
        let reason = match way.end(&child).await? {
            Ok(StopReason::Finished) => "finished",
            Ok(StopReason::Stopped) => "stopped",
            Ok(StopReason::Drained) => "drained",
            Ok(StopReason::Killed) => "killed",
            Err(StopError::CutShort(_)) => "cut short",
            Err(StopError::Failed(_)) => "failed",
            other => panic!("{other:?}"),
        };
        let fails_owner = match owner.drain().await {
            Ok(_) => false,
            Err(StopError::Failed(failure)) => {
                assert_eq!(failure.leaves().count(), 1, "{failure:?}");
                true
            }
            other => panic!("{other:?}"),
        };
        let told = format!("exit of {}/c", owner.path());
        assert!(log.entries().contains(&told), "{way:?}");
        assert!(log.entries().contains(&"c dropped".into()));
        Ok(Row {
            way,
            reason,
            on_stop: log.entries().contains(&"c on_stop".into()),
            fails_owner,
        })
    });
    row.await.unwrap()
}

/// The table of rule 9, as far as it is not about restarts.
#[test]
fn ends_go_where_the_table_says() {
    paused(async |check| {
        #[rustfmt::skip]
        let table = [
            (Way::Finished,      "finished",  true,  false),
            (Way::Stopped,       "stopped",   true,  false),
            (Way::Drained,       "drained",   true,  false),
            (Way::Killed,        "killed",    false, false),
            (Way::Error,         "failed",    true,  true),
            (Way::ErrorInOnStop, "failed",    true,  true),
            (Way::Panic,         "failed",    false, true),
            (Way::PanicInOnStop, "failed",    true,  true),
            (Way::OutOfGrace,    "cut short", false, false),
        ];
        for (way, reason, on_stop, fails_owner) in table {
            for contain in [false, true] {
                let expected = Row {
                    way,
                    reason,
                    on_stop,
                    fails_owner: fails_owner && !contain,
                };
                assert_eq!(end_of(way, contain, &check).await, expected);
            }
        }
    });
}

#[test]
fn child_cut_short_in_its_owners_stop_is_reported() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner::new(&log, &check)).name("p"))?;
            let spec = ChildSpec::new(child("c", &log, &check))
                .name("c")
                .grace(Duration::from_secs(1));
            let child = owner.ask(|reply| OwnerMsg::Spawn(spec, reply)).await?;
            child.ask(ChildMsg::Hang).await?;
            let ended = owner.stop().await;
            let Err(StopError::CutShort(cut)) = ended else {
                panic!("{ended:?}");
            };
            let paths: Vec<_> = cut.nodes().iter().map(|node| node.path.as_str()).collect();
            assert_eq!(paths, ["/p/c"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Fails with what its peer's end gives it.
struct Dependent {
    peer: ActorRef<ChildMsg>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[derive(Clone, Copy, Debug)]
enum Use {
    Tell,
    Ask,
    WrappedTwice,
    Unrelated,
}

impl Actor for Dependent {
    type Msg = Use;

    async fn handle(&mut self, msg: Use, _: &mut Context<Self>) -> tenure::Result {
        use anyhow::Context as _;
        self.entered.notify_one();
        self.go_on.notified().await;
        match msg {
            Use::Tell => self.peer.tell(ChildMsg::Fail).await?,
            Use::Ask => {
                self.peer.ask(ChildMsg::Answer).await?;
            }
            Use::WrappedTwice => {
                let told = self.peer.tell(ChildMsg::Fail).await;
                told.context("no paper").context("no invoice")?;
            }
            Use::Unrelated => return Err("of all things, this".into()),
        }
        Ok(())
    }
}

async fn end_of_dependent(with: Use, told_first: bool, check: &Check) -> Result<(), StopError> {
    tenure::scope(async |scope| {
        let peer = scope.spawn(child("peer", &Log::default(), check))?;
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let dependent = Dependent {
            peer: peer.clone(),
            entered: Arc::clone(&entered),
            go_on: Arc::clone(&go_on),
        };
        let dependent = scope.spawn(ChildSpec::new(dependent).contain())?;
        peer.stop().await?;
        dependent.tell(with).await?;
        entered.notified().await;
        if told_first {
            drop(dependent.stop());
        }
        go_on.notify_one();
        Ok(dependent.stopped().await.map(drop))
    })
    .await
    .unwrap()
}

/// Rule 4: what fails only because of a stop is no failure in a tree that stops.
#[test]
fn stopped_in_a_stopping_tree_is_a_stop() {
    paused(async |check| {
        for with in [Use::Tell, Use::Ask, Use::WrappedTwice] {
            let failed = end_of_dependent(with, false, &check).await;
            assert!(matches!(failed, Err(StopError::Failed(_))), "{with:?}");
            let stopped = end_of_dependent(with, true, &check).await;
            assert!(stopped.is_ok(), "{with:?}: {stopped:?}");
        }
        for told_first in [false, true] {
            let failed = end_of_dependent(Use::Unrelated, told_first, &check).await;
            assert!(matches!(failed, Err(StopError::Failed(_))), "{failed:?}");
        }
    });
}

/// It is the tree that counts, not the node: the scope in here is told nothing.
#[test]
fn stopped_beneath_a_stopping_task_is_a_stop() {
    paused(async |check| {
        for unrelated in [false, true] {
            let system = System::start().unwrap();
            let peer = system
                .spawn(child("peer", &Log::default(), &check))
                .unwrap();
            peer.stop().await.unwrap();
            let guard = check.guard();
            let use_it = async move || {
                let _guard = guard;
                tenure::scope(async |_| {
                    if unrelated {
                        return Err("of all things, this".into());
                    }
                    peer.tell(ChildMsg::Fail).await?;
                    Ok(())
                })
                .await?;
                Ok::<_, tenure::Error>(())
            };
            let task = system.task_with(|token| async move {
                token.cancelled().await;
                use_it().await
            });
            check.node(task.unwrap().node());
            // So that it waits for its token by now.
            tokio::task::yield_now().await;
            let ended = system.stop().await;
            assert_eq!(ended.is_err(), unrelated, "{ended:?}");
        }
    });
}

/// Panics when it is dropped, with another such.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

#[test]
fn payload_that_panics_without_end_is_leaked_in_the_end() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let task = scope.task(async {
                if true {
                    panic_any(Endless);
                }
            });
            let node = task?.node();
            let failure = failure_of(node.stopped().await);
            assert!(matches!(failure.cause(), Cause::Panic(_)));
            Ok(())
        })
        .await
        .unwrap_err();
    });
}
