//! Pages of NCMEC's hash sharing service, version 2: XML with images and videos, changed and deleted.
//!
//! Documented at <https://report.cybertip.org/ws-hashsharing/v2/documentation/>. What is peculiar about it:
//! - An entry is known by its member and its id within the member, and here as `{member id}-{id}`. The ids of members are
//!   numbers. Environments (industry, non-profits, law enforcement, ...) are lists of their own: the same id in two of them
//!   is not the same entry.
//! - A record is all that there is to say of its entry. An update may drop a hash, or all of them: such an entry comes out
//!   without hashes, so that whoever stores entries forgets those it had.
//! - A deletion names no hash.
//! - Records of one page are in no order of time, and many are of one second. A checkpoint is good only once every page up
//!   to the last has been stored.
//! - Fingerprints that are too long for XML are links. The link is kept as the value, so that it is known that there is
//!   such a fingerprint; it is no hash, and what it leads to may not be there tomorrow.

use std::io::BufRead;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::error::{ListError, QuarantineReason};
use super::feedback::Feedback;
use super::import::{FeedPosition, ListFormat, Sink};
use super::time::parse_time;
use super::value::{NamedKind, parse_hash, parse_kind};
use super::xml::{MAX_RECORD, Piece, Pieces};
use crate::entry::{Classification, Entry, EntryStatus, MediaType};

/// The name of the scheme of classifications.
const SCHEME: &str = "ncmec";

/// The classifications documented.
const CLASSES: [&str; 4] = ["A1", "A2", "B1", "B2"];

/// The most fingerprints, and the most tags, of one entry. Entries have a dozen; each is compared with each.
const MAX_VALUES: usize = 1024;

/// A page being read.
pub(super) struct Page<R> {
    pieces: Pieces<R>,
    /// The newest time that the page says it reaches, and how it spells it.
    newest: Option<(i64, String)>,
    has_more: bool,
}

impl<R: BufRead> Page<R> {
    pub(super) fn new(reader: R, sink: &mut Sink) -> Self {
        sink.is_numbered = true;
        Self {
            pieces: Pieces::new(reader, is_record),
            newest: None,
            has_more: false,
        }
    }

    /// Returns the number of lines read so far.
    pub(super) fn lines(&self) -> u64 {
        self.pieces.lines()
    }

    /// Reads one tag or record into the sink, and returns whether there was one.
    pub(super) fn step(&mut self, sink: &mut Sink) -> Result<bool, ListError> {
        let read = match self.pieces.next()? {
            None => {
                let (time, text) = self.newest.take().unzip();
                sink.position = Some(FeedPosition {
                    checkpoint: text,
                    checkpoint_time: time,
                    has_more: self.has_more,
                    feed: ListFormat::Ncmec.name(),
                });
                return Ok(false);
            }
            Some(Piece::Tag { depth, text }) => {
                let newest = &mut self.newest;
                read_tag(depth, text, newest, sink)
            }
            Some(Piece::Record { line, text }) => {
                let has_more = &mut self.has_more;
                read_record(line, text, has_more, sink)
            }
            // What is too long to be understood is no reason to believe that this is the last page.
            Some(Piece::TooLong { depth: 1, .. }) => {
                self.has_more = true;
                Ok(())
            }
            Some(Piece::TooLong { line, .. }) => {
                sink.report.records += 1;
                let reason = QuarantineReason::RecordTooLong { limit: MAX_RECORD };
                sink.quarantine(line, None, reason);
                Ok(())
            }
        };
        read.map_err(|what| self.pieces.wrong(what))?;
        Ok(true)
    }
}

/// The parts that are read as a whole: what stands in `images` and `videos`, and where the next page is.
fn is_record(depth: usize, parent: &[u8], name: &[u8]) -> bool {
    match depth {
        1 => name == b"paging",
        2 => matches!(parent, b"images" | b"videos"),
        _ => false,
    }
}

