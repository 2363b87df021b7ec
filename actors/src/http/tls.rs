use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::{Io, Probe};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// How a server speaks TLS. A clone is the same one: what is replaced in it holds for connections from then on, and
/// those that are open keep what they had.
///
/// ```
/// use tenure_actors::http::Tls;
/// use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]);
/// # let (first, second) = (made()?, made()?);
/// let key = |key: &rcgen::KeyPair| PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
/// let tls = Tls::new(vec![first.cert.der().clone()], key(&first.signing_key))?;
/// // Later, once it has been renewed.
/// tls.replace(vec![second.cert.der().clone()], key(&second.signing_key))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// With a chain of certificates, the server's own first, and the key of that.
    ///
    /// # Errors
    ///
    /// Those of `rustls`: the key does not fit, or is of a kind that it does not know.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::of(config(chain, key)?))
    }

    /// With a configuration of `rustls`, which says all: its `alpn_protocols` offer `h2` and `http/1.1`, or HTTP/2 is
    /// not spoken.
    #[must_use]
    pub fn of(config: ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    /// Takes other certificates.
    ///
    /// # Errors
    ///
    /// As [`new`](Tls::new); what was there before stays.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), rustls::Error> {
        self.replace_config(config(chain, key)?);
        Ok(())
    }

    /// Takes another configuration.
    pub fn replace_config(&self, config: ServerConfig) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, Arc::new(config));
        drop(current);
        // It may hold what is the user's, such as what chooses a certificate.
        drop(before);
    }

    pub(super) async fn accept<I: Io>(&self, io: I) -> io::Result<TlsStream<I>> {
        let config = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(io).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(config)
}

pub(super) fn is_http2<I>(io: &TlsStream<I>) -> bool {
    io.get_ref().1.alpn_protocol() == Some(HTTP2)
}

impl<I: Io> Io for TlsStream<I> {
    fn probe(&self) -> Probe {
        self.get_ref().0.probe()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;

    use super::*;

    type Locked = RwLock<Arc<ServerConfig>>;

    /// Notes when it is dropped whether the lock is free.
    #[derive(Debug)]
    struct Noting {
        lock: Arc<std::sync::OnceLock<Weak<Locked>>>,
        free: Arc<AtomicUsize>,
    }

    impl ResolvesServerCert for Noting {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }

    impl Drop for Noting {
        fn drop(&mut self) {
            let lock = self.lock.get().and_then(Weak::upgrade);
            let is_free = lock.is_some_and(|lock| lock.try_write().is_ok());
            self.free.fetch_add(is_free.into(), Ordering::Relaxed);
        }
    }

    fn config(resolver: Arc<dyn ResolvesServerCert>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        config.with_no_client_auth().with_cert_resolver(resolver)
    }

    #[test]
    fn configuration_that_is_replaced_is_dropped_when_the_lock_is_free() {
        let (lock, free) = (Arc::default(), Arc::default());
        let noting = || Noting {
            lock: Arc::clone(&lock),
            free: Arc::clone(&free),
        };
        let tls = Tls::of(config(Arc::new(noting())));
        lock.set(Arc::downgrade(&tls.0)).unwrap();
        tls.replace_config(config(Arc::new(noting())));
        assert_eq!(free.load(Ordering::Relaxed), 1);
    }
}
