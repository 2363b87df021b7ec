//! The power goes with any write. When it is back, everything that was acknowledged is there.

use axum::body::Bytes;
use images::job::{Made, Outcome, State, Thumbnail};
use images::settings::Limits;
use images::store::{NewJob, StoreMsg, StoreOptions};
use tenure::prelude::*;

use crate::disk::{Dice, Disk};

/// How many jobs are posted before each cut.
const JOBS: u64 = 24;
const AT_ONCE: u64 = 4;

fn new_job(number: u64) -> NewJob {
    NewJob {
        name: number.to_string(),
        format: "png".to_owned(),
        width: 1,
        height: 1,
        with_client: false,
        // From less than a page to several pages.
        image: Bytes::from(vec![number as u8; 300 + 1_500 * number as usize]),
    }
}

fn done(number: u64) -> Outcome {
    let bytes = vec![number as u8; 900];
    let made = Made {
        size: 128,
        width: 1,
        height: 1,
        media_type: "image/png".to_owned(),
        bytes: bytes.len() as u64,
    };
    Outcome::Done(vec![Thumbnail { made, bytes }])
}

/// What clients were told: which jobs were accepted, and which have ended.
#[derive(Default)]
struct Told {
    accepted: Vec<(u64, u64)>,
    ended: Vec<u64>,
}

/// Posts jobs and ends every second one, until all are posted or the power has gone.
async fn work(store: &ActorRef<StoreMsg>) -> Told {
    let mut told = Told::default();
    for first in (0..JOBS).step_by(AT_ONCE as usize) {
        let numbers: Vec<u64> = (first..first + AT_ONCE).collect();
        let accepts = numbers
            .iter()
            .map(|number| store.ask(move |reply| StoreMsg::Accept(new_job(*number), reply)));
        let accepts = futures_util::future::join_all(accepts).await;
        let mut of_group = Vec::new();
        for (number, accepted) in numbers.iter().zip(accepts) {
            if let Ok(accepted) = accepted.unwrap() {
                of_group.push((accepted.job.id, *number));
            }
        }
        for (id, number) in of_group.iter().step_by(2) {
            let end = store.ask(|reply| StoreMsg::End(*id, done(*number), reply));
            if end.await.unwrap().is_ok() {
                told.ended.push(*id);
            }
        }
        told.accepted.extend(of_group);
    }
    told
}

async fn check(store: &ActorRef<StoreMsg>, told: &Told) {
    let jobs = store.ask(StoreMsg::Jobs).await.unwrap().unwrap();
    for (id, number) in &told.accepted {
        let job = jobs.iter().find(|job| job.id == *id);
        let job = job.unwrap_or_else(|| panic!("job {id} is lost"));
        assert_eq!(job.name, number.to_string());
        assert!(job.state == State::Done || !told.ended.contains(id));
    }
    for job in &jobs {
        let number: u64 = job.name.parse().unwrap();
        let original = store.ask(|reply| StoreMsg::Original(job.id, reply)).await;
        let thumbnail = store
            .ask(|reply| StoreMsg::Thumbnail(job.id, 128, reply))
            .await;
        let (original, thumbnail) = (original.unwrap().unwrap(), thumbnail.unwrap().unwrap());
        match job.state {
            State::Done => {
                assert!(original.is_none());
                assert_eq!(thumbnail.unwrap(), vec![number as u8; 900]);
            }
            _ => {
                assert_eq!(original.unwrap(), new_job(number).image);
                assert!(thumbnail.is_none());
            }
        }
    }
    let totals = store.ask(StoreMsg::Totals).await.unwrap().unwrap();
    let are_done = jobs.iter().filter(|job| job.state == State::Done).count();
    assert_eq!(
        (totals.accepted, totals.done),
        (jobs.len() as u64, are_done as u64)
    );
}

