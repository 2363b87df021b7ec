//! Cycles of nodes that wait for each other are named, and what may still be served is let be.

use crate::common;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use common::{Check, Guard, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Cycle, System, TaskError};
use tokio::sync::Notify;
use tokio::time::Instant;

type Answer = Result<u32, AskError>;
type Reply = ReplyTo<Answer>;

enum Msg {
    /// Asks along the way, and the last one answers 0.
    Along(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from a task of its own that it waits for.
    AlongInTask(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from a task that it does not wait for.
    AlongLater(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, from within a scope.
    AlongInScope(Vec<ActorRef<Msg>>, Reply),
    /// As `Along`, with a limit.
    AlongLimited(Vec<ActorRef<Msg>>, Reply),
    /// Asks it, gives up on it, and answers when told to go on.
    GiveUp(ActorRef<Msg>, Reply),
    /// Asks it twice at a time.
    Twice(ActorRef<Msg>, Reply),
    /// Asks it even so, until told to go on.
    EvenSo(ActorRef<Msg>, Reply),
    /// Answers from a task when told to go on.
    AnswerLater(Reply),
    /// Waits until told to go on.
    Wait,
    /// Tells it, when told to go on, and says whether that was refused.
    Tell(ActorRef<Msg>, ReplyTo<Option<Cycle>>),
    /// As `Tell`, by a permit.
    Reserve(ActorRef<Msg>, ReplyTo<Option<Cycle>>),
    Nothing,
}

impl From<Reply> for Msg {
    fn from(reply: Reply) -> Self {
        Self::Along(Vec::new(), reply)
    }
}

#[derive(Default)]
struct Node {
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    _guard: Option<Guard>,
}

async fn along(mut way: Vec<ActorRef<Msg>>) -> Answer {
    if way.is_empty() {
        return Ok(0);
    }
    let next = way.remove(0);
    next.ask(|reply| Msg::Along(way, reply)).await?
}

fn refused<M>(told: Result<(), SendError<M>>) -> Option<Cycle> {
    match told {
        Err(SendError::Deadlock(_, cycle)) => Some(cycle),
        _ => None,
    }
}

async fn along_in_task(way: Vec<ActorRef<Msg>>, ctx: &Context<Node>) -> tenure::Result<Answer> {
    let task = ctx.task(async move { Ok::<_, tenure::Error>(along(way).await) })?;
    Ok(match task.await {
        Err(TaskError::Deadlock(cycle)) => Err(AskError::Deadlock(cycle)),
        value => value?,
    })
}

/// Asks one actor twice at a time.
async fn twice(target: ActorRef<Msg>) -> Result<Answer, AskError> {
    let typed = target.recipient();
    let (first, second) = tokio::join!(
        target.ask(|reply| Msg::Along(Vec::new(), reply)),
        typed.ask(|reply: Reply| reply),
    );
    assert_eq!(second, Ok(Ok(0)));
    first
}

impl Actor for Node {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Along(way, reply) => reply.send(along(way).await),
            Msg::AlongInTask(way, reply) => reply.send(along_in_task(way, ctx).await?),
            Msg::AlongLater(way, reply) => {
                ctx.task(async move { reply.send(along(way).await) })?;
            }
            Msg::AlongInScope(way, reply) => {
                reply.send(tenure::scope(async |_| Ok(along(way).await)).await?);
            }
            Msg::AlongLimited(mut way, reply) => {
                let next = way.remove(0);
                let asking = next.ask(|reply| Msg::Along(way, reply));
                let asked = asking.timeout(Duration::from_secs(1)).await;
                reply.send(asked.unwrap_or_else(Err));
            }
            Msg::GiveUp(first, reply) => {
                tokio::select! {
                    biased;
                    _ = first.ask(Msg::AnswerLater) => return Err("too early".into()),
                    () = tokio::task::yield_now() => {}
                }
                self.entered.notify_one();
                self.go_on.notified().await;
                reply.send(Ok(0));
            }
            Msg::Twice(target, reply) => reply.send(twice(target).await?),
            Msg::EvenSo(target, reply) => {
                let asking = target.ask(|reply| Msg::Along(Vec::new(), reply));
                tokio::select! {
                    asked = asking.even_if_cyclic() => reply.send(asked?),
                    () = self.go_on.notified() => reply.send(Ok(7)),
                }
            }
            Msg::AnswerLater(reply) => {
                let go_on = Arc::clone(&self.go_on);
                ctx.task(async move {
                    go_on.notified().await;
                    reply.send(Ok(1));
                })?;
            }
            Msg::Wait => {
                self.entered.notify_one();
                self.go_on.notified().await;
            }
            Msg::Tell(target, reply) => {
                self.entered.notify_one();
                self.go_on.notified().await;
                reply.send(refused(target.tell(Msg::Nothing).await));
            }
            Msg::Reserve(target, reply) => {
                self.entered.notify_one();
                self.go_on.notified().await;
                let reserved = target.reserve().await;
                reply.send(refused(reserved.map(drop)));
            }
            Msg::Nothing => {}
        }
        Ok(())
    }
}

/// Named actors of a system.
struct Rig {
    system: System,
    actors: Vec<ActorRef<Msg>>,
    entered: Vec<Arc<Notify>>,
    go_on: Vec<Arc<Notify>>,
}

impl Rig {
    fn new(check: &Check, names: &[&str], mailbox: Mailbox) -> Self {
        let system = System::start().unwrap();
        let (mut actors, mut entered, mut go_on) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let node = Node {
                _guard: Some(check.guard()),
                ..Node::default()
            };
            entered.push(Arc::clone(&node.entered));
            go_on.push(Arc::clone(&node.go_on));
            let spec = ChildSpec::new(node).name(*name).mailbox(mailbox);
            actors.push(system.spawn(spec).unwrap());
        }
        for actor in &actors {
            check.node(actor.node());
        }
        Self {
            system,
            actors,
            entered,
            go_on,
        }
    }

