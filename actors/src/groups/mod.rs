//! Named sets of actors that take one type of message: tell all members of a set, or one.
//!
//! An actor joins a group with its [`Recipient`](tenure::Recipient), and leaves it when it ends. A group exists as long
//! as it has members. [`Groups`] forwards messages in the order in which it gets them. To send many, ask for the
//! [`Members`](GroupsMsg::Members) now and then, and tell those directly.
//!
//! (A [`Group`](tenure::Group) is something else: an owner that only has children. A member of these groups may have
//! any owner.)
//!
//! ```
//! use tenure::prelude::*;
//! use tenure_actors::groups::{Groups, GroupsMsg};
//!
//! struct Player { heard: u32 }
//!
//! enum PlayerMsg { Say(&'static str), Heard(ReplyTo<u32>) }
//!
//! impl From<&'static str> for PlayerMsg {
//!     fn from(text: &'static str) -> Self { Self::Say(text) }
//! }
//!
//! impl Actor for Player {
//!     type Msg = PlayerMsg;
//!     async fn handle(&mut self, msg: PlayerMsg, _: &mut Context<Self>) -> tenure::Result {
//!         match msg {
//!             PlayerMsg::Say(_) => self.heard += 1,
//!             PlayerMsg::Heard(reply) => reply.send(self.heard),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let groups = scope.spawn(Groups::<&'static str>::new())?;
//!     let player = scope.spawn(Player { heard: 0 })?;
//!     let join = |reply| GroupsMsg::Join { group: "red".into(), member: player.recipient(), reply };
//!     groups.ask(join).await??;
//!
//!     let told = groups.ask(|reply| GroupsMsg::TellAll { group: "red".into(), message: "hello", reply });
//!     assert_eq!(told.await?, 1);
//!     assert_eq!(player.ask(PlayerMsg::Heard).await?, 1);
//!     player.stop().await?;
//!     while !groups.ask(GroupsMsg::Names).await?.is_empty() { tokio::task::yield_now().await }
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod error;

pub use actor::{Groups, GroupsMsg};
pub use error::GroupsError;
