//! Draws the screen.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};
use tenure::observe::{Ended, NodeInfo, Verdict};

use super::app::{App, View, waits};
use super::look::Look;
use super::tree::TreeRow;
use super::words::{count, rate, short_site, short_type, time, until, wait_kind};

const SOFT: Style = Style::new().add_modifier(Modifier::DIM);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const HEAD: Style = Style::new().add_modifier(Modifier::UNDERLINED);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

pub(super) fn draw(app: &mut App, frame: &mut Frame<'_>) {
    let has_detail = u16::from(app.view == View::Tree);
    let rows = [
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(has_detail),
        Constraint::Length(1),
    ];
    let [head, body, detail, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(heading(app)), head);
    app.room = usize::from(body.height.saturating_sub(1)).max(1);
    match (&app.look, &app.wrong) {
        (Some(_), _) => table(app, frame, body),
        (None, Some(_)) => {}
        (None, None) => frame.render_widget(Paragraph::new("looking ..."), body),
    }
    if has_detail > 0 {
        frame.render_widget(Paragraph::new(chosen(app)).style(SOFT), detail);
    }
    frame.render_widget(Paragraph::new(footing(app)), foot);
}

/// The chosen node in full.
fn chosen(app: &App) -> String {
    let tree = app.tree();
    tree.get(app.place)
        .map_or_else(String::new, |row| row.node.to_string())
}

/// The numbers of the tree, and what is wrong, if anything.
fn heading(app: &App) -> Vec<Line<'static>> {
    let mut first = vec![Span::styled(
        "tenure-top ",
        Style::new().add_modifier(Modifier::BOLD),
    )];
    match &app.look {
        Some(look) => first.extend(numbers(look)),
        None => first.push(Span::raw(app.address.clone())),
    }
    let second = match &app.wrong {
        Some(why) if app.look.is_some() => Line::styled(
            format!("! {why}; this is what was seen last, and it is tried again"),
            BAD,
        ),
        Some(why) => Line::styled(format!("! {why}; it is tried again"), BAD),
        None if app.is_paused => Line::styled("paused", Style::new().fg(Color::Yellow)),
        None => Line::styled(app.address.clone(), SOFT),
    };
    vec![Line::from(first), second]
}

fn numbers(look: &Look) -> Vec<Span<'static>> {
    let nodes = &look.snapshot.nodes;
    let root = nodes.first().map_or("nothing is alive", |node| &*node.path);
    let trouble = nodes.iter().filter(|node| node.verdict.is_trouble());
    let trouble = trouble.count();
    let queued: u64 = nodes.iter().map(NodeInfo::backlog).sum();
    let left_out = look.snapshot.left_out.total();
    let mut spans = vec![
        Span::raw(format!("{root}  ")),
        Span::raw(format!("{} nodes  ", count(nodes.len() as u64))),
        Span::styled(
            format!("{trouble} in trouble  "),
            if trouble > 0 { BAD } else { Style::new() },
        ),
        Span::raw(format!(
            "{} queued  {} msg/s  {} dead letters",
            count(queued),
            count(look.rate.round() as u64),
            count(look.snapshot.dead_letters)
        )),
    ];
    if left_out > 0 {
        let more = count(left_out as u64);
        spans.push(Span::styled(
            format!("  at least {more} more nodes are left out"),
            BAD,
        ));
    }
    spans
}

/// The views and the keys.
fn footing(app: &App) -> Line<'static> {
    if app.is_typing {
        return Line::raw(format!(
            "filter: {}_   Enter keeps it, Esc clears it",
            app.how.filter
        ));
    }
    let mut spans = Vec::new();
    for (place, view) in View::ALL.into_iter().enumerate() {
        let style = if view == app.view {
            CHOSEN
        } else {
            Style::new()
        };
        spans.push(Span::styled(
            format!("{} {}", place + 1, view.name()),
            style,
        ));
        spans.push(Span::raw("  "));
    }
    let filter = match &*app.how.filter {
        "" => String::new(),
        filter => format!(" ({filter})"),
    };
    let sort = app.sort().name();
    let keys = format!("q quit  / filter{filter}  s sort: {sort}  Enter fold  +/- all  p pause");
    spans.push(Span::styled(keys, SOFT));
    Line::from(spans)
}

