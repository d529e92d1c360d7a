//! Running the real binary on databases of one test.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// A folder for one test, with a database in it.
pub struct Place {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Place {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A file of the test beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the database.
    pub fn database(&self) -> PathBuf {
        self.file("data")
    }

    /// Writes a file beside the database.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        #[expect(clippy::disallowed_methods, reason = "an input of a test")]
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The files of the database with their content.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        Self::files_of(&self.database())
    }

    /// The files of any folder with their content.
    #[expect(clippy::disallowed_methods, reason = "the test looks into the folder")]
    pub fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        };
        let mut files: Vec<_> = entries.map(read).collect();
        files.sort();
        files
    }

    /// Removes a file of the database.
    #[expect(clippy::disallowed_methods, reason = "the test loses a file")]
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.database().join(name)).unwrap();
    }

    /// Makes the database what it was when its files were listed, but for the names of those that came since.
    #[expect(clippy::disallowed_methods, reason = "the test puts files back")]
    pub fn restore(&self, files: &[(String, Vec<u8>)]) {
        for (name, _) in self.files() {
            self.remove(&name);
        }
        for (name, bytes) in files {
            std::fs::write(self.database().join(name), bytes).unwrap();
        }
    }

    /// The command with the folder of the database.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hashrange"));
        command.arg("--data-dir").arg(self.database()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed; returns what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
        run.out
    }

    /// Runs a command on the database in another folder, which must succeed; returns what it printed.
    pub fn ok_in(&self, folder: &str, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hashrange"));
        let run = Run::of(&command.arg("--data-dir").arg(folder).args(args).output().unwrap());
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
        run.out
    }

    /// Runs a command that must end with a status; returns what it complained of.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, code, "{args:?}: {run:?}");
        assert!(!run.err.contains("panicked"), "{args:?}: {run:?}");
        run.err
    }

    /// Runs a command with an input.
    pub fn feed(&self, input: &[u8], args: &[&str]) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(&child.wait_with_output().unwrap())
    }
}

impl Run {
    /// The end of a process.
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

/// Lets only its owner read a file.
#[cfg(unix)]
pub fn protect(path: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// There are no such rights here.
#[cfg(not(unix))]
pub fn protect(_: &str) {}

/// A file of the demonstration's data.
pub fn demo_data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name).to_str().unwrap().to_owned()
}
