use std::process::ExitCode;

/// What a test may return: `()`, a [`Result`], or an [`ExitCode`].
#[diagnostic::on_unimplemented(
    message = "a test may not give `{Self}`",
    label = "gives `{Self}`",
    note = "it may give `()`, or a `Result` whose error can be shown by `Debug`"
)]
pub trait TestOutput {
    #[doc(hidden)]
    fn has_failed(&self) -> bool;
}

impl TestOutput for () {
    fn has_failed(&self) -> bool {
        false
    }
}

impl<T, E> TestOutput for Result<T, E> {
    fn has_failed(&self) -> bool {
        self.is_err()
    }
}

/// An exit code does not tell whether it is a success.
impl TestOutput for ExitCode {
    fn has_failed(&self) -> bool {
        false
    }
}
