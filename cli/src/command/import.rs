//! `import`: the items of a file into a table.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    formats::{self, Format, Input},
    key_template::KeyTemplate,
    loading::{Listener, Loaded, Loader},
    mask,
    outcome::Outcome,
    output::{self, Output},
    progress::Progress,
    session,
    stopwatch::Stopwatch,
    text::{counted, grouped},
};
use clap::Args;
use hashrange_console::cells::KeyTypes;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// Items that are acknowledged together, unless said otherwise.
const BATCH_ITEMS: u64 = 1000;
/// Bytes that are read from the input at a time.
const READ_BYTES: usize = 256 << 10;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Name of the table
    table: String,
    /// File to read; - is standard input
    file: PathBuf,
    /// Format of the file [default: by the end of its name; jsonl for standard input]. A column of CSV may have a type in the
    /// header, as in price:N: S, N, B (base64), BOOL, SS, NS, BS or JSON. Without one it has the type of the key, or is numbers
    /// if its first 1,000 cells are, or text. An empty cell is no attribute
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Make a key attribute of others, as in 'sk={name}#{lat}#{lng}'
    #[arg(long, value_name = "NAME=TEMPLATE")]
    key: Vec<KeyTemplate>,
    /// Items that are made durable together
    #[arg(long, value_name = "ITEMS", default_value_t = BATCH_ITEMS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// After each durable batch, print "acknowledged N": the first N good items survive any crash
    #[arg(long)]
    progress_lines: bool,
    #[command(flatten)]
    mask: mask::Source,
}

impl Import {
    /// Imports the file.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let format = self.format()?;
        let masks = self.mask.read()?;
        let database = session::open(args)?;
        let table = session::table(&database, &self.table)?;
        let keys = KeyTypes::of(&table.definition());
        if let Some(masks) = &masks {
            masks.check(&self.table, table.definition().key.attributes().map(|key| key.name.as_str()))?;
        }
        let loader = Loader::new(&database, &table, &keys, &self.key, self.batch)?.masked(masks);
        let (input, length) = open(&self.file)?;
        let progress = Progress::new(length);
        let input = BufReader::with_capacity(READ_BYTES, progress.reading(input));
        let Input { records, note } = formats::read(format, input, &keys)?;
        if let Some(note) = note {
            progress.remark(&note);
        }
        let mut report = Report { progress: &progress, lines: self.progress_lines.then(Output::new) };
        let watch = Stopwatch::start();
        let loaded = loader.load(records, &mut report);
        progress.finish();
        let loaded = loaded?;
        database.close()?;
        self.summarize(&loaded, &watch)?;
        Ok(if loaded.bad_lines == 0 { Outcome::Done } else { Outcome::BadLines })
    }

    fn format(&self) -> Result<Format, Failure> {
        let known = self.format.or_else(|| Format::of_file(&self.file));
        let known = known.or_else(|| is_stdin(&self.file).then_some(Format::Jsonl));
        known.ok_or_else(|| Failure::Usage(format!("what format does {} have? Say --format", self.file.display())))
    }

    fn summarize(&self, loaded: &Loaded, watch: &Stopwatch) -> Result<(), Failure> {
        let took = watch.elapsed();
        let bad = match loaded.bad_lines {
            0 => String::new(),
            bad => format!(", {} left out", counted(bad, "bad line")),
        };
        let rate = grouped(took.per_second(loaded.items));
        let text =
            format!("{} imported into {}{bad}, in {took} ({rate} a second)", counted(loaded.items, "item"), self.table);
        if self.progress_lines {
            output::remark(text);
            return Ok(());
        }
        let mut output = Output::new();
        output.line(text)?;
        output.finish()
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The input, and its length in bytes where it has one.
#[expect(clippy::disallowed_methods, reason = "a file to import is no file of the database")]
fn open(file: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if is_stdin(file) {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let failed = |error| Failure::io(format!("cannot open {}", file.display()), error);
    let opened = File::open(file).map_err(failed)?;
    let metadata = opened.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(opened), length))
}

/// Tells people by the bar, and programs by lines on standard output.
struct Report<'a> {
    progress: &'a Progress,
    lines: Option<Output>,
}

impl Listener for Report<'_> {
    fn acknowledged(&mut self, items: u64) {
        self.progress.say(counted(items, "item"));
        let failed = self.lines.as_mut().is_some_and(|lines| {
            lines.line(format_args!("acknowledged {items}")).and_then(|()| lines.flush()).is_err()
        });
        if failed {
            self.lines = None; // standard output was closed; the import goes on
        }
    }

    fn bad_line(&mut self, line: u64, what: &str) {
        self.progress.remark(&format!("line {line}: {what}"));
    }
}
