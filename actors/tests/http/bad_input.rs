//! The table of bad input, row by row.

use tenure_actors::http::{HttpStats, Limits};
use tokio::io::AsyncReadExt;

use crate::harness::{Http, MILLIS, SECOND, still_serving};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n";

fn defaults(_: &mut Limits) {}

/// Sends a head, and compares the status that comes back and what was counted. The connection closes after that.
fn is_answered(bytes: impl AsRef<[u8]>, status: &str, counted: impl Fn(&HttpStats) -> u64) {
    still_serving(defaults, async |http| {
        let answer = http.exchange(bytes).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        // There is nothing of a second response.
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        // The connection lingers until the client has closed, too.
        http.until("it is counted", |http| counted(&http.stats) == 1)
            .await;
    });
}

fn is_bad(bytes: impl AsRef<[u8]>) {
    is_answered(bytes, "400", |stats| stats.bad_heads.get());
}

#[test]
fn silence_is_closed_without_a_word() {
    still_serving(
        |limits| limits.head = 200 * MILLIS,
        async |http| {
            let mut client = http.connect().await;
            assert_eq!(client.rest().await, "");
            assert_eq!(http.stats.slow_heads.get(), 1);
        },
    );
}

#[test]
fn half_a_head_is_told_that_it_took_too_long() {
    still_serving(
        |limits| limits.head = 200 * MILLIS,
        async |http| {
            let answer = http.exchange("GET / HTTP/1.1\r\nhos").await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert_eq!(http.stats.slow_heads.get(), 1);
        },
    );
}

#[test]
fn half_a_head_on_a_kept_connection_has_the_heads_limit() {
    still_serving(
        |limits| limits.head = 200 * MILLIS,
        async |http| {
            let mut client = http.connect().await;
            client.send(format!("{GET}\r\n")).await;
            client.response().await;
            client.send("GET").await;
            assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
            assert_eq!(http.stats.slow_heads.get(), 1);
        },
    );
}

