use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;

use super::scope::{Scope, drive, open_beneath};
use crate::actor::Spawner;
use crate::error::{Result, RunError};
use crate::tree::Exit;

/// A scope that is open before it has a body: see [`Spawner::open_scope`]. It dereferences to a [`Scope`].
///
/// If it is dropped, the scope ends and everything in it is killed, which its owner joins.
#[must_use = "the scope ends when this is dropped"]
pub struct OpenScope {
    scope: Scope,
    exit: Exit,
}

impl OpenScope {
    /// Runs the scope's body, and then waits for the rest, as [`scope()`](crate::scope()) does.
    ///
    /// # Errors
    ///
    /// Those of [`scope()`](crate::scope()), except the two for a scope that could not be opened.
    ///
    /// # Panics
    ///
    /// As [`scope()`](crate::scope()).
    ///
    /// # Cancel safety
    ///
    /// As [`scope()`](crate::scope()).
    pub async fn run<T>(self, body: impl Future<Output = Result<T>>) -> Result<T, RunError> {
        drive(self.exit, body).await
    }
}

impl Deref for OpenScope {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.scope
    }
}

impl fmt::Debug for OpenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenScope").field(&self.scope).finish()
    }
}

impl Spawner {
    /// Opens a scope beneath the owner, at once and from anywhere. In contrast, [`scope()`](crate::scope()) opens one
    /// beneath the node that polls it, at the first poll.
    ///
    /// It is for code that runs other people's code and needs a scope only if that starts something: the scope is
    /// opened when something is to be started, and the rest of that code becomes its body. The code that
    /// [runs](OpenScope::run) it should be the owner's or that of one of its tasks. The owner waits for the scope, and
    /// treats its body as that of any scope whose future it has given away.
    ///
    /// `label` is the printed name of the scope.
    ///
    /// ```
    /// # use tenure::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |connection| {
    ///     let request = connection.open_scope("request")?;
    ///     // Before there is a body.
    ///     let rows = request.task(async { tenure::Ok(3) })?;
    ///     let answer = request.run(async { Ok(format!("{} rows", rows.await?)) });
    ///     assert_eq!(answer.await?, "3 rows");
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Closed`] if the owner has ended or was killed. An owner that is to end can still open scopes while
    /// its code runs.
    #[track_caller]
    pub fn open_scope(&self, label: &'static str) -> Result<OpenScope, RunError> {
        let (scope, exit) = open_beneath(self.owner(), Location::caller(), label)?;
        Ok(OpenScope { scope, exit })
    }
}
