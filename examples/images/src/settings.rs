use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where the service listens, where it keeps its data, and what it lets its clients do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen at. With port 0 any free port is taken.
    pub address: SocketAddr,
    /// The host names under which it may be reached, besides `localhost` and its addresses.
    pub names: Vec<String>,
    /// The folder of its store, which is made if necessary.
    pub data: PathBuf,
    /// The limits for clients.
    pub limits: Limits,
}

/// What clients may do, and how much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes of an image as it is sent. 16 MiB.
    pub body_bytes: u64,
    /// The most pixels of an unpacked image. 40 million, which take at most 320 MB.
    pub pixels: u64,
    /// How many images may be received at a time. Each is in memory until it is stored. 8.
    pub uploads: usize,
    /// How long an image may take to be received. 2 minutes.
    pub receive: Duration,
    /// How many jobs may be accepted that have not ended. 256.
    pub jobs: usize,
    /// The same for one client address. 64.
    pub jobs_of_client: usize,
    /// How many jobs are worked at, at a time, each on a thread of its own. As many as there are processors.
    pub workers: usize,
    /// How many ended jobs are kept. The oldest are removed for others. 1,000.
    pub kept: u64,
    /// The most bytes of images and thumbnails in the store. The oldest ended jobs are removed for others. 1 GiB.
    pub store_bytes: u64,
    /// How long a job that is being worked at may take once the service is to end. 10 s.
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

/// A variable of the environment that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value} is no {what}")]
pub struct SettingsError {
    name: &'static str,
    value: String,
    what: &'static str,
}

impl Settings {
    /// The settings from the environment (`HOST`, `PORT`, `NAMES`, `DATA`). The defaults are port 3000 of this machine
    /// only, no names, and the folder `tenure-images` in the folder for temporary files.
    ///
    /// # Errors
    ///
    /// A host that is not an address, or a port that is not a number.
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
