//! What requests cost, which keys are hot, and other designs for them.

use super::support::{get, get_with, post, send_body, watched};
use hashrange::{
    Clock, Database, Item,
    capacity::CapacityModel,
    key::S,
    ledger::{LedgerOptions, Prices},
};
use hashrange_console::{Console, ConsoleOptions};
use serde_json::Value;

/// A table where one key of 40 takes most of the writes.
fn busy() -> (Database, Console) {
    let (db, console) = watched(|options| options);
    let table = db.create_table("events").hash::<S>("device").create().unwrap();
    for number in 0..400 {
        let device = if number % 4 == 0 { format!("d{}", number / 4 % 40) } else { "d<7>".to_owned() };
        table.put(&Item::new().with("device", device).with("at", number)).unwrap();
    }
    (db, console)
}

#[test]
fn parts_add_up_to_what_the_ledger_has() {
    let (db, console) = busy();
    db.table::<S>("events").unwrap().get("d1").unwrap();
    let ledger = db.ledger().unwrap();
    for by in ["operation", "table", "index", "tag", "partition", "minute", "table,operation"] {
        let costs = get_with(&console, "api/costs", &[("by", by)]).good().json();
        let sum: f64 = costs["rows"].as_array().unwrap().iter().map(|row| row["write_units"].as_f64().unwrap()).sum();
        assert_eq!(sum, ledger.total(|_| true).write_milliunits as f64 / 1_000.0, "{by}");
        assert_eq!(costs["total"]["read_units"], 0.5, "{by}");
    }
    for by in ["shoe", "minute,minute"] {
        assert_eq!(get_with(&console, "api/costs", &[("by", by)]).status, 400, "{by}");
        assert_eq!(get_with(&console, "api/costs/over-time", &[("by", by)]).status, 400, "{by}");
    }
    assert_eq!(get_with(&console, "costs", &[("by", "table"), ("by", "table")]).status, 400);
    let minutes = get(&console, "api/minutes").good().json();
    assert!(!minutes.as_array().unwrap().is_empty());
    assert!(get(&console, "costs").good().text.contains("PutItem"));
}

#[test]
fn the_hot_key_is_named_by_the_pages() {
    let (_, console) = busy();
    let heat = get(&console, "api/heat/events").good().json();
    assert_eq!(heat[0]["partition_keys"][0]["key"]["device"]["S"], "d<7>");
    assert!((heat[0]["partition_keys"][0]["share"].as_f64().unwrap() - 0.75).abs() < 0.01);
    let remark = "One partition key is hot: {&quot;device&quot;:&quot;d&lt;7&gt;&quot;} takes 75 % of all consumption.";
    let front = get(&console, "heat").good().text;
    assert!(front.contains(remark), "{front}");
    let page = get(&console, "heat/events").good().text;
    assert!(page.contains(remark) && page.contains("role=\"img\""), "{page}");
    assert_eq!(get(&console, "heat/none").status, 404);
}

