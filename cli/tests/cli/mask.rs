//! Imports that are masked: joins go on working, and no clear value is left in any file of the database.

use crate::place::{Place, Run, protect};

const RULES: &str = r##"{"rules": [
    {"attribute": "pk", "do": "hash", "templates": ["USER#{}", "ORG#{}#{}"]},
    {"attribute": "mail", "do": "hash"},
    {"attribute": "name", "do": "fake", "as": "name"},
    {"attribute": "bio", "do": "fake", "as": "text"},
    {"attribute": "profile.phone", "do": "fake", "as": "phone"},
    {"attribute": "contacts[].mail", "do": "fake", "as": "email"},
    {"attribute": "secrets", "do": "hash"},
    {"attribute": "salary", "do": "hash"},
    {"attribute": "card", "do": "drop"}
]}"##;

const ITEMS: &str = r##"{"pk":"USER#ada@clear.example","mail":"ada@clear.example","name":"Ada Clearname","bio":"three clear words","profile":{"phone":"+44clear1","level":7},"contacts":[{"mail":"charles@clear.example","kind":"friend"}],"secrets":{"clear-member":["clear-element"]},"salary":123454321,"card":"clear-4111","city":"London"}
{"pk":"ORG#clear-org#clear-team","mail":"ada@clear.example","profile":"clear text where a map was","contacts":["clear contact"]}
{"pk":"clear key of another form","mail":"Ada@clear.example"}
"##;

fn place() -> (Place, String, String) {
    let place = Place::new();
    place.ok(&["create", "users", "--hash", "pk:S"]);
    let (rules, key) =
        (place.write("rules.json", RULES), place.write("mask.key", "0123456789abcdef0123456789abcdef\n"));
    protect(&key);
    (place, rules, key)
}