/// Reads a tag outside records.
fn read_tag(
    depth: usize,
    text: &[u8],
    newest: &mut Option<(i64, String)>,
    sink: &mut Sink,
) -> Result<(), &'static str> {
    if depth > 1 {
        return Ok(());
    }
    let text = std::str::from_utf8(text).map_err(|_| "a tag is not UTF-8")?;
    let Ok(Event::Start(tag) | Event::Empty(tag)) = Reader::from_str(text).read_event() else {
        return Err("a tag is not well formed");
    };
    let name = tag.local_name();
    match (depth, name.as_ref()) {
        (0, "queryResult") => {}
        (0, _) => {
            return Err("this is no page of NCMEC's hash sharing: its root is not queryResult");
        }
        (_, "images" | "videos") => {
            let Some(text) = attribute(&tag, "maxTimestamp") else {
                return Ok(());
            };
            match parse_time(text.trim()) {
                Some(time) if newest.as_ref().is_none_or(|(newest, _)| time > *newest) => {
                    *newest = Some((time, text.trim().to_owned()));
                }
                Some(_) => {}
                None => sink.unknown_value("maxTimestamp"),
            }
        }
        _ => sink.unknown_value("section"),
    }
    Ok(())
}

/// Reads an entry, a deletion or the element that says where the next page is.
fn read_record(
    line: u64,
    text: &[u8],
    has_more: &mut bool,
    sink: &mut Sink,
) -> Result<(), &'static str> {
    let Ok(text) = std::str::from_utf8(text) else {
        sink.report.records += 1;
        sink.quarantine(line, None, QuarantineReason::Malformed);
        return Ok(());
    };
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    // Somebody's name with a bare `&` is no reason to lose a page.
    config.allow_dangling_amp = true;
    let Ok(Event::Start(root)) = reader.read_event() else {
        return Err("a tag is not well formed");
    };
    let mut record = match root.local_name().as_ref() {
        "paging" => {
            *has_more |= has_next(reader)?;
            return Ok(());
        }
        "image" => Record::new(MediaType::Image, false),
        "deletedImage" => Record::new(MediaType::Image, true),
        "video" => Record::new(MediaType::Video, false),
        "deletedVideo" => Record::new(MediaType::Video, true),
        _ => {
            sink.report.records += 1;
            let reason = QuarantineReason::BadField { field: "image" };
            sink.quarantine(line, None, reason);
            return Ok(());
        }
    };
    sink.report.records += 1;
    let mut places = vec![Place::Entry];
    let mut element = Element::default();
    while let Some(&place) = places.last() {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let place = place.child(tag.local_name().as_ref());
                element.begin(place, &tag);
                record.begin(place, &element, line, sink);
                places.push(place);
            }
            Ok(Event::End(_)) => {
                record.end(place, &element, line, sink);
                element.clear();
                places.pop();
                // What is left of a text with an element within is not the text.
                element.is_bad = place == Place::Ignored;
            }
            Ok(Event::Text(text)) => element.text.push_str(&text),
            Ok(Event::CData(text)) => element.text.push_str(&text),
            Ok(Event::GeneralRef(reference)) => match character(&reference) {
                Some(character) => element.text.push(character),
                None => element.is_bad = true,
            },
            Ok(Event::Eof) | Err(_) => return Err("a record is not well formed"),
            // Comments and processing instructions; what else there is, was refused before.
            Ok(_) => {}
        }
    }
    record.finish(line, sink);
    Ok(())
}

/// Returns whether there is a next page, given the reader within the element that says so.
fn has_next(mut reader: Reader<&[u8]>) -> Result<bool, &'static str> {
    let mut is_next = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => is_next = tag.local_name().as_ref() == "next",
            Ok(Event::Text(text)) if is_next && !text.trim().is_empty() => return Ok(true),
            Ok(Event::CData(text)) if is_next && !text.trim().is_empty() => return Ok(true),
            Ok(Event::Eof) => return Ok(false),
            Ok(_) => {}
            Err(_) => return Err("the element paging is not well formed"),
        }
    }
}

/// Returns the character that a reference in a text stands for, of those that need no DOCTYPE.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// Returns the value of an attribute by its local name.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    // Looking for the same name twice compares each with each, and a hostile tag has thousands.
    attributes.with_checks(false);
    let mut attributes = attributes.flatten();
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

/// What an element of an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Entry,
    Member,
    Id,
    Timestamp,
    Classification,
    Categorizations,
    Categorization,
    Fingerprints,
    Fingerprint,
    Feedback,
    Affirmative,
    Negative,
    /// Within one of these, what holds members and reasons.
    Votes,
    /// Within feedback, somebody who gave it.
    Voter,
    /// Within feedback, why it was given.
    Reason,
    /// Of an entry, and not documented.
    Unknown,
    Ignored,
}

