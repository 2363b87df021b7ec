//! The client of the dashboard.

use std::pin::pin;
use std::time::Duration;

use http::Uri;
use http::header::HOST;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tenure::Snapshot;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::args::Args;
use super::error::TopError;
use super::look::{EndsForm, Look};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes an answer may have: enough for 100,000 nodes.
const LONGEST: usize = 256 << 20;

/// The dashboard that is asked.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// The address as it is shown.
    pub(super) address: String,
    /// The host and port to connect to, which is also the `Host` header.
    host: String,
    /// The path before the names that the dashboard serves.
    path: String,
    nodes: usize,
}

/// The field that all answers have.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Client {
    pub(super) fn new(args: &Args) -> Result<Self, TopError> {
        let given = args.address.trim();
        let bad = || TopError::BadAddress {
            address: given.to_owned(),
        };
        let with_scheme = match given.contains("://") {
            true => given.to_owned(),
            false => format!("http://{given}"),
        };
        let uri: Uri = with_scheme.parse().map_err(|_| bad())?;
        if uri.scheme_str() == Some("https") {
            return Err(TopError::Https {
                address: given.to_owned(),
            });
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        if uri.scheme_str() != Some("http") {
            return Err(bad());
        }
        // The parser also accepts ports that are not valid numbers.
        let rest = uri.authority().map(|it| it.as_str().strip_prefix(host));
        let port = match rest.flatten().ok_or_else(bad)? {
            "" | ":" => 80,
            _ => uri.port_u16().ok_or_else(bad)?,
        };
        let host = format!("{host}:{port}");
        let path = uri.path().trim_end_matches("index.html");
        let path = path.trim_end_matches('/').to_owned();
        Ok(Self {
            address: format!("http://{host}{path}"),
            host,
            path,
            nodes: args.nodes,
        })
    }

    /// Looks once.
    pub(super) async fn look(&self) -> Result<Look, TopError> {
        let path = format!("tree.json?nodes={}", self.nodes);
        let snapshot: Snapshot = self.read(&path, Snapshot::VERSION).await?;
        let ends = match self.read::<EndsForm>("ends.json", EndsForm::VERSION).await {
            Ok(ends) => Some(ends),
            // An older dashboard does not serve them.
            Err(TopError::Status { status: 404, .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Look::new(snapshot, ends))
    }

    async fn read<T: DeserializeOwned>(&self, name: &str, known: u32) -> Result<T, TopError> {
        let body = timeout(PATIENCE, self.get(name)).await;
        let body = body.map_err(|_| TopError::TimedOut {
            address: self.address.clone(),
            seconds: PATIENCE.as_secs(),
        })??;
        let wrong = |source| TopError::NoSnapshot {
            address: self.address.clone(),
            source,
        };
        let Versioned { version } = serde_json::from_slice(&body).map_err(wrong)?;
        if version != u64::from(known) {
            return Err(TopError::OtherVersion {
                address: self.address.clone(),
                found: version,
                known,
            });
        }
        serde_json::from_slice(&body).map_err(wrong)
    }

    async fn get(&self, name: &str) -> Result<Bytes, TopError> {
        let stream = TcpStream::connect(&self.host).await;
        let stream = stream.map_err(|source| TopError::NoConnection {
            address: self.address.clone(),
            source,
        })?;
        let broken = |source| TopError::BrokenOff {
            address: self.address.clone(),
            source,
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let request = hyper::Request::get(format!("{}/{name}", self.path))
            .header(HOST, &self.host)
            .body(Empty::<Bytes>::new());
        let request = request.map_err(|_| TopError::BadAddress {
            address: self.address.clone(),
        })?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            let body = body.map_err(|_| TopError::TooLong {
                address: self.address.clone(),
                most: LONGEST,
            })?;
            let body = body.to_bytes();
            match status.is_success() {
                true => Ok(body),
                false => Err(self.refused(status.as_u16(), &body)),
            }
        };
        // Nobody else polls the connection.
        let (mut answer, mut connection) = (pin!(answer), pin!(connection));
        tokio::select! {
            biased;
            answered = &mut answer => return answered,
            ended = &mut connection => ended.map_err(broken)?,
        }
        answer.await
    }

    fn refused(&self, status: u16, body: &[u8]) -> TopError {
        #[derive(Deserialize)]
        struct Why {
            error: String,
        }
        let why = serde_json::from_slice(body).map(|Why { error }| error);
        TopError::Status {
            address: self.address.clone(),
            status,
            said: why.unwrap_or_else(|_| "that is no dashboard".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Result<Client, TopError> {
        Client::new(&Args {
            address: address.to_owned(),
            ..Args::default()
        })
    }

    #[test]
    fn addresses_may_be_short_and_those_that_make_no_sense_are_refused() {
        let known = [
            ("localhost:9380", "http://localhost:9380"),
            (
                "http://127.0.0.1:8080/debug/tree/",
                "http://127.0.0.1:8080/debug/tree",
            ),
            ("http://h/debug/index.html", "http://h:80/debug"),
            ("[::1]:9380", "http://[::1]:9380"),
        ];
        for (given, address) in known {
            assert_eq!(client(given).unwrap().address, address);
        }
        for wrong in ["", "http://", "ftp://localhost", "a b", "https://localhost"] {
            assert!(client(wrong).is_err(), "{wrong}");
        }
    }
}
