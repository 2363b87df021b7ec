use std::error::Error as StdError;
use std::fmt;

use super::{Carrier, Error, Failure, SaysStopped, show, source_of};

/// The text of an error and of its sources, without the errors themselves.
pub(super) struct Text {
    message: String,
    source: Option<Source>,
}

/// Formats a user's error.
struct Shown<'a>(&'a dyn StdError);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, |f| fmt::Display::fmt(self.0, f))
    }
}

impl Error {
    /// Turns the error into text if it carries a refused value. Otherwise a reply in that value would live, and its
    /// caller would wait, for as long as somebody keeps the failure (rule 10).
    pub(crate) fn without_refused(self) -> Self {
        let mut messages = Vec::new();
        let mut carrier = None;
        let mut next: Option<&(dyn StdError + 'static)> = Some(self.as_std());
        while let (Some(error), None) = (next, carrier) {
            // A failure has been through here already, and may have ten thousand beneath it (rule 15).
            if error.is::<Failure>() {
                return self;
            }
            carrier = error.downcast_ref::<Carrier>().copied();
            messages.push(Shown(error).to_string());
            next = source_of(error);
        }
        let Some(carrier) = carrier else {
            return self;
        };
        // The marker itself is kept as it is.
        messages.pop();
        Self::of_text(messages, Some(mark(carrier)))
    }

    /// The text of the error and of its sources, down to the failure of a node, without the errors themselves.
    pub(super) fn as_text(&self) -> Self {
        let mut messages = Vec::new();
        let mut end = None;
        let mut next: Option<&(dyn StdError + 'static)> = Some(self.as_std());
        while let Some(error) = next
            && !error.is::<Failure>()
            && end.is_none()
        {
            if let Some(carrier) = error.downcast_ref::<Carrier>() {
                end = Some(mark(*carrier));
            } else if error.is::<SaysStopped>() {
                end = Some(mark(Carrier::Stopped));
            } else {
                messages.push(Shown(error).to_string());
            }
            next = source_of(error);
        }
        if messages.is_empty() {
            messages.push(Shown(self.as_std()).to_string());
        }
        Self::of_text(messages, end)
    }

    fn of_text(messages: Vec<String>, end: Option<Source>) -> Self {
        let mut source = end;
        for message in messages.into_iter().rev() {
            source = Some(Box::new(Text { message, source }));
        }
        // There is always at least one message or the marker.
        Self(source.unwrap_or_else(|| Box::new(SaysStopped)))
    }
}

type Source = Box<dyn StdError + Send + Sync>;

fn mark(carrier: Carrier) -> Source {
    match carrier {
        Carrier::Stopped => Box::new(SaysStopped),
        Carrier::Refused => Box::new(Carrier::Refused),
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}

impl StdError for Text {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
