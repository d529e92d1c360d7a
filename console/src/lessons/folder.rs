//! Lessons of one's own: the files of a folder.

use super::lesson::Lesson;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Longest file of a lesson, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// A lesson that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum LessonError {
    /// The folder or a file cannot be read.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is longer than 1 MiB.
    TooLong {
        /// Which.
        path: PathBuf,
    },
    /// A line of a file is not as the format wants it.
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1 on.
        line: usize,
        /// What is wrong there.
        fault: String,
    },
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::TooLong { path } => write!(f, "{} is longer than 1 MiB", path.display()),
            Self::Line { path, line, fault } => write!(f, "{}:{line}: {fault}", path.display()),
        }
    }
}

impl std::error::Error for LessonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The lessons of a folder, one in each file `NAME.md`, in the order of their names. Errors: the first file that cannot be
/// read, or is no lesson.
#[expect(clippy::disallowed_methods, reason = "lessons are files of the user, no part of a database")]
pub fn read_folder(folder: &Path) -> Result<Vec<Lesson>, LessonError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LessonError::Io { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut lessons = Vec::new();
    for path in paths {
        if std::fs::metadata(&path).map_err(failed(&path))?.len() > MOST_BYTES {
            return Err(LessonError::TooLong { path });
        }
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        lessons.push(Lesson::parse(&name, &text).map_err(|(line, fault)| LessonError::Line { path, line, fault })?);
    }
    Ok(lessons)
}
