//! Every command once, by what scripts see of it: output and exit status.

use crate::place::Place;

fn with_orders() -> Place {
    let place = Place::new();
    place.ok(&["create", "orders", "--hash", "customer:S", "--range", "number:N"]);
    for (customer, number, total) in [("c#1", 10, 5), ("c#1", -2, 70), ("c#1", 9, 30), ("c#2", 1, 1)] {
        let item = format!("{{\"customer\":\"{customer}\",\"number\":{number},\"total\":{total}}}");
        place.ok(&["put", "orders", &item]);
    }
    place
}

#[test]
fn tables_are_created_listed_described_and_dropped() {
    let place = with_orders();
    place.ok(&["create", "logs", "--hash", "id:B", "--gsi", "by_day=day:S,at:N"]);
    assert_eq!(place.ok(&["list"]), "logs\norders\n");
    let described = place.ok(&["describe", "orders"]);
    assert!(described.contains("partition key  customer (S)") && described.contains("4 items"), "{described}");
    let described: serde_json::Value = serde_json::from_str(&place.ok(&["describe", "logs", "--json"])).unwrap();
    assert_eq!(described["indexes"][0]["name"], "by_day");
    let unasked = place.fails(2, &["drop", "logs"]);
    assert!(unasked.contains("say --yes"), "{unasked}");
    place.ok(&["drop", "logs", "--yes"]);
    assert_eq!(place.ok(&["list"]), "orders\n");
    assert!(place.fails(1, &["create", "orders", "--hash", "id:S"]).contains("ResourceInUseException"));
}

#[test]
fn items_are_put_got_and_deleted() {
    let place = with_orders();
    let key = ["--hash", "c#1", "--range", "-2"];
    let get = |key: &[&str]| place.run(&[&["get", "orders"], key].concat());
    assert_eq!(get(&key).out, "{\"customer\":\"c#1\",\"number\":-2,\"total\":70}\n");
    let typed = place.ok(&[&["get", "orders", "--ddb-json"], &key[..]].concat());
    assert_eq!(typed, "{\"customer\":{\"S\":\"c#1\"},\"number\":{\"N\":\"-2\"},\"total\":{\"N\":\"70\"}}\n");
    assert_eq!(place.ok(&[&["delete", "orders", "--return-old"], &key[..]].concat()), get_line(70));
    let gone = get(&key);
    assert_eq!((gone.code, gone.out.as_str()), (5, ""));
    assert!(gone.err.contains("orders has no item"), "{gone:?}");

    let fed = place.feed(b"{\"customer\":\"c#9\",\"number\":1}", &["put", "orders", "-"]);
    assert_eq!(fed.code, 0, "{fed:?}");
    let twice = ["put", "orders", "{\"customer\":\"c#9\",\"number\":1}", "--if", "attribute_not_exists(customer)"];
    assert!(place.fails(1, &twice).contains("ConditionalCheckFailedException"));
}

