//! XML cut into records, in bounded memory.
//!
//! `quick-xml` holds a text or a tag as a whole, however long it is. So a file is first cut here, byte by byte, into the
//! tags outside records and the records, each of which it then reads from memory. What is cut is well formed as far as
//! nesting goes: a file that ends in the middle is told from one that ends.
//!
//! A DOCTYPE is refused, and with it every entity but the five of XML itself: no list needs one, and they are how a short
//! file becomes a long one or reads others.

use std::io::{self, BufRead};

use memchr::{memchr, memchr_iter};

use super::error::ListError;

/// The longest record that is read, in bytes of its text. A longer one is skipped.
pub(super) const MAX_RECORD: usize = 1 << 20;

/// The longest tag outside records. It bounds the names of open elements as well.
const MAX_TAG: usize = 64 * 1024;

/// How deep elements may be nested. Pages of the known formats have eight levels.
const MAX_DEPTH: usize = 64;

const TAG_TOO_LONG: &str = "a tag is longer than 64 KiB";

const BYTE_ORDER_MARK: [u8; 3] = *b"\xEF\xBB\xBF";

/// Says whether an element is a record: how many elements it is in, and the local names of the innermost of these and its
/// own.
pub(super) type IsRecord = fn(usize, &[u8], &[u8]) -> bool;

/// A part of a file.
pub(super) enum Piece<'a> {
    /// The start tag of an element outside records.
    Tag {
        /// How many elements it is in.
        depth: usize,
        /// From `<` to `>`.
        text: &'a [u8],
    },
    /// A record, from the `<` of its start tag to the `>` of its end tag.
    Record {
        /// The line it begins on.
        line: u64,
        text: &'a [u8],
    },
    /// A record over [`MAX_RECORD`].
    TooLong {
        /// How many elements it is in.
        depth: usize,
        /// The line it begins on.
        line: u64,
    },
}

/// A reader of the parts of a file.
///
/// Memory: a record, a tag and the names of the open elements, 5 MiB at most.
pub(super) struct Pieces<R> {
    reader: R,
    cutter: Cutter,
}

impl<R: BufRead> Pieces<R> {
    pub(super) fn new(reader: R, is_record: IsRecord) -> Self {
        Self {
            reader,
            cutter: Cutter::new(is_record),
        }
    }

    /// Returns the next part, or `None` at the end of a whole file.
    ///
    /// # Errors
    /// [`ListError::Truncated`] when the file ends before its root does, [`ListError::WrongFormat`] when it is no well-formed
    /// XML, [`ListError::Io`] when the reader fails.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>, ListError> {
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let line = self.cutter.line();
                    return Err(ListError::Io { line, source });
                }
            };
            if chunk.is_empty() {
                let line = self.cutter.line();
                return match self.cutter.is_whole() {
                    true => Ok(None),
                    false => Err(ListError::Truncated { line }),
                };
            }
            let cut = self.cutter.take(chunk);
            let (used, found) = cut.map_err(|what| self.wrong(what))?;
            self.reader.consume(used);
            if let Some(found) = found {
                return Ok(Some(self.cutter.piece(found)));
            }
        }
    }
}

impl<R> Pieces<R> {
    /// Returns the number of lines read so far.
    pub(super) fn lines(&self) -> u64 {
        self.cutter.newlines + u64::from(self.cutter.is_within_line)
    }

    /// Returns the error of a file that turns out to be wrong at the place reached.
    pub(super) fn wrong(&self, what: &'static str) -> ListError {
        ListError::WrongFormat {
            line: self.cutter.line(),
            what,
        }
    }
}

/// Where in the text of a file the next byte stands.
#[derive(Clone, Copy)]
enum State {
    /// Between markup.
    Text,
    /// After `<`.
    Begun,
    /// After `<!`, while it is open what that is.
    Declaration,
    /// In a start tag, and in the value of an attribute if there is a quote.
    Start { quote: Option<u8> },
    /// In an end tag.
    End,
    /// In a processing instruction or the XML declaration, and whether after `?`.
    Instruction { question: bool },
    /// In a comment, after so many `-`.
    Comment { dashes: u8 },
    /// In a CDATA section, after so many `]`.
    Cdata { brackets: u8 },
}

/// What was found.
enum Found {
    Tag { depth: usize },
    Record { depth: usize },
}

