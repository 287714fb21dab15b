//! The part of a file of any size that is in memory, for a reader that goes through it once.

use std::io::{self, BufRead};

use memchr::memchr_iter;

use super::error::ListError;

/// How much is read at once, at first and in large files.
const FIRST_CHUNK: usize = 16 << 10;
const CHUNK: usize = 256 << 10;

/// The part of a file that is in memory.
pub(super) struct Window<R> {
    reader: R,
    /// Bytes before `start` are done with, bytes from `filled` on are not read yet.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    ended: bool,
    /// The line ends before `start`.
    newlines: u64,
    /// Whether bytes of a line without an end come right before `start`.
    in_line: bool,
}

impl<R: BufRead> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            ended: false,
            newlines: 0,
            in_line: false,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    /// Returns the line that the window begins on, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.newlines + 1
    }

    /// Returns the number of lines before the window, one that goes on in it included.
    pub(super) fn lines(&self) -> u64 {
        self.newlines + u64::from(self.in_line)
    }

    /// Reads more behind the bytes there are, and returns whether there was any.
    pub(super) fn more(&mut self) -> Result<bool, ListError> {
        let chunk = self.buffer.len().clamp(FIRST_CHUNK, CHUNK);
        if self.buffer.len() - self.filled < chunk {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
            let room = (self.filled + chunk).max(2 * chunk);
            if self.buffer.len() < room {
                self.buffer.resize(room, 0);
            }
        }
        while !self.ended {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.filled += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let line = self.line();
                    return Err(ListError::Io { line, source });
                }
            }
        }
        Ok(false)
    }

    /// Takes bytes from the beginning of the window.
    pub(super) fn skip(&mut self, count: usize) {
        let skipped = &self.buffer[self.start..self.filled][..count];
        if let Some(last) = skipped.last() {
            self.in_line = *last != b'\n';
            self.newlines += memchr_iter(b'\n', skipped).count() as u64;
            self.start += count;
        }
    }

    pub(super) fn skip_all(&mut self) {
        self.skip(self.filled - self.start);
    }

    /// Skips a byte order mark.
    pub(super) fn skip_mark(&mut self) -> Result<(), ListError> {
        while self.bytes().len() < 3 && self.more()? {}
        if self.bytes().starts_with(b"\xEF\xBB\xBF") {
            self.skip(3);
        }
        Ok(())
    }

    /// Skips white space and returns the byte after it, if there is one.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, ListError> {
        loop {
            let bytes = self.bytes();
            let is_text = |byte: &u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            if let Some(at) = bytes.iter().position(is_text) {
                let byte = bytes[at];
                self.skip(at);
                return Ok(Some(byte));
            }
            self.skip_all();
            if !self.more()? {
                return Ok(None);
            }
        }
    }
}
