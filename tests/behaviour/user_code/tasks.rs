//! Tasks, jobs and pipes.

use super::{Bomb, Msg, Then, assert_ends};
use crate::common::paused;

/// An error whose conversion panics.
struct Converts;

impl From<Converts> for tenure::Error {
    fn from(_: Converts) -> Self {
        panic!("converted")
    }
}

#[test]
fn panics_in_tasks() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a task's future",
                Box::new(|ctx| Ok(drop(ctx.task(async { panic!("polled") as () })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "its drop at a stop",
                Box::new(move |ctx| {
                    let bomb = Bomb;
                    Ok(drop(ctx.task(async move {
                        std::future::pending::<()>().await;
                        drop(bomb)
                    })?))
                }),
                Then::Stop,
                "failed",
            ),
            (
                "its drop at a kill",
                Box::new(move |ctx| {
                    let bomb = Bomb;
                    Ok(drop(ctx.task(async move {
                        std::future::pending::<()>().await;
                        drop(bomb)
                    })?))
                }),
                Then::Kill,
                "killed",
            ),
            (
                "the drop of its value",
                Box::new(|ctx| Ok(drop(ctx.task(async { Ok::<_, tenure::Error>(Bomb) })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "the conversion of its error",
                Box::new(|ctx| Ok(drop(ctx.task(async { Err::<(), _>(Converts) })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "the closure of a task with a token",
                Box::new(|ctx| {
                    Ok(drop(ctx.task_with(|_| -> std::future::Ready<()> {
                        panic!("called")
                    })?))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_jobs_and_pipes() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a blocking job",
                Box::new(|ctx| Ok(drop(ctx.blocking(|_| -> () { panic!("ran") })?))),
                Then::Nothing,
                "failed",
            ),
            (
                "a pipe's future",
                Box::new(|ctx| {
                    Ok(drop(
                        ctx.pipe(async { panic!("polled") as () }, |()| Msg::Sleep)?,
                    ))
                }),
                Then::Nothing,
                "failed",
            ),
            (
                "a pipe's closure",
                Box::new(|ctx| Ok(drop(ctx.pipe(async {}, |()| panic!("called"))?))),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}
