//! A cache in front of a database: handles whose requests it may answer.

use super::Database;
use crate::{
    cache::{AcceleratorOptions, AcceleratorStats, CacheUse, Cluster},
    error::Result,
    request::{CacheAccess, Page, Request},
};
use parking_lot::Mutex;
use std::{fmt, sync::Arc};

/// A cache in front of a database, as DAX is one in front of DynamoDB: [`Database::accelerator`]. Clones share it.
///
/// Requests of the handles that it gives out are answered by it where it can. Requests of other handles, time to live and
/// [`Database::transaction`] write around it: it answers what it had until the time of its entries is over, as the
/// service's does. What comes from the cache consumes no capacity. Policies decide on a request before the cache is asked.
///
/// ```
/// use hashrange::{Database, Item, accelerator::AcceleratorOptions, key::S, request::GetItem};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").create()?;
/// stock.put(&Item::new().with("sku", "bolt").with("left", 5))?;
///
/// let accelerator = db.accelerator(AcceleratorOptions::default())?;
/// let fast = accelerator.database().table::<S>("stock")?;
/// fast.get("bolt")?;
/// stock.put(&Item::new().with("sku", "bolt").with("left", 4))?; // around the cache
/// assert_eq!(fast.get("bolt")?.unwrap().get("left").unwrap().as_i64(), Some(5));
///
/// let answer = accelerator.execute(&GetItem::new("stock", Item::new().with("sku", "bolt")))?;
/// assert_eq!((answer.cache.hits, answer.cache.stale), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Accelerator {
    database: Database,
    cluster: Arc<Cluster<Page>>,
}

/// A response, and how the cache of an accelerator answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accelerated<T> {
    /// The response.
    pub response: T,
    /// How the cache answered.
    pub cache: CacheUse,
}

impl fmt::Debug for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accelerator({:?}, {:?})", self.cluster, self.database)
    }
}

impl Database {
    /// A cache in front of this database, which begins empty. Errors: an option makes no sense.
    pub fn accelerator(&self, options: AcceleratorOptions) -> Result<Accelerator> {
        let cluster = Arc::new(Cluster::new(options)?);
        let access = CacheAccess { cluster: cluster.clone(), node: None, seen: None };
        Ok(Accelerator { database: self.with_cache(access), cluster })
    }
    fn with_cache(&self, access: CacheAccess) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.with_cache(Some(access)) }
    }
}

impl Accelerator {
    /// The database behind the cache: requests of this handle, and of the tables that it gives out, are answered by the cache
    /// where it can. Each goes to a node that the seed decides.
    pub fn database(&self) -> &Database {
        &self.database
    }
    /// The same, by one node. Errors: there is no such node.
    pub fn node(&self, node: usize) -> Result<Database> {
        self.cluster.check_node(node)?;
        let access = CacheAccess { cluster: self.cluster.clone(), node: Some(node), seen: None };
        Ok(self.database.with_cache(access))
    }
    /// Carries out a request and says how the cache answered. Whether an answer is stale is found out by a read of the
    /// database, which consumes nothing. Errors: those of the request.
    pub fn execute<R: Request>(&self, request: &R) -> Result<Accelerated<R::Response>> {
        let seen = Arc::<Mutex<CacheUse>>::default();
        let access = CacheAccess { cluster: self.cluster.clone(), node: None, seen: Some(seen.clone()) };
        let response = self.database.with_cache(access).execute(request)?;
        let cache = *seen.lock();
        Ok(Accelerated { response, cache })
    }
    /// What was counted since the accelerator was made.
    pub fn stats(&self) -> AcceleratorStats {
        self.cluster.stats()
    }
    /// Restarts a node, which is empty then. Errors: there is no such node.
    pub fn restart_node(&self, node: usize) -> Result<()> {
        self.cluster.check_node(node)?;
        self.cluster.restart(node);
        Ok(())
    }
}
