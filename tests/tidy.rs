//! Keeps the house tidy: reads the sources and fails where they break a rule that no compiler knows.
//!
//! - Rooms stand on floors, and a room imports only rooms of lower floors and those listed before it on its own floor.
//!   So there is no cycle at all, and each room can be read knowing only what lies below it.
//! - Files are touched in `src/file/` only, memory is mapped in `src/file/mapped.rs` only, and that file holds the only
//!   `unsafe`. Wall-clock time comes from `src/clock.rs` only.
//! - Nothing is left undone in passing, no file lies about that no module declares, and files and functions stay short.
//! - Limits are ratchets: what is over one today is listed here with its size, may shrink and never grow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tidy/face.rs"]
mod face;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use floors::{FLOORS, HOUSES, House};
use source::{PathUse, Token, functions, paths, tokens};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Lines of a file.
const FILE_LINES: usize = 500;
/// Files over the limit, with their lines.
const LONG_FILES: &[(&str, usize)] = &[];

/// Lines of a function.
const FUNCTION_LINES: usize = 70;
/// Functions over the limit, with their lines.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[
    ("src/partition/run/tests/timing.rs", "measure", 82),
    ("src/expression/tests/updates.rs", "refused_updates_in_the_order_of_checks", 73),
];

/// Where wall-clock time may be read.
const TIMEKEEPERS: &[&str] = &[
    "src/clock.rs",
    "src/partition/run/tests/timing.rs",
    "benches/",
    "cli/",
    "dist/",
    "mutants/",
    "wire/",
    "tests/",
    "examples/",
];

/// A source file of the workspace.
struct Source {
    /// Path from the root of the workspace, with `/`.
    path: String,
    lines: usize,
    tokens: Vec<Token>,
}

impl Source {
    /// Modules from the crate's root to the file; `None` for files that are no part of the house.
    fn module(&self, house: &House) -> Option<Vec<String>> {
        let inner = self.path.strip_prefix(house.sources)?.strip_suffix(".rs")?;
        let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == house.root) {
            module.pop();
        }
        Some(module)
    }

    fn under(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

/// All sources, read once for all tests.
fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_sources);
    &SOURCES
}

fn read_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "src",
        "tests",
        "benches",
        "examples",
        "derive",
        "wire",
        "console",
        "cli",
        "simulation",
        "mutants",
        "fuzz",
        "dist",
    ] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        Source { path, lines: text.lines().count(), tokens: tokens(&text) }
    };
    files.into_iter().map(read).collect()
}