fn table(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let Some(look) = &app.look else { return };
    let (head, widths, lines) = match app.view {
        View::Tree => tree(app),
        View::Waits => waiting(look),
        View::Groups => groups(look),
        View::Ends => ends(look),
    };
    if lines.is_empty() {
        let nothing = match app.view {
            View::Tree if !app.how.filter.is_empty() => "nothing fits the filter",
            View::Tree => "nothing is alive",
            View::Waits => "nobody waits for anybody",
            View::Groups => "nothing is alive",
            View::Ends if look.ends.is_none() => "this dashboard does not tell of ends",
            View::Ends => "nothing has ended since the dashboard began",
        };
        frame.render_widget(Paragraph::new(nothing).style(SOFT), area);
        return;
    }
    let place = app.place.min(lines.len() - 1);
    let mut state = TableState::new().with_selected(Some(place));
    let table = Table::new(lines, widths)
        .header(Row::new(head).style(HEAD))
        .row_highlight_style(CHOSEN)
        .column_spacing(2);
    frame.render_stateful_widget(table, area, &mut state);
}

/// The head of a table, the widths of its columns, and its lines.
type Lines = (Vec<Cell<'static>>, Vec<Constraint>, Vec<Row<'static>>);

fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Line::raw(text.into()).alignment(Alignment::Right))
}

fn tree(app: &App) -> Lines {
    let head = vec![
        Cell::from("NODE"),
        Cell::from("VERDICT"),
        right("QUEUED"),
        right("MSG/S"),
        right("BENEATH"),
        Cell::from("TYPE"),
    ];
    let widths = vec![
        Constraint::Fill(3),
        Constraint::Fill(4),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Fill(2),
    ];
    (head, widths, app.tree().iter().map(node_line).collect())
}

fn node_line(row: &TreeRow<'_>) -> Row<'static> {
    let node = row.node;
    let fold = match row.is_open {
        Some(true) => "▾ ",
        Some(false) => "▸ ",
        None => "  ",
    };
    let indent = 2 * row.depth.min(20);
    let queued = match node.mailbox {
        Some(mailbox) if mailbox.queued > 0 => match mailbox.capacity {
            Some(capacity) => format!("{}/{capacity}", mailbox.queued),
            None => count(mailbox.queued),
        },
        _ => String::new(),
    };
    let beneath = match (row.beneath, row.is_open, row.trouble) {
        (0, ..) => String::new(),
        (beneath, Some(false), trouble) if trouble > 0 => {
            format!("{} !{trouble}", count(beneath as u64))
        }
        (beneath, ..) => count(beneath as u64),
    };
    let line = Row::new([
        Cell::from(format!("{:indent$}{fold}{}", "", row.name)),
        verdict(node),
        right(queued),
        right(rate(row.rate)),
        right(beneath),
        Cell::from(short_type(&node.type_name)).style(SOFT),
    ]);
    if row.is_faded { line.style(SOFT) } else { line }
}

/// The verdict, with a mark for people who see no colours.
fn verdict(node: &NodeInfo) -> Cell<'static> {
    let (mark, style) = match &node.verdict {
        _ if node.holds_up_stop => (
            "* ",
            Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
        ),
        verdict if verdict.is_trouble() => ("! ", BAD),
        Verdict::Stopping { .. } | Verdict::Restarting { .. } => {
            ("  ", Style::new().fg(Color::Yellow))
        }
        Verdict::Busy { .. } => ("  ", Style::new().fg(Color::Green)),
        Verdict::Idle | Verdict::Waiting { .. } => ("  ", SOFT),
        _ => ("  ", Style::new()),
    };
    Cell::from(format!("{mark}{}", node.verdict)).style(style)
}

