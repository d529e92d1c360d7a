//! Tables as a whole: what is listed, and what the console changes about them.

use super::support::{get, post, watched};
use hashrange::{
    Clock, Item,
    admin::index,
    key::{N, S},
};
use std::time::Duration;

#[test]
fn tables_are_listed_with_keys_indexes_and_settings() {
    let (db, console) = watched(|options| options);
    let by_day = index("by_day").hash::<S>("day").keys_only();
    db.create_table("a.table").hash::<S>("id").range::<N>("at").gsi(by_day).ttl("until").create().unwrap();
    let tables = get(&console, "api/tables").good().json();
    assert_eq!(tables.as_array().unwrap().len(), 1);
    let table = get(&console, "api/tables/a.table").good().json();
    assert_eq!(tables[0], table);
    assert_eq!((table["sort_key"]["kind"].as_str(), table["ttl_attribute"].as_str()), (Some("N"), Some("until")));
    assert_eq!(table["indexes"].as_array().unwrap().len(), 1, "the index of TTL is none of them");
    assert!(get(&console, "").good().text.contains("/console/tables/a.table/items"));
    assert_eq!(get(&console, "api/tables/none").status, 404);
}

#[test]
fn settings_are_changed_and_refused_in_the_engines_words() {
    let clock = Clock::manual(1_800_000_000_000);
    let (db, console) = watched(|options| options.clock(clock.clone()).background(false));
    let table = db.create_table("tab").hash::<S>("id").create().unwrap();
    let change = |page: &str, parameters: &[(&str, &str)]| post(&console, &format!("tables/tab/{page}"), parameters);
    change("ttl", &[("do", "ttl-on"), ("attribute", "until")]).good();
    table.put(&Item::new().with("id", "a").with("until", 1_800_000_001)).unwrap();
    clock.advance(Duration::from_secs(10));
    assert!(change("ttl", &[("do", "sweep")]).good().text.contains(": 1."));
    let again = change("ttl", &[("do", "ttl-on"), ("attribute", "until")]);
    assert!(again.status == 400 && again.text.contains("already enabled"), "{}", again.text);

    change("stream", &[("do", "stream-on"), ("view", "NEW_IMAGE")]).good();
    assert_eq!(get(&console, "api/tables/tab").json()["stream"], "NEW_IMAGE");
    assert_eq!(get(&console, "api/tables/tab/stream").good().json()[0]["is_enabled"], true);
    assert!(get(&console, "tables/tab/stream").good().text.contains("data-events"));
    change("stream", &[("do", "stream-off")]).good();

    let fields =
        [("do", "add-index"), ("index", "by_mail"), ("hash", "mail"), ("hash_type", "S"), ("projection", "KEYS_ONLY")];
    change("indexes", &fields).good();
    while db.step().unwrap() != hashrange::inspect::Work::Idle {}
    assert_eq!(get(&console, "api/tables/tab").json()["indexes"][0]["status"], "ACTIVE");
    change("indexes", &[("do", "lag"), ("index", "by_mail"), ("millis", "500")]).good();
    table.put(&Item::new().with("id", "b").with("mail", "m")).unwrap();
    let lag = get(&console, "api/tables/tab/lag").good().json();
    assert_eq!((lag[0]["pending_changes"].as_u64(), lag[0]["longest_millis"].as_u64()), (Some(1), Some(500)));
    assert!(get(&console, "tables/tab/indexes").good().text.contains("1 on their way"));
    clock.advance(Duration::from_millis(500));
    assert_eq!(get(&console, "api/tables/tab/lag").good().json()[0]["pending_changes"], 0);
    change("indexes", &[("do", "drop-index"), ("index", "by_mail")]).good();
    assert_eq!(change("indexes", &[("do", "drop-index"), ("index", "by_mail")]).status, 404);
    assert_eq!(change("indexes", &[("do", "fly")]).status, 400);
    assert_eq!(change("indexes", &[("do", "lag"), ("index", "by_mail"), ("millis", "99999999999")]).status, 400);
}

#[test]
fn all_files_of_the_pages_are_small_and_there() {
    let (_, console) = watched(|options| options);
    let page = get(&console, "").good().text;
    let mut bytes = 0;
    for name in ["console.css", "console.js", "inside.css", "inside.js", "htmx.js", "htmx.LICENSE", "icon.svg"] {
        bytes += get(&console, &format!("assets/{name}")).good().text.len();
    }
    assert!(page.contains("assets/console.css") && page.contains("assets/htmx.js"));
    assert!(bytes < 200 << 10, "{bytes}");
    assert_eq!(get(&console, "assets/../Cargo.toml").status, 404);
}
