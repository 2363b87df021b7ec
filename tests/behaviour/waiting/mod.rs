//! Waiting for a reply, and for an end.

mod callers;
mod ends;
mod limits;
mod lost_replies;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Wake, Waker};
use std::time::Duration;

use crate::common::{Check, Guard, Log};
use tenure::System;
use tenure::prelude::*;
use tokio::sync::Notify;

type Reply = ReplyTo<u32>;

/// What an actor does with a reply.
enum Msg {
    Send(u32, Reply),
    DropAndGoOn(Reply),
    DropAndFail(Reply),
    DropAndPanic(Reply),
    /// Drops the reply in a scope, and fails.
    DropInScopeAndFail(Reply),
    DropAndHang(Reply),
    HoldAndHang(Reply),
    HoldAndFail(Reply),
    Keep(Reply),
    ToTask(Reply),
    To(ActorRef<Msg>, Reply),
    /// Ends a child, so that `on_child_exit` drops what is kept, and hangs.
    EndAChild,
    Wait,
}

struct Holder {
    kept: Option<Reply>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    hook_hangs: bool,
    started: Log,
    _guard: Guard,
}

async fn hold(reply: Reply) {
    pending::<()>().await;
    drop(reply);
}

async fn fail_later() -> tenure::Result {
    tokio::task::yield_now().await;
    Err("no reply from here".into())
}

impl Actor for Holder {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Send(value, reply) => {
                self.started.push(value.to_string());
                reply.send(value);
            }
            Msg::DropAndGoOn(reply) => {
                drop(reply);
                self.entered.notify_one();
                self.go_on.notified().await;
            }
            Msg::DropAndFail(reply) => {
                drop(reply);
                return fail_later().await;
            }
            Msg::DropAndPanic(reply) => {
                drop(reply);
                tokio::task::yield_now().await;
                panic!("no reply from here");
            }
            Msg::DropInScopeAndFail(reply) => {
                drop(reply);
                return tenure::scope(async |_| fail_later().await)
                    .await
                    .map_err(Into::into);
            }
            Msg::DropAndHang(reply) => {
                drop(reply);
                self.entered.notify_one();
                pending::<()>().await;
            }
            Msg::HoldAndHang(reply) => {
                self.entered.notify_one();
                hold(reply).await;
            }
            Msg::HoldAndFail(_reply) => return fail_later().await,
            Msg::Keep(reply) => {
                self.kept = Some(reply);
                self.entered.notify_one();
            }
            Msg::ToTask(reply) => {
                ctx.task(hold(reply))?;
                self.entered.notify_one();
            }
            Msg::To(next, reply) => next.tell(Msg::DropAndGoOn(reply)).await?,
            Msg::EndAChild => {
                ctx.task(async {})?;
            }
            Msg::Wait => {
                self.entered.notify_one();
                self.go_on.notified().await;
            }
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        if self.hook_hangs {
            self.kept = None;
            self.entered.notify_one();
            pending::<()>().await;
        }
        exit.into_result()
    }
}

impl Holder {
    fn new(check: &Check) -> Self {
        Self {
            kept: None,
            entered: Arc::default(),
            go_on: Arc::default(),
            hook_hangs: false,
            started: Log::default(),
            _guard: check.guard(),
        }
    }
}

/// An actor in a system of its own, so that its failure fails nothing else.
struct Rig {
    system: System,
    actor: ActorRef<Msg>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    started: Log,
}

impl Rig {
    fn new(check: &Check) -> Self {
        Self::with(Holder::new(check), Mailbox::default(), check)
    }

    fn with(holder: Holder, mailbox: Mailbox, check: &Check) -> Self {
        let system = System::start().unwrap();
        let (entered, go_on) = (Arc::clone(&holder.entered), Arc::clone(&holder.go_on));
        let started = holder.started.clone();
        let spec = ChildSpec::new(holder).mailbox(mailbox).contain();
        let actor = system.spawn(spec).unwrap();
        check.node(actor.node());
        Self {
            system,
            actor,
            entered,
            go_on,
            started,
        }
    }

    /// Asks, and runs the other future once the handler has entered.
    async fn ask_and<F: Future>(
        &self,
        message: impl FnOnce(Reply) -> Msg,
        then: impl FnOnce() -> F,
    ) -> Result<u32, AskError> {
        let then = async {
            self.entered.notified().await;
            then().await
        };
        tokio::join!(self.actor.ask(message), then).0
    }

    async fn end(self) {
        self.system.stop().await.unwrap();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

const LIMIT: Duration = Duration::from_secs(3);

fn is_ready<F: Future + Unpin>(future: &mut F, waker: &Waker) -> bool {
    Pin::new(future)
        .poll(&mut task::Context::from_waker(waker))
        .is_ready()
}