fn waiting(look: &Look) -> Lines {
    let head = ["WHO", "FOR", "WHOM"].map(Cell::from).into_iter();
    let head = head.chain([right("SINCE"), Cell::from("UNTIL")]).collect();
    let widths = vec![
        Constraint::Fill(3),
        Constraint::Length(14),
        Constraint::Fill(3),
        Constraint::Length(12),
        Constraint::Length(14),
    ];
    let lines = waits(look).into_iter().map(|(node, wait)| {
        let target = wait.target.as_ref().map_or("-", |target| &*target.path);
        let others = match wait.others {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let is_dead = matches!(node.verdict, Verdict::Deadlocked { .. });
        let mark = if is_dead { "! " } else { "" };
        let line = Row::new([
            Cell::from(format!("{mark}{}", node.path)),
            Cell::from(wait_kind(wait)),
            Cell::from(format!("{target}{others}")),
            right(wait.lasted.map_or_else(String::new, time)),
            Cell::from(until(wait)),
        ]);
        if is_dead { line.style(BAD) } else { line }
    });
    (head, widths, lines.collect())
}

fn groups(look: &Look) -> Lines {
    let over = look.groups.compared_over.unwrap_or_default();
    let head = vec![
        right("COUNT"),
        right(format!("IN {}", time(over))),
        Cell::from("TYPE"),
        Cell::from("SPAWNED AT"),
        right("OLDEST"),
        right("QUEUED"),
        Cell::from("TROUBLE"),
    ];
    let widths = vec![
        Constraint::Length(9),
        Constraint::Length(14),
        Constraint::Fill(2),
        Constraint::Fill(3),
        Constraint::Length(12),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    let lines = look.groups.groups.iter().map(|group| {
        let change = match group.change {
            None | Some(0) => String::new(),
            Some(change) => format!("{change:+}"),
        };
        let trouble = match (group.unreachable, group.trouble - group.unreachable) {
            (0, 0) => String::new(),
            (0, bad) => format!("{bad} in trouble"),
            (leaked, 0) => format!("{leaked} unreachable"),
            (leaked, bad) => format!("{leaked} unreachable, {bad} in trouble"),
        };
        let grows = group.change.is_some_and(|change| change > 0);
        Row::new([
            right(count(group.count as u64)),
            right(change).style(if grows { BAD } else { Style::new() }),
            Cell::from(short_type(&group.type_name)),
            Cell::from(short_site(&group.site)).style(SOFT),
            right(time(group.oldest)),
            right(if group.queued > 0 {
                count(group.queued)
            } else {
                String::new()
            }),
            Cell::from(trouble).style(BAD),
        ])
    });
    (head, widths, lines.collect())
}

fn ends(look: &Look) -> Lines {
    let head = vec![
        Cell::from("NODE"),
        right("AGO"),
        right("LIVED"),
        Cell::from("HOW, AND BY WHAT"),
    ];
    let widths = vec![
        Constraint::Fill(2),
        Constraint::Length(12),
        Constraint::Length(12),
        Constraint::Fill(3),
    ];
    let Some(ends) = &look.ends else {
        return (head, widths, Vec::new());
    };
    let now = Duration::from_millis(ends.taken_at_ms);
    let mut lines: Vec<_> = ends
        .ends
        .iter()
        .rev()
        .map(|end| end_line(end, now))
        .collect();
    if ends.missed > 0 {
        let text = format!("({} more came too fast to be told)", count(ends.missed));
        lines.push(Row::new([Cell::from(text).style(SOFT)]));
    }
    (head, widths, lines)
}

fn end_line(end: &Ended, now: Duration) -> Row<'static> {
    let is_bad = end.how.is_trouble();
    let mark = if is_bad { "! " } else { "  " };
    let anew = if end.goes_on { ", restarted" } else { "" };
    let mut text = vec![Line::raw(format!("{mark}{}{anew}", end.how))];
    for cause in &end.causes {
        let indent = 4 + 2 * cause.depth.min(20);
        text.push(Line::raw(format!("{:indent$}{cause}", "")));
    }
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let style = if is_bad { BAD } else { Style::new() };
    Row::new([
        Cell::from(end.path.clone()),
        right(time(now.saturating_sub(end.at))),
        right(time(end.age)),
        Cell::from(text).style(style),
    ])
    .height(height)
}
