use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::{FutureExt, stream};
use tenure::{Actor, Attached, Context, ReplyTo, Result, TaskHandle};

use super::error::LoadError;
use super::options::Load;
use super::store::Store;
use crate::caught_while;

/// The messages of a [`Cache`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CacheMsg<K: Send + 'static, V: Send + 'static> {
    /// Replies with the value of a key, and loads it first if it is not there.
    Get(K, ReplyTo<Result<V, LoadError>>),
    /// Keeps a value. A load of this key that is under way ends, and those who wait for it get this value.
    Insert(K, V),
    /// Forgets a value. Nobody else joins a load that is under way: the next `Get` begins another.
    Remove(K),
    /// Forgets all values, each as [`Remove`](CacheMsg::Remove) does.
    Clear,
    /// Replies with the number of values that are kept.
    Len(ReplyTo<usize>),
    /// A message of the cache to itself.
    #[doc(hidden)]
    Own(Own<K, V>),
}

/// A message of a cache to itself.
#[derive(Debug)]
pub struct Own<K, V>(Event<K, V>);

#[derive(Debug)]
enum Event<K, V> {
    /// The load with this number is over.
    Loaded(u64, K, Result<V, LoadError>),
    /// A caller who waited for this load has gone.
    Gone(u64),
}

/// A cache with shared loads. Started from [`CacheOptions`](super::CacheOptions).
pub struct Cache<K: Send + 'static, V: Send + 'static> {
    load: Load<K, V>,
    store: Store<K, V>,
    /// For each key, the load that the next `Get` of it joins.
    current: HashMap<K, u64>,
    loads: HashMap<u64, Shared<V>>,
    number: u64,
}

/// A load, and the callers who wait for it.
struct Shared<V: Send + 'static> {
    task: TaskHandle<()>,
    waiting: Vec<(ReplyTo<Result<V, LoadError>>, Attached)>,
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(super) fn new(load: Load<K, V>, store: Store<K, V>) -> Self {
        Self {
            load,
            store,
            current: HashMap::new(),
            loads: HashMap::new(),
            number: 0,
        }
    }

    fn get(
        &mut self,
        key: K,
        reply: ReplyTo<Result<V, LoadError>>,
        ctx: &mut Context<Self>,
    ) -> Result {
        if let Some(value) = self.store.get(&key) {
            reply.send(Ok(value));
            return Ok(());
        }
        let number = match self.current.get(&key) {
            Some(number) => *number,
            None => self.begin(key, ctx)?,
        };
        let gone = stream::once(reply.gone());
        let gone = ctx.attach(gone, move |()| CacheMsg::Own(Own(Event::Gone(number))));
        if let Some(shared) = self.loads.get_mut(&number) {
            shared.waiting.push((reply, gone));
        }
        Ok(())
    }

    fn begin(&mut self, key: K, ctx: &Context<Self>) -> Result<u64> {
        self.number += 1;
        let number = self.number;
        let (load, of) = (Arc::clone(&self.load), key.clone());
        // The call of the closure is inside: it is user code too, and may panic.
        let loading = caught_while(async move { load(of).await });
        let loading = loading.map(|loaded| match loaded {
            Ok(loaded) => loaded.map_err(|error| LoadError::Failed(Arc::new(error))),
            Err(panic) => Err(LoadError::Panicked(panic.into())),
        });
        let of = key.clone();
        let loaded = move |loaded| CacheMsg::Own(Own(Event::Loaded(number, of, loaded)));
        let task = ctx.pipe(loading, loaded)?;
        self.current.insert(key, number);
        let waiting = Vec::new();
        self.loads.insert(number, Shared { task, waiting });
        Ok(number)
    }

    fn loaded(&mut self, number: u64, key: K, loaded: Result<V, LoadError>) {
        let is_current = self.current.get(&key) == Some(&number);
        if is_current {
            self.current.remove(&key);
            if let Ok(value) = &loaded {
                self.store.insert(key, value.clone());
            }
        }
        self.reply(number, &loaded);
    }

    fn reply(&mut self, number: u64, loaded: &Result<V, LoadError>) {
        let shared = self.loads.remove(&number);
        for (reply, gone) in shared.into_iter().flat_map(|shared| shared.waiting) {
            gone.cancel();
            reply.send(loaded.clone());
        }
    }

    /// Ends the load if nobody waits for it any more.
    fn gone(&mut self, number: u64) {
        let Some(shared) = self.loads.get_mut(&number) else {
            return;
        };
        shared.waiting.retain(|(reply, _)| !reply.is_gone());
        if shared.waiting.is_empty() {
            self.cancel(number);
            self.current.retain(|_, current| *current != number);
        }
    }

    fn cancel(&mut self, number: u64) {
        if let Some(shared) = self.loads.remove(&number) {
            shared.task.cancel();
        }
    }

    fn insert(&mut self, key: K, value: V) {
        if let Some(number) = self.current.remove(&key) {
            if let Some(shared) = self.loads.get(&number) {
                shared.task.cancel();
            }
            self.reply(number, &Ok(value.clone()));
        }
        self.store.insert(key, value);
    }
}

impl<K, V> Actor for Cache<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type Msg = CacheMsg<K, V>;

    async fn handle(&mut self, msg: CacheMsg<K, V>, ctx: &mut Context<Self>) -> Result {
        match msg {
            CacheMsg::Get(key, reply) => self.get(key, reply, ctx)?,
            CacheMsg::Insert(key, value) => self.insert(key, value),
            CacheMsg::Remove(key) => {
                self.current.remove(&key);
                self.store.remove(&key);
            }
            CacheMsg::Clear => {
                self.current.clear();
                self.store.clear();
            }
            CacheMsg::Len(reply) => reply.send(self.store.len()),
            CacheMsg::Own(Own(Event::Loaded(number, key, loaded))) => {
                self.loaded(number, key, loaded);
            }
            CacheMsg::Own(Own(Event::Gone(number))) => self.gone(number),
        }
        Ok(())
    }

    fn label(msg: &CacheMsg<K, V>) -> &'static str {
        match msg {
            CacheMsg::Get(..) => "Get",
            CacheMsg::Insert(..) => "Insert",
            CacheMsg::Remove(_) => "Remove",
            CacheMsg::Clear => "Clear",
            CacheMsg::Len(_) => "Len",
            CacheMsg::Own(Own(Event::Loaded(..))) => "Loaded",
            CacheMsg::Own(Own(Event::Gone(_))) => "Gone",
        }
    }
}

impl<K: Send + 'static, V: Send + 'static> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("loads", &self.loads.len())
            .finish_non_exhaustive()
    }
}
