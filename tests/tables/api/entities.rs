//! Structs as kinds of items of one table.

use hashrange::{
    Database, Item, attr,
    entity::Entity,
    key::{N, S, begins_with},
};
use serde::Deserialize;

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

/// All that lies in a user's partition.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "entity", rename_all = "lowercase")]
enum OfUser {
    User(User),
    Order(Order),
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
