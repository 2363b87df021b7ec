use std::task::Poll;

/// Whether a future was ready. Like an `async fn`, it must not be polled again then.
#[derive(Debug, Default)]
pub(crate) struct Readiness(bool);

impl Readiness {
    pub(crate) const fn new() -> Self {
        Self(false)
    }

    /// Called at the begin of each poll. Panics if the future was ready before.
    pub(crate) fn assert_pending(&self) {
        assert!(!self.0, "polled after it was ready");
    }

    /// Called at the end of each poll with its result.
    pub(crate) fn note<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        self.0 = polled.is_ready();
        polled
    }
}
