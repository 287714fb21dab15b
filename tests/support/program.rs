//! The real binary in temporary folders, for the tests of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use hashsieve::{HashKind, digest};
use serde_json::Value;
use tempfile::TempDir;

#[path = "json.rs"]
mod json;

pub use json::keys;

/// Returns a made-up digest.
pub fn made_up(kind: HashKind, number: u64) -> String {
    digest::of(&number.to_le_bytes(), &[kind])[0].to_hex()
}

/// A folder that a test works in.
#[derive(Debug)]
pub struct Place(pub TempDir);

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(!stderr.contains("panicked"), "{stderr}");
        Self {
            code: output.status.code().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Returns the lines of standard output as JSON.
    pub fn json(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Default for Place {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Place {
    /// Returns an empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the path of a name in the folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders it is in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Returns the bytes of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.at(name)).unwrap()
    }

    /// Returns the text of a file.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Returns the program, in the folder, without input.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin!("hashsieve"));
        command.current_dir(self.0.path()).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program without input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the program with an input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        command.write_stdin(input).output().unwrap().into()
    }

    /// Returns the names of what is in the folder, in order.
    pub fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

/// Returns the names of what is in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let content = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = content
        .map(|member| member.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
