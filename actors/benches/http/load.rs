//! Requests a second of a route that does nothing. The servers take turns.

use std::process::Command;

use crate::Which;
use crate::server::Server;

struct Row {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// The text in front of the number.
    rate: &'static str,
    path: &'static str,
}

const ROWS: [Row; 5] = [
    Row {
        name: "HTTP/1, 64 connections",
        program: "wrk",
        arguments: &["-t1", "-c64", "--latency"],
        rate: "Requests/sec:",
        path: "/",
    },
    Row {
        name: "HTTP/1, 1 connection",
        program: "wrk",
        arguments: &["-t1", "-c1", "--latency"],
        rate: "Requests/sec:",
        path: "/",
    },
    Row {
        name: "HTTP/1, 64, a handler that waits 2 ms",
        program: "wrk",
        arguments: &["-t1", "-c64", "--latency"],
        rate: "Requests/sec:",
        path: "/wait",
    },
    Row {
        name: "HTTP/1, 64, one request each",
        program: "wrk",
        arguments: &["-t1", "-c64", "--latency", "-Hconnection: close"],
        rate: "Requests/sec:",
        path: "/",
    },
    Row {
        name: "HTTP/2, 8 connections of 16 streams",
        program: "h2load",
        arguments: &["-c8", "-m16", "-t1"],
        rate: "finished in",
        path: "/",
    },
];

/// The requests a second, and the text about the 99th percentile.
fn measure(row: &Row, which: Which, seconds: u32) -> Option<(f64, String)> {
    let server = Server::start(which);
    let url = format!("http://{}{}", server.address, row.path);
    let duration = match row.program {
        "h2load" => format!("-D{seconds}"),
        _ => format!("-d{seconds}s"),
    };
    let run = Command::new(row.program)
        .args(row.arguments)
        .arg(duration)
        .arg(url)
        .output();
    let output = String::from_utf8_lossy(&run.ok()?.stdout).into_owned();
    let line = output.lines().find(|line| line.contains(row.rate))?;
    let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
    let rate = match row.program {
        "h2load" => words.nth(3)?,
        _ => words.nth(1)?,
    };
    let slow = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("99%"));
    Some((rate.parse().ok()?, slow.unwrap_or("").trim().to_owned()))
}

pub(crate) fn run(is_quick: bool) {
    let (rounds, seconds) = if is_quick { (1, 2) } else { (5, 5) };
    println!("| requests a second (99th percentile) | axum | tenure | ratio |");
    println!("|---|---|---|---|");
    for row in &ROWS {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in 0..2 {
                let index = (round + turn) % 2;
                rates[index].extend(measure(row, Which::ALL[index], seconds));
            }
        }
        let [axum, tenure] = rates.map(|mut rates| {
            rates.sort_by(|a, b| a.0.total_cmp(&b.0));
            rates.get(rates.len() / 2).cloned()
        });
        let (Some(axum), Some(tenure)) = (axum, tenure) else {
            println!("| {} | {} is missing | | |", row.name, row.program);
            continue;
        };
        let ratio = tenure.0 / axum.0;
        println!(
            "| {} | {:.0} ({}) | {:.0} ({}) | {ratio:.2} |",
            row.name, axum.0, axum.1, tenure.0, tenure.1
        );
    }
    println!();
}
