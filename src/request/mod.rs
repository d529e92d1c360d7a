//! Requests as plain values, and the one door through which they are executed.
//!
//! There is one type for each of DynamoDB's operations on items, named as DynamoDB names it: [`GetItem`], [`PutItem`],
//! [`UpdateItem`], [`DeleteItem`], [`Query`], [`Scan`], [`BatchGetItem`], [`BatchWriteItem`], [`TransactGetItems`] and
//! [`TransactWriteItems`]. A request is described by its public fields, names its table by name or by a handle, and may
//! borrow keys and items. [`Database::execute`](crate::Database::execute) carries it out; the handles of `table`, the
//! wire protocol and every other front end end there. [`AnyRequest`] holds whichever request a program made at run time.
//!
//! What concerns all operations is done here once: finding the table, keeping its definition for the time of the request,
//! conflicts between operations, client request tokens, and the [`Hook`] that a program may give to
//! [`OpenOptions::hook`](crate::OpenOptions::hook), which sees each request before and after.
//!
//! ```
//! use hashrange::{Database, Item, expression::ExpressionKind, key::S, request::{GetItem, PutItem}, attr};
//!
//! # fn main() -> hashrange::Result<()> {
//! let db = Database::in_memory()?;
//! db.create_table("stock").hash::<S>("sku").create()?;
//! let mut put = PutItem::new("stock", Item::new().with("sku", "bolt").with("left", 5));
//! put.condition = Some(attr("sku").not_exists().build(ExpressionKind::Condition)?);
//! db.execute(&put)?;
//! assert!(db.execute(&put).unwrap_err().is_condition_failed());
//! let found = db.execute(&GetItem::new("stock", Item::new().with("sku", "bolt")))?;
//! assert_eq!(found.item.as_ref().and_then(|item| item.get("left")?.as_i64()), Some(5));
//! assert_eq!(found.consumed().table, 0.5);
//! # Ok(())
//! # }
//! ```
//!
//! Imports: sync, error, capacity, faults, config, item, schema, expression, access, wal, partition, index, service, ledger, admission, cache, engine.

mod any;
mod asks;
mod batch_get_item;
mod batch_write_item;
mod cached;
mod caller;
mod delete_item;
mod executor;
mod explain;
mod faulted;
mod fingerprint;
mod get_item;
mod hook;
mod key;
mod key_paths;
mod lagged_read;
mod page;
mod page_charge;
mod page_token;
mod plan;
mod put_item;
mod query;
mod query_key;
mod range_read;
mod scan;
mod sort_range;
mod table_ref;
mod target;
mod transact_get_items;
mod transact_write_items;
mod transaction;
mod update_item;
mod write;
mod write_output;

pub use any::{AnyRequest, AnyResponse, RequestRef, ResponseRef};
pub(crate) use asks::{Names, describe_write, key_text};
pub use batch_get_item::{BatchGetItem, BatchGetOutput, KeysAndAttributes, MAX_BATCH_GET_KEYS};
pub use batch_write_item::{BatchWriteItem, BatchWriteOutput, MAX_BATCH_WRITES, WriteRequest};
pub(crate) use cached::{CacheAccess, hit_by_key};
pub(crate) use caller::{Caller, Report, ResourcePolicies};
pub use delete_item::DeleteItem;
pub use executor::{Executor, Request, Response};
pub(crate) use explain::Plans;
pub use get_item::{GetItem, GetOutput};
pub(crate) use get_item::{read_admitted, read_by_key};
pub use hook::{Call, Completion, Hook, Hooks};
pub(crate) use hook::{Coordinated, Coordination};
pub use key::{EncodeKey, RequestKey};
pub use page::{MAX_PAGE_BYTES, Page, PageOptions, Select};
pub(crate) use page_token::{TokenSeal, open_page_token};
pub use plan::{PlannedAccess, PlannedResource, RequestPlan};
pub use put_item::PutItem;
pub(crate) use query::PartQuery;
pub use query::Query;
pub use query_key::{QueryKey, SortCondition};
pub(crate) use range_read::RangeRead;
pub use scan::{MAX_SEGMENTS, Scan};
pub(crate) use sort_range::{RangeBounds, bounds as sort_bounds};
pub use table_ref::TableRef;
pub use transact_get_items::{TransactGetItem, TransactGetItems, TransactGetOutput};
pub(crate) use transact_write_items::MAX_TRANSACTION_BYTES;
pub use transact_write_items::{
    ClientRequestToken, ConditionCheck, MAX_TRANSACTION_ACTIONS, TransactOutput, TransactWriteItem, TransactWriteItems,
};
pub(crate) use transaction::{CommitTransaction, ReadNewest, Touched};
pub use update_item::UpdateItem;
pub(crate) use write::prepare_put;
pub use write_output::{ReturnValues, WriteOutput};
