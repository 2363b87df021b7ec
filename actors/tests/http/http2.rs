//! HTTP/2: streams, windows, and how streams and connections end.

use tenure_actors::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::frames::{
    ACK, Client, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
    WINDOW_UPDATE, field, frame, get, head,
};
use crate::harness::{MILLIS, SECOND, paused, routes, serving, still_serving};

fn defaults(_: &mut Limits) {}

#[test]
fn prior_knowledge_is_served() {
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        client.is_served(1).await;
        client.is_served(3).await;
        assert_eq!(http.stats.requests.get(), 2);
    });
}

#[test]
fn silence_after_half_a_preface_has_the_heads_limit() {
    for begun in [0, 3, 10, 23] {
        still_serving(
            |limits| limits.head = 200 * MILLIS,
            async |http| {
                let mut client = Client(TcpStream::connect(http.address).await.unwrap());
                client.send(&PREFACE[..begun]).await;
                let mut rest = Vec::new();
                client.0.read_to_end(&mut rest).await.unwrap();
                assert_eq!(http.stats.slow_heads.get(), 1);
            },
        );
    }
}

#[test]
fn connection_that_only_pings_is_idle() {
    paused(
        |limits| limits.idle = 500 * MILLIS,
        routes,
        async |dialer, stats, _| {
            let mut client = Client::over(dialer.dial().io).await;
            client.is_served(1).await;
            let begin = Instant::now();
            let (mut reader, mut writer) = tokio::io::split(client.0);
            let pings = async {
                while writer.write_all(&frame(PING, 0, 0, &[0; 8])).await.is_ok() {
                    sleep(50 * MILLIS).await;
                }
            };
            let mut rest = Vec::new();
            tokio::join!(pings, async { drop(reader.read_to_end(&mut rest).await) });
            assert!(begin.elapsed() < 7 * SECOND, "{:?}", begin.elapsed());
            assert_eq!(stats.idle.get(), 1);
        },
    );
}

#[test]
fn reset_ends_the_request() {
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        client.send(&get(1, "/hang")).await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        client
            .send(&frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()))
            .await;
        http.until("it has ended", |http| http.handling.get() == 0)
            .await;
        assert_eq!(http.stats.abandoned.get(), 1);
        client.is_served(3).await;
    });
}

#[test]
fn requests_end_with_their_connection() {
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        for stream in 0..10 {
            client.send(&get(stream * 2 + 1, "/hang")).await;
        }
        http.until("they are handled", |http| http.handling.get() == 10)
            .await;
        drop(client);
        http.until("they have ended", |http| http.handling.get() == 0)
            .await;
        assert_eq!(http.stats.abandoned.get(), 10);
    });
}

/// The window of a connection is 64 KiB at first, and nobody enlarges it.
#[test]
fn window_that_stays_closed_is_a_stalled_reader() {
    still_serving(
        |limits| limits.stall = 500 * MILLIS,
        async |http| {
            let mut client = Client::connect(http).await;
            client.send(&get(1, "/large")).await;
            let reset = client.next_of(RST_STREAM, 1).await;
            assert!(reset.is_some());
            assert_eq!(http.stats.stalled.get(), 1);
        },
    );
}

#[test]
fn window_that_trickles_is_a_stalled_reader() {
    still_serving(
        |limits| limits.stall = 500 * MILLIS,
        async |http| {
            let mut client = Client::connect(http).await;
            client.send(&get(1, "/large")).await;
            for _ in 0..500 {
                let one = 1_u32.to_be_bytes();
                client.send(&frame(WINDOW_UPDATE, 0, 0, &one)).await;
                client.send(&frame(WINDOW_UPDATE, 0, 1, &one)).await;
                sleep(10 * MILLIS).await;
                if http.stats.stalled.get() == 1 {
                    return;
                }
            }
            panic!("it is not cut off");
        },
    );
}

#[test]
fn steady_slow_reader_is_not_stalled() {
    paused(
        |limits| limits.stall = 500 * MILLIS,
        routes,
        async |dialer, stats, _| {
            let mut client = Client::over(dialer.dial().io).await;
            client.send(&get(1, "/large")).await;
            let (mut reader, mut writer) = tokio::io::split(client.0);
            let reads = async {
                let mut chunk = vec![0; 16 << 10];
                while reader.read(&mut chunk).await.unwrap() > 0 {}
            };
            let opens = async {
                let some = 10_000_u32.to_be_bytes();
                let updates = [0, 1]
                    .map(|stream| frame(WINDOW_UPDATE, 0, stream, &some))
                    .concat();
                for _ in 0..30 {
                    writer.write_all(&updates).await.unwrap();
                    sleep(100 * MILLIS).await;
                }
            };
            tokio::select! {
                () = reads => panic!("it closed"),
                () = opens => {}
            }
            assert_eq!((stats.stalled.get(), stats.in_flight.get()), (0, 1));
        },
    );
}

#[test]
fn handler_has_the_requests_limit() {
    still_serving(
        |limits| limits.request = 200 * MILLIS,
        async |http| {
            let mut client = Client::connect(http).await;
            client.send(&get(1, "/hang")).await;
            let head = client.next_of(HEADERS, 1).await.unwrap();
            // `:status` is a literal, because 504 is not in the static table.
            assert!(head.payload.windows(3).any(|text| text == b"504") || head.payload.len() > 3);
            assert_eq!(http.stats.timed_out.get(), 1);
            client.is_served(3).await;
        },
    );
}

