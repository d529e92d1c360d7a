//! `create`: a new table.

use crate::{args::DatabaseArgs, failure::Failure, key_value::parse_attribute, outcome::Outcome, output, session};
use clap::Args;
use hashrange::{
    admin::{IndexSpec, TableSpec},
    schema::{IndexKind, KeyAttribute, KeySchema, Projection},
};

/// Arguments of `create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the table: 3 to 255 characters of a-z, A-Z, 0-9, _, . and -
    table: String,
    /// Partition key; the type is S (string), N (number) or B (binary)
    #[arg(long, value_name = "NAME:TYPE", value_parser = parse_attribute)]
    hash: KeyAttribute,
    /// Sort key
    #[arg(long, value_name = "NAME:TYPE", value_parser = parse_attribute)]
    range: Option<KeyAttribute>,
    /// Local index: the table's partition key with another sort key
    #[arg(long, value_name = "INDEX=NAME:TYPE", value_parser = parse_local)]
    lsi: Vec<IndexSpec>,
    /// Global index: keys of its own
    #[arg(long, value_name = "INDEX=NAME:TYPE[,NAME:TYPE]", value_parser = parse_global)]
    gsi: Vec<IndexSpec>,
}

impl Create {
    /// Creates the table, and the database where there is none.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let key = KeySchema { hash: self.hash.clone(), range: self.range.clone() };
        let mut spec = TableSpec::new(self.table.clone(), key);
        spec.indexes = self.gsi.clone();
        spec.indexes.extend(self.lsi.iter().cloned().map(|mut index| {
            index.hash = vec![self.hash.clone()];
            index
        }));
        session::check_table(&spec)?;
        let database = session::open_or_create(args, args.folder())?;
        database.create_table_from(spec)?;
        database.close()?;
        output::remark(format_args!("created table {} in {}", self.table, args.folder().display()));
        Ok(Outcome::Done)
    }
}

fn parse_index(text: &str) -> Result<(String, Vec<KeyAttribute>), String> {
    let (name, keys) = text.split_once('=').ok_or("it must be INDEX=NAME:TYPE, such as by_name=name:S")?;
    let keys = keys.split(',').map(|key| parse_attribute(key.trim())).collect::<Result<Vec<_>, _>>()?;
    Ok((name.to_owned(), keys))
}

fn index(name: String, kind: IndexKind, hash: Vec<KeyAttribute>, range: Vec<KeyAttribute>) -> IndexSpec {
    IndexSpec { name, kind, hash, range, projection: Projection::All, throughput: None }
}

fn parse_local(text: &str) -> Result<IndexSpec, String> {
    match parse_index(text)? {
        (name, keys) if keys.len() == 1 => Ok(index(name, IndexKind::Local, Vec::new(), keys)),
        _ => Err("a local index has one sort key attribute; its partition key is the table's".to_owned()),
    }
}

pub(super) fn parse_global(text: &str) -> Result<IndexSpec, String> {
    let (name, mut keys) = parse_index(text)?;
    if keys.len() > 2 {
        return Err("a partition key and at most one sort key attribute can be given here".to_owned());
    }
    let range = keys.split_off(1);
    Ok(index(name, IndexKind::Global, keys, range))
}
