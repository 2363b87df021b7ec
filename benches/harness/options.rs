//! What stands after `--` on the command line: words, which choose rows, and options.
//!
//! `--rounds=5` counts five rounds; `--quick` does a tenth of the work, to see that it works.

use std::env::args;

/// How often each side runs in the end; one more round before these is not counted.
const ROUNDS: u64 = 9;

pub(crate) fn rounds() -> u64 {
    let mut given = args().filter_map(|word| word.strip_prefix("--rounds=")?.parse().ok());
    given.next().unwrap_or(ROUNDS)
}

/// So many, or a tenth of it.
pub(crate) fn scaled(count: u64) -> u64 {
    if args().any(|word| word == "--quick") {
        count / 10
    } else {
        count
    }
}

/// All words have to be in a row's name.
pub(crate) fn is_wanted(row: &str) -> bool {
    args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .all(|word| row.contains(&word))
}
