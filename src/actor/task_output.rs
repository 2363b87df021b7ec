use std::convert::Infallible;

use crate::error::Error;

/// What a task or a blocking job may return: `()`, a [`Result`], or never (`!`).
///
/// An error fails the task, and with it its owner ([rule 9](crate::lifecycle#rule-9)). An expected error should be a
/// part of the value, as in `Ok(Err(..))`.
#[diagnostic::on_unimplemented(
    message = "a task or blocking job may not give `{Self}`",
    label = "gives `{Self}`",
    note = "it may give `()`, a `Result` such as `tenure::Ok(value)`, or nothing ever (`!`)",
    note = "what awaiting it is to give is the value of the `Result`"
)]
pub trait TaskOutput: Send + 'static {
    /// What awaiting the task gives.
    type Value: Send + 'static;

    /// The value, or the failure of the task.
    ///
    /// # Errors
    ///
    /// What the task failed with.
    fn into_result(self) -> Result<Self::Value, Error>;
}

impl TaskOutput for () {
    type Value = ();

    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<T: Send + 'static, E: Into<Error> + Send + 'static> TaskOutput for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, Error> {
        self.map_err(Into::into)
    }
}

/// Names the type `!`, which has no name on stable Rust: the type of an endless loop.
pub trait Returns {
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

impl TaskOutput for <fn() -> ! as Returns>::Output {
    type Value = Infallible;

    fn into_result(self) -> Result<Infallible, Error> {
        self
    }
}
