//! What starts a task gives no handle by which it could leave its owner.

use tenure::prelude::*;

async fn detach(scope: Scope) {
    let task = scope.task(async {}).unwrap();
    task.abort();
    task.detach();
    let handle: tokio::task::JoinHandle<()> = task.into();
    drop(handle);
}

fn main() {}