    fn way<const N: usize>(&self, indices: [usize; N]) -> Vec<ActorRef<Msg>> {
        indices
            .iter()
            .map(|index| self.actors[*index].clone())
            .collect()
    }

    async fn end(self) {
        self.system.stop().await.unwrap();
    }
}

fn cycle_of(answer: Result<Answer, AskError>) -> Cycle {
    match answer.unwrap_or_else(Err) {
        Err(AskError::Deadlock(cycle)) => cycle,
        other => panic!("no cycle was found: {other:?}"),
    }
}

fn names(cycle: &Cycle) -> Vec<&str> {
    cycle.paths().iter().map(String::as_str).collect()
}

#[test]
fn ask_cycle_is_named() {
    paused(async |check| {
        let begin = Instant::now();
        let rig = Rig::new(&check, &["a", "b", "c", "d", "e"], Mailbox::default());
        let a = &rig.actors[0];

        // Two that ask each other; the last ask is what fails.
        let asked = a.ask(|reply| Msg::Along(rig.way([1, 0]), reply)).await;
        let cycle = cycle_of(asked);
        assert_eq!(names(&cycle), ["/b", "/a"]);
        assert_eq!(cycle.to_string(), "/b -> /a -> /b");
        assert!(AskError::Deadlock(cycle.clone()).never_started());
        assert!(
            AskError::Deadlock(cycle)
                .to_string()
                .contains("/b -> /a -> /b")
        );

        // A ring of five.
        let ring = rig.way([1, 2, 3, 4, 0]);
        let cycle = cycle_of(a.ask(|reply| Msg::Along(ring, reply)).await);
        assert_eq!(names(&cycle), ["/e", "/a", "/b", "/c", "/d"]);

        // One that asks itself.
        let cycle = cycle_of(a.ask(|reply| Msg::Along(rig.way([0]), reply)).await);
        assert_eq!(cycle.to_string(), "/a -> /a");

        // A cycle that the first one is no part of.
        let cycle = cycle_of(a.ask(|reply| Msg::Along(rig.way([1, 2, 1]), reply)).await);
        assert_eq!(names(&cycle), ["/c", "/b"]);

        // All live on, and nothing is left of their waits.
        for actor in &rig.actors {
            let asked = actor.ask(|reply| Msg::Along(Vec::new(), reply)).await;
            assert_eq!(asked, Ok(Ok(0)));
        }
        rig.end().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn full_mailbox_cycle_is_named() {
    for message in [Msg::Tell, Msg::Reserve] {
        paused(async |check| {
            let begin = Instant::now();
            let rig = Rig::new(&check, &["a", "b"], Mailbox::bounded(1));
            let [a, b] = [&rig.actors[0], &rig.actors[1]];
            let in_handlers = async {
                for index in 0..2 {
                    rig.entered[index].notified().await;
                    rig.actors[index].try_tell(Msg::Nothing).unwrap();
                }
                // Now both are full, and neither gets to its mailbox.
                rig.go_on[0].notify_one();
                settled().await;
                rig.go_on[1].notify_one();
            };
            let (first, second, ()) = tokio::join!(
                a.ask(|reply| message(b.clone(), reply)),
                b.ask(|reply| message(a.clone(), reply)),
                in_handlers
            );
            // The second is refused, so that the first goes on.
            assert_eq!(first, Ok(None));
            let cycle = second.unwrap().unwrap();
            assert_eq!(names(&cycle), ["/b", "/a"]);

            // Into its own.
            let own = async {
                rig.entered[0].notified().await;
                while a.try_tell(Msg::Nothing).is_ok() {}
                rig.go_on[0].notify_one();
            };
            let (told, ()) = tokio::join!(a.ask(|reply| message(a.clone(), reply)), own);
            assert_eq!(told.unwrap().unwrap().to_string(), "/a -> /a");
            rig.end().await;
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    }
}

#[test]
fn refused_message_comes_back() {
    struct Own;
    impl Actor for Own {
        type Msg = Option<(Guard, ReplyTo<bool>)>;
        async fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
            let Some((guard, reply)) = msg else {
                return Ok(());
            };
            let me = ctx.me();
            me.try_tell(None)?;
            let told = me.recipient::<Self::Msg>().tell(Some((guard, reply))).await;
            let Err(error @ SendError::Deadlock(..)) = told else {
                return Err("it was let in".into());
            };
            assert!(error.to_string().contains(" -> "), "{error}");
            if let Some((_, reply)) = error.into_inner() {
                reply.send(true);
            }
            Ok(())
        }
    }
    paused(async |check| {
        let system = System::start().unwrap();
        let own = system
            .spawn(ChildSpec::new(Own).mailbox(Mailbox::bounded(1)))
            .unwrap();
        check.node(own.node());
        let guard = check.guard();
        assert_eq!(own.ask(|reply| Some((guard, reply))).await, Ok(true));
        system.stop().await.unwrap();
    });
}

#[test]
fn cycle_through_an_owned_task_is_named() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let a = &rig.actors[0];
        for way in [rig.way([0]), rig.way([1, 0])] {
            let length = way.len() + 1;
            let cycle = cycle_of(a.ask(|reply| Msg::AlongInTask(way, reply)).await);
            assert_eq!(cycle.paths().len(), length, "{cycle}");
            assert!(names(&cycle).contains(&"/a"), "{cycle}");
        }
        // A scope's body is the actor's own code.
        let cycle = cycle_of(
            a.ask(|reply| Msg::AlongInScope(rig.way([1, 0]), reply))
                .await,
        );
        assert_eq!(names(&cycle), ["/b", "/a"]);
        // A task that nobody waits for may ask its owner.
        let asked = a.ask(|reply| Msg::AlongLater(rig.way([0, 1]), reply)).await;
        assert_eq!(asked, Ok(Ok(0)));
        rig.end().await;
    });
}

#[test]
fn what_has_a_limit_is_never_refused() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        let late = AskError::TimedOut {
            started: false,
            inherited: false,
        };
        // The limit travels, so that no ask of the cycle is without one.
        let begin = Instant::now();
        let asked = a
            .ask(|reply| Msg::AlongLimited(rig.way([1, 0]), reply))
            .await;
        let asked = asked.unwrap();
        assert!(matches!(asked, Err(AskError::TimedOut { .. })), "{asked:?}");
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        // Its own limit, in a cycle with itself.
        let asked = b.ask(|reply| Msg::AlongLimited(rig.way([1]), reply)).await;
        assert_eq!(asked, Ok(Err(late)));
        rig.end().await;
    });
}

