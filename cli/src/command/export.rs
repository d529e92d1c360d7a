//! `export`: all items of a table into a file.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    formats::Format,
    outcome::Outcome,
    output::{Output, remark},
    session,
    text::counted,
};
use clap::Args;
use hashrange::{ItemRef, Table, key::Dynamic};
use hashrange_console::cells::ColumnFinder;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Name of the table
    table: String,
    /// File to write; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Format of the file [default: by the end of its name; jsonl for standard output]. ddb-json keeps every type. csv has types
    /// in its header, and loses them only inside of lists and maps, and where items differ. In the others, sets become lists
    /// and binary becomes text in base64
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Export {
    /// Exports the table.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let to_stdout = self.file == Path::new("-");
        let known = self.format.or_else(|| Format::of_file(&self.file)).or_else(|| to_stdout.then_some(Format::Jsonl));
        let format = known
            .ok_or_else(|| Failure::Usage(format!("what format shall {} have? Say --format", self.file.display())))?;
        let database = session::open_to_read(args)?;
        let table = session::table(&database, &self.table)?;
        if to_stdout {
            let mut output = Output::new();
            write(&table, format, &mut |text| output.text(text))?;
            output.finish()?;
            return Ok(Outcome::Done);
        }
        let items = self.write_file(&table, format)?;
        remark(format_args!("{} exported to {}", counted(items, "item"), self.file.display()));
        Ok(Outcome::Done)
    }

    /// Writes the file under another name and renames it at the end: an export that fails leaves nothing behind, and what
    /// had the name before stays. A pipe or a device is written as it is.
    fn write_file(&self, table: &Table<Dynamic>, format: Format) -> Result<u64, Failure> {
        let failed = |error| Failure::io(format!("cannot write {}", self.file.display()), error);
        let is_special = self.file.metadata().is_ok_and(|metadata| !metadata.is_file());
        let mut unfinished = self.file.clone().into_os_string();
        if !is_special {
            unfinished.push(".partial");
        }
        let path = PathBuf::from(unfinished);
        let written = create(&path).map_err(failed).and_then(|file| {
            let mut file = BufWriter::new(file);
            let items = write(table, format, &mut |text| file.write_all(text.as_bytes()).map_err(failed))?;
            let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
            if !is_special {
                file.sync_all().map_err(failed)?;
            }
            Ok(items)
        });
        if !is_special {
            let end = match &written {
                Ok(_) => rename(&path, &self.file),
                Err(_) => remove(&path).or(Ok(())), // the first failure is the one to report
            };
            end.map_err(failed)?;
        }
        written
    }
}

#[expect(clippy::disallowed_methods, reason = "the file of an export is no file of the database")]
fn create(file: &Path) -> io::Result<File> {
    File::create(file)
}

#[expect(clippy::disallowed_methods, reason = "the file of an export is no file of the database")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

#[expect(clippy::disallowed_methods, reason = "the file of an export is no file of the database")]
fn remove(file: &Path) -> io::Result<()> {
    std::fs::remove_file(file)
}

/// Writes all items; returns how many.
fn write(
    table: &Table<Dynamic>,
    format: Format,
    put: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    match format {
        Format::Json => {
            let mut separator = "[\n";
            let count = each(table, |item| {
                put(separator)?;
                separator = ",\n";
                put(&item.to_json())
            })?;
            put(if count == 0 { "[]\n" } else { "\n]\n" })?;
            Ok(count)
        }
        Format::Jsonl => each(table, |item| put(&(item.to_json() + "\n"))),
        Format::DdbJson => each(table, |item| put(&(item.to_dynamodb_json() + "\n"))),
        Format::Csv => write_csv(table, put),
    }
}

fn each(table: &Table<Dynamic>, mut show: impl FnMut(&ItemRef) -> Result<(), Failure>) -> Result<u64, Failure> {
    let mut count = 0;
    for item in table.scan().items() {
        show(&item?)?;
        count += 1;
    }
    Ok(count)
}

/// Items have no common set of attributes: the first pass finds the columns, the second prints the cells.
fn write_csv(table: &Table<Dynamic>, put: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<u64, Failure> {
    let mut finder = ColumnFinder::default();
    each(table, |item| {
        finder.add(item);
        Ok(())
    })?;
    let definition = table.definition();
    let columns = finder.columns(definition.key.attributes().map(|key| key.name.as_str()));
    if columns.is_empty() {
        return Ok(0);
    }
    let mut row = csv::Writer::from_writer(Vec::new());
    let mut print = |cells: Vec<String>| -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io("cannot write a record", error);
        row.write_record(cells).map_err(|error| failed(error.into()))?;
        row.flush().map_err(failed)?;
        put(&String::from_utf8_lossy(row.get_ref()))?;
        row = csv::Writer::from_writer(Vec::new());
        Ok(())
    };
    print(columns.iter().map(|column| column.header()).collect())?;
    each(table, |item| print(columns.iter().map(|column| column.print(item)).collect()))
}
