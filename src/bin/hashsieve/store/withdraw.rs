//! `store withdraw`: entries withdrawn by their ids.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use hashsieve::{
    BuildError, Change, CorruptIndex, Entry, EntryStatus, HashKind, HashValue, IndexBuilder,
    Segment, Snapshot, StoreError, StoreWriter,
};

use super::args::WithdrawArgs;
use super::change::{commit, summarise};
use super::{after_change, unchanged, unread};
use crate::failure::{Failure, Outcome};
use crate::report::{counted, may_be_hash, tell};

/// The longest line of a file of ids that is read. No id is nearly as long.
const MAX_ID_LINE: usize = 1 << 16;
/// How many ids that are left out are named.
const NAMED: u64 = 10;
/// A field of so many hexadecimal digits beside others is a hash in a table. The shortest is an md5.
const HASH_FIELD: usize = 32;
/// As many digits as a sha1, a sha256 or pdq, and a sha512 have. What has 32 may be a UUID.
const HASHES: [usize; 3] = [40, 64, 128];
/// Why a text that is a hash is no id.
const HASH: &str =
    "a hash, and no id that the list has: an entry is withdrawn by its id, as `scan` names it";
/// What stands between the fields of a table.
const DELIMITERS: [char; 5] = [',', ';', '\t', ' ', '|'];

pub(super) fn withdraw(arguments: &WithdrawArgs, quiet: bool) -> Result<Outcome, Failure> {
    let directory = &arguments.directory;
    let list = &arguments.list;
    let mut writer = StoreWriter::open(directory).map_err(unread)?;
    let before = writer.snapshot().generation();
    let known = Known::new(writer.snapshot(), list);
    let known = known.map_err(|error| Failure::at(directory, error))?;
    let failed = |error: StoreError| unchanged(directory, before, &error);
    let mut ids = Ids {
        change: writer.withdrawal(list).map_err(failed)?,
        known,
        allow_unseen: arguments.allow_unseen,
        shows: arguments.verbose,
        taken: 0,
        withdrawn_before: 0,
        unseen: 0,
        hashes: 0,
        left_out: 0,
    };
    for (number, id) in (1..).zip(&arguments.entry_ids) {
        let place = format!("id {number}");
        ids.take(&place, id.as_bytes()).map_err(failed)?;
    }
    if let Some(path) = &arguments.from {
        ids.take_from(path)
            .map_err(|Failure(why)| Failure(format!("{why}; nothing was changed")))?;
    }
    ids.tell_of_left_out(list);
    let Ids {
        change,
        taken,
        withdrawn_before,
        left_out,
        ..
    } = ids;
    if taken == 0 {
        let why = match left_out {
            0 => "no id was given",
            _ => "no id that was given can be withdrawn",
        };
        return Err(Failure(format!("{why}, so nothing was changed")));
    }
    if withdrawn_before > 0 {
        let ids = counted(withdrawn_before, "id names", "ids name");
        tell(format_args!("{ids} what is withdrawn already"));
    }
    let (summary, mut report) = commit(change, directory, before, arguments.verbose, quiet)?;
    summarise(&mut report, directory, list, &summary)
        .and_then(|()| report.finish())
        .map_err(after_change)?;
    Ok(Outcome::of(false, left_out > 0))
}

/// What a store has of one list.
struct Known {
    /// The segments, the latest first, each with the position of the list in its index if it is there.
    segments: Vec<(Segment, Option<u32>)>,
}

impl Known {
    fn new(snapshot: &Snapshot, list: &str) -> Result<Self, CorruptIndex> {
        let mut segments = Vec::new();
        for segment in snapshot.segments().iter().rev() {
            let lists = segment.index().lists()?;
            let mut lists = (0..).zip(&lists);
            let position = lists.find(|(_, one)| one.descriptor.name == list);
            segments.push((segment.clone(), position.map(|(position, _)| position)));
        }
        Ok(Self { segments })
    }

