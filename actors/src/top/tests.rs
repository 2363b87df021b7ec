//! What is drawn, character by character, and what the keys do.

use std::future::pending;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tenure::observe::Ends;
use tenure::prelude::*;

use super::app::{App, Flow, View};
use super::draw::draw;
use super::look::{EndsForm, Look};

/// What it is shown as, without the spaces at the ends of lines.
fn shown(app: &mut App) -> String {
    let mut terminal = Terminal::new(TestBackend::new(110, 17)).unwrap();
    terminal.draw(|frame| draw(app, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width);
    let lines = lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>());
    let lines: Vec<_> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn press(app: &mut App, keys: &str) -> Flow {
    let codes = keys.chars().map(|key| match key {
        '\n' => KeyCode::Enter,
        '>' => KeyCode::Right,
        '<' => KeyCode::Left,
        key => KeyCode::Char(key),
    });
    let mut flow = Flow::On;
    for code in codes {
        flow = app.event(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
    flow
}

/// As it comes by the wire.
fn look(system: &System, ends: &mut Ends) -> Look {
    let text = serde_json::to_string(&system.snapshot()).unwrap();
    let snapshot: tenure::Snapshot = serde_json::from_str(&text).unwrap();
    let ends = EndsForm {
        taken_at_ms: u64::try_from(snapshot.taken_at.as_millis()).unwrap(),
        missed: 0,
        ends: std::iter::from_fn(|| ends.try_recv()).collect(),
    };
    Look::new(snapshot, Some(ends))
}

fn named(name: &str) -> TaskSpec<std::future::Pending<()>> {
    TaskSpec::new(pending::<()>()).name(name)
}

/// A shop with a counter that has five tasks, and one that waits for the counter; and what is told of it.
async fn shop(test: impl AsyncFn(&System, &mut Ends, App)) {
    let system = System::builder().name("shop").start().unwrap();
    let mut ends = system.ends(100);
    let counter = system.task(named("counter")).unwrap().node();
    let waits = counter.clone();
    let waiter = async move { waits.stopped().await.map(drop) };
    system
        .task(TaskSpec::new(waiter).name("waiter").contain())
        .unwrap();
    for number in 0..5 {
        system.task(named(&format!("t{number}"))).unwrap();
    }
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    test(
        &system,
        &mut ends,
        App::new("http://localhost:9380", View::Tree),
    )
    .await;
    system.kill().await.unwrap();
}

#[tokio::test]
async fn tree_is_drawn_with_its_numbers_and_its_keys() {
    shop(async |system, ends, mut app| {
        assert!(shown(&mut app).contains("looking ..."));
        app.take(look(system, ends));
        let text = shown(&mut app);
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("tenure-top shop:/  8 nodes  0 in trouble  0 queued"),
            "{text}"
        );
        assert_eq!(lines[1], "http://localhost:9380");
        assert!(
            lines[2].starts_with("NODE ") && lines[2].contains("BENEATH"),
            "{text}"
        );
        assert!(lines[3].starts_with("▾ shop:/"), "{text}");
        assert!(lines[4].starts_with("    counter "), "{text}");
        assert!(
            lines[5].contains("waiter") && lines[5].contains("waiting for task shop:/counter"),
            "{text}"
        );
        assert!(
            lines[16].starts_with("1 Tree  2 Waits  3 Groups  4 Ends  q quit"),
            "{text}"
        );
        assert!(lines[15].starts_with("shop:/ idle (System at "), "{text}");
        assert_eq!(press(&mut app, "q"), Flow::Quit);
    })
    .await;
}

#[tokio::test]
async fn keys_fold_filter_sort_and_turn() {
    shop(async |system, ends, mut app| {
        app.take(look(system, ends));
        shown(&mut app);
        press(&mut app, "<");
        let text = shown(&mut app);
        assert!(
            text.contains("▸ shop:/") && !text.contains("counter"),
            "{text}"
        );
        press(&mut app, ">/t3\n");
        let text = shown(&mut app);
        assert!(
            text.contains("t3") && !text.contains("t2") && text.contains("shop:/"),
            "{text}"
        );
        press(&mut app, "/");
        press(&mut app, "nothing");
        assert!(shown(&mut app).contains("filter: t3nothing_"));
        assert!(shown(&mut app).contains("nothing fits the filter"));
        app.event(&Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
        press(&mut app, "sssss");
        assert!(shown(&mut app).contains("s sort: name"));
        // The row that was chosen stays chosen, wherever it is.
        press(&mut app, "jj");
        let chosen = app.tree()[app.place].node.id;
        press(&mut app, "s");
        assert_eq!(app.tree()[app.place].node.id, chosen);
        press(&mut app, "w");
        let text = shown(&mut app);
        assert!(
            text.contains("shop:/waiter") && text.contains("task "),
            "{text}"
        );
        press(&mut app, "g");
        let text = shown(&mut app);
        assert!(
            text.contains("COUNT") && text.contains("tests.rs"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn ends_are_drawn_with_the_tree_of_their_causes() {
    shop(async |system, ends, mut app| {
        let failing = async { Err::<(), _>(tenure::Error::from("out of paper")) };
        let failing = system.task(TaskSpec::new(failing).name("printer").contain());
        failing.unwrap().await.unwrap_err();
        app.take(look(system, ends));
        press(&mut app, "e");
        let text = shown(&mut app);
        assert!(
            text.contains("shop:/printer") && text.contains("! failed"),
            "{text}"
        );
        assert!(text.contains("    shop:/printer: out of paper"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn what_was_seen_last_stays_when_the_service_has_gone() {
    shop(async |system, ends, mut app| {
        app.fail("nobody answers".to_owned());
        assert!(shown(&mut app).contains("! nobody answers; it is tried again"));
        app.take(look(system, ends));
        assert!(!shown(&mut app).contains("nobody answers"));
        app.fail("nobody answers".to_owned());
        let text = shown(&mut app);
        assert!(
            text.contains("nobody answers; this is what was seen last"),
            "{text}"
        );
        assert!(text.contains("counter"), "{text}");
        // Paused, nothing new is shown.
        press(&mut app, "p");
        system.task(named("late")).unwrap();
        app.take(look(system, ends));
        assert!(!shown(&mut app).contains("late"));
        press(&mut app, "p");
        app.take(look(system, ends));
        assert!(shown(&mut app).contains("late"));
    })
    .await;
}

#[tokio::test]
async fn rates_and_growth_are_of_the_time_between_looks() {
    shop(async |system, ends, mut app| {
        app.take(look(system, ends));
        for number in 5..8 {
            system.task(named(&format!("t{number}"))).unwrap();
        }
        let mut later = look(system, ends);
        later.snapshot.taken_at += std::time::Duration::from_secs(2);
        later.groups.taken_at += std::time::Duration::from_secs(2);
        for node in &mut later.snapshot.nodes {
            if node.path == "shop:/counter" {
                node.handled += 10;
            }
        }
        app.take(later);
        let text = shown(&mut app);
        let counter = text.lines().find(|line| line.contains("counter ")).unwrap();
        assert!(
            counter.contains(" 5.0 ") || counter.contains(" 4.9 "),
            "{text}"
        );
        press(&mut app, "g");
        let text = shown(&mut app);
        assert!(text.contains("+3"), "{text}");
    })
    .await;
}
