//! The shortest way through every room.

use hashrange::{
    Database, Durability, Item,
    admin::index,
    key::{N, S, begins_with},
};

#[test]
fn a_table_keeps_what_is_put_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let db = Database::open(folder.path()).unwrap();
        let orders = db
            .create_table("orders")
            .hash::<S>("cust")
            .range::<S>("order")
            .lsi(index("by_total").range::<N>("total"))
            .gsi(index("by_status").hash::<S>("status").range::<N>("total"))
            .create()
            .unwrap();
        for i in 0..500 {
            let item = Item::new()
                .with("cust", format!("c#{}", i % 7))
                .with("order", format!("o#{i:05}"))
                .with("status", if i % 3 == 0 { "OPEN" } else { "PAID" })
                .with("total", 1000 - i);
            orders.put_with(&item).durability(Durability::Buffered).send().unwrap();
        }
        let item = orders.get(("c#1", "o#00001")).unwrap().unwrap();
        assert_eq!(item.get("total").unwrap().as_i64(), Some(999));
        assert_eq!(orders.query("c#1").items().count(), 72);
        db.flush().unwrap();
        assert_eq!(orders.query("c#1").range(begins_with("o#0010")).items().count(), 1);
        assert_eq!(orders.scan().items().count(), 500);
        orders.delete(("c#1", "o#00001")).unwrap();
        db.verify().unwrap();
    }
    let db = Database::open(folder.path()).unwrap();
    let orders = db.table::<(S, S)>("orders").unwrap();
    assert_eq!(orders.scan().items().count(), 499);
    assert!(orders.get(("c#1", "o#00001")).unwrap().is_none());
    let last = orders.query("c#2").descending().limit(1).items().next().unwrap().unwrap();
    assert_eq!(last.get("order").unwrap().as_str(), Some("o#00499"));
    assert_eq!(orders.query("c#2").index("by_total").items().count(), 72);
    let open = db.dynamic_table("orders").unwrap();
    assert_eq!(open.query("OPEN").index("by_status").items().count(), 167);
    assert_eq!(open.scan().index("by_status").items().count(), 499);
    db.verify().unwrap();
    db.compact().unwrap();
    let report = db.verify().unwrap();
    assert_eq!((report.items, report.index_entries), (499, 998));
}
