//! What is left out of lists, named on standard error or written down.

use std::fmt;
use std::path::Path;

use hashsieve::list::Quarantined;
use serde::Serialize;

use crate::failure::Failure;
use crate::report::{Report, tell};

/// How many records that were left out are named on standard error when no file is to hold them all.
const NAMED: u64 = 10;
/// How many are held for a report that names them.
const HELD: usize = 1000;

/// Where it is written down what was left out, and why: never the value itself.
pub(crate) struct Quarantine {
    file: Option<Report>,
    count: u64,
    held: Option<Vec<LeftOut>>,
    /// What to say of those that are not named.
    more: &'static str,
}

/// Something that was left out.
#[derive(Serialize)]
pub(crate) struct LeftOut {
    line: u64,
    /// The column or field, where it is one value of a record.
    column: Option<String>,
    reason: String,
    /// The number of the record, where lines say little.
    record: Option<u64>,
}

impl LeftOut {
    /// Returns what is left out of a line, of which nothing but that is known.
    pub(crate) fn of_line(line: u64, reason: &str) -> Self {
        Self {
            line,
            column: None,
            reason: reason.to_owned(),
            record: None,
        }
    }
}

impl From<Quarantined> for LeftOut {
    fn from(kept_out: Quarantined) -> Self {
        Self {
            line: kept_out.line,
            column: kept_out.column,
            reason: kept_out.reason.to_string(),
            record: kept_out.record,
        }
    }
}

impl fmt::Display for LeftOut {
    /// Writes where it stands and why it is left out; the file comes before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if let Some(record) = self.record {
            write!(f, "record {record}: ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "column {column}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl Quarantine {
    /// Returns one that names the first on standard error, or, if there is a file for it, writes down all.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let mut file = match path {
            Some(path) => Some(Report::new(Some(path))?),
            None => None,
        };
        if let Some(file) = &mut file {
            file.csv(["file", "line", "column", "reason", "record"])?;
        }
        Ok(Self {
            file,
            count: 0,
            held: None,
            more: "and more; --quarantine FILE writes all of them down",
        })
    }

    /// Returns one that names the first on standard error and knows of no file for all of them.
    pub(crate) fn without_file() -> Self {
        Self {
            file: None,
            count: 0,
            held: None,
            more: "and more",
        }
    }

    /// Returns one that holds the first for a report instead of naming them.
    pub(crate) fn held(path: Option<&Path>) -> Result<Self, Failure> {
        let mut quarantine = Self::new(path)?;
        quarantine.held = Some(Vec::new());
        Ok(quarantine)
    }

    /// Takes what was left out of a line of a file, and why.
    pub(crate) fn take(&mut self, path: &Path, left_out: LeftOut) -> Result<(), Failure> {
        self.count += 1;
        if let Some(file) = &mut self.file {
            let (path, line) = (path.to_string_lossy(), left_out.line.to_string());
            let column = left_out.column.as_deref().unwrap_or_default();
            let record = left_out.record.map(|record| record.to_string());
            let record = record.unwrap_or_default();
            file.csv([&*path, &line, column, &left_out.reason, &record])?;
        }
        match &mut self.held {
            Some(held) if held.len() < HELD => held.push(left_out),
            Some(_) => {}
            None if self.file.is_some() => {}
            None if self.count <= NAMED => {
                tell(format_args!("{}:{left_out}", path.display()));
            }
            None if self.count == NAMED + 1 => tell(self.more),
            None => {}
        }
        Ok(())
    }

    /// Sees that all is written, and returns how much was left out.
    pub(crate) fn finish(self) -> Result<u64, Failure> {
        self.finish_held().map(|(count, _)| count)
    }

    /// The same, with what is held.
    pub(crate) fn finish_held(self) -> Result<(u64, Vec<LeftOut>), Failure> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        Ok((self.count, self.held.unwrap_or_default()))
    }
}
