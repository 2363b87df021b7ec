use std::io;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum TopError {
    #[error("{address} is no address of a dashboard: give HOST:PORT or http://HOST:PORT/PATH")]
    BadAddress { address: String },
    #[error(
        "{address}: https is not spoken here; open a tunnel to the dashboard, such as with ssh -L"
    )]
    Https { address: String },
    #[error("nobody answers at {address}")]
    NoConnection { address: String, source: io::Error },
    #[error("{address} has not answered within {seconds} s")]
    TimedOut { address: String, seconds: u64 },
    #[error("the answer of {address} broke off")]
    BrokenOff {
        address: String,
        source: hyper::Error,
    },
    #[error(
        "the answer of {address} is longer than {most} bytes, or broke off: ask for fewer --nodes"
    )]
    TooLong { address: String, most: usize },
    #[error("{address} answers with the status {status}: {said}")]
    Status {
        address: String,
        status: u16,
        said: String,
    },
    #[error("what {address} answers is not what a dashboard tells")]
    NoSnapshot {
        address: String,
        source: serde_json::Error,
    },
    #[error(
        "{address} tells version {found} of a snapshot, and this program knows {known}: use the tenure-top of its version"
    )]
    OtherVersion {
        address: String,
        found: u64,
        known: u32,
    },
    #[error("the terminal cannot be used")]
    Terminal { source: io::Error },
    #[error("cannot be printed")]
    Output { source: io::Error },
    #[error("the program cannot run")]
    Runtime { source: io::Error },
    #[error("the program has failed")]
    Failed { source: tenure::RunError },
}
