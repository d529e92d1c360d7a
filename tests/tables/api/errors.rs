//! What an error says: its remedy, the service's words, the facts beside them, and what caused it.

use hashrange::{
    Database, Durability, Error, ErrorKind, Item,
    admin::{TableUpdate, index},
    attr,
    error::{CancellationReason, Detail},
    item::from_item,
    key::{N, S, gt},
    request::{TransactGetItem, TransactGetItems},
    schema::StreamView,
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use serde::Deserialize;
use std::{error::Error as _, io, sync::Arc};

#[track_caller]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn refused<T>(result: Result<T, Error>) -> Error {
    result.map(drop).unwrap_err()
}

#[test]
fn texts_stay_the_services_and_display_adds_the_facts() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let missing = refused(db.table::<S>("orders"));
    assert_eq!(missing.message(), "Requested resource not found");
    assert_eq!(missing.to_string(), "ResourceNotFoundException: Requested resource not found (Table: orders)");
    assert!(missing.is_not_found() && !missing.is_retryable());
    let named = refused(db.describe_table("orders"));
    assert_eq!(named.detail(), missing.detail());
    assert_eq!(named.to_string().matches("orders").count(), 1, "{named}");

    let orders = db.create_table("orders").hash::<S>("cust").range::<N>("total").create()?;
    let large = refused(orders.put(&Item::new().with("cust", "c").with("total", 1).with("x", "y".repeat(500_000))));
    assert_eq!(large.message(), "Item size has exceeded the maximum allowed size");
    let Some(Detail::ItemTooLarge { size_bytes: 500_013, limit_bytes: 409_600 }) = large.detail() else {
        panic!("{large}: {:?}", large.detail())
    };
    assert!(large.to_string().ends_with(" (it has 500013 bytes, 409600 are allowed)"), "{large}");

    let text = refused(orders.query("c").range(gt("ten")).page());
    assert!(text.message().ends_with("Condition parameter type does not match schema type"), "{text}");
    assert!(text.to_string().ends_with(" (key total expected: N actual: S)"), "{text}");
    let wrong = refused(orders.put(&Item::new().with("cust", "c").with("total", "ten")));
    assert!(matches!(wrong.detail(), Some(Detail::KeyType { attribute, index: None, .. }) if attribute == "total"));
    assert!(wrong.to_string().ends_with("Type mismatch for key total expected: N actual: S"), "said once: {wrong}");

    let key = Item::new().with("cust", "c");
    let mismatch = refused(db.execute(&TransactGetItems::new([TransactGetItem::new("orders", key)])));
    assert_eq!(mismatch.kind(), ErrorKind::TransactionCanceled);
    let dynamic = refused(db.dynamic_table("orders")?.delete_with(Item::new().with("cust", "c")).send());
    assert!(dynamic.to_string().ends_with("(the key is cust (S) and total (N))"), "{dynamic}");
    Ok(())
}

#[test]
fn a_table_says_what_it_has_already() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).ttl("end").create()?;
    let again = refused(db.create_table("orders").hash::<S>("id").create());
    assert_eq!(again.detail(), Some(&Detail::TableExists { table: "orders".to_owned() }));
    let stream = TableUpdate { stream: Some(Some(StreamView::NewAndOld)), ..TableUpdate::default() };
    let stream = refused(db.update_table("orders", stream));
    assert!(matches!(stream.detail(), Some(Detail::StreamUnchanged { is_enabled: true, .. })), "{stream}");
    let ttl = refused(db.update_ttl("orders", "end", true));
    assert!(matches!(ttl.detail(), Some(Detail::TtlUnchanged { is_enabled: true, .. })), "{ttl}");
    let unknown = refused(table.query_index("by_x", ["x"]).page());
    assert!(matches!(unknown.detail(), Some(Detail::NoIndex { index }) if index == "by_x"), "{unknown}");
    Ok(())
}

#[test]
fn an_index_key_that_is_refused_names_its_index() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let by_status = index("by_status").hash::<S>("status");
    let orders = db.create_table("orders").hash::<S>("id").gsi(by_status).create()?;
    let in_index = |error: &Error| match error.detail() {
        Some(Detail::KeyType { index, .. } | Detail::KeyEmpty { index, .. }) => index.clone(),
        _ => None,
    };
    let typed = refused(orders.put(&Item::new().with("id", "1").with("status", 7)));
    assert_eq!(in_index(&typed).as_deref(), Some("by_status"), "{typed}");
    let empty = refused(orders.update("1").set("status", "").send());
    assert_eq!(in_index(&empty).as_deref(), Some("by_status"), "{empty}");
    assert!(empty.message().contains("The update expression attempted to update a secondary index key"), "{empty}");
    Ok(())
}

#[test]
fn a_stored_item_that_does_not_fit_is_no_fault_of_the_request() -> hashrange::Result<()> {
    #[derive(Debug, Deserialize)]
    struct Row {
        #[expect(dead_code, reason = "only its type matters")]
        total: u32,
    }
    let error = from_item::<Row>(&Item::new().with("total", "many")).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Decode, "DecodeError"));
    assert!(error.kind().is_server_fault() && error.message().contains("total"), "{error}");
    Ok(())
}

#[test]
fn what_caused_an_error_is_kept() -> hashrange::Result<()> {
    let disk = SimulatedDisk::new(1);
    let db = Database::options().durability(Durability::Sync).background(false).open_on(Arc::new(disk.clone()))?;
    let table = db.create_table("orders").hash::<S>("id").create()?;
    disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::NoSpace));
    let failed = refused(table.put(&Item::new().with("id", "1")));
    assert_eq!((failed.kind(), failed.code()), (ErrorKind::Io, "IoError"));
    let source = failed.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(failed.io_kind(), Some(source.kind()));
    assert!(matches!(failed.detail(), Some(Detail::File { operation: "sync", .. })), "{:?}", failed.detail());

    let stopped = refused(table.put(&Item::new().with("id", "2")));
    assert_eq!((stopped.kind(), stopped.code()), (ErrorKind::Poisoned, "WritingStopped"));
    let cause = stopped.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(cause.to_string(), failed.to_string());
    assert_eq!(stopped.io_kind(), failed.io_kind());
    Ok(())
}

#[test]
fn a_closed_database_says_so() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("orders").hash::<S>("id").create()?;
    db.close()?;
    let error = refused(table.put(&Item::new().with("id", "1")));
    assert!(error.is_closed() && !error.is_retryable(), "{error}");
    Ok(())
}

#[test]
fn what_to_send_again() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("orders").hash::<S>("id").create()?;
    let check = db.transact_write().check(&table, "1", attr("id").exists()).send();
    let canceled = refused(check);
    assert!(canceled.is_transaction_canceled() && !canceled.is_retryable());
    let text = format!("{canceled:?}");
    assert!(text.contains("\n  action 0: ConditionalCheckFailed: The conditional request failed"), "{text}");

    let conflict = || CancellationReason::new("TransactionConflict", "Transaction is ongoing for the item.");
    assert!(Error::transaction_canceled(vec![CancellationReason::none(), conflict()]).is_retryable());
    let condition = CancellationReason::new("ConditionalCheckFailed", "The conditional request failed");
    assert!(!Error::transaction_canceled(vec![conflict(), condition]).is_retryable());
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    Ok(())
}
