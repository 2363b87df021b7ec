//! In the restart of a group, a member that waits for a sibling is let go, whatever else it is told.

use crate::common;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use common::restarting::{self, Recipe};
use common::worker::{Do, Worker};
use common::{Check, Count, Guard, Log, paused, settled};
use tenure::prelude::*;
use tenure::{StopReason, Strategy, System};
use tokio::sync::Notify;
use tokio::time::Instant;

mod refusals;

type Boxed = Pin<Box<dyn Future<Output = tenure::Result> + Send>>;
type Job = Box<dyn FnOnce() -> Boxed + Send>;
type StartHook = Arc<dyn Fn(usize, Spawner) -> Boxed + Send + Sync>;

/// The recipe of a member.
#[derive(Clone)]
struct Seed {
    name: &'static str,
    log: Log,
    check: Check,
    starts: Count,
    /// Runs in each start, with the number of the incarnation.
    on_start: Option<StartHook>,
}

struct Member {
    seed: Seed,
    _guard: Guard,
}

enum Msg {
    Run(Job),
    Note(&'static str),
    /// Takes further messages for as long as it is given any.
    Take,
    Ping(ReplyTo<usize>),
}

impl Start for Seed {
    type Actor = Member;

    async fn start(self, _: &mut Context<Member>) -> tenure::Result<Member> {
        self.starts.add();
        Ok(Member {
            _guard: self.check.guard(),
            seed: self,
        })
    }
}

impl Actor for Member {
    type Msg = Msg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        match &self.seed.on_start {
            Some(hook) => hook(self.seed.starts.get(), ctx.spawner()).await,
            None => Ok(()),
        }
    }

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Take => {
                while let Some(Msg::Note(text)) = ctx.next().await {
                    self.seed.log.push(text);
                }
                self.seed.log.push("took all");
            }
            Msg::Run(job) => job().await?,
            Msg::Note(text) => self.seed.log.push(text),
            Msg::Ping(reply) => reply.send(self.seed.starts.get()),
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.seed.log.push(format!("{} on_stop", self.seed.name));
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.seed.log.push(format!("{} dropped", self.seed.name));
    }
}

fn job<F>(job: impl FnOnce() -> F + Send + 'static) -> Msg
where
    F: Future<Output = tenure::Result> + Send + 'static,
{
    Msg::Run(Box::new(|| Box::pin(job())))
}

/// A job that waits for this signal, and then fails.
fn fail_at(go_on: &Arc<Notify>) -> Msg {
    let go_on = Arc::clone(go_on);
    job(async move || {
        go_on.notified().await;
        Err("it fails".into())
    })
}

fn ping(target: &ActorRef<Msg>) -> Msg {
    let target = target.clone();
    job(async move || {
        target.ask(Msg::Ping).await?;
        Ok(())
    })
}

struct Group {
    system: System,
    owner: ActorRef<restarting::Msg>,
    spawner: Spawner,
    log: Log,
    check: Check,
}

impl Group {
    async fn new(check: &Check) -> Self {
        let log = Log::default();
        let system = System::start().unwrap();
        let owner = ChildSpec::new(Recipe::new("owner", &log, check)).name("owner");
        let owner = system.spawn(owner.strategy(Strategy::OneForAll)).unwrap();
        let spawner = owner.ask(restarting::Msg::Lend).await.unwrap();
        Self {
            system,
            owner,
            spawner,
            log,
            check: check.clone(),
        }
    }

    fn seed(&self, name: &'static str) -> Seed {
        Seed {
            name,
            log: self.log.clone(),
            check: self.check.clone(),
            starts: Count::default(),
            on_start: None,
        }
    }

    async fn member(&self, seed: Seed) -> ActorRef<Msg> {
        let name = seed.name;
        let spec = ChildSpec::new(seed).name(name).restart(Restart::OnFailure);
        self.spawner.start(spec).await.unwrap()
    }
}

/// Looks that these are in their second incarnation.
async fn restarted<const N: usize>(members: [&ActorRef<Msg>; N]) {
    for member in members {
        let asked = member.ask(Msg::Ping).timeout(Duration::from_secs(3_600));
        assert_eq!(asked.await, Ok(2));
    }
}

/// Lets everything run that is ready now, and returns right after that.
async fn turn() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The handler of `b` is dropped as soon as `a` parks: `b` was told to end while it asked `a`.
#[test]
fn member_that_waits_for_one_that_parks_later_is_let_go_at_once() {
    for limit in [None, Some(Duration::from_secs(60))] {
        paused(async |check| {
            let begin = Instant::now();
            let group = Group::new(&check).await;
            let [a, b, c] = ["a", "b", "c"].map(|name| group.seed(name));
            let (a, b, c) = (
                group.member(a).await,
                group.member(b).await,
                group.member(c).await,
            );
            let [fail_a, fail_c] = [(); 2].map(|()| Arc::new(Notify::new()));
            a.tell(fail_at(&fail_a)).await.unwrap();
            c.tell(fail_at(&fail_c)).await.unwrap();
            let target = a.clone();
            let asking = job(async move || {
                let asking = target.ask(Msg::Ping);
                match limit {
                    Some(limit) => drop(asking.timeout(limit).await),
                    None => drop(asking.await),
                }
                Ok(())
            });
            b.tell(asking).await.unwrap();
            settled().await;
            fail_c.notify_one();
            settled().await; // b is told to end, and waits
            fail_a.notify_one();
            restarted([&a, &b, &c]).await;
            group.system.stop().await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    }
}

/// The handler of `b` is dropped although `b` drains, and its next incarnation handles what it had accepted.
#[test]
fn member_that_drains_and_waits_for_one_that_has_parked_is_let_go_at_once() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let [a, b, c] = ["a", "b", "c"].map(|name| group.seed(name));
        let (a, b, c) = (
            group.member(a).await,
            group.member(b).await,
            group.member(c).await,
        );
        let [fail_a, fail_c, go_on] = [(); 3].map(|()| Arc::new(Notify::new()));
        a.tell(fail_at(&fail_a)).await.unwrap();
        c.tell(fail_at(&fail_c)).await.unwrap();
        let (target, gate) = (a.clone(), Arc::clone(&go_on));
        let asking = job(async move || {
            gate.notified().await;
            target.ask(Msg::Ping).await?;
            Ok(())
        });
        b.tell(asking).await.unwrap();
        b.tell(Msg::Note("b has handled it")).await.unwrap();
        settled().await;
        fail_c.notify_one();
        settled().await;
        fail_a.notify_one();
        settled().await; // a and c have parked, and b is told to end
        let draining = group.owner.drain();
        settled().await;
        go_on.notify_one();
        assert!(matches!(draining.await, Ok(StopReason::Drained)));
        assert!(group.log.entries().contains(&"b has handled it".to_owned()));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        group.system.stop().await.unwrap();
    });
}

