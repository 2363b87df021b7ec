//! The server beside `axum::serve`, with the same router, in one run: requests a second (wrk, h2load), what an idle
//! connection keeps, and what a SIGTERM under load loses.
//!
//! ```sh
//! cargo bench -p tenure-actors --features http --bench http              # all of it, in some minutes
//! cargo bench -p tenure-actors --features http --bench http -- --quick   # the short form
//! cargo bench -p tenure-actors --features http --bench http -- sigterm   # only what has this word in its name
//! ```
//!
//! `clients`, beside this file, lets clients of others loose on the same server. wrk and h2load are Debian's `wrk` and `nghttp2-client`. What they cannot be found for is left out.

mod idle;
mod load;
mod server;
mod sigterm;

use std::env;

/// Which of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Tenure,
    Axum,
}

impl Which {
    pub(crate) const ALL: [Self; 2] = [Self::Axum, Self::Tenure];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tenure => "tenure",
            Self::Axum => "axum",
        }
    }
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--serve", name, more @ ..] => {
            let options = server::Options {
                brief: more.contains(&"--brief"),
                tls: more.contains(&"--tls"),
                everywhere: more.contains(&"--everywhere"),
            };
            return server::run(*name == Which::Tenure.name(), &options);
        }
        ["--one-each", address, most] => return sigterm::one_each(address, most.parse().unwrap()),
        ["--kept", address, most] => return sigterm::kept(address, most.parse().unwrap()),
        _ => {}
    }
    let is_quick = words.contains(&"--quick");
    let chosen: Vec<_> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wants = |name: &str| chosen.is_empty() || chosen.iter().any(|word| name.contains(**word));
    if wants("load") {
        load::run(is_quick);
    }
    if wants("idle") {
        idle::run(is_quick);
    }
    if wants("sigterm") {
        sigterm::run(is_quick);
    }
}
