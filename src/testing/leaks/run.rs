use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{LeakCheck, TestOutput};

impl LeakCheck {
    /// Runs the body of a test on the watched runtime, looks for leaks, and ends the runtime.
    ///
    /// If the body returns an error, the test has failed, and leaks are not looked for. With a
    /// [`timeout`](LeakCheck::timeout), a body that takes longer fails, and what is alive is shown as a tree. On a
    /// paused clock, this happens as soon as nobody can go on before. It does not help against code that blocks all
    /// threads of the runtime.
    ///
    /// ```
    /// use tenure::testing::LeakCheck;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .build()
    ///     .unwrap();
    /// let check = LeakCheck::on(runtime.handle());
    /// check.run(runtime, async {
    ///     // The body of the test.
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// With the panic of the body; if its time is up; and with the [`Leaks`](super::Leaks), if there are any.
    #[track_caller]
    pub fn run<F>(self, runtime: Runtime, body: F) -> F::Output
    where
        F: Future<Output: TestOutput>,
    {
        // What does not end must hold up neither the report nor other tests.
        let runtime = EndInBackground(Some(runtime));
        let output = match runtime.block_on(self.bounded(body)) {
            Ok(output) => output,
            Err(overdue) => panic!("{overdue}"),
        };
        if output.has_failed() {
            return output;
        }
        if let Err(leaks) = runtime.block_on(self.finish()) {
            panic!("{leaks}");
        }
        // What is left is outside of the tree, such as a raw blocking job; tokio waits for it.
        runtime.end();
        output
    }

    /// Runs the body within its time. The error shows what was alive when that was up.
    async fn bounded<F: Future>(&self, body: F) -> Result<F::Output, String> {
        let Some(limit) = self.limit else {
            return Ok(body.await);
        };
        // Pinned here, so that it is not dropped before the tree is shown.
        let mut body = pin!(body);
        let output = timeout(limit, body.as_mut()).await;
        output.map_err(|_| self.overdue(limit))
    }

    fn overdue(&self, limit: Duration) -> String {
        let tree = self.tree();
        let alive = if tree.is_empty() {
            "no node is alive"
        } else {
            "alive are:"
        };
        format!("the test is not over after {limit:?}; {alive}\n{tree}")
    }
}

/// A runtime whose end is not waited for, unless the test succeeds.
struct EndInBackground(Option<Runtime>);

impl EndInBackground {
    fn block_on<F: Future>(&self, body: F) -> F::Output {
        let runtime = self.0.as_ref().expect("it is taken out at the end");
        runtime.block_on(body)
    }

    fn end(mut self) {
        drop(self.0.take());
    }
}

impl Drop for EndInBackground {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
