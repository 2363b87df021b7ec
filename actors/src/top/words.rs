//! Short forms for a table.

use std::time::Duration;

use tenure::observe::{Site, WaitInfo, WaitKind};

/// A duration as people read it.
pub(super) fn time(time: Duration) -> String {
    let (secs, millis) = (time.as_secs(), time.as_millis());
    match secs {
        0 => format!("{millis} ms"),
        1..60 => format!("{:.1} s", (time.as_secs_f64() * 10.0).floor() / 10.0),
        60..3_600 => format!("{} min {} s", secs / 60, secs % 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// A number with thousands separators.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn rate(rate: f64) -> String {
    match rate {
        0.0 => String::new(),
        ..9.95 => format!("{rate:.1}"),
        // The rate is positive, so the cast is exact enough.
        _ => count(rate.round() as u64),
    }
}

/// A type's name without module paths.
pub(super) fn short_type(name: &str) -> String {
    let mut text = String::new();
    let mut word = String::new();
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ':' && rest.peek() == Some(&':') {
            rest.next();
            word.clear();
        } else if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            text.push_str(&word);
            word.clear();
            text.push(c);
        }
    }
    text + &word
}

/// A place in the code: the file with its last folder, and the line.
pub(super) fn short_site(site: &Site) -> String {
    let parts: Vec<_> = site.file.rsplit(['/', '\\']).take(2).collect();
    let file: Vec<_> = parts.into_iter().rev().collect();
    format!("{}:{}", file.join("/"), site.line)
}

/// What a node waits for, in a word or two.
pub(super) fn wait_kind(wait: &WaitInfo) -> &'static str {
    match wait.kind {
        WaitKind::Reply => "reply",
        WaitKind::Room => "room",
        WaitKind::Task => "task",
        WaitKind::End => "end",
        WaitKind::Child => "end of a child",
        WaitKind::Order => "order",
        WaitKind::Start => "start",
        WaitKind::Turn => "turn",
        WaitKind::Backoff => "backoff",
        _ => "other",
    }
}

/// When a wait ends, as far as it is known.
pub(super) fn until(wait: &WaitInfo) -> String {
    match wait.due_in {
        Some(due) => format!("in {}", time(due)),
        None if wait.is_limited => "limited".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_types_are_short() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.0, 0.25, 12.4, 1_234.0].map(rate),
            ["", "0.2", "12", "1,234"]
        );
        assert_eq!(short_type("a::b::Pool<c::Job, &str>"), "Pool<Job, &str>");
        assert_eq!(short_type("shop::main"), "main");
        assert_eq!(time(Duration::from_millis(61_000)), "1 min 1 s");
    }
}
