//! How does each cost grow with the number of actors, children, levels, producers, and bytes?
//!
//! Prints a table in Markdown for each, on both runtimes: nanoseconds for each operation and, in
//! brackets, what the hand-written row takes. A flat line is a cost that does not grow. With `--write`
//! the tables and their plot become `docs/scale.md`.

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod runtime;
mod work;

use std::fmt;

use harness::plot::{Chart, Style, svg};
use harness::{Ours, Work, grouped, is_wanted, measure};
use kits::{Order, Room, Words};
use runtime::On;
use work::lifecycle::{Spawn, StopTree};
use work::messages::{Ask, FanOut, Ring, Tell};

/// Where `--write` puts the tables and the plot.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scale.md");
const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scale.svg");

const HEAD: &str = "# How costs grow

Nanoseconds for each operation, as medians; in brackets what tokio written by hand takes for the same
work in the same run. A flat line is a cost that does not grow. Two cores, nothing else running;
written by `cargo bench --bench scale -- --write`.

![the tables below as charts](scale.svg)
";

const STYLES: [Style; 4] = [
    style("tenure, 2 workers", "#1f5fbf", ""),
    style("by hand, 2 workers", "#1f5fbf", "4 3"),
    style("tenure, 1 thread", "#c2571a", ""),
    style("by hand, 1 thread", "#c2571a", "4 3"),
];

const fn style(name: &'static str, colour: &'static str, dashes: &'static str) -> Style {
    Style {
        name,
        colour,
        dashes,
    }
}

fn main() -> std::io::Result<()> {
    let all = On::both();
    let mut charts = Vec::new();
    let mut page = HEAD.to_owned();
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
        let rows = all.each_ref().map(grows);
        let table = table(title, &rows);
        println!("{table}");
        page.push_str(&table);
        charts.push(chart(title, &rows));
    }
    if std::env::args().any(|word| word == "--write") {
        std::fs::write(PAGE, page)?;
        std::fs::write(PLOT, svg(&charts, &STYLES))?;
    }
    Ok(())
}

fn table(title: &str, [two, one]: &[Vec<Point>; 2]) -> String {
    let mut table = format!("\n| {title} | 2 workers | 1 thread |\n|---:|---:|---:|\n");
    for (two, one) in two.iter().zip(one) {
        let row = format!("| {} | {two} | {one} |\n", grouped(two.at));
        table.push_str(&row);
    }
    table
}

fn chart(title: &str, [two, one]: &[Vec<Point>; 2]) -> Chart {
    let line = |points: &[Point], of: fn(&Point) -> f64| points.iter().map(of).collect();
    Chart {
        title: title.to_owned(),
        at: two.iter().map(|point| point.at).collect(),
        lines: vec![
            line(two, |point| point.ours),
            line(two, |point| point.by_hand),
            line(one, |point| point.ours),
            line(one, |point| point.by_hand),
        ],
    }
}

struct Point {
    at: u64,
    ours: f64,
    by_hand: f64,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} ({:.0})", self.ours, self.by_hand)
    }
}

fn point<W: Work>(on: &On, at: u64, work: &W) -> Point {
    let [ours, by_hand] = &measure::<Ours, W>(on, work)[..] else {
        panic!("there are two rows");
    };
    Point {
        at,
        ours: ours.spread().median,
        by_hand: by_hand.spread().median,
    }
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