#[expect(clippy::disallowed_methods, reason = "this test reads the sources, not a database")]
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        // The peers are a workspace of their own, which speaks to other stores as those want it.
        let skipped = ["target", "peers"].map(std::ffi::OsStr::new);
        if path.is_dir() && path.file_name().is_some_and(|name| !skipped.contains(&name)) {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[track_caller]
fn assert_tidy(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Floor of a room, and its place on it.
fn position(house: &House, room: &str) -> Option<(usize, usize)> {
    house
        .floors
        .iter()
        .enumerate()
        .find_map(|(floor, rooms)| Some((floor, rooms.iter().position(|name| *name == room)?)))
}

/// The room that a path leads to, for a file that lies in `module`; `None` if it leads out of the crate.
fn target(house: &House, module: &[String], path: &PathUse) -> Option<String> {
    let mut place: Vec<String> = module.iter().chain(&path.module).cloned().collect();
    let mut rest = path.segments.as_slice();
    match rest.first()?.as_str() {
        "crate" => place.clear(),
        "self" | "super" => {}
        _ => return None,
    }
    while let [first, others @ ..] = rest {
        match first.as_str() {
            "super" => drop(place.pop()),
            "crate" | "self" => {}
            _ => break,
        }
        rest = others;
    }
    let found = place.first().or(rest.first()).cloned()?;
    // Whatever is no room is something that the root holds or names itself.
    Some(if position(house, &found).is_some() { found } else { house.root.to_owned() })
}

#[test]
fn a_room_imports_only_what_lies_below_it() {
    let sources = sources();
    let mut faults = Vec::new();
    for house in &HOUSES {
        for source in sources {
            let Some(module) = source.module(house) else { continue };
            faults.extend(upward_imports(house, source, &module));
        }
    }
    assert_tidy(&faults);
}

/// What a file imports from above its floor.
fn upward_imports(house: &House, source: &Source, module: &[String]) -> Vec<String> {
    let room = module.first().map_or(house.root, String::as_str);
    let Some(floor) = position(house, room) else {
        return vec![format!("{}: no floor is known for this room; give it one in tests/tidy.rs", source.path)];
    };
    let mut faults = Vec::new();
    for path in paths(&source.tokens) {
        let Some(imported) = target(house, module, &path) else { continue };
        if imported != room && position(house, &imported).is_none_or(|its_floor| its_floor > floor) {
            let path_text = path.segments.join("::");
            let text = format!("{}:{}: {room} imports {imported}, which is above it", source.path, path.line);
            faults.push(format!("{text} ({path_text})"));
        }
    }
    faults
}

/// The table of rooms in `ARCHITECTURE.md` names the rooms of each floor, in the order of this file.
#[test]
fn the_map_shows_the_floors() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let mut faults = Vec::new();
    for (floor, rooms) in FLOORS.iter().enumerate() {
        let start = format!("| {floor} | ");
        let row = page.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default();
        let named = row.split(" | ").next().unwrap_or_default().split('`').skip(1).step_by(2);
        let named: Vec<&str> = named.map(|name| name.trim_end_matches('/').trim_end_matches(".rs")).collect();
        let mut once = Vec::new();
        named.iter().for_each(|name| {
            if !once.contains(name) {
                once.push(*name)
            }
        });
        if once != *rooms {
            faults.push(format!("ARCHITECTURE.md: floor {floor} has {rooms:?}, the map says {once:?}"));
        }
    }
    assert_tidy(&faults);
}

/// A room of the engine says in the line `Imports:` of its documentation which rooms it imports, lowest first, and means it.
#[test]
fn a_room_says_what_it_imports() {
    let (sources, house) = (sources(), &HOUSES[0]);
    let mut imports: BTreeMap<String, BTreeSet<(usize, usize)>> = BTreeMap::new();
    for source in sources {
        let Some(module) = source.module(house) else { continue };
        let Some(room) = module.first() else { continue };
        let imported = imports.entry(room.clone()).or_default();
        imported.extend(paths(&source.tokens).iter().filter_map(|path| {
            let target = target(house, &module, path).filter(|target| target != room && target != house.root)?;
            position(house, &target)
        }));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for (room, imported) in imports {
        let names: Vec<&str> = imported.iter().map(|(floor, place)| house.floors[*floor][*place]).collect();
        let truth = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let file =
            [format!("src/{room}/mod.rs"), format!("src/{room}.rs")].into_iter().find(|file| root.join(file).exists());
        let head = std::fs::read_to_string(root.join(file.as_deref().unwrap_or(&room))).unwrap();
        let said: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("//! Imports: ")).collect();
        if said != [format!("{truth}.")] {
            faults.push(format!("{}: the page has to say\n//! Imports: {truth}.", file.unwrap_or(room)));
        }
    }
    assert_tidy(&faults);
}

#[test]
fn every_file_is_declared_by_its_parent() {
    let sources = sources();
    let mut faults = Vec::new();
    for house in &HOUSES {
        let files: Vec<(&Source, Vec<String>)> =
            sources.iter().filter_map(|source| source.module(house).map(|module| (source, module))).collect();
        let mut declared: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for (source, module) in &files {
            for window in source.tokens.windows(3) {
                if window[0].text == "mod" && window[2].text == ";" {
                    declared.entry(module.clone()).or_default().insert(window[1].text.clone());
                }
            }
        }
        for (source, module) in &files {
            let Some((name, parent)) = module.split_last() else { continue };
            if !declared.get(parent).is_some_and(|names| names.contains(name)) {
                faults.push(format!("{}: no module declares this file, so that nothing compiles it", source.path));
            }
        }
    }
    assert_tidy(&faults);
}

#[test]
fn unsafe_code_is_in_one_file() {
    let mut faults = Vec::new();
    for source in sources() {
        if source.path == "src/file/mapped.rs" {
            continue;
        }
        let lines = source.tokens.iter().filter(|token| token.text == "unsafe").map(|token| token.line);
        faults.extend(lines.map(|line| format!("{}:{line}: unsafe outside of src/file/mapped.rs", source.path)));
    }
    assert_tidy(&faults);
}

#[test]
fn files_are_touched_in_one_room() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.under(&["src/"]) && !source.under(&["src/file/"])) {
        for path in paths(&source.tokens) {
            let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
            if source.path == "src/clock.rs" && segments.starts_with(&["rustix", "time"]) {
                continue; // time comes from there
            }
            if matches!(segments.as_slice(), ["std", "fs", ..] | ["memmap2", ..] | ["rustix", ..] | ["fs", _, ..]) {
                let text = segments.join("::");
                faults.push(format!("{}:{}: {text} belongs into src/file/", source.path, path.line));
            }
        }
    }
    assert_tidy(&faults);
}