    /// Returns the status of the entry of an id, if the list has it or remembers it.
    fn status_of(&self, id: &str) -> Result<Option<EntryStatus>, CorruptIndex> {
        for (segment, list) in &self.segments {
            let Some(list) = *list else { continue };
            let position = segment.index().position_of(list, id)?;
            if let Some(position) = position.filter(|&position| segment.stands(position)) {
                return Ok(Some(segment.index().entry(position)?.entry.status));
            }
        }
        Ok(None)
    }

    /// Returns whether a text is a hash that is in the store, of an entry of any list, or it cannot be told.
    fn has_hash(&self, text: &str) -> bool {
        self.segments.iter().any(|(segment, _)| {
            let index = segment.index();
            let mut hashes = index
                .kinds()
                .filter_map(|kind| HashValue::parse(kind, text).ok());
            hashes.any(|hash| !matches!(index.find(&hash), Ok(None)))
        })
    }
}

/// Ids that are being taken.
struct Ids<'s> {
    change: Change<'s>,
    known: Known,
    allow_unseen: bool,
    /// Whether ids may be shown.
    shows: bool,
    taken: u64,
    withdrawn_before: u64,
    /// Those left out since the list has no such entry.
    unseen: u64,
    /// Those left out as hashes, or lines of a table with hashes.
    hashes: u64,
    /// All that are left out.
    left_out: u64,
}

impl Ids<'_> {
    /// Withdraws one entry, or tells why not.
    fn take(&mut self, place: &str, id: &[u8]) -> Result<(), StoreError> {
        let no_id = "no id: empty, too long, with a zero byte, or not UTF-8";
        let Ok(id) = std::str::from_utf8(id) else {
            self.leave_out(place, no_id);
            return Ok(());
        };
        let mut entry = Entry::new(id);
        entry.status = EntryStatus::Withdrawn;
        if !IndexBuilder::fits(&entry) {
            self.leave_out(place, no_id);
            return Ok(());
        }
        let corrupt = |error| StoreError::Build(BuildError::Corrupt(error));
        let status = self.known.status_of(id).map_err(corrupt)?;
        if status.is_none()
            && let Some(why) = is_hash(id).or_else(|| self.known.has_hash(id).then_some(HASH))
        {
            // Never shown.
            self.hashes += 1;
            self.leave_out(place, why);
            return Ok(());
        }
        if status.is_none() && !self.allow_unseen {
            self.unseen += 1;
            let blanks = if id.trim() == id {
                ""
            } else {
                "; the id has blanks at its ends, which are part of it"
            };
            let (shown, withheld) = match self.shows {
                true if may_be_hash(id) => (String::new(), "; not shown, since it may be a hash"),
                true => (format!(" `{id}`"), ""),
                false => (String::new(), ""),
            };
            let why = format!("the list has no entry of this id{blanks}{withheld}");
            self.leave_out(&format!("{place}{shown}"), &why);
            return Ok(());
        }
        self.change.withdraw(id)?;
        self.taken += 1;
        let is_before = status.is_some_and(|status| !status.matches());
        self.withdrawn_before += u64::from(is_before);
        Ok(())
    }

    /// Says of what sorts those are that were left out.
    fn tell_of_left_out(&self, list: &str) {
        if self.left_out > NAMED {
            tell("and more");
        }
        if self.hashes > 0 {
            let texts = counted(
                self.hashes,
                "of what was given is a hash or a line of a table",
                "of what was given are hashes or lines of a table",
            );
            tell(format_args!("{texts}: give the ids alone, one a line"));
        }
        if self.unseen > 0 {
            let ids = counted(self.unseen, "id names", "ids name");
            tell(format_args!(
                "{ids} no entry of list `{list}`: see that they are spelled as `scan` spells them; --allow-unseen remembers such \
                 ids as withdrawn"
            ));
        }
    }

    fn leave_out(&mut self, place: &str, why: &str) {
        self.left_out += 1;
        if self.left_out <= NAMED {
            tell(format_args!("{place}: {why}"));
        }
    }

    /// Withdraws the entries that a file names, one a line.
    fn take_from(&mut self, path: &Path) -> Result<(), Failure> {
        let at = |error: &dyn std::fmt::Display| Failure::at(path, error);
        let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(|error| at(&error))?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        let mut line = Vec::new();
        let mut header = None;
        let mut is_first = true;
        // Of the lines of a table with hashes, what stands between their fields.
        let mut delimiters = BTreeSet::new();
        for number in 1_u64.. {
            if !next_line(&mut reader, &mut line).map_err(|error| at(&error))? {
                break;
            }
            if number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                line.drain(..3);
            }
            if line.is_empty() {
                continue;
            }
            let place = format!("{}:{number}", path.display());
            let inside = delimiters_in(&line);
            if std::mem::take(&mut is_first) && !inside.is_empty() {
                header = Some((place, line.clone(), inside));
                continue;
            }
            let hashes = self.hashes;
            self.take(&place, &line).map_err(|error| at(&error))?;
            if self.hashes > hashes {
                delimiters.extend(inside);
            }
        }
        if let Some((place, line, inside)) = header {
            let is_header = inside.iter().any(|inside| delimiters.contains(inside));
            self.take_first(&place, &line, is_header)
                .map_err(|error| at(&error))?;
        }
        Ok(())
    }

    /// Withdraws the entry that the first line of a file names. Before lines of a table with hashes it is their header, if the list
    /// has no entry of that id.
    fn take_first(&mut self, place: &str, line: &[u8], is_header: bool) -> Result<(), StoreError> {
        let corrupt = |error| StoreError::Build(BuildError::Corrupt(error));
        let id = std::str::from_utf8(line).ok();
        let status = id.map(|id| self.known.status_of(id));
        let status = status.transpose().map_err(corrupt)?.flatten();
        if is_header && status.is_none() {
            self.hashes += 1;
            self.leave_out(place, "the header of a table with hashes in it, and no id");
            return Ok(());
        }
        self.take(place, line)
    }
}

