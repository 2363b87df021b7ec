//! What the attribute for tests makes, where its body or its runtime is not as it should be.

use tenure::testing::LeakCheck;
use tenure::testing::for_macros::{Builder, StartPaused as _};

fn gives_a_number() -> u32 {
    let runtime = Builder::new_current_thread().build().unwrap();
    let check = LeakCheck::on(runtime.handle());
    check.run(runtime, async { 7 })
}

fn has_no_paused_clock() {
    Builder::new_current_thread().start_paused(true);
}

fn main() {
    gives_a_number();
    has_no_paused_clock();
}
