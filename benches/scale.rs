//! How does each cost grow with the number of actors, children, levels, producers, and bytes?
//!
//! Prints a table in Markdown for each, on both runtimes: nanoseconds for each operation and, in
//! brackets, what the hand-written row takes. A flat line is a cost that does not grow.

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod work;

use harness::{On, Ours, Work, is_wanted, measure};
use kits::{Order, Room, Words};
use work::grouped;
use work::lifecycle::{Spawn, StopTree};
use work::messages::{Ask, FanOut, Ring, Tell};

fn main() {
    let all = On::both();
    for (title, grows) in [
        ("actors spawned", actors as fn(&On) -> Vec<Point>),
        ("actors that one task tells", fan_out),
        ("members of a ring", ring),
        ("children stopped, the youngest first", |on| {
            children(on, Order::YoungestFirst)
        }),
        ("children stopped, all at once", |on| {
            children(on, Order::AllAtOnce)
        }),
        ("levels of a chain that is stopped", depth),
        ("producers that tell one actor", producers),
        ("tasks that ask one actor", askers),
        ("bytes of a message that is told", bytes),
    ] {
        if !is_wanted(title) {
            continue;
        }
        println!("\n| {title} | 2 workers | 1 thread |\n|---:|---:|---:|");
        let [two, one] = all.each_ref().map(grows);
        for (two, one) in two.iter().zip(&one) {
            println!("| {} | {} | {} |", grouped(two.at), two.text, one.text);
        }
    }
}

struct Point {
    at: u64,
    text: String,
}

fn point<W: Work>(on: &On, at: u64, work: &W) -> Point {
    let [ours, by_hand] = &measure::<Ours, W>(on, work)[..] else {
        panic!("there are two rows");
    };
    let (ours, by_hand) = (ours.spread().median, by_hand.spread().median);
    let text = format!("{ours:.0} ({by_hand:.0})");
    Point { at, text }
}

fn points<W: Work>(on: &On, values: &[u64], work: impl Fn(u64) -> W) -> Vec<Point> {
    let point = |value: &u64| point(on, *value, &work(*value));
    values.iter().map(point).collect()
}

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn actors(on: &On) -> Vec<Point> {
    points(on, &SIZES, |actors| Spawn { actors })
}

fn fan_out(on: &On) -> Vec<Point> {
    points(on, &[1, 10, 100, 1_000, 10_000], |actors| FanOut { actors })
}

fn ring(on: &On) -> Vec<Point> {
    points(on, &[2, 10, 100, 1_000, 10_000], |members| Ring { members })
}

fn children(on: &On, order: Order) -> Vec<Point> {
    points(on, &SIZES, |width| StopTree::new(&[width], order))
}

fn depth(on: &On) -> Vec<Point> {
    let chain = |levels| StopTree::new(&vec![1; levels as usize], Order::YoungestFirst);
    points(on, &[10, 100, 1_000, 10_000], chain)
}

fn producers(on: &On) -> Vec<Point> {
    let tell = |producers| Tell::<u64>::new(producers, Room::DEFAULT);
    points(on, &[1, 2, 4, 8, 16, 32, 64], tell)
}

fn askers(on: &On) -> Vec<Point> {
    points(on, &[1, 2, 4, 8, 16, 32, 64], |askers| Ask {
        askers,
        within: None,
    })
}

fn bytes(on: &On) -> Vec<Point> {
    fn of<const N: usize>(on: &On) -> Point {
        let bytes = size_of::<Words<N>>() as u64;
        point(on, bytes, &Tell::<Words<N>>::new(1, Room::DEFAULT))
    }
    vec![
        of::<1>(on),
        of::<2>(on),
        of::<8>(on),
        of::<32>(on),
        of::<128>(on),
        of::<512>(on),
    ]
}
