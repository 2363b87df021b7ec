//! Keys, values and messages whose own code panics.

use tenure::prelude::*;
use tenure_actors::cache::{CacheMsg, CacheOptions};
use tenure_actors::groups::{Groups, GroupsMsg};
use tokio::time::sleep;

use super::{BAD, sound};
use crate::common::{paused, settled};
use crate::gauge::ms;

/// A number whose code panics if it is the bad one.
#[derive(Debug, PartialEq, Eq)]
struct Fragile(u32);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        Self(sound(self.0))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct BadKey(u32);

impl std::hash::Hash for BadKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        sound(self.0).hash(state);
    }
}

/// Awaits a reply. Returns whether it is told that none will come, because its handler or one that it waited for has
/// failed.
async fn is_told<T>(ask: impl IntoFuture<Output = Result<T, AskError>>) -> bool {
    matches!(ask.await, Err(AskError::Failed | AskError::NoReply))
}

#[test]
fn message_whose_clone_panics_fails_the_groups_and_their_caller_is_answered() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let groups = scope.spawn(ChildSpec::new(Groups::<Fragile>::new()).contain())?;
            let member = scope.spawn(Sieve)?.recipient();
            let group = String::from("all");
            groups
                .ask(|reply| GroupsMsg::Join {
                    group,
                    member,
                    reply,
                })
                .await??;
            let (group, message) = (String::from("all"), Fragile(BAD));
            let tell = groups.ask(|reply| GroupsMsg::TellAll {
                group,
                message,
                reply,
            });
            assert!(is_told(tell).await);
            Ok(())
        })
        .await
        .unwrap();
    });
}

struct Sieve;

impl Actor for Sieve {
    type Msg = Fragile;

    async fn handle(&mut self, _: Fragile, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn key_or_value_whose_code_panics_fails_the_cache_and_all_who_wait_are_answered() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let load = |key: BadKey| async move {
                sleep(ms(100)).await;
                Ok(Fragile(key.0 - 10))
            };
            let cache = CacheOptions::new(load).spec().restart(Restart::OnFailure);
            let cache = scope.spawn(cache)?;
            check.node(cache.node());
            let get = |key| cache.ask(move |reply| CacheMsg::Get(BadKey(key), reply));
            // One caller waits for a load when another one brings the key whose hash panics.
            let bad_key = async {
                settled().await;
                is_told(get(BAD)).await
            };
            let (waits, bad_key) = tokio::join!(is_told(get(11)), bad_key);
            assert!(waits && bad_key);
            // The clone of this value panics.
            let get_bad = || get(10 + BAD);
            let (one, other) = tokio::join!(is_told(get_bad()), is_told(get_bad()));
            assert!(one && other);
            assert_eq!(get(11).await?.unwrap(), Fragile(1), "it is restarted");
            Ok(())
        })
        .await
        .unwrap();
    });
}