#[test]
fn time_comes_from_the_clock() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.under(TIMEKEEPERS)) {
        let is_std = source::names_std_time(&source.tokens);
        let reads = source.tokens.iter().filter(|t| t.text == "SystemTime" || (t.text == "Instant" && is_std));
        faults.extend(reads.map(|token| format!("{}:{}: time comes from Clock", source.path, token.line)));
    }
    assert_tidy(&faults);
}

#[test]
fn nothing_is_left_undone() {
    let mut faults = Vec::new();
    for source in sources() {
        for window in source.tokens.windows(2) {
            let name = window[0].text.as_str();
            if window[1].text == "!" && ["todo", "unimplemented", "dbg"].contains(&name) {
                faults.push(format!("{}:{}: {name}!", source.path, window[0].line));
            }
        }
    }
    assert_tidy(&faults);
}

#[test]
fn files_are_short() {
    let sources = sources();
    let mut faults = Vec::new();
    for source in sources {
        let listed = LONG_FILES.iter().find(|(path, _)| *path == source.path).map(|(_, lines)| *lines);
        let limit = listed.unwrap_or(FILE_LINES);
        if source.lines > limit {
            faults.push(format!(
                "{}: {} lines, at most {limit}; find the second concept in it",
                source.path, source.lines
            ));
        }
        if listed.is_some() && source.lines <= FILE_LINES {
            faults.push(format!("{}: short enough by now, take it off the list", source.path));
        }
    }
    let is_gone = |path: &str| !sources.iter().any(|source| source.path == path);
    faults.extend(LONG_FILES.iter().filter(|(path, _)| is_gone(path)).map(|(path, _)| format!("{path}: gone")));
    assert_tidy(&faults);
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    let mut listed: BTreeSet<(&str, &str)> = LONG_FUNCTIONS.iter().map(|(path, name, _)| (*path, *name)).collect();
    for source in sources() {
        for function in functions(&source.tokens).into_iter().filter(|function| function.lines > FUNCTION_LINES) {
            let known = LONG_FUNCTIONS.iter().find(|(path, name, _)| *path == source.path && *name == function.name);
            let limit = known.map_or(FUNCTION_LINES, |(_, _, lines)| *lines);
            if let Some((path, name, _)) = known {
                listed.remove(&(*path, *name));
            }
            if function.lines > limit {
                let (path, line, name, lines) = (&source.path, function.line, &function.name, function.lines);
                faults.push(format!("{path}:{line}: {name} has {lines} lines, at most {limit}"));
            }
        }
    }
    faults.extend(listed.iter().map(|(path, name)| format!("{path}: {name} is short by now, take it off the list")));
    assert_tidy(&faults);
}