#[test]
fn late_reply_ends_the_wait() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        // a waits for b, whose handler has ended; b may ask a.
        let waiting = async {
            struct Asker(ActorRef<Msg>);
            impl Actor for Asker {
                type Msg = Reply;
                async fn handle(&mut self, reply: Reply, _: &mut Context<Self>) -> tenure::Result {
                    reply.send(self.0.ask(Msg::AnswerLater).await?);
                    Ok(())
                }
            }
            let asker = rig
                .system
                .spawn(ChildSpec::new(Asker(b.clone())).name("asker"))
                .unwrap();
            let also = asker.clone();
            let other = rig.go_on[1].clone();
            struct Back(ActorRef<Reply>);
            impl Actor for Back {
                type Msg = Reply;
                async fn handle(&mut self, reply: Reply, _: &mut Context<Self>) -> tenure::Result {
                    reply.send(self.0.ask(|reply| reply).await?);
                    Ok(())
                }
            }
            let back = rig.system.spawn(Back(also)).unwrap();
            let (first, second, ()) =
                tokio::join!(asker.ask(|reply| reply), back.ask(|reply| reply), async {
                    for _ in 0..2 {
                        settled().await;
                        other.notify_one();
                    }
                });
            assert_eq!((first, second), (Ok(Ok(1)), Ok(Ok(1))));
        };
        waiting.await;
        let asked = a.ask(|reply| Msg::Along(Vec::new(), reply)).await;
        assert_eq!(asked, Ok(Ok(0)));
        rig.end().await;
    });
}

