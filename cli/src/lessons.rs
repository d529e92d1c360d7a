//! Lessons: those of the program, and those of a folder.

use crate::failure::Failure;
use hashrange_console::lessons::{Lesson, built_in, read_folder};
use std::{path::Path, sync::Arc};

/// The lessons of the program, and those of a folder. Errors: a file that is none, with its line.
pub(crate) fn all(folder: Option<&Path>) -> Result<Vec<Arc<Lesson>>, Failure> {
    let mut lessons = built_in().to_vec();
    let added = folder.map(read_folder).transpose().map_err(|error| Failure::Usage(error.to_string()))?;
    for lesson in added.unwrap_or_default() {
        if lessons.iter().any(|known| known.name == lesson.name) {
            return Err(Failure::Usage(format!("two lessons have the name {}", lesson.name)));
        }
        lessons.push(Arc::new(lesson));
    }
    Ok(lessons)
}
