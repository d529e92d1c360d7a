//! A shop in one table, and its second version: `cargo run -p hashrange --example shop`.
//!
//! Customers, products and orders are variants of one serde enum and share a table, told apart by the prefixes of their
//! keys: what is read together lies together. An order takes its products out of stock in one transaction, or fails as a
//! whole. The second version of the program adds an index, a stream and a view that the stream keeps, exactly once.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{
    Database, ErrorKind, Item, Result, Table,
    admin::{TableBuilder, index},
    attr,
    key::{S, begins_with},
    schema::StreamView,
    table::TransactWrite,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What the table holds. Each variant knows its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Entity {
    Customer { name: String, mail: String },
    Product { name: String, cents: u64, stock: u64 },
    Order { customer: String, status: Status, lines: Vec<Line>, cents: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Status {
    Open,
    Paid,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    pieces: u64,
}

/// An entity with its place in the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    pk: String,
    sk: String,
    #[serde(flatten)]
    entity: Entity,
}

/// Why an order was not placed.
#[derive(Debug, PartialEq)]
enum Refusal {
    OutOfStock { sku: String, left: u64 },
    OrderedBefore,
}

/// The shop.
struct Shop {
    db: Database,
    table: Table<(S, S)>,
}

/// The table as the first version of the program describes it.
fn version_1(db: &Database) -> TableBuilder<(S, S)> {
    db.create_table("shop").hash::<S>("pk").range::<S>("sk").gsi(index("by_mail").hash::<S>("mail").keys_only())
}

/// The table as the second one does: orders by status, and a stream.
fn version_2(db: &Database) -> TableBuilder<(S, S)> {
    version_1(db).gsi(index("by_status").hash::<S>("status").range::<S>("sk")).stream(StreamView::NewAndOld)
}

impl Shop {
    fn put(&self, pk: impl Into<String>, sk: impl Into<String>, entity: Entity) -> Result<()> {
        self.table.put(&Row { pk: pk.into(), sk: sk.into(), entity }).map(drop)
    }

    /// Takes products out of stock and writes the order, all or nothing. An order of the same number is written once.
    fn order(&self, customer: &str, number: u64, lines: &[(&str, u64)]) -> Result<std::result::Result<(), Refusal>> {
        let mut cents = 0;
        let mut transaction = self.db.transact_write();
        for (sku, pieces) in lines {
            if let Some(Row { entity: Entity::Product { cents: price, .. }, .. }) =
                self.table.get((format!("product#{sku}"), "product"))?.map(|row| row.de()).transpose()?
            {
                cents += price * pieces;
            }
            transaction = transaction.update(&self.table, (format!("product#{sku}"), "product"), |product| {
                product.add("stock", -i64::try_from(*pieces).unwrap_or(i64::MAX)).when(attr("stock").ge(*pieces))
            });
        }
        let lines_of = lines.iter().map(|(sku, pieces)| Line { sku: (*sku).to_owned(), pieces: *pieces });
        let entity =
            Entity::Order { customer: customer.to_owned(), status: Status::Open, lines: lines_of.collect(), cents };
        let row = Row { pk: format!("customer#{customer}"), sk: format!("order#{number:08}"), entity };
        let sent = transaction.put_with(&self.table, &row, |put| put.when(attr("pk").not_exists())).send();
        match sent {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.kind() == ErrorKind::TransactionCanceled => {
                // Each failed condition carries the item that it saw: how many pieces are left needs no other read.
                let reasons = error.cancellation_reasons();
                let failed = reasons.iter().position(|reason| reason.code() == "ConditionalCheckFailed");
                let Some((line, failed)) = failed.and_then(|at| Some((lines.get(at), reasons.get(at)?))) else {
                    return Err(error);
                };
                let left = failed.old_item().and_then(|item| item.get("stock")?.as_u64()).unwrap_or(0);
                Ok(Err(match line {
                    Some((sku, _)) => Refusal::OutOfStock { sku: (*sku).to_owned(), left },
                    None => Refusal::OrderedBefore,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Orders of a customer, the newest first, a page at a time.
    fn orders(&self, customer: &str, page_items: usize) -> Result<Vec<Vec<Row>>> {
        let query = self.table.query(format!("customer#{customer}")).range(begins_with("order#")).descending();
        let mut pages = Vec::new();
        for page in query.limit(page_items).pages() {
            let rows: Result<Vec<Row>> = page?.items.iter().map(|item| item.de()).collect();
            pages.push(rows?);
        }
        pages.retain(|page| !page.is_empty());
        Ok(pages)
    }
}

/// What was sold, kept by a consumer of the stream: each order counts once, however often the program ends.
fn keep_sales(shop: &Shop, sales: &Table<S>) -> Result<usize> {
    let mut consumer = shop.table.stream()?.checkpoint("sales");
    let mut records = 0;
    loop {
        let read = consumer.process_in_transaction(Duration::ZERO, |records, transaction| {
            // One action an item: what a batch sells of a product is summed up first.
            let mut sold: BTreeMap<String, u64> = BTreeMap::new();
            for placed in records.iter().filter(|record| record.old.is_none()).filter_map(|record| record.new.as_ref())
            {
                if let Entity::Order { lines, .. } = placed.de::<Row>()?.entity {
                    lines.into_iter().for_each(|line| *sold.entry(line.sku).or_default() += line.pieces);
                }
            }
            let add = |transaction: TransactWrite, (sku, pieces)| {
                transaction.update(sales, sku, |sale| sale.add("pieces", pieces))
            };
            Ok::<_, hashrange::Error>(sold.into_iter().fold(transaction, add))
        })?;
        if read == 0 {
            return Ok(records);
        }
        records += read;
    }
}

pub(crate) fn main() -> Result<()> {
    let db = Database::in_memory()?;
    let shop = Shop { table: version_1(&db).open_or_create()?, db: db.clone() };
    shop.put("customer#ann", "customer", Entity::Customer { name: "Ann".into(), mail: "ann@example.org".into() })?;
    shop.put("product#bolt", "product", Entity::Product { name: "Bolt".into(), cents: 5, stock: 100 })?;
    shop.put("product#nut", "product", Entity::Product { name: "Nut".into(), cents: 2, stock: 10 })?;

    assert_eq!(shop.order("ann", 1, &[("bolt", 8), ("nut", 8)])?, Ok(()));
    let refused = shop.order("ann", 2, &[("bolt", 8), ("nut", 8)])?;
    println!("the second order: {refused:?}");
    assert_eq!(refused, Err(Refusal::OutOfStock { sku: "nut".into(), left: 2 }));
    assert_eq!(shop.order("ann", 1, &[("bolt", 1)])?, Err(Refusal::OrderedBefore));
    for number in 3..8 {
        assert_eq!(shop.order("ann", number, &[("bolt", 1)])?, Ok(()));
    }
    let pages = shop.orders("ann", 4)?;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
    println!("the newest order of ann: {:?}", pages[0][0].entity);
    assert_eq!(shop.table.query_index("by_mail", ["ann@example.org"]).count()?, 1);

    // The second version of the program meets the table of the first.
    let refusal = version_2(&db).open_or_create().err();
    println!("version 2: {}", refusal.as_ref().map(ToString::to_string).unwrap_or_default());
    assert!(refusal.is_some());
    let shop = Shop { table: version_2(&db).open_or_update()?, db: db.clone() };
    db.wait_active("shop", Duration::from_secs(60))?;
    assert_eq!(shop.table.query_index("by_status", ["Open"]).count()?, 6);
    let sales = db.create_table("sales").hash::<S>("sku").open_or_create()?;
    assert_eq!(shop.order("ann", 9, &[("bolt", 7), ("nut", 1)])?, Ok(()));
    shop.table.update(("customer#ann", "order#00000009")).set("status", "Paid").send()?;
    keep_sales(&shop, &sales)?;
    assert_eq!(keep_sales(&shop, &sales)?, 0, "nothing is counted twice");
    for sale in sales.scan().items() {
        let sale: Item = sale?.to_item();
        println!("sold since version 2: {}", sale.to_json());
    }
    let bolts = sales.get("bolt")?.and_then(|sale| sale.get("pieces")?.as_u64());
    assert_eq!(bolts, Some(7));
    db.close()
}
