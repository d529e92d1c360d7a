//! Structs as kinds of items of one table.

use hashrange::{
    Database, Item,
    admin::index,
    attr,
    entity::Entity,
    key::{N, S, begins_with},
};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "user")]
#[key(pk = "USER#{id}", sk = "PROFILE")]
#[index(gsi1pk = "MAIL#{mail}")]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    mail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "order", attribute = "entity")]
#[key(pk = "USER#{user}", sk = "ORDER#{number:05}")]
struct Order {
    user: String,
    number: u32,
}

#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "reading", attribute = "type")]
#[key("sensor-id" = sensor, at = at)]
struct Reading {
    sensor: String,
    at: u64,
    value: f64,
}

/// A type of the name that a part of the derived code once had.
#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "stored")]
#[key(pk = "STORED#{id}")]
struct Stored {
    id: u8,
}

/// A field whose name is a keyword of Rust.
#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "part", attribute = "entity")]
#[key(pk = "{type}#{id:03}")]
struct Part {
    r#type: String,
    id: u8,
}

/// All that lies in a user's partition.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "entity", rename_all = "lowercase")]
enum OfUser {
    User(User),
    Order(Order),
}

#[test]
fn templates_name_a_field_that_is_a_keyword() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("parts").hash::<S>("pk").create()?;
    let part = Part { r#type: "bolt".into(), id: 7 };
    table.put(&part)?;
    assert_eq!(Part::key("bolt", 7), "bolt#007");
    let stored = table.get(Part::key("bolt", 7))?.unwrap().to_item();
    assert_eq!((&stored["type"], &stored["pk"]), (&"bolt".into(), &"bolt#007".into()));
    assert_eq!(table.get_as::<Part>(part.primary_key())?, Some(part));
    Ok(())
}

#[test]
fn kinds_share_a_table() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("shop").hash::<S>("pk").range::<S>("sk").create()?;
    let user = User { id: "u1".into(), mail: "a@b.c".into(), full_name: None };
    table.put(&user)?;
    for number in [7, 12, 100] {
        table.put_with(&Order { user: "u1".into(), number }).when(attr("pk").not_exists()).send()?;
    }
    let stored = table.get(User::key("u1"))?.unwrap().to_item();
    let expected = Item::new()
        .with("id", "u1")
        .with("mail", "a@b.c")
        .with("entity", "user")
        .with("pk", "USER#u1")
        .with("sk", "PROFILE")
        .with("gsi1pk", "MAIL#a@b.c");
    assert_eq!(stored, expected);
    assert_eq!(table.get_as::<User>(user.primary_key())?, Some(user.clone()));

    let orders: Vec<Order> = table.query(User::partition_key("u1")).entities().try_collect()?;
    assert_eq!(orders.iter().map(|order| order.number).collect::<Vec<_>>(), [7, 12, 100]);
    let by_prefix = table.query(Order::partition_key("u1")).range(begins_with(Order::SORT_PREFIX));
    assert_eq!(by_prefix.items().count(), 3);
    assert_eq!((User::SORT_PREFIX, Order::SORT_PREFIX), ("PROFILE", "ORDER#"));
    assert_eq!(Order::key("u1", 7), ("USER#u1".to_owned(), "ORDER#00007".to_owned()));
    let all: Vec<OfUser> = table.query("USER#u1").typed().try_collect()?;
    assert!(matches!(&all[0], OfUser::Order(order) if order.number == 7) && all[3] == OfUser::User(user));
    Ok(())
}

#[test]
fn fields_may_be_keys_themselves() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("readings").hash::<S>("sensor-id").range::<N>("at").create()?;
    let reading = Reading { sensor: "s1".into(), at: 5, value: 0.5 };
    table.put(&reading)?;
    let key: (String, u64) = Reading::key("s1".to_owned(), 5);
    let stored = table.get(key)?.unwrap();
    assert_eq!(stored.get("type").and_then(|kind| kind.as_str()), Some("reading"));
    assert_eq!(stored.iter().count(), 5, "sensor, at, value, sensor-id and type: {stored:?}");
    assert_eq!(stored.de::<Reading>()?, reading);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "job")]
#[key(pk = "JOB#{job_id}")]
#[index(due_date = due_date, gsi2pk = due_date)]
#[serde(rename_all = "camelCase")]
struct Job {
    job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_date: Option<u64>,
}

#[test]
fn keys_are_filled_from_fields_that_serde_renames() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let jobs = db
        .create_table("jobs")
        .hash::<S>("pk")
        .gsi(index("by_due").hash::<N>("due_date"))
        .gsi(index("by_copy").hash::<N>("gsi2pk"))
        .create()?;
    let due = Job { job_id: "j1".into(), due_date: Some(7) };
    jobs.put(&due)?;
    jobs.put(&Job { job_id: "j2".into(), due_date: None })?;
    for index in ["by_due", "by_copy"] {
        let found: Vec<Job> = jobs.query_index(index, [7]).typed().try_collect()?;
        assert_eq!(found, std::slice::from_ref(&due), "{index}");
        assert_eq!(jobs.scan().index(index).items().count(), 1, "{index}");
    }
    assert_eq!(
        jobs.get(Job::key("j1"))?.unwrap().iter().count(),
        6,
        "jobId, dueDate, entity, pk and two keys of indexes"
    );
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Entity, Deserialize)]
#[entity(kind = "article")]
#[key(pk = "ARTICLE#{id}")]
#[serde(tag = "type")]
struct Article {
    id: String,
    #[serde(with = "hashrange::item::set", default)]
    tags: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "entity", rename_all = "lowercase")]
enum OfShelf {
    Article(Article),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Numbered {
    number: u32,
    #[serde(flatten)]
    article: Article,
}

#[test]
fn an_empty_set_comes_back_through_every_type() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("shelf").hash::<S>("pk").create()?;
    let article = Article { id: "a1".into(), tags: BTreeSet::new() };
    table.put(&article)?;
    let stored = table.get(Article::key("a1"))?.unwrap();
    assert_eq!(stored.get("type").and_then(|name| name.as_str()), Some("Article"), "the name of the struct");
    assert_eq!(stored.de::<Article>()?, article);
    let all: Vec<OfShelf> = table.scan().typed().try_collect()?;
    assert_eq!(all, [OfShelf::Article(article.clone())]);
    table.update(Article::key("a1")).set("number", 4).send()?;
    assert_eq!(table.get_as::<Numbered>(Article::key("a1"))?, Some(Numbered { number: 4, article }));
    Ok(())
}

#[test]
fn an_entity_has_the_name_that_it_likes() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("shop").hash::<S>("pk").create()?;
    table.put(&Stored { id: 7 })?;
    assert_eq!(table.get(Stored::key("7"))?.unwrap().de::<Stored>()?, Stored { id: 7 });
    Ok(())
}