#[test]
fn too_many_streams_are_refused() {
    still_serving(
        |limits| limits.streams = 2,
        async |http| {
            let mut client = Client::connect(http).await;
            for stream in [1, 3, 5] {
                client.send(&get(stream, "/hang")).await;
            }
            let reset = client.next_of(RST_STREAM, 5).await.unwrap();
            assert_eq!(reset.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
            http.until("two are handled", |http| http.handling.get() == 2)
                .await;
        },
    );
}

#[test]
fn drain_says_goaway_and_answers_what_is_in_flight() {
    serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        client.send(&get(1, "/slow")).await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        let draining = http.server.drain();
        let mut data = Vec::new();
        let mut code = None;
        while let Some(frame) = client.next().await {
            match frame.kind {
                DATA => data.extend(frame.payload),
                GOAWAY => code = Some(frame.payload[7]),
                PING if frame.flags & ACK == 0 => {
                    client
                        .send(&crate::frames::frame(PING, ACK, 0, &frame.payload))
                        .await;
                }
                _ => {}
            }
        }
        assert_eq!((data.as_slice(), code), (b"slow\n".as_slice(), Some(0)));
        drop(client);
        draining.await.unwrap();
    });
}

#[test]
fn idle_connection_ends_in_a_drain() {
    paused(defaults, routes, async |dialer, _, server| {
        let mut client = Client::over(dialer.dial().io).await;
        client.is_served(1).await;
        let begin = Instant::now();
        let draining = server.drain();
        drop(client);
        draining.await.unwrap();
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    });
}

#[test]
fn idle_client_that_answers_nothing_holds_a_drain_up_for_two_seconds() {
    paused(defaults, routes, async |dialer, stats, server| {
        let mut client = Client::over(dialer.dial().io).await;
        client.is_served(1).await;
        let begin = Instant::now();
        server.drain().await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 2);
        assert_eq!(stats.cut_at_shutdown.get(), 0);
        drop(client);
    });
}

/// Asks, and reads the response. `false` once the server has closed.
async fn is_answered(client: &mut Client<DuplexStream>, stream: u32, acks_pings: bool) -> bool {
    if client.0.write_all(&get(stream, "/")).await.is_err() {
        return false;
    }
    while let Some(answer) = client.next().await {
        if acks_pings && answer.kind == PING && answer.flags & ACK == 0 {
            client.send(&frame(PING, ACK, 0, &answer.payload)).await;
        }
        if answer.stream == stream && answer.flags & END_STREAM != 0 {
            return true;
        }
    }
    false
}

#[test]
fn requests_of_a_connection_are_bounded() {
    let limits = |limits: &mut Limits| (limits.requests_per_connection, limits.streams) = (2, 3);
    // The end comes with a ping, and once that is acknowledged; or when far too much was asked.
    for (acks_pings, most, errors) in [(true, 3, 0), (false, 8, 1)] {
        paused(limits, routes, async |dialer, stats, _| {
            let mut client = Client::over(dialer.dial().io).await;
            let mut stream = 1;
            while is_answered(&mut client, stream, acks_pings).await {
                stream += 2;
            }
            assert_eq!(stats.requests.get(), most);
            assert_eq!(stats.protocol_errors.get(), errors);
        });
    }
}

#[test]
fn body_that_is_declared_too_large_is_refused() {
    still_serving(
        |limits| limits.body_bytes = 10,
        async |http| {
            let mut client = Client::connect(http).await;
            let head = [head("POST", "/echo"), field("content-length", "11")].concat();
            client.send(&frame(HEADERS, END_HEADERS, 1, &head)).await;
            assert!(client.next_of(HEADERS, 1).await.is_some());
            assert_eq!(http.stats.bodies_too_large.get(), 1);
            client.is_served(3).await;
        },
    );
}

#[test]
fn authority_that_is_no_host_is_refused() {
    let bad: &[&[(&str, &str)]] = &[
        &[(":authority", "a@x")],
        &[(":authority", "x:y")],
        &[(":authority", "x:65536")],
        &[],
        &[(":authority", "x"), ("host", "y")],
        &[("host", "x:y")],
    ];
    let good: &[&[(&str, &str)]] = &[
        &[(":authority", "x:65535"), ("host", "X:65535")],
        &[("host", "x:")],
        &[(":authority", "x"), ("host", "x:80")],
    ];
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        for (stream, fields) in (1..).step_by(2).zip(bad.iter().chain(good)) {
            let own = fields.iter().map(|(name, value)| field(name, value));
            let head = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
                .iter()
                .map(|(name, value)| field(name, value));
            let head: Vec<_> = head.chain(own).collect();
            let flags = END_STREAM | END_HEADERS;
            client
                .send(&frame(HEADERS, flags, stream, &head.concat()))
                .await;
            let answer = client.next_of(HEADERS, stream).await.unwrap();
            // The index of the status in the static table: 400 or 200.
            let is_bad = stream < 2 * bad.len() as u32;
            let status = if is_bad { 0x8c } else { 0x88 };
            assert_eq!(answer.payload[0], status, "{fields:?}");
        }
        assert_eq!(http.stats.bad_heads.get(), bad.len() as u64);
        client.is_served(101).await;
    });
}
