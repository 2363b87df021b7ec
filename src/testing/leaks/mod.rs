//! What is alive at the end of a test that began in it.

mod allowed;
mod leak_check;
mod report;
mod run;
mod test_output;

pub use leak_check::LeakCheck;
pub use report::Leaks;
pub use test_output::TestOutput;
