/// The printed name of a task: the function in which its future was written, or the future's type, without modules and
/// parameters. The full type name usually ends in `{{closure}}`.
pub(crate) fn task_label(type_name: &'static str) -> &'static str {
    let mut name = type_name;
    while let Some(outer) = name.strip_suffix("::{{closure}}") {
        name = outer;
    }
    let segment = last_segment(name);
    let plain = segment.split('<').next().unwrap_or(segment);
    if plain.is_empty() { type_name } else { plain }
}

/// The part after the last `::` outside of all angle brackets.
fn last_segment(path: &str) -> &str {
    let bytes = path.as_bytes();
    let mut depth = 0_usize;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'>' if bytes[..at].ends_with(b"-") => {}
            b'>' => depth += 1,
            b'<' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return path.get(at + 1..).unwrap_or(path),
            _ => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::task_label;

    #[test]
    fn futures_are_called_by_the_function_that_they_are_written_in() {
        let labels = [
            ("shop::http::serve::{{closure}}", "serve"),
            (
                "<shop::Http as tenure::actor::Actor>::on_start::{{closure}}::{{closure}}",
                "on_start",
            ),
            ("shop::main::{{closure}}::{{closure}}::{{closure}}", "main"),
            ("shop::load<alloc::string::String>::{{closure}}", "load"),
            ("shop::load<fn() -> u8>::{{closure}}", "load"),
            (
                "<shop::Tree<u8> as shop::Walk<fn() -> u8>>::walk<T>::{{closure}}",
                "walk",
            ),
        ];
        for (type_name, label) in labels {
            assert_eq!(task_label(type_name), label);
        }
    }

    #[test]
    fn other_futures_are_called_by_their_type() {
        let labels = [
            ("tokio::time::sleep::Sleep", "Sleep"),
            ("core::future::pending::Pending<()>", "Pending"),
            (
                "core::pin::Pin<alloc::boxed::Box<dyn core::future::Future<Output = ()>>>",
                "Pin",
            ),
            ("()", "()"),
        ];
        for (type_name, label) in labels {
            assert_eq!(task_label(type_name), label);
        }
    }
}
