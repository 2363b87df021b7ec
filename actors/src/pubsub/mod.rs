//! Topics: a value that is published goes to all subscribers.
//!
//! A [`Topic`] is an actor that takes values of one type. Its subscribers are [`Recipient`](tenure::Recipient)s of that
//! type, whatever else they take. A subscriber is removed when it ends, not when a send fails. Each subscription says
//! what happens to values that its subscriber has no room for ([`Slow`]). A topic may keep the last value, and send it
//! to new subscribers at once ([`TopicOptions::keep_last`]).
//!
//! What was published, and has no room with a subscriber when the topic or the subscription ends, is a dead letter.
//!
//! Topics by name are named children of their owner: [`Spawner::child_or_start`](tenure::Spawner::child_or_start) gives
//! the topic of that name, or starts it.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::pubsub::{Slow, Subscription, Topic, TopicMsg, TopicOptions};
//!
//! struct Display { shown: Vec<u32> }
//!
//! enum DisplayMsg { Price(u32), Shown(ReplyTo<Vec<u32>>) }
//!
//! impl From<u32> for DisplayMsg {
//!     fn from(price: u32) -> Self { Self::Price(price) }
//! }
//!
//! impl Actor for Display {
//!     type Msg = DisplayMsg;
//!     async fn handle(&mut self, msg: DisplayMsg, _: &mut Context<Self>) -> tenure::Result {
//!         match msg {
//!             DisplayMsg::Price(price) => self.shown.push(price),
//!             DisplayMsg::Shown(reply) => reply.send(self.shown.clone()),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let make = || TopicOptions::new().keep_last().spec();
//!     let prices = scope.child_or_start("prices", make).await?;
//!     prices.tell(TopicMsg::Publish(1)).await?;
//!
//!     let display = scope.spawn(Display { shown: Vec::new() })?;
//!     let subscription = Subscription::new(display.recipient()).slow(Slow::DropOldest(16));
//!     prices.tell(TopicMsg::Subscribe(subscription)).await?;
//!     prices.tell(TopicMsg::Publish(2)).await?;
//!     prices.drain().await?;
//!     assert_eq!(display.ask(DisplayMsg::Shown).await?, [1, 2]);
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod courier;
mod options;

pub use actor::{SubscriberInfo, Topic, TopicMsg};
pub use options::{Slow, Subscription, TopicOptions};