impl Place {
    /// Returns what an element of this name within this one is.
    fn child(self, name: &str) -> Self {
        match (self, name) {
            (Self::Entry, "member") => Self::Member,
            (Self::Entry, "id") => Self::Id,
            (Self::Entry, "timestamp") => Self::Timestamp,
            (Self::Entry, "classification") => Self::Classification,
            (Self::Entry, "categorizations") => Self::Categorizations,
            (Self::Entry, "fingerprints") => Self::Fingerprints,
            (Self::Entry, "feedback") => Self::Feedback,
            (Self::Entry, _) => Self::Unknown,
            // They may stand in groups.
            (Self::Categorizations, "categorization") => Self::Categorization,
            (Self::Categorizations, _) => Self::Categorizations,
            (Self::Fingerprints, _) => Self::Fingerprint,
            (Self::Feedback, "affirmativeFeedback") => Self::Affirmative,
            (Self::Feedback, "negativeFeedback") => Self::Negative,
            // Members stand below `members`, which may stand below `reasons`.
            (Self::Affirmative | Self::Negative | Self::Votes, "member") => Self::Voter,
            (Self::Affirmative | Self::Negative | Self::Votes, "reason") => Self::Reason,
            (Self::Affirmative | Self::Negative | Self::Votes, _) => Self::Votes,
            _ => Self::Ignored,
        }
    }

    /// Returns what messages call the element, if its text is read.
    const fn label(self) -> Option<&'static str> {
        Some(match self {
            Self::Member => "member",
            Self::Id => "id",
            Self::Timestamp => "timestamp",
            Self::Classification => "classification",
            Self::Fingerprint => "fingerprint",
            Self::Voter => "feedback",
            _ => return None,
        })
    }
}

/// The element that was begun last.
#[derive(Default)]
struct Element {
    /// Its local name, where that says something.
    name: String,
    /// Its text so far.
    text: String,
    /// Whether the text refers to something that is not known.
    is_bad: bool,
    id: Option<String>,
    kind: Option<String>,
    label: Option<String>,
    href: Option<String>,
}

impl Element {
    fn begin(&mut self, place: Place, tag: &BytesStart<'_>) {
        self.clear();
        match place {
            Place::Member | Place::Voter => self.id = attribute(tag, "id"),
            Place::Affirmative | Place::Negative => self.kind = attribute(tag, "type"),
            Place::Categorization | Place::Reason => {
                self.label = attribute(tag, "name");
                self.id = attribute(tag, "guid");
            }
            Place::Fingerprint => {
                self.name.push_str(tag.local_name().as_ref());
                self.href = attribute(tag, "href");
            }
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.name.clear();
        self.text.clear();
        self.is_bad = false;
        self.id = None;
        self.kind = None;
        self.label = None;
        self.href = None;
    }

    fn text(&self) -> &str {
        self.text.trim()
    }
}

/// A record being read.
struct Record {
    entry: Entry,
    is_deletion: bool,
    member: Option<String>,
    id: String,
    has_bad_hash: bool,
    feedback: Feedback,
}

impl Record {
    fn new(media_type: MediaType, is_deletion: bool) -> Self {
        let mut entry = Entry::new("");
        entry.media_type = media_type;
        Self {
            entry,
            is_deletion,
            member: None,
            id: String::new(),
            has_bad_hash: false,
            feedback: Feedback::default(),
        }
    }

    /// Takes the start of an element.
    fn begin(&mut self, place: Place, element: &Element, line: u64, sink: &mut Sink) {
        match place {
            Place::Affirmative | Place::Negative => {
                let kind = kind_name(element.kind.as_deref().unwrap_or_default().trim(), sink);
                if !self.feedback.begin(kind, place == Place::Negative) {
                    let field = "feedback";
                    sink.quarantine(
                        line,
                        Some(field.to_owned()),
                        QuarantineReason::BadField { field },
                    );
                }
            }
            Place::Unknown => sink.unknown_value("element"),
            _ => {}
        }
    }

