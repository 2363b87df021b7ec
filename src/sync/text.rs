use std::fmt::{self, Display, Write};

/// The `Display` text of a value, cut at about `most` bytes.
pub(crate) fn text_of(value: &dyn Display, most: usize) -> String {
    let mut text = Bounded {
        text: String::new(),
        most,
    };
    // The writer fails once the text is long enough.
    if write!(text, "{value}").is_err() {
        text.text.push('…');
    }
    text.text
}

struct Bounded {
    text: String,
    most: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.most.saturating_sub(self.text.len());
        let mut fits = (0..=room.min(more.len())).rev();
        let end = fits.find(|end| more.is_char_boundary(*end));
        let end = end.unwrap_or(0);
        self.text.push_str(&more[..end]);
        if end < more.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}