#[test]
fn keys_and_values_may_be_given_one_by_one_or_as_json() {
    let place = with_orders();
    let line = get_line(70);
    assert_eq!(place.ok(&["get", "orders", "--key", r#"{"customer":"c#1","number":-2}"#]), line);
    assert!(place.fails(2, &["get", "orders", "--key", "c#1"]).contains("--key must be a JSON object"));
    place.fails(2, &["get", "orders", "--key", "{}", "--hash", "c#1"]);
    place.fails(2, &["get", "orders"]);
    let filter = ["scan", "orders", "--filter", "#t > :t", "--name", "#t=total"];
    assert_eq!(place.ok(&[&filter[..], &["--value", ":t=69"]].concat()), line);
    assert_eq!(place.ok(&[&filter[..], &["--values", r#"{":t":69}"#]].concat()), line);
    assert_eq!(place.ok(&[&filter[..], &["--value", ":t=many"]].concat()), "", "a text is more than no number");
    assert!(place.fails(2, &[&filter[..], &["--value", ":t=1", "--value", ":t=2"]].concat()).contains(":t twice"));
    place.fails(2, &[&filter[..], &["--value", "t=1"]].concat());
    place.fails(2, &["scan", "orders", "--name", "t=total"]);
}

#[test]
fn items_are_updated() {
    let place = with_orders();
    let update = ["update", "orders", "--hash", "c#1", "--range", "-2", "SET #t = #t + :n", "--name", "#t=total"];
    let new = place.ok(&[&update[..], &["--value", ":n=5", "--return-new"]].concat());
    assert_eq!(new, "{\"customer\":\"c#1\",\"number\":-2,\"total\":75}\n");
    let condition = ["--if", "#t < :m", "--value", ":n=5", "--value", ":m=10"];
    assert!(place.fails(1, &[&update[..], &condition].concat()).contains("ConditionalCheckFailedException"));
    assert!(place.fails(1, &[&update[..6], &["SET"]].concat()).contains("ValidationException"));
    assert_eq!(place.ok(&["get", "orders", "--hash", "c#1", "--range", "-2"]), get_line(75));
}

#[test]
fn tables_are_changed_and_their_changes_shown() {
    let place = with_orders();
    let none = place.fails(1, &["changes", "orders"]);
    assert!(none.contains("has no change stream"), "{none}");
    let index = ["--add-index", "by_total=total:N", "--project", "keys"];
    place.ok(&[&["update-table", "orders", "--stream", "both", "--ttl", "ends"], &index[..]].concat());
    assert_eq!(place.ok(&["query", "orders", "--index", "by_total", "--hash", "70", "--count"]), "1\n");
    place.ok(&["put", "orders", r#"{"customer":"c#9","number":1,"total":2}"#]);
    place.ok(&["delete", "orders", "--hash", "c#9", "--range", "1"]);
    let changes = place.ok(&["changes", "orders"]);
    let changes: Vec<serde_json::Value> = changes.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = changes.iter().map(|change| change["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "REMOVE"]);
    assert_eq!(changes[0]["NewImage"]["total"], 2);
    assert_eq!(changes[1]["Keys"], serde_json::json!({"customer": "c#9", "number": 1}));
    assert_eq!(place.ok(&["changes", "orders", "--limit", "1"]).lines().count(), 1);
    let described = place.ok(&["describe", "orders", "--json"]);
    let described: serde_json::Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["ttl_attribute"], "ends");
    place.ok(&["update-table", "orders", "--remove-index", "by_total", "--no-ttl", "--deletion-protection", "true"]);
    place.fails(1, &["query", "orders", "--index", "by_total", "--hash", "70"]);
    place.fails(1, &["drop", "orders", "--yes"]);
    place.ok(&["update-table", "orders", "--deletion-protection", "false", "--stream", "off"]);
    place.ok(&["drop", "orders", "--yes"]);
    place.fails(2, &["update-table", "orders"]);
    place.fails(1, &["update-table", "orders", "--stream", "both"]);
}

#[test]
fn shells_are_told_what_there_is() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.ok(&["completions", shell]);
        assert!(script.contains("update-table") && script.contains("data-dir"), "{shell}: {script}");
    }
    assert!(!place.database().exists());
}

fn get_line(total: u32) -> String {
    format!("{{\"customer\":\"c#1\",\"number\":-2,\"total\":{total}}}\n")
}

#[test]
fn queries_are_in_order_and_bounded() {
    let place = with_orders();
    let totals = |args: &[&str]| -> Vec<i64> {
        let out = place.ok(&[&["query", "orders", "--hash", "c#1"], args].concat());
        let item = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        out.lines().map(|line| item(line)["total"].as_i64().unwrap()).collect()
    };
    assert_eq!(totals(&[]), [70, 30, 5]);
    assert_eq!(totals(&["--descending", "--limit", "2"]), [5, 30]);
    assert_eq!(totals(&["--range-between", "-2", "9"]), [70, 30]);
    assert_eq!(totals(&["--range-gt", "-2"]), [30, 5]);
    assert_eq!(totals(&["--range-ge", "9"]), [30, 5]);
    assert_eq!(totals(&["--range-eq", "9"]), [30]);
    assert_eq!(totals(&["--range-le", "9"]), [70, 30]);
    assert_eq!(totals(&["--range-lt", "9"]), [70]);
    let filter = ["--filter", "#t < :t", "--names", "{\"#t\":\"total\"}", "--values", "{\":t\":31}"];
    assert_eq!(totals(&filter), [30, 5]);
    assert_eq!(place.ok(&["query", "orders", "--hash", "c#1", "--count"]), "3\n");
    assert_eq!(place.ok(&["query", "orders", "--hash", "nobody"]), "");
    let projected = place.ok(&["query", "orders", "--hash", "c#2", "--project", "#t", "--names", "{\"#t\":\"total\"}"]);
    assert_eq!(projected, "{\"total\":1}\n");
}

#[test]
fn scans_count_filter_and_come_in_segments() {
    let place = with_orders();
    assert_eq!(place.ok(&["scan", "orders", "--count"]), "4\n");
    assert_eq!(place.ok(&["scan", "orders"]).lines().count(), 4);
    assert_eq!(place.ok(&["scan", "orders", "--limit", "3"]).lines().count(), 3);
    let parts = ["0", "1", "2"].map(|part| place.ok(&["scan", "orders", "--segment", part, "--segments", "3"]));
    assert_eq!(parts.concat(), place.ok(&["scan", "orders"]));
}

#[test]
fn indexes_are_queried_by_name() {
    let place = Place::new();
    let index = ["--lsi", "by_size=size:N", "--gsi", "by_color=color:S,size:N"];
    place.ok(&[&["create", "things", "--hash", "kind:S", "--range", "id:S"], &index[..]].concat());
    for (id, size, color) in [("a", 3, "red"), ("b", 1, "red"), ("c", 2, "blue")] {
        let item = format!("{{\"kind\":\"k\",\"id\":\"{id}\",\"size\":{size},\"color\":\"{color}\"}}");
        place.ok(&["put", "things", &item]);
    }
    let ids = |args: &[&str]| -> Vec<String> {
        let out = place.ok(&[&["query", "things"], args].concat());
        let item = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        out.lines().map(|line| item(line)["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--index", "by_size", "--hash", "k", "--descending"]), ["a", "c", "b"]);
    assert_eq!(ids(&["--index", "by_color", "--hash", "red", "--range-lt", "3"]), ["b"]);
    let unknown = place.fails(1, &["query", "things", "--index", "nope", "--hash", "k"]);
    assert!(unknown.contains("does not have the specified index: nope"), "{unknown}");
    assert!(place.ok(&["verify"]).contains("6 index entries"));
    assert!(place.ok(&["verify", "--untrusted"]).contains("6 index entries"));
}

#[test]
fn what_is_asked_for_wrongly_is_said_and_has_its_status() {
    let place = Place::new();
    let none = place.fails(1, &["scan", "orders"]);
    assert!(none.contains("there is no database in") && !place.database().exists(), "{none}");
    let place = with_orders();
    let unknown = place.fails(1, &["get", "order", "--hash", "1"]);
    assert!(unknown.contains("ResourceNotFoundException") && unknown.contains("the tables are: orders"), "{unknown}");
    let missing = place.fails(2, &["get", "orders", "--hash", "c#1"]);
    assert!(missing.contains("give the value of number with --range"), "{missing}");
    let kind = place.fails(2, &["get", "orders", "--hash", "c#1", "--range", "ten"]);
    assert!(kind.contains("key attribute number has type N"), "{kind}");
    place.fails(2, &["query", "orders", "--hash", "c#1", "--range-lt", "1", "--range-gt", "0"]);
    place.fails(2, &["query", "orders", "--hash", "c#1", "--hash", "c#2"]);
    place.fails(2, &["create", "t", "--hash", "id"]);
    place.fails(2, &["nonsense"]);
    assert!(place.fails(1, &["create", "t!", "--hash", "id:S"]).contains("ValidationException"));
    assert!(place.fails(1, &["put", "orders", "{\"customer\":\"c\"}"]).contains("ValidationException"));
    assert!(place.fails(2, &["put", "orders", "{"]).contains("the item: "));
    let help = place.ok(&["--help"]);
    assert!(help.contains("Exit status:") && help.contains("some lines of the input were bad"), "{help}");
    for command in ["diff", "access", "lesson --check"] {
        assert!(help.contains(&format!("`{command}` found")), "{command}: {help}");
    }
    for command in ["branch", "digest", "restore"] {
        let help = place.ok(&[command, "--help"]);
        assert!(help.contains("As it was then: now, commit:NUMBER"), "{help}");
    }
}

#[test]
fn the_demonstration_keeps_the_folder_that_was_named() {
    let place = Place::new();
    let shown = place.ok(&["demo"]);
    for expected in ["252 countries and 3,263 cities are there", "Reykjavík", "São Paulo", "no damage", "GeoNames"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert_eq!(place.ok(&["scan", "cities", "--count"]), "3263\n");
    place.ok(&["demo"]);
    assert_eq!(place.ok(&["scan", "countries", "--count"]), "252\n");
}

#[test]
fn the_demonstration_of_a_hot_key_comes_out_the_same_every_time() {
    let shown = Place::new().ok(&["demo", "heat"]);
    assert_eq!(shown, Place::new().ok(&["demo", "heat"]), "nothing is left to chance");
    let rows: Vec<Vec<u64>> = shown.lines().map(numbers).filter(|row| row.len() == 8).collect();
    let [first, .., last] = &rows[..13] else { panic!("{shown}") };
    // Minute, partitions, then looks that pass and are throttled: at the hot page, its neighbours, the others.
    assert!(first[1] == 4 && first[3] > 1_500 && first[5] > 300, "both are throttled at first: {shown}");
    assert!(last[1] > 4 && last[4] == 1_200 && last[5] == 0, "the neighbours run when they are apart: {shown}");
    assert_eq!((last[2], last[3]), (3_600, 1_800), "one item stays at its ceiling: {shown}");
    assert!(rows.iter().all(|row| (row[6], row[7]) == (1_200, 0)), "the rest runs all the time: {shown}");
    assert_eq!(rows.last().map(|row| (row[2], row[3])), Some((5_400, 0)), "copies share the looks: {shown}");
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let money = ["USD a day 33.4800 52.9200", "USD a million looks 6.4583 6.8056", "the copies cost 3.2400 USD a day"];
    for expected in ["is alone on one (isolation)", "write units 1,728,000 6,912,000"].into_iter().chain(money) {
        assert!(words.contains(expected), "{expected}: {shown}");
    }
}

/// The numbers of a line of a table.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace().map_while(|word| word.replace(',', "").parse().ok()).collect()
}

#[test]
fn inspect_shows_partitions_runs_and_log() {
    let place = Place::new();
    place.ok(&["demo"]);
    let text = place.ok(&["inspect"]);
    assert!(text.contains("log segment") && text.contains("table cities") && text.contains("run 00000"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&place.ok(&["inspect", "--json"])).unwrap();
    assert_eq!(json["tables"], serde_json::json!(["cities", "countries"]));
    let tokens = |name: &str| -> Vec<String> {
        let partitions = json["partitions"].as_array().unwrap().iter();
        partitions.map(|partition| partition[name].as_str().unwrap().to_owned()).collect()
    };
    assert!(tokens("first_token").contains(&"0".repeat(16)) && tokens("last_token").contains(&"f".repeat(16)));
    let entries = |partition: &serde_json::Value| partition["runs"][0]["entries"].as_u64().unwrap_or(0);
    let entries: u64 = json["partitions"].as_array().unwrap().iter().map(entries).sum();
    assert_eq!(entries, 252 + 2 * 3263);
    assert!(json["amplification"]["space"].as_f64().unwrap() > 0.1);
}