    /// Takes the end of an element with what was read of it. For elements that hold others that is nothing.
    fn end(&mut self, place: Place, element: &Element, line: u64, sink: &mut Sink) {
        let text = element.text();
        let label = || place.label().map(str::to_owned);
        if element.is_bad && place.label().is_some() {
            self.has_bad_hash |= place == Place::Fingerprint;
            sink.quarantine(line, label(), QuarantineReason::Malformed);
            return;
        }
        match place {
            Place::Member => {
                self.member = element.id.as_deref().map(|id| id.trim().to_owned());
                let name = if text.is_empty() {
                    self.member.clone()
                } else {
                    Some(text.to_owned())
                };
                self.entry.submitter = name.filter(|name| !name.is_empty());
            }
            Place::Id => text.clone_into(&mut self.id),
            Place::Timestamp => {
                self.entry.source_updated = parse_time(text);
                if self.entry.source_updated.is_none() {
                    sink.quarantine(line, label(), QuarantineReason::BadTime);
                }
            }
            Place::Classification if !text.is_empty() => {
                if !CLASSES.contains(&text) {
                    sink.unknown_value("classification");
                }
                self.entry.classification = Some(Classification {
                    scheme: Some(SCHEME.to_owned()),
                    region: None,
                    value: text.to_owned(),
                });
            }
            Place::Categorization => {
                let label = element.label.as_deref().map_or(text, str::trim);
                self.tag("categorization", label);
                // One categorization has another GUID in each environment, and may have another name one day.
                self.tag(
                    "categorization-guid",
                    element.id.as_deref().unwrap_or_default(),
                );
            }
            Place::Voter => {
                self.feedback
                    .vote(element.id.as_deref().map_or(text, str::trim));
            }
            Place::Reason => {
                let reason = element.label.as_deref().or(element.id.as_deref());
                let reason = reason.map_or(text, str::trim);
                if let Some(kind) = self.feedback.contradicted() {
                    let what = format!("negative-feedback:{kind}");
                    self.tag(&what, reason);
                }
            }
            Place::Affirmative | Place::Negative => self.feedback.end(),
            Place::Fingerprint if !self.is_deletion => self.fingerprint(element, line, sink),
            _ => {}
        }
    }

    fn tag(&mut self, what: &str, value: &str) {
        let tag = format!("{what}:{value}");
        let has_room = self.entry.tags.len() < MAX_VALUES;
        if has_room && !value.is_empty() && !self.entry.tags.contains(&tag) {
            self.entry.tags.push(tag);
        }
    }

    fn fingerprint(&mut self, element: &Element, line: u64, sink: &mut Sink) {
        let text = element.text();
        let value = match (text, &element.href) {
            ("", Some(href)) => href.trim(),
            _ => text,
        };
        let kind = parse_kind(&element.name);
        let label = match kind {
            Ok(NamedKind::Known(kind)) => kind.name(),
            Ok(NamedKind::Other(name)) => name,
            Err(_) => "fingerprint",
        };
        let count = self.entry.hashes.len() + self.entry.other_hashes.len();
        let added = match kind {
            _ if value.is_empty() => Err(QuarantineReason::NoHash),
            _ if count >= MAX_VALUES => Err(QuarantineReason::BadField {
                field: "fingerprints",
            }),
            Ok(NamedKind::Known(kind)) => {
                parse_hash(Some(kind), text).map(|hash| self.entry.add_hash(hash))
            }
            Ok(NamedKind::Other(name)) => Ok(self.entry.add_other_hash(name, value)),
            Err(_) => {
                sink.unknown_value("fingerprint");
                Ok(self.entry.add_other_hash(element.name.as_str(), value))
            }
        };
        match added {
            Ok(added) => sink.report.repeated += u64::from(!added),
            Err(reason) => {
                self.has_bad_hash = true;
                sink.quarantine(line, Some(label.to_owned()), reason);
            }
        }
    }

    /// Hands out what was read, unless it is known to be less than what was to be said.
    fn finish(mut self, line: u64, sink: &mut Sink) {
        let missing = match &self.member {
            Some(member) if !member.is_empty() => self.id.is_empty().then_some("id"),
            _ => Some("member"),
        };
        if let Some(field) = missing {
            sink.quarantine(line, None, QuarantineReason::BadField { field });
            return;
        }
        let member = self.member.take().unwrap_or_default();
        self.entry.entry_id = format!("{member}-{}", self.id);
        if self.is_deletion {
            self.entry.status = EntryStatus::Withdrawn;
        } else if self.has_bad_hash && !self.entry.has_hash() {
            // None of its hashes can be read, which is not to say that it has none.
            sink.left_out(&self.entry.entry_id);
            return;
        }
        sink.lacks_hashes = self.has_bad_hash;
        self.feedback.apply(&mut self.entry);
        sink.entry(line, self.entry);
    }
}

/// Returns the name of the kind of hash that feedback is on.
fn kind_name(text: &str, sink: &mut Sink) -> String {
    match parse_kind(text) {
        Ok(NamedKind::Known(kind)) => kind.name().to_owned(),
        Ok(NamedKind::Other(name)) => name.to_owned(),
        Err(_) => {
            sink.unknown_value("feedback type");
            text.to_owned()
        }
    }
}