/// The stop comes at each of the first forty steps of the restart.
#[test]
fn stop_of_a_member_that_is_let_go_runs_its_on_stop() {
    for step in 0..40 {
        paused(async |check| {
            let group = Group::new(&check).await;
            let [a, b, c] = ["a", "b", "c"].map(|name| group.seed(name));
            let (a, b, c) = (
                group.member(a).await,
                group.member(b).await,
                group.member(c).await,
            );
            let [fail_a, fail_c] = [(); 2].map(|()| Arc::new(Notify::new()));
            a.tell(fail_at(&fail_a)).await.unwrap();
            c.tell(fail_at(&fail_c)).await.unwrap();
            b.tell(ping(&a)).await.unwrap();
            settled().await;
            fail_c.notify_one();
            settled().await;
            fail_a.notify_one();
            for _ in 0..step {
                turn().await;
            }
            let was_gone = group.log.entries().contains(&"b dropped".to_owned());
            let stopped = b.stop().await;
            let entries = group.log.entries();
            let has_run = entries.contains(&"b on_stop".to_owned());
            assert!(
                was_gone || has_run || stopped.is_err(),
                "step {step}: {stopped:?}, {entries:?}"
            );
            drop(group.system.stop().await);
        });
    }
}

/// `b` waits for one that is no member, and its step is finished.
#[test]
fn member_that_waits_for_somebody_else_is_not_let_go() {
    paused(async |check| {
        let group = Group::new(&check).await;
        let (a, b) = (
            group.member(group.seed("a")).await,
            group.member(group.seed("b")).await,
        );
        let late = Worker::new("late", &group.log, &check);
        let late = group.system.spawn(late).unwrap();
        late.tell(Do::Sleep(Duration::from_secs(1))).await.unwrap();
        let log = group.log.clone();
        let asking = job(async move || {
            late.ask(Do::Reply).await?;
            log.push("answered");
            Ok(())
        });
        b.tell(asking).await.unwrap();
        a.tell(job(async || Err("it fails".into()))).await.unwrap();
        restarted([&a, &b]).await;
        assert!(group.log.entries().contains(&"answered".to_owned()));
        group.system.stop().await.unwrap();
    });
}

/// `b` is told to end and begins to ask `a` after that, which has parked.
#[test]
fn member_that_comes_to_wait_for_one_that_has_parked_is_let_go_at_once() {
    for limit in [None, Some(Duration::from_secs(60))] {
        paused(async |check| {
            let begin = Instant::now();
            let group = Group::new(&check).await;
            let (a, b) = (
                group.member(group.seed("a")).await,
                group.member(group.seed("b")).await,
            );
            let (target, go_on) = (a.clone(), Arc::new(Notify::new()));
            let goes_on = Arc::clone(&go_on);
            let asking = job(async move || {
                goes_on.notified().await;
                let asking = target.ask(Msg::Ping);
                match limit {
                    Some(limit) => drop(asking.timeout(limit).await),
                    None => drop(asking.await),
                }
                Ok(())
            });
            b.tell(asking).await.unwrap();
            a.tell(job(async || Err("it fails".into()))).await.unwrap();
            settled().await;
            go_on.notify_one();
            restarted([&a, &b]).await;
            group.system.stop().await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    }
}

/// The handler of `b` waits for more messages, and there will be none.
#[test]
fn member_that_waits_for_its_next_message_ends_with_its_group() {
    paused(async |check| {
        let begin = Instant::now();
        let group = Group::new(&check).await;
        let (a, b) = (
            group.member(group.seed("a")).await,
            group.member(group.seed("b")).await,
        );
        b.tell(Msg::Take).await.unwrap();
        b.tell(Msg::Note("first")).await.unwrap();
        settled().await;
        a.tell(job(async || Err("it fails".into()))).await.unwrap();
        restarted([&a, &b]).await;
        let entries = group.log.entries();
        assert!(entries.contains(&"first".to_owned()));
        assert!(entries.contains(&"took all".to_owned()));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        group.system.stop().await.unwrap();
    });
}
