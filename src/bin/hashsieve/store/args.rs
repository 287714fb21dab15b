//! The command line of `hashsieve store`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use hashsieve::{ChangeOptions, HashKind};

use crate::list_args::{DescribeArgs, ImportArgs, list_name};

#[derive(Debug, Args)]
#[command(after_help = "\
A change is in the store as a whole or not at all, whatever happens to the process or the machine. One process at a time \
changes a store; any number read it meanwhile, and take a change when they next open it or reload. Ids of entries are \
shown, hashes never.

Exit codes: 0 done, 2 it failed, or something of a list was left out. `store status` also says 2 for a list that is out of \
date, `store verify-removed` 1 for a hash that is there.

Examples:
  hashsieve store init lists/
  hashsieve store replace lists/ hotline.csv --name hotline      the list is what the file says
  hashsieve store apply lists/ page-1.xml page-2.xml --name ncmec
  hashsieve store withdraw lists/ --list hotline ENTRY-ID
  hashsieve store status lists/")]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Make an empty store.
    Init(DirectoryArgs),
    /// Add entries to a list, or hashes to its entries; all others stay.
    Add(Box<AddArgs>),
    /// Apply pages of a feed, in order and together: entries are added, changed and withdrawn.
    Apply(Box<ApplyArgs>),
    /// Put files in place of a list: what they do not have is removed.
    Replace(Box<ReplaceArgs>),
    /// Withdraw entries of a list by their ids: they stop matching.
    Withdraw(WithdrawArgs),
    /// Say something of a list: its terms, its source, when it is out of date.
    Set(SetArgs),
    /// Remove a list with all its entries, physically.
    RemoveList(RemoveListArgs),
    /// Put all segments together, so that searches are as fast as in a single index.
    Compact(DirectoryArgs),
    /// Erase physically what was withdrawn.
    Purge(DirectoryArgs),
    /// Say what is in a store, and whether a list is out of date.
    Status(StatusArgs),
    /// Read a whole store and check every byte of it.
    Verify(DirectoryArgs),
    /// Look for hashes in every byte of a store, to show that they are gone.
    VerifyRemoved(VerifyRemovedArgs),
    /// Write a list as a table, for those who may have it.
    Export(ExportArgs),
}

