//! Runs several ways of doing the same work in turn, and prints the ratios of what they took.

#![allow(dead_code, reason = "each bench uses a part of it")]

mod options;
pub(crate) mod plot;
mod stats;

use crate::kits::Kit;
use crate::kits::by_hand::ByHand;
use crate::kits::tenure::Tenure;
use crate::runtime::On;
pub(crate) use options::{is_wanted, rounds, scaled};
pub(crate) use stats::{Spread, percentile};

/// Work that each kit does. It checks by itself that it was done.
pub(crate) trait Work {
    fn name(&self) -> String;
    /// What the result is divided by.
    fn operations(&self) -> u64;
    /// Nanoseconds or, for memory, bytes. `None` if the kit does not offer what is needed.
    fn run<K: Kit>(&self, on: &On) -> Option<u64>;
}

/// A kit that does the work.
pub(crate) struct Side<W> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&W, &On) -> Option<u64>,
}

impl<W: Work> Side<W> {
    pub(crate) fn of<K: Kit>() -> Self {
        Self {
            name: K::NAME,
            run: |work, on| work.run::<K>(on),
        }
    }
}

/// Which kits take part. The first is tenure, the second is the one by hand.
pub(crate) trait Sides {
    fn of<W: Work>() -> Vec<Side<W>>;
}

pub(crate) struct Ours;

impl Sides for Ours {
    fn of<W: Work>() -> Vec<Side<W>> {
        vec![Side::of::<Tenure>(), Side::of::<ByHand>()]
    }
}

/// What one kit took, for each operation, in each round that counts.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) each: Vec<f64>,
}

impl Measured {
    /// The ratios to another kit in the same round.
    fn to(&self, other: &Self) -> Spread {
        let pairs = self.each.iter().zip(&other.each);
        Spread::of(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.each.clone())
    }
}

/// Has all sides do the work in turn, once without counting, and then as often as is counted.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn measure<S: Sides, W: Work>(on: &On, work: &W) -> Vec<Measured> {
    let mut all = Vec::new();
    let sides = S::of::<W>();
    for round in 0..=rounds() {
        for (index, side) in sides.iter().enumerate() {
            if round == 0 {
                let (name, each) = (side.name, Vec::new());
                all.push(Measured { name, each });
            }
            let took = (side.run)(work, on);
            if round > 0 {
                let each = took.map(|took| took as f64 / work.operations() as f64);
                all[index].each.extend(each);
            }
        }
    }
    all
}

pub(crate) fn header() {
    println!(
        "{:<10} {:<44} {:<8} {:>12}   {:^20}   {:^20}",
        "runtime", "work", "row", "ns each", "to by hand", "tenure to it"
    );
}

/// Prints a line for each side. Ratios are medians, with the least and the most beside them.
pub(crate) fn compare<S: Sides, W: Work>(on: &On, work: &W) {
    let name = work.name();
    if !is_wanted(&format!("{} {name}", on.name())) {
        return;
    }
    let all = measure::<S, W>(on, work);
    for (index, side) in all.iter().enumerate() {
        if side.each.is_empty() {
            println!("{:<10} {name:<44} {:<8} {:>12}", on.name(), side.name, "-");
            continue;
        }
        let by_hand = match index {
            1 => String::new(),
            _ => side.to(&all[1]).to_string(),
        };
        let ours = match index {
            0 => String::new(),
            _ => all[0].to(side).to_string(),
        };
        println!(
            "{:<10} {name:<44} {:<8} {:>12.1}   {by_hand:^20}   {ours:^20}",
            on.name(),
            side.name,
            side.spread().median
        );
    }
}

/// `100000` as `100,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