/// Asks the target, whose handler ends, and is then itself asked by the target.
#[test]
fn target_whose_handler_has_ended_may_ask_back() {
    enum Call {
        Begin(ActorRef<Call>, ReplyTo<u32>),
        Keep(ReplyTo<u32>),
        AskBack(ActorRef<Call>, ReplyTo<bool>),
        Value(ReplyTo<u32>),
    }
    #[derive(Default)]
    struct Party(Option<ReplyTo<u32>>);
    impl Actor for Party {
        type Msg = Call;
        async fn handle(&mut self, msg: Call, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                Call::Begin(other, reply) => reply.send(other.ask(Call::Keep).await?),
                Call::Keep(reply) => self.0 = Some(reply),
                Call::AskBack(other, done) => {
                    let asking = other.ask(Call::Value);
                    tokio::select! {
                        biased;
                        asked = asking => done.send(asked.is_err()),
                        () = tokio::task::yield_now() => {
                            // It was let be, and is queued there.
                            if let Some(reply) = self.0.take() { reply.send(3) }
                            done.send(other.ask(Call::Value).await.is_err());
                        }
                    }
                }
                Call::Value(reply) => reply.send(4),
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let a = scope.spawn(Party::default())?;
            let b = scope.spawn(Party::default())?;
            let back = async {
                settled().await;
                b.ask(|reply| Call::AskBack(a.clone(), reply)).await
            };
            let (first, back) = tokio::join!(a.ask(|reply| Call::Begin(b.clone(), reply)), back);
            assert_eq!((first, back), (Ok(3), Ok(false)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn ask_that_a_select_has_dropped_counts_no_more() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c"], Mailbox::default());
        let [a, b, c] = [&rig.actors[0], &rig.actors[1], &rig.actors[2]];
        // a has given up on b, which asks c, which asks a: queued there until a is done.
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        let asked = a.ask(|reply| Msg::GiveUp(b.clone(), reply));
        let other = async {
            rig.entered[0].notified().await;
            rig.go_on[1].notify_one();
            b.ask(|reply| Msg::Along(rig.way([2, 0]), reply)).await
        };
        let go_on = async {
            settled().await;
            assert_eq!(a.node().backlog(), 1);
            rig.go_on[0].notify_one();
        };
        let (asked, other, ()) = tokio::join!(asked, other, go_on);
        assert_eq!((asked, other), (Ok(Ok(0)), Ok(Ok(0))));
        assert_eq!(
            c.ask(|reply| Msg::Along(Vec::new(), reply)).await,
            Ok(Ok(0))
        );
        rig.end().await;
    });
}

#[test]
fn no_cycle_no_refusal() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c", "d"], Mailbox::default());
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| &rig.actors[index]);
        // Two asks to the same target.
        assert_eq!(a.ask(|reply| Msg::Twice(d.clone(), reply)).await, Ok(Ok(0)));
        // A diamond: b and c are asked, and both ask d.
        let (left, right) = tokio::join!(
            a.ask(|reply| Msg::Along(rig.way([1, 3]), reply)),
            c.ask(|reply| Msg::Along(rig.way([3]), reply)),
        );
        assert_eq!((left, right), (Ok(Ok(0)), Ok(Ok(0))));
        // A long way there, and later back.
        assert_eq!(
            a.ask(|reply| Msg::Along(rig.way([1, 2, 3]), reply)).await,
            Ok(Ok(0))
        );
        assert_eq!(
            d.ask(|reply| Msg::Along(rig.way([2, 1, 0]), reply)).await,
            Ok(Ok(0))
        );
        assert_eq!(
            b.ask(|reply| Msg::Along(Vec::new(), reply)).await,
            Ok(Ok(0))
        );
        rig.end().await;
    });
}

#[test]
fn select_may_wait_even_so() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a"], Mailbox::default());
        let a = &rig.actors[0];
        let (asked, ()) = tokio::join!(a.ask(|reply| Msg::EvenSo(a.clone(), reply)), async {
            tokio::task::yield_now().await;
            rig.go_on[0].notify_one();
        });
        assert_eq!(asked, Ok(Ok(7)));
        rig.end().await;
    });
}

