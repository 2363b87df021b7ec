//! Nodes and their owners in many orders of events: spawns beside the end of the owner, the end of the last child,
//! restarts of groups, and scopes that nobody polls.

mod common;

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use common::restarting::{self, Recipe};
use common::worker::{Do, Worker};
use common::{Check, Count, Guard, Log};
use tenure::prelude::*;
use tenure::testing::{Faults, Seeds, Sim, Simulation, simulate};
use tenure::{AutoShutdown, NodeRef, SpawnError, StopError, StopReason, Strategy, System};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn some_turns(sim: Sim, most: u32) {
    for _ in 0..sim.random(most) {
        yield_now().await;
    }
}

/// Takes a few turns to end. Logs its number when it is dropped.
struct Leaf {
    number: usize,
    sim: Sim,
    log: Log,
    _guard: Guard,
}

impl Actor for Leaf {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        some_turns(self.sim, 4).await;
        Ok(())
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.log.push(self.number.to_string());
    }
}

/// Spawns a few times, or until it is refused. Returns the children.
async fn spawn_some(
    sim: Sim,
    beneath: Spawner,
    (check, log, started): (Check, Log, Count),
) -> tenure::Result<Vec<NodeRef>> {
    let mut leaves = Vec::new();
    for _ in 0..6 {
        let (log, guard) = (log.clone(), check.guard());
        let number = started.get();
        match beneath.spawn(Leaf {
            number,
            sim,
            log,
            _guard: guard,
        }) {
            Ok(leaf) => {
                started.add();
                leaves.push(leaf.node());
            }
            Err(SpawnError::Closed(leaf)) => {
                assert_eq!(leaf.into_inner().number, number, "it is given back");
                break;
            }
            Err(other) => return Err(other.into()),
        }
        yield_now().await;
    }
    Ok(leaves)
}

/// A spawn beneath a node that ends either has its child joined in good order before the node's end, or is refused.
#[test]
fn spawn_and_the_end_of_its_owner_are_one_after_the_other() {
    simulate(Seeds::first(300), async |sim| {
        let (check, log) = (Check::default(), Log::default());
        let system = System::start()?;
        let owner = Worker::new("owner", &Log::default(), &Check::default());
        let owner = system.spawn(owner)?;
        let beneath = owner.ask(Do::Lend).await?;
        let (mut spawning, started) = (Vec::new(), Count::default());
        for _ in 0..3 {
            let kept = (check.clone(), log.clone(), started.clone());
            spawning.push(system.task(spawn_some(sim, beneath.clone(), kept))?);
        }
        some_turns(sim, 8).await;
        let (ending, expected) = match sim.random(3) {
            0 => (owner.stop(), "Ok(Stopped)"),
            1 => (owner.drain(), "Ok(Drained)"),
            _ => (owner.kill(), "Ok(Killed)"),
        };
        assert_eq!(format!("{:?}", ending.await), expected);
        assert!(owner.node().children().is_empty());
        assert_eq!(check.alive(), 0, "they have gone before it");
        for task in spawning {
            for leaf in task.await? {
                let ended = leaf.outcome().map(|ended| format!("{ended:?}"));
                assert_eq!(ended.as_deref(), Some(expected));
            }
        }
        // A refused leaf is dropped by the one who tried to start it, after the others.
        let mut dropped: Vec<usize> = log.entries().iter().map(|n| n.parse().unwrap()).collect();
        dropped.retain(|number| *number < started.get());
        if expected == "Ok(Stopped)" {
            assert!(
                dropped.is_sorted_by(|one, next| one > next),
                "the youngest first: {dropped:?}"
            );
        }
        dropped.sort_unstable();
        assert!(dropped.into_iter().eq(0..started.get()));
        system.stop().await?;
        tenure::Ok(())
    });
}

/// Has this many levels beneath it, and ends with the last of its children.
struct Branch {
    levels: u32,
    sim: Sim,
    check: Check,
    _guard: Guard,
}

