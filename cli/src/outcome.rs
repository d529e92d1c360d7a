//! How a command ended, as the numbers that scripts see.

use std::process::ExitCode;

/// What every exit status means, for the help text.
pub(crate) const EXIT_CODES: &str = "\
Exit status:
  0  done
  1  error: nothing was done, or not all of it; the message says what to do. Also: `diff` found a difference, `access` found
     that the request is denied, `lesson --check` found an answer that is not as expected
  2  the arguments are wrong
  3  done, but some lines of the input were bad; each was reported by its number
  4  damage: the database or a file of it is not what was written
  5  there is no item with this key";

/// Status of an error that has no other.
pub(crate) const ERROR: u8 = 1;
/// Status of wrong arguments; clap uses the same.
pub(crate) const USAGE: u8 = 2;
/// Status of an import that left out bad lines.
const BAD_LINES: u8 = 3;
/// Status of damage that was found.
pub(crate) const DAMAGE: u8 = 4;
/// Status of a get that found nothing.
const NO_ITEM: u8 = 5;

/// How a command that was carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As asked.
    Done,
    /// As asked, but for bad lines of the input.
    BadLines,
    /// Nothing was there.
    NoItem,
    /// The answer to whether something is allowed is no.
    Denied,
    /// What was compared is not the same.
    Differs,
}

impl Outcome {
    /// The status for the shell.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::BadLines => ExitCode::from(BAD_LINES),
            Self::NoItem => ExitCode::from(NO_ITEM),
            Self::Denied | Self::Differs => ExitCode::from(ERROR),
        }
    }
}
