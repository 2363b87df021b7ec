//! Large states and messages on a stack of 2 MiB, which is tokio's default for its threads.

mod common;

use tenure::prelude::*;

const STACK: usize = 2 * 1024 * 1024;

/// Has a state of this many KiB.
struct Large<const KIB: usize>([[u8; 1024]; KIB]);

impl<const KIB: usize> Actor for Large<KIB> {
    type Msg = ReplyTo<usize>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(self.0.len());
        Ok(())
    }
}

/// A message of this many KiB.
struct Parcel<const KIB: usize>([[u8; 1024]; KIB], Option<ReplyTo<usize>>);

struct Takes<const KIB: usize>(usize);

impl<const KIB: usize> Actor for Takes<KIB> {
    type Msg = Parcel<KIB>;

    async fn handle(&mut self, parcel: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        self.0 += parcel.0.len();
        if let Some(reply) = parcel.1 {
            reply.send(self.0);
        }
        Ok(())
    }
}

fn on_a_usual_stack<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let run = || {
        let runtime = common::current_thread();
        runtime.block_on(test());
    };
    let thread = std::thread::Builder::new().stack_size(STACK);
    thread.spawn(run).unwrap().join().unwrap();
}

fn spawn<const KIB: usize>(scope: &Scope) -> tenure::Result<ActorRef<ReplyTo<usize>>> {
    Ok(scope.spawn(Large([[0; 1024]; KIB]))?)
}

async fn state<const KIB: usize>() {
    tenure::scope(async |scope| {
        let large = spawn::<KIB>(&scope)?;
        assert_eq!(large.ask(|reply| reply).await?, KIB);
        Ok(())
    })
    .await
    .unwrap();
}

async fn message<const KIB: usize>() {
    tenure::scope(async |scope| {
        let takes = scope.spawn(Takes::<KIB>(0))?;
        takes.tell(Parcel([[0; 1024]; KIB], None)).await?;
        let asked = takes.ask(|reply| Parcel([[0; 1024]; KIB], Some(reply)));
        assert_eq!(asked.await?, 2 * KIB);
        Ok(())
    })
    .await
    .unwrap();
}

/// Makes the large state in its `start`.
struct Recipe<const KIB: usize>;

impl<const KIB: usize> Start for Recipe<KIB> {
    type Actor = Large<KIB>;

    async fn start(self, _: &mut Context<Large<KIB>>) -> tenure::Result<Large<KIB>> {
        Ok(Large([[0; 1024]; KIB]))
    }
}

async fn recipe<const KIB: usize>() {
    tenure::scope(async |scope| {
        let large = scope.spawn(Recipe::<KIB>)?;
        assert_eq!(large.ask(|reply| reply).await?, KIB);
        Ok(())
    })
    .await
    .unwrap();
}

/// Fails once, and is restarted from a clone.
#[derive(Clone)]
struct Again<const KIB: usize>([[u8; 1024]; KIB]);

impl<const KIB: usize> Actor for Again<KIB> {
    type Msg = Option<ReplyTo<usize>>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.ok_or("once more")?.send(self.0.len());
        Ok(())
    }
}

fn again<const KIB: usize>() -> ChildSpec<Again<KIB>> {
    ChildSpec::new(Again([[0; 1024]; KIB])).restart(Restart::OnFailure)
}

async fn restarted<const KIB: usize>() {
    tenure::scope(async |scope| {
        let large = scope.spawn(again::<KIB>())?;
        large.tell(None).await?;
        assert_eq!(large.ask(Some).await?, KIB);
        Ok(())
    })
    .await
    .unwrap();
}

async fn refused<const KIB: usize>() {
    tenure::scope(async |scope| {
        let spec = ChildSpec::new(Large([[0; 1024]; KIB])).name("not/a name");
        let refused = scope.spawn(spec).unwrap_err().into_inner();
        assert_eq!(refused.into_inner().0.len(), KIB);
        Ok(())
    })
    .await
    .unwrap();
}

#[test]
fn state_of_256_kib_is_spawned() {
    on_a_usual_stack(state::<256>);
}

#[test]
fn state_of_256_kib_is_made_by_its_start() {
    on_a_usual_stack(recipe::<256>);
}

#[test]
fn state_of_160_kib_is_restarted_from_a_clone() {
    on_a_usual_stack(restarted::<160>);
}

#[test]
fn state_of_96_kib_is_given_back_by_a_spawn_that_is_refused() {
    on_a_usual_stack(refused::<96>);
}

#[test]
fn message_of_48_kib_is_told_and_asked() {
    on_a_usual_stack(message::<48>);
}
