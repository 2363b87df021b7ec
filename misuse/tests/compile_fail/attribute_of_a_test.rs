//! The attribute for tests says what to write instead.

#[tenure::test]
fn that_is_not_async() {}

#[tenure::test]
async fn with_arguments(number: u32) {}

#[tenure::test]
async fn with_parameters<T>() {}

#[tenure::test]
struct Something;

#[tenure::test]
#[test]
async fn twice() {}

#[tenure::test(paused, flavor = "multi_thread")]
async fn paused_on_several_threads() {}

#[tenure::test(worker_threads = 2)]
async fn workers_on_one_thread() {}

#[tenure::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_workers() {}

#[tenure::test(flavor = "local")]
async fn unknown_flavor() {}

#[tenure::test(pause)]
async fn unknown_option() {}

#[tenure::test(paused = true)]
async fn a_value_for_a_word() {}

#[tenure::test(paused, start_paused = true)]
async fn said_twice() {}

#[tenure::test(timeout = 5)]
async fn a_time_without_quotes() {}

#[tenure::test(timeout = "5 seconds")]
async fn a_time_of_another_form() {}

#[tenure::test(allow)]
async fn allow_alone() {}

#[tenure::test(allow(name = "till"))]
async fn allow_by_something_else() {}

#[tenure::test(paused timeout = "5s")]
async fn without_a_comma() {}

#[tenure::test(crate = "my-crate")]
async fn no_path() {}

fn main() {}
