//! A root key behind a program: a key service, a vault, a security chip, without a dependency on any.

use super::{KeyContext, KeyProvider, Secret, WrappedKey};
use crate::error::{Error, Result};
use data_encoding::HEXLOWER_PERMISSIVE;
use std::{
    ffi::{OsStr, OsString},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use zeroize::Zeroizing;

/// Longest answer of a program, in bytes.
const MOST_BYTES: usize = 128 << 10;

/// Has a program wrap and unwrap keys.
///
/// The program is called with the arguments given here and one more, `wrap` or `unwrap`. It reads one line of hexadecimal
/// digits from its standard input (the key of 32 bytes, or what it returned for one), and writes one such line to its
/// standard output (what only it can turn back, or the key). `HASHRANGE_DATABASE_ID` and `HASHRANGE_KEY_GENERATION` in its
/// environment say what the key is for. Any status but 0 is a rejection; what the program wrote to standard error is its reason.
#[derive(Clone, Debug)]
pub struct KeyCommand {
    program: OsString,
    arguments: Vec<OsString>,
}

impl KeyCommand {
    /// A program, found as the operating system finds programs.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { program: program.as_ref().to_owned(), arguments: Vec::new() }
    }
    /// Adds an argument before `wrap` or `unwrap`.
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    fn name(&self) -> String {
        Path::new(&self.program).display().to_string()
    }

    fn run(&self, what: &str, context: &KeyContext, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let problem = |text: String| Error::unusable_key(format!("the key command {}: {text}", self.name()));
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(what)
            .env("HASHRANGE_DATABASE_ID", context.database_id.to_string())
            .env("HASHRANGE_KEY_GENERATION", context.generation.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| problem(error.to_string()))?;
        let mut line = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(input).into_bytes());
        line.push(b'\n');
        if let Some(mut stdin) = child.stdin.take() {
            // A program that needs no input may have closed it: its answer decides.
            let _ = stdin.write_all(&line);
        }
        let output = child.wait_with_output().map_err(|error| problem(error.to_string()))?;
        let answer = Zeroizing::new(output.stdout);
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(problem(format!("it refused to {what} a key ({}): {}", output.status, reason.trim())));
        }
        let digits = answer.trim_ascii();
        let decoded = HEXLOWER_PERMISSIVE.decode(digits).ok().filter(|_| digits.len() <= MOST_BYTES);
        decoded.map(Zeroizing::new).ok_or_else(|| problem("its answer is no line of hexadecimal digits".to_owned()))
    }
}

impl KeyProvider for KeyCommand {
    fn wrap(&self, context: &KeyContext, key: &Secret) -> Result<WrappedKey> {
        Ok(WrappedKey { key_id: self.name(), bytes: self.run("wrap", context, key.bytes())?.to_vec() })
    }
    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret> {
        let key = self.run("unwrap", context, &wrapped.bytes)?;
        match <[u8; 32]>::try_from(&key[..]) {
            Ok(key) => Ok(Secret::new(key)),
            Err(_) => {
                let text = format!("the key command {}: its answer is no key of 32 bytes", self.name());
                Err(Error::unusable_key(text))
            }
        }
    }
}
