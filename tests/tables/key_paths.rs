//! Key attributes are scalars: no expression of any operation may lead into one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hashrange::{
    Database, Error, Item, Table,
    admin::index,
    attr,
    key::{N, S},
};

fn table() -> (Database, Table<(S, N)>) {
    let db = Database::in_memory().unwrap();
    let by_mail = index("by_mail").hash::<S>("mail");
    let users = db.create_table("users").hash::<S>("id").range::<N>("version").gsi(by_mail).create().unwrap();
    users.put(&Item::new().with("id", "u1").with("version", 1).with("mail", "a@b.c")).unwrap();
    (db, users)
}

fn assert_refused<T>(outcome: Result<T, Error>, key: &str, place: &str) {
    let error = outcome.err().unwrap_or_else(|| panic!("{place}: a path into {key} was taken"));
    let expected =
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: ".to_owned() + key;
    assert_eq!(error.message(), expected, "{place}");
}

#[test]
fn no_expression_leads_into_a_key() {
    let (db, users) = table();
    let key = ("u1", 1);
    for (path, named) in [("id.a", "Key: id"), ("version[0]", "Key: version"), ("mail.a.b", "IndexKey: mail")] {
        let condition = || attr(path).eq(1);
        let item = Item::new().with("id", "u1").with("version", 1);
        assert_refused(users.put_with(&item).when(condition()).send(), named, "condition of a put");
        assert_refused(users.delete_with(key).when(condition()).send(), named, "condition of a delete");
        assert_refused(users.update(key).set("n", 1).when(condition()).send(), named, "condition of an update");
        assert_refused(users.update(key).set(path, 1).send(), named, "target of an update");
        assert_refused(users.update(key).set("n", attr(path)).send(), named, "source of an update");
        assert_refused(users.update(key).remove(path).send(), named, "removal of an update");
        assert_refused(db.transact_write().check(&users, key, condition()).send(), named, "check of a transaction");
        let put = db.transact_write().put_with(&users, &item, |put| put.when(condition()));
        assert_refused(put.send(), named, "put of a transaction");
        assert_refused(db.transaction(|tx| tx.check(&users, key, condition())), named, "check of a closure");
        assert_refused(users.get_with(key).project(path).send(), named, "projection of a get");
        assert_refused(users.batch_get_with([key]).project(path).send(), named, "projection of a batch get");
        assert_refused(
            db.transact_get().get(&users, key).project(path).send(),
            named,
            "projection of a transactional get",
        );
        assert_refused(users.query("u1").project(path).page(), named, "projection of a query");
        assert_refused(users.query("u1").filter(condition()).page(), named, "filter of a query");
        assert_refused(users.scan().project(path).page(), named, "projection of a scan");
        assert_refused(users.scan().filter(condition()).page(), named, "filter of a scan");
        assert_refused(users.scan_index("by_mail").filter(condition()).page(), named, "filter of a scan of an index");
    }
    assert_eq!(users.get_with(key).project("id, else1.a").send().unwrap().item.unwrap().to_item().len(), 1);
    assert_eq!(users.scan().filter(attr("else1.a").not_exists()).items().count(), 1);
    assert_eq!(users.get(key).unwrap().unwrap().to_item().len(), 3, "nothing was written");
}
