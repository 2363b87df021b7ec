//! TLS: what ALPN decides, certificates that are replaced, and handshakes that fail.

use std::sync::Arc;

use tenure_actors::http::{Limits, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName,
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::harness::{Http, MILLIS, SECOND, serving_with};

struct Pair {
    cert: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Pair {
        cert: made.cert.der().clone(),
        key: key.into(),
    }
}

fn tls_of(pair: &Pair) -> Tls {
    Tls::new(vec![pair.cert.clone()], pair.key.clone_key()).unwrap()
}

fn over(tls: &Tls, limits: impl FnOnce(&mut Limits), test: impl AsyncFnOnce(&Http)) {
    serving_with(limits, |serve| serve.tls(tls), test);
}

async fn connect(
    http: &Http,
    trusted: &Pair,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(http.address).await?;
    shake_hands(stream, trusted, alpn).await
}

async fn shake_hands(
    stream: TcpStream,
    trusted: &Pair,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.clone()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[test]
fn http_1_is_served_with_and_without_alpn() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            for alpn in [&[][..], &[&b"http/1.1"[..]]] {
                let mut client = connect(http, &pair, alpn).await.unwrap();
                client.write_all(GET).await.unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).await.unwrap();
                assert!(answer.ends_with("hello\n"), "{answer}");
            }
        },
    );
}

#[test]
fn http_2_is_served_if_alpn_says_so() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            let mut client = connect(http, &pair, &[b"h2"]).await.unwrap();
            client
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .await
                .unwrap();
            let mut head = [0; 9];
            client.read_exact(&mut head).await.unwrap();
            assert_eq!(head[3], 4, "its settings");
        },
    );
}

#[test]
fn wrong_alpn_is_refused() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            assert!(connect(http, &pair, &[b"gopher"]).await.is_err());
            http.until("it is counted", |http| http.stats.tls_errors.get() == 1)
                .await;
        },
    );
}

#[test]
fn what_is_no_hello_is_refused() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            let mut client = TcpStream::connect(http.address).await.unwrap();
            client.write_all(GET).await.unwrap();
            let mut answer = Vec::new();
            // An alert, and then the end.
            drop(client.read_to_end(&mut answer).await);
            assert!(answer.len() < 20, "{answer:?}");
            http.until("it is counted", |http| http.stats.tls_errors.get() == 1)
                .await;
        },
    );
}

#[test]
fn silence_in_the_handshake_has_the_heads_limit() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |limits| limits.head = 200 * MILLIS,
        async |http| {
            for begun in [&[][..], &[22, 3, 1, 2, 0, 1]] {
                let mut client = TcpStream::connect(http.address).await.unwrap();
                client.write_all(begun).await.unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                assert!(answer.is_empty());
            }
            assert_eq!(http.stats.slow_heads.get(), 2);
        },
    );
}

#[test]
fn silence_after_a_handshake_for_http_2_has_the_heads_limit() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |limits| limits.head = 200 * MILLIS,
        async |http| {
            for begun in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
                let mut client = connect(http, &pair, &[b"h2"]).await.unwrap();
                client.write_all(begun).await.unwrap();
                let mut answer = Vec::new();
                // Its settings, perhaps, and then the end.
                drop(client.read_to_end(&mut answer).await);
            }
            assert_eq!(http.stats.slow_heads.get(), 2);
        },
    );
}

#[test]
fn handshake_that_has_begun_is_ended_in_a_drain_and_its_request_served() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            let accepted = TcpStream::connect(http.address).await.unwrap();
            let silent = TcpStream::connect(http.address).await.unwrap();
            http.until("both are accepted", |http| http.stats.open.get() == 2)
                .await;
            // The server does not run between this and the order.
            let queued = std::net::TcpStream::connect(http.address).unwrap();
            queued.set_nonblocking(true).unwrap();
            let draining = http.server.drain();
            let begin = std::time::Instant::now();
            for stream in [accepted, TcpStream::from_std(queued).unwrap()] {
                let mut client = shake_hands(stream, &pair, &[]).await.unwrap();
                client
                    .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                    .await
                    .unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).await.unwrap();
                assert!(
                    answer.contains("connection: close") && answer.ends_with("hello\n"),
                    "{answer}"
                );
            }
            draining.await.unwrap();
            assert!(begin.elapsed() < 9 * SECOND, "{:?}", begin.elapsed());
            drop(silent);
        },
    );
}

#[test]
fn certificates_are_replaced_while_it_runs() {
    let (first, second) = (pair(), pair());
    let tls = tls_of(&first);
    over(
        &tls,
        |_| {},
        async |http| {
            let mut kept = connect(http, &first, &[]).await.unwrap();
            tls.replace(vec![second.cert.clone()], second.key.clone_key())
                .unwrap();
            assert!(connect(http, &first, &[]).await.is_err());
            connect(http, &second, &[]).await.unwrap();
            // A connection that is open goes on.
            kept.write_all(GET).await.unwrap();
            let mut answer = String::new();
            kept.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("hello\n"), "{answer}");
        },
    );
}

#[test]
fn client_that_goes_ends_its_request() {
    let pair = pair();
    over(
        &tls_of(&pair),
        |_| {},
        async |http| {
            let mut client = connect(http, &pair, &[]).await.unwrap();
            client
                .write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            http.until("it is handled", |http| http.handling.get() == 1)
                .await;
            drop(client);
            http.until("it has ended", |http| http.handling.get() == 0)
                .await;
        },
    );
}
