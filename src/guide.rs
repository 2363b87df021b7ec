//! The ways in which goroutines leak: one page each, with the leak in plain tokio and its counterpart here, both as
//! programs that run. And [how to test](testing) that nothing leaks.

#[doc = include_str!("../docs/guide/1-unanswered-receive.md")]
pub mod unanswered_receive {}

#[doc = include_str!("../docs/guide/2-unclosed-channel.md")]
pub mod unclosed_channel {}

#[doc = include_str!("../docs/guide/3-worker-without-stop.md")]
pub mod worker_without_stop {}

#[doc = include_str!("../docs/guide/4-timeout-that-leaves-its-work.md")]
pub mod timeout_that_leaves_its_work {}

#[doc = include_str!("../docs/guide/5-done-signal.md")]
pub mod done_signal {}

#[doc = include_str!("../docs/guide/6-pool-that-waits.md")]
pub mod pool_that_waits {}

#[doc = include_str!("../docs/guide/7-work-that-outlives-its-caller.md")]
pub mod work_that_outlives_its_caller {}

#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/guide/8-something-does-not-stop.md")]
pub mod something_does_not_stop {}
