use super::Result;

/// `Ok` of this crate's [`Result`], for places where the error's type is not inferred: at the end of a task, a pipe or
/// a blocking job. `?` in it then takes any error.
///
/// It is a function and not a pattern, so it is not in the [`prelude`](crate::prelude): with `use tenure::*` it shadows
/// the standard library's `Ok`, and code that matches `Ok(..)` does not compile.
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     scope.task(async {
///         let port: u16 = "8080".parse()?;
///         tokio::task::yield_now().await;
///         assert_eq!(port, 8080);
///         tenure::Ok(())
///     })?;
///     let read = scope.blocking(|_| tenure::Ok(std::env::current_dir()?.is_absolute()))?;
///     assert!(read.await?);
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// None: it always returns `Ok`.
#[allow(non_snake_case, reason = "it stands for the variant")]
pub const fn Ok<T>(value: T) -> Result<T> {
    Result::Ok(value)
}