impl StoreCommand {
    /// Returns the directory of the store.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Init(init) => &init.directory,
            Self::Add(add) => &add.directory,
            Self::Apply(apply) => &apply.directory,
            Self::Replace(replace) => &replace.directory,
            Self::Withdraw(withdraw) => &withdraw.directory,
            Self::Set(set) => &set.directory,
            Self::RemoveList(remove) => &remove.directory,
            Self::Compact(compact) => &compact.directory,
            Self::Purge(purge) => &purge.directory,
            Self::Status(status) => &status.directory,
            Self::Verify(verify) => &verify.directory,
            Self::VerifyRemoved(verify) => &verify.directory,
            Self::Export(export) => &export.directory,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DirectoryArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// What changes of a list have in common.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The list's name in verdicts and policies. If there is none of this name it is made, and standard error says so.
    #[arg(long, value_parser = list_name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    #[command(flatten)]
    pub(crate) describe: DescribeArgs,
    /// After how many days without news the list is out of date; for a feed, as long as its source tells of withdrawals.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) stale_after: Option<u32>,
    /// Show every entry that differs, a line each: added, changed, withdrawn, unseen or removed, and its id.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Memory to use before sorting on disk, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub(crate) memory: u16,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Bad records are left out, counted, and named by file and line, in JSON and XML by the number of the record as well, and the exit \
code is then 2. A file that cannot be read to \
its end changes nothing, nor does one of which nothing can be read.

An entry that the list has already is changed: where a record of the format is all of its entry (feeds, ICSE, VICS) it \
takes the place of what was there, unless it is older by the source's own time; elsewhere (tables, lines) it adds to it. All \
files must be of one of these two sorts.

In a table with a column of hashes of any kind (`hash`, with or without `kind`) a withdrawn row takes back the hash that it names, \
and all of its entry if it names none; that one hash was taken back is not remembered, so an older file that is added later brings \
it back. In a table with a column for each kind (`pdq`, `md5`) a row is of its entry, and a withdrawn one withdraws all of it, \
whatever hashes it names.

The summary tells of entries: added, changed, withdrawn, unseen (withdrawn, and not there; remembered, so that an older \
record does not bring them), removed, unchanged, and outdated (passed over, since the store has a later record). -v shows \
each before the change is made; if it then fails, nothing of it was made.

Examples:
  hashsieve store add lists/ removed-here.hsh --name ours
  hashsieve store add lists/ news.csv --name hotline --terms 'members only' --stale-after 30 -v")]
pub(crate) struct AddArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The files, later ones after earlier ones; `-` is standard input.
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Bring back entries that were withdrawn, also by rows that are no later than that or of no time. Without it such rows are
    /// passed over (outdated).
    #[arg(long)]
    pub(crate) reinstate: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Pages are of StopNCII, ThreatExchange, Tech Against Terrorism or NCMEC, all of one of them. They are one change: if one \
cannot be read to its end, nothing is changed. The place in the feed from which to fetch next is kept with the list and \
shown by `store status`; it moves on with the page that is the last of its request, and not before.

Refused are pages that end before what is known of the feed already, unless --allow-older is given, and any page once the \
list is out of date (--stale-after): the source may have forgotten withdrawals by then, and the whole list has to be put in \
place with `store replace`.

A record that is older than what the store has of its entry is passed over (outdated); of records of one entry in the same \
change the latest by the source's own time counts, and of those of one time the one that withdraws, in whichever order they come; \
else the last. A withdrawal of an entry that was never seen is remembered (unseen), so that an older record does not bring it.

The place in the feed moves on past records that are left out, and one of these may be a withdrawal: standard error then says how \
many there are and from which place to fetch them again (apply them with --allow-older), or withdraw by hand. Where the feed was \
known up to there before, as when a page is applied again, there is no such place: fetch again what the page answered, or all of \
the feed for `store replace`.

Examples:
  hashsieve store apply lists/ page-1.xml page-2.xml --name ncmec --stale-after 30
  hashsieve store apply lists/ page.json --name stopncii -v")]
pub(crate) struct ApplyArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The pages, in order; `-` is standard input.
    #[arg(required = true, value_name = "PAGE")]
    pub(crate) pages: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Also take pages that end before what is known of the feed. The place in the feed is then theirs.
    #[arg(long)]
    pub(crate) allow_older: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Only what differs is written, and -v shows it: run with what a hotline supplied last and now, it is the difference of the \
two. A file that cannot be read to its end changes nothing, nor does one of which nothing can be read, nor one that would \
take away more than --shrink-limit: a list that lost so much is likelier cut than shorter. Of a feed all pages are to be given, in \
order; the place in the feed is then theirs.

What was withdrawn by `store withdraw` and is in the files again is back (added): they are what the list is. An entry whose \
record cannot be read stays as it was, if its id can be read. If that cannot be read either and entries are removed, standard error \
says how many of both: look at the lines that are named, mend the file and replace again.

Examples:
  hashsieve store replace lists/ hotline.csv --name hotline --source 'Hotline' --terms 'members only'
  hashsieve store replace lists/ all-1.xml all-2.xml --name ncmec --shrink-limit 40")]
pub(crate) struct ReplaceArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The files that are the list together, later ones after earlier ones; `-` is standard input.
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// The largest part of its entries that the list may lose, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = ChangeOptions::DEFAULT_SHRINK_LIMIT_PERCENT, value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) shrink_limit: u8,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("ids").required(true).multiple(true),
    after_help = "\
An entry that is withdrawn no longer matches, also under its other hashes; other entries with the same hashes still do. Its \
hashes are in the files until `store purge`. An id of which the list has no entry is left out and told, by its number or line, and \
the exit code is then 2; the others are withdrawn. --allow-unseen remembers it as withdrawn, so that an older record does not bring \
it.

Unless the list has an entry of that id, these are never taken for ids: a text of 40, 64 or 128 hexadecimal digits; a kind and its \
hash (`md5:...`, `pdq ...`); a hash that an entry of the store has, of any list and kind, which is how an md5 is told from an id; a \
text of several fields, with commas, semicolons, pipes or white space between them, of which one is 32 or more hexadecimal digits; \
and the first line of a file that has such lines, if the same stands between its fields. An md5 or a short hash that is not in the \
store can be told from no id: --allow-unseen remembers it. -v shows no such id that has 16 hexadecimal digits in a row or is a hash of 128 bits or more in base64 or \
base32.

A record that the source changed later brings the entry back, and so does `store replace` with a file that has it: \
see that the source withdraws it, too. `store add` does not, unless --reinstate says so.

Examples:
  hashsieve store withdraw lists/ --list hotline 4711 4712
  hashsieve store withdraw lists/ --list hotline --from ids.txt"
)]
pub(crate) struct WithdrawArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The list.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// The ids of the entries, as verdicts name them.
    #[arg(value_name = "ENTRY-ID", group = "ids")]
    pub(crate) entry_ids: Vec<String>,
    /// A file of ids, one a line, taken as they stand; `-` is standard input.
    #[arg(long, value_name = "FILE", group = "ids")]
    pub(crate) from: Option<PathBuf>,
    /// Remember ids of which the list has no entry as withdrawn, and do not call it a failure.
    #[arg(long)]
    pub(crate) allow_unseen: bool,
    /// Show every entry that differs, a line each, and ids of which the list has no entry.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// After how many days a list is out of date, if ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StaleAfter(pub(crate) Option<u32>);

