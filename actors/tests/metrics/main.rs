//! The metrics, read like Prometheus reads them.

use std::io::Write;
use std::process::{Command, Stdio};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tenure::prelude::*;
use tenure_actors::metrics::{MOST_TYPES, TreeMetrics};

#[derive(Default)]
struct Counter;

enum Msg {
    Add,
    Hang,
    Sleep,
}

impl Actor for Counter {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Add => {}
            Msg::Hang => ctx.cancelled().await,
            Msg::Sleep => std::future::pending().await,
        }
        Ok(())
    }
}

/// One of several actor types.
struct Nth<const N: usize>;

impl<const N: usize> Actor for Nth<N> {
    type Msg = ();

    async fn handle(&mut self, (): (), _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn registry(of: &System) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(TreeMetrics::new(of.node())));
    registry
}

fn scrape(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_text::encode(&mut text, registry).unwrap();
    text
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in:\n{text}"));
    line.trim().parse().unwrap()
}

const TYPE: &str = "type=\"metrics::Counter\"";

#[tokio::test]
async fn a_scrape_tells_what_is_alive_and_what_it_has_done() {
    let system = System::start().unwrap();
    let registry = registry(&system);
    let counter = system.spawn(Counter).unwrap();
    for _ in 0..5 {
        counter.tell(Msg::Add).await.unwrap();
    }
    counter.tell(Msg::Hang).await.unwrap();
    while counter.node().backlog() > 0 {
        tokio::task::yield_now().await;
    }
    counter.tell(Msg::Add).await.unwrap();
    let text = scrape(&registry);
    assert_eq!(
        value(&text, "tenure_nodes{kind=\"actor\",phase=\"running\"}"),
        1.0
    );
    assert_eq!(
        value(&text, &format!("tenure_mailbox_queued{{{TYPE}}}")),
        1.0
    );
    assert_eq!(
        value(&text, &format!("tenure_messages_handled_total{{{TYPE}}}")),
        6.0
    );
    assert_eq!(value(&text, "tenure_verdicts{verdict=\"deadlocked\"}"), 0.0);
    assert_eq!(value(&text, "tenure_dead_letters_total"), 0.0);
    counter.stop().await.unwrap();

    // Counters do not fall when the nodes that were counted have ended.
    let text = scrape(&registry);
    assert_eq!(
        value(&text, &format!("tenure_messages_handled_total{{{TYPE}}}")),
        6.0
    );
    assert_eq!(value(&text, "tenure_dead_letters_total"), 1.0);
    assert!(!text.contains(&format!("tenure_mailbox_queued{{{TYPE}}}")));
    system.stop().await.unwrap();
    assert!(!scrape(&registry).contains("kind="), "nothing is alive");
}

#[tokio::test]
async fn a_scrape_during_the_end_is_one_like_any_other() {
    let system = System::start().unwrap();
    let registry = registry(&system);
    let task = system.task_with(|token| async move {
        token.cancelled().await;
        std::future::pending::<()>().await;
    });
    let task = task.unwrap();
    while task.node().phase() != tenure::Phase::Running {
        tokio::task::yield_now().await;
    }
    task.node().request_stop();
    tokio::task::yield_now().await;
    let text = scrape(&registry);
    assert_eq!(
        value(&text, "tenure_nodes{kind=\"task\",phase=\"stopping\"}"),
        1.0
    );
    assert_eq!(value(&text, "tenure_holding_up_stop"), 1.0);
    task.node().kill().await.unwrap();
    system.stop().await.unwrap();
}

#[tokio::test]
async fn what_has_gone_wrong_is_counted_by_type() {
    let system = System::start().unwrap();
    let registry = registry(&system);
    let failing = system.task(
        tenure::TaskSpec::new(async { Err::<(), _>(tenure::Error::from("it fails")) }).contain(),
    );
    failing.unwrap().await.unwrap_err();
    let spec = ChildSpec::new(Counter).grace(std::time::Duration::from_millis(1));
    let counter = system.spawn(spec).unwrap();
    counter.tell(Msg::Sleep).await.unwrap();
    while counter.node().backlog() > 0 {
        tokio::task::yield_now().await;
    }
    counter.stop().await.unwrap_err();
    let text = scrape(&registry);
    let cut = format!("tenure_cut_short_total{{{TYPE}}}");
    assert_eq!(value(&text, &cut), 1.0);
    let failures = format!("tenure_failures_total{{{TYPE}}}");
    assert_eq!(value(&text, &failures), 0.0);
    let failed = |line: &&str| line.starts_with("tenure_failures_total{") && line.ends_with(" 1");
    assert_eq!(text.lines().filter(failed).count(), 1, "{text}");
    system.stop().await.unwrap();
    assert_eq!(value(&scrape(&registry), &cut), 1.0, "it does not fall");
}

