//! Import and export: formats, key templates, bad lines, repetition.

use crate::place::{Place, demo_data};
use std::collections::BTreeSet;

#[test]
fn every_format_is_read_and_written() {
    let place = Place::new();
    let inputs = [
        ("items.json", "[{\"id\":1,\"a\":\"x\"},\n {\"id\":2,\"a\":\"y\"}]"),
        ("items.jsonl", "{\"id\":1,\"a\":\"x\"}\n\n{\"id\":2,\"a\":\"y\"}"),
        (
            "items.ddb",
            "{\"id\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"}}\n{\"Item\":{\"id\":{\"N\":\"2\"},\"a\":{\"S\":\"y\"}}}\n",
        ),
        ("items.csv", "id,a\n1,x\n2,y\n"),
    ];
    for (number, (name, content)) in inputs.iter().enumerate() {
        let table = format!("table{number}");
        place.ok(&["create", &table, "--hash", "id:N"]);
        let file = place.write(name, content);
        let format: &[&str] = if name.ends_with("ddb") { &["--format", "ddb-json"] } else { &[] };
        let said = place.ok(&[&["import", &table, &file], format].concat());
        assert!(said.starts_with("2 items imported into table"), "{said}");
        let lines = place.ok(&["export", &table]);
        let lines: BTreeSet<&str> = lines.lines().collect();
        assert_eq!(lines, BTreeSet::from(["{\"a\":\"x\",\"id\":1}", "{\"a\":\"y\",\"id\":2}"]), "{name}");
    }
    assert!(place.fails(2, &["import", "table0", "items.txt"]).contains("--format"));
    assert!(place.fails(1, &["import", "table0", "/nonexistent/items.json"]).contains("cannot open"));
}

#[test]
fn exports_are_imported_again_without_a_difference() {
    let place = Place::new();
    let items = [
        r#"{"k":{"S":"a"},"n":{"N":"1"},"b":{"BOOL":true},"z":{"NULL":true},"e":{"S":""}}"#,
        r#"{"k":{"S":"b, \"c\""},"n":{"N":"-1.5"},"l":{"L":[{"S":"x"},{"M":{"y":{"N":"2"}}}]},"e":{"S":"e"}}"#,
    ]
    .join("\n");
    place.ok(&["create", "source", "--hash", "k:S", "--range", "n:N"]);
    let read = place.feed(items.as_bytes(), &["import", "source", "-", "--format", "ddb-json"]);
    assert_eq!(read.code, 0, "{read:?}");
    let expected = place.ok(&["export", "source", "--format", "ddb-json"]);
    for format in ["json", "jsonl", "ddb-json", "csv"] {
        let file = place.file(&format!("out.{format}"));
        let file = file.to_str().unwrap();
        let exported = place.run(&["export", "source", file, "--format", format]);
        assert!(exported.code == 0 && exported.err.starts_with("2 items exported"), "{exported:?}");
        let target = format!("target-{format}");
        place.ok(&["create", &target, "--hash", "k:S", "--range", "n:N"]);
        place.ok(&["import", &target, file, "--format", format]);
        assert_eq!(place.ok(&["export", &target, "--format", "ddb-json"]), expected, "{format}");
    }
    place.ok(&["create", "empty", "--hash", "k:S"]);
    assert_eq!(place.ok(&["export", "empty", "--format", "json"]), "[]\n");
}

#[test]
fn numbers_of_csv_are_numbers() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:S"]);
    let file = place.write("things.csv", "id,price,zip,name:S,tags:SS\n1,19.90,007,5,\"[\"\"a\"\"]\"\n2,5,123,6,\n");
    let run = place.run(&["import", "things", &file]);
    assert!(run.code == 0 && run.err.contains("read as numbers: price;"), "{run:?}");
    let dear = place.ok(&["scan", "things", "--filter", "price > :p", "--value", ":p=10", "--ddb-json"]);
    let expected = r#"{"id":{"S":"1"},"name":{"S":"5"},"price":{"N":"19.9"},"tags":{"SS":["a"]},"zip":{"S":"007"}}"#;
    assert_eq!(dear.trim(), expected);
    let unknown = place.write("unknown.csv", "id,tags:XS\n1,a\n");
    assert!(place.fails(2, &["import", "things", &unknown]).contains("XS is no type; there are S, N, B"));
    let array = place.feed(b"[{\"id\":\"3\"}]", &["import", "things", "-"]);
    assert!(array.code == 3 && array.err.contains("--format json"), "{array:?}");
    assert_eq!(place.feed(b"[{\"id\":\"3\"}]", &["import", "things", "-", "--format", "json"]).code, 0);
}

#[test]
fn bad_lines_are_reported_by_number_and_counted() {
    let place = Place::new();
    place.ok(&["create", "cities", "--hash", "country:S", "--range", "sk:S"]);
    let input =
        b"{\"country\":\"IS\",\"name\":\"a\"}\nnot json\n{\"country\":\"IS\"}\n{\"country\":7,\"name\":\"b\"}\n\
        \n{\"country\":\"IS\",\"name\":\"c\"}\n\xFF\n";
    let run = place.feed(input, &["import", "cities", "-", "--key", "sk={name}"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.out.starts_with("2 items imported into cities, 4 bad lines left out"), "{run:?}");
    let numbers: Vec<&str> = run.err.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(numbers, ["line 2", "line 3", "line 4", "line 7"], "{run:?}");
    assert!(run.err.contains("line 3: sk cannot be made: attribute name is missing"), "{run:?}");
    assert!(run.err.contains("line 4: ValidationException"), "{run:?}");
    assert_eq!(place.ok(&["scan", "cities", "--count"]), "2\n");
    let unknown = place.fails(2, &["import", "cities", "-", "--key", "sort={name}"]);
    assert!(unknown.contains("are country, sk"), "{unknown}");
    place.fails(2, &["import", "cities", "-", "--key", "sk={name"]);
    place.fails(1, &["import", "towns", "-"]);
}

#[test]
fn an_array_that_is_cut_off_is_noticed() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    let file = place.write("things.json", "[{\"id\":1},\n{\"id\":2},\n{\"id\":");
    let run = place.run(&["import", "things", &file]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.err.starts_with("line 3: EOF"), "{run:?}");
}

#[test]
fn importing_twice_is_importing_once() {
    let place = Place::new();
    place.ok(&["create", "cities", "--hash", "country:S", "--range", "name:S"]);
    let file = demo_data("cities.csv");
    let first = place.ok(&["import", "cities", &file]);
    assert!(first.starts_with("3,263 items imported"), "{first}");
    let content = place.ok(&["export", "cities"]);
    place.ok(&["import", "cities", &file, "--batch", "7"]);
    assert_eq!(place.ok(&["export", "cities"]), content);
    let iceland = place.ok(&["query", "cities", "--hash", "IS", "--project", "#n", "--names", "{\"#n\":\"name\"}"]);
    let expected = ["Akureyri", "Hafnarfjörður", "Kópavogur", "Reykjavík"];
    let expected: String = expected.iter().map(|name| format!("{{\"name\":\"{name}\"}}\n")).collect();
    assert_eq!(iceland, expected);
}

#[test]
fn durable_batches_are_told_line_by_line() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    let input: String = (0..25).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let run = place.feed(input.as_bytes(), &["import", "things", "-", "--progress-lines", "--batch", "10"]);
    assert_eq!(run.out, "acknowledged 10\nacknowledged 20\nacknowledged 25\n");
    assert!(run.err.starts_with("25 items imported"), "{run:?}");
}