impl Branch {
    fn spec(levels: u32, sim: Sim, check: &Check) -> ChildSpec<Self> {
        let branch = Self {
            levels,
            sim,
            check: check.clone(),
            _guard: check.guard(),
        };
        ChildSpec::new(branch)
            .auto_shutdown(AutoShutdown::All)
            .significant()
    }
}

impl Actor for Branch {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.levels == 0 {
            some_turns(self.sim, 4).await;
            ctx.stop();
        }
        for _ in 0..2 * self.levels.min(1) {
            match ctx.spawn(Self::spec(self.levels - 1, self.sim, &self.check)) {
                // So the child before was the last one.
                Err(SpawnError::Closed(_)) => break,
                spawned => drop(spawned?),
            }
            some_turns(self.sim, 3).await;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        assert!(ctx.children().is_empty());
        some_turns(self.sim, 2).await;
        Ok(())
    }
}

/// The last child ends before its owner looks, while it looks, or after. Nothing but that end wakes the owner.
#[test]
fn end_of_the_last_child_ends_its_owner_at_any_height() {
    simulate(Seeds::first(300), async |sim| {
        let check = Check::default();
        let system = System::start()?;
        let root = system.spawn(Branch::spec(3, sim, &check))?;
        let ended = root.stopped().await?;
        assert!(matches!(ended, StopReason::Finished), "{ended:?}");
        assert_eq!(check.alive(), 0);
        // A scope ends with the last node beneath it, too.
        tenure::scope(async |scope| {
            for _ in 0..3 {
                scope.task(some_turns(sim, 4))?;
                scope.spawn(Branch::spec(1, sim, &check))?;
                some_turns(sim, 3).await;
            }
            Ok(())
        })
        .await?;
        assert_eq!(check.alive(), 0);
        system.stop().await?;
        assert_eq!(sim.elapsed(), Duration::ZERO);
        tenure::Ok(())
    });
}

const MEMBERS: [&str; 4] = ["a", "b", "c", "d"];

/// Does various things to the members of a group.
async fn meddle(sim: Sim, members: Vec<ActorRef<restarting::Msg>>, log: Log) {
    for _ in 0..4 {
        let place = sim.random(4) as usize;
        let member = &members[place];
        match sim.random(12) {
            0..4 => drop(member.try_tell(restarting::Msg::Fail)),
            4 | 5 => drop(member.try_tell(restarting::Msg::Panic)),
            6..8 => drop(member.ask(restarting::Msg::Incarnation).await),
            8 => drop(member.try_tell(restarting::Msg::Finish)),
            9 => drop(member.stop()),
            10 => {
                log.push(format!("{} drains", MEMBERS[place]));
                drop(member.drain());
            }
            _ => drop(member.try_tell(restarting::Msg::Sleep(SECOND))),
        }
        some_turns(sim, 6).await;
    }
}

/// When a member starts again, no younger one is alive, except those that drain: they do not wait for their turn.
fn assert_in_turn(log: &Log) {
    let mut alive = [false; MEMBERS.len()];
    let mut drains = alive;
    for entry in log.entries() {
        let Some((name, what)) = entry.split_once(' ') else {
            continue;
        };
        let Some(place) = MEMBERS.iter().position(|member| *member == name) else {
            continue;
        };
        match what {
            "starts" if !drains[place] => {
                assert!(
                    !alive[place..].contains(&true),
                    "{name} starts: {:?}",
                    log.entries()
                );
                alive[place] = true;
            }
            "dropped" => alive[place] = false,
            "drains" => (drains[place], alive[place]) = (true, false),
            _ => {}
        }
    }
}

