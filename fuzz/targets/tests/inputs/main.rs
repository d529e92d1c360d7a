//! The fuzz targets on the files of `fuzz/seeds` and on inputs of a seeded generator: the same ones each time, without coverage.
//!
//! `HASHRANGE_FUZZ_INPUTS=N` makes N times as many inputs; `HASHRANGE_FUZZ_INPUT=FILE` is the one input to run.

#![expect(clippy::disallowed_methods, reason = "inputs are files, not a database")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod generator;
mod runner;

use generator::Generator;
use runner::Runner;

/// A test for each target, with how many inputs it makes: such that each takes about a second.
macro_rules! targets {
    ($($name:ident: $inputs:literal,)*) => {
        const TARGETS: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            run(stringify!($name), hashrange_fuzz_targets::$name, $inputs);
        })*
    };
}

targets! {
    access_policy: 1500,
    database: 25,
    encrypted: 180,
    expression_evaluate: 6500,
    expression_parse: 6000,
    item_codec: 4500,
    key_order: 16_000,
    manifest: 1500,
    number: 26_000,
    partiql_parse: 13_000,
    partiql_requests: 270,
    protocol: 270,
    run_file: 450,
    wal_recover: 900,
}

fn run(name: &'static str, target: fn(&[u8]), inputs: usize) {
    let runner = Runner::new(name, target);
    if let Some(path) = std::env::var_os("HASHRANGE_FUZZ_INPUT") {
        return runner.run(&std::fs::read(files::root().join(path)).unwrap());
    }
    let seeds = files::seeds(name);
    seeds.iter().for_each(|seed| runner.run(seed));
    let times = std::env::var("HASHRANGE_FUZZ_INPUTS").map_or(1, |times| times.parse().unwrap());
    Generator::new(seeds, files::words(name)).take(inputs * times).for_each(|input| runner.run(&input));
}

/// No other check compiles the programs of `fuzz/fuzz_targets`, so each of them has to be exactly what `fuzz/run` needs.
#[test]
fn each_target_has_its_program() {
    let folder = files::root().join("fuzz/fuzz_targets");
    let manifest = std::fs::read_to_string(files::root().join("fuzz/Cargo.toml")).unwrap();
    let programs: Vec<String> = files::names(&folder);
    assert_eq!(programs, TARGETS.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>());
    for name in TARGETS {
        let call = format!("libfuzzer_sys::fuzz_target!(|data: &[u8]| hashrange_fuzz_targets::{name}(data));");
        let program = std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        assert_eq!(program, format!("#![no_main]\n{call}\n"), "{name}.rs");
        let entry = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&entry), "fuzz/Cargo.toml lacks\n{entry}");
    }
}

#[test]
fn seeds_and_dictionaries_are_those_of_targets() {
    let seeds = files::names(&files::root().join("fuzz/seeds"));
    let dictionaries = files::names(&files::root().join("fuzz/dictionaries"));
    for name in seeds.iter().chain(&dictionaries) {
        assert!(TARGETS.contains(&name.trim_end_matches(".dict")), "{name} belongs to no target");
    }
    assert!(dictionaries.iter().all(|name| !files::words(name.trim_end_matches(".dict")).is_empty()));
}
