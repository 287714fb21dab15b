//! Splits a JSON file of any size into the elements of its array of records, in bounded memory.
//!
//! Lists of several gigabytes come as one JSON object, often on one line. Here only strings, escapes and brackets are
//! followed, which is enough to find where an element ends; whoever asks for it parses each element on its own. So a
//! broken element costs itself and no other, as long as its quotes and brackets balance.

use std::borrow::Cow;
use std::io::BufRead;

use super::error::{ListError, QuarantineReason};
use super::json_string::string_end;
use super::json_window::Window;

/// The longest record of a JSON list that is read, in bytes. A longer one is skipped and quarantined, never held.
///
/// Records of the known formats have a few kilobytes; some carry what a tool found in the file, which may be long.
pub const MAX_JSON_RECORD: usize = 1 << 20;

/// The longest field beside the records that is handed out. What follows a page of a feed is a few bytes long.
const MAX_FIELD: usize = 64 << 10;
/// The deepest nesting of a record; known ones have five levels.
const MAX_DEPTH: u32 = 64;
/// How much of an element that is too long is kept, to see the name before an array in it.
const TAIL: usize = 256;

/// Which arrays of a file hold records.
pub(super) struct Shape {
    /// The field of the outermost object that holds them; `None` if the file is an array itself.
    pub(super) array: Option<Cow<'static, str>>,
    /// A field of an element of this array which, if it is an array, holds records in place of the element.
    pub(super) inside: Option<&'static str>,
}

impl Shape {
    /// Returns the shape of an object with one array of records.
    pub(super) const fn of(array: &'static str) -> Self {
        Self {
            array: Some(Cow::Borrowed(array)),
            inside: None,
        }
    }
}

/// A piece of a file.
pub(super) enum Piece<'a> {
    /// A field of the outermost object that is not the records, if it is not too long.
    Field {
        /// Its name.
        name: &'a str,
        /// Its value, not looked at yet.
        value: &'a [u8],
    },
    /// An element that may be a record, not looked at yet.
    Record {
        /// The line it begins on, counted from 1.
        line: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// An element that cannot be handed out.
    Bad {
        /// The line it begins on, counted from 1.
        line: u64,
        /// Why.
        reason: QuarantineReason,
    },
    /// The file is at its end, and is whole.
    End,
}

/// Where in the file the window begins.
enum Place {
    Start,
    /// In the outermost object, before a name or the end.
    Object,
    /// In an array of records, before an element or the end.
    Array {
        /// Whether it is the array inside an element.
        inner: bool,
        /// Whether a comma or the bracket came last.
        open: bool,
    },
    /// In an element, after the array inside it.
    Rest,
    /// After the outermost bracket.
    Tail,
}

/// A reader of pieces. It holds one element and what was read beyond it: at most [`MAX_JSON_RECORD`] and two chunks.
pub(super) struct Json<R> {
    window: Window<R>,
    shape: Shape,
    place: Place,
    /// Whether the array of records was seen.
    found: bool,
    /// The length of the piece handed out last, which is still in the window.
    handed: usize,
    /// The name of the field at hand.
    name: String,
}

impl<R: BufRead> Json<R> {
    pub(super) fn new(reader: R, shape: Shape) -> Self {
        Self {
            window: Window::new(reader),
            shape,
            place: Place::Start,
            found: false,
            handed: 0,
            name: String::new(),
        }
    }

    /// Returns the number of lines that were read, the one at hand included.
    pub(super) fn lines(&self) -> u64 {
        self.window.lines()
    }

