//! Live nodes are found by their paths, and actors also by their message type.

use crate::common;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

use common::node::{Msg, Node, hold, run_in};
use common::{Check, Log, in_order, multi_thread, paused};
use tenure::prelude::*;
use tenure::{LookupError, Phase};
use tokio::sync::Notify;

fn node(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

/// Takes another type of message.
struct Other(#[allow(dead_code, reason = "counted")] common::Guard);

impl Actor for Other {
    type Msg = u8;
    async fn handle(&mut self, _: u8, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// A child with this name beneath that node.
async fn beneath(owner: &ActorRef<Msg>, name: &'static str, check: &Check) -> ActorRef<Msg> {
    let (made, check) = (Arc::new(Mutex::new(None)), check.clone());
    let child = Arc::clone(&made);
    run_in(owner, move |ctx| {
        let spawned = ctx.spawn(node(&check).named(name)).unwrap();
        child.lock().unwrap().replace(spawned);
    })
    .await;
    made.lock().unwrap().take().unwrap()
}

#[test]
fn a_node_is_found_by_its_path_from_the_root_and_from_any_other() {
    paused(async |check| {
        let system = System::start().unwrap();
        let shop = system.spawn(node(&check).named("shop")).unwrap();
        let till = beneath(&shop, "till", &check).await;
        let drawer = beneath(&till, "drawer", &check).await;
        assert_eq!(drawer.path(), "/shop/till/drawer");
        for path in [
            "/shop/till/drawer",
            "shop/till/drawer",
            "/shop//till/drawer/",
        ] {
            assert_eq!(system.find(path), Some(drawer.node()), "{path}");
        }
        assert_eq!(shop.node().find("till/drawer"), Some(drawer.node()));
        // A path that begins with a slash starts at the root, wherever the search begins.
        assert_eq!(drawer.node().find("/shop/till"), Some(till.node()));
        assert_eq!(till.node().find("shop"), None);
        assert_eq!(system.find("/"), Some(system.node()));
        assert_eq!(drawer.node().find("/"), Some(system.node()));
        assert_eq!(drawer.node().find(""), Some(drawer.node()));
        for path in [
            "/till",
            "/shop/drawer",
            "/shop/till/drawer/x",
            "/Shop",
            "..",
        ] {
            assert_eq!(system.find(path), None, "{path}");
        }
        run_in(&shop, |ctx| {
            assert!(ctx.find("till/drawer").is_some());
            assert!(ctx.find("/shop/till").is_some());
            assert!(ctx.find("shop").is_none());
        })
        .await;
        system.stop().await.unwrap();
    });
}

#[test]
fn a_node_without_a_name_is_found_by_its_type_and_number() {
    paused(async |check| {
        let system = System::start().unwrap();
        let [one, two] = [(); 2].map(|()| system.spawn(node(&check)).unwrap());
        let child = beneath(&two, "child", &check).await;
        let task = system.task(std::future::pending::<()>()).unwrap();
        for found in [one.node(), two.node(), child.node(), task.node()] {
            assert_eq!(system.find(&found.path()), Some(found.clone()), "{found:?}");
        }
        let number = two.id();
        assert_eq!(two.path(), format!("/Node-{number}"));
        for path in [
            format!("/Other-{number}"),
            format!("/{number}"),
            "/Node-".into(),
        ] {
            assert_eq!(system.find(&path), None, "{path}");
        }
        assert_eq!(system.find(&format!("/Node-0{number}")), None);
        // A node with a name is found by the name only.
        let by_number = format!("Node-{}", child.id());
        assert_eq!(two.node().find(&by_number), None);
        // A name may look like a number.
        let named = system.spawn(node(&check).named("Node-7")).unwrap();
        assert_eq!(system.find("/Node-7"), Some(named.node()));
        system.stop().await.unwrap();
    });
}

#[test]
fn an_actor_is_found_by_path_or_name_if_it_takes_such_messages() {
    paused(async |check| {
        let system = System::start().unwrap();
        let shop = system.spawn(node(&check).named("shop")).unwrap();
        let till = beneath(&shop, "till", &check).await;
        let task = system.task(std::future::pending::<()>()).unwrap();
        for name in ["till", "/shop/till", "shop/till"] {
            assert_eq!(system.lookup::<Msg>(name), Ok(till.clone()), "{name}");
            let wrong = LookupError::WrongType {
                path: "/shop/till".into(),
            };
            assert_eq!(system.lookup::<u8>(name), Err(wrong), "{name}");
        }
        // Any spawner can look up in the whole tree. A path without a slash starts at the spawner's owner.
        let kept = till.clone();
        run_in(&till, move |ctx| {
            let spawner = ctx.spawner();
            assert_eq!(spawner.lookup::<Msg>("till"), Ok(kept.clone()));
            assert_eq!(spawner.lookup::<Msg>("/shop/till"), Ok(kept));
            let missing = spawner.lookup::<Msg>("shop/till");
            assert_eq!(missing, Err(LookupError::NotFound));
        })
        .await;
        assert_eq!(till.node().actor::<Msg>(), Some(till.clone()));
        assert_eq!(till.node().actor::<u8>(), None);
        let wrong = LookupError::WrongType {
            path: task.node().path(),
        };
        assert_eq!(system.lookup::<Msg>(&task.node().path()), Err(wrong));
        let wrong = LookupError::WrongType { path: "/".into() };
        assert_eq!(system.lookup::<Msg>("/"), Err(wrong));
        for name in ["", "none", "/shop/none", "Shop"] {
            let found = system.lookup::<Msg>(name);
            assert_eq!(found, Err(LookupError::NotFound), "{name}");
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn of_those_that_have_a_name_the_nearest_is_found_and_two_as_near_are_ambiguous() {
    paused(async |check| {
        let system = System::start().unwrap();
        let [a, b] = ["a", "b"].map(|name| system.spawn(node(&check).named(name)).unwrap());
        let deep = beneath(&a, "deep", &check).await;
        let deepest = beneath(&deep, "x", &check).await;
        assert_eq!(system.lookup::<Msg>("x"), Ok(deepest.clone()));
        let [in_a, in_b] = [
            beneath(&a, "x", &check).await,
            beneath(&b, "x", &check).await,
        ];
        let ambiguous = system.lookup::<Msg>("x");
        let Err(LookupError::Ambiguous { mut paths }) = ambiguous else {
            panic!("{ambiguous:?}")
        };
        paths.sort();
        assert_eq!(paths, ["/a/x", "/b/x"]);
        in_a.stop().await.unwrap();
        assert_eq!(system.lookup::<Msg>("x"), Ok(in_b));
        // An actor with other messages is nearer, and does not count.
        let other = ChildSpec::new(Other(check.guard())).name("x");
        let other = system.spawn(other).unwrap();
        assert!(
            system
                .lookup::<Msg>("x")
                .is_ok_and(|found| found.path() == "/b/x")
        );
        assert_eq!(system.lookup::<u8>("x"), Ok(other));
        system.stop().await.unwrap();
    });
}

#[test]
fn a_node_is_found_until_it_has_ended_and_not_in_another_tree() {
    paused(async |check| {
        let (system, elsewhere) = (System::start().unwrap(), System::start().unwrap());
        let actor = system.spawn(node(&check).named("a")).unwrap();
        assert_eq!(elsewhere.find("/a"), None);
        assert_eq!(elsewhere.lookup::<Msg>("a"), Err(LookupError::NotFound));
        let gate = hold(&actor).await;
        let stopping = actor.stop();
        assert_eq!(actor.node().phase(), Phase::Stopping);
        assert_eq!(system.find("/a"), Some(actor.node()));
        let found = system.lookup::<Msg>("a").unwrap();
        assert!(found.try_tell(Msg::Fail).is_err());
        gate.open();
        stopping.await.unwrap();
        assert_eq!(system.find("/a"), None);
        assert_eq!(system.lookup::<Msg>("a"), Err(LookupError::NotFound));
        assert_eq!(system.lookup::<Msg>("/a"), Err(LookupError::NotFound));
        // A node that has ended is found from nowhere, not even from itself.
        assert_eq!(actor.node().find(""), None);
        let next = system.spawn(node(&check).named("a")).unwrap();
        assert_eq!(system.lookup::<Msg>("a"), Ok(next.clone()));
        assert_ne!(next, found);
        check.node(actor.node());
        let spawner = system.spawner();
        system.stop().await.unwrap();
        for name in ["/a", "/", "a"] {
            assert_eq!(spawner.find(name), None, "{name}");
            let found = spawner.lookup::<Msg>(name);
            assert_eq!(found, Err(LookupError::NotFound), "{name}");
        }
        elsewhere.stop().await.unwrap();
    });
}

#[test]
fn an_actor_that_is_restarted_is_still_the_one_that_was_found() {
    paused(async |check| {
        let system = System::start().unwrap();
        let guards = check.clone();
        let spec = ChildSpec::factory(move || node(&guards)).name("a");
        let spec = spec.restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        let found = system.lookup::<Msg>("a").unwrap();
        found.tell(Msg::Fail).await.unwrap();
        while actor.node().phase() != Phase::Restarting {
            tokio::task::yield_now().await;
        }
        assert_eq!(system.lookup::<Msg>("a"), Ok(actor.clone()));
        found.ask(Msg::Ping).await.unwrap();
        assert_eq!(system.lookup::<Msg>("a"), Ok(found));
        system.stop().await.unwrap();
    });
}

#[test]
fn a_chain_of_10_000_is_searched_on_a_small_stack() {
    const DEPTH: usize = 10_000;

    struct Link {
        below: usize,
        complete: Arc<Notify>,
        check: Check,
        _guard: common::Guard,
    }

    impl Link {
        fn spec(below: usize, complete: Arc<Notify>, check: Check) -> ChildSpec<Self> {
            let guard = check.guard();
            let link = Self {
                below,
                complete,
                check,
                _guard: guard,
            };
            ChildSpec::new(link).name(if below == 0 { "leaf" } else { "x" })
        }
    }

    impl Actor for Link {
        type Msg = ();

        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            let (complete, check) = (Arc::clone(&self.complete), self.check.clone());
            match self.below.checked_sub(1) {
                Some(below) => drop(ctx.spawn(Self::spec(below, complete, check))?),
                None => complete.notify_one(),
            }
            Ok(())
        }

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
    }

    fn search() {
        in_order(async |check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let first = Link::spec(DEPTH - 1, Arc::clone(&complete), check.clone());
            let first = system.spawn(first).unwrap();
            complete.notified().await;
            let path = "/x".repeat(DEPTH - 1) + "/leaf";
            let leaf = system.find(&path).unwrap();
            assert_eq!(first.node().find(&path[3..]), Some(leaf.clone()));
            assert_eq!(leaf.find("/x"), Some(first.node()));
            let found = system.lookup::<()>("leaf").unwrap();
            assert_eq!(found.node(), leaf);
            assert_eq!(system.lookup::<()>("none"), Err(LookupError::NotFound));
            let wrong = system.lookup::<u8>("leaf");
            assert!(matches!(wrong, Err(LookupError::WrongType { .. })));
            let nearest = system.lookup::<()>("x").unwrap();
            assert_eq!(nearest, first);
            found.tell(()).await.unwrap();
            system.stop().await.unwrap();
        });
    }

    let small = thread::Builder::new().stack_size(128 * 1024);
    small.spawn(search).unwrap().join().unwrap();
}

/// Each thread takes its numbers from blocks of its own.
#[test]
fn no_two_nodes_have_the_same_number() {
    multi_thread(async |_check| {
        let system = System::start().unwrap();
        let spawner = system.spawner();
        let spawns = async |spawner: Spawner| {
            let mut ids = Vec::new();
            for _ in 0..1_000 {
                ids.push(spawner.task(async {}).unwrap().node().id());
                tokio::task::yield_now().await;
            }
            tenure::Ok(ids)
        };
        let tasks: Vec<_> = (0..4)
            .map(|_| system.task(spawns(spawner.clone())).unwrap())
            .collect();
        let mut ids = HashSet::new();
        for task in tasks {
            let own = task.await.unwrap();
            assert!(own.into_iter().all(|id| ids.insert(id)));
        }
        system.stop().await.unwrap();
    });
}
