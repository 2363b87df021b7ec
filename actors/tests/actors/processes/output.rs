//! How output is divided into messages, and what holds it up.

use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::process::{Framing, Output};

use super::{listened, shell};
use crate::common::multi_thread;

#[test]
fn long_lines_come_in_parts_and_bytes_as_they_come() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let long = "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end";
            let (process, listener) = listened(&scope, shell(long)).await?;
            process.stopped().await?;
            listener
                .until(|lines| lines.last().is_some_and(|line| line == "end"))
                .await;
            let lines = listener.stdout();
            let together: usize = lines.iter().map(String::len).sum();
            assert_eq!(together, 200_003);
            assert!(lines.len() > 3 && lines.iter().all(|line| line.len() < 80_000));
            let (process, listener) = listened(&scope, shell(long).framing(Framing::Bytes)).await?;
            process.stopped().await?;
            listener
                .until(|parts| parts.iter().map(String::len).sum::<usize>() == 200_005)
                .await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn end_of_a_line_as_long_as_a_part_is_no_empty_line() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            // The end comes by itself.
            let line = |length| {
                format!("head -c {length} /dev/zero | tr '\\0' x; sleep 0.1; echo; echo; echo end")
            };
            let part = 64 * 1024;
            for (length, parts) in [(part, vec![part]), (2 * part, vec![part, part])] {
                let (process, listener) = listened(&scope, shell(&line(length))).await?;
                process.stopped().await?;
                listener
                    .until(|lines| lines.last().is_some_and(|line| line == "end"))
                    .await;
                let lengths: Vec<_> = listener.stdout().iter().map(String::len).collect();
                assert_eq!(lengths, [parts, vec![0, 3]].concat());
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Has no room soon.
struct Held;

impl Actor for Held {
    type Msg = Output;

    async fn handle(&mut self, _: Output, _: &mut Context<Self>) -> tenure::Result {
        std::future::pending().await
    }
}

#[test]
fn stop_waits_for_no_room_for_output() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let held = scope.spawn(ChildSpec::new(Held).mailbox(Mailbox::bounded(1)))?;
            let talker = shell("while :; do echo y; done").output(held.recipient());
            let process = scope.start(talker.spec()).await?;
            while held.node().in_hand() < 2 {
                tokio::task::yield_now().await;
            }
            let stopped = process.stop().within(Duration::from_secs(4)).await?;
            assert!(matches!(stopped, tenure::StopReason::Stopped));
            held.kill().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
