//! What requests cost: explained before they are sent, and priced afterwards.

use crate::place::Place;

fn with_orders() -> Place {
    let place = Place::new();
    place.ok(&["create", "orders", "--hash", "customer:S", "--range", "number:N"]);
    for number in 0..5 {
        place.ok(&[
            "put",
            "orders",
            &format!(r#"{{"customer":"c#1","number":{number},"text":"{}"}}"#, "x".repeat(2_000)),
        ]);
    }
    place
}

#[test]
fn requests_are_explained_and_not_done() {
    let place = with_orders();
    let plan = place.ok(&["put", "orders", r#"{"customer":"c#2","number":1}"#, "--explain", "--at", "1500"]);
    for line in [
        "PutItem orders",
        r#"keys    {"customer":"c#2","number":1}"#,
        "items   1, exactly",
        "units   1 write unit of orders",
        "at most 1000 a second at these keys",
        "costs   0.6250 USD for a million of them on demand",
        "rejects some at 1500 a second: TableWriteKeyRangeThroughputExceeded of table orders",
    ] {
        assert!(plan.lines().any(|known| known.starts_with(line)), "{line}\n{plan}");
    }
    place.fails(5, &["get", "orders", "--hash", "c#2", "--range", "1"]);
    let plan = place.ok(&["query", "orders", "--hash", "c#1", "--range-ge", "2", "--explain"]);
    assert!(plan.contains("keys    customer = \"c#1\" AND number >= 2\n"), "{plan}");
    assert!(plan.contains("items   3, exactly\n") && plan.contains("units   1 read unit of orders\n"), "{plan}");
    let plan = place.ok(&["scan", "orders", "--explain"]);
    assert!(plan.contains("parts   4 of 4 ") && plan.contains("items   5, exactly\n"), "{plan}");
    let plan = place.ok(&[
        "delete",
        "orders",
        "--hash",
        "c#1",
        "--range",
        "1",
        "--if",
        "attribute_exists(absent)",
        "--explain",
    ]);
    assert!(plan.contains("rejected") && plan.contains("ConditionalCheckFailedException"), "{plan}");
    let plan = place.ok(&["sql", "SELECT * FROM orders WHERE customer = 'c#1'", "--explain", "--at", "10"]);
    assert!(plan.starts_with("query   orders\n") && plan.contains("rejects nothing at 10 a second\n"), "{plan}");
    place.ok(&["get", "orders", "--hash", "c#1", "--range", "1"]);
    place.fails(2, &["get", "orders", "--hash", "c#1", "--range", "1", "--at", "10"]);
}

/// A ledger as a server writes it: 1,000,000 writes on demand in an hour.
const LEDGER: &str = r#"{"version":1,"began_millis":1800000000000,"ended_millis":1800003600000,
    "resources":[{"table":"orders","is_on_demand":true,"items":1000,"billed_bytes":1100000}],
    "usage":[{"minute_millis":1800000000000,"table":"orders","operation":"PutItem","tag":"checkout","partition":0,
        "accesses":1000000,"read_milliunits":0,"write_milliunits":1000000000,"least_milliunits":1000,"most_milliunits":1000,
        "throttled_reads":[0,0,0,0],"throttled_writes":[0,3,0,0]}],
    "hours":[{"hour_millis":1800000000000,"table":"orders","read_milliunits":0,"write_milliunits":1000000000,
        "on_demand_read_milliunits":0,"on_demand_write_milliunits":1000000000,"peak_read_milliunits":0,
        "peak_write_milliunits":60000000}],
    "calls":[]}"#;

#[test]
fn a_ledger_is_priced() {
    let place = Place::new();
    let ledger = place.write("ledger.json", LEDGER);
    let bill = place.ok(&["cost", &ledger, "--by", "tag", "--by", "operation"]);
    for text in [
        "writes on demand",
        "1,000,000",
        "0.6250",
        "us-east-1",
        "checkout",
        "PutItem",
        "on demand",
        "infrequent access",
        "Prices without a publication that the price file names: STANDARD_INFREQUENT_ACCESS.on_demand_read",
    ] {
        assert!(bill.contains(text), "{text}\n{bill}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&place.ok(&["cost", &ledger, "--json", "--by", "table"])).unwrap();
    let writes = json["lines"].as_array().unwrap().iter().find(|line| line["item"] == "on_demand_writes").unwrap();
    assert_eq!(writes["nanos"], 625_000_000);
    assert_eq!(json["usage"][0]["throttled"], 3);
    assert_eq!(json["plans"].as_array().unwrap().len(), 8, "five ways of class standard, three of the other");
    let plan = |name: &str| {
        let plans = json["plans"].as_array().unwrap();
        let plan = plans.iter().find(|plan| plan["plan"] == name && plan["is_infrequent_access"] == false).unwrap();
        let nanos = |field: &str| plan[field].as_u64().unwrap();
        (nanos("throughput_nanos"), nanos("month_nanos") - 730 * nanos("storage_nanos"))
    };
    let (on_demand, provisioned) = (plan("on_demand"), plan("provisioned"));
    // The hour begins and ends with a clock hour, so that two of them are billed.
    assert_eq!((on_demand.1, provisioned.1), (730 * on_demand.0, 730 / 2 * provisioned.0));
    let piped = place.feed(LEDGER.as_bytes(), &["cost", "-", "--json"]);
    assert_eq!(piped.code, 0, "{}", piped.err);
}

#[test]
fn what_cannot_be_priced_is_refused() {
    let place = Place::new();
    let ledger = place.write("ledger.json", LEDGER);
    let prices = place.write("prices.json", r#"{"region": "nowhere"}"#);
    assert!(place.fails(2, &["cost", &ledger, "--prices", &prices]).contains("date"));
    assert!(place.fails(2, &["cost", &ledger, "--utilization", "5"]).contains("bill.utilization_percent"));
    let none = place.write("none.json", "{}");
    assert!(place.fails(2, &["cost", &none]).contains("this is no ledger"));
    let newer = place.write("newer.json", LEDGER.replace("\"version\":1", "\"version\":2"));
    assert!(place.fails(2, &["cost", &newer]).contains("version 2"));
    place.fails(1, &["cost", "absent.json"]);
}
