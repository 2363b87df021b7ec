//! For the code that `#[tenure::test]` generates, and for nothing else.

pub use tokio::runtime::Builder;

/// A stand-in for the method of this name, which tokio's builder has only with a feature.
pub trait StartPaused {
    /// Like tokio's.
    fn start_paused(&mut self, _on: bool) -> &mut Self
    where
        Self: HasPausedClock,
    {
        self
    }
}

impl StartPaused for Builder {}

/// Implemented by no type.
#[diagnostic::on_unimplemented(
    message = "a test with a paused clock needs the feature `test-util` of tokio",
    label = "no clock of tokio's can be paused here",
    note = "write in Cargo.toml, beneath `[dev-dependencies]`: `tokio = {{ version = \"1\", features = [\"test-util\"] }}`"
)]
pub trait HasPausedClock {}
