//! An actor that runs the code that it is sent, and code that a test repeats.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Wake, Waker};

use tenure::prelude::*;
use tokio::task::yield_now;

/// Runs the code that it is sent.
pub(crate) struct Does;

// The message is `Sync`, so that a handler may hold its context across an await.
pub(crate) type Work = Box<dyn for<'a> FnOnce(&'a mut Context<Does>) -> Done<'a> + Send + Sync>;
pub(crate) type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(crate) enum Msg {
    Do(Work),
    Ask(ReplyTo<()>),
    /// Waits until nobody awaits the reply.
    Hold(ReplyTo<()>),
    Nothing,
}

impl From<ReplyTo<()>> for Msg {
    fn from(reply: ReplyTo<()>) -> Self {
        Self::Ask(reply)
    }
}

impl From<()> for Msg {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl Actor for Does {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Do(work) => work(ctx).await,
            Msg::Ask(reply) => reply.send(()),
            Msg::Hold(reply) => reply.gone().await,
            Msg::Nothing => {}
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, _: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Runs this code in one handler.
pub(crate) async fn in_one_handler(
    work: impl for<'a> FnOnce(&'a mut Context<Does>) -> Done<'a> + Send + Sync + 'static,
) {
    let system = System::start().unwrap();
    let actor = system.spawn(Does).unwrap();
    actor.tell(Msg::Do(Box::new(work))).await.unwrap();
    actor.ask(Msg::Ask).await.unwrap();
    system.stop().await.unwrap();
}

pub(crate) struct Woken;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future that is not ready, with a new waker, and drops it.
pub(crate) fn poll_and_drop<F: Future>(future: F) {
    let waker = Waker::from(Arc::new(Woken));
    let polled = pin!(future).poll(&mut task::Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// An actor in a handler that lasts until the other value is dropped. Its mailbox has room for `room` messages.
pub(crate) async fn held(
    spawner: &Spawner,
    room: usize,
) -> (ActorRef<Msg>, Pin<Box<dyn Future<Output = ()> + Send>>) {
    let spec = ChildSpec::new(Does).mailbox(Mailbox::bounded(room));
    let actor = spawner.spawn(spec).unwrap();
    let asker = actor.clone();
    let mut ask: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        drop(asker.ask(Msg::Hold).await);
    });
    let waker = Waker::from(Arc::new(Woken));
    assert!(
        ask.as_mut()
            .poll(&mut task::Context::from_waker(&waker))
            .is_pending()
    );
    while actor.node().backlog() > 0 {
        yield_now().await;
    }
    yield_now().await;
    (actor, ask)
}

/// Fails at each message.
#[derive(Clone)]
pub(crate) struct Fails;

impl Actor for Fails {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Err("it fails".into())
    }
}
