//! All file names of a database folder, built and parsed here and nowhere else.

use std::fmt;

/// Numbers of files are below this one, and so are all numbers that a database counts up: at a million a second it is
/// reached after two thousand years. Adding to a smaller one does not overflow.
pub const NUMBER_LIMIT: u64 = 1 << 56;

/// A file of a database folder. Files carry numbers, never names that a user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// Held by the process that has the database open.
    Lock,
    /// Space that is kept for the day on which the disk is full. It holds nothing.
    Reserve,
    /// Says which manifest is the current one.
    Current,
    /// `CURRENT` while it is being replaced.
    CurrentNext,
    /// The wrapped keys of an encrypted database.
    Keys,
    /// `KEYS` while it is being replaced.
    KeysNext,
    /// The folder is half of a database that is being restored. It holds nothing.
    Restoring,
    /// An edit log of which files are alive.
    Manifest(u64),
    /// A segment of the write-ahead log.
    Log(u64),
    /// A file that was a segment of the log and may become another one. It holds nothing.
    Spare(u64),
    /// A sorted run of a partition.
    Run(u64),
    /// A segment of a change stream.
    Stream(u64),
    /// What was alive at a moment from which history can be read.
    Base(u64),
}

impl FileName {
    /// The file that a name stands for; `None` for names that this crate does not build.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = match name {
            "LOCK" => Some(Self::Lock),
            "RESERVE" => Some(Self::Reserve),
            "CURRENT" => Some(Self::Current),
            "CURRENT.next" => Some(Self::CurrentNext),
            "KEYS" => Some(Self::Keys),
            "KEYS.next" => Some(Self::KeysNext),
            "RESTORING" => Some(Self::Restoring),
            _ => None,
        };
        plain.or_else(|| {
            let (digits, kind) = name.split_once('.')?;
            let number: u64 = digits.parse().ok().filter(|number| *number < NUMBER_LIMIT)?;
            let file = match kind {
                "manifest" => Self::Manifest(number),
                "log" => Self::Log(number),
                "spare" => Self::Spare(number),
                "run" => Self::Run(number),
                "stream" => Self::Stream(number),
                "base" => Self::Base(number),
                _ => return None,
            };
            (file.to_string() == name).then_some(file)
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock => f.write_str("LOCK"),
            Self::Reserve => f.write_str("RESERVE"),
            Self::Current => f.write_str("CURRENT"),
            Self::CurrentNext => f.write_str("CURRENT.next"),
            Self::Keys => f.write_str("KEYS"),
            Self::KeysNext => f.write_str("KEYS.next"),
            Self::Restoring => f.write_str("RESTORING"),
            Self::Manifest(n) => write!(f, "{n:010}.manifest"),
            Self::Log(n) => write!(f, "{n:010}.log"),
            Self::Spare(n) => write!(f, "{n:010}.spare"),
            Self::Run(n) => write!(f, "{n:010}.run"),
            Self::Stream(n) => write!(f, "{n:010}.stream"),
            Self::Base(n) => write!(f, "{n:010}.base"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_parsed_back_and_no_other_spelling_of_it() {
        let numbers = [0, 1, 42, 9_999_999_999, 10_000_000_000, NUMBER_LIMIT - 1];
        let numbered =
            [FileName::Manifest, FileName::Log, FileName::Spare, FileName::Run, FileName::Stream, FileName::Base];
        let mut names = vec![FileName::Lock, FileName::Reserve, FileName::Current, FileName::CurrentNext];
        names.extend([FileName::Keys, FileName::KeysNext, FileName::Restoring]);
        names.extend(numbered.iter().flat_map(|kind| numbers.map(kind)));
        for name in names {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }
        let foreign =
            ["", "lock", "1.run", "00000000001.run", "+000000001.run", "0000000001.RUN", "0000000001.run.1", "a.run"];
        for name in foreign.iter().chain(&[
            "72057594037927936.run",
            "18446744073709551616.run",
            "0000000001",
            ".run",
            "CURRENT.next.next",
        ]) {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
