use std::time::Duration;

/// Ten years: as long as for ever, to a client.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What a server lets its clients do. Nothing is unlimited unless a field says so. A time of more than ten years
/// counts as ten years.
///
/// The table of them, with the names that Go's `net/http` and others have for them, is in
/// [the module's documentation](super#limits).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How long the head of a request may take: of the first one from the accept on, a TLS handshake included;
    /// of a later one from its first byte. 10 s.
    pub head: Duration,
    /// How long a whole request may take to come, from the end of its head. 5 minutes.
    pub read: Duration,
    /// How long a handler has until its response begins. What is asked in it inherits this as its deadline. 60 s.
    pub request: Duration,
    /// The window in which a client that is sent something has to take as much as
    /// [`least_rate`](Limits::least_rate) asks for. 30 s.
    pub stall: Duration,
    /// How many bytes a second a client has to take, over each [`stall`](Limits::stall). 500.
    pub least_rate: u64,
    /// How long a request may take from its head to the end of its response. None: it would cut long downloads.
    pub write: Option<Duration>,
    /// How long a connection may be kept without a request, and a response be silent. 120 s.
    pub idle: Duration,
    /// How long a connection that is to be closed waits for its client to have read the response. 5 s.
    pub linger: Duration,
    /// How long what is in flight has once the server is to end. 20 s, within the 25 s of a system.
    pub shutdown: Duration,
    /// Bytes of a head, fields and request line. 64 KiB.
    pub head_bytes: usize,
    /// Bytes of a request's body. 2 MiB.
    pub body_bytes: u64,
    /// Connections in all; more wait in the kernel's queue. 20,000.
    pub connections: usize,
    /// Connections of one address; more get a 503. Behind a proxy all have one address. 1,024.
    pub connections_per_address: usize,
    /// Requests on a connection, after which it is closed in good order. 10,000.
    pub requests_per_connection: u32,
    /// Streams that are open at once on a connection of HTTP/2. 128.
    pub streams: u32,
    /// After how much silence TCP probes whether a client is still there. 15 s.
    pub keepalive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            read: Duration::from_secs(300),
            request: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            least_rate: 500,
            write: None,
            idle: Duration::from_secs(120),
            linger: Duration::from_secs(5),
            shutdown: Duration::from_secs(20),
            head_bytes: 64 << 10,
            body_bytes: 2 << 20,
            connections: 20_000,
            connections_per_address: 1_024,
            requests_per_connection: 10_000,
            streams: 128,
            keepalive: Duration::from_secs(15),
        }
    }
}

impl Limits {
    /// With no time that would overflow a sum of some of them, nor a moment that they are added to.
    pub(super) fn bounded(mut self) -> Self {
        let times = [
            &mut self.head,
            &mut self.read,
            &mut self.request,
            &mut self.stall,
            &mut self.idle,
            &mut self.linger,
            &mut self.shutdown,
            &mut self.keepalive,
        ];
        for time in times.into_iter().chain(&mut self.write) {
            *time = LONGEST.min(*time);
        }
        self
    }

    /// What a client has to take in each window.
    pub(super) fn least_in_window(&self) -> u64 {
        let bytes = u128::from(self.least_rate) * self.stall.as_millis() / 1_000;
        // Nothing at all is a stall whatever the rate.
        u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
    }
}
