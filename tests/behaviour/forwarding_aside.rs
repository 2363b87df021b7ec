//! A message that was put aside counts as accepted until another actor has it. Whatever becomes of the actor that hands
//! it on, the message is counted if it is lost (rule 11), and its ask is resolved (rule 10).

use std::future::ready;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::node::Gate;
use crate::common::{Check, Guard, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Stashed, System};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// The porter puts it aside and hands it on at once.
    Work(Guard, ReplyTo<&'static str>),
    /// Keeps the desk busy, or takes the room of another message.
    Note(#[expect(dead_code, reason = "it is counted")] Guard),
}

/// What the porter does with the future that hands the message on.
#[derive(Clone, Copy)]
enum Manner {
    Waits,
    /// Waits for so long, and fails with the error.
    Within(Duration),
    /// Drops it after a second.
    Drops,
    /// Drops it without polling it.
    NeverPolls,
    /// Waits for so long, and leaves what comes back to the test.
    Keeps(Duration),
}

struct Porter {
    to: ActorRef<Msg>,
    manner: Manner,
    back: Back,
}

#[derive(Clone, Default)]
struct Back(Arc<Mutex<Vec<Stashed<Msg>>>>);

impl Actor for Porter {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let forward = ctx.stash(msg).forward(&self.to);
        match self.manner {
            Manner::Waits => forward.await?,
            Manner::Within(limit) => forward.timeout(limit).await?,
            Manner::Drops => drop(timeout(SECOND, forward).await),
            Manner::NeverPolls => drop(forward),
            Manner::Keeps(limit) => {
                if let Err(refused) = forward.timeout(limit).await {
                    self.back.0.lock().unwrap().push(refused.into_inner());
                }
            }
        }
        Ok(())
    }
}

/// Replies "in time" if the ask has a deadline, otherwise "done".
struct Desk(Arc<Gate>);

impl Actor for Desk {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Work(_guard, reply) if ctx.deadline().is_some() => reply.send("in time"),
            Msg::Work(_guard, reply) => reply.send("done"),
            Msg::Note(_) => {
                self.0.reach();
                self.0.opened().await;
            }
        }
        Ok(())
    }
}

/// A porter in front of a busy desk. The mailbox of the desk has room for one message, which is taken.
struct Post {
    porter: ActorRef<Msg>,
    desk: ActorRef<Msg>,
    gate: Arc<Gate>,
    back: Back,
}

async fn post(check: &Check, system: &System, manner: Manner, room: usize) -> Post {
    let (gate, back) = (Arc::new(Gate::default()), Back::default());
    let desk = ChildSpec::new(Desk(Arc::clone(&gate))).mailbox(Mailbox::bounded(1));
    let desk = system.spawn(desk).unwrap();
    desk.tell(Msg::Note(check.guard())).await.unwrap();
    gate.reached().await;
    desk.try_tell(Msg::Note(check.guard())).unwrap();
    let porter = Porter {
        to: desk.clone(),
        manner,
        back: back.clone(),
    };
    let porter = ChildSpec::new(porter).mailbox(Mailbox::bounded(room));
    let porter = system.spawn(porter.contain()).unwrap();
    check.node(porter.node());
    check.node(desk.node());
    Post {
        porter,
        desk,
        gate,
        back,
    }
}

impl Post {
    /// Lets the desk handle its two notes.
    fn open(&self) {
        self.gate.open();
        self.gate.open();
    }

    async fn end(&self, system: System) {
        self.porter.request_kill();
        self.desk.request_kill();
        system.kill().await.unwrap();
    }
}

#[test]
fn what_is_on_its_way_when_its_actor_is_killed_is_a_dead_letter_and_was_never_started() {
    paused(async |check| {
        let system = System::start().unwrap();
        let post = post(&check, &system, Manner::Waits, 8).await;
        let guard = check.guard();
        let mut ask = pin!(post.porter.ask(|reply| Msg::Work(guard, reply)));
        assert!(timeout(SECOND, &mut ask).await.is_err());
        assert_eq!(system.dead_letters(), 0);
        post.porter.kill().await.unwrap();
        let lost = ask.await.unwrap_err();
        assert!(lost.never_started(), "{lost:?}");
        assert_eq!(system.dead_letters(), 1);
        // The hand-over has left the line of the desk's mailbox.
        post.open();
        post.desk.tell(Msg::Note(check.guard())).await.unwrap();
        post.end(system).await;
    });
}

#[test]
fn what_is_dropped_on_its_way_is_a_dead_letter_while_its_actor_goes_on() {
    paused(async |check| {
        for manner in [Manner::Drops, Manner::NeverPolls] {
            let system = System::start().unwrap();
            let post = post(&check, &system, manner, 8).await;
            for lost in 1..4 {
                let guard = check.guard();
                let asked = post.porter.ask(|reply| Msg::Work(guard, reply)).await;
                assert_eq!(asked, Err(AskError::Dropped));
                assert_eq!(system.dead_letters(), lost);
            }
            post.porter.tell(Msg::Note(check.guard())).await.unwrap();
            post.porter.drain().await.unwrap();
            assert_eq!(system.dead_letters(), 4);
            post.end(system).await;
        }
    });
}

#[test]
fn what_is_dropped_on_its_way_after_its_caller_has_gone_is_no_loss() {
    paused(async |check| {
        let system = System::start().unwrap();
        let post = post(&check, &system, Manner::Drops, 8).await;
        let guards = [check.guard(), check.guard()];
        let [limited, given_up] = guards.map(|guard| {
            let ask = post.porter.ask(|reply| Msg::Work(guard, reply));
            ask.owned()
        });
        let limited = limited.timeout(SECOND / 2).await;
        assert!(limited.is_err());
        let given_up = timeout(SECOND * 3 / 4, given_up).await;
        assert!(given_up.is_err());
        post.porter.drain().await.unwrap();
        assert_eq!(system.dead_letters(), 0);
        post.end(system).await;
    });
}