/// Finds tags and records in what it is given piece by piece.
struct Cutter {
    is_record: IsRecord,
    state: State,
    newlines: u64,
    /// Whether anything stands behind the last line end.
    is_within_line: bool,
    /// How many bytes of a byte order mark were read; all once anything else was.
    mark: usize,
    has_root: bool,
    /// The beginning of the markup last read, from `<` on.
    tag: Vec<u8>,
    /// Whether the markup was longer than [`MAX_TAG`].
    is_tag_cut: bool,
    /// The last byte of a start tag.
    last: u8,
    /// The line on which it begins.
    tag_line: u64,
    /// The names of the open elements, one after another, and where each begins.
    names: Vec<u8>,
    open: Vec<usize>,
    /// How many elements the record is in that is being read.
    record_depth: Option<usize>,
    record: Vec<u8>,
    is_record_too_long: bool,
    record_line: u64,
}

impl Cutter {
    fn new(is_record: IsRecord) -> Self {
        Self {
            is_record,
            state: State::Text,
            newlines: 0,
            is_within_line: false,
            mark: 0,
            has_root: false,
            tag: Vec::new(),
            is_tag_cut: false,
            last: 0,
            tag_line: 1,
            names: Vec::new(),
            open: Vec::new(),
            record_depth: None,
            record: Vec::new(),
            is_record_too_long: false,
            record_line: 1,
        }
    }

    /// Returns the number of the line of the next byte, counted from 1.
    fn line(&self) -> u64 {
        self.newlines + 1
    }

    /// Returns whether the root element has begun and ended and nothing has begun since.
    fn is_whole(&self) -> bool {
        self.has_root && self.open.is_empty() && matches!(self.state, State::Text)
    }

