use super::Result;

/// `Ok` of this crate's [`Result`], for where nothing else says what the error is: at the end of a task, of a
/// pipe or of a blocking job. Then `?` in it takes whatever it meets.
///
/// It is a function, and no pattern, so it is not in the [`prelude`](crate::prelude): `use tenure::*` would put it in the
/// place of the `Ok` of the standard library, and code that matches `Ok(..)` would not compile.
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
/// None: it is the other half of a [`Result`].
#[allow(non_snake_case, reason = "it stands for the variant")]
pub const fn Ok<T>(value: T) -> Result<T> {
    Result::Ok(value)
}
