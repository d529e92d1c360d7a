//! What became of the mutants, in a file that is added to after each, so that a run can be stopped and gone on with.
//!
//! A result counts for as long as the file of its mutant stays as it is; the tests may change meanwhile, so whoever wants
//! figures to quote begins anew.

use crate::{Result, mutant::Mutant};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By which test program.
    Caught(String),
    DoesNotCompile,
    /// A switch cannot express it.
    NotTried,
    /// Why.
    Missed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(program) => write!(formatter, "caught by {program}"),
            Self::DoesNotCompile => formatter.write_str("does not compile"),
            Self::NotTried => formatter.write_str("not tried"),
            Self::Missed(why) => write!(formatter, "missed {why}"),
        }
    }
}

impl Outcome {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("caught", by) => Some(Self::Caught(by.strip_prefix("by ")?.to_owned())),
            ("does", _) => Some(Self::DoesNotCompile),
            ("not", _) => Some(Self::NotTried),
            ("missed", why) => Some(Self::Missed(why.to_owned())),
            _ => None,
        }
    }
}

/// The outcomes of some mutants, in memory and on disk.
pub struct Results<'a> {
    mutants: &'a [Mutant],
    keys: Vec<String>,
    known: Mutex<(BTreeMap<usize, Outcome>, File)>,
}

impl<'a> Results<'a> {
    /// Reads what is known of these mutants from the file.
    pub fn open(root: &Path, path: &Path, mutants: &'a [Mutant]) -> Result<Self> {
        let mut digests = BTreeMap::new();
        for mutant in mutants {
            let mut hasher = DefaultHasher::new();
            if !digests.contains_key(&mutant.file) {
                fs::read(root.join(&mutant.file))?.hash(&mut hasher);
                digests.insert(&mutant.file, hasher.finish());
            }
        }
        let keys: Vec<String> =
            mutants.iter().map(|mutant| format!("{:016x}\t{}", digests[&mutant.file], mutant.name)).collect();
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.rsplit_once('\t')).collect();
        let outcome = |(id, key): (usize, &String)| Some((id, Outcome::parse(lines.get(key.as_str())?)?));
        let known = keys.iter().enumerate().filter_map(outcome).collect();
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { mutants, keys, known: Mutex::new((known, file)) })
    }

    pub fn note(&self, id: usize, outcome: Outcome) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.1.write_all(format!("{}\t{outcome}\n", self.keys[id]).as_bytes())?;
        known.0.insert(id, outcome);
        Ok(())
    }

    pub fn get(&self, id: usize) -> Option<Outcome> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).0.get(&id).cloned()
    }

    /// A row for each file, and the names of those that are missed or were not tried. Says how many are missed.
    pub fn report(&self) -> (String, usize) {
        let mut rows: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
        let (mut names, mut missed) = (Vec::new(), 0);
        for (id, mutant) in self.mutants.iter().enumerate() {
            let outcome = self.get(id).unwrap_or(Outcome::NotTried);
            let column = match &outcome {
                Outcome::Caught(_) => 1,
                Outcome::DoesNotCompile => 2,
                Outcome::NotTried => 3,
                Outcome::Missed(_) => 4,
            };
            for row in [mutant.file.as_str(), "all"] {
                let row = rows.entry(row).or_default();
                row[0] += 1;
                row[column] += 1;
            }
            missed += usize::from(column == 4);
            if column > 2 {
                names.push(format!("{outcome}: {}", mutant.name));
            }
        }
        let mut text =
            "| file | mutants | caught | do not compile | not tried | missed |\n|---|---|---|---|---|---|\n".to_owned();
        for (file, row) in rows {
            text.push_str(&format!("| `{file}` | {} |\n", row.map(|count| count.to_string()).join(" | ")));
        }
        names.sort();
        (text + "\n" + &names.join("\n"), missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_as_they_were_written() {
        let outcomes = [
            Outcome::Caught("wal::, which hangs".to_owned()),
            Outcome::DoesNotCompile,
            Outcome::NotTried,
            Outcome::Missed("reached by none".to_owned()),
        ];
        for outcome in outcomes {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
    }
}
