//! The copy of the repository that has all mutants in it, and its test programs.

use crate::{
    Result,
    mutant::{Genre, Mutant},
    rewrite::{blame, rewrite},
    site::Form,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What becomes of `src/lib.rs` besides: it learns which mutant it is.
const SWITCH: &str = include_str!("../switch.rs");
const LIBRARY: &str = "src/lib.rs";

/// The copy of the repository.
pub struct Tree<'a> {
    root: &'a Path,
    place: PathBuf,
    build: PathBuf,
    pub mutants: &'a [Mutant],
    /// How each mutant is put into the program.
    pub forms: Vec<Form>,
    /// Whether a switch can express it.
    pub is_placed: Vec<bool>,
}

impl<'a> Tree<'a> {
    pub fn new(root: &'a Path, folder: &Path, mutants: &'a [Mutant]) -> Self {
        let (forms, is_placed) = (vec![Form::Once; mutants.len()], vec![false; mutants.len()]);
        Self { root, place: folder.join("tree"), build: folder.join("build"), mutants, forms, is_placed }
    }

    /// Copies the repository with its mutants and builds the test programs that the arguments of `cargo test` name. Says
    /// where they lie, by their names.
    pub fn build(&mut self, arguments: &[String]) -> Result<BTreeMap<String, PathBuf>> {
        let check: Vec<String> = ["check", "-p", "hashrange", "--lib"].map(str::to_owned).to_vec();
        let test = [vec!["test".to_owned(), "--no-run".to_owned()], arguments.to_vec()].concat();
        let mut programs = BTreeMap::new();
        for command in [check, test] {
            programs = loop {
                let texts = self.copy()?;
                if let Some(programs) = self.cargo(&command, &texts)? {
                    break programs;
                }
            };
        }
        Ok(programs)
    }

    /// Brings the copy up to date. Returns the files that have mutants, as they are there.
    fn copy(&mut self) -> Result<BTreeMap<String, String>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(self.root)
            .output()?;
        let names = String::from_utf8(output.stdout)?;
        let names: BTreeSet<&str> =
            names.split_terminator('\0').filter(|name| self.root.join(name).is_file()).collect();
        let list = self.place.with_extension("files");
        for gone in fs::read_to_string(&list).unwrap_or_default().lines().filter(|name| !names.contains(name)) {
            _ = fs::remove_file(self.place.join(gone));
        }
        let mut rewritten = BTreeMap::new();
        for name in &names {
            let mut content = fs::read(self.root.join(name))?;
            let mutants = || self.mutants.iter().enumerate().filter(|(_, mutant)| mutant.file == **name);
            if mutants().next().is_some() {
                let with_mutants = rewrite(std::str::from_utf8(&content)?, mutants(), &self.forms)?;
                with_mutants.placed.into_iter().for_each(|id| self.is_placed[id] = true);
                with_mutants.hopeless.into_iter().for_each(|id| self.forms[id] = Form::Out);
                content = with_mutants.text.clone().into();
                rewritten.insert((*name).to_owned(), with_mutants.text);
            }
            if *name == LIBRARY {
                content.extend(SWITCH.replace("MUTANTS", &self.mutants.len().to_string()).bytes());
            }
            let target = self.place.join(name);
            // What stays the same keeps its time, so that it is not compiled again.
            if fs::read(&target).ok().as_ref() != Some(&content) {
                fs::create_dir_all(target.parent().unwrap_or(&self.place))?;
                fs::write(&target, content)?;
            }
        }
        fs::write(list, names.into_iter().collect::<Vec<_>>().join("\n"))?;
        Ok(rewritten)
    }

    /// Compiles the copy. `None` if there were mutants that do not compile: they have another form now, or are out.
    fn cargo(
        &mut self,
        arguments: &[String],
        texts: &BTreeMap<String, String>,
    ) -> Result<Option<BTreeMap<String, PathBuf>>> {
        let output = Command::new("cargo")
            .args(arguments)
            .args(["--locked", "--message-format=json"])
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_PROFILE_TEST_DEBUG", "false")
            .current_dir(&self.place)
            .stderr(Stdio::null())
            .output()?;
        let (mut programs, mut blamed, mut errors) = (BTreeMap::new(), BTreeSet::new(), String::new());
        for line in output.stdout.split(|byte| *byte == b'\n') {
            let Ok(message) = serde_json::from_slice::<Value>(line) else { continue };
            if let Some(program) = message["executable"].as_str() {
                let kind = message["target"]["kind"][0].as_str().unwrap_or_default();
                let name = message["target"]["name"].as_str().unwrap_or_default();
                programs.insert(format!("{kind} {name}"), PathBuf::from(program));
            }
            if message["message"]["level"] == "error" {
                blamed.extend(to_blame(&message["message"], texts));
                errors.push_str(message["message"]["rendered"].as_str().unwrap_or_default());
            }
        }
        if output.status.success() {
            return Ok(Some(programs));
        }
        if blamed.is_empty() {
            return Err(format!("cargo {} failed, for no mutant's sake:\n{errors}", arguments.join(" ")).into());
        }
        for id in blamed {
            let has_plain = matches!(self.mutants[id].genre, Genre::BinaryOperator | Genre::UnaryOperator);
            let is_once = self.forms[id] == Form::Once;
            self.forms[id] = if has_plain && is_once { Form::Plain } else { Form::Out };
        }
        Ok(None)
    }
}

/// The mutants that an error of the compiler comes from.
fn to_blame(error: &Value, texts: &BTreeMap<String, String>) -> Vec<usize> {
    let spans = error["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = spans.iter().filter_map(|span| {
        let text = texts.get(span["file_name"].as_str()?)?;
        let place = usize::try_from(span["byte_start"].as_u64()?).ok()?;
        Some((span["is_primary"] != true, blame(text, place))).filter(|(_, ids)| !ids.is_empty())
    });
    found.min_by_key(|(is_secondary, ids)| (*is_secondary, ids.len())).map(|(_, ids)| ids).unwrap_or_default()
}
