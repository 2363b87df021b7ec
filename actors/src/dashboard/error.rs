use std::io;
use std::net::SocketAddr;

/// Why a dashboard does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// It cannot listen to its address, which may be in use or belong to another machine.
    #[error("the dashboard cannot listen to {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
