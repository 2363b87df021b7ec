//! Which public types are `Send`, `Sync` and `Error`.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::Future;

use super::{Cells, Nest, NotSync};
use crate::common::paused;
use tenure::observe::NodeInfo;
use tenure::prelude::*;
use tenure::{
    Ask, Blocker, Builder, CallerGone, Cause, CutShort, Failure, Forward, Kind, NodeId, NodeRef,
    Permit, Phase, Refused, Reserve, Snapshot, StartError, Starting, Stashed, StopError,
    StopReason, Stopped, Stopping, TaskError, TaskHandle, Tell, TrySendError, Unjoined, Unstarted,
};

fn sends<T: Send>() {}
fn shares<T: Send + Sync>() {}
fn error<E: StdError + Send + Sync + 'static>() {}
fn shown<T: Debug>() {}

#[test]
fn everything_public_is_send_and_but_for_the_context_sync() {
    sends::<Context<Cells>>();
    shown::<Context<Cells>>();

    // `Sync`, whatever the message is.
    shares::<ActorRef<NotSync>>();
    shares::<Recipient<NotSync>>();
    shares::<ReplyTo<NotSync>>();
    shares::<Permit<'_, NotSync>>();
    shares::<Reserve<'_, NotSync>>();
    shares::<Refused<NotSync>>();
    shares::<Unstarted<NotSync>>();
    shares::<TaskHandle<NotSync>>();
    error::<SendError<NotSync>>();
    error::<TrySendError<NotSync>>();
    error::<SendError<Stashed<NotSync>>>();
    error::<SpawnError<Cells>>();
    error::<StartError<Cells>>();
    // These hold the message, so they are `Sync` only if it is.
    sends::<Tell<'_, NotSync>>();
    sends::<Stashed<NotSync>>();
    sends::<Forward<'_, NotSync>>();
    sends::<Ask<'_, NotSync, NotSync>>();
    sends::<Starting<Cells>>();
    sends::<ChildSpec<Cells>>();
    shares::<Tell<'_, u32>>();
    shares::<Ask<'_, u32, u32>>();
    shares::<Starting<Nest>>();
    shares::<ChildSpec<Nest>>();

    error::<AskError>();
    error::<StopError>();
    error::<RunError>();
    error::<TaskError>();
    error::<CutShort>();
    error::<Unjoined>();
    error::<Failure>();
    shares::<tenure::Error>();
    shares::<Cause>();
    shares::<StopReason>();
    shares::<Blocker>();
    shares::<Kind>();
    shares::<Phase>();

    shares::<Builder>();
    shares::<CallerGone>();
    shares::<ChildExit>();
    shares::<NodeInfo>();
    shares::<Mailbox>();
    shares::<NodeId>();
    shares::<NodeRef>();
    shares::<Scope>();
    shares::<Snapshot>();
    shares::<Spawner>();
    shares::<StopOrder>();
    shares::<Stopped>();
    shares::<Stopping>();
    shares::<System>();
    fn is_static<T: 'static>() {}
    is_static::<Spawner>();
    is_static::<CallerGone>();
}

fn send_future<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn scope_runs_inside_a_spawned_task() {
    paused(async |check| {
        let guard = check.guard();
        #[expect(clippy::disallowed_methods, reason = "what a user's program may do")]
        let task = tokio::spawn(async move {
            let (_guard, words) = (guard, [String::from("one"), String::from("three")]);
            tenure::scope(async |scope| {
                let mut longest = 0;
                for word in &words {
                    let length = word.len();
                    let task = scope.task(async move { Ok::<_, tenure::Error>(length) })?;
                    longest = longest.max(task.await?);
                }
                Ok(longest)
            })
            .await
        });
        assert_eq!(task.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn scope_send_runs_in_generic_code() {
    async fn run<F, Fut>(body: F) -> Result<u32, RunError>
    where
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = tenure::Result<u32>> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "what a user's program may do")]
        let task = tokio::spawn(send_future(tenure::scope_send(body)));
        task.await.unwrap()
    }
    paused(async |_check| {
        let ran = run(|scope| async move {
            let task = scope.task(async { Ok::<_, tenure::Error>(7) })?;
            Ok(task.await?)
        });
        assert_eq!(ran.await.unwrap(), 7);
        let ran = run(|_scope| async move { Err("no luck".into()) }).await;
        assert!(matches!(ran, Err(RunError::Failed(_))), "{ran:?}");
    });
}
