//! The runtimes on which everything is measured.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// The two kinds of runtime on which everything is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Threads {
    /// A multi-thread runtime with two workers.
    Two,
    /// A current-thread runtime.
    One,
}

pub(crate) struct On {
    pub(crate) threads: Threads,
    runtime: Runtime,
}

impl On {
    pub(crate) fn new(threads: Threads) -> Self {
        let mut builder = match threads {
            Threads::Two => Builder::new_multi_thread(),
            Threads::One => Builder::new_current_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build();
        Self {
            threads,
            runtime: runtime.expect("a runtime can be built"),
        }
    }

    pub(crate) fn both() -> [Self; 2] {
        [Self::new(Threads::Two), Self::new(Threads::One)]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.threads {
            Threads::Two => "2 workers",
            Threads::One => "1 thread",
        }
    }

    #[allow(clippy::disallowed_methods, reason = "a bench owns its whole runtime")]
    pub(crate) fn run<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = self.runtime.spawn(work);
        self.runtime
            .block_on(task)
            .expect("the work does not panic")
    }
}
