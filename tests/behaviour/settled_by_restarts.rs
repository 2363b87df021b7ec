//! What a restart settles of what went wrong, and what an end reports that comes during the restart.

use crate::common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Check, Count, Guard, paused, settled};
use tenure::prelude::*;
use tenure::{CancellationToken, StopError, StopReason, System};
use tokio::join;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Fails in its handler and, with `stop_fails`, in its `on_stop`. Notes whether its token has fired.
#[derive(Clone)]
struct Twice {
    check: Check,
    stop_fails: bool,
    /// The grace of its task.
    grace: Duration,
    incarnations: Count,
    fired: Arc<Mutex<Vec<bool>>>,
}

struct TwiceActor {
    recipe: Twice,
    _guard: Guard,
}

impl Start for Twice {
    type Actor = TwiceActor;

    async fn start(self, ctx: &mut Context<TwiceActor>) -> tenure::Result<TwiceActor> {
        self.incarnations.add();
        self.fired.lock().unwrap().push(ctx.token().is_cancelled());
        // This task holds up the end of each incarnation for a second.
        let held_up = |token: CancellationToken| async move {
            token.cancelled().await;
            sleep(SECOND).await;
        };
        ctx.task(TaskSpec::with_token(held_up).grace(self.grace))?;
        Ok(TwiceActor {
            _guard: self.check.guard(),
            recipe: self,
        })
    }
}

impl Actor for TwiceActor {
    type Msg = Option<ReplyTo<()>>;

    async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            Some(reply) => reply.send(()),
            None => return Err("settled".into()),
        }
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let fired = ctx.token().is_cancelled();
        self.recipe.fired.lock().unwrap().push(fired);
        if self.recipe.stop_fails {
            return Err("not settled".into());
        }
        Ok(())
    }
}

fn twice(check: &Check, stop_fails: bool) -> Twice {
    Twice {
        check: check.clone(),
        stop_fails,
        grace: 5 * SECOND,
        incarnations: Count::default(),
        fired: Arc::default(),
    }
}

/// Drains the actor, with or without an ask that it has accepted before.
async fn drained_with(
    actor: &ActorRef<Option<ReplyTo<()>>>,
    mail: bool,
) -> Result<StopReason, StopError> {
    if !mail {
        return actor.drain().await;
    }
    let asked = actor.ask(Some);
    let drained = async {
        settled().await;
        actor.drain().await
    };
    let (asked, drained) = join!(asked, drained);
    assert_eq!(asked, Ok(()));
    drained
}

#[test]
fn what_fails_after_a_restart_was_decided_on_is_reported_by_a_stop() {
    for stop_fails in [false, true] {
        paused(async |check| {
            let system = System::start().unwrap();
            let recipe = twice(&check, stop_fails);
            let spec = ChildSpec::new(recipe.clone()).restart(Restart::OnFailure);
            let actor = system.spawn(spec.contain()).unwrap();
            actor.tell(None).await.unwrap();
            sleep(SECOND / 2).await; // its task holds it up
            let stopped = actor.stop().await;
            match stopped {
                Err(StopError::Failed(failure)) if stop_fails => {
                    let text = format!("{failure:?}");
                    assert!(text.contains("not settled"), "{text}");
                    assert_eq!(failure.leaves().count(), 1, "{text}");
                }
                Ok(StopReason::Stopped) if !stop_fails => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(recipe.incarnations.get(), 1);
            system.stop().await.unwrap();
        });
    }
}

/// If there is no mail, no incarnation follows that would settle the failure. If there is, the last incarnation fails
/// in its own `on_stop`.
#[test]
fn what_fails_after_a_restart_was_decided_on_is_reported_by_a_drain_without_mail() {
    for with_mail in [false, true] {
        paused(async |check| {
            let system = System::start().unwrap();
            let recipe = twice(&check, true);
            let spec = ChildSpec::new(recipe.clone()).restart(Restart::Always);
            let actor = system.spawn(spec.contain()).unwrap();
            actor.tell(None).await.unwrap();
            sleep(SECOND / 2).await; // its task holds it up
            let drained = drained_with(&actor, with_mail).await;
            let Err(StopError::Failed(failure)) = drained else {
                panic!("the last on_stop fails in any case: {drained:?}");
            };
            assert_eq!(failure.leaves().count(), 1, "{failure:?}");
            assert_eq!(recipe.incarnations.get(), 1 + usize::from(with_mail));
            system.stop().await.unwrap();
        });
    }
}

/// A restart settles failures but not cuts: the drain had to wait for the task (rule 7).
#[test]
fn task_that_is_cut_at_the_end_of_an_incarnation_cuts_a_drain_short() {
    for with_mail in [false, true] {
        paused(async |check| {
            let system = System::start().unwrap();
            let mut recipe = twice(&check, false);
            recipe.grace = SECOND / 2;
            let spec = ChildSpec::new(recipe.clone()).restart(Restart::OnFailure);
            let actor = system.spawn(spec).unwrap();
            actor.tell(None).await.unwrap();
            sleep(SECOND / 4).await; // its task holds it up
            let drained = drained_with(&actor, with_mail).await;
            let is_cut = matches!(&drained, Err(StopError::CutShort(_)));
            assert!(is_cut, "{with_mail}: {drained:?}");
            let stopped = system.stop().await;
            assert!(matches!(stopped, Ok(StopReason::Stopped)), "{stopped:?}");
        });
    }
}

/// Nobody has told the actor to end when the task is cut, and the next incarnation ends in good order.
#[test]
fn task_that_is_cut_in_a_restart_cuts_no_later_end_short() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut recipe = twice(&check, false);
        recipe.grace = SECOND / 2;
        let spec = ChildSpec::new(recipe.clone()).restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        actor.tell(None).await.unwrap();
        actor.ask(Some).await.unwrap();
        sleep(SECOND).await;
        let killed = actor.kill().await;
        assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
        let stopped = system.stop().await;
        assert!(matches!(stopped, Ok(StopReason::Stopped)), "{stopped:?}");
    });
}

#[test]
fn token_has_fired_in_the_on_stop_of_a_restart_and_the_next_is_new() {
    paused(async |check| {
        let system = System::start().unwrap();
        let recipe = twice(&check, false);
        let spec = ChildSpec::new(recipe.clone()).restart(Restart::OnFailure);
        let actor = system.spawn(spec).unwrap();
        actor.tell(None).await.unwrap();
        actor.ask(Some).await.unwrap();
        assert_eq!(*recipe.fired.lock().unwrap(), [false, true, false]);
        system.stop().await.unwrap();
    });
}
