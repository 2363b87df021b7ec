use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::actor::{Actor, Alone, Context};
use crate::error::{AskError, Error, Result, StopReason};
use crate::mailbox::ReplyTo;
use crate::system::{note_root, system_defaults};

/// How long to wait for a reply that something which the handler has started will send.
const LATE: Duration = Duration::from_secs(1);

/// Runs code with the context of an actor that has no loop: for a hook, or for several handlers one after the other.
///
/// The context is a real one, of a node that is the root of a tree: what is started through it is owned, and is stopped
/// and joined before this returns. Messages to [`Context::me`] stay in the mailbox, where [`Context::try_next`] finds
/// them. No message is handled automatically, no timer or stream is polled, and no hook runs.
///
/// ```
/// use tenure::prelude::*;
/// use tenure::testing::with_context;
///
/// struct Doubler(u32);
///
/// impl Actor for Doubler {
///     type Msg = u32;
///
///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
///         Ok(ctx.me().tell(1).await?)
///     }
///
///     async fn handle(&mut self, n: u32, _: &mut Context<Self>) -> tenure::Result {
///         self.0 = 2 * n;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut doubler = Doubler(0);
/// with_context(async |ctx| {
///     doubler.on_start(ctx).await.unwrap();
///     assert_eq!(ctx.try_next(), Some(1));
///     doubler.handle(21, ctx).await.unwrap();
/// })
/// .await;
/// assert_eq!(doubler.0, 42);
/// # }
/// ```
///
/// # Panics
///
/// With a panic of the code, before what it has started is joined; if the code kills its own node, or if something that
/// it has started fails; and outside of a tokio runtime with a timer.
///
/// # Cancel safety
///
/// If it is dropped, what the code has started is killed, which it cannot wait for.
#[track_caller]
pub fn with_context<A: Actor, R>(
    code: impl AsyncFnOnce(&mut Context<A>) -> R,
) -> impl Future<Output = R> {
    let site = Location::caller();
    async move {
        let mut alone = alone(site);
        let result = alone.run(code).await;
        expect_good(site, alone.end().await);
        result.unwrap_or_else(|| panic!("{site}: the code has killed its own node"))
    }
}

/// Runs the handler of one message, without a system. The context is that of [`with_context`].
///
/// ```
/// # use tenure::prelude::*;
/// # use tenure::testing::handle_once;
/// # struct Till { sum: u32 }
/// # impl Actor for Till {
/// #     type Msg = u32;
/// #     async fn handle(&mut self, n: u32, _: &mut Context<Self>) -> tenure::Result {
/// #         self.sum = self.sum.checked_add(n).ok_or("the till is full")?;
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut till = Till { sum: 7 };
/// handle_once(&mut till, 3).await.unwrap();
/// assert_eq!(till.sum, 10);
/// let error = handle_once(&mut till, u32::MAX).await.unwrap_err();
/// assert_eq!(error.to_string(), "the till is full");
/// # }
/// ```
///
/// # Errors
///
/// The error of the handler.
///
/// # Panics
///
/// As [`with_context`].
///
/// # Cancel safety
///
/// As [`with_context`].
#[track_caller]
pub fn handle_once<A: Actor>(actor: &mut A, message: A::Msg) -> impl Future<Output = Result> {
    with_context(async |ctx| actor.handle(message, ctx).await)
}

/// As [`handle_once`], for a message with a [`ReplyTo`]. Returns the reply.
///
/// ```
/// # use tenure::prelude::*;
/// # use tenure::testing::ask_once;
/// # struct Till { sum: u32 }
/// # enum TillMsg { Sum(ReplyTo<u32>) }
/// # impl Actor for Till {
/// #     type Msg = TillMsg;
/// #     async fn handle(&mut self, msg: TillMsg, _: &mut Context<Self>) -> tenure::Result {
/// #         let TillMsg::Sum(reply) = msg;
/// #         reply.send(self.sum);
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(ask_once(&mut Till { sum: 7 }, TillMsg::Sum).await.unwrap(), 7);
/// # }
/// ```
///
/// # Errors
///
/// The error of the handler; [`AskError::NoReply`] if it has dropped the reply; [`AskError::TimedOut`] if it has kept
/// the reply, and nothing that it has started sends it within a second.
///
/// # Panics
///
/// As [`with_context`].
///
/// # Cancel safety
///
/// As [`with_context`].
#[track_caller]
pub fn ask_once<A: Actor, T: Send + 'static>(
    actor: &mut A,
    message: impl FnOnce(ReplyTo<T>) -> A::Msg,
) -> impl Future<Output = Result<T>> {
    let site = Location::caller();
    async move {
        let mut alone = alone::<A>(site);
        let me = alone.ctx.me();
        // The ask is made from outside of the node, and the first poll sends it.
        let mut ask = pin!(me.ask(message));
        let refused = poll_fn(|cx| Poll::Ready(ask.as_mut().poll(cx))).await;
        let handled = match alone.ctx.try_next() {
            Some(message) => {
                alone
                    .run(async |ctx| actor.handle(message, ctx).await)
                    .await
            }
            None => None,
        };
        let reply = match (refused, &handled) {
            (Poll::Ready(reply), _) => reply,
            (Poll::Pending, Some(Ok(()))) => {
                let late = timeout(LATE, ask).await;
                late.unwrap_or(Err(AskError::TimedOut {
                    started: true,
                    inherited: false,
                }))
            }
            (Poll::Pending, _) => Err(AskError::NoReply),
        };
        expect_good(site, alone.end().await);
        handled.unwrap_or(Ok(()))?;
        reply.map_err(Error::from)
    }
}

#[track_caller]
fn alone<A: Actor>(site: &'static Location<'static>) -> Alone<A> {
    let alone = Alone::new(system_defaults(Handle::current()), site);
    note_root(alone.node());
    alone
}

fn expect_good(site: &'static Location<'static>, end: StopReason) {
    if let StopReason::Failed(failure) = end {
        panic!("{site}: what the code has started has failed: {failure:?}");
    }
}
