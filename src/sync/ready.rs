use std::task::Poll;

/// Whether a future has been ready. As an `async fn`, it must not be polled again then.
#[derive(Debug, Default)]
pub(crate) struct Readiness(bool);

impl Readiness {
    pub(crate) const fn new() -> Self {
        Self(false)
    }

    /// At the begin of each poll. Panics if the future has been ready.
    pub(crate) fn assert_pending(&self) {
        assert!(!self.0, "polled after it was ready");
    }

    /// At the end of each poll, with what it gives.
    pub(crate) fn note<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        self.0 = polled.is_ready();
        polled
    }
}