#[test]
fn waits_of_a_killed_node_are_gone() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        b.tell(Msg::Wait).await.unwrap();
        rig.entered[1].notified().await;
        // a waits for b and is killed; b, on its way to a, is told that a is gone.
        let asking = a.ask(|reply| Msg::Along(rig.way([1]), reply));
        let killing = async {
            settled().await;
            let killed = a.kill();
            rig.go_on[1].notify_one();
            let asked = b.ask(|reply| Msg::Along(rig.way([0]), reply)).await;
            assert_eq!(asked, Ok(Err(AskError::Stopped)));
            killed.await
        };
        let (asked, killed) = tokio::join!(asking, killing);
        assert_eq!(asked, Err(AskError::Killed));
        killed.unwrap();
        rig.end().await;
    });
}

#[test]
fn of_two_racing_asks_one_fails() {
    multi_thread(async |check| {
        for _ in 0..300 {
            let rig = Rig::new(&check, &["a", "b", "c"], Mailbox::default());
            let ways = [rig.way([1, 2]), rig.way([2, 0]), rig.way([0, 1])];
            let racing: Vec<_> = rig
                .actors
                .iter()
                .zip(ways)
                .map(|(actor, way)| {
                    let actor = actor.clone();
                    rig.system
                        .task(async move {
                            let asked = actor.ask(|reply| Msg::Along(way, reply)).await;
                            Ok::<_, tenure::Error>(asked)
                        })
                        .unwrap()
                })
                .collect();
            let all = async {
                for one in racing {
                    let asked = one.await.unwrap().unwrap_or_else(Err);
                    assert!(
                        matches!(asked, Ok(0) | Err(AskError::Deadlock(_))),
                        "{asked:?}"
                    );
                }
            };
            tokio::time::timeout(Duration::from_secs(20), all)
                .await
                .expect("none hangs");
            rig.end().await;
        }
    });
}

/// A wait that can be served is never refused, however the others move.
#[test]
fn ways_that_go_one_way_are_never_refused() {
    multi_thread(async |check| {
        let rig = Rig::new(&check, &["a", "b", "c", "d"], Mailbox::bounded(4));
        let ways = [
            rig.way([1, 2, 3]),
            rig.way([2, 3]),
            rig.way([1, 3]),
            rig.way([3]),
        ];
        let askers: Vec<_> = ways
            .into_iter()
            .map(|way| {
                let a = rig.actors[0].clone();
                rig.system
                    .task(async move {
                        for _ in 0..500 {
                            let asked = a.ask(|reply| Msg::Along(way.clone(), reply)).await;
                            assert_eq!(asked, Ok(Ok(0)));
                        }
                    })
                    .unwrap()
            })
            .collect();
        for asker in askers {
            asker.await.unwrap();
        }
        rig.end().await;
    });
}

#[test]
fn permit_that_comes_free_is_room() {
    struct Full(Arc<Notify>);
    impl Actor for Full {
        type Msg = Option<ReplyTo<bool>>;
        async fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
            if let Some(reply) = msg {
                self.0.notify_one();
                tokio::task::yield_now().await;
                // A permit holds the room; its drop is what this waits for.
                reply.send(ctx.me().tell(None).await.is_ok());
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let entered = Arc::new(Notify::new());
            let spec = ChildSpec::new(Full(Arc::clone(&entered))).mailbox(Mailbox::bounded(1));
            let full = scope.spawn(spec)?;
            let holding = async {
                entered.notified().await;
                let permit = full.reserve().await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
                drop(permit);
            };
            let (told, ()) = tokio::join!(full.ask(Some), holding);
            assert_eq!(told, Ok(true));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn long_ring_is_walked_without_recursion() {
    const LENGTH: usize = 2_000;
    paused(async |_check| {
        tenure::scope(async |scope| {
            let actors: Vec<_> = (0..LENGTH)
                .map(|_| scope.spawn(Node::default()).unwrap())
                .collect();
            let mut way = actors[1..].to_vec();
            way.push(actors[0].clone());
            let cycle = cycle_of(actors[0].ask(|reply| Msg::Along(way, reply)).await);
            assert_eq!(cycle.paths().len(), LENGTH);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn handler_that_hangs_for_other_reasons_is_no_cycle() {
    paused(async |check| {
        let rig = Rig::new(&check, &["a", "b"], Mailbox::default());
        let [a, b] = [&rig.actors[0], &rig.actors[1]];
        a.tell(Msg::Wait).await.unwrap();
        let asking = b.ask(|reply| Msg::Along(rig.way([0]), reply));
        tokio::select! {
            asked = asking => panic!("{asked:?}"),
            () = tokio::time::sleep(Duration::from_secs(9)) => {}
            () = pending() => {}
        }
        rig.go_on[0].notify_one();
        rig.end().await;
    });
}
