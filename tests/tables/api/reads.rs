//! Reading typed, the first and the last item, and cursors that travel through a client.

use hashrange::{
    Database, ErrorKind, Item, Result, Table,
    admin::index,
    attr,
    key::{N, S, gt},
};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
struct Note {
    author: String,
    at: u32,
}

fn notes(db: &Database) -> Result<Table<(S, N)>> {
    let by_kind = index("by_kind").hash::<S>("kind").range::<N>("at");
    let notes = db.create_table("notes").hash::<S>("author").range::<N>("at").gsi(by_kind).create()?;
    for at in 1..=5 {
        notes.put(&Item::new().with("author", "ann").with("at", at).with("kind", "k"))?;
    }
    Ok(notes)
}

#[test]
fn reads_are_typed() -> Result<()> {
    let db = Database::in_memory()?;
    let notes = notes(&db)?;
    let all: Vec<Note> = notes.query("ann").typed().try_collect()?;
    assert_eq!(all.iter().map(|note| note.at).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(notes.scan().limit(2).typed::<Note>().count(), 2);
    assert_eq!(notes.query("ann").page()?.typed::<Note>()?, all);
    assert_eq!(notes.get_as::<Note>(("ann", 3))?, Some(Note { author: "ann".into(), at: 3 }));
    assert_eq!(notes.get_as::<Note>(("ann", 9))?, None);
    let first = notes.query("ann").range(gt(1)).first()?.unwrap();
    let last = notes.query("ann").last()?.unwrap();
    assert_eq!((first.get("at").unwrap().as_u64(), last.get("at").unwrap().as_u64()), (Some(2), Some(5)));
    assert!(notes.query("bob").first()?.is_none());
    let items: Vec<_> = notes.query("ann").items().try_collect()?;
    assert_eq!(items.len(), 5);

    notes.put(&Item::new().with("author", "ann").with("at", 2.5))?;
    let mut mixed = notes.query("ann").typed::<Note>();
    let error = mixed.by_ref().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(mixed.count(), 3, "the next items can still be read");
    Ok(())
}

#[test]
fn a_token_is_good_for_its_read_only() -> Result<()> {
    let db = Database::options().page_token_key([7; 16]).in_memory()?;
    let table = notes(&db)?;
    let page = table.query("ann").limit(2).page()?;
    let token = page.next_token().unwrap();
    let rest: Vec<Note> = table.query("ann").start_at(&token).typed().try_collect()?;
    assert_eq!(rest.iter().map(|note| note.at).collect::<Vec<_>>(), [3, 4, 5]);
    let backwards = table.query("ann").descending().start_at(token.as_str()).items().count();
    assert_eq!(backwards, 1);
    assert!(table.query("ann").page()?.next_token().is_none());

    // Of the index, of another table, of a database with another key; and every single change.
    let of_index = table.query_index("by_kind", ["k"]).limit(2).page()?.next_token().unwrap();
    assert_eq!(table.query_index("by_kind", ["k"]).start_at(&of_index).items().count(), 3);
    let other = db.create_table("other").hash::<S>("author").range::<N>("at").create()?;
    let elsewhere = notes(&Database::options().page_token_key([8; 16]).in_memory()?)?;
    let same_key = notes(&Database::options().page_token_key([7; 16]).in_memory()?)?;
    assert_eq!(same_key.query("ann").start_at(&token).page()?.count, 3, "servers with one key share tokens");
    for refused in [
        table.query("ann").start_at(&of_index).page(),
        table.query_index("by_kind", ["k"]).start_at(&token).page(),
        other.query("ann").start_at(&token).page(),
        elsewhere.query("ann").start_at(&token).page(),
        table.query("ann").start_at("").page(),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Validation);
    }
    for at in 0..token.len() {
        let changed: String = token
            .chars()
            .enumerate()
            .map(|(i, c)| if i == at { if c == 'A' { 'B' } else { 'A' } } else { c })
            .collect();
        assert!(changed == token || table.query("ann").start_at(changed).page().is_err(), "character {at}");
    }
    Ok(())
}

#[test]
fn a_count_has_the_error_that_an_iterator_counts_as_an_item() -> Result<()> {
    let db = Database::in_memory()?;
    let notes = notes(&db)?;
    assert_eq!((notes.query("ann").count()?, notes.scan().count()?, notes.query("bob").count()?), (5, 5, 0));
    assert_eq!((notes.query("ann").limit(2).count()?, notes.scan().limit(9).count()?), (2, 5));
    let late = || notes.scan().filter(attr("at").gt(2) | attr("at").eq(0));
    assert_eq!((late().count()?, late().limit(2).count()?), (3, 2));
    assert_eq!(notes.query_index("by_kind", ["k"]).range(gt(1)).count()?, 4);
    let absent = || notes.scan().index("by_nothing");
    assert_eq!(absent().items().count(), 1);
    assert_eq!(absent().count().unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(db.statement("SELECT * FROM notes WHERE author = 'ann'").count()?, 5);
    assert_eq!(db.statement("SELECT * FROM absent").count().unwrap_err().kind(), ErrorKind::NotFound);
    Ok(())
}