/// The rules are only as good as the reader of sources is.
#[test]
fn sources_are_read_as_rust() {
    let text = r##"
        //! use crate::in_a_comment;
        use crate::{error::{Error, Result as R}, file};
        /* use crate::a; /* nested */ use crate::b; */
        mod inner {
            use super::super::item::Item;
            const TEXT: &str = "use crate::c \" still";
            const RAW: &str = r#"use crate::d "quoted" "#;
            const BYTE: u8 = b'\'';
            fn f<'a>(c: char) -> &'a str { if c == '"' { crate::wal::x::<u8>() } else { "}" } }
        }
        fn declared(a: [u8; 3]);
    "##;
    let tokens = tokens(text);
    let read: Vec<(String, usize)> = paths(&tokens)
        .into_iter()
        .filter(|path| ["crate", "super"].contains(&path.segments[0].as_str()))
        .map(|path| (path.segments.join("::"), path.module.len()))
        .collect();
    let expected = [
        ("crate::error::Error", 0),
        ("crate::error::Result", 0),
        ("crate::file", 0),
        ("super::super::item::Item", 1),
        ("crate::wal::x", 1),
    ];
    assert_eq!(read, expected.map(|(path, depth)| (path.to_owned(), depth)));
    let found = functions(&tokens);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].name.as_str(), found[0].lines), ("f", 1));
}

#[test]
fn paths_lead_to_rooms() {
    let module: Vec<String> = ["partition", "run", "reader"].map(str::to_owned).to_vec();
    let lead = |path: &str| {
        let segments = path.split("::").map(str::to_owned).collect();
        target(&HOUSES[0], &module, &PathUse { segments, module: Vec::new(), line: 1 })
    };
    assert_eq!(lead("crate::file::Disk").as_deref(), Some("file"));
    assert_eq!(lead("crate::Database").as_deref(), Some("lib"));
    assert_eq!(lead("super::super::key").as_deref(), Some("partition"));
    assert_eq!(lead("super::super::super::wal::Wal").as_deref(), Some("wal"));
    assert_eq!(lead("self::inner").as_deref(), Some("partition"));
    assert_eq!(lead("std::fs"), None);
}

/// The drawings of `docs/format.md` are those of the modules that it names: a heading, a module, a text, a drawing.
#[test]
fn the_page_of_file_formats_shows_what_the_modules_draw() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/format.md")).unwrap();
    let (mut drawings, mut faults) = (0, Vec::new());
    for section in page.split("\n## ").skip(1) {
        let Some(module) = section.split('`').nth(1) else { panic!("no module in {section}") };
        let source = std::fs::read_to_string(root.join(module)).unwrap();
        let head: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let head = head.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
        for drawing in section.split("```text\n").skip(1) {
            let drawing = drawing.split("\n```").next().unwrap_or_default();
            drawings += 1;
            if !head.contains(drawing) {
                faults.push(format!("docs/format.md: the drawing of {module} is not that of the module"));
            }
        }
    }
    assert!(drawings >= 15, "the page has {drawings} drawings");
    assert_tidy(&faults);
}

#[expect(clippy::disallowed_methods, reason = "this test reads the sources, not a database")]
#[test]
fn every_page_is_in_the_site() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let summary = std::fs::read_to_string(root.join("dist/site/SUMMARY.md")).unwrap();
    let names = std::fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().file_name());
    let faults: Vec<String> = names
        .map(|name| format!("docs/{}", name.to_string_lossy()))
        .filter(|page| page.ends_with(".md") && !summary.contains(&format!("({page})")))
        .map(|page| format!("dist/site/SUMMARY.md does not name {page}"))
        .collect();
    assert_tidy(&faults);
}
