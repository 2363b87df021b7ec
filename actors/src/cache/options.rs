use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tenure::{ChildSpec, Context, Result, Start};

use super::actor::Cache;
use super::store::Store;

pub(super) type Loading<V> = Pin<Box<dyn Future<Output = Result<V>> + Send>>;
pub(super) type Load<K, V> = Arc<dyn Fn(K) -> Loading<V> + Send + Sync>;

/// The recipe that a [`Cache`] is started from. It is `Clone`; a cache that is restarted is empty.
#[must_use = "options do nothing until they are started"]
pub struct CacheOptions<K, V> {
    load: Load<K, V>,
    capacity: usize,
    time_to_live: Duration,
}

impl<K, V> CacheOptions<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// A cache of the values that `load` gives.
    pub fn new<F>(load: impl Fn(K) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<V>> + Send + 'static,
    {
        Self {
            load: Arc::new(move |key| Box::pin(load(key))),
            capacity: 1_024,
            time_to_live: Duration::MAX,
        }
    }

    /// How many values are kept; by default 1,024. With 0 no value is kept, and only loads are shared.
    pub fn capacity(mut self, values: usize) -> Self {
        self.capacity = values;
        self
    }

    /// How long a value is kept; by default for ever. With zero no value is kept.
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = time;
        self
    }

    /// The cache as a child.
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self)
    }
}

impl<K, V> Start for CacheOptions<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type Actor = Cache<K, V>;

    async fn start(self, _: &mut Context<Cache<K, V>>) -> Result<Cache<K, V>> {
        let store = Store::new(self.capacity, self.time_to_live);
        Ok(Cache::new(self.load, store))
    }
}

impl<K, V> Clone for CacheOptions<K, V> {
    fn clone(&self) -> Self {
        Self {
            load: Arc::clone(&self.load),
            capacity: self.capacity,
            time_to_live: self.time_to_live,
        }
    }
}

impl<K, V> fmt::Debug for CacheOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheOptions")
            .field("capacity", &self.capacity)
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}
