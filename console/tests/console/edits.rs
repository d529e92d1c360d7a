//! Items created, changed, deleted, imported and exported by pages and programs.

use super::support::{get, get_with, post, send_body, watched};
use hashrange::{
    Database, Item,
    history::Moment,
    key::{N, S},
};
use hashrange_console::Console;
use std::ops::ControlFlow;

fn stock() -> (Database, Console) {
    let (db, console) = watched(|options| options);
    db.create_table("stock").hash::<S>("sku").range::<N>("bin").create().unwrap();
    (db, console)
}

fn item(db: &Database, sku: &str, bin: i64) -> Option<Item> {
    db.table::<(S, N)>("stock").unwrap().get((sku, bin)).unwrap().map(|item| item.to_item())
}

#[test]
fn an_item_is_created_changed_and_deleted_by_the_editor() {
    let (db, console) = stock();
    let fields = [
        ("do", "save"),
        ("name", "sku"),
        ("type", "S"),
        ("value", "bolt"),
        ("name", "bin"),
        ("type", "N"),
        ("value", "7"),
        ("name", "tags"),
        ("type", "SS"),
        ("value", r#"["a","b"]"#),
        ("name", ""),
        ("type", "S"),
        ("value", "a row without a name"),
    ];
    let answer = post(&console, "tables/stock/item", &fields).good();
    let address = answer.head["hx-redirect"].to_str().unwrap().to_owned();
    let was = item(&db, "bolt", 7).unwrap();
    assert_eq!(was.get("tags").unwrap().len(), 2);
    let editor = get(&console, address.strip_prefix("/console/").unwrap()).good().text;
    assert!(editor.contains("value=\"bolt\"") && editor.contains("[&quot;a&quot;,&quot;b&quot;]"), "{editor}");

    assert_eq!(post(&console, "tables/stock/item", &fields).status, 409, "a second one with its key");
    let was = was.to_dynamodb_json();
    let json = r#"{"sku":{"S":"bolt"},"bin":{"N":"7"},"left":{"N":"3"}}"#;
    post(&console, "tables/stock/item", &[("do", "save"), ("was", &was), ("json", json)]).good();
    assert_eq!(item(&db, "bolt", 7).unwrap().get("left").unwrap().as_i64(), Some(3));
    let late = post(&console, "tables/stock/item", &[("do", "save"), ("was", &was), ("json", json)]);
    assert_eq!(late.status, 409, "it is not what it was any more");
    assert!(late.text.contains("changed since it was shown"), "{}", late.text);

    post(&console, "tables/stock/item", &[("do", "delete"), ("was", json)]).good();
    assert!(item(&db, "bolt", 7).is_none());
    assert_eq!(post(&console, "tables/stock/item", &[("do", "delete"), ("was", json)]).status, 409);
}

#[test]
fn a_copy_needs_a_key_that_is_free() {
    let (db, console) = stock();
    let table = db.table::<(S, N)>("stock").unwrap();
    for bin in [1, 2] {
        table.put(&Item::new().with("sku", "nut").with("bin", bin)).unwrap();
    }
    let was = r#"{"sku":{"S":"nut"},"bin":{"N":"1"}}"#;
    let copy = |json| post(&console, "tables/stock/item", &[("do", "save"), ("was", was), ("json", json)]);
    assert_eq!(copy(r#"{"sku":{"S":"nut"},"bin":{"N":"2"},"x":{"S":"lost"}}"#).status, 409);
    copy(r#"{"sku":{"S":"nut"},"bin":{"N":"3"}}"#).good();
    assert!(item(&db, "nut", 2).unwrap().get("x").is_none() && item(&db, "nut", 3).is_some());
}

#[test]
fn refusals_are_in_the_engines_words() {
    let (db, console) = stock();
    for (json, says) in [
        (r#"{"sku":{"S":"a"}}"#, "Missing the key bin in the item"),
        (r#"{"sku":{"N":"1"},"bin":{"N":"1"}}"#, "Type mismatch for key sku expected: S actual: N"),
        (r#"{"sku":{"S":""},"bin":{"N":"1"}}"#, "empty string value"),
        (r#"{"sku":{"S":"a"},"bin":{"N":"x"}}"#, "numeric value"),
        (r#"{"sku":{"S":"a"},"bin":{"N":"1"},"s":{"SS":["a","a"]}}"#, "contains duplicates"),
        (r#"{"sku":"#, ""),
    ] {
        let answer = post(&console, "tables/stock/item", &[("do", "save"), ("json", json)]);
        assert_eq!(answer.status, 400, "{json}: {}", answer.text);
        assert!(answer.text.contains(says), "{json}: {}", answer.text);
        let answer = send_body(&console, "PUT", "api/tables/stock/items", json);
        assert_eq!(answer.status, 400, "{json}");
        assert!(answer.json()["message"].as_str().unwrap().contains(says), "{json}: {}", answer.text);
    }
    assert_eq!(db.describe_table("stock").unwrap().item_count, 0);
}

#[test]
fn chosen_items_are_changed_one_by_one() {
    let (db, console) = stock();
    let table = db.table::<(S, N)>("stock").unwrap();
    for bin in 0..5 {
        table.put(&Item::new().with("sku", "nut").with("bin", bin)).unwrap();
    }
    let keys: Vec<String> = [0, 1, 9].map(|bin| format!(r#"{{"sku":{{"S":"nut"}},"bin":{{"N":"{bin}"}}}}"#)).into();
    let with = |more: &[(&'static str, &'static str)]| {
        let mut parameters: Vec<(&str, &str)> = keys.iter().map(|key| ("key", key.as_str())).collect();
        parameters.extend_from_slice(more);
        post(&console, "api/tables/stock/bulk", &parameters)
    };
    let changed = with(&[("do", "set"), ("name", "a.b"), ("type", "N"), ("value", "5")]).good().json();
    assert_eq!((changed["changed"].as_u64(), changed["refused"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(changed["refused"][0]["code"], "ConditionalCheckFailedException");
    assert_eq!(item(&db, "nut", 1).unwrap().get("a.b").unwrap().as_i64(), Some(5));
    assert!(item(&db, "nut", 9).is_none(), "an item that is gone does not come back");
    with(&[("do", "remove"), ("name", "a.b")]).good();
    assert!(item(&db, "nut", 1).unwrap().get("a.b").is_none());
    let refused = with(&[("do", "set"), ("name", "bin"), ("type", "N"), ("value", "5")]).good().json();
    assert_eq!(refused["changed"], 0, "the engine protects keys: {refused}");
    assert_eq!(with(&[("do", "delete")]).good().json()["changed"], 2);
    assert_eq!(table.scan().items().count(), 3);
    assert_eq!(post(&console, "api/tables/stock/bulk", &[("do", "delete")]).status, 400);
}

#[test]
fn files_come_in_and_go_out() {
    let (db, console) = stock();
    let import = |query: &str, body: &str| {
        send_body(&console, "POST", &format!("api/tables/stock/import?{query}"), body).good().json()
    };
    let lines = "{\"Item\":{\"sku\":{\"S\":\"a\"},\"bin\":{\"N\":\"1\"}}}\n\n{\"sku\":{\"S\":\"a\"},\"bin\":{\"N\":\"2\"},\"t\":{\"SS\":[\"x\"]}}\n{\"sku\":{\"S\":\"a\"}}\nnot JSON\n";
    let changed = import("name=x.json", lines);
    assert_eq!((changed["changed"].as_u64(), changed["refused"].as_array().unwrap().len()), (Some(2), 2));
    assert_eq!(changed["refused"][0]["item"], "line 4");
    assert!(changed["refused"][0]["message"].as_str().unwrap().contains("Missing the key bin"));
    assert_eq!(import("name=x.jsonl", r#"{"sku":"b","bin":1,"n":{"deep":[1,true]}}"#)["changed"], 1);
    let csv = "sku,bin,note,flag:BOOL\nc,1,\"a, \"\"b\"\"\",true\nc,2,,\nc,x,,\nc,3\n";
    let changed = import("name=x.csv", csv);
    assert_eq!((changed["changed"].as_u64(), changed["refused"].as_array().unwrap().len()), (Some(2), 2));
    assert_eq!(item(&db, "c", 1).unwrap().get("note").unwrap().as_str(), Some("a, \"b\""));
    assert!(item(&db, "c", 2).unwrap().get("note").is_none());
    assert_eq!(send_body(&console, "POST", "api/tables/stock/import?format=csv", "a:L\n1\n").status, 400);

    for (format, name) in [("ddb-json", "back.json"), ("csv", "back.csv")] {
        let file = get(&console, &format!("api/tables/stock/export?format={format}")).good();
        assert!(file.head["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"stock."));
        db.create_table("back").hash::<S>("sku").range::<N>("bin").create().unwrap();
        let put = send_body(&console, "POST", &format!("api/tables/back/import?name={name}"), &file.text).good().json();
        assert_eq!(put["refused"].as_array().unwrap().len(), 0, "{put}");
        assert_eq!(db.digest("back").unwrap(), db.digest("stock").unwrap(), "{format}");
        db.delete_table("back").unwrap();
    }
}

#[test]
fn a_line_that_cannot_be_read_ends_no_import() {
    let (db, console) = stock();
    let many_digits = format!("{{\"sku\":\"a\",\"bin\":{}}}", "1".repeat(39));
    let lines = format!("{{\"sku\":\"a\",\"bin\":1}}\n{{\"sku\": }}\n{many_digits}\n{{\"sku\":\"a\",\"bin\":4}}\n");
    let changed = send_body(&console, "POST", "api/tables/stock/import?name=x.jsonl", &lines).good().json();
    let places: Vec<&str> =
        changed["refused"].as_array().unwrap().iter().map(|line| line["item"].as_str().unwrap()).collect();
    assert_eq!((changed["changed"].as_u64(), places), (Some(2), vec!["line 2", "line 3"]), "{changed}");
    assert!(item(&db, "a", 4).is_some());
}

#[test]
fn an_item_whose_texts_fields_would_change_is_edited_as_json() {
    let (_, console) = stock();
    let key = [("key", r#"{"sku":{"S":"nut"},"bin":{"N":"1"}}"#)];
    let attributes = ["\"note\":{\"S\":\"a\\r\\nb\"}", "\"note\":{\"S\":\"a\\u0000\"}", "\"a\\nb\":{\"S\":\"x\"}"];
    for (attribute, has_rows) in
        attributes.map(|text| (text, false)).into_iter().chain([("\"note\":{\"S\":\"a\\nb\"}", true)])
    {
        let json = format!("{{\"sku\":{{\"S\":\"nut\"}},\"bin\":{{\"N\":\"1\"}},{attribute}}}");
        send_body(&console, "PUT", "api/tables/stock/items", &json).good();
        let editor = get_with(&console, "tables/stock/item", &key).good().text;
        assert_eq!(editor.contains("id=\"attributes\""), has_rows, "{attribute}: {editor}");
        assert_eq!(editor.contains("It is changed as JSON"), !has_rows, "{attribute}");
        assert!(editor.contains("name=\"json\""));
    }
}

#[test]
fn refusals_are_all_counted_and_the_first_are_named() {
    let (db, console) = stock();
    let csv = format!("sku,bin\n{}a,1\n", "a,x\n".repeat(1_500));
    let changed = send_body(&console, "POST", "api/tables/stock/import?format=csv", &csv).good().json();
    assert_eq!((changed["changed"].as_u64(), changed["refused_count"].as_u64()), (Some(1), Some(1_500)));
    assert_eq!(changed["refused"].as_array().unwrap().len(), 1_000);
    assert_eq!(changed["refused"][999]["item"], "line 1001");
    assert!(item(&db, "a", 1).is_some(), "records behind the sample are put");
    let page = send_body(&console, "POST", "tables/stock/files?format=csv", &csv).good().text;
    assert!(page.contains("refused: 1500") && page.contains("The first 50 are shown."), "{page}");
}

#[test]
fn what_has_too_many_columns_or_fields_is_refused() {
    let (db, console) = stock();
    let table = db.table::<(S, N)>("stock").unwrap();
    for bin in 0..101 {
        let names = (0..100).map(|number| (format!("{bin}_{number}"), true.into()));
        let key = [("sku".to_owned(), "nut".into()), ("bin".to_owned(), bin.into())];
        table.put(&Item(names.chain(key).collect())).unwrap();
    }
    let wide = get(&console, "api/tables/stock/export?format=csv");
    assert!(wide.status == 400 && wide.text.contains("more than 10000 attributes"), "{}", wide.text);
    get(&console, "api/tables/stock/export?format=ddb-json").good();
    let many = |count: usize| post(&console, "api/tables/stock/bulk", &vec![("none", ""); count]);
    assert!(many(10_000).text.contains("choose at least one item"));
    assert!(many(10_001).text.contains("at most 10000 fields"));
}

#[test]
fn an_answer_about_the_past_has_so_many_bytes_and_says_that_there_is_more() {
    let (db, console) = stock();
    let table = db.table::<(S, N)>("stock").unwrap();
    let from = format!("#{}", db.at(Moment::Now).unwrap().commit());
    let large = |bin: u64, n: u64| {
        table
            .put(&Item::new().with("sku", "nut").with("bin", bin).with("n", n).with("pad", "x".repeat(390_000)))
            .unwrap();
    };
    (0..50).for_each(|n| large(0, n));
    (1..50).for_each(|bin| large(bin, 0));
    let key = [("key", r#"{"sku":{"S":"nut"},"bin":{"N":"0"}}"#)];
    let found = get_with(&console, "api/tables/stock/versions", &key).good().json();
    let versions = found["versions"].as_array().unwrap();
    assert_eq!((versions.len(), found["has_more"].as_bool()), (43, Some(true)), "43 times 390 KB are 16 MiB");
    assert_eq!(versions[42]["item"]["n"]["N"], "49", "the newest are there");
    let (nut, mut seen) = (Item::new().with("sku", "nut").with("bin", 0), 0);
    db.visit_item_versions("stock", &nut, |version| {
        seen += version.item.unwrap().get("n").unwrap().as_u64().unwrap();
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(seen, 3, "the third one is the last that is shown");
    let found = get_with(&console, "api/tables/stock/difference", &[("from", &from), ("limit", "1000")]).good().json();
    assert_eq!((found["changes"].as_array().unwrap().len(), found["has_more"].as_bool()), (43, Some(true)));
    assert!(get_with(&console, "tables/stock/versions", &key).good().text.contains("There are earlier versions"));
}

#[test]
fn the_past_is_shown_item_by_item_and_as_a_difference() {
    let (db, console) = stock();
    let table = db.table::<(S, N)>("stock").unwrap();
    table.put(&Item::new().with("sku", "nut").with("bin", 1).with("left", 5)).unwrap();
    let then = db.at(Moment::Now).unwrap().commit();
    table.put(&Item::new().with("sku", "nut").with("bin", 1).with("left", 4)).unwrap();
    table.put(&Item::new().with("sku", "nut").with("bin", 2)).unwrap();
    let from = format!("#{then}");
    let found = get_with(&console, "api/tables/stock/difference", &[("from", &from)]).good().json();
    assert_eq!((found["from_commit"].as_u64(), found["changes"].as_array().unwrap().len()), (Some(then), 2));
    let page = get_with(&console, "tables/stock/history", &[("from", &from)]).good().text;
    assert!(page.contains("2 items differ") && page.contains("was changed") && page.contains("was put"), "{page}");
    let key = r#"{"sku":{"S":"nut"},"bin":{"N":"1"}}"#;
    let found = get_with(&console, "api/tables/stock/versions", &[("key", key)]).good().json();
    assert_eq!((found["versions"].as_array().unwrap().len(), found["has_more"].as_bool()), (2, Some(false)));
    assert!(get_with(&console, "tables/stock/versions", &[("key", key)]).good().text.contains("Commit #"));
    let early = get(&console, &format!("api/tables/stock/export?at=%23{then}")).good().text;
    assert_eq!(early.lines().count(), 1, "the export is of that moment");
    assert_eq!(get_with(&console, "api/tables/stock/difference", &[("from", "#99999")]).status, 404);
    assert_eq!(get_with(&console, "api/tables/stock/difference", &[("from", "then")]).status, 400);
}