/// Whatever happens to the members during the restart of their group, the restart comes to its end.
async fn group(sim: Sim) -> tenure::Result {
    let (check, log) = (Check::default(), Log::default());
    let system = System::start()?;
    let strategy = match sim.random(2) {
        0 => Strategy::OneForAll,
        _ => Strategy::RestForOne,
    };
    let owner = Recipe::new("owner", &Log::default(), &check);
    let owner = system.spawn(ChildSpec::new(owner).strategy(strategy))?;
    let beneath = owner.ask(restarting::Msg::Lend).await?;
    let mut members = Vec::new();
    for name in MEMBERS {
        let recipe = Recipe {
            with_child: sim.random(2) == 0,
            ..Recipe::new(name, &log, &check)
        };
        recipe.fail_starts(0);
        let spec = recipe
            .restarting(Restart::OnFailure)
            .intensity(1_000, SECOND);
        members.push(beneath.start(spec.contain()).await?);
    }
    let mut meddling = Vec::new();
    for _ in 0..2 {
        meddling.push(system.task(meddle(sim, members.clone(), log.clone()))?);
    }
    let stops_early = sim.random(2) == 0;
    if !stops_early {
        for task in meddling {
            task.await?;
        }
        for member in &members {
            if member.ask(restarting::Msg::Incarnation).await.is_err() {
                // The ask fails if the member has failed, or is to end.
                drop(member.ask(restarting::Msg::Incarnation).await);
            }
        }
    }
    some_turns(sim, 20).await;
    drop(owner.stop().await);
    assert_in_turn(&log);
    drop(system.stop().await);
    assert_eq!(check.alive(), 0);
    Ok(())
}

#[test]
fn restart_of_a_group_comes_to_its_end() {
    simulate(Seeds::first(300), group);
    let late = Faults::none().delays(0.1, SECOND);
    Simulation::new(Seeds::first(100)).faults(late).run(group);
}

