//! What viewers of the dashboard are told, and that none of them is in the way of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tenure::NodeRef;
use tenure::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::client::{LONG, Quiet, Viewer, get, open, options, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_is_told_the_whole_and_then_what_is_different() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let old = system.spawn(ChildSpec::new(Quiet).name("old")).unwrap();
    // While it starts, it changes by itself.
    while old.node().snapshot().nodes[0].verdict.word() != "idle" {
        tokio::task::yield_now().await;
    }
    let mut viewer = Viewer::open(at, "/events").await;
    loop {
        let (name, data) = viewer.next().await.unwrap();
        let told = match &*name {
            "whole" => &data["rows"],
            _ => &data["rows"]["put"],
        };
        // The dashboard may have looked before the node was seen idle here.
        if row(told, "/old").is_some_and(|row| row["word"] == "idle") {
            break;
        }
    }
    let new = system.spawn(ChildSpec::new(Quiet).name("new")).unwrap();
    let is_put = |path: &'static str| move |data: &Value| row(&data["rows"]["put"], path).is_some();
    let change = viewer.change(is_put("/new")).await;
    assert!(
        row(&change["rows"]["put"], "/old").is_none(),
        "that is as before: {change}"
    );
    old.tell(()).await.unwrap();
    let change = viewer.change(is_put("/old")).await;
    let busy = row(&change["rows"]["put"], "/old").unwrap();
    assert_eq!(busy["label"], "Hang<b>");
    let id = serde_json::to_value(new.id()).unwrap();
    new.stop().await.unwrap();
    let change = viewer
        .change(|data| !data["rows"]["gone"].as_array().unwrap().is_empty())
        .await;
    assert_eq!(change["rows"]["gone"], Value::from(vec![id]));
    assert_eq!(change["ends"][0]["path"], "/new");
    assert_eq!(change["ends"][0]["how"], "stopped");
    assert!(change["ends"][0]["before"].is_string(), "{change}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_no_node_is_one_at_the_root() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options().nodes(0).rows(0)).await;
    let mut viewer = Viewer::open(at, "/events").await;
    let (name, data) = viewer.next().await.unwrap();
    // It does not say that the system has ended.
    assert_eq!((&*name, &data["root"]), ("whole", &Value::from("/")));
    drop(viewer);
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_tree_at_rest_nothing_is_told_twice() {
    let system = System::start().unwrap();
    for number in 0..100 {
        system
            .spawn(ChildSpec::new(Quiet).name(format!("q{number}")))
            .unwrap();
    }
    let waiting = system.spawn(Quiet).unwrap();
    waiting.tell(()).await.unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let mut viewer = Viewer::open(at, "/events").await;
    for _ in 0..10 {
        viewer.next().await.unwrap();
    }
    let mut told = 0;
    for _ in 0..10 {
        let change = viewer.change(|_| true).await;
        told += change["rows"]["put"].as_array().unwrap().len();
    }
    assert!(told <= 20, "only the dashboard itself moves: {told}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_too_many_nodes_those_in_trouble_have_rows() {
    let system = System::start().unwrap();
    for _ in 0..300 {
        system.task(std::future::pending::<()>()).unwrap();
    }
    let full = ChildSpec::new(Quiet)
        .name("full")
        .mailbox(Mailbox::bounded(1));
    let full = system.spawn(full).unwrap();
    for _ in 0..4 {
        let full = full.clone();
        system
            .task(async move { drop(full.tell(()).await) })
            .unwrap();
    }
    let (_dashboard, at) = open(&system, options().rows(20)).await;
    let mut viewer = Viewer::open(at, "/events").await;
    let mut rows = Value::Null;
    while rows.is_null() || row(&rows, "/full").is_none_or(|row| row["word"] != "full") {
        let (name, data) = viewer.next().await.unwrap();
        rows = match &*name {
            "whole" => data["rows"].clone(),
            _ => data["rows"]["put"].clone(),
        };
        assert!(rows.as_array().unwrap().len() <= 20);
        assert!(data["without_row"].as_u64().unwrap() > 200);
    }
    full.kill().await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_viewers_one_that_stalls_is_dropped_and_nobody_waits_for_it() {
    let system = System::start().unwrap();
    let watching = System::start().unwrap();
    let options = options().clients(200).interval(Duration::from_millis(200));
    let (_dashboard, at) = open(&system, options).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stalled = socket.connect(at).await.unwrap();
    let ask = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stalled.write_all(ask).await.unwrap();
    let (read, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..199 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(ask).await.unwrap();
        let (read, gone) = (Arc::clone(&read), Arc::clone(&gone));
        let reader = async move {
            let mut bytes = vec![0; 64 << 10];
            while let Ok(more @ 1..) = stream.read(&mut bytes).await {
                read.fetch_add(more, Ordering::SeqCst);
            }
            gone.fetch_add(1, Ordering::SeqCst);
        };
        watching.task(reader).unwrap();
    }
    while get(at, "/page.css").await.0 != 503 {
        // The viewers have not all been accepted yet.
    }
    let begin = Instant::now();
    // This keeps all places taken. Meanwhile each look has much to tell.
    for turn in 0.. {
        let old = system.node().children();
        old.iter().skip(1).for_each(NodeRef::request_kill);
        for number in 0..200 {
            let name = format!("{turn}-{number}-{}", "x".repeat(100));
            system.spawn(ChildSpec::new(Quiet).name(name)).unwrap();
        }
        sleep(Duration::from_millis(200)).await;
        if get(at, "/page.css").await.0 == 200 {
            break;
        }
        assert!(begin.elapsed() < LONG, "the stalled one is still there");
    }
    assert_eq!(gone.load(Ordering::SeqCst), 0, "whoever reads goes on");
    let before = read.load(Ordering::SeqCst);
    while read.load(Ordering::SeqCst) == before {
        sleep(Duration::from_millis(10)).await;
    }
    drop(stalled);
    system.stop().await.unwrap();
    watching.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_clients_than_there_may_be_are_told_to_come_again() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options().clients(2)).await;
    let mut one = Viewer::open(at, "/events").await;
    let mut two = Viewer::open(at, "/events").await;
    one.next().await.unwrap();
    two.next().await.unwrap();
    let (status, head, _) = get(at, "/tree.txt").await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after"), "{head}");
    drop(one);
    while two.next().await.is_some() {
        if let Ok(answer) = tokio::time::timeout(LONG, get(at, "/tree.txt")).await
            && answer.0 == 200
        {
            break;
        }
    }
    system.stop().await.unwrap();
}