    /// Returns the next piece.
    ///
    /// # Errors
    /// [`ListError::Truncated`] when the file ends before its outermost bracket closes, [`ListError::WrongFormat`] when it
    /// is not of the shape, [`ListError::Io`] when the reader fails.
    pub(super) fn next(&mut self) -> Result<Piece<'_>, ListError> {
        let handed = std::mem::take(&mut self.handed);
        self.window.skip(handed);
        loop {
            match self.place {
                Place::Start => self.start()?,
                Place::Object => {
                    if let Some(value) = self.field()? {
                        return Ok(Piece::Field {
                            name: &self.name,
                            value: &self.window.bytes()[..value],
                        });
                    }
                }
                Place::Array { inner, open } => match self.element(inner, open)? {
                    Element::None => {}
                    Element::Whole { line, len } => {
                        self.handed = len;
                        let bytes = &self.window.bytes()[..len];
                        return Ok(Piece::Record { line, bytes });
                    }
                    Element::Bad { line, reason } => return Ok(Piece::Bad { line, reason }),
                },
                Place::Rest => {
                    let mut scan = Scan::new(1);
                    self.place = match self.scan(&mut scan, 0, true)? {
                        Found::Inside => Place::Array {
                            inner: true,
                            open: true,
                        },
                        _ => Place::Array {
                            inner: false,
                            open: false,
                        },
                    };
                }
                Place::Tail => {
                    if self.window.peek()?.is_some() {
                        return Err(self.wrong("there is more after the end of the JSON text"));
                    }
                    return Ok(Piece::End);
                }
            }
        }
    }

    /// Reads up to the outermost bracket.
    fn start(&mut self) -> Result<(), ListError> {
        self.window.skip_mark()?;
        let first = self.peek()?;
        self.place = match (first, &self.shape.array) {
            (b'{', Some(_)) => Place::Object,
            (b'[', None) => Place::Array {
                inner: false,
                open: true,
            },
            (b'[' | b'{', _) => {
                return Err(self.wrong("the JSON text is not built as this format is"));
            }
            _ => return Err(self.wrong("this is no JSON text")),
        };
        self.window.skip(1);
        Ok(())
    }

    /// Reads one field of the outermost object, and returns the length of its value if it is to be handed out.
    fn field(&mut self) -> Result<Option<usize>, ListError> {
        match self.peek()? {
            b',' => {
                self.window.skip(1);
                return Ok(None);
            }
            b'}' if self.found => {
                self.window.skip(1);
                self.place = Place::Tail;
                return Ok(None);
            }
            b'}' => {
                return Err(
                    self.wrong("the JSON text has no field with the records of this format")
                );
            }
            b'"' => {}
            _ => return Err(self.wrong("the JSON text is not well formed")),
        }
        let Found::End { len, .. } = self.scan(&mut Scan::string(), MAX_FIELD, false)? else {
            return Err(self.wrong("a name in the JSON text is too long"));
        };
        // What cannot be read is the name of no field that is known.
        self.name = serde_json::from_slice(&self.window.bytes()[..len]).unwrap_or_default();
        self.window.skip(len);
        if self.peek()? != b':' {
            return Err(self.wrong("the JSON text is not well formed"));
        }
        self.window.skip(1);
        let first = self.peek()?;
        let is_array = self.shape.array.as_deref() == Some(self.name.as_str());
        if is_array && first == b'[' {
            self.found = true;
            self.window.skip(1);
            self.place = Place::Array {
                inner: false,
                open: true,
            };
            return Ok(None);
        }
        if matches!(first, b',' | b'}' | b']' | b':') {
            return Err(self.wrong("the JSON text is not well formed"));
        }
        let found = self.value(first, MAX_FIELD, false)?;
        let Found::End { len, .. } = found else {
            return Ok(None);
        };
        if is_array {
            if self.window.bytes()[..len].trim_ascii() != b"null" {
                return Err(self.wrong("the field that holds the records is no array"));
            }
            self.found = true;
        }
        self.handed = len;
        Ok(Some(len))
    }

    /// Reads one element of an array of records, a comma or the end of the array.
    fn element(&mut self, inner: bool, open: bool) -> Result<Element, ListError> {
        let first = self.peek()?;
        let line = self.window.line();
        let bad = |reason| Element::Bad { line, reason };
        self.place = Place::Array {
            inner,
            open: first == b',',
        };
        match first {
            b',' => {
                self.window.skip(1);
                // Something was between two commas once, or should have been.
                return Ok(match open {
                    true => bad(QuarantineReason::Malformed),
                    false => Element::None,
                });
            }
            b']' => {
                self.window.skip(1);
                self.place = match (inner, &self.shape.array) {
                    (true, _) => Place::Rest,
                    (false, Some(_)) => Place::Object,
                    (false, None) => Place::Tail,
                };
                return Ok(Element::None);
            }
            _ => {}
        }
        Ok(match self.value(first, MAX_JSON_RECORD, !inner)? {
            Found::End { len, deep: false } => Element::Whole { line, len },
            Found::End { len, deep: true } => {
                self.window.skip(len);
                bad(QuarantineReason::Malformed)
            }
            Found::TooLong => bad(QuarantineReason::RecordTooLong {
                limit: MAX_JSON_RECORD,
            }),
            Found::Inside => {
                self.place = Place::Array {
                    inner: true,
                    open: true,
                };
                Element::None
            }
        })
    }

    /// Finds the end of a value that begins with a byte. One of over `limit` bytes is skipped, and so is what comes before
    /// an array inside.
    fn value(&mut self, first: u8, limit: usize, look_inside: bool) -> Result<Found, ListError> {
        match first {
            b'{' | b'[' => {
                let look_inside = look_inside && first == b'{';
                self.scan(&mut Scan::new(0), limit, look_inside)
            }
            b'"' => self.scan(&mut Scan::string(), limit, false),
            _ => self.word(limit),
        }
    }

    /// Finds the end of what is neither an object nor an array nor a string: a number, a word, or rubbish.
    fn word(&mut self, limit: usize) -> Result<Found, ListError> {
        let (mut at, mut too_long) = (1, false);
        loop {
            let bytes = self.window.bytes();
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"');
            let end = bytes[at..].iter().position(ends);
            at = end.map_or(bytes.len(), |end| at + end);
            too_long |= at > limit;
            if too_long {
                self.window.skip(at);
                at = 0;
            }
            if end.is_some() {
                return Ok(match too_long {
                    true => Found::TooLong,
                    false => Found::End {
                        len: at,
                        deep: false,
                    },
                });
            }
            if !self.window.more()? {
                return Err(self.truncated());
            }
        }
    }

    /// Carries a scan to its end. Bytes over `limit` are skipped, and so is what comes before an array inside.
    fn scan(
        &mut self,
        scan: &mut Scan,
        limit: usize,
        look_inside: bool,
    ) -> Result<Found, ListError> {
        let inside = self.shape.inside.filter(|_| look_inside);
        let mut too_long = false;
        loop {
            match scan.run(self.window.bytes(), inside) {
                Some(Stop::End) => {
                    if too_long || scan.at > limit {
                        self.window.skip(scan.at);
                        return Ok(Found::TooLong);
                    }
                    let (len, deep) = (scan.at, scan.deep);
                    return Ok(Found::End { len, deep });
                }
                Some(Stop::Inside) => {
                    self.window.skip(scan.at);
                    return Ok(Found::Inside);
                }
                None => {}
            }
            if scan.at > limit + TAIL {
                too_long = true;
                let dropped = scan.at - TAIL;
                self.window.skip(dropped);
                scan.drop_before(dropped);
            }
            if !self.window.more()? {
                return Err(self.truncated());
            }
        }
    }

    /// Skips white space and returns the byte after it, which must be there.
    fn peek(&mut self) -> Result<u8, ListError> {
        match self.window.peek()? {
            Some(byte) => Ok(byte),
            None => Err(self.truncated()),
        }
    }

    fn truncated(&mut self) -> ListError {
        self.window.skip_all();
        let line = self.lines().max(1);
        ListError::Truncated { line }
    }

    fn wrong(&self, what: &'static str) -> ListError {
        let line = self.window.line();
        ListError::WrongFormat { line, what }
    }
}

