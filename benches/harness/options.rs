//! The words after `--` on the command line choose rows, and the options say how to run them.
//!
//! `--rounds=5` counts five rounds; `--quick` does a tenth of the work, to see that it works.

use std::env::args;

/// How often each side runs in the end; one more round before these is not counted.
const ROUNDS: u64 = 9;

pub(crate) fn rounds() -> u64 {
    let mut given = args().filter_map(|word| word.strip_prefix("--rounds=")?.parse().ok());
    given.next().unwrap_or(ROUNDS)
}

/// This number, or a tenth of it with `--quick`.
pub(crate) fn scaled(count: u64) -> u64 {
    if args().any(|word| word == "--quick") {
        count / 10
    } else {
        count
    }
}

/// A row is wanted if its name has all the words.
pub(crate) fn is_wanted(row: &str) -> bool {
    args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .all(|word| row.contains(&word))
}