/// Returns what there is in a line that stands between the fields of tables.
fn delimiters_in(line: &[u8]) -> Vec<char> {
    let text = String::from_utf8_lossy(line);
    let delimiters = DELIMITERS.into_iter();
    delimiters.filter(|&one| text.contains(one)).collect()
}

/// Returns why a text is a hash, or holds one, and so is no id, if that is so.
fn is_hash(text: &str) -> Option<&'static str> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if HASHES.contains(&text.len()) && is_hex(text) {
        return Some(HASH);
    }
    let is_separator = |c: char| matches!(c, ':' | ',' | '=') || c.is_whitespace();
    if let Some((kind, digits)) = text.split_once(is_separator)
        && let Ok(kind) = kind.parse::<HashKind>()
    {
        let digits = digits.trim_matches(is_separator);
        let is_cut = is_hex(digits) && digits.len() >= HASH_FIELD;
        if is_cut || HashValue::parse(kind, digits).is_ok() {
            return Some(HASH);
        }
    }
    let fields = text.split(|c: char| matches!(c, ',' | ';' | '|') || c.is_whitespace());
    let fields = fields.map(|field| field.trim_matches(['"', '\'']));
    let fields: Vec<_> = fields.filter(|field| !field.is_empty()).collect();
    let is_field = |field: &&str| field.len() >= HASH_FIELD && is_hex(field);
    (fields.len() > 1 && fields.iter().any(is_field))
        .then_some("a line of a table with a hash in it, and no id: give the ids alone, one a line")
}

/// Reads a line without its end, and of a line that is too long the beginning, which is too long as well. Returns whether there
/// was one.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = MAX_ID_LINE as u64;
    reader.take(limit).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(false);
    }
    if line.len() == MAX_ID_LINE && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
    Ok(true)
}
