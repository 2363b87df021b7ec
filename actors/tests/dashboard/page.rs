//! What can be requested, and what each answer says.

use tenure::observe::Snapshot;
use tenure::prelude::*;
use tenure_actors::dashboard::DashboardOptions;

use crate::client::{Quiet, get, open, options, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_address_answers_and_protects_what_it_gives() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let addresses = [
        ("/", "text/html", "page.js"),
        ("/index.html", "text/html", "page.css"),
        ("/page.js", "text/javascript", "EventSource"),
        ("/page.css", "text/css", "prefers-color-scheme"),
        ("/icon.svg", "image/svg+xml", "<svg"),
        ("/tree.txt", "text/plain", "/dashboard"),
        ("/tree.json", "application/json", "\"version\":1"),
        ("/groups.txt", "text/plain", "Dashboard"),
        ("/groups.json", "application/json", "\"groups\":"),
    ];
    for (path, kind, part) in addresses {
        let (status, head, body) = get(at, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{path}: {head}"
        );
        assert!(
            head.contains("default-src 'none'; script-src 'self'"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(body.contains(part), "{path}: {body}");
    }
    let (status, ..) = request(
        at,
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n",
    )
    .await;
    assert_eq!(status, 405, "it is read-only");
    assert_eq!(get(at, "/none").await.0, 404);
    assert_eq!(get(at, "/tree.json?nodes=many").await.0, 400);
    system.stop().await.unwrap();
}

#[cfg(feature = "metrics")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_are_there_too() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let (status, head, body) = get(at, "/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("tenure_nodes{kind=\"actor\""), "{body}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_a_snapshot_of_the_part_that_was_asked_for() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    for number in 0..20 {
        system
            .spawn(ChildSpec::new(Quiet).name(format!("q{number}")))
            .unwrap();
    }
    let (_, _, body) = get(at, "/tree.json?type=Quiet&nodes=5").await;
    let snapshot: Snapshot = serde_json::from_str(&body).unwrap();
    assert_eq!(snapshot.nodes.len(), 5);
    assert!(snapshot.left_out.total() > 0);
    let (_, _, body) = get(at, "/tree.json?under=/q7").await;
    let snapshot: Snapshot = serde_json::from_str(&body).unwrap();
    assert_eq!(snapshot.nodes.len(), 1);
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_is_told_in_full_until_it_is_gone() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let quiet = system
        .spawn(ChildSpec::new(Quiet).name("<b onload=x>"))
        .unwrap();
    let id = serde_json::to_string(&quiet.id()).unwrap();
    let (status, _, body) = get(at, &format!("/node/{id}")).await;
    assert_eq!(status, 200);
    let node: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(node["name"], "<b onload=x>");
    quiet.stop().await.unwrap();
    for path in [
        format!("/node/{id}"),
        "/node/x".to_owned(),
        "/node/-1".to_owned(),
    ] {
        let (status, _, body) = get(at, &path).await;
        assert_eq!(status, 404, "{path}");
        assert!(body.contains("is alive"), "{body}");
    }
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_hosts_names_are_refused_on_loopback() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:9380", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example:9380", 421),
    ] {
        let answer = request(at, &format!("GET /tree.txt HTTP/1.1\r\nHost: {host}\r\n")).await;
        assert_eq!(answer.0, status, "{host}");
    }
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_fails_the_start_and_is_named() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let other = DashboardOptions::new().bind(at);
    let failed = system.start(other.spec().name("other")).await.unwrap_err();
    let mut said = String::new();
    let mut error: Option<&dyn std::error::Error> = Some(&failed);
    while let Some(each) = error {
        said += &format!("{each}; ");
        error = each.source();
    }
    assert!(said.contains(&at.to_string()), "{said}");
    system.stop().await.unwrap();
}
