//! Runs each target on its corpus, without a fuzzer.

use std::fs;
use std::path::Path;

fn all_hold(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        // Shown if the target fails.
        println!("{}", path.display());
        holds(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no corpus of {target}");
}

#[test]
fn names_and_paths_are_refused_or_found() {
    all_hold("names", tenure_fuzz::names::holds);
}

#[test]
fn snapshots_are_refused_or_come_back() {
    all_hold("snapshot", tenure_fuzz::snapshot::holds);
}

#[test]
fn cron_expressions_are_refused_or_due() {
    all_hold("cron", tenure_fuzz::cron::holds);
}

#[test]
fn any_bytes_leave_a_server_that_serves() {
    all_hold("http", tenure_fuzz::http::holds);
}

#[test]
fn any_address_of_a_dashboard_is_answered() {
    all_hold("dashboard", tenure_fuzz::dashboard::holds);
}

#[test]
fn any_bytes_on_a_websocket_leave_a_server_that_serves() {
    all_hold("websocket", tenure_fuzz::websocket::holds);
}
