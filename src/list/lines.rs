//! Physical lines of a list, read with bounded memory: a line over the limit is skipped, never held.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use super::error::{ListError, QuarantineReason};

/// The longest line that is read, in bytes without its end. A longer one is quarantined.
///
/// A record of every known format fits in a few kilobytes; without a limit a file without newlines would fill memory.
pub const MAX_LINE: usize = 64 * 1024;

/// A line without its end (`\n` or `\r\n`) and, on the first, without a byte order mark.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// The bytes, or `None` for a line over [`MAX_LINE`].
    pub(super) bytes: Option<Vec<u8>>,
}

impl Line {
    /// Returns the text, or why there is none.
    pub(super) fn text(&self) -> Result<&str, QuarantineReason> {
        let bytes = self
            .bytes
            .as_deref()
            .ok_or(QuarantineReason::LineTooLong { limit: MAX_LINE })?;
        let text = std::str::from_utf8(bytes).map_err(|error| QuarantineReason::NotUtf8 {
            position: error.valid_up_to(),
        })?;
        match bytes.iter().position(|byte| *byte == 0) {
            Some(position) => Err(QuarantineReason::NulByte { position }),
            None => Ok(text),
        }
    }
}

/// A reader of lines that can take lines back.
pub(super) struct Lines<R> {
    reader: R,
    /// The number of lines read from the reader.
    number: u64,
    /// Lines to hand out again before any is read, in order.
    returned: VecDeque<Line>,
    /// The buffer of a line that is done with, to be filled again.
    spare: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            returned: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Returns the number of lines read so far; on an error, the line after it is the one that could not be read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next line, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.returned.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        // Two more than the limit, so that the longest line allowed fits with `\r\n`.
        let limit = MAX_LINE as u64 + 2;
        if self
            .reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut bytes)?
            == 0
        {
            return Ok(None);
        }
        let ended = bytes.last() == Some(&b'\n');
        if ended {
            bytes.pop();
        } else if bytes.len() > MAX_LINE {
            self.reader.skip_until(b'\n')?;
        }
        self.number += 1;
        if bytes.last() == Some(&b'\r') && (ended || bytes.len() <= MAX_LINE) {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        let fits = bytes.len() <= MAX_LINE;
        Ok(Some(Line {
            number: self.number,
            bytes: fits.then_some(bytes),
        }))
    }

    /// Takes lines back, to be handed out again before any that follow.
    pub(super) fn take_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.returned.push_front(line);
        }
    }

    /// Takes the buffer of a line that is done with, to save an allocation.
    pub(super) fn recycle(&mut self, line: Line) {
        if let Some(bytes) = line.bytes {
            self.spare = bytes;
        }
    }
}

/// Returns the next line, or the error that an importer hands out.
pub(super) fn read_line<R: BufRead>(lines: &mut Lines<R>) -> Result<Option<Line>, ListError> {
    lines.next().map_err(|source| ListError::Io {
        line: lines.number() + 1,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(input: &[u8]) -> Vec<Option<usize>> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.bytes.as_ref().map(Vec::len));
            lines.recycle(line);
        }
        found
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_are_no_part_of_a_line() {
        assert_eq!(
            lengths(b"\xEF\xBB\xBFab\r\n\n\r\nc"),
            [Some(2), Some(0), Some(0), Some(1)]
        );
        assert_eq!(lengths(b"a\n"), [Some(1)]);
        assert_eq!(lengths(b""), []);
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_one_above_is_skipped() {
        for end in ["", "\n", "\r\n"] {
            for (length, expected) in [
                (MAX_LINE, Some(MAX_LINE)),
                (MAX_LINE + 1, None),
                (MAX_LINE + 2, None),
                (MAX_LINE * 3, None),
            ] {
                let mut input = vec![b'a'; length];
                input.extend_from_slice(end.as_bytes());
                assert_eq!(lengths(&input), [expected], "{length} {end:?}");
                if !end.is_empty() {
                    input.push(b'b');
                    assert_eq!(lengths(&input), [expected, Some(1)], "{length} {end:?}");
                }
            }
        }
    }

    #[test]
    fn lines_taken_back_come_again_in_order() {
        let mut lines = Lines::new(&b"1\n2\n3\n"[..]);
        let first = lines.next().unwrap().unwrap();
        let second = lines.next().unwrap().unwrap();
        lines.take_back(vec![first, second]);
        let mut numbers = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            numbers.push(line.number);
        }
        assert_eq!(numbers, [1, 2, 3]);
    }
}