/// Ends all that is left, twice. The second time counts for nothing.
async fn finish(store: &ActorRef<StoreMsg>) {
    let jobs = store.ask(StoreMsg::Jobs).await.unwrap().unwrap();
    for _ in 0..2 {
        for job in &jobs {
            let outcome = done(job.name.parse().unwrap());
            let end = store.ask(|reply| StoreMsg::End(job.id, outcome, reply));
            assert_eq!(end.await.unwrap().unwrap().unwrap().state, State::Done);
        }
    }
    let totals = store.ask(StoreMsg::Totals).await.unwrap().unwrap();
    assert_eq!(
        (totals.accepted, totals.done),
        (jobs.len() as u64, jobs.len() as u64)
    );
}

async fn with_store<T>(disk: &Disk, body: impl AsyncFnOnce(&ActorRef<StoreMsg>) -> T) -> T {
    let system = System::start().unwrap();
    let store = StoreOptions::with(disk.opener(), Limits::default());
    let store = system.start(store).await.unwrap();
    let given = body(&store).await;
    system.drain().await.unwrap();
    given
}

/// The number of writes to the disk when the store is opened, and after all of the work.
async fn writes() -> (u64, u64) {
    let disk = Disk::default();
    let opened = with_store(&disk, async |_| disk.writes()).await;
    let disk = Disk::default();
    with_store(&disk, async |store| work(store).await).await;
    (opened, disk.writes())
}

#[tenure::test(flavor = "multi_thread", timeout = "500s", patience = "10s")]
async fn whatever_was_acknowledged_outlives_a_power_cut() {
    let cuts = std::env::var("POWER_CUTS").map_or(60, |cuts| cuts.parse().unwrap());
    let (opened, all) = writes().await;
    assert!(all > opened + 100, "the work is written: {all}");
    let mut some_are_lost = false;
    for seed in 0..cuts {
        let mut dice = Dice(seed);
        // Before `Tables::new` has returned there is nothing to lose, so the power goes after that.
        let cut = opened + 1 + dice.roll(all - opened);
        let disk = Disk::default();
        let told = with_store(&disk, async |store| {
            disk.cut_at(cut, dice);
            work(store).await
        });
        let told = told.await;
        some_are_lost |= told.accepted.len() < JOBS as usize;
        let disk = disk.after_the_cut();
        println!(
            "seed {seed}: cut at write {cut}, {} accepted",
            told.accepted.len()
        );
        with_store(&disk, async |store| {
            check(store, &told).await;
            finish(store).await;
        })
        .await;
    }
    assert!(some_are_lost, "the power has never gone in the middle");
}

/// A commit that fails late may be on the disk, but its clients were told that it is not.
#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn job_that_was_refused_is_not_done_although_the_disk_has_it() {
    let (mut were_there, mut refused) = (0, 0);
    for later in 1.. {
        let disk = Disk::default();
        let is_through = with_store(&disk, async |store| {
            let accept = |number| store.ask(move |reply| StoreMsg::Accept(new_job(number), reply));
            let first = accept(1).await.unwrap().unwrap().job.id;
            disk.fail_at(disk.writes() + later);
            let is_through = accept(2).await.unwrap().is_ok();
            refused += u32::from(!is_through);
            disk.heal();
            let third = accept(3).await.unwrap();
            // A commit may leave something for the next one to write.
            let third = match third {
                Ok(accepted) => accepted,
                Err(_) => accept(3).await.unwrap().unwrap(),
            };
            let jobs = store.ask(StoreMsg::Jobs).await.unwrap().unwrap();
            for job in jobs {
                let was_refused = job.name == "2" && !is_through;
                let is_cancelled = matches!(job.state, State::Cancelled { .. });
                assert_eq!(is_cancelled, was_refused, "{job:?}");
                were_there += u32::from(is_cancelled);
            }
            assert!(third.job.id > first);
            is_through
        });
        if is_through.await {
            break;
        }
    }
    println!("{were_there} of {refused} that were refused were on the disk");
    assert!(were_there > 0, "no commit has failed after it was written");
}
