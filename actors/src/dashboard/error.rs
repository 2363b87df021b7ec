use std::io;
use std::net::SocketAddr;

/// Why a dashboard does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// Its address cannot be listened to: it is in use, say, or not this machine's.
    #[error("the dashboard cannot listen to {address}")]
    Bind {
        /// That address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
