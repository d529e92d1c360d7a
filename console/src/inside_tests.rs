//! Inside, workbenches and lessons as a browser or a program asks for them.

use crate::{
    answer::Body,
    console::{Console, WRITE_HEADER},
    lessons::built_in,
    options::ConsoleOptions,
    tap::TraceTap,
};
use hashrange::{Clock, Database, Item, key::S};
use http::{Method, StatusCode};
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const HOSTILE: &str = "<script>alert(1)</script>";

fn database() -> Database {
    let db = Database::options().background(false).initial_partitions(2).in_memory().expect("a database");
    let orders = db.create_table("orders").hash::<S>("id").create().expect("a table");
    for n in 0..20 {
        orders.put(&Item::new().with("id", format!("order {n} {HOSTILE}")).with("total", n)).expect("a put");
    }
    db
}

fn console(db: &Database, write: bool) -> Console {
    let options = ConsoleOptions { write, lessons: built_in().to_vec(), ..ConsoleOptions::default() };
    Console::new(db.clone(), options)
}

fn ask(console: &Console, method: Method, path: &str, form: &str) -> (StatusCode, String) {
    let request = http::Request::builder().method(method).uri(format!("/console/{path}"));
    let request = request.header(WRITE_HEADER, "1").header("content-type", "application/x-www-form-urlencoded");
    let answer = console.answer(request.body(form.as_bytes().to_vec()).expect("a request"));
    let status = answer.status();
    match answer.into_body() {
        Body::Whole(bytes) => (status, String::from_utf8(bytes.to_vec()).expect("a text")),
        Body::Events(mut source) => (status, String::from_utf8_lossy(&source.next().unwrap_or_default()).into_owned()),
    }
}

fn get(console: &Console, path: &str) -> String {
    let (status, text) = ask(console, Method::GET, path, "");
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    text
}