/// Children that take different times to end, beneath an owner whose end has a limit and is not awaited. The end takes
/// as long as the rules say, and everybody is told the same.
#[test]
fn end_takes_the_own_times_of_all_up_to_the_limit() {
    simulate(Seeds::first(300), async |sim| {
        let (check, log) = (Check::default(), Log::default());
        let system = System::start()?;
        let owner = system.spawn(Worker::new("owner", &log, &check).named().contain())?;
        let beneath = owner.ask(Do::Lend).await?;
        let (mut total, mut is_cut) = (Duration::ZERO, false);
        for _ in 0..3 {
            let (takes, grace) = (SECOND * sim.random(4), SECOND * 2 + SECOND / 4);
            let child = Worker::new("child", &log, &check).cleanup(takes);
            beneath.start(ChildSpec::new(child).grace(grace)).await?;
            total += takes.min(grace);
            is_cut |= takes > grace;
        }
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let owner = owner.clone();
            waiting.push(system.task(async move { tenure::Ok(owner.stopped().await) })?);
        }
        let begin = Instant::now();
        drop(owner.stop());
        let limit = SECOND * sim.random(8) + SECOND / 2;
        if sim.random(2) == 0 {
            some_turns(sim, 4).await;
            drop(owner.stop().within(limit));
            is_cut |= limit < total;
            total = total.min(limit);
        }
        for waits in waiting {
            let ended = waits.await?;
            assert_eq!(begin.elapsed(), total);
            match ended {
                Ok(StopReason::Stopped) => assert!(!is_cut),
                Err(StopError::CutShort(_)) => assert!(is_cut),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(check.alive(), 0);
        drop(system.stop().await);
        tenure::Ok(())
    });
}

type Kept = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// Holds the future of a scope, which it has polled once.
#[derive(Default)]
struct Holder(Option<Kept>);

enum HolderMsg {
    Keep(Kept),
    Poll,
    Await,
    Give(oneshot::Sender<Kept>),
}

impl Holder {
    async fn poll_once(&mut self) {
        poll_fn(|cx| {
            if let Some(kept) = &mut self.0
                && kept.as_mut().poll(cx).is_ready()
            {
                self.0 = None;
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Actor for Holder {
    type Msg = HolderMsg;

    async fn handle(&mut self, msg: HolderMsg, _: &mut Context<Self>) -> tenure::Result {
        match (msg, self.0.take()) {
            (HolderMsg::Keep(kept), _) => {
                self.0 = Some(kept);
                self.poll_once().await;
            }
            (HolderMsg::Poll, kept) => {
                self.0 = kept;
                self.poll_once().await;
            }
            (HolderMsg::Await, Some(kept)) => drop(kept.await),
            (HolderMsg::Give(to), Some(kept)) => drop(to.send(kept)),
            (HolderMsg::Await | HolderMsg::Give(_), None) => {}
        }
        Ok(())
    }
}

/// Has the holder keep a scope with three workers beneath. Returns the scope, the worker that ends last, and how long
/// the ends take together.
async fn keep_scope(
    sim: Sim,
    holder: &ActorRef<HolderMsg>,
    (check, log): (&Check, &Log),
) -> tenure::Result<(NodeRef, NodeRef, Duration)> {
    let (to, opened) = oneshot::channel();
    let (check, log) = (check.clone(), log.clone());
    let kept = tenure::scope_send(move |scope| async move {
        let (mut total, mut children) = (Duration::ZERO, Vec::new());
        for name in ["c1", "c2", "c3"] {
            let takes = SECOND / 2 * sim.random(4);
            total += takes;
            let child = Worker::new(name, &log, &check).cleanup(takes).named();
            children.push(scope.spawn(child)?.node());
        }
        drop(to.send((scope.node(), children.swap_remove(0), total)));
        pending().await
    });
    holder.tell(HolderMsg::Keep(Box::pin(kept))).await?;
    Ok(opened.await?)
}

/// The owner of a scope that is told to end polls its future now and then, keeps it, awaits it, or gives it to somebody
/// who awaits it. What is beneath ends once, in its order and time, whichever shell ends it.
#[test]
fn scope_ends_in_good_order_whoever_sees_to_it() {
    simulate(Seeds::first(500), async |sim| {
        let (check, log) = (Check::default(), Log::default());
        let system = System::start()?;
        let holder = system.spawn(Holder::default())?;
        let (scope, last, total) = keep_scope(sim, &holder, (&check, &log)).await?;
        let holding = holder.clone();
        let meddling = system.task(async move {
            for _ in 0..4 {
                sleep(SECOND / 4 * sim.random(4)).await;
                match sim.random(4) {
                    0 | 1 => holding.tell(HolderMsg::Poll).await?,
                    2 => holding.tell(HolderMsg::Await).await?,
                    _ => {
                        let (to, given) = oneshot::channel();
                        holding.tell(HolderMsg::Give(to)).await?;
                        if let Ok(kept) = given.await {
                            drop(kept.await);
                        }
                    }
                }
            }
            tenure::Ok(())
        })?;
        sleep(SECOND / 4 * sim.random(5)).await;
        let (begin, drains) = (Instant::now(), sim.random(3) == 0);
        // In a drain, the body of a scope that somebody polls goes on, and so does what is beneath.
        let ending = if drains { scope.drain() } else { scope.stop() };
        drop(last.stopped().await);
        let took = begin.elapsed();
        let in_order = [
            "c3 on_stop",
            "c3 dropped",
            "c2 on_stop",
            "c2 dropped",
            "c1 on_stop",
            "c1 dropped",
        ];
        if !drains {
            assert_eq!(
                (took, log.entries()),
                (total, in_order.map(String::from).to_vec())
            );
        }
        // In a drain, the body has its grace.
        assert!(took <= total + 10 * SECOND, "{took:?}");
        // The holder may still have the future, and does not poll it.
        drop(ending.await);
        drop(meddling.await);
        drop(system.stop().await);
        assert_eq!(check.alive(), 0);
        let entries = log.entries();
        let ends = |name| entries.iter().filter(|entry| *entry == name).count();
        for entry in in_order {
            assert!(ends(entry) <= 1, "{entries:?}");
        }
        tenure::Ok(())
    });
}
