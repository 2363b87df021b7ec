use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where the service listens, where it keeps its data, and what it lets its clients do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens. A port of 0 is one that is free.
    pub address: SocketAddr,
    /// What it is called by those who ask it, beside `localhost` and its addresses.
    pub names: Vec<String>,
    /// The folder of its store, which is made if it is not there.
    pub data: PathBuf,
    /// What it lets its clients do.
    pub limits: Limits,
}

/// What the service lets its clients do, and how much it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of an image as it is sent. 16 MiB.
    pub body_bytes: u64,
    /// Pixels that an image unpacks to. 40 million, which take 320 MB at most.
    pub pixels: u64,
    /// Images that are received at once, each of which is in memory until it is stored. 8.
    pub uploads: usize,
    /// How long an image may take to be received. 2 minutes.
    pub receive: Duration,
    /// Jobs that are accepted and have not ended. 256.
    pub jobs: usize,
    /// Those of one address. 64.
    pub jobs_of_client: usize,
    /// Jobs that are worked at, each on a thread of its own. As many as there are processors.
    pub workers: usize,
    /// Ended jobs that are kept; the oldest make room. 1,000.
    pub kept: u64,
    /// Bytes of the images and thumbnails in the store; ended jobs make room, the oldest first. 1 GiB.
    pub store_bytes: u64,
    /// How long a job that is worked at has to come to its end once the service is to end. 10 s.
    pub finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            pixels: 40_000_000,
            uploads: 8,
            receive: Duration::from_secs(120),
            jobs: 256,
            jobs_of_client: 64,
            workers: std::thread::available_parallelism().map_or(2, Into::into),
            kept: 1_000,
            store_bytes: 1 << 30,
            finish: Duration::from_secs(10),
        }
    }
}

/// A variable of the environment that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value} is no {what}")]
pub struct SettingsError {
    name: &'static str,
    value: String,
    what: &'static str,
}

impl Settings {
    /// What the environment says (`HOST`, `PORT`, `NAMES`, `DATA`): by default port 3000 of this machine alone, no names,
    /// and the folder `tenure-images` among the temporary ones.
    ///
    /// # Errors
    ///
    /// A host that is no address, or a port that is no number.
    pub fn from_env() -> Result<Self, SettingsError> {
        let host = parsed("HOST", "IP address", IpAddr::from(Ipv4Addr::LOCALHOST))?;
        let port = parsed("PORT", "port", 3000)?;
        let names = parsed("NAMES", "list of names", String::new())?;
        let names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let data = std::env::var_os("DATA").map(PathBuf::from);
        Ok(Self {
            address: SocketAddr::new(host, port),
            names: names.map(str::to_owned).collect(),
            data: data.unwrap_or_else(|| std::env::temp_dir().join("tenure-images")),
            limits: Limits::default(),
        })
    }
}

fn parsed<T: std::str::FromStr>(
    name: &'static str,
    what: &'static str,
    default: T,
) -> Result<T, SettingsError> {
    let Some(value) = std::env::var_os(name) else {
        return Ok(default);
    };
    let value = value.to_string_lossy().into_owned();
    let refused = |_| SettingsError {
        name,
        value: value.clone(),
        what,
    };
    value.parse().map_err(refused)
}
