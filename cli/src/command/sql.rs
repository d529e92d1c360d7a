//! `sql`: PartiQL statements, one from the arguments or many from a prompt.

use crate::{
    args::DatabaseArgs,
    explain::ExplainArgs,
    failure::Failure,
    outcome::Outcome,
    output::{Output, complain, remark},
    session,
};
use clap::Args;
use comfy_table::{Table, presets};
use hashrange::{AttributeValue, Database, ItemRef, partiql::Statement};
use rustyline::{DefaultEditor, error::ReadlineError};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// What the prompt says at its beginning.
const GREETING: &str = "One PartiQL statement a line; EXPLAIN before it shows what it would do; end with Ctrl-D.";

/// Arguments of `sql`.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The statement, such as 'SELECT * FROM orders WHERE customer = ?'; without it, a prompt reads one a line
    statement: Option<String>,
    /// Value of the next `?`, as JSON: '"text"', 7, '{"a": 1}'
    #[arg(long = "param", value_name = "JSON", requires = "statement", allow_hyphen_values = true)]
    parameters: Vec<String>,
    /// Show items as a table instead of as lines of JSON
    #[arg(long)]
    table: bool,
    /// Reject a SELECT that would read a whole table or index
    #[arg(long)]
    no_scans: bool,
    #[command(flatten)]
    explain: ExplainArgs,
    /// Read strongly consistently
    #[arg(long)]
    consistent: bool,
    /// Show at most so many items
    #[arg(long, value_name = "ITEMS")]
    limit: Option<usize>,
}

impl Sql {
    /// Runs the statement, or those of the prompt.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        match &self.statement {
            Some(text) => self.execute(&database, text)?,
            None => self.prompt(&database)?,
        }
        Ok(Outcome::Done)
    }

    /// Reads statements until the end of the input. From a terminal, a statement that fails is reported and the next one is
    /// read; from a file or pipe it ends the program.
    fn prompt(&self, database: &Database) -> Result<(), Failure> {
        let mut editor = DefaultEditor::new().map_err(failed)?;
        let is_terminal = std::io::stdin().is_terminal();
        let history = history_file().filter(|_| is_terminal);
        if let Some(file) = &history {
            // There is none before the first time.
            let _ = editor.load_history(file);
            remark(GREETING);
        }
        loop {
            let line = match editor.readline("hashrange> ") {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(failed(error)),
            };
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            editor.add_history_entry(text).map_err(failed)?;
            match self.execute(database, text) {
                Err(failure @ (Failure::Usage(_) | Failure::Engine(_))) if is_terminal => complain(&failure),
                other => other?,
            }
        }
        if let Some(file) = &history
            && let Err(error) = keep_history(&mut editor, file)
        {
            remark(format_args!("the history was not kept in {}: {error}", file.display()));
        }
        Ok(())
    }

    /// Runs one statement and shows what it returns.
    fn execute(&self, database: &Database, text: &str) -> Result<(), Failure> {
        let (explain, text) = match text.split_once(char::is_whitespace) {
            Some((word, rest)) if word.eq_ignore_ascii_case("explain") => (true, rest),
            _ => (self.explain.explain, text),
        };
        let statement = self.describe(database.statement(text))?;
        let mut output = Output::new();
        if explain {
            output.line(statement.explain()?)?;
            // A check, which only a transaction has, cannot run alone.
            if let Ok(plans) = statement.dry_run() {
                self.explain.print(&mut output, &plans)?;
            }
        } else if self.table {
            let items = statement.items().collect::<hashrange::Result<Vec<_>>>()?;
            if !items.is_empty() {
                output.line(as_table(&items))?;
            }
        } else {
            for item in statement.items() {
                output.line(item?.to_json())?;
            }
        }
        output.finish()
    }

    fn describe(&self, mut statement: Statement) -> Result<Statement, Failure> {
        for parameter in &self.parameters {
            let value = AttributeValue::from_json(parameter)
                .map_err(|error| Failure::Usage(format!("--param {parameter}: {}", error.message())))?;
            statement = statement.bind_value(value);
        }
        if let Some(limit) = self.limit {
            statement = statement.limit(limit);
        }
        if self.no_scans {
            statement = statement.no_scans();
        }
        Ok(statement.consistent(self.consistent))
    }
}

/// Items below each other, a column for each attribute that one of them has, in the order in which they appear.
fn as_table(items: &[ItemRef]) -> Table {
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in items.iter().flat_map(ItemRef::iter) {
        if !columns.iter().any(|column| column == name) {
            columns.push(name.to_owned());
        }
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(columns.iter().cloned().map(shown));
    for item in items {
        table.add_row(columns.iter().map(|column| match item.get(column).map(|value| value.to_value()) {
            None => String::new(),
            Some(AttributeValue::S(text)) => shown(text),
            Some(value) => value.to_json(),
        }));
    }
    table
}

/// A text as a terminal may have it: characters that would control the terminal are escaped, as in JSON.
fn shown(text: String) -> String {
    if text.chars().any(char::is_control) { AttributeValue::S(text).to_json() } else { text }
}

#[expect(clippy::disallowed_methods, reason = "a file of the user's, not of a database")]
fn keep_history(editor: &mut DefaultEditor, file: &Path) -> Result<(), ReadlineError> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    editor.save_history(file)
}

/// Where the lines of the prompt are kept.
fn history_file() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    Some(state?.join("hashrange").join("history"))
}

fn failed(error: ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(error) => Failure::io("cannot read standard input", error),
        other => Failure::Usage(other.to_string()),
    }
}