fn stale_after(text: &str) -> Result<StaleAfter, String> {
    match text.parse() {
        Ok(days @ 1..=36_500) => Ok(StaleAfter(Some(days))),
        _ if text == "never" => Ok(StaleAfter(None)),
        _ => Err("a number of days from 1 to 36500, or never".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).multiple(true),
    after_help = "\
Examples:
  hashsieve store set lists/ --list hotline --terms 'members only, until 2027-12-31'
  hashsieve store set lists/ --list hotline --stale-after never"
)]
pub(crate) struct SetArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The list.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// After how many days without news the list is out of date, or `never`.
    #[arg(long, value_name = "DAYS", group = "what", value_parser = stale_after)]
    pub(crate) stale_after: Option<StaleAfter>,
    /// The terms under which the list was supplied; an empty text takes away what was said.
    #[arg(long, group = "what")]
    pub(crate) terms: Option<String>,
    /// Who supplies the list; an empty text takes away what was said.
    #[arg(long, group = "what")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveListArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The list.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 2 if a list is out of date (`store set --stale-after`); standard error names it.

JSON output: {\"generation\",\"segments\",\"bytes\",\"entries_to_purge\",\"lists\":[{\"name\",\"source\",\"version\",\"time\",\
\"terms\",\"entries\",\"withdrawn\",\"hashes\",\"other_hashes\",\"categories\",\"opinions\",\"unknown_status\",\"checked_at\",\
\"age_seconds\",\"checkpoint\",\"checkpoint_time\",\"stale_after_days\",\"stale\",\"last_import\"}]}. hashes, other_hashes, \
categories and opinions are counts by name; other_hashes are of kinds that cannot be matched here. withdrawn are entries \
that are remembered as withdrawn; entries_to_purge stand no more and are in the files until `store purge`. Times are \
seconds since 1970. checked_at is when the list was last changed or found to be unchanged, age_seconds how long ago that \
is, and below zero if that is in the future. last_import counts what was read then: \"records\", \"entries\", \"quarantined\", \"by_reason\", \"unknown_values\" and more.

Examples:
  hashsieve store status lists/
  hashsieve store status lists/ --json")]
pub(crate) struct StatusArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Looks for each hash in every file of the directory, whatever it is: its bytes, its hexadecimal digits in upper and lower case \
mixed as may be, base64 of both alphabets, also amid other bytes, and of a sha1 base32, each in one piece; and searches the \
segments. The hashes come from a file, never from the command line, which others can see: plain lines, what `hash` prints, or a \
table. Every hash takes a pass over all the files, and if a change takes a file away meanwhile, all begins anew.

Exit codes: 0 none is there, 1 one is there (told is in which file, on which line of the input it stands, and what takes it \
away), 2 it could not be decided: a line of the input is no hash, a file cannot be read, or something in the directory is no \
file.

Examples:
  hashsieve store verify-removed lists/ erased.txt
  hashsieve store verify-removed lists/ - < erased.txt")]
pub(crate) struct VerifyRemovedArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The hashes, one a line as `hash` prints them, with the kind before each or as --kind says; `-` is standard input.
    pub(crate) file: PathBuf,
    /// The kind of hashes before which none is named.
    #[arg(long)]
    pub(crate) kind: Option<HashKind>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Lists are supplied under terms, which travel with them. So --terms must repeat those of the list, as `store status` \
shows them, word for word; a list without terms is not written.

The table is CSV with a header, readable by its owner only: id, kind, hash, media_type, submitter, scheme, region, \
category, status, opinion, quality, tags, first_seen, updated; a row for each hash, also of kinds that cannot be matched here. \
An entry that is withdrawn has a row without a hash. `store add`, `store replace` and `index build` read it; `store replace` \
takes the withdrawn rows for entries that are not there, `store add` remembers them.

What it cannot carry is counted and told: how many members agree with an entry or contradict it, when it was fetched, white \
space at the ends of texts, tags with `;` or `|` in them, times before 1970, hashes of kinds with a name that only their list uses, \
and rows over 64 KiB: the last two are in the table, but left out when it is read. What is said of the list as a whole is not in it.

The file appears when it is complete. If the process is killed, a file `.hashsieve-*.unpublished` is left beside it.

Examples:
  hashsieve store export lists/ --list ours --terms 'our own' -o ours.csv")]
pub(crate) struct ExportArgs {
    /// The directory of the store.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The list.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// The terms of the list, word for word.
    #[arg(long)]
    pub(crate) terms: String,
    /// The file to write; what is there is replaced when the new one is complete.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