    fn piece(&self, found: Found) -> Piece<'_> {
        match found {
            Found::Tag { depth } => Piece::Tag {
                depth,
                text: &self.tag,
            },
            Found::Record { depth } if self.is_record_too_long => Piece::TooLong {
                depth,
                line: self.record_line,
            },
            Found::Record { .. } => Piece::Record {
                line: self.record_line,
                text: &self.record,
            },
        }
    }

    /// Takes what comes next up to the end of a part, and returns how many bytes that were and what was found.
    fn take(&mut self, chunk: &[u8]) -> Result<(usize, Option<Found>), &'static str> {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            if matches!(self.state, State::Text) && byte != b'<' {
                let rest = &chunk[at..];
                let text = &rest[..memchr(b'<', rest).unwrap_or(rest.len())];
                self.text(text)?;
                at += text.len();
                continue;
            }
            at += 1;
            self.is_within_line = byte != b'\n';
            self.newlines += u64::from(byte == b'\n');
            if self.record_depth.is_some() {
                self.record(&[byte]);
            }
            if let Some(found) = self.markup(byte)? {
                return Ok((at, Some(found)));
            }
        }
        Ok((at, None))
    }

    /// Takes text between markup, which is not empty.
    fn text(&mut self, text: &[u8]) -> Result<(), &'static str> {
        self.newlines += memchr_iter(b'\n', text).count() as u64;
        self.is_within_line = text.last() != Some(&b'\n');
        if self.record_depth.is_some() {
            self.record(text);
        } else if self.open.is_empty() {
            for byte in text {
                if BYTE_ORDER_MARK.get(self.mark) == Some(byte) {
                    self.mark += 1;
                } else if byte.is_ascii_whitespace() {
                    self.mark = BYTE_ORDER_MARK.len();
                } else {
                    return Err("this is no XML in UTF-8, or has text outside its root element");
                }
            }
        }
        Ok(())
    }

    /// Keeps a part of the record.
    fn record(&mut self, bytes: &[u8]) {
        if self.record.len() + bytes.len() > MAX_RECORD {
            self.is_record_too_long = true;
            self.record.clear();
        }
        if !self.is_record_too_long {
            self.record.extend_from_slice(bytes);
        }
    }

    /// Keeps a byte of the markup.
    fn keep(&mut self, byte: u8) {
        if self.tag.len() < MAX_TAG {
            self.tag.push(byte);
        } else {
            self.is_tag_cut = true;
        }
    }

    /// Takes one byte of markup, or the `<` that begins it.
    fn markup(&mut self, byte: u8) -> Result<Option<Found>, &'static str> {
        match self.state {
            State::Text => {
                self.mark = BYTE_ORDER_MARK.len();
                self.tag.clear();
                self.is_tag_cut = false;
                self.tag_line = self.line();
                self.keep(byte);
                self.state = State::Begun;
            }
            State::Begun => {
                self.keep(byte);
                self.state = match byte {
                    b'/' => State::End,
                    b'?' => State::Instruction { question: false },
                    b'!' => State::Declaration,
                    _ if is_name_start(byte) => State::Start { quote: None },
                    _ => return Err("a < does not begin a tag"),
                };
            }
            State::Declaration => {
                self.keep(byte);
                if self.tag == b"<!--" {
                    self.state = State::Comment { dashes: 0 };
                } else if self.tag == b"<![CDATA[" && !self.open.is_empty() {
                    self.state = State::Cdata { brackets: 0 };
                } else if !b"<!--".starts_with(&self.tag) && !b"<![CDATA[".starts_with(&self.tag) {
                    return Err("there is a DOCTYPE or the like, which no list needs");
                }
            }
            State::Comment { dashes } => {
                self.state = match byte {
                    b'-' => State::Comment {
                        dashes: (dashes + 1).min(2),
                    },
                    b'>' if dashes == 2 => State::Text,
                    _ => State::Comment { dashes: 0 },
                };
            }
            State::Cdata { brackets } => {
                self.state = match byte {
                    b']' => State::Cdata {
                        brackets: (brackets + 1).min(2),
                    },
                    b'>' if brackets == 2 => State::Text,
                    _ => State::Cdata { brackets: 0 },
                };
            }
            State::Instruction { question } => {
                self.keep(byte);
                if question && byte == b'>' {
                    self.state = State::Text;
                    self.check_encoding()?;
                } else {
                    let question = byte == b'?';
                    self.state = State::Instruction { question };
                }
            }
            State::Start { quote } => {
                let is_empty = std::mem::replace(&mut self.last, byte) == b'/';
                self.keep(byte);
                match (quote, byte) {
                    (_, b'<') => return Err("a tag does not end"),
                    (Some(open), _) if open == byte => self.state = State::Start { quote: None },
                    (Some(_), _) => {}
                    (None, b'"' | b'\'') => self.state = State::Start { quote: Some(byte) },
                    (None, b'>') => return self.started(is_empty),
                    (None, _) => {}
                }
            }
            State::End => {
                self.keep(byte);
                match byte {
                    b'<' => return Err("a tag does not end"),
                    b'>' => return self.ended(),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// Takes a whole start tag.
    fn started(&mut self, is_empty: bool) -> Result<Option<Found>, &'static str> {
        self.state = State::Text;
        let end = self.tag[1..]
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>'));
        let Some(end) = end else {
            return Err(TAG_TOO_LONG);
        };
        let depth = self.open.len();
        if depth == 0 && self.has_root {
            return Err("there is more than one root element");
        }
        if depth == MAX_DEPTH {
            return Err("elements are nested more than 64 deep");
        }
        self.has_root = true;
        let name = &self.tag[1..=end];
        let parent = self.open.last().map_or(&[][..], |at| &self.names[*at..]);
        let is_record = self.record_depth.is_none()
            && (self.is_record)(depth, local_name(parent), local_name(name));
        if is_record {
            self.record.clear();
            self.record.extend_from_slice(&self.tag);
            self.is_record_too_long = self.is_tag_cut;
            self.record_line = self.tag_line;
        } else if self.is_tag_cut && self.record_depth.is_none() {
            return Err(TAG_TOO_LONG);
        }
        if is_empty {
            return Ok(match self.record_depth {
                _ if is_record => Some(Found::Record { depth }),
                None => Some(Found::Tag { depth }),
                Some(_) => None,
            });
        }
        self.open.push(self.names.len());
        self.names.extend_from_slice(&self.tag[1..=end]);
        if is_record {
            self.record_depth = Some(depth);
        }
        Ok((self.record_depth.is_none()).then_some(Found::Tag { depth }))
    }

    /// Takes a whole end tag.
    fn ended(&mut self) -> Result<Option<Found>, &'static str> {
        self.state = State::Text;
        let name = self.tag[2..].strip_suffix(b">").unwrap_or_default();
        let name = name.trim_ascii_end();
        let at = self
            .open
            .pop()
            .ok_or("an element ends that has not begun")?;
        if self.is_tag_cut || self.names[at..] != *name {
            return Err("an element ends before one within it does");
        }
        self.names.truncate(at);
        let depth = self.open.len();
        if self.record_depth == Some(depth) {
            self.record_depth = None;
            return Ok(Some(Found::Record { depth }));
        }
        Ok(None)
    }

    /// Refuses an XML declaration that names another encoding than UTF-8.
    fn check_encoding(&self) -> Result<(), &'static str> {
        let declaration = self.tag.strip_prefix(b"<?xml").unwrap_or_default();
        if !declaration.first().is_some_and(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let declaration = String::from_utf8_lossy(declaration);
        let named = declaration.split_once("encoding").map(|(_, rest)| {
            let value = rest.split(['"', '\'']).nth(1).unwrap_or_default();
            ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known))
        });
        match named {
            Some(false) => Err("the encoding is not UTF-8"),
            _ => Ok(()),
        }
    }
}

/// Returns whether a byte may begin the name of an element.
fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || !byte.is_ascii()
}

/// Returns a name without the prefix of its namespace.
pub(super) fn local_name(name: &[u8]) -> &[u8] {
    let colon = memchr(b':', name);
    colon.map_or(name, |colon| &name[colon + 1..])
}
