//! How much memory does an idle actor keep?
//!
//! Each row is a process of its own, so that what one has freed is not found again by the next.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::harness::{Sides, Work, grouped, is_wanted};
use crate::kits::{Alive, Kit, Room};
use crate::runtime::{On, Threads};

/// Resident bytes, after the start or after the first ask of each.
struct Idle {
    actors: u64,
    asked: bool,
}

impl Work for Idle {
    fn name(&self) -> String {
        let what = if self.asked { "after an ask" } else { "idle" };
        format!("{} actors, {what}", grouped(self.actors))
    }

    fn operations(&self) -> u64 {
        self.actors
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (actors, asked, threads) = (self.actors, self.asked, on.threads);
        Some(K::run(on, async move {
            let world = K::open(threads);
            let alive = Arc::<AtomicU64>::default();
            let before = resident();
            let room = Room::usual::<K>();
            let spawn = |_| K::sum::<u64>(&world, room, Alive::new(&alive));
            let sums: Vec<_> = (0..actors).map(spawn).collect();
            let last = K::sender(sums.last().expect("there are some"));
            K::ask(&last).await;
            if asked {
                for sum in &sums {
                    assert_eq!(K::ask(&K::sender(sum)).await, 0);
                }
            }
            // By then the other worker has done what it still had to do.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let after = resident();
            // The process ends here.
            std::mem::forget((world, sums));
            after - before
        }))
    }
}

/// What the process keeps in memory.
pub(crate) fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1);
    let pages = pages.and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("linux says how much it is") * 4_096
}

/// Prints a line for each kit and number of actors.
pub(crate) fn table<S: Sides>(sizes: &[u64]) {
    println!("{:<28} {:<8} {:>16}", "memory", "row", "resident bytes");
    for &actors in sizes {
        for asked in [false, true] {
            let work = Idle { actors, asked };
            for side in S::of::<Idle>() {
                let name = work.name();
                if is_wanted(&format!("memory {name} {}", side.name)) {
                    println!(
                        "{name:<28} {:<8} {:>16}",
                        side.name,
                        apart(side.name, &work)
                    );
                }
            }
        }
    }
}

/// Runs this program again, for one row.
fn apart(side: &str, work: &Idle) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let row = format!("row:{side}:{}:{}", work.actors, work.asked);
    let output = Command::new(program)
        .arg(row)
        .output()
        .expect("it runs again");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if text.is_empty() {
        return String::from_utf8_lossy(&output.stderr).into_owned();
    }
    text
}

/// If this process is to measure a row, measures it and prints the result.
pub(crate) fn is_apart<S: Sides>() -> bool {
    let row = std::env::args().find_map(|word| Some(word.strip_prefix("row:")?.to_owned()));
    let Some(row) = row else {
        return false;
    };
    let mut parts = row.split(':');
    let name = parts.next().expect("the row names a kit");
    let mut number = || parts.next().expect("the row has its numbers");
    let actors = number().parse().expect("the number is one");
    let asked = number() == "true";
    let work = Idle { actors, asked };
    let side = S::of::<Idle>().into_iter().find(|side| side.name == name);
    let run = side.expect("the kit is known").run;
    let bytes = run(&work, &On::new(Threads::Two)).expect("each kit has actors");
    println!("{}", bytes / actors);
    // What was forgotten is still there, and nobody is to wait for it.
    std::process::exit(0);
}
