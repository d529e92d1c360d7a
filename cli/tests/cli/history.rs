//! `history`, `branch`, `digest` and `diff`, by what scripts see of them.

use crate::place::Place;

fn with_history() -> Place {
    let place = Place::new();
    place.ok(&["create", "stock", "--hash", "sku:S"]);
    place.ok(&["history", "--keep", "7d"]);
    place.ok(&["put", "stock", r#"{"sku":"bolt","left":7}"#]);
    place
}

fn last_commit(place: &Place) -> u64 {
    let window: serde_json::Value = serde_json::from_str(&place.ok(&["history", "--json"])).unwrap();
    assert_eq!(window["retention_secs"], 7 * 86_400);
    window["window"]["latest"]["commit"].as_u64().unwrap()
}

#[test]
fn the_versions_of_an_item_are_shown_also_of_a_table_that_is_gone() {
    let place = with_history();
    place.ok(&["put", "stock", r#"{"sku":"bolt","left":6}"#]);
    place.ok(&["delete", "stock", "--hash", "bolt"]);
    let lines = place.ok(&["history", "stock", "bolt"]);
    let shown: Vec<&str> = lines.lines().map(|line| line.split_once(" commit ").unwrap().1).collect();
    assert_eq!(shown.len(), 3, "{lines}");
    assert!(shown[0].ends_with(r#"{"left":7,"sku":"bolt"}"#) && shown[2].ends_with("deleted"), "{lines}");
    let json = place.ok(&["history", "stock", r#"{"sku":"bolt"}"#, "--json"]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert!(last["item"].is_null() && last["is_expiry"] == false, "{json}");
    place.ok(&["put", "stock", r#"{"sku":"nut"}"#]);
    place.ok(&["drop", "stock", "--yes"]);
    let lines = place.ok(&["history", "stock", r#"{"sku":"nut"}"#]);
    assert!(lines.lines().count() == 2 && lines.contains("deleted"), "{lines}");
    assert_eq!(place.run(&["history", "stock", r#"{"sku":"none"}"#]).code, 5);
    assert!(place.fails(2, &["history", "stock", "nut"]).contains("as a JSON object"));
}

#[test]
fn history_is_turned_on_and_off() {
    let place = with_history();
    assert!(place.ok(&["history"]).contains("kept for 604800 s"));
    assert!(place.ok(&["history", "--stop"]).contains("no history is kept"));
    assert!(place.fails(1, &["history", "stock", "bolt"]).contains("no history is kept"));
    assert!(place.fails(2, &["history", "--keep", "soon"]).contains("such as 7d"));
    place.fails(2, &["history", "stock"]);
}

#[test]
fn a_bad_deploy_is_undone_by_a_branch() {
    let place = with_history();
    let before = last_commit(&place);
    let digest = place.ok(&["digest", "stock"]);
    place.ok(&["put", "stock", r#"{"sku":"bolt","left":-1}"#]);
    place.ok(&["put", "stock", r#"{"sku":"junk"}"#]);
    let branch = place.file("branch");
    let branch = branch.to_str().unwrap();
    let at = format!("commit:{before}");
    let said = place.ok(&["branch", branch, "--at", &at]);
    assert!(said.contains(&format!("1 table as of commit {before}")), "{said}");
    assert_eq!(place.ok_in(branch, &["digest", "stock"]), digest);
    assert_eq!(place.ok(&["digest", "stock", "--at", &at]), digest);
    assert_ne!(place.ok(&["digest"]), digest);

    let data = place.database();
    let diff = place.run(&["diff", branch, data.to_str().unwrap()]);
    assert_eq!(diff.code, 1, "{diff:?}");
    let changed = r#"~ {"table":"stock","old":{"left":7,"sku":"bolt"},"new":{"left":-1,"sku":"bolt"}}"#;
    assert!(diff.out.contains(changed) && diff.out.contains(r#"+ {"table":"stock","old":null"#), "{}", diff.out);
    assert!(diff.out.ends_with("stock: 1 only in the second, 0 only in the first, 1 differ\n"), "{}", diff.out);
    place.ok_in(branch, &["create", "other", "--hash", "id:N"]);
    assert!(place.run(&["diff", branch, data.to_str().unwrap(), "--summary"]).out.contains("other: only in"));
    assert!(place.ok(&["diff", branch, branch]).contains("stock: the same 1 item"));
    assert!(place.fails(2, &["diff", branch, branch, "--table", "none"]).contains("neither database has"));
    assert!(place.fails(1, &["branch", branch]).contains("is not empty"));
    assert!(
        place
            .fails(1, &["branch", place.file("x").to_str().unwrap(), "--at", "commit:99999"])
            .contains("history reaches")
    );
    assert!(place.fails(2, &["branch", "x", "--at", "yesterday"]).contains("commit:NUMBER"));
}
