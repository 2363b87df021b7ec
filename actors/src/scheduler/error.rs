use std::error::Error;
use std::fmt;

/// Why a job is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchedulerError {
    /// The name is empty, or has a slash, with which its runs could not be found by path.
    BadName(String),
    /// There already is a job of this name.
    NameTaken(String),
    /// The cron expression is invalid, or never comes.
    BadCron {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time zone does not exist, or is not known here.
    BadZone(String),
}

impl fmt::Display for SchedulerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(name) => write!(f, "{name:?} is no name for a job"),
            Self::NameTaken(name) => write!(f, "there is a job of the name {name:?}"),
            Self::BadCron { expression, why } => {
                write!(
                    f,
                    "the cron expression {expression:?} makes no sense: {why}"
                )
            }
            Self::BadZone(zone) => write!(f, "no time zone {zone:?} is known"),
        }
    }
}

impl Error for SchedulerError {}
