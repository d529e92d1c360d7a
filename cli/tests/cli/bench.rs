//! Workloads: each runs everywhere, the same seed makes the same operations, and what is wrong is refused.

use crate::place::{Place, Run};
use serde_json::Value;
use std::process::Command;

fn bench(arguments: &[&str]) -> Value {
    let fixed = ["--records", "60", "--operations", "100", "--threads", "2", "--seconds", "60", "--json"];
    let run = Place::new().ok(&[&["bench"], &fixed[..], arguments].concat());
    serde_json::from_str(&run).unwrap()
}

#[test]
fn each_workload_runs_in_the_process_and_over_http() {
    for workload in [
        "ycsb-a",
        "ycsb-b",
        "ycsb-c",
        "ycsb-d",
        "ycsb-e",
        "ycsb-f",
        "hot-key",
        "time-series",
        "fan-out-write",
        "fan-out-read",
        "sharded-counters",
    ] {
        for place in [&[][..], &["--http"]] {
            let result = bench(&[&[workload], place].concat());
            assert_eq!((&result["operations"], &result["workload"]), (&100.into(), &workload.into()));
            let units = result["read_units"].as_f64().unwrap() + result["write_units"].as_f64().unwrap();
            assert!(units >= 50.0, "{workload}: {result}");
            for kind in result["kinds"].as_array().unwrap() {
                let (p50, p99) = (kind["p50_micros"].as_u64().unwrap(), kind["p99_micros"].as_u64().unwrap());
                assert!(p50 > 0 && p50 <= p99 && kind["throttled"] == 0, "{workload}: {kind}");
            }
        }
    }
}

#[test]
fn the_same_seed_costs_the_same_units_everywhere() {
    let units = |arguments: &[&str]| {
        let result = bench(&[&["ycsb-b", "--threads", "1"], arguments].concat());
        (result["read_units"].clone(), result["write_units"].clone())
    };
    let once = units(&["--seed", "3"]);
    assert_eq!(once, units(&["--seed", "3"]));
    let place = Place::new();
    let prices = place.write("prices.json", include_str!("../../data/prices.json").replace("0.625", "1.25"));
    let run = ["bench", "ycsb-a", "--records", "100", "--operations", "100", "--prices", &prices];
    let shown = place.ok(&run);
    assert!(shown.contains("USD on demand") && shown.contains("for a million operations"), "{shown}");
    let json: Value = serde_json::from_str(&place.ok(&[&run[..], &["--json"]].concat())).unwrap();
    let number = |name: &str| json[name].as_f64().unwrap();
    let nanos = number("read_units") * 125.0 + number("write_units") * 1_250.0;
    assert!((number("on_demand_nanos") - nanos).abs() <= 1.0, "{json}");
    assert_eq!(once, units(&["--seed", "3", "--http"]));
}

#[test]
fn throttles_are_counted() {
    let result = bench(&[
        "hot-key",
        "--enforce-capacity",
        "--item-bytes",
        "100000",
        "--records",
        "5",
        "--operations",
        "300",
        "--rate",
        "1000",
    ]);
    let throttled = result["kinds"][0]["throttled"].as_u64().unwrap();
    assert!(throttled > 100, "300 updates of 98 units are asked of 1,000 a second: {result}");
}

#[test]
fn what_is_wrong_is_refused() {
    let place = Place::new();
    assert!(place.fails(2, &["bench", "ycsb-g"]).contains("no workload ycsb-g"));
    let elsewhere = ["bench", "ycsb-a", "--endpoint", "localhost:8000"];
    let run = Run::of(&Command::new(env!("CARGO_BIN_EXE_hashrange")).args(elsewhere).output().unwrap());
    assert!(run.code == 2 && run.err.contains("neither http:// nor"), "{run:?}");
    let own = place.write("own.json", r#"{"mix": {"raed": 1}}"#);
    assert!(place.fails(2, &["bench", &own]).contains("mix.raed: there is no such operation"));
    assert!(place.fails(2, &["bench", "ycsb-a", "--threads", "0"]).contains("0 is not in 1..=1024"));
}

#[test]
fn no_operation_begins_after_the_end() {
    let result = bench(&["ycsb-b", "--rate", "1", "--threads", "8", "--seconds", "1"]);
    assert_eq!(result["operations"], 1, "the others were planned for later: {result}");
}
