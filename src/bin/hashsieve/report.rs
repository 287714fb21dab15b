//! Writing results: to standard output or to a file that only its owner can read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use hashsieve::{HashKind, HashValue};
use serde::Serialize;

use crate::failure::Failure;

/// Where results go.
pub(crate) struct Report {
    output: Box<dyn Write>,
    /// Whether this is standard output, whose reader may go away: that is no error.
    is_standard: bool,
    reader_left: bool,
}

impl Report {
    /// Returns a report on a file, or on standard output.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let output: Box<dyn Write> = match path {
            Some(path) => Box::new(BufWriter::new(private_file(
                path,
                OpenOptions::new().write(true).truncate(true),
            )?)),
            None => Box::new(BufWriter::new(io::stdout())),
        };
        Ok(Self {
            output,
            is_standard: path.is_none(),
            reader_left: false,
        })
    }

    /// Returns a report that adds to a file: records that somebody kept must not be lost.
    pub(crate) fn appending(path: &Path) -> Result<Self, Failure> {
        let file = private_file(path, OpenOptions::new().append(true))?;
        Ok(Self {
            output: Box::new(BufWriter::new(file)),
            is_standard: false,
            reader_left: false,
        })
    }

    /// Returns whether the reader of standard output went away, so that nothing more need be written.
    pub(crate) fn reader_left(&self) -> bool {
        self.reader_left
    }

    fn written(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if self.is_standard && error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_left = true;
                Ok(())
            }
            other => other.map_err(|error| Failure(format!("cannot write the output: {error}"))),
        }
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        if self.reader_left {
            return Ok(());
        }
        let written = writeln!(self.output, "{text}");
        self.written(written)
    }

    /// Writes a line of text that holds names of files or lists, with control characters escaped: a line break in a
    /// name would make two lines of one, and a terminal would obey the rest.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.line(&printable(text))
    }

    /// Writes a value as a line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure(format!("cannot write JSON: {error}")))?;
        self.line(&text)
    }

    /// Writes fields as a line of comma-separated values.
    pub(crate) fn csv<'a>(
        &mut self,
        fields: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let text = writer
            .write_record(fields)
            .map_err(io::Error::from)
            .and_then(|()| writer.into_inner().map_err(|error| error.into_error()))
            .map_err(|error| Failure(format!("cannot write CSV: {error}")))?;
        if self.reader_left {
            return Ok(());
        }
        let written = self.output.write_all(&text);
        self.written(written)
    }

    /// Sees that what there is so far is written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let written = self.output.flush();
        self.written(written)
    }

    /// Sees that everything is written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }
}

/// Opens or creates a file that only its owner can read: reports name lists and entries.
///
/// Nobody else can read it either when it was there before with another mode.
fn private_file(path: &Path, options: &mut OpenOptions) -> Result<File, Failure> {
    options.create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options
        .open(path)
        .map_err(|error| Failure::at(path, error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A file that was there before has kept its mode; a device is not ours to change.
        let metadata = file.metadata().map_err(|error| Failure::at(path, error))?;
        let mut permissions = metadata.permissions();
        if metadata.is_file() && permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions).map_err(|error| {
                let why = format!("cannot be made readable by its owner only: {error}");
                Failure::at(path, why)
            })?;
        }
    }
    Ok(file)
}

/// Refuses an output that would overwrite one of these files, which the same command reads or writes.
pub(crate) fn refuse_overwriting<'a>(
    output: Option<&Path>,
    others: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let real = output.canonicalize().ok();
    // A device, such as the null device, is not overwritten.
    if real.as_ref().is_some_and(|real| !real.is_file()) {
        return Ok(());
    }
    let same = |other: &Path| {
        let existing = real.is_some() && real == other.canonicalize().ok();
        existing || output == other
    };
    if others.into_iter().any(same) {
        let why = "would overwrite a file that the same command uses";
        return Err(Failure::at(output, why));
    }
    Ok(())
}

/// Refuses `-` as a file to write: what is confidential is not for a terminal or a log.
pub(crate) fn refuse_standard_output(output: Option<&Path>, option: &str) -> Result<(), Failure> {
    if output == Some(Path::new("-")) {
        return Err(Failure(format!(
            "{option} -: name a file: what it holds is confidential; a file of this name is ./-"
        )));
    }
    Ok(())
}

/// Returns counts by names in a few words, after a colon.
pub(crate) fn by_name(counts: &BTreeMap<String, u64>) -> String {
    let each = counts.iter().map(|(name, count)| format!("{name} {count}"));
    let each: Vec<_> = each.collect();
    match each[..] {
        [] => String::new(),
        _ => format!(": {}", each.join(", ")),
    }
}

/// Returns a number with the word for one or for many.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns a text, or a word for that there is none.
pub(crate) fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

/// As many hexadecimal digits in a row as the shortest hash has.
const SHORTEST_HASH: usize = 16;

/// As many characters as an md5 has in base64, without those that fill it up. Shorter hashes are spelled as many a name is.
const SHORTEST_SPELLING: usize = 22;

/// Returns whether a text may be or hold a hash, so that it must not be shown.
pub(crate) fn may_be_hash(text: &str) -> bool {
    let mut runs = text.split(|character: char| !character.is_ascii_hexdigit());
    if runs.any(|digits| digits.len() >= SHORTEST_HASH) {
        return true;
    }
    let words = text.split(|c: char| matches!(c, ',' | ';' | '|' | ':' | '"') || c.is_whitespace());
    let mut words = words.filter(|word| word.len() >= SHORTEST_SPELLING);
    let spells = |word: &str| {
        let mut kinds = HashKind::ALL.into_iter();
        kinds.any(|kind| HashValue::parse(kind, word).is_ok())
    };
    words.any(spells)
}

/// Tells people something on standard error. That nobody listens there is no reason to stop.
pub(crate) fn tell(text: impl Display) {
    let text = text.to_string();
    let lines: Vec<_> = text.lines().map(printable).collect();
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
}

/// Returns the text with its control characters escaped.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}