/// What an array of records goes on with.
enum Element {
    /// Nothing to hand out.
    None,
    /// An element, which is in the window.
    Whole { line: u64, len: usize },
    /// An element that is skipped.
    Bad { line: u64, reason: QuarantineReason },
}

/// How a value ends.
enum Found {
    /// It is in the window.
    End {
        len: usize,
        /// Whether it is nested too deeply to be parsed.
        deep: bool,
    },
    /// It was too long and is skipped.
    TooLong,
    /// It holds an array of records, and is skipped up to there.
    Inside,
}

/// Why a scan stops before the bytes end.
enum Stop {
    End,
    Inside,
}

/// How far a value was followed.
struct Scan {
    /// The next byte to look at, from the beginning of the window.
    at: usize,
    /// The brackets that are open.
    depth: u32,
    /// Whether a string is open.
    in_string: bool,
    /// Where the string begins and ends that was last seen at depth 1, without its quotes.
    last_string: Option<(usize, usize)>,
    /// Whether the nesting was over the limit.
    deep: bool,
}

impl Scan {
    /// Begins in front of a bracket, or after it when `depth` is 1.
    fn new(depth: u32) -> Self {
        Self {
            at: 0,
            depth,
            in_string: false,
            last_string: None,
            deep: false,
        }
    }

    /// Begins in front of a string.
    fn string() -> Self {
        Self {
            at: 1,
            in_string: true,
            ..Self::new(0)
        }
    }

    /// Looks at the bytes there are. On [`Stop`], `at` is after the last byte that belongs to it.
    fn run(&mut self, bytes: &[u8], inside: Option<&str>) -> Option<Stop> {
        loop {
            if self.in_string {
                let end = string_end(bytes, &mut self.at)?;
                self.in_string = false;
                if self.depth == 0 {
                    return Some(Stop::End);
                }
                if self.depth == 1
                    && let Some((_, last)) = &mut self.last_string
                {
                    *last = end;
                }
            }
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(next) = rest
                .iter()
                .position(|byte| IS_STRUCTURE[usize::from(*byte)])
            else {
                self.at = bytes.len();
                return None;
            };
            let byte = rest[next];
            self.at += next + 1;
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == 1 {
                        self.last_string = Some((self.at, self.at));
                    }
                }
                b'{' | b'[' => {
                    if self.depth == 1 && byte == b'[' && self.is_inside(bytes, inside) {
                        return Some(Stop::Inside);
                    }
                    self.depth += 1;
                    self.deep |= self.depth > MAX_DEPTH;
                }
                _ => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(Stop::End);
                    }
                }
            }
        }
    }

    /// Returns whether the bracket just seen opens the array of this name.
    fn is_inside(&self, bytes: &[u8], name: Option<&str>) -> bool {
        let (Some(name), Some((start, end))) = (name, self.last_string) else {
            return false;
        };
        let between = bytes.get(end + 1..self.at - 1).unwrap_or_default();
        bytes.get(start..end) == Some(name.as_bytes()) && between.trim_ascii() == b":"
    }

    /// Takes note that the first bytes of the window are gone.
    fn drop_before(&mut self, count: usize) {
        self.at -= count;
        self.last_string = self.last_string.and_then(|(start, end)| {
            let start = start.checked_sub(count)?;
            Some((start, end.saturating_sub(count)))
        });
    }
}

/// The bytes that open or close something outside of strings.
const IS_STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};
