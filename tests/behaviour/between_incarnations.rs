//! An actor between two incarnations refuses what is started beneath it while it waits for its turn. From its turn on,
//! what is started belongs to the next incarnation.

use crate::common;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Guard, Kept, Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{StopError, System, scope_send};
use tokio::join;

const SECOND: Duration = Duration::from_secs(1);

type Making = dyn Fn(usize, &Shared) + Send + Sync;

/// What all incarnations of the actor share.
struct Shared {
    log: Log,
    check: Check,
    /// The actor's spawner, once an incarnation has run.
    spawner: Mutex<Option<Spawner>>,
    recipes: AtomicUsize,
    /// Runs when the recipe of this number is cloned.
    making: Box<Making>,
}

impl Shared {
    fn new(check: &Check, making: impl Fn(usize, &Self) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            log: Log::default(),
            check: check.clone(),
            spawner: Mutex::default(),
            recipes: AtomicUsize::new(0),
            making: Box::new(making),
        })
    }

    fn spec(self: &Arc<Self>) -> ChildSpec<Recipe> {
        ChildSpec::new(Recipe(Arc::clone(self))).restart(Restart::OnFailure)
    }

    /// Starts a task beneath the actor that runs until it is dropped. Says whether it was started.
    fn starts_task(&self) -> bool {
        let spawner = self.spawner.lock().unwrap().clone().unwrap();
        let noted = Noted {
            log: self.log.clone(),
            _guard: self.check.guard(),
        };
        let task = async move {
            let _noted = noted;
            pending::<()>().await;
        };
        match spawner.task(task) {
            Ok(_) => true,
            Err(SpawnError::Closed(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

/// The recipe of the actor. Each incarnation is made from a clone.
struct Recipe(Arc<Shared>);

impl Clone for Recipe {
    fn clone(&self) -> Self {
        let number = self.0.recipes.fetch_add(1, Ordering::SeqCst) + 1;
        (self.0.making)(number, &self.0);
        Self(Arc::clone(&self.0))
    }
}

struct Member {
    shared: Arc<Shared>,
    _guard: Guard,
}

struct Noted {
    log: Log,
    _guard: Guard,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.log.push("the task is dropped");
    }
}

impl Start for Recipe {
    type Actor = Member;

    async fn start(self, ctx: &mut Context<Member>) -> tenure::Result<Member> {
        *self.0.spawner.lock().unwrap() = Some(ctx.spawner());
        self.0
            .log
            .push(format!("start beside {} children", ctx.children().len()));
        Ok(Member {
            _guard: self.0.check.guard(),
            shared: self.0,
        })
    }
}

enum Msg {
    Fail,
    Ping(ReplyTo<()>),
}

impl Actor for Member {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Fail => Err("as it was told".into()),
            Msg::Ping(reply) => {
                reply.send(());
                Ok(())
            }
        }
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.shared.log.push("on_stop");
        Ok(())
    }
}

async fn is_alive(actor: &ActorRef<Msg>) {
    actor.ask(Msg::Ping).await.unwrap();
}

#[test]
fn task_is_refused_while_the_next_incarnation_is_waited_for() {
    paused(async |check| {
        let shared = Shared::new(&check, |_, _| {});
        let system = System::start().unwrap();
        let spec = shared.spec().backoff(Backoff::fixed(SECOND));
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        is_alive(&actor).await;
        actor.tell(Msg::Fail).await.unwrap();
        settled().await;
        assert!(!shared.starts_task());
        is_alive(&actor).await;
        system.stop().await.unwrap();
        let log = [
            "start beside 0 children",
            "on_stop",
            "the task is dropped",
            "start beside 0 children",
            "on_stop",
        ];
        assert_eq!(shared.log.entries(), log);
    });
}

#[test]
fn task_of_an_incarnation_that_is_about_to_begin_ends_with_it() {
    paused(async |check| {
        let shared = Shared::new(&check, |number, shared| {
            if number == 2 {
                assert!(shared.starts_task());
            }
        });
        let system = System::start().unwrap();
        let actor = system.spawn(shared.spec()).unwrap();
        check.node(actor.node());
        for _ in 0..2 {
            is_alive(&actor).await;
            actor.tell(Msg::Fail).await.unwrap();
        }
        is_alive(&actor).await;
        system.stop().await.unwrap();
        let log = [
            "start beside 0 children",
            "on_stop",
            "start beside 1 children",
            "the task is dropped",
            "on_stop",
            "start beside 0 children",
            "on_stop",
        ];
        assert_eq!(shared.log.entries(), log);
    });
}

/// The clone of the recipe for the second incarnation starts a task and then panics. That task ends before the third
/// incarnation begins.
#[test]
fn task_of_an_incarnation_that_never_begins_ends_before_the_next() {
    paused(async |check| {
        let shared = Shared::new(&check, |number, shared| {
            if number == 2 {
                assert!(shared.starts_task());
                panic!("no recipe today");
            }
        });
        let system = System::start().unwrap();
        let actor = system.spawn(shared.spec()).unwrap();
        check.node(actor.node());
        is_alive(&actor).await;
        actor.tell(Msg::Fail).await.unwrap();
        is_alive(&actor).await;
        system.stop().await.unwrap();
        let log = [
            "start beside 0 children",
            "on_stop",
            "the task is dropped",
            "start beside 0 children",
            "on_stop",
        ];
        assert_eq!(shared.log.entries(), log);
    });
}

#[test]
fn task_of_an_incarnation_that_never_begins_ends_with_the_actor() {
    paused(async |check| {
        let shared = Shared::new(&check, |number, shared| {
            if number == 2 {
                assert!(shared.starts_task());
                panic!("no recipe any more");
            }
        });
        let system = System::start().unwrap();
        let spec = shared.spec().intensity(1, SECOND).contain();
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        is_alive(&actor).await;
        actor.tell(Msg::Fail).await.unwrap();
        let ended = actor.stopped().timeout(SECOND).await;
        assert!(matches!(ended, Err(StopError::Failed(_))), "{ended:?}");
        let log = ["start beside 0 children", "on_stop", "the task is dropped"];
        assert_eq!(shared.log.entries(), log);
        system.stop().await.unwrap();
    });
}

/// A scope whose future is held elsewhere is told to end with the actor beneath which it was opened, even if it was
/// opened by the last thing that the actor drops: its recipe.
#[test]
fn scope_that_the_recipe_opens_as_it_is_dropped_is_told() {
    struct Opens(Arc<Mutex<Option<Kept>>>, Check);
    impl Drop for Opens {
        fn drop(&mut self) {
            let guard = self.1.guard();
            let mut scope: Kept = Box::pin(scope_send(move |_| async move {
                let _guard = guard;
                pending::<tenure::Result>().await
            }));
            assert!(poll_unwoken(&mut scope).is_pending());
            *self.0.lock().unwrap() = Some(scope);
        }
    }
    paused(async |check| {
        let given = Arc::new(Mutex::new(None));
        let shared = Shared::new(&check, |_, _| {});
        let opens = Opens(Arc::clone(&given), check.clone());
        let recipe = Arc::clone(&shared);
        let make = move || {
            let _kept = &opens;
            Recipe(Arc::clone(&recipe))
        };
        let system = System::start().unwrap();
        let spec = ChildSpec::factory(make).restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        is_alive(&actor).await;
        let scope = async {
            settled().await;
            let scope = given.lock().unwrap().take().unwrap();
            scope.await
        };
        let (ended, scope) = join!(actor.stop(), scope);
        ended.unwrap();
        assert!(matches!(scope, Err(RunError::Stopped)), "{scope:?}");
        system.stop().await.unwrap();
    });
}
