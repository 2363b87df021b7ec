use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// In how many places each number is counted.
const PLACES: usize = 8;

/// A number that a server counts up, or up and down.
///
/// Threads that count at the same time most likely do so in different places, each in a cache line of its own: they would
/// wait for each other's otherwise, twice for each request.
#[derive(Default)]
pub struct Counter([Place; PLACES]);

#[derive(Default)]
#[repr(align(64))]
struct Place(AtomicU64);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

impl Counter {
    /// What it stands at.
    #[must_use]
    pub fn get(&self) -> u64 {
        let of = |place: &Place| place.0.load(Ordering::Relaxed);
        let sum = self.0.iter().map(of).fold(0, u64::wrapping_add);
        // What was counted up in one place and down in another may be seen to have gone down alone.
        if sum > u64::MAX / 2 { 0 } else { sum }
    }

    pub(super) fn add(&self) {
        self.place().fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self) {
        self.place().fetch_sub(1, Ordering::Relaxed);
    }

    fn place(&self) -> &AtomicU64 {
        // A thread that is ending counts in any of them.
        let thread = THREAD.try_with(|thread| *thread).unwrap_or(0);
        &self.0[thread % PLACES].0
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// What a server counts. The table of [`http`](super#bad-input) says what is counted when.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct HttpStats {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Those that are open now, upgraded ones among them.
    pub open: Counter,
    /// Those that were refused, as their address had too many.
    pub refused: Counter,
    /// Accepts that failed.
    pub accept_errors: Counter,
    /// Requests whose head was understood.
    pub requests: Counter,
    /// Those that are being served now.
    pub in_flight: Counter,
    /// Connections that were upgraded.
    pub upgraded: Counter,
    /// Requests whose client went before it had the whole response.
    pub abandoned: Counter,
    /// Heads that were not understood, or lack what they must have.
    pub bad_heads: Counter,
    /// Heads that were too large.
    pub heads_too_large: Counter,
    /// Heads that took too long.
    pub slow_heads: Counter,
    /// Bodies that were not understood.
    pub bad_bodies: Counter,
    /// Bodies that were too large.
    pub bodies_too_large: Counter,
    /// Bodies that took too long.
    pub slow_bodies: Counter,
    /// Handlers that took too long.
    pub timed_out: Counter,
    /// Handlers that failed or panicked.
    pub failed: Counter,
    /// Responses that were silent for too long.
    pub silent: Counter,
    /// Clients that took too little of what they were sent, or too long for all of it.
    pub stalled: Counter,
    /// Connections that were closed since nothing was asked on them.
    pub idle: Counter,
    /// Connections of HTTP/2 that ended with a fault of their client's.
    pub protocol_errors: Counter,
    /// TLS handshakes that failed.
    pub tls_errors: Counter,
    /// Connections that did not end within the time that a shutdown gives them.
    pub cut_at_shutdown: Counter,
}