#[test]
fn failure_to_hand_on_loses_nothing_uncounted() {
    paused(async |check| {
        let system = System::start().unwrap();
        let post = post(&check, &system, Manner::Within(SECOND), 8).await;
        let guard = check.guard();
        let asked = post.porter.ask(|reply| Msg::Work(guard, reply)).await;
        // The porter fails with an error that holds the message.
        assert!(
            asked.as_ref().is_err_and(AskError::never_started),
            "{asked:?}"
        );
        assert!(post.porter.stopped().await.is_err());
        assert_eq!(system.dead_letters(), 1);
        post.end(system).await;
    });
}

#[test]
fn what_is_refused_comes_back_as_it_was_put_aside() {
    paused(async |check| {
        let system = System::start().unwrap();
        let post = post(&check, &system, Manner::Keeps(SECOND), 2).await;
        let guards = [check.guard(), check.guard()];
        let asks = guards.map(|guard| post.porter.ask(|reply| Msg::Work(guard, reply)).owned());
        let [ask, limited] = asks;
        let (mut ask, mut limited) = (pin!(ask), pin!(limited.timeout(9 * SECOND)));
        assert!(timeout(SECOND / 2, &mut ask).await.is_err());
        assert!(timeout(2 * SECOND, &mut limited).await.is_err());
        // The message takes the room that it had in the porter's mailbox.
        let full = post.porter.try_tell(Msg::Note(check.guard()));
        assert!(full.is_err_and(|refused| refused.is_full()));
        post.open();
        settled().await;
        let back: Vec<_> = post.back.0.lock().unwrap().drain(..).collect();
        assert_eq!(back.len(), 2);
        for aside in back {
            assert!(!aside.is_abandoned());
            aside.forward(&post.desk).await.unwrap();
        }
        assert_eq!(ask.await, Ok("done"));
        assert_eq!(limited.await, Ok("in time"));
        post.porter.try_tell(Msg::Note(check.guard())).unwrap();
        settled().await;
        assert_eq!(system.dead_letters(), 0);

        post.desk.kill().await.unwrap();
        let guard = check.guard();
        let mut ask = pin!(post.porter.ask(|reply| Msg::Work(guard, reply)));
        assert!(timeout(SECOND, &mut ask).await.is_err());
        post.back.0.lock().unwrap().clear();
        assert_eq!(ask.await, Err(AskError::Dropped));
        assert_eq!(system.dead_letters(), 1);
        post.end(system).await;
    });
}

#[test]
fn thread_that_blocks_hands_on_what_is_aside_within_its_limit() {
    multi_thread(async |check| {
        let system = System::start().unwrap();
        let post = post(&check, &system, Manner::Keeps(Duration::ZERO), 8).await;
        let guard = check.guard();
        let mut ask = pin!(post.porter.ask(|reply| Msg::Work(guard, reply)));
        let aside = loop {
            tokio::select! {
                biased;
                _ = &mut ask => panic!("nobody replies"),
                () = ready(()) => {}
            }
            match post.back.0.lock().unwrap().pop() {
                Some(aside) => break aside,
                None => std::thread::yield_now(),
            }
            tokio::task::yield_now().await;
        };
        let desk = post.desk.clone();
        let job = system.blocking(move |_| {
            let begin = Instant::now();
            let limit = Duration::from_millis(20);
            let refused = aside.forward(&desk).timeout(limit).blocking_wait();
            assert!(begin.elapsed() >= limit);
            let Err(SendError::TimedOut(aside)) = refused else {
                panic!("there is no room: {refused:?}");
            };
            drop(aside);
            tenure::Ok(())
        });
        job.unwrap().await.unwrap();
        assert_eq!(ask.await, Err(AskError::Dropped));
        assert_eq!(system.dead_letters(), 1);
        post.end(system).await;
    });
}

#[test]
fn wait_for_room_of_what_is_handed_on_is_named_in_a_cycle_and_gives_it_back() {
    struct Mirror(Log);
    impl Actor for Mirror {
        type Msg = u32;
        async fn handle(&mut self, msg: u32, ctx: &mut Context<Self>) -> tenure::Result {
            ctx.me().tell(msg).await?;
            let aside = ctx.stash(msg);
            match aside.forward(&ctx.me()).await {
                Err(SendError::Deadlock(aside, cycle)) => {
                    self.0
                        .push(format!("{} in {cycle}", aside.into_inner().as_ref()));
                    ctx.stop();
                }
                other => self.0.push(format!("{other:?}")),
            }
            Ok(())
        }
    }
    paused(async |_| {
        let log = Log::default();
        let entries = log.clone();
        tenure::scope(async move |scope| {
            let mirror = ChildSpec::new(Mirror(log)).name("mirror");
            let mirror = scope.spawn(mirror.mailbox(Mailbox::bounded(1)))?;
            mirror.tell(7).await?;
            timeout(SECOND, mirror.stopped()).await??;
            // The message that the actor told itself, and the one that came back.
            assert_eq!(scope.dead_letters(), 2);
            Ok(())
        })
        .await
        .unwrap();
        assert!(
            entries.entries()[0].starts_with("7 in ") && entries.entries()[0].contains("/mirror"),
            "{:?}",
            entries.entries()
        );
    });
}
