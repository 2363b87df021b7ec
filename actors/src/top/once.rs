//! One look, as text.

use std::fmt::Write;

use super::app::View;
use super::client::Client;
use super::error::TopError;
use super::look::Look;
use super::words::{time, until, wait_kind};

/// Looks once, and gives the text to print.
pub(super) fn text(client: Client, view: View) -> Result<String, TopError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| TopError::Runtime { source })?;
    let look = runtime.block_on(client.look())?;
    Ok(match view {
        View::Tree => look.snapshot.to_string(),
        View::Groups => look.groups.to_string(),
        View::Waits => waits(&look),
        View::Ends => ends(&look),
    })
}

fn waits(look: &Look) -> String {
    let mut text = String::new();
    for (node, wait) in super::app::waits(look) {
        let target = wait.target.as_ref().map_or("-", |target| &*target.path);
        let others = match wait.others {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let lasted = wait.lasted.map_or_else(String::new, time);
        let kind = wait_kind(wait);
        let line = format!(
            "{}\t{kind}\t{target}{others}\t{lasted}\t{}",
            node.path,
            until(wait)
        );
        // Writing to a string cannot fail.
        writeln!(text, "{}", line.trim_end()).unwrap_or_default();
    }
    text
}

fn ends(look: &Look) -> String {
    let mut text = String::new();
    for end in look.ends.iter().flat_map(|ends| &ends.ends) {
        writeln!(text, "{end}").unwrap_or_default();
    }
    text
}
