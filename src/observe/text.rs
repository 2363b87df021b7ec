//! Formats times and names.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::tree::AnyNode;

/// How many bytes of a name, a label or a type are shown, at most.
const LONGEST: usize = 128;

/// The middle of a path with more segments is left out.
const LONGEST_PATH: usize = 64;

/// A time for humans: `0.4 ms`, `340 ms`, `3.2 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn time(time: Duration) -> String {
    let (secs, millis) = (time.as_secs(), time.as_millis());
    match secs {
        0 if millis == 0 => format!("{:.1} ms", time.as_secs_f64() * 1_000.0),
        0 => format!("{millis} ms"),
        1..60 => format!("{:.1} s", (time.as_secs_f64() * 10.0).floor() / 10.0),
        60..3_600 => format!("{} min {} s", secs / 60, secs % 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// A user's name, bounded and on one line: characters that would move a terminal's cursor are escaped.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    bounded_to(text, LONGEST)
}

/// As [`bounded`], with another length.
pub(super) fn bounded_to(text: &str, most: usize) -> Cow<'_, str> {
    // Nearly all texts have only these bytes, for which the characters need not be decoded.
    let is_ascii = || text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_plain = text.len() <= most && (is_ascii() || !text.chars().any(is_harmful));
    if is_plain {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= most {
            shown.push('…');
            break;
        }
        if is_harmful(c) {
            // Writing to a string cannot fail.
            write!(shown, "{}", c.escape_default()).unwrap_or_default();
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and those that change the direction of the text.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The path of a node, with each name bounded.
pub(super) fn path_of(node: &Arc<dyn AnyNode>) -> String {
    bounded_path(&node.path(node.type_name()))
}

pub(super) fn bounded_path(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(bounded).collect();
    segments.join("/")
}

/// The path of a child, made from that of the node above it, as [`NodeRef::path`](crate::NodeRef::path) would return
/// it. `segment` is a reusable buffer.
pub(super) fn path_beneath(above: &str, child: &Arc<dyn AnyNode>, segment: &mut String) -> String {
    segment.clear();
    child.write_segment(child.type_name(), segment);
    let segment = bounded(segment);
    let base = above.strip_suffix('/').unwrap_or(above);
    let is_long = above.len() >= LONGEST_PATH && above.matches('/').count() >= LONGEST_PATH;
    if is_long {
        return path_of(child);
    }
    let mut path = String::with_capacity(base.len() + 1 + segment.len());
    path.push_str(base);
    path.push('/');
    path.push_str(&segment);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_two_numbers_at_most() {
        let shown = |millis| time(Duration::from_millis(millis));
        let times = [
            0,
            1,
            999,
            1_000,
            3_299,
            59_999,
            60_000,
            3_600_000,
            100_000_000,
        ];
        assert_eq!(
            times.map(shown),
            [
                "0.0 ms",
                "1 ms",
                "999 ms",
                "1.0 s",
                "3.2 s",
                "59.9 s",
                "1 min 0 s",
                "1 h 0 min",
                "1 d 3 h"
            ]
        );
    }

    #[test]
    fn names_are_bounded_and_stay_on_their_line() {
        assert!(matches!(bounded("ein Wörtchen <b>"), Cow::Borrowed(_)));
        assert_eq!(
            bounded("a\n\u{1b}[31mb\u{202e}"),
            "a\\n\\u{1b}[31mb\\u{202e}"
        );
        let long = bounded(&"ü".repeat(1_000_000)).into_owned();
        assert!(long.len() < 140 && long.ends_with('…'), "{long}");
    }
}