fn post(console: &Console, path: &str, form: &str) -> Value {
    let (status, text) = ask(console, Method::POST, path, form);
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn what_is_drawn_is_what_the_engine_has() {
    let db = database();
    let console = console(&db, false);
    let page = get(&console, "inside");
    let facts = db.facts();
    for part in &facts.partitions {
        assert!(page.contains(&format!("data-partition=\"{}\"", part.partition.id)), "{page}");
        let keys = part.partition.active.keys;
        assert!(page.contains(&format!("{keys} key")), "{page}");
    }
    assert!(page.contains("the memtable of partition") && page.contains("log segment 1:"));
    assert!(!page.contains("Pause, and do it"), "it only reads");
    let id = facts.partitions[0].partition.id;
    let before = get(&console, &format!("inside/partition/{id}"));
    assert!(before.contains("memtable: ") && before.contains("none yet: everything is in memory"));
    db.flush().expect("a flush");
    let after = get(&console, &format!("inside/partition/{id}"));
    let leaves = |stats: &hashrange::inspect::RunStats| stats.inside.as_ref().map(|inside| inside.leaves);
    let drawn = leaves(&db.facts().partitions[0].partition.runs[0]).expect("a run that can be read");
    assert!(after.contains("memtable: 0 keys") && after.contains(&format!(", {drawn} lea")), "{after}");
    let said: Value = serde_json::from_str(&get(&console, "api/inside")).expect("JSON");
    assert_eq!(said["facts"]["partitions"][0]["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(said["facts"]["log"]["pins"], Value::Array(Vec::new()));
    let last = said["facts"]["partitions"].as_array().and_then(|partitions| partitions.last()).expect("a partition");
    assert_eq!(last["last_token"], "ffffffffffffffff", "a number of 64 bits would be rounded");
    assert_eq!(ask(&console, Method::GET, "inside/partition/999", "").0, StatusCode::NOT_FOUND);
}

#[test]
fn steps_need_the_right_to_write_and_a_pause() {
    let db = database();
    let reads = console(&db, false);
    assert_eq!(ask(&reads, Method::POST, "api/inside/step", "piece=flush").0, StatusCode::FORBIDDEN);
    let writes = console(&db, true);
    assert_eq!(ask(&writes, Method::POST, "api/inside/step", "piece=flush").0, StatusCode::BAD_REQUEST, "no pause");
    assert_eq!(post(&writes, "api/inside/pause", "")["is_paused"], true);
    assert_eq!(post(&writes, "api/inside/step", "piece=flush")["work"], "flushed");
    assert_eq!(ask(&writes, Method::POST, "api/inside/step", "piece=rest").0, StatusCode::BAD_REQUEST);
    let (status, text) = ask(&writes, Method::POST, "inside/step", "piece=flush");
    assert!(status == StatusCode::OK && text.contains("flushed partition"), "{text}");
    assert!(ask(&writes, Method::POST, "inside/step", "piece=flush").1.contains("nothing of that kind"));
    assert_eq!(post(&writes, "api/inside/resume", "")["is_paused"], false);
}

#[test]
fn events_are_told_as_they_happen_and_their_number_is_bounded() {
    let db = database();
    let console = console(&db, false);
    let request = http::Request::get("/console/api/inside/events").body(Vec::new()).expect("a request");
    let Body::Events(mut source) = console.answer(request).into_body() else { panic!("no events") };
    let mut next = || String::from_utf8_lossy(&source.next().expect("it goes on")).into_owned();
    assert_eq!(next(), ": still here\n\n", "the stream is open");
    assert_eq!(next(), "");
    db.flush().expect("a flush");
    let told = next();
    assert!(told.contains("event: work\ndata: {") && told.contains("\"kind\":\"flushed\""), "{told}");
    let table = db.table::<S>("orders").expect("the table");
    for n in 0..300 {
        table.put(&Item::new().with("id", "same").with("total", n)).expect("a put");
        db.flush().expect("a flush");
    }
    let told = next();
    assert_eq!(told.matches("event: work").count(), 256);
    assert!(told.contains("event: lost\ndata: "), "{told}");
}

#[test]
fn a_workbench_is_a_copy_whose_power_can_be_cut() {
    let db = database();
    let console = console(&db, false);
    let bench = post(&console, "api/bench", "from=copy")["bench"].to_string();
    let run = |form: &str| post(&console, &format!("api/bench/{bench}/run"), form);
    let followed = run("kind=sql&followed=yes&text=INSERT+INTO+%22orders%22+VALUE+%7B'id':'new'%7D");
    let points = followed["points"].as_array().expect("points");
    let answered = points.iter().find(|point| point["point"] == "answered").expect("an answer");
    assert_eq!((&answered["kept"], &answered["lost"]), (&16.into(), &0.into()));
    let report = run("kind=do&text=cut+power+3");
    assert_eq!(report["was_closed"], false);
    let found = run("kind=sql&text=SELECT+*+FROM+%22orders%22+WHERE+id%3D'new'");
    assert_eq!(found["Items"].as_array().map(Vec::len), Some(1));
    assert!(db.table::<S>("orders").expect("the table").get("new").expect("a get").is_none(), "it is a copy");
    // What cannot be carried out is an answer, and the page of it has no script.
    assert_eq!(run("kind=do&text=explode")["error"], "InvalidStep");
    let (_, page) =
        ask(&console, Method::POST, &format!("inside/bench/{bench}/run"), "kind=sql&text=SELECT+*+FROM+%22orders%22");
    assert!(page.contains("order 1") && !page.contains(HOSTILE), "{page}");
    assert_eq!(ask(&console, Method::POST, "api/bench/99/run", "text=x").0, StatusCode::NOT_FOUND);
    assert!(get(&console, &format!("inside/bench/{bench}")).contains("Cut the power"));
}

#[test]
fn a_workbench_is_in_no_recording_and_has_a_clock_of_its_own() {
    let (tap, told) = (TraceTap::default(), Arc::new(AtomicUsize::new(0)));
    let (counter, clock) = (told.clone(), Clock::manual(1_000_000));
    let options = Database::options().background(false).clock(clock.clone()).hook(Arc::new(tap.clone()));
    let db = options.observer(move |_| _ = counter.fetch_add(1, Ordering::Relaxed)).in_memory().expect("a database");
    let orders = db.create_table("orders").hash::<S>("id").create().expect("a table");
    let options = ConsoleOptions { write: true, tap: Some(tap), ..ConsoleOptions::default() };
    let console = Console::new(db.clone(), options);
    post(&console, "api/recording", "do=start");
    let bench = post(&console, "api/bench", "from=copy")["bench"].to_string();
    let run = |form: &str| post(&console, &format!("api/bench/{bench}/run"), form);
    let before = told.load(Ordering::Relaxed);
    let inserted = run("kind=sql&text=INSERT+INTO+%22orders%22+VALUE+%7B'id':'new'%7D");
    assert!(inserted["error"].is_null(), "{inserted}");
    assert_eq!(run("kind=do&text=flush")["work"], "flushed");
    assert_eq!(run("kind=do&text=cut+power+1")["last_commit"], 2);
    assert_eq!(run("kind=do&text=advance+1+hour")["seconds"], 4_600);
    assert_eq!(clock.now_millis(), 1_000_000, "the original's clock stands");
    assert_eq!(told.load(Ordering::Relaxed), before, "its observer is told nothing");
    orders.put(&Item::new().with("id", "real")).expect("a put");
    assert_eq!(post(&console, "api/recording", "do=stop")["accesses"], 1, "the one request to the original");
}

#[test]
fn the_clock_of_a_workbench_can_be_moved_where_the_original_has_the_time_of_the_system() {
    let console = console(&database(), false);
    let bench = post(&console, "api/bench", "from=copy")["bench"].to_string();
    let run = |text: &str| post(&console, &format!("api/bench/{bench}/run"), &format!("kind=do&text={text}"));
    let seconds = |answer: Value| answer["seconds"].as_u64().expect("a time");
    let before = seconds(run("advance+1+second"));
    assert_eq!(seconds(run("advance+2+days")), before + 2 * 86_400);
}

#[test]
fn a_lesson_is_gone_through_on_its_page() {
    let db = database();
    let console = console(&db, false);
    let list = get(&console, "lessons");
    built_in().iter().for_each(|lesson| assert!(list.contains(&format!("/console/lessons/{}\"", lesson.name))));
    let run = post(&console, "api/lessons/conditions/runs", "")["run"].to_string();
    let step = format!("lessons/conditions/runs/{run}/step");
    let (status, text) = ask(&console, Method::POST, &step, "step=1");
    assert!(status == StatusCode::OK && text.contains("✓") | text.contains("ACTIVE"), "{text}");
    assert!(text.contains("hx-swap-oob") && text.contains("Run step 2"), "the next one can be run");
    assert_eq!(ask(&console, Method::POST, &step, "step=5").0, StatusCode::BAD_REQUEST, "not in its turn");
    // A reader may change a step; nothing is expected of it then.
    let changed = post(&console, &format!("api/{step}"), "step=2&text=%7B%7D");
    assert!(changed["answer"]["error"].is_string() && changed["checks"] == Value::Array(Vec::new()), "{changed}");
    let tried =
        post(&console, &format!("api/lessons/conditions/runs/{run}/try"), "kind=sql&text=SELECT+*+FROM+%22stock%22");
    assert_eq!(tried["answer"]["Items"], Value::Array(Vec::new()));
    let page = get(&console, &format!("lessons/conditions?run={run}"));
    assert!(page.contains("Run step 3") && page.contains("Inside now"));
    assert_eq!(ask(&console, Method::GET, "lessons/none", "").0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&console, Method::GET, &format!("lessons/streams?run={run}"), "").0, StatusCode::NOT_FOUND);
}
