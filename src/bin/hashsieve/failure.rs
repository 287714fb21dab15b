//! How a command ends: its exit code, or why it could not go on.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// What a command came to, in the exit codes that users of `clamscan` know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: everything was done and nothing matched.
    Done,
    /// 1: something matched.
    Matched,
    /// 2: some input failed or could not be decided, or the usage was wrong.
    Failed,
}

impl Outcome {
    /// Returns the outcome of inputs of which some matched and some failed: a match counts for more.
    pub(crate) fn of(matched: bool, failed: bool) -> Self {
        match (matched, failed) {
            (true, _) => Self::Matched,
            (false, true) => Self::Failed,
            (false, false) => Self::Done,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Matched => 1,
            Outcome::Failed => 2,
        })
    }
}

/// Why a command stopped before its end, for a person to read.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// Returns a failure about a file.
    pub(crate) fn at(path: &Path, error: impl Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}
