//! A first check of timers, streams, watches, dead letters and lookups.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{LookupError, Phase, StopError};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

type Setup = Box<dyn FnOnce(&mut Context<Node>) + Send>;

struct Node {
    log: Log,
    _guard: Guard,
}

enum Msg {
    Run(Setup),
    Note(String),
    Sleep(Duration),
}

impl Actor for Node {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Run(setup) => setup(ctx),
            Msg::Note(text) => self.log.push(text),
            Msg::Sleep(time) => sleep(time).await,
        }
        Ok(())
    }

    fn label(msg: &Msg) -> &'static str {
        match msg {
            Msg::Run(_) => "Run",
            Msg::Note(_) => "Note",
            Msg::Sleep(_) => "Sleep",
        }
    }
}

fn node(check: &Check, log: &Log) -> Node {
    Node {
        log: log.clone(),
        _guard: check.guard(),
    }
}

fn run(setup: impl FnOnce(&mut Context<Node>) + Send + 'static) -> Msg {
    Msg::Run(Box::new(setup))
}

fn note(text: &str) -> Msg {
    Msg::Note(text.to_owned())
}

/// Always ready.
struct Endless(#[allow(dead_code)] Guard);

impl futures_core::Stream for Endless {
    type Item = ();
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<()>> {
        std::task::Poll::Ready(Some(()))
    }
}

#[test]
fn ticks_that_come_late_are_skipped_and_a_cancelled_timer_is_silent() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(node(&check, &log)).unwrap();
        let guard = check.guard();
        actor
            .tell(run(move |ctx| {
                ctx.send_every(SECOND, move || {
                    let _ = &guard;
                    note("tick")
                });
                ctx.send_after(2 * SECOND, note("once"));
                ctx.send_after(3 * SECOND, note("never")).cancel();
            }))
            .await
            .unwrap();
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(log.entries(), ["tick"]);
        actor.tell(Msg::Sleep(10 * SECOND)).await.unwrap();
        sleep(Duration::from_millis(10_400)).await;
        let mut seen = log.entries();
        seen.sort();
        // At 11.5 s the handler ended: one late tick, and the single message.
        assert_eq!(seen, ["once", "tick", "tick"]);
        actor.stop().await.unwrap();
        assert_eq!(check.alive(), 0);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_stream_that_is_always_ready_and_the_mailbox_take_turns() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(node(&check, &log)).unwrap();
        let stream = Endless(check.guard());
        let items = log.clone();
        actor
            .tell(run(move |ctx| {
                let handle = ctx.attach(stream, move |()| {
                    items.push("made");
                    note("item")
                });
                assert!(handle.is_active());
            }))
            .await
            .unwrap();
        for _ in 0..100 {
            actor.tell(note("mail")).await.unwrap();
        }
        while log
            .entries()
            .iter()
            .filter(|entry| *entry == "mail")
            .count()
            < 100
        {
            tokio::task::yield_now().await;
        }
        let entries = log.entries();
        let last_mail = entries.iter().rposition(|entry| entry == "mail").unwrap();
        let items = entries[..last_mail].iter().filter(|e| *e == "item").count();
        assert!(items >= 90, "{items}");
        actor.drain().await.unwrap();
        // Each item was handled before the next was asked for.
        let entries = log.entries();
        let made = entries.iter().filter(|e| *e == "made").count();
        let items = entries.iter().filter(|e| *e == "item").count();
        assert!(made - items <= 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_quiet_actor_is_told_so_again_and_again() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(node(&check, &log)).unwrap();
        actor
            .tell(run(|ctx| {
                drop(ctx.receive_timeout(SECOND, || note("quiet")))
            }))
            .await
            .unwrap();
        sleep(Duration::from_millis(900)).await;
        actor.tell(note("mail")).await.unwrap();
        sleep(Duration::from_millis(900)).await;
        assert_eq!(log.entries(), ["mail"]);
        sleep(Duration::from_millis(1_200)).await;
        assert_eq!(log.entries(), ["mail", "quiet", "quiet"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_watch_tells_once_and_not_of_an_ancestor() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(node(&check, &log)).unwrap();
        let dead = system.task(async {}).unwrap();
        let dead_node = dead.node();
        dead.await.unwrap();
        let live = system
            .spawn(ChildSpec::new(node(&check, &log)).name("live"))
            .unwrap();
        let (watched, root) = (live.clone(), system.node());
        actor
            .tell(run(move |ctx| {
                let end = |end: Watched| Msg::Note(format!("{} ended", end.path()));
                ctx.watch(&watched, end).unwrap();
                ctx.watch(&watched, end).unwrap().cancel();
                ctx.watch(&dead_node, |_| note("dead")).unwrap();
                let own = ctx.me();
                assert!(matches!(
                    ctx.watch(&own, end),
                    Err(StopError::WaitsForItself)
                ));
                assert!(matches!(
                    ctx.watch(&root, end),
                    Err(StopError::WaitsForItself)
                ));
            }))
            .await
            .unwrap();
        sleep(SECOND).await;
        assert_eq!(log.entries(), ["dead"]);
        live.kill().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(log.entries(), ["dead", "/live ended"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn dead_letters_are_counted_and_shown_also_to_a_hook_that_panics() {
    paused(async |check| {
        let log = Log::default();
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&shown);
        let system = System::builder()
            .on_dead_letter(move |letter| {
                assert!(letter.downcast_ref::<Msg>().is_some());
                seen.lock()
                    .unwrap()
                    .push(format!("{} {}", letter.path(), letter.label()));
                panic!("the hook panics");
            })
            .start()
            .unwrap();
        let actor = system
            .spawn(ChildSpec::new(node(&check, &log)).name("a"))
            .unwrap();
        actor.tell(Msg::Sleep(SECOND)).await.unwrap();
        actor.tell(note("lost")).await.unwrap();
        actor.tell(note("lost")).await.unwrap();
        tokio::task::yield_now().await;
        actor.stop().await.unwrap();
        assert_eq!(*shown.lock().unwrap(), ["/a Note", "/a Note"]);
        system.stop().await.unwrap();
        assert_eq!(system.dead_letters(), 2);
    });
}

#[test]
fn a_panic_in_a_stream_fails_the_actor_and_one_in_its_drop_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    paused(async |check| {
        let log = Log::default();
        for in_drop in [false, true] {
            let system = System::start().unwrap();
            let actor = system
                .spawn(ChildSpec::new(node(&check, &log)).contain())
                .unwrap();
            let (bomb, kept) = (in_drop.then(|| Bomb), check.guard());
            actor
                .tell(run(move |ctx| {
                    ctx.send_every(SECOND, move || {
                        let _ = &bomb;
                        assert!(in_drop, "made");
                        note("tick")
                    });
                    ctx.send_every(SECOND, move || {
                        let _ = &kept;
                        note("other")
                    });
                }))
                .await
                .unwrap();
            if in_drop {
                sleep(Duration::from_millis(500)).await;
                let end = actor.stop().await;
                assert!(matches!(end, Err(StopError::Failed(_))), "{end:?}");
            } else {
                let end = actor.stopped().await;
                assert!(matches!(end, Err(StopError::Failed(_))), "{end:?}");
            }
            assert_eq!(actor.node().phase(), Phase::Stopped);
            assert_eq!(check.alive(), 0);
            system.stop().await.unwrap();
        }
    });
}

#[test]
fn live_nodes_are_found_by_path_and_by_name_and_type() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let root = system
            .spawn(ChildSpec::new(node(&check, &log)).name("root"))
            .unwrap();
        let (check2, log2) = (check.clone(), log.clone());
        root.tell(run(move |ctx| {
            for name in ["x", "y"] {
                ctx.spawn(ChildSpec::new(node(&check2, &log2)).name(name))
                    .unwrap();
            }
            assert!(ctx.find("x").is_some());
        }))
        .await
        .unwrap();
        tokio::task::yield_now().await;
        let x = system.find("/root/x").unwrap();
        assert_eq!(system.find("root/x"), Some(x.clone()));
        assert_eq!(root.node().find("x"), Some(x.clone()));
        assert_eq!(system.find(&x.path()), Some(x.clone()));
        let found = system.lookup::<Msg>("x").unwrap();
        assert_eq!(found.node(), x);
        let wrong = LookupError::WrongType {
            path: "/root/x".into(),
        };
        assert_eq!(system.lookup::<u8>("x"), Err(wrong.clone()));
        assert_eq!(system.lookup::<u8>("/root/x"), Err(wrong));
        assert_eq!(system.lookup::<Msg>("z"), Err(LookupError::NotFound));
        found.stop().await.unwrap();
        assert_eq!(system.find("/root/x"), None);
        assert_eq!(system.lookup::<Msg>("x"), Err(LookupError::NotFound));
        system.stop().await.unwrap();
    });
}
