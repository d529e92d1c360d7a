//! The handles and streams for programs on tokio.

use hashrange::{
    Database, Error, Item,
    asynchronous::Asynchronous,
    attr,
    key::{N, S},
    schema::StreamView,
};
use tokio_stream::StreamExt;

/// Items of which one page holds some hundred.
const LARGE: usize = 10_000;

#[tokio::test]
async fn a_stream_has_what_the_iterator_has() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("notes").hash::<S>("author").range::<N>("at").create()?;
    let writer = table.asynchronous();
    for at in 0..250 {
        writer.put(Item::new().with("author", "ann").with("at", at).with("text", "x".repeat(LARGE))).await?;
    }
    assert!(table.query("ann").pages().count() > 1, "several pages, or the test shows little");
    let streamed: Vec<_> = table.query("ann").stream().collect::<hashrange::Result<_>>().await?;
    assert_eq!(streamed, table.query("ann").items().try_collect::<Vec<_>>()?);
    assert_eq!(table.query("ann").limit(120).stream().fold(0, |count, _| count + 1).await, 120);
    let filtered = table.scan().filter(attr("at").ge(240)).limit(5).stream();
    assert_eq!(filtered.fold(0, |count, _| count + 1).await, 5);

    let mut refused = table.query("ann").index("nowhere").stream();
    assert!(matches!(refused.next().await, Some(Err(_))));
    assert!(refused.next().await.is_none(), "an error ends it");
    Ok(())
}

#[tokio::test]
async fn changes_come_as_a_stream() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("notes").hash::<S>("id").stream(StreamView::NewAndOld).create()?;
    let mut batches = table.stream()?.checkpoint("reader").batches();
    let writer = table.asynchronous();
    let writing = tokio::spawn(async move {
        for id in ["a", "b", "c"] {
            writer.put(Item::new().with("id", id)).await?;
        }
        Ok::<_, Error>(())
    });
    let mut seen = 0;
    while seen < 3 {
        let batch = batches.next().await.expect("it does not end")?;
        seen += batch.records().len();
        tokio::task::spawn_blocking(move || batch.ack()).await.expect("no panic")?;
    }
    writing.await.expect("no panic")?;
    drop(batches);

    let mut changes = table.stream()?.checkpoint("one by one").deliveries();
    let mut ids = Vec::new();
    for round in 0..4 {
        let change = changes.next().await.expect("it does not end")?;
        let id = change.keys().get("id").and_then(|id| id.as_str()).map(str::to_owned).unwrap_or_default();
        if round > 0 {
            ids.push(id); // the first is dropped without an acknowledgement, and comes again
            tokio::task::spawn_blocking(move || change.ack()).await.expect("no panic")?;
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b", "c"]);
    drop(changes);
    db.asynchronous().close().await?;
    assert!(table.asynchronous().put(Item::new().with("id", "d")).await.unwrap_err().is_closed());
    Ok(())
}

#[test]
fn a_stream_of_batches_reads_nothing_until_it_is_polled() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("notes").hash::<S>("id").stream(StreamView::NewAndOld).create()?;
    table.put(&Item::new().with("id", "a"))?;
    // Without a runtime, in which alone it could be polled.
    drop(table.stream()?.checkpoint("reader").batches());
    Ok(())
}
