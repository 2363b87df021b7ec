//! WebSockets end with their clients, and with the server.

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use http::Response;
use tenure::prelude::*;
use tenure_actors::http::Limits;
use tenure_actors::http::websocket::{Message, WebSocket, accept};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Alive, Dialer, SECOND, paused};

const HANDSHAKE: &str = "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn defaults(_: &mut Limits) {}

struct Silent;

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.gone().await;
        Ok(())
    }
}

fn router(alive: &Alive) -> Router {
    let echo = |alive: Alive| {
        async move |mut request: Request| -> Response<String> {
            let guard = alive.guard();
            accept(&mut request, move |mut socket: WebSocket| async move {
                let _guard = guard;
                while let Some(Ok(message)) = socket.receive().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            })
        }
    };
    let deaf = |alive: Alive| {
        async move |mut request: Request| -> Response<String> {
            let guard = alive.guard();
            accept(&mut request, move |_socket| async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            })
        }
    };
    let asking = async |mut request: Request| -> Response<String> {
        accept(&mut request, async move |mut socket: WebSocket| {
            tenure::scope(async |scope| {
                let silent = scope.spawn(Silent)?;
                let asked = silent.ask(|reply| reply).timeout(1_000 * SECOND).await;
                socket.send(Message::text(format!("{asked:?}"))).await?;
                Ok(())
            })
            .await
            .unwrap();
        })
    };
    let panicking = async |mut request: Request| -> Response<String> {
        accept(&mut request, async |_: WebSocket| panic!("it panics"))
    };
    Router::new()
        .route("/asking", any(asking))
        .route("/panic", any(panicking))
        .route("/echo", any(echo(alive.clone())))
        .route("/deaf", any(deaf(alive.clone())))
}

async fn connect(dialer: &Dialer, path: &str) -> WebSocketStream<DuplexStream> {
    let mut client = dialer.dial();
    client.send(HANDSHAKE.replace("/echo", path)).await;
    let answer = client.response().await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // This is the example of RFC 6455.
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    WebSocketStream::from_raw_socket(client.io, Role::Client, None).await
}

#[test]
fn messages_go_both_ways_however_long_nothing_is_said() {
    paused(defaults, router, async |dialer, stats, _| {
        let mut client = connect(dialer, "/echo").await;
        for text in ["one", "two"] {
            sleep(1_000 * SECOND).await;
            client.send(Message::text(text)).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text));
        }
        assert_eq!(stats.upgraded.get(), 1);
        client.close(None).await.unwrap();
        while client.next().await.is_some() {}
    });
}

#[test]
fn asks_of_a_websocket_have_no_limit_of_its_request() {
    paused(defaults, router, async |dialer, _, _| {
        let mut client = connect(dialer, "/asking").await;
        let asked = client.next().await.unwrap().unwrap();
        assert!(
            asked.to_text().unwrap().contains("inherited: false"),
            "{asked}"
        );
    });
}

#[test]
fn shutdown_closes_with_1001() {
    paused(defaults, router, async |dialer, _, server| {
        let mut client = connect(dialer, "/echo").await;
        let begin = Instant::now();
        let draining = server.drain();
        let Some(Ok(Message::Close(Some(frame)))) = client.next().await else {
            panic!("no close")
        };
        assert_eq!(frame.code, CloseCode::Away);
        while client.next().await.is_some() {}
        drop(client);
        draining.await.unwrap();
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    });
}

#[test]
fn client_that_does_not_answer_a_close_holds_nobody_up_for_long() {
    paused(defaults, router, async |dialer, _, server| {
        let client = connect(dialer, "/echo").await;
        let begin = Instant::now();
        server.drain().await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 5);
        drop(client);
    });
}

#[test]
fn handler_that_does_not_heed_a_shutdown_is_ended_and_counted() {
    paused(defaults, router, async |dialer, stats, server| {
        let client = connect(dialer, "/deaf").await;
        let begin = Instant::now();
        let ended = server.drain().await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed().as_secs(), 20);
        assert_eq!(stats.cut_at_shutdown.get(), 1);
        drop(client);
    });
}

#[test]
fn client_that_goes_ends_its_handler() {
    paused(defaults, router, async |dialer, stats, _| {
        drop(connect(dialer, "/echo").await);
        while stats.open.get() > 0 {
            sleep(SECOND).await;
        }
    });
}

#[test]
fn what_is_no_handshake_is_refused() {
    for (from, to, status) in [
        ("version: 13", "version: 12", "426"),
        ("sec-websocket-key", "x", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", "400"),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25j____",
            "400",
        ),
        ("upgrade: websocket", "upgrade: h2c", "400"),
        ("connection: Upgrade", "connection: keep-alive", "400"),
    ] {
        paused(defaults, router, async |dialer, _, _| {
            let mut client = dialer.dial();
            client.send(HANDSHAKE.replace(from, to)).await;
            let answer = client.response().await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        });
    }
}

#[test]
fn handler_that_panics_ends_its_connection() {
    paused(defaults, router, async |dialer, stats, _| {
        let mut client = connect(dialer, "/panic").await;
        assert!(client.next().await.is_none_or(|message| message.is_err()));
        drop(client);
        let mut next = connect(dialer, "/echo").await;
        next.send(Message::text("one")).await.unwrap();
        assert_eq!(next.next().await.unwrap().unwrap(), Message::text("one"));
        next.close(None).await.unwrap();
        while next.next().await.is_some() {}
        assert_eq!(stats.upgraded.get(), 2);
    });
}
