//! The names that a user of the engine's crate sees, read from `src/lib.rs` and the modules it makes public.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Names at the root of the engine's crate: what is more belongs into a group.
const ROOT_NAMES: usize = 46;

#[test]
fn the_root_of_the_crate_has_few_names() {
    let names = root_names(&sources());
    for known in ["Database", "Table", "attr", "values", "prelude", "key", "request", "Result"] {
        assert!(names.contains(known), "{known} was not found among {names:?}");
    }
    assert!(names.len() <= ROOT_NAMES, "{} names at the root: {names:?}", names.len());
}

#[test]
fn a_public_name_is_exported_by_one_module() {
    let names = modules_of_names(&sources());
    assert!(names.len() > 100 && names["begins_with"] == ["key"] && names["Item"] == ["item"], "{names:?}");
    let twice = names.into_iter().filter(|(_, modules)| modules.len() > 1);
    super::assert_tidy(&twice.map(|(name, modules)| format!("{name} is exported by {modules:?}")).collect::<Vec<_>>());
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Names at the root of the crate, hidden ones left out: public modules, what is exported from there, and macros.
fn root_names(sources: &Path) -> BTreeSet<String> {
    let lib = read(&sources.join("lib.rs"));
    let mut names = exported(&lib);
    names.extend(modules(&lib).into_keys());
    names.extend(macros(sources));
    names
}

/// The public modules in which each name is exported, the root and the prelude left out.
fn modules_of_names(sources: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, inner) in modules(&read(&sources.join("lib.rs"))) {
        if module == "prelude" {
            continue;
        }
        let text = inner.unwrap_or_else(|| read(&file_of(sources, &module)));
        for name in exported(&text) {
            found.entry(name).or_default().push(module.clone());
        }
    }
    found
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

fn file_of(sources: &Path, module: &str) -> PathBuf {
    let file = sources.join(format!("{module}.rs"));
    if file.exists() { file } else { sources.join(module).join("mod.rs") }
}

/// The statements at the outermost level of a source file, without comments, each with the body in its braces.
fn statements(text: &str) -> Vec<(String, String)> {
    let (mut found, mut head, mut body, mut depth) = (Vec::new(), String::new(), String::new(), 0);
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    for c in code.flat_map(|line| line.chars().chain(['\n'])) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let is_list = head.trim_start().starts_with("pub use") || head.contains(" use ");
        if depth == 0 && (c == ';' || (c == '}' && !is_list)) {
            found.push((std::mem::take(&mut head).trim().to_owned(), std::mem::take(&mut body)));
        } else if depth > 0 && !is_list {
            body.push(c);
        } else {
            head.push(c);
        }
    }
    found
}

/// The public modules declared at the outermost level that are not hidden: their bodies, if they are written there.
fn modules(text: &str) -> BTreeMap<String, Option<String>> {
    let visible = statements(text).into_iter().filter(|(head, _)| !head.contains("doc(hidden)"));
    let named = visible.filter_map(|(head, body)| {
        let (_, name) = head.rsplit_once("pub mod ")?;
        let body = body.trim_start_matches('{').to_owned();
        Some((name.trim().to_owned(), (!body.is_empty()).then_some(body)))
    });
    named.collect()
}

/// Names that a module exports: of its `pub use`, and of its own public items.
fn exported(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (head, _) in statements(text) {
        if let Some(at) = head.find("pub use ") {
            leaves(&head[at + "pub use ".len()..], &mut names);
            continue;
        }
        let item = ["struct", "enum", "trait", "fn", "type", "const"].iter().find_map(|kind| {
            let at = head.find(&format!("pub {kind} "))? + kind.len() + 5;
            let name = head[at..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
            Some(name.to_owned())
        });
        names.extend(item);
    }
    names
}

/// The last names of the paths in a list of imports.
fn leaves(list: &str, into: &mut BTreeSet<String>) {
    for part in list.split([',', '{', '}']) {
        let part = part.trim();
        let name = part.rsplit(" as ").next().unwrap_or(part).rsplit("::").next().unwrap_or(part);
        if !name.is_empty() {
            into.insert(name.to_owned());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this test reads the sources, not a database")]
fn macros(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            names.extend(macros(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            let exported = text.split("#[macro_export]").skip(1);
            names.extend(exported.filter_map(|rest| {
                let name = rest.split("macro_rules! ").nth(1)?.split_whitespace().next()?;
                Some(name.to_owned())
            }));
        }
    }
    names
}
