//! The dashboard ends with what it shows, and slows down no end.

use std::time::Duration;

use axum::Router;
use tenure::prelude::*;
use tenure_actors::dashboard::{DashboardOptions, LetterLog};
use tokio::time::Instant;

use crate::client::{Quiet, Viewer, get, open, options, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_open_is_told_that_the_system_ends_and_does_not_hold_it_up() {
    let system = System::start().unwrap();
    let (dashboard, at) = open(&system, options()).await;
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    // One viewer never reads, and one never sends a request.
    let _stalled = Viewer::open(at, "/events").await;
    let _silent = tokio::net::TcpStream::connect(at).await.unwrap();
    let begin = Instant::now();
    system.stop().await.unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    let (name, data) = viewer.last().await;
    assert_eq!((&*name, &data["why"]), ("end", &"system".into()));
    assert_eq!(dashboard.node().phase(), tenure::Phase::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_is_seen_with_what_holds_it_up() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let slow = system.spawn(ChildSpec::new(Quiet).name("slow")).unwrap();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let task = system.task_with(|token| async move {
        token.cancelled().await;
        gone.await.ok();
    });
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    let path = task.unwrap().node().path();
    let ending = system.stop();
    let watch = async {
        let change = viewer
            .change(|data| {
                row(&data["rows"]["put"], &path).is_some_and(|row| row["blocks"] == true)
            })
            .await;
        let blocker = row(&change["rows"]["put"], &path).unwrap().clone();
        go.send(()).unwrap();
        blocker
    };
    let (ended, blocker) = tokio::join!(ending, watch);
    ended.unwrap();
    assert_eq!(blocker["order"]["kind"], "stop");
    assert!(blocker["order"]["due"].is_u64(), "{blocker}");
    assert_eq!(slow.node().phase(), tenure::Phase::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_of_another_system_outlives_it_and_says_so() {
    let shown = System::builder().name("shown").start().unwrap();
    let system = System::builder().name("watching").start().unwrap();
    let (_dashboard, at) = open(&system, options().of(shown.node())).await;
    let (_other, other_at) = open(&shown, options()).await;
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    // Two systems, each with its own page.
    assert!(get(at, "/tree.txt").await.2.contains("shown:/dashboard"));
    assert!(
        get(other_at, "/tree.txt")
            .await
            .2
            .contains("shown:/dashboard")
    );
    shown.stop().await.unwrap();
    let (name, data) = viewer.last().await;
    assert_eq!((&*name, &data["why"]), ("end", &"system".into()));
    let mut late = Viewer::open(at, "/events").await;
    let whole = late.whole().await;
    assert_eq!(
        whole["root"], "shown:/",
        "what was last seen is still there"
    );
    assert_eq!(late.last().await.0, "end");
    assert_eq!(get(at, "/node/1").await.0, 404);
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_ended_alone_says_that_the_system_goes_on() {
    let system = System::start().unwrap();
    let (dashboard, at) = open(&system, options()).await;
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    dashboard.stop().await.unwrap();
    let (name, data) = viewer.last().await;
    assert_eq!((&*name, &data["why"]), ("end", &"dashboard".into()));
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounted_it_serves_where_it_is_nested_while_it_runs() {
    let system = System::start().unwrap();
    let others = System::start().unwrap();
    let (dashboard, page) = DashboardOptions::new()
        .interval(Duration::from_millis(50))
        .mounted();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let app = Router::new().nest("/debug/tree", page);
    let serving = async move { axum::serve(listener, app).await };
    let server = others.task(serving).unwrap();
    assert_eq!(
        get(at, "/debug/tree/tree.txt").await.0,
        503,
        "it is not started"
    );
    let dashboard = system.start(dashboard.spec()).await.unwrap();
    let (status, head, _) = get(at, "/debug/tree").await;
    assert_eq!(status, 303);
    assert!(head.contains("location: /debug/tree/index.html"), "{head}");
    assert_eq!(get(at, "/debug/tree/index.html").await.0, 200);
    assert_eq!(get(at, "/debug/tree/tree.txt").await.0, 200);
    dashboard.stop().await.unwrap();
    assert_eq!(get(at, "/debug/tree/tree.txt").await.0, 503, "it has ended");
    system.stop().await.unwrap();
    drop(server);
    others.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_counted_by_label() {
    let letters = LetterLog::new();
    let system = System::builder()
        .on_dead_letter(letters.hook())
        .start()
        .unwrap();
    let (_dashboard, at) = open(&system, options().letters(&letters)).await;
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    let quiet = system.spawn(ChildSpec::new(Quiet).name("quiet")).unwrap();
    for _ in 0..5 {
        quiet.tell(()).await.unwrap();
    }
    quiet.kill().await.unwrap();
    let change = viewer.change(|data| data["letters"].is_array()).await;
    let counted = &change["letters"][0];
    assert_eq!(counted["label"], "Hang<b>");
    assert!(counted["count"].as_u64().unwrap() >= 4, "{counted}");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_with_the_tree_of_its_causes() {
    let system = System::start().unwrap();
    let (_dashboard, at) = open(&system, options()).await;
    let mut viewer = Viewer::open(at, "/events").await;
    viewer.next().await.unwrap();
    // There are so many that only the place reserved for failures is left.
    for _ in 0..300 {
        system.task(async {}).unwrap();
    }
    let failing = tenure::scope(async |scope| {
        let failing = async { Err::<(), _>(tenure::Error::from("out of <paper>")) };
        scope.task(TaskSpec::new(failing).name("printer"))?;
        Ok(())
    });
    let office = async move { failing.await.map_err(tenure::Error::from) };
    system
        .task(TaskSpec::new(office).name("office").contain())
        .unwrap();
    for _ in 0..300 {
        system.task(async {}).unwrap();
    }
    let is_it = |end: &serde_json::Value| end["path"] == "/office";
    let has_it = |data: &serde_json::Value| data["ends"].as_array().unwrap().iter().any(is_it);
    let change = viewer.change(has_it).await;
    let ends = change["ends"].as_array().unwrap();
    let end = ends.iter().find(|end| is_it(end)).unwrap();
    assert_eq!(end["how"], "failed");
    let causes = end["causes"].as_array().unwrap();
    let last = causes.last().unwrap();
    assert!(
        last["path"].as_str().unwrap().ends_with("/printer"),
        "{end}"
    );
    assert_eq!(last["text"], "out of <paper>");
    assert!(last["depth"].as_u64().unwrap() > 0, "{end}");
    let (status, _, body) = get(at, "/ends.json").await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["version"], 1);
    assert!(body["ends"].as_array().unwrap().iter().any(is_it), "{body}");
    assert!(body["ends"].as_array().unwrap().len() <= 200);
    system.stop().await.unwrap();
}