fn import(place: &Place, rules: &str, key: &str) -> Vec<serde_json::Value> {
    let file = place.write("items.jsonl", ITEMS);
    place.ok(&["import", "users", &file, "--mask", rules, "--mask-key-file", key]);
    let lines = place.ok(&["scan", "users"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn no_clear_value_is_left_and_joins_go_on_working() {
    let (place, rules, key) = place();
    let items = import(&place, &rules, &key);
    assert_eq!(items.len(), 3);
    let of = |begin: &str| items.iter().find(|item| item["pk"].as_str().unwrap().starts_with(begin)).unwrap();
    let (user, team) = (of("USER#"), of("ORG#"));
    // The part of the key is the hash of the attribute, here and in the other item.
    assert_eq!(user["pk"].as_str().unwrap(), format!("USER#{}", user["mail"].as_str().unwrap()));
    assert_eq!(user["mail"], team["mail"]);
    assert_eq!(team["pk"].as_str().unwrap().split('#').count(), 3);
    assert_eq!(
        (&user["city"], &user["profile"]["level"], &user["card"]),
        (&"London".into(), &7.into(), &serde_json::Value::Null)
    );
    assert!(user["salary"].is_number() && user["salary"] != 123_454_321);
    assert!(user["contacts"][0]["mail"].as_str().unwrap().ends_with("@example.com"));
    assert_eq!(user["bio"].as_str().unwrap().split(' ').count(), 3);
    assert!(team["profile"].is_string() && !team.to_string().contains("clear"), "{team}");
    // In every file that was written, the log among them, the names of attributes stay and values do not.
    for (name, bytes) in place.files() {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for clear in ["clear", "123454321", "4111", "charles", "+44"] {
            assert!(!text.contains(clear), "{clear} is in {name}");
        }
    }
    // The same key makes the same values; another key makes others.
    assert_eq!(import(&place, &rules, &key), items);
    let other = place.write("other.key", "another key of 16 bytes or more");
    protect(&other);
    assert_eq!(import(&place, &rules, &other).len(), 6);
}

#[test]
fn a_list_of_what_may_pass_drops_the_rest() {
    let (place, _, key) = place();
    let list = r#"{"others":"drop","rules":[{"attribute":"pk","do":"hash"},{"attribute":"city","do":"keep"}]}"#;
    let items = import(&place, &place.write("list.json", list), &key);
    let names: Vec<_> = items.iter().flat_map(|item| item.as_object().unwrap().keys()).collect();
    assert!(names.iter().all(|name| *name == "pk" || *name == "city"), "{names:?}");
    let hashed = import(&place, &place.write("hash.json", r#"{"others":"hash","rules":[]}"#), &key);
    assert!(!format!("{hashed:?}").to_lowercase().contains("clear"));
}

#[test]
fn rules_that_cannot_hold_are_refused_before_anything_moves() {
    let (place, rules, key) = place();
    let file = place.write("items.jsonl", ITEMS);
    let refused =
        |rules: &str, key: &str| place.fails(2, &["import", "users", &file, "--mask", rules, "--mask-key-file", key]);
    for (text, why) in [
        ("{}", "missing field `rules`"),
        (r#"{"rules":[{"attribute":"pk","do":"drop"}]}"#, "pk is in the key of users"),
        (r#"{"rules":[{"attribute":"pk","do":"fake","as":"name"}]}"#, "pk is in the key of users"),
        (r#"{"others":"drop","rules":[]}"#, "no rule names pk"),
        (r#"{"others":"drop","rules":[{"attribute":"profile.phone","do":"fake","as":"phone"}]}"#, "a part of profile"),
        (r#"{"others":"hash","rules":[{"attribute":"contacts[].mail","do":"hash"}]}"#, "a part of contacts"),
        (r#"{"rules":[{"attribute":"a","do":"fake"}]}"#, "needs \"as\""),
        (r#"{"rules":[{"attribute":"a..b","do":"drop"}]}"#, "empty part"),
        (r#"{"rules":[{"attribute":"a","do":"hash","templates":["{}{}"]}]}"#, "with a text between two"),
        (r#"{"rules":[{"attribute":"a","do":"hash","key":"x"}]}"#, "unknown field"),
    ] {
        let error = refused(&place.write("bad.json", text), &key);
        assert!(error.contains(why), "{text}: {error}");
    }
    let short = place.write("short.key", "short");
    protect(&short);
    assert!(refused(&rules, &short).contains("16 are needed"));
    let error = place.fails(2, &["import", "users", &file, "--mask", &rules]);
    assert!(error.contains("--mask-key-file"), "{error}");
    assert_eq!(place.ok(&["scan", "users", "--count"]), "0\n");
}

#[test]
fn a_part_that_is_kept_keeps_no_value_of_another_shape() {
    let (place, _, key) = place();
    let rules = r#"{"rules":[
        {"attribute":"pk","do":"hash"}, {"attribute":"mail","do":"drop"},
        {"attribute":"profile.phone","do":"keep"}, {"attribute":"profile.phone","do":"drop"},
        {"attribute":"contacts[].mail","do":"keep"}]}"#;
    let items = import(&place, &place.write("keep.json", rules), &key);
    let user = items.iter().find(|item| item["city"] == "London").unwrap();
    assert_eq!((&user["profile"]["phone"], &user["profile"]["level"]), (&"+44clear1".into(), &7.into()));
    let team = items.iter().find(|item| item["contacts"].is_array() && item["city"].is_null()).unwrap();
    assert!(team["profile"].is_null() && team["contacts"] == serde_json::json!([]), "{team}");
}

#[test]
fn a_made_up_text_is_no_longer_than_a_long_one() {
    let (place, _, key) = place();
    let rules = place.write("text.json", r#"{"rules":[{"attribute":"bio","do":"fake","as":"text"}]}"#);
    let file = place.write("long.jsonl", format!(r#"{{"pk":"1","bio":"{}"}}"#, "a ".repeat(150_000)));
    place.ok(&["import", "users", &file, "--mask", &rules, "--mask-key-file", &key]);
    let item: serde_json::Value = serde_json::from_str(&place.ok(&["scan", "users"])).unwrap();
    let length = item["bio"].as_str().unwrap().len();
    assert!((200_000..=300_000).contains(&length), "{length}");
}

#[test]
fn names_with_dots_are_masked() {
    let (place, _, key) = place();
    let rules = r#"{"rules":[{"attribute":"user.mail","do":"drop"},{"attribute":"home.at","do":"hash"}]}"#;
    let rules = place.write("dots.json", rules);
    let item =
        r#"{"pk":"1","user.mail":"clear","user":{"mail":"clear","age":7},"more":1,"home.at":{"street":"clear"}}"#;
    let file = place.write("dots.jsonl", item);
    place.ok(&["import", "users", &file, "--mask", &rules, "--mask-key-file", &key]);
    let items = place.ok(&["scan", "users"]);
    assert!(!items.contains("clear") && items.contains("\"age\":7") && items.contains("home.at"), "{items}");
    // A key attribute is known by its whole name.
    place.ok(&["create", "dotted", "--hash", "user.id:S"]);
    let rules = place.write("key.json", r#"{"rules":[{"attribute":"user.id","do":"drop"}]}"#);
    let error = place.fails(2, &["import", "dotted", &file, "--mask", &rules]);
    assert!(error.contains("user.id is in the key of dotted"), "{error}");
}

#[test]
fn a_key_for_all_commands_is_read_only_where_rules_are() {
    let (place, rules, key) = place();
    let file = place.write("items.jsonl", ITEMS);
    let run = |variable: &str, more: &[&str]| {
        let mut command = place.command(&[&["import", "users", &file], more].concat());
        Run::of(&command.env("HASHRANGE_MASK_KEY_FILE", variable).output().unwrap())
    };
    let plain = run("no-such-file", &[]);
    assert_eq!(plain.code, 0, "{plain:?}");
    let masked = run(&key, &["--mask", &rules]);
    assert_eq!(masked.code, 0, "{masked:?}");
    assert!(place.ok(&["scan", "users"]).contains("@example.com"));
    // The option by itself means a mask that was forgotten.
    let forgotten = run("no-such-file", &["--mask-key-file", &key]);
    assert!(forgotten.code == 2 && forgotten.err.contains("say --mask too"), "{forgotten:?}");
}