#[test]
fn half_a_head_and_the_end_is_closed() {
    still_serving(defaults, async |http| {
        let mut client = http.connect().await;
        client.send("GET / HTTP/1.1\r\nhost").await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.io)
            .await
            .unwrap();
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn head_of_too_many_bytes() {
    let field = format!("x: {}\r\n", "y".repeat(70 << 10));
    is_answered(format!("{GET}{field}\r\n"), "431", |stats| {
        stats.heads_too_large.get()
    });
}

#[test]
fn head_of_too_many_fields() {
    let fields: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    is_answered(format!("{GET}{fields}\r\n"), "431", |stats| {
        stats.heads_too_large.get()
    });
}

#[test]
fn bad_request_lines() {
    is_bad("GET\r\n\r\n");
    is_bad("GET / HTTP/1.1 more\r\nhost: x\r\n\r\n");
    is_bad("G\x00T / HTTP/1.1\r\nhost: x\r\n\r\n");
    is_bad("GET /a b HTTP/1.1\r\nhost: x\r\n\r\n");
    is_bad("GET / HTTP/3.0\r\nhost: x\r\n\r\n");
    is_bad("GET / ICAP/1.0\r\nhost: x\r\n\r\n");
    is_bad(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
}

#[test]
fn bad_hosts() {
    is_bad("GET / HTTP/1.1\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: x y\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: x/y\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: x:y\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: x:65536\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: [::1]:y\r\n\r\n");
    is_bad("GET / HTTP/1.1\r\nhost: [::1]80\r\n\r\n");
    is_bad("GET http://a@x/ HTTP/1.1\r\nhost: x\r\n\r\n");
    is_bad("GET http://x:y/ HTTP/1.1\r\nhost: x\r\n\r\n");
}

#[test]
fn hosts_with_a_port_or_none_are_good() {
    still_serving(defaults, async |http| {
        for host in ["x", "x:80", "x:", "[::1]", "[::1]:80", "x_y", "x_y:80", ""] {
            let end = "connection: close\r\n\r\n";
            let answer = http
                .exchange(format!("GET / HTTP/1.1\r\nhost: {host}\r\n{end}"))
                .await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
        }
        let absolute = "GET http://x:80/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = http.exchange(absolute).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

#[test]
fn http_1_0_needs_no_host() {
    still_serving(defaults, async |http| {
        let answer = http.exchange("GET / HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    });
}

#[test]
fn bad_lengths() {
    let with = |fields: &str| format!("POST /echo HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\nabc");
    is_bad(with("content-length: 3\r\ncontent-length: 4"));
    is_bad(with("content-length: +3"));
    is_bad(with("content-length: -3"));
    is_bad(with("content-length: 3, 4"));
    is_bad(with("content-length: 0x3"));
    is_bad(with("content-length: 18446744073709551616"));
    is_bad(with("content-length: 99999999999999999999999"));
}

/// As RFC 9112 says: the length does not count, and nothing after the body is another request.
#[test]
fn both_lengths_are_chunked_and_the_last() {
    still_serving(defaults, async |http| {
        let answer = http
            .exchange(
                "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                 1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
            )
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\na"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    });
}

#[test]
fn bad_codings() {
    let with = |version: &str, coding: &str| {
        format!("POST /echo {version}\r\nhost: x\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n")
    };
    is_bad(with("HTTP/1.1", "chunked, gzip"));
    is_bad(with("HTTP/1.1", "gzip"));
    let twice = "chunked\r\ntransfer-encoding: chunked";
    for codings in ["gzip, chunked", "chunked, chunked", twice] {
        is_answered(with("HTTP/1.1", codings), "501", |stats| {
            stats.bad_heads.get()
        });
    }
    is_bad(with("HTTP/1.0", "chunked"));
}

#[test]
fn bad_chunks() {
    let with = |chunks: &str| {
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        is_answered(format!("{head}{chunks}"), "400", |stats| {
            stats.bad_bodies.get()
        });
    };
    with("x\r\na\r\n");
    with("-1\r\na\r\n");
    with("1\r\nab\r\n");
    with("ffffffffffffffffff\r\na\r\n");
    with(&format!("1;{}\r\na\r\n", "x".repeat(64 << 10)));
    with(&format!("0\r\n{}\r\n", "x: y\r\n".repeat(200)));
    with("0\r\nno colon\r\n\r\n");
}

#[test]
fn bad_fields() {
    is_bad(format!("{GET}x : y\r\n\r\n"));
    is_bad(format!("{GET}x: y\r\n z\r\n\r\n"));
    is_bad(format!("{GET}x: y\x00z\r\n\r\n"));
    is_bad(format!("{GET}x\x00: y\r\n\r\n"));
    is_bad(format!("{GET}no colon\r\n\r\n"));
    is_bad(format!("{GET}x: y\rz\r\n\r\n"));
    is_bad(format!(" {GET}\r\n"));
}

/// RFC 9112 lets a server accept it as the end of a line.
#[test]
fn bare_line_feeds_end_lines() {
    still_serving(defaults, async |http| {
        let answer = http
            .exchange("GET / HTTP/1.1\nhost: x\nconnection: close\n\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

#[test]
fn body_that_is_declared_too_large_is_refused_unread() {
    still_serving(
        |limits| limits.body_bytes = 1_000,
        async |http| {
            let answer = http
                .exchange("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n")
                .await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert_eq!(http.stats.bodies_too_large.get(), 1);
        },
    );
}

/// A client that is refused while it is still sending gets the answer all the same.
#[test]
fn body_that_is_refused_while_it_comes_does_not_reset_the_answer() {
    still_serving(defaults, async |http| {
        let mut client = http.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n")
            .await;
        client.send(vec![b'x'; 9_000_000]).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 413 "));
        assert_eq!(http.stats.bodies_too_large.get(), 1);
    });
}

#[test]
fn body_that_turns_out_too_large() {
    still_serving(
        |limits| limits.body_bytes = 1_000,
        async |http| {
            let chunk = format!("400\r\n{}\r\n", "x".repeat(1_024));
            let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
            let answer = http.exchange(format!("{head}{chunk}")).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert_eq!(http.stats.bodies_too_large.get(), 1);
        },
    );
}

#[test]
fn body_that_is_cut_off_has_nobody_to_answer() {
    still_serving(defaults, async |http| {
        let mut client = http.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
            .await;
        http.until("it is read", |http| http.stats.requests.get() == 1)
            .await;
        drop(client);
        http.until("it is given up", |http| http.stats.abandoned.get() == 1)
            .await;
    });
}

#[test]
fn expect_without_a_body_is_ignored() {
    still_serving(defaults, async |http| {
        let answer = http
            .exchange(format!(
                "{GET}expect: 100-continue\r\nconnection: close\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

#[test]
fn expect_with_a_body_is_told_to_go_on() {
    still_serving(defaults, async |http| {
        let mut client = http.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n")
            .await;
        assert!(client.response().await.starts_with("HTTP/1.1 100 "));
        client.send("ab").await;
        assert!(client.rest().await.ends_with("\r\n\r\nab"));
    });
}

#[test]
fn upgrade_that_nobody_wants_is_ignored() {
    still_serving(defaults, async |http| {
        let answer = http
            .exchange(format!(
                "{GET}upgrade: h2c\r\nconnection: upgrade, close\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

#[test]
fn handler_that_panics_is_a_500() {
    is_answered("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n", "500", |stats| {
        stats.failed.get()
    });
}

#[test]
fn handler_that_takes_too_long_is_a_504() {
    still_serving(
        |limits| limits.request = 200 * MILLIS,
        async |http| {
            let answer = http.exchange("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
            assert_eq!(http.stats.timed_out.get(), 1);
        },
    );
}

#[test]
fn address_with_too_many_connections_is_refused() {
    still_serving(
        |limits| limits.connections_per_address = 2,
        async |http| {
            let mut kept = [http.connect().await, http.connect().await];
            for client in &mut kept {
                client.send(format!("{GET}\r\n")).await;
                client.response().await;
            }
            let answer = http.exchange(format!("{GET}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert_eq!(http.stats.refused.get(), 1);
            drop(kept);
            http.until("they are gone", |http| http.stats.open.get() == 0)
                .await;
        },
    );
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    still_serving(
        |limits| limits.connections = 1,
        async |http: &Http| {
            let mut first = http.connect().await;
            first.send(format!("{GET}\r\n")).await;
            first.response().await;
            let mut second = http.connect().await;
            second.send(format!("{GET}connection: close\r\n\r\n")).await;
            tokio::time::sleep(100 * MILLIS).await;
            assert_eq!(http.stats.accepted.get(), 1);
            drop(first);
            assert!(second.rest().await.ends_with("hello\n"));
        },
    );
}

#[test]
fn connection_with_enough_requests_is_closed_in_good_order() {
    still_serving(
        |limits| limits.requests_per_connection = 2,
        async |http| {
            let mut client = http.connect().await;
            client.send(format!("{GET}\r\n")).await;
            assert!(!client.response().await.contains("connection: close"));
            client.send(format!("{GET}\r\n")).await;
            assert!(client.response().await.contains("connection: close"));
            assert!(client.is_closed().await);
        },
    );
}

#[test]
fn reader_that_stops_is_cut_off_and_the_kernel_keeps_nothing_for_it() {
    still_serving(
        |limits| limits.stall = SECOND,
        async |http| {
            let mut client = http.connect().await;
            client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
            http.until("it is cut off", |http| http.stats.stalled.get() == 1)
                .await;
            // The client can still read what its own kernel has. Nothing else comes.
            let mut bytes = Vec::new();
            let read = client.io.read_to_end(&mut bytes).await;
            let error = read.expect_err("it is not reset");
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        },
    );
}
