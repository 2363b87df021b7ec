use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;

use super::scope::{Scope, drive, open_beneath};
use crate::actor::Spawner;
use crate::error::{Result, RunError};
use crate::tree::Exit;

/// A scope that is open before its body is there: see [`Spawner::open_scope`]. It lends a [`Scope`].
///
/// Dropped, it ends the scope and kills what is in it, which its owner joins.
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
    /// Those of [`scope()`](crate::scope()), but for the two of one that could not be opened.
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
    /// Opens a scope beneath the owner, at once and from anywhere. [`scope()`](crate::scope()) opens one beneath the node
    /// that polls it, when it is first polled.
    ///
    /// For who runs a piece of somebody else's code, and only sometimes needs a place of its own for what that starts: the
    /// scope is opened when something is to be started, and its body is what is left of the code. Whoever
    /// [runs](OpenScope::run) it should be the code of the owner, or of a task of the owner's: the owner waits for it, and
    /// treats the body as it does that of any scope whose future it has given away.
    ///
    /// `label` is what the scope is called where it is printed.
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
    /// [`RunError::Closed`] if the owner has ended or was killed. One that is to end, and whose code still runs, opens
    /// scopes all the same.
    #[track_caller]
    pub fn open_scope(&self, label: &'static str) -> Result<OpenScope, RunError> {
        let (scope, exit) = open_beneath(self.owner(), Location::caller(), label)?;
        Ok(OpenScope { scope, exit })
    }
}
