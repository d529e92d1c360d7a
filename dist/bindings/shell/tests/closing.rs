//! Closing, and panics inside, as both languages need them.

use hashrange::{
    Database, Durability, Item,
    key::S,
    request::{Call, Completion, Hook},
};
use hashrange_shell::{Embedded, Failure, Settings};
use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

const LIST: &str = "DynamoDB_20120810.ListTables";

fn open(folder: &Path) -> Result<Embedded, Failure> {
    Embedded::open(Settings { folder: Some(folder.to_owned()), ..Settings::default() })
}

fn call(db: &Embedded, operation: &str, body: &str) -> String {
    let answer = db.handle(&format!("DynamoDB_20120810.{operation}"), body.as_bytes()).unwrap().unwrap();
    let body = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{operation}: {body}");
    body
}

struct Panics;

impl Hook for Panics {
    fn before(&self, call: &Call<'_>) -> hashrange::Result<()> {
        assert!(call.tables.iter().all(|table| table.name != "planted"), "a table that panics");
        Ok(())
    }

    fn after(&self, _: &Call<'_>, _: &Completion<'_>) {}
}

#[test]
fn a_panic_inside_is_a_failure_and_later_requests_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::options().hook(Arc::new(Panics)).open(folder.path()).unwrap();
    for name in ["planted", "whole"] {
        database.create_table(name).hash::<S>("k").create().unwrap();
    }
    let db = Embedded::over(database);
    let put = |table: &str| {
        let body = format!(r#"{{"TableName":"{table}","Item":{{"k":{{"S":"a"}}}}}}"#);
        db.handle("DynamoDB_20120810.PutItem", body.as_bytes())
    };
    let failure = put("planted").unwrap_err();
    assert_eq!(failure.code(), "InternalError");
    assert!(failure.to_string().contains("a table that panics"), "{failure}");
    assert_eq!(put("whole").unwrap().unwrap().status, 200);
    db.close().unwrap();
    let again = open(folder.path()).unwrap();
    assert!(call(&again, "Scan", r#"{"TableName":"whole"}"#).contains(r#""Count":1"#));
}

#[test]
fn a_close_waits_for_what_was_accepted_and_another_close_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).unwrap();
    let accepted = db.accept().unwrap();
    let (done, ends) = mpsc::channel();
    for _ in 0..2 {
        let (db, done, folder) = (db.clone(), done.clone(), folder.path().to_owned());
        thread::spawn(move || {
            db.close().unwrap();
            // Either call, when it returns, has left the folder free.
            done.send(Database::open(folder).map(drop).map_err(|error| error.code().to_owned())).unwrap();
        });
    }
    let begin = Instant::now();
    while !matches!(db.accept(), Err(Failure::Closed)) {
        assert!(begin.elapsed() < Duration::from_secs(30), "no close begins");
        thread::yield_now();
    }
    assert!(ends.recv_timeout(Duration::from_millis(50)).is_err(), "a close did not wait");
    assert_eq!(accepted.handle(LIST, b"{}").unwrap().unwrap().status, 200);
    drop(accepted);
    let ends: Vec<_> = (0..2).map(|_| ends.recv_timeout(Duration::from_secs(30)).unwrap()).collect();
    // The two openings may meet each other; neither may meet the database that was closed.
    assert!(ends.iter().any(Result::is_ok), "{ends:?}");
    assert!(matches!(db.handle(LIST, b"{}"), Err(Failure::Closed)));
    db.close().unwrap();
}

#[test]
fn the_last_handle_that_is_dropped_interrupts_a_restore_and_frees_the_folder() {
    const ITEMS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let database = Database::options().durability(Durability::Buffered).open(folder.path()).unwrap();
    let table = database.create_table("source").hash::<S>("k").create().unwrap();
    for n in 0..ITEMS {
        table.put(&Item::new().with("k", format!("{n}"))).unwrap();
    }
    drop(table);
    let db = Embedded::over(database);
    let made = call(&db, "CreateBackup", r#"{"TableName":"source","BackupName":"kept"}"#);
    let (_, rest) = made.split_once(r#""BackupArn":""#).unwrap();
    let (backup, _) = rest.split_once('"').unwrap();
    let restore = format!(r#"{{"TargetTableName":"copy","BackupArn":"{backup}"}}"#);
    call(&db, "RestoreTableFromBackup", &restore);
    drop(db);
    let again = open(folder.path()).unwrap();
    let begin = Instant::now();
    while !call(&again, "DescribeTable", r#"{"TableName":"copy"}"#).contains(r#""TableStatus":"ACTIVE""#) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the restore does not go on");
        thread::sleep(Duration::from_millis(10));
    }
    let count = call(&again, "Scan", r#"{"TableName":"copy","Select":"COUNT"}"#);
    assert!(count.contains(&format!(r#""Count":{ITEMS}"#)), "{count}");
}