#[test]
fn units_and_money_of_parts_and_keys_are_shown_minute_by_minute() {
    let clock = Clock::manual(600_000);
    let db = Database::options().ledger(LedgerOptions::new()).clock(clock.clone()).in_memory().unwrap();
    let mut options = ConsoleOptions::default();
    options.prices = Some(Prices::from_json(include_str!("../../../cli/data/prices.json")).unwrap());
    let console = Console::new(db.clone(), options);
    let table = db.create_table("events").hash::<S>("device").range::<S>("at").create().unwrap();
    for (at, writes) in [(0, 2), (1, 0), (2, 5)] {
        (0..writes).for_each(|at| {
            table.put(&Item::new().with("device", "d<7>").with("at", at.to_string())).unwrap();
        });
        clock.advance(std::time::Duration::from_secs(60));
        assert_eq!(clock.now_millis(), 600_000 + (at + 1) * 60_000);
    }
    table.get(("d<7>", "0")).unwrap();
    let units = |line: &Value, side: &str| -> Vec<f64> { serde_json::from_value(line[side].clone()).unwrap() };
    let check = |over_time: &Value, names: &[&str]| {
        assert_eq!(over_time["minutes"], serde_json::json!([600_000, 660_000, 720_000, 780_000]), "without gaps");
        let line = &over_time["lines"][0];
        assert_eq!(line["names"], serde_json::json!(names));
        assert_eq!(units(line, "write_units"), [2.0, 0.0, 5.0, 0.0]);
        line.clone()
    };
    let of_keys = get(&console, "api/costs/keys").good().json();
    let line = check(&of_keys["over_time"], &["events", "-", r#"{"device":"d<7>"}"#]);
    assert_eq!(units(&line, "read_units"), [0.0, 0.0, 0.0, 0.5]);
    // The list price of 0.625 dollars for a million write units.
    assert_eq!(line["nanos"][2], 5 * 625);
    let key = &of_keys["keys"][0];
    assert_eq!((key["table"].as_str(), key["write_units"].as_f64()), (Some("events"), Some(7.0)));
    assert_eq!(key["nanos"].as_u64(), Some(7 * 625 + 63), "half a read unit costs 62.5");
    let by = [("by", "table,operation")];
    check(&get_with(&console, "api/costs/over-time", &by).good().json(), &["events", "PutItem"]);
    assert_eq!(get_with(&console, "api/costs/over-time", &[("by", "shoe")]).status, 400);
    let heat = get(&console, "api/heat/events").good().json();
    check(&heat[0]["partition_keys_over_time"], &[r#"{"device":"d<7>"}"#]);
    let item = &heat[0]["keys_over_time"]["lines"][0];
    assert_eq!(item["names"], serde_json::json!([r#"{"at":"0","device":"d<7>"}"#]));
    assert_eq!(heat[0]["partitions_over_time"]["lines"].as_array().unwrap().len(), 1);
    for (page, cell) in [("heat/events", "5.0 write units, 0."), ("costs", "5.0 write units, 0.")] {
        let page = get(&console, page).good().text;
        assert!(page.contains(cell) && page.contains("USD") && page.contains("d&lt;7&gt;"), "{page}");
    }
}

#[test]
fn minutes_of_another_day_are_shown_with_it() {
    let clock = Clock::manual(1_800_000_000_000); // 2027-01-15
    let (db, console) = watched(|options| options.clock(clock.clone()));
    let table = db.create_table("events").hash::<S>("device").create().unwrap();
    table.put(&Item::new().with("device", "d")).unwrap();
    let said = "Nothing was consumed since 2027-01-15";
    for (later_secs, is_said) in [(0, false), (86_400, true)] {
        clock.advance(std::time::Duration::from_secs(later_secs));
        for page in ["costs", "heat/events"] {
            assert_eq!(get(&console, page).good().text.contains(said), is_said, "{page} {later_secs}");
        }
    }
}

#[test]
fn a_million_reads_are_priced_before_they_are_rounded() {
    let db = Database::in_memory().unwrap();
    db.create_table("events").hash::<S>("device").create().unwrap();
    let mut options = ConsoleOptions::default();
    options.prices = Some(Prices::from_json(include_str!("../../../cli/data/prices.json")).unwrap());
    let console = Console::new(db, options);
    let get = [("operation", "GetItem"), ("body", r#"{"TableName":"events","Key":{"device":{"S":"d"}}}"#)];
    let plan = post(&console, "api/explain", &get).good().json();
    assert_eq!((plan[0]["units"].as_f64(), plan[0]["million_nanos"].as_u64()), (Some(0.5), Some(62_500_000)));
}

#[test]
fn partition_keys_with_the_most_items_are_found_without_any_request() {
    let (db, console) = watched(|options| options);
    let table = db.create_table("orders").hash::<S>("customer").range::<S>("order").create().unwrap();
    for number in 0..300 {
        let customer = if number % 3 == 0 { format!("c{number}") } else { "big<1>".to_owned() };
        table.put(&Item::new().with("customer", customer).with("order", number.to_string())).unwrap();
    }
    let units = db.ledger().unwrap().total(|_| true).read_milliunits;
    let sizes = get(&console, "api/heat/orders/sizes").good().json();
    assert_eq!((sizes["items"].as_u64(), sizes["partition_keys"].as_u64()), (Some(300), Some(101)));
    assert_eq!((sizes["largest"][0]["items"].as_u64(), sizes["is_whole"].as_bool()), (Some(200), Some(true)));
    assert_eq!(sizes["largest"][0]["key"]["customer"]["S"], "big<1>");
    assert_eq!(sizes["largest"].as_array().unwrap().len(), 20);
    assert_eq!(db.ledger().unwrap().total(|_| true).read_milliunits, units, "that costs nothing");
    let page = get(&console, "heat/orders?sizes=1").good().text;
    assert!(page.contains("{&quot;customer&quot;:&quot;big&lt;1&gt;&quot;}</code> has 200, 67 %"), "{page}");
    db.create_table("quiet").hash::<S>("id").create().unwrap();
    assert!(get(&console, "heat").good().text.contains("<a href=\"/console/heat/quiet\">"));
    assert_eq!(get(&console, "api/heat/none/sizes").status, 404);
    assert_eq!(get(&console, "api/heat/quiet/sizes").good().json()["is_whole"], true);
}

#[test]
fn throttles_have_their_reason() {
    let (db, console) = watched(|options| options.capacity(CapacityModel::service()));
    let table = db.create_table("small").hash::<S>("id").provisioned(1, 1).create().unwrap();
    let refused = (0..2_000).filter(|_| table.put(&Item::new().with("id", "a")).is_err()).count();
    assert!(refused > 0);
    let throttles = get(&console, "api/throttles").good().json();
    let sum: u64 = throttles.as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!((sum, throttles[0]["limit"].as_str()), (refused as u64, Some("provisioned throughput")));
    assert!(get(&console, "costs").good().text.contains("writes: provisioned throughput"));
}

#[test]
fn what_is_recorded_is_tried_on_other_designs() {
    let (db, console) = busy();
    let designs = r#"{"designs":[{"name":"as recorded"},{"name":"eight shards","tables":{"events":{"partition_key":"{device}#{shard:8}"}}}]}"#;
    assert_eq!(send_body(&console, "POST", "api/replay", designs).status, 400, "nothing is recorded");
    post(&console, "api/recording", &[("do", "start")]).good();
    let table = db.table::<S>("events").unwrap();
    for _ in 0..50 {
        table.put(&Item::new().with("device", "d1")).unwrap();
        table.get("d1").unwrap();
    }
    assert_eq!(get(&console, "api/recording").good().json()["accesses"], 100);
    assert_eq!(send_body(&console, "POST", "api/replay", designs).status, 400, "the recording goes on");
    post(&console, "replay", &[("do", "stop")]).good();
    table.get("d1").unwrap();
    let compared = send_body(&console, "POST", "api/replay", designs).good().json();
    assert_eq!(compared["accesses"], 100);
    assert_eq!(compared["designs"][0]["read_units"].as_f64(), Some(25.0));
    assert_eq!(compared["designs"][1]["read_units"].as_f64(), Some(200.0), "each shard is read");
    let page = post(&console, "replay", &[("do", "compare"), ("designs", designs)]).good().text;
    assert!(page.contains("eight shards") && page.contains("Hottest keys"));
    assert_eq!(send_body(&console, "POST", "api/replay", "{").status, 400);
}
