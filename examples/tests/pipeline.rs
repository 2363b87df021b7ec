//! The pipeline of `10-pipeline`.

#[path = "../10-pipeline/batcher.rs"]
mod batcher;
#[path = "../10-pipeline/books.rs"]
mod books;
#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../10-pipeline/pipeline.rs"]
mod pipeline;
#[path = "../10-pipeline/sink.rs"]
mod sink;
#[path = "../10-pipeline/source.rs"]
mod source;

use std::sync::Arc;
use std::time::Duration;

use batcher::{Batcher, BatcherMsg, DELAY, FULL};
use books::Books;
use common::paused;
use pipeline::Plan;
use sink::{Disk, Sink};
use tenure::prelude::*;
use tokio::time::sleep;

/// A disk that does not fail within a test.
fn sound() -> Arc<Disk> {
    Arc::new(Disk::failing_each(1_000_000))
}

/// A batcher and its sink.
fn batcher(owner: &Spawner, disk: &Arc<Disk>, books: &Arc<Books>) -> RefTo<Batcher> {
    let disk = Arc::clone(disk);
    let sink = ChildSpec::new(Sink { disk })
        .restart(Restart::OnFailure)
        .intensity(3, Duration::from_secs(10))
        .contain();
    let sink = owner.spawn(sink).unwrap();
    owner.spawn(Batcher::new(sink, Arc::clone(books))).unwrap()
}

/// Waits until this many items are stored, and returns them.
async fn stored(disk: &Disk, count: usize) -> Vec<u64> {
    while disk.stored().len() < count {
        tokio::task::yield_now().await;
    }
    disk.stored()
}

async fn tell(batcher: &RefTo<Batcher>, items: std::ops::Range<u64>) {
    for item in items {
        batcher.tell(BatcherMsg::Item(item)).await.unwrap();
    }
}

#[test]
fn a_full_batch_is_stored_at_once_and_the_rest_after_the_delay() {
    paused(async |_check| {
        let (disk, books) = (sound(), Arc::default());
        let system = System::start().unwrap();
        let batcher = batcher(&system, &disk, &books);
        let full = FULL as u64;
        tell(&batcher, 0..full + 1).await;
        assert_eq!(stored(&disk, 1).await, Vec::from_iter(0..full));
        sleep(DELAY - Duration::from_millis(1)).await;
        assert_eq!(disk.stored().len(), FULL);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(stored(&disk, FULL + 1).await, Vec::from_iter(0..full + 1));
        system.drain().await.unwrap();
    });
}

#[test]
fn a_drain_stores_what_is_not_a_batch_yet() {
    paused(async |_check| {
        let (disk, books) = (sound(), Arc::default());
        let system = System::start().unwrap();
        let batcher = batcher(&system, &disk, &books);
        tell(&batcher, 0..5).await;
        system.drain().await.unwrap();
        assert_eq!(disk.stored(), Vec::from_iter(0..5));
        assert_eq!(books.missed(), []);
    });
}

#[test]
fn a_batch_that_fails_is_stored_once_whether_it_failed_before_or_after() {
    paused(async |_check| {
        let (disk, books) = (Arc::new(Disk::failing_each(2)), Arc::default());
        let system = System::start().unwrap();
        let batcher = batcher(&system, &disk, &books);
        // What becomes of the writes: stored; failed before storing; failed after storing; found to be stored.
        tell(&batcher, 0..3 * FULL as u64).await;
        assert_eq!(
            stored(&disk, 3 * FULL).await,
            Vec::from_iter(0..3 * FULL as u64)
        );
        // The batcher is drained by itself, because a sink is not restarted once the system drains.
        batcher.drain().await.unwrap();
        system.drain().await.unwrap();
        assert_eq!(books.missed(), []);
    });
}

#[test]
fn what_a_sink_that_is_given_up_has_not_stored_is_named() {
    paused(async |_check| {
        let (disk, books) = (Arc::new(Disk::failing_each(1)), Arc::<Books>::default());
        let dead = Arc::clone(&books);
        let hook = move |letter: &tenure::DeadLetter<'_>| {
            if let Some(BatcherMsg::Item(item)) = letter.downcast_ref() {
                dead.miss(&[*item]);
            }
        };
        let system = System::builder().on_dead_letter(hook).start().unwrap();
        let batcher = batcher(&system, &disk, &books);
        tell(&batcher, 0..FULL as u64 + 3).await;
        batcher.stopped().await.unwrap_err();
        system.stopped().await.unwrap_err();
        let mut missed = books.missed();
        missed.sort_unstable();
        assert_eq!(missed, Vec::from_iter(0..FULL as u64 + 3));
        books.audit(&disk.stored()).unwrap();
    });
}

#[test]
fn a_sink_that_fails_while_all_drain_is_restarted_and_nothing_is_missed() {
    for failing_each in 2..12 {
        paused(async |_check| {
            let disk = Arc::new(Disk::failing_each(failing_each));
            let books = Arc::<Books>::default();
            let plan = Plan {
                period: Duration::from_millis(10),
                books: Arc::clone(&books),
                disk: Arc::clone(&disk),
            };
            let system = System::start().unwrap();
            let root = ChildSpec::new(plan).grace(Duration::from_secs(20));
            let root = system.start(root).await.unwrap();
            sleep(Duration::from_millis(1_005)).await;
            root.drain().await.unwrap();
            system.drain().await.unwrap();
            assert_eq!(books.missed(), []);
            assert!(books.accepted() > 50);
            assert_eq!(disk.stored(), Vec::from_iter(0..books.accepted()));
        });
    }
}
