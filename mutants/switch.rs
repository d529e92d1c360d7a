
/// Whether this process is a mutant. Notes each one that is asked for if `HASHRANGE_MUTANT_REACHED` names a file.
pub(crate) fn mutant(id: usize) -> bool {
    use std::{
        fs::File,
        io::Write,
        sync::{
            OnceLock,
            atomic::{AtomicBool, Ordering},
        },
    };
    static CHOSEN: OnceLock<(usize, Option<File>)> = OnceLock::new();
    static REACHED: [AtomicBool; MUTANTS] = [const { AtomicBool::new(false) }; MUTANTS];
    let (chosen, record) = CHOSEN.get_or_init(|| {
        let chosen = std::env::var("HASHRANGE_MUTANT").ok().and_then(|text| text.parse().ok());
        let record = std::env::var_os("HASHRANGE_MUTANT_REACHED");
        (chosen.unwrap_or(usize::MAX), record.and_then(|path| File::options().create(true).append(true).open(path).ok()))
    });
    if let Some(mut record) = record.as_ref() {
        if !REACHED[id].swap(true, Ordering::Relaxed) {
            let _ = record.write_all(format!("{id}\n").as_bytes());
        }
    }
    *chosen == id
}
