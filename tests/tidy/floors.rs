//! The rooms of each crate, by floor.

/// The rooms of `src/`, from the ground up. A room is a file or a folder with the files in it.
#[rustfmt::skip]
pub const FLOORS: [&[&str]; 13] = [
    &["canary", "sync", "error", "clock", "random", "cipher", "capacity", "faults", "observe", "config", "visible", "entity", "date"],
    &["file"],
    &["format", "item"],
    &["schema", "expression", "access"],
    &["wal", "manifest"],
    &["partition"],
    &["index", "stream"],
    &["service", "ledger", "admission", "cache"],
    &["engine"],
    &["request"],
    &["archive", "maintenance", "table", "scaling", "trace", "consumer", "kinesis", "database", "fuzzing", "asynchronous"],
    &["partiql", "regions"],
    &["lib"],
];

/// The rooms of `wire/src/`. The pure protocol knows neither HTTP nor the server, HTTP knows no operation.
const WIRE_FLOORS: [&[&str]; 11] = [
    &["json", "profile", "policy", "timing", "objects", "kinesis"],
    &["error"],
    &["validate", "shape", "cbor"],
    &["arn", "kms", "value", "expressions", "transfer", "jobs"],
    &["context", "capacity", "legacy", "table", "refusal"],
    &["operation"],
    &["http"],
    &["access"],
    &["protocol"],
    &["server", "aws", "testing"],
    &["lib"],
];

/// The rooms of `console/src/`: the values of the JSON API know no page.
const CONSOLE_FLOORS: [&[&str]; 8] = [
    &["lessons", "refusal", "cells", "tap"],
    &["options"],
    &["request", "answer", "sessions", "pause"],
    &["context"],
    &["api"],
    &["assets", "pages"],
    &["console", "inside_tests"],
    &["lib"],
];

/// The rooms of `cli/src/`.
const CLI_FLOORS: [&[&str]; 8] = [
    &["outcome", "args", "stopwatch", "text", "when", "dynamodb_local"],
    &["failure"],
    &[
        "agent",
        "output",
        "key_value",
        "expressions",
        "session",
        "places",
        "private_file",
        "policies",
        "certificates",
        "signals",
    ],
    &[
        "accelerator",
        "key_template",
        "progress",
        "prices",
        "lessons",
        "console",
        "ledger_file",
        "explain",
        "faults",
        "recording",
        "regions",
        "reloads",
        "mask",
        "mcp",
    ],
    &["formats"],
    &["loading", "copy"],
    &["command"],
    &["main"],
];

/// A crate, where its sources are, and its rooms.
pub struct House {
    pub sources: &'static str,
    pub root: &'static str,
    pub floors: &'static [&'static [&'static str]],
}

pub const HOUSES: [House; 4] = [
    House { sources: "src/", root: "lib", floors: &FLOORS },
    House { sources: "wire/src/", root: "lib", floors: &WIRE_FLOORS },
    House { sources: "console/src/", root: "lib", floors: &CONSOLE_FLOORS },
    House { sources: "cli/src/", root: "main", floors: &CLI_FLOORS },
];
