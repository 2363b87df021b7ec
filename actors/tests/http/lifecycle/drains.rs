//! The end of a server while its clients are at work.

use axum::Router;
use axum::routing::get;
use tokio::time::{Instant, sleep};

use super::{GET, defaults};
use crate::harness::{MILLIS, SECOND, paused, routes, serving};

#[test]
fn requests_in_flight_are_answered_in_a_drain_and_idle_connections_end_at_once() {
    serving(defaults, async |http| {
        let mut idle = http.connect().await;
        idle.send(GET).await;
        idle.response().await;
        let mut busy = http.connect().await;
        busy.send("GET /gated HTTP/1.1\r\nhost: x\r\n\r\n").await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        let draining = http.server.drain();
        // Idle connections are closed, whatever is in flight on others.
        assert!(idle.is_closed().await);
        http.handling.open_gate();
        let answer = busy.response().await;
        assert!(
            answer.contains("connection: close") && answer.ends_with("gated\n"),
            "{answer}"
        );
        assert!(busy.is_closed().await);
        drop(busy);
        draining.await.unwrap();
    });
}

#[test]
fn kept_connection_whose_next_request_has_arrived_is_served_once_more() {
    serving(defaults, async |http| {
        let mut clients = Vec::new();
        for _ in 0..32 {
            let mut client = http.connect().await;
            client.send(GET).await;
            client.response().await;
            clients.push(client);
        }
        // No other task runs between the arrival of the requests and the order.
        for client in &clients {
            assert_eq!(client.io.try_write(GET.as_bytes()).unwrap(), GET.len());
        }
        let draining = http.server.drain();
        for client in &mut clients {
            let answer = client.rest().await;
            assert!(
                answer.contains("connection: close") && answer.ends_with("hello\n"),
                "{answer}"
            );
        }
        drop(clients);
        draining.await.unwrap();
    });
}

#[test]
fn connections_in_the_kernels_queue_are_served_in_a_drain() {
    serving(defaults, async |http| {
        let mut clients = Vec::new();
        for _ in 0..32 {
            // A blocking connect, so that the server does not run: only the kernel accepts the connections.
            let stream = std::net::TcpStream::connect(http.address).unwrap();
            std::io::Write::write_all(&mut &stream, GET.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            clients.push(stream);
        }
        let draining = http.server.drain();
        for client in clients {
            let stream = tokio::net::TcpStream::from_std(client).unwrap();
            let answer = crate::client::Raw::new(stream).rest().await;
            assert!(answer.ends_with("hello\n"), "{answer}");
        }
        draining.await.unwrap();
        assert!(
            tokio::net::TcpStream::connect(http.address).await.is_err(),
            "it is closed"
        );
    });
}

#[test]
fn connection_that_has_said_nothing_yet_has_a_second_in_a_drain() {
    paused(
        defaults,
        |_| Router::new().route("/", get("hello\n")),
        async |dialer, _, server| {
            let mut late = dialer.dial();
            let mut silent = dialer.dial();
            sleep(MILLIS).await;
            let begin = Instant::now();
            let draining = server.drain();
            sleep(500 * MILLIS).await;
            late.send(GET).await;
            assert!(late.response().await.contains("connection: close"));
            assert!(silent.is_closed().await);
            drop(late);
            draining.await.unwrap();
            assert!(begin.elapsed() < 2 * SECOND, "{:?}", begin.elapsed());
        },
    );
}

#[test]
fn kill_ends_all_at_once() {
    paused(defaults, routes, async |dialer, stats, server| {
        let mut client = dialer.dial();
        client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
        sleep(MILLIS).await;
        assert_eq!(stats.in_flight.get(), 1);
        let begin = Instant::now();
        server.kill().await.unwrap();
        assert_eq!(stats.in_flight.get(), 0);
        assert!(client.is_closed().await);
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    });
}

#[test]
fn response_to_a_client_that_reads_late_is_not_lost() {
    serving(defaults, async |http| {
        let mut client = http.connect().await;
        client.send("GET /gated HTTP/1.1\r\nhost: x\r\n\r\n").await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        // More bytes come than are read, so closing at once would be a reset.
        client.send(GET).await;
        let draining = http.server.drain();
        http.handling.open_gate();
        sleep(SECOND).await;
        let answer = client.rest().await;
        assert!(answer.ends_with("gated\n"), "{answer}");
        drop(client);
        draining.await.unwrap();
    });
}
