//! The command line of what reads lists: how they are written, what is known of them, and `list check`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use hashsieve::HashKind;

/// The format of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormatArg {
    /// By the file's name and first line.
    Auto,
    /// One hash a line, with its kind before it or given by --kind.
    Lines,
    /// The PDQ tools' `hash,quality,name`.
    Hsh,
    /// A table with a header or a --map.
    Csv,
    /// A page of the feed of StopNCII.
    #[value(name = "stopncii")]
    StopNcii,
    /// A page of threat_updates of ThreatExchange.
    #[value(name = "threatexchange")]
    ThreatExchange,
    /// A page of the hash list of Tech Against Terrorism.
    #[value(name = "tat")]
    TechAgainstTerrorism,
    /// A file of Project VIC, VICS 1.3 or 2.0, or of CAID.
    Vics,
    /// The frames of a video as the vPDQ tools write them in JSON.
    VpdqJson,
    /// A page of NCMEC's hash sharing service, in XML.
    Ncmec,
    /// An export of INTERPOL's ICSE database.
    Icse,
    /// The NSRL's reference data set: files that are known rather than bad.
    Nsrl,
    /// The frames of a video as vPDQ writes them in text.
    Vpdq,
}

/// The longest name of a list, in bytes. It stands in every verdict.
pub(crate) const MAX_LIST_NAME: usize = 200;

/// Returns a name for a list. One with a line break or a blank at its end would be taken for another in reports and policies.
pub(crate) fn list_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a list needs a name".to_owned());
    }
    if text.trim() != text {
        return Err("the name has blanks at its ends".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("the name has control characters in it".to_owned());
    }
    if text.len() > MAX_LIST_NAME {
        return Err(format!(
            "the name has {} bytes, and {MAX_LIST_NAME} are the most",
            text.len()
        ));
    }
    Ok(text.to_owned())
}

/// How to read lists.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The format of the lists.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) format: ListFormatArg,
    /// The kind of hashes in plain lines that name none.
    #[arg(long)]
    pub(crate) kind: Option<HashKind>,
    /// Which column of a table is what.
    #[arg(long, value_name = "MAP")]
    pub(crate) map: Option<String>,
    /// The region whose categories a VICS file has, for example US; what the file says of it is then not taken.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// A file that says which column is what, and what the words in a list mean (TOML; the README has an example).
    #[arg(long, value_name = "FILE", conflicts_with = "map")]
    pub(crate) columns: Option<PathBuf>,
    /// Write what was left out and why to this file (CSV: file, line, column, reason, record).
    #[arg(long, value_name = "FILE")]
    pub(crate) quarantine: Option<PathBuf>,
}

impl ImportArgs {
    /// Returns the files that are read besides the lists.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.columns.as_deref().into_iter()
    }
}

/// What is known of a list as a whole.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Who supplies the list.
    #[arg(long, default_value = "")]
    pub(crate) source: String,
    /// The source's version of the list.
    #[arg(long, default_value = "")]
    pub(crate) list_version: String,
    /// The list's own date: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ or seconds since 1970.
    #[arg(long, value_name = "DATE")]
    pub(crate) list_date: Option<String>,
    /// The terms under which the list was supplied.
    #[arg(long, default_value = "")]
    pub(crate) terms: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(subcommand)]
    pub(crate) command: ListCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// Say what would be read of a list: its format, what it has of what, and what would be left out and why.
    Check(Box<CheckArgs>),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Changes nothing, and writes nothing but the report. Told are at most 1000 of what would be left out; --quarantine FILE \
writes all of it down. The exit code is 2 if anything would be left out, the list breaks off, or no entry can be read of what is \
no page of a feed, which `store add` and `store replace` refuse. Counts are of records: an \
entry to which a table gives a row for each hash is counted for each row.

JSON output: {\"file\",\"format\",\"records\",\"entries\",\"withdrawn\",\"hashes\",\"other_hashes\",\"categories\",\
\"opinions\",\"unknown_status\",\"unknown_values\",\"columns\",\"feed\",\"quarantined\",\"by_reason\",\"left_out\",\"report\",\
\"error\"}. entries are those that would match; other_hashes are of kinds that cannot be matched here; columns is null \
where a format has none, else {\"used\":[{\"field\",\"column\"}],\"unused\"}; feed is null for what is no page of a feed, else \
{\"checkpoint\",\"checkpoint_time\",\"has_more\"}; left_out is [{\"line\",\"column\",\"reason\",\"record\"}], where record \
is its number in JSON and XML, which may have all of them on one line, else null; report has all counts of the \
import; error says why a list breaks off.

Examples:
  hashsieve list check hotline.csv
  hashsieve list check members.csv --columns members.toml
  hashsieve list check page-7.json --json")]
pub(crate) struct CheckArgs {
    /// The list; `-` is standard input.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