#[tokio::test(start_paused = true)]
async fn with_timings_times_are_histograms_and_the_oldest_message_is_told() {
    let system = System::builder().timings().start().unwrap();
    let registry = registry(&system);
    let counter = system.spawn(Counter).unwrap();
    counter.tell(Msg::Hang).await.unwrap();
    let wait = |seconds| tokio::time::sleep(std::time::Duration::from_secs(seconds));
    wait(1).await;
    counter.tell(Msg::Add).await.unwrap();
    wait(3).await;
    let text = scrape(&registry);
    let oldest = value(
        &text,
        &format!("tenure_mailbox_oldest_seconds_max{{{TYPE}}}"),
    );
    assert!((2.9..3.1).contains(&oldest), "{oldest}");
    let bucket = |text: &str, metric: &str, le: &str| {
        value(
            text,
            &format!("tenure_{metric}_seconds_bucket{{{TYPE},le=\"{le}\"}}"),
        )
    };
    assert_eq!(bucket(&text, "mailbox", "1e-06"), 1.0, "{text}");
    assert_eq!(bucket(&text, "handler", "+Inf"), 0.0);

    // The message that is left is a dead letter, and was never begun.
    counter.stop().await.unwrap();
    let text = scrape(&registry);
    assert_eq!(bucket(&text, "mailbox", "+Inf"), 1.0);
    assert_eq!(bucket(&text, "handler", "2.5"), 0.0);
    assert_eq!(bucket(&text, "handler", "5"), 1.0);
    let sum = value(&text, &format!("tenure_handler_seconds_sum{{{TYPE}}}"));
    assert!((3.9..4.1).contains(&sum), "{sum}");
    let count = value(&text, &format!("tenure_handler_seconds_count{{{TYPE}}}"));
    assert_eq!(count, 1.0);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn the_number_of_series_is_bounded() {
    let system = System::start().unwrap();
    let registry = registry(&system);
    macro_rules! spawn {
        ($($tens:literal)*) => {$(
            system.spawn(Nth::<{ $tens * 10 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 1 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 2 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 3 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 4 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 5 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 6 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 7 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 8 }>).unwrap();
            system.spawn(Nth::<{ $tens * 10 + 9 }>).unwrap();
        )*};
    }
    spawn!(0 1 2 3 4 5 6 7 8 9 10 11);
    let text = scrape(&registry);
    let series = text
        .lines()
        .filter(|line| line.starts_with("tenure_type_nodes{"));
    assert_eq!(series.count(), MOST_TYPES + 1);
    let others = value(&text, "tenure_type_nodes{type=\"other\"}");
    assert_eq!(others, 121.0 - MOST_TYPES as f64, "with the system itself");
    system.stop().await.unwrap();
}

/// Prometheus' own check of names, help texts and units. It is skipped where that program is not installed; CI has it.
#[tokio::test]
async fn promtool_has_nothing_to_say() {
    let system = System::builder().timings().start().unwrap();
    let counter = system.spawn(Counter).unwrap();
    counter.tell(Msg::Add).await.unwrap();
    let text = scrape(&registry(&system));
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    match promtool {
        Err(error) if std::env::var_os("CI_PROMTOOL").is_none() => {
            eprintln!("promtool is not there ({error}): nothing was checked");
        }
        promtool => {
            let mut promtool = promtool.unwrap();
            let mut stdin = promtool.stdin.take().unwrap();
            stdin.write_all(text.as_bytes()).unwrap();
            drop(stdin);
            let output = promtool.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
        }
    }
    system.stop().await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "they are what is counted")]
