use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;

/// Why there is no process, or nothing can be written to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProcessError {
    /// It could not be started.
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// It has ended without success.
    Exited(ExitStatus),
    /// Its input is closed.
    InputClosed,
    /// Writing to it, or waiting for it, has failed.
    Io(Arc<io::Error>),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { program, .. } => write!(f, "the program {program} does not start"),
            Self::Exited(status) => write!(f, "the process has ended: {status}"),
            Self::InputClosed => f.write_str("the input of the process is closed"),
            Self::Io(_) => f.write_str("the process cannot be reached"),
        }
    }
}

impl Error for ProcessError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn { source, .. } | Self::Io(source) => Some(&**source),
            Self::Exited(_) | Self::InputClosed => None,
        }
    }
}
