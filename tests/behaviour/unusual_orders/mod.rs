//! The rules in unusual orders of events: kept scopes, late limits, late tokens, and ends that are awaited late.

mod awaited;
mod kept_scopes;
mod tokens;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::common::{Log, paused};
use tenure::prelude::*;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type Kept = Boxed<'static, Result<(), RunError>>;

type Run = Box<
    dyn for<'a> FnOnce(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result> + Send,
>;

type Hook = Arc<
    dyn for<'a> Fn(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result> + Send + Sync,
>;

/// Runs the code that it is sent. May keep a scope's future in its state.
#[derive(Default)]
struct Doer {
    log: Log,
    kept: Option<Kept>,
    on_stop: Option<Hook>,
    on_drain: Option<Hook>,
}

impl Clone for Doer {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            kept: None,
            on_stop: self.on_stop.clone(),
            on_drain: self.on_drain.clone(),
        }
    }
}

enum Msg {
    Do(Run),
    Ping(ReplyTo<()>),
    Fail,
}

fn run(
    f: impl for<'a> FnOnce(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result>
    + Send
    + 'static,
) -> Msg {
    Msg::Do(Box::new(f))
}

impl Doer {
    fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            ..Self::default()
        }
    }
    fn on_stop(
        mut self,
        f: impl for<'a> Fn(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.on_stop = Some(Arc::new(f));
        self
    }
    fn says(self, what: &'static str) -> Self {
        self.on_stop(move |x, _| {
            Box::pin(async move {
                x.log.push(what);
                Ok(())
            })
        })
    }
    /// Polls the kept future once.
    async fn poll_kept(&mut self) {
        poll_fn(|cx| {
            if let Some(kept) = &mut self.kept {
                let _ended = kept.as_mut().poll(cx);
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Actor for Doer {
    type Msg = Msg;
    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Do(f) => f(self, ctx).await,
            Msg::Ping(reply) => {
                reply.send(());
                Ok(())
            }
            Msg::Fail => Err("fails".into()),
        }
    }
    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = self.on_stop.clone() {
            hook(self, ctx).await?;
        }
        Ok(())
    }
    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = self.on_drain.clone() {
            hook(self, ctx).await?;
        }
        Ok(())
    }
}

async fn keep<F, Fut>(actor: &ActorRef<Msg>, body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = tenure::Result> + Send + 'static,
{
    actor
        .tell(run(move |x, _| {
            Box::pin(async move {
                x.kept = Some(Box::pin(tenure::scope_send(body)));
                x.poll_kept().await;
                Ok(())
            })
        }))
        .await
        .unwrap();
    actor.ask(Msg::Ping).await.unwrap();
}

/// Runs a case in a scope on a paused clock, with a log and the time at which it began. The scope must end well, and in
/// time.
fn in_scope(case: impl AsyncFn(&Scope, &Log, Instant) -> tenure::Result) {
    paused(async |_check| {
        let (log, begin) = (Log::default(), Instant::now());
        let scope = tenure::scope(async |scope| case(&scope, &log, begin).await);
        let ended = timeout(1_000 * SECOND, scope).await;
        assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    });
}
