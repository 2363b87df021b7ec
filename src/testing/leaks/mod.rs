//! Finds what began in a test and is alive at its end.

mod allowed;
mod leak_check;
mod report;
mod run;
mod test_output;

pub use leak_check::LeakCheck;
pub use report::Leaks;
pub use test_output::TestOutput;