#[tokio::test]
async fn foreign_tasks_are_those_that_are_no_nodes() {
    let system = System::start().unwrap();
    let runtime = tokio::runtime::Handle::current();
    let metrics = TreeMetrics::new(system.node()).foreign_tasks(&runtime);
    let mut with = Registry::default();
    with.register_collector(Box::new(metrics));
    assert!(!scrape(&registry(&system)).contains("foreign"));

    system.spawn(Counter).unwrap();
    system.task(std::future::pending::<()>()).unwrap();
    assert_eq!(value(&scrape(&with), "tenure_foreign_tasks"), 0.0);
    let raw = [(); 3].map(|()| tokio::spawn(std::future::pending::<()>()));
    assert_eq!(value(&scrape(&with), "tenure_foreign_tasks"), 3.0);
    for task in raw {
        task.abort();
        assert!(task.await.is_err());
    }
    assert_eq!(value(&scrape(&with), "tenure_foreign_tasks"), 0.0);
    system.stop().await.unwrap();
}

/// The expressions of all panels of `docs/grafana.json`.
fn expressions() -> Vec<String> {
    let board = include_str!("../../../docs/grafana.json");
    let board: serde_json::Value = serde_json::from_str(board).unwrap();
    let mut found = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            found.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    let queries = variables.filter_map(|variable| variable["definition"].as_str());
    found.extend(queries.map(str::to_owned));
    found
}

/// The names of this crate's metrics in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tenure_"))
}

#[tokio::test]
async fn each_metric_of_the_board_exists() {
    let system = System::start().unwrap();
    let text = scrape(&registry(&system));
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut known: Vec<_> = types.clone().flat_map(names).map(str::to_owned).collect();
    let histograms = types.filter(|line| line.ends_with(" histogram"));
    known.extend(
        histograms
            .flat_map(names)
            .map(|name| format!("{name}_bucket")),
    );
    let expressions = expressions();
    assert!(expressions.len() > 10, "{expressions:#?}");
    for expression in &expressions {
        for name in names(expression) {
            assert!(
                known.iter().any(|known| known == name),
                "{name} in {expression}: {known:#?}"
            );
        }
    }
    system.stop().await.unwrap();
}

/// Prometheus' own parser. It is skipped where that program is not installed; CI has it.
#[test]
fn promtool_understands_what_the_board_asks_for() {
    let is_query = |text: &String| !text.starts_with("label_values(");
    let rules = expressions()
        .into_iter()
        .filter(is_query)
        .map(|expression| {
            let plain = expression
                .replace("$__rate_interval", "5m")
                .replace("$job", "job");
            let plain = serde_json::to_string(&plain.replace("$instance", ".*")).unwrap();
            format!("  - record: board\n    expr: {plain}\n")
        });
    let rules: String = rules.collect();
    let file = std::env::temp_dir().join(format!("tenure-board-{}.yml", std::process::id()));
    std::fs::write(&file, format!("groups:\n- name: board\n  rules:\n{rules}")).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output();
    std::fs::remove_file(&file).unwrap();
    match checked {
        Err(error) if std::env::var_os("CI_PROMTOOL").is_none() => {
            eprintln!("promtool is not there ({error}): nothing was checked");
        }
        checked => {
            let checked = checked.unwrap();
            // It also reports rules that are alike, and then succeeds.
            let said = String::from_utf8_lossy(&checked.stderr);
            assert!(checked.status.success(), "{said}\n{rules}");
        }
    }
}

/// Each series of a server has the name that the server was given.
#[cfg(feature = "http")]
#[test]
fn what_a_server_counts_is_told_under_its_name() {
    use std::sync::Arc;

    use tenure_actors::http::HttpStats;
    use tenure_actors::metrics::HttpMetrics;

    let stats = Arc::<HttpStats>::default();
    let metrics = HttpMetrics::new().server("public", &stats);
    let metrics = metrics.server("admin", &stats);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics));
    let text = scrape(&registry);
    assert_eq!(
        text.matches("# TYPE tenure_http_requests_total ").count(),
        1
    );
    for server in ["public", "admin"] {
        let label = format!("{{server=\"{server}\"}}");
        for name in [
            "connections_open",
            "requests_in_flight",
            "connections_accepted_total",
            "connections_upgraded_total",
            "requests_total",
        ] {
            assert_eq!(value(&text, &format!("tenure_http_{name}{label}")), 0.0);
        }
    }
    // Each counter of a server is a series.
    let stats = format!("{:?}", HttpStats::default());
    let counted = stats.matches(": 0").count();
    let told = text.lines().filter(|line| line.contains("\"admin\""));
    assert_eq!(told.count(), counted, "{stats}\n{text}");
}
