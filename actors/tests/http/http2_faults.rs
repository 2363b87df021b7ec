//! Faults that end a connection of HTTP/2.

use std::time::Duration;

use tenure_actors::http::Limits;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::frames::{
    CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, field, frame, get, head,
};
use crate::harness::{MILLIS, SECOND, still_serving};

fn defaults(_: &mut Limits) {}

/// Checks that each case ends its connection with a fault of the client's: a name, bytes, and how often they are sent.
///
/// The server lingers for each of them, so they run side by side, each with a server of its own.
fn are_faults<const N: usize>(cases: [(&str, Vec<u8>, usize); N]) {
    std::thread::scope(|threads| {
        for (name, bytes, times) in cases {
            threads.spawn(move || is_a_fault(name, &bytes, times));
        }
    });
}

fn is_a_fault(name: &str, bytes: &[u8], times: usize) {
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        client.flood(bytes, times).await;
        let code = client.end().await;
        assert_ne!(code, Some(0), "{name}");
        http.until(name, |http| http.stats.protocol_errors.get() == 1)
            .await;
    });
}

#[test]
fn bad_frames_end_the_connection() {
    let huge = [&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1][..], &[0; 100]].concat();
    let most = frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes());
    let padding = frame(HEADERS, 0x8 | END_HEADERS, 1, &[9, 0]);
    let no_head = frame(HEADERS, END_HEADERS, 1, &[0xff; 20]);
    let split = [
        frame(HEADERS, 0, 1, &head("GET", "/")),
        frame(PING, 0, 0, &[0; 8]),
    ]
    .concat();
    are_faults([
        ("a frame that is too large", huge, 1),
        ("data on stream 0", frame(DATA, 0, 0, b"x"), 1),
        ("data on an idle stream", frame(DATA, 0, 9, b"x"), 1),
        ("settings of a bad size", frame(SETTINGS, 0, 0, &[0; 5]), 1),
        ("a window of 0 more", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), 1),
        ("a window that overflows", most, 2),
        ("padding longer than the frame", padding, 1),
        (
            "a continuation of nothing",
            frame(CONTINUATION, END_HEADERS, 1, &[]),
            1,
        ),
        ("an even stream", get(2, "/"), 1),
        ("a head that is none", no_head, 1),
        ("a ping within a head", split, 1),
    ]);
}

#[test]
fn bad_settings_after_the_preface_end_the_connection() {
    still_serving(defaults, async |http| {
        let mut client = Client(TcpStream::connect(http.address).await.unwrap());
        client
            .send(&[PREFACE, b"GET / HTTP/1.1\r\n\r\n"].concat())
            .await;
        client.end().await;
        http.until("it is counted", |http| {
            http.stats.protocol_errors.get() == 1
        })
        .await;
    });
}

#[test]
fn floods_end_the_connection() {
    let mut resets = Vec::new();
    for stream in 0..500 {
        resets.extend(get(stream * 2 + 1, "/hang"));
        resets.extend(frame(RST_STREAM, 0, stream * 2 + 1, &8_u32.to_be_bytes()));
    }
    let mut head = frame(HEADERS, 0, 1, &head("GET", "/"));
    for _ in 0..10_000 {
        head.extend(frame(CONTINUATION, 0, 1, &field("x", "y")));
    }
    are_faults([("resets", resets, 1), ("continuations", head, 1)]);
}

/// Answers that nobody reads wait for room: the server stops reading, and the client is a stalled reader.
#[test]
fn floods_of_pings_and_settings_are_held_up() {
    for bytes in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        still_serving(
            |limits| limits.stall = 500 * MILLIS,
            async |http| {
                let mut client = Client::connect_narrow(http).await;
                client.flood(&bytes.repeat(1_000), 1_000).await;
                http.until("it is cut off", |http| http.stats.open.get() == 0)
                    .await;
                assert_eq!(
                    http.stats.stalled.get() + http.stats.protocol_errors.get(),
                    1
                );
            },
        );
    }
}

#[test]
fn head_that_is_too_large_is_refused() {
    still_serving(defaults, async |http| {
        let mut client = Client::connect(http).await;
        let mut bytes = frame(HEADERS, END_STREAM, 1, &head("GET", "/"));
        for n in 0..400 {
            let field = field("x", &"y".repeat(120)).repeat(2);
            bytes.extend(frame(
                CONTINUATION,
                if n == 399 { END_HEADERS } else { 0 },
                1,
                &field,
            ));
        }
        client.flood(&bytes, 1).await;
        let begin = Instant::now();
        while begin.elapsed() < 2 * SECOND {
            match timeout(Duration::from_millis(500), client.next()).await {
                Ok(Some(frame)) if frame.kind == DATA => panic!("it was served"),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        assert_eq!(http.stats.requests.get(), 0);
    });
}
