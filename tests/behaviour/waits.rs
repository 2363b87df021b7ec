//! A wait counts for the node that polls it, for as long as that node waits. It costs the same, however many other
//! waits there are.

use crate::common;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use common::{paused, settled};
use tenure::prelude::*;
use tenure::{System, TaskError, TaskHandle};
use tokio::sync::Notify;

type Asking = Pin<Box<dyn Future<Output = Result<(), AskError>> + Send>>;

/// Polls a future once, which must be pending.
async fn begin<F: Future + Unpin>(mut future: F) -> F {
    poll_fn(|cx| {
        assert!(Pin::new(&mut future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    future
}

/// Begins a wait in one handler, and goes on with it in another.
#[derive(Default)]
struct Keeper {
    task: Option<TaskHandle<Result<(), AskError>>>,
    asking: Option<Asking>,
}

enum KeeperMsg {
    /// Begins a task that asks back when it is told to go on.
    BeginTask(Arc<Notify>),
    AwaitTask(ReplyTo<Result<Result<(), AskError>, TaskError>>),
    BeginAsk(ActorRef<BackMsg>),
    AwaitAsk(ReplyTo<Result<(), AskError>>),
    /// Awaits the ask in a task.
    AwaitAskInTask(ReplyTo<Result<(), TaskError>>),
    /// Hands the ask to a task, and stays in this handler until told to go on.
    LeaveAskToTask(Arc<Notify>),
    Ping(ReplyTo<()>),
}

impl Actor for Keeper {
    type Msg = KeeperMsg;

    async fn handle(&mut self, msg: KeeperMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            KeeperMsg::BeginTask(go_on) => {
                let me = ctx.me();
                let task = ctx.task(async move {
                    go_on.notified().await;
                    Ok::<_, tenure::Error>(me.ask(KeeperMsg::Ping).await)
                })?;
                self.task = Some(begin(task).await);
            }
            KeeperMsg::AwaitTask(reply) => {
                if let Some(task) = self.task.take() {
                    reply.send(task.await);
                }
            }
            KeeperMsg::BeginAsk(other) => {
                let asking: Asking = Box::pin(other.ask(BackMsg::AskBack).owned());
                self.asking = Some(begin(asking).await);
            }
            KeeperMsg::AwaitAsk(reply) => {
                if let Some(asking) = self.asking.take() {
                    reply.send(asking.await);
                }
            }
            KeeperMsg::AwaitAskInTask(reply) => {
                if let Some(asking) = self.asking.take() {
                    let task = ctx.task(async move { Ok::<_, tenure::Error>(asking.await?) })?;
                    reply.send(task.await);
                }
            }
            KeeperMsg::LeaveAskToTask(go_on) => {
                if let Some(asking) = self.asking.take() {
                    ctx.task(asking)?;
                    go_on.notified().await;
                }
            }
            KeeperMsg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Asks back when told to go on, and notes whether that was refused.
struct Back {
    keeper: ActorRef<KeeperMsg>,
    go_on: Arc<Notify>,
    refused: Arc<std::sync::Mutex<Option<AskError>>>,
}

enum BackMsg {
    AskBack(ReplyTo<()>),
}

impl Actor for Back {
    type Msg = BackMsg;

    async fn handle(
        &mut self,
        BackMsg::AskBack(reply): BackMsg,
        _: &mut Context<Self>,
    ) -> tenure::Result {
        self.go_on.notified().await;
        let asked = self.keeper.ask(KeeperMsg::Ping).await;
        *self.refused.lock().unwrap() = asked.err();
        reply.send(());
        Ok(())
    }
}

struct Rig {
    system: System,
    keeper: ActorRef<KeeperMsg>,
    back: ActorRef<BackMsg>,
    go_on: Arc<Notify>,
    refused: Arc<std::sync::Mutex<Option<AskError>>>,
}

impl Rig {
    fn new() -> Self {
        let system = System::start().unwrap();
        let keeper = system
            .spawn(ChildSpec::new(Keeper::default()).name("keeper"))
            .unwrap();
        let (go_on, refused) = (Arc::new(Notify::new()), Arc::default());
        let back = Back {
            keeper: keeper.clone(),
            go_on: Arc::clone(&go_on),
            refused: Arc::clone(&refused),
        };
        let back = system.spawn(ChildSpec::new(back).name("back")).unwrap();
        Self {
            system,
            keeper,
            back,
            go_on,
            refused,
        }
    }

    fn cycle(&self) -> Option<usize> {
        match self.refused.lock().unwrap().take() {
            Some(AskError::Deadlock(cycle)) => Some(cycle.paths().len()),
            other => {
                assert_eq!(other, None);
                None
            }
        }
    }
}

#[test]
fn task_begun_in_one_handler_and_awaited_in_the_next_is_an_edge() {
    paused(async |_check| {
        let rig = Rig::new();
        let go_on = Arc::new(Notify::new());
        let begin = KeeperMsg::BeginTask(Arc::clone(&go_on));
        rig.keeper.tell(begin).await.unwrap();
        settled().await;
        let (awaited, ()) = tokio::join!(rig.keeper.ask(KeeperMsg::AwaitTask), async {
            settled().await;
            go_on.notify_one();
        });
        // The task's ask completes the cycle, and is refused.
        let refused = awaited.unwrap().unwrap().unwrap_err();
        assert!(matches!(refused, AskError::Deadlock(_)), "{refused:?}");
        rig.system.stop().await.unwrap();
    });
}

#[test]
fn task_that_asks_before_it_is_awaited_completes_a_cycle() {
    paused(async |_check| {
        let rig = Rig::new();
        let go_on = Arc::new(Notify::new());
        let begin = KeeperMsg::BeginTask(Arc::clone(&go_on));
        rig.keeper.tell(begin).await.unwrap();
        settled().await;
        // The task asks before the keeper awaits the task.
        go_on.notify_one();
        let awaited = rig.keeper.ask(KeeperMsg::AwaitTask).await.unwrap();
        assert!(
            matches!(
                awaited,
                Err(TaskError::Deadlock(_)) | Ok(Err(AskError::Deadlock(_)))
            ),
            "{awaited:?}"
        );
        rig.system.stop().await.unwrap();
    });
}

#[test]
fn ask_sent_by_one_handler_and_awaited_by_the_next_is_an_edge() {
    paused(async |_check| {
        let rig = Rig::new();
        let begin = KeeperMsg::BeginAsk(rig.back.clone());
        rig.keeper.tell(begin).await.unwrap();
        let (awaited, ()) = tokio::join!(rig.keeper.ask(KeeperMsg::AwaitAsk), async {
            settled().await;
            rig.go_on.notify_one();
        });
        assert_eq!(awaited, Ok(Ok(())));
        assert_eq!(rig.cycle(), Some(2));
        rig.system.stop().await.unwrap();
    });
}

/// The message of the ask was started before the wait was refused, so the error must not say that it is safe to ask
/// again.
#[test]
fn ask_that_completes_a_cycle_in_a_later_handler_may_have_been_started() {
    paused(async |_check| {
        let rig = Rig::new();
        let begin = KeeperMsg::BeginAsk(rig.back.clone());
        rig.keeper.tell(begin).await.unwrap();
        settled().await;
        // The keeper is busy with other messages before it awaits its ask.
        rig.keeper
            .try_tell(KeeperMsg::BeginTask(Arc::default()))
            .unwrap();
        let awaiting = rig.keeper.ask(KeeperMsg::AwaitAsk);
        rig.go_on.notify_one();
        let awaited = awaiting.await.unwrap();
        match (awaited, rig.cycle()) {
            (Err(AskError::Deadlock(cycle)), _) => {
                assert!(!AskError::Deadlock(cycle).never_started());
            }
            (Ok(()), cycle) => assert_eq!(cycle, Some(2)),
            (other, _) => panic!("{other:?}"),
        }
        rig.system.stop().await.unwrap();
    });
}

#[test]
fn ask_handed_to_a_task_is_an_edge_of_the_task() {
    paused(async |_check| {
        let rig = Rig::new();
        let begin = KeeperMsg::BeginAsk(rig.back.clone());
        rig.keeper.tell(begin).await.unwrap();
        let (awaited, ()) = tokio::join!(rig.keeper.ask(KeeperMsg::AwaitAskInTask), async {
            settled().await;
            rig.go_on.notify_one();
        });
        awaited.unwrap().unwrap();
        // The keeper waits for its task, the task for the other actor, and that one for the keeper.
        assert_eq!(rig.cycle(), Some(3));

        // The keeper itself waits for nobody here.
        let begin = KeeperMsg::BeginAsk(rig.back.clone());
        rig.keeper.tell(begin).await.unwrap();
        let leave = Arc::new(Notify::new());
        let message = KeeperMsg::LeaveAskToTask(Arc::clone(&leave));
        rig.keeper.tell(message).await.unwrap();
        settled().await;
        rig.go_on.notify_one();
        settled().await;
        leave.notify_one();
        rig.keeper.ask(KeeperMsg::Ping).await.unwrap();
        settled().await;
        assert_eq!(rig.cycle(), None);
        rig.system.stop().await.unwrap();
    });
}

/// Asks many actors at a time, all of which reply when told to.
struct Many(Vec<ActorRef<ReplyTo<()>>>);

impl Actor for Many {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        let mut asking: Vec<_> = self
            .0
            .iter()
            .map(|target| Some(Box::pin(target.ask(|reply| reply))))
            .collect();
        poll_fn(|cx| {
            let mut open = false;
            for slot in &mut asking {
                let Some(ask) = slot else { continue };
                match ask.as_mut().poll(cx) {
                    Poll::Ready(_) => *slot = None,
                    Poll::Pending => open = true,
                }
            }
            if open { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        reply.send(());
        Ok(())
    }
}

/// Replies when told to go on.
struct Slow(Arc<tokio::sync::Semaphore>);

impl Actor for Slow {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        let _permit = self.0.acquire().await?;
        reply.send(());
        Ok(())
    }
}

/// The shortest of a few tries: other work on the machine only makes one longer.
fn least(time: impl Fn() -> Duration) -> Duration {
    (0..5).map(|_| time()).min().unwrap()
}

#[test]
fn many_open_asks_of_one_handler_take_linear_time() {
    fn time(n: usize) -> Duration {
        let taken = std::sync::Mutex::new(Duration::ZERO);
        paused(async |_check| {
            let system = System::start().unwrap();
            let gate = Arc::new(tokio::sync::Semaphore::new(0));
            let spec = ChildSpec::new(Slow(Arc::clone(&gate))).mailbox(Mailbox::unbounded());
            let slow = system.spawn(spec).unwrap();
            let many = system.spawn(Many(vec![slow; n])).unwrap();
            let asking = many.ask(|reply| reply);
            let begin = Instant::now();
            let (asked, ()) = tokio::join!(asking, async {
                settled().await;
                // All asks are open, and are given up together.
                many.kill().await.unwrap();
                *taken.lock().unwrap() = begin.elapsed();
                gate.add_permits(1);
            });
            assert_eq!(asked, Err(AskError::Killed));
            system.kill().await.unwrap();
        });
        taken.into_inner().unwrap()
    }
    let (few, many) = (least(|| time(2_000)), least(|| time(16_000)));
    assert!(many < 24 * few, "2,000: {few:?}, 16,000: {many:?}");
}

#[test]
fn ask_to_a_node_with_many_waits_costs_no_more() {
    struct Asker(ActorRef<ReplyTo<()>>);
    impl Actor for Asker {
        type Msg = ReplyTo<Duration>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            let begin = Instant::now();
            for _ in 0..300 {
                let asking = begin_and_drop(&self.0);
                asking.await;
            }
            reply.send(begin.elapsed());
            Ok(())
        }
    }
    async fn begin_and_drop(target: &ActorRef<ReplyTo<()>>) {
        drop(begin(Box::pin(target.ask(|reply| reply))).await);
    }
    fn time(n: usize) -> Duration {
        let taken = std::sync::Mutex::new(Duration::ZERO);
        paused(async |_check| {
            let system = System::start().unwrap();
            let gate = Arc::new(tokio::sync::Semaphore::new(0));
            let targets = (0..n)
                .map(|_| system.spawn(Slow(Arc::clone(&gate))).unwrap())
                .collect();
            let many = system.spawn(Many(targets)).unwrap();
            let asker = system.spawn(Asker(many.clone())).unwrap();
            let asking = many.ask(|reply| reply);
            tokio::select! {
                biased;
                asked = asking => panic!("{asked:?}"),
                () = settled() => {}
            }
            *taken.lock().unwrap() = asker.ask(|reply| reply).await.unwrap();
            system.kill().await.unwrap();
        });
        taken.into_inner().unwrap()
    }
    let (few, many) = (least(|| time(1)), least(|| time(3_000)));
    assert!(many < 10 * few, "1: {few:?}, 3,000: {many:?}");
}
