//! Pixels to 64x64 samples: luma, the Jarosz filter, decimation, in one pass over the rows.
//!
//! Reference: `pdq/cpp/downscaling/downscaling.cpp`, which filters two full-size planes of `f32`; `definition.rs` does it
//! that way, for the tests. Here four running sums follow one another through the picture, 32 rows and some tens of
//! columns at a time:
//!
//! ```text
//! pixels -> luma -> box along rows -> box along columns -> box along rows -> box along columns -> samples
//!                        |                  |                   |                  |
//!                  `columns`: the     `rows`: the last    `averages`: the    `sampled`: the last `window` rows,
//!                  last `window`      `window` rows       last `window`      in 64 columns only
//!                  positions                              positions
//! ```
//!
//! After the second pass along rows only 64 columns are ever looked at, and in the end only 64 rows, so outputs, and
//! divisions, are made only there. None of this changes a bit: every sum adds and subtracts the reference's values in
//! the reference's order.
//!
//! **Positions.** A box reaches `window / 2` beyond its middle. So the output for column `x` appears when column
//! `x + lag` enters, where `lag = window / 2`, and stands at position `x + lag`; after two boxes at `x + 2 lag`. The same
//! along columns. Outputs for columns that do not exist are made zero by an infinite divisor, and zeros enter where the
//! picture has ended, so that kernels need not know where they are.

use std::ops::Range;

use crate::pixels::Pixels;
use crate::simd::{
    Divisor, PLANE_SIDE, Plane, PlaneRow, Position, ROWS, Sample, SimdLevel, Sixteen, TILE, UNIT,
};

/// One direction of the picture: its length and the box along it.
#[derive(Default)]
struct Axis {
    length: usize,
    window: usize,
    lag: usize,
    /// Divisors by the count of values in the box; for none, the one that makes zero.
    divisors: Vec<Divisor>,
}

impl Axis {
    fn set(&mut self, length: usize) {
        self.length = length;
        self.window = length.div_ceil(2 * PLANE_SIDE);
        self.lag = self.window / 2;
        self.divisors.clear();
        self.divisors.push(Divisor::INFINITE);
        self.divisors.extend((1..=self.window).map(Divisor::new));
    }

    /// Returns how many values are in the box whose output stands at a position, none where there is no output.
    fn count(&self, position: usize) -> usize {
        if position < self.lag || position >= self.length + self.lag {
            return 0;
        }
        (position + 1).min(self.length) - (position + 1).saturating_sub(self.window)
    }

    /// Returns whether the box is full at each of these positions.
    fn is_full(&self, positions: &Range<usize>) -> bool {
        positions.start + 1 >= self.window && positions.end <= self.length
    }

    fn divisor(&self, position: usize) -> Divisor {
        self.divisors[self.count(position)]
    }

    /// Returns where in the picture sample `i` is taken: the middle of its block. The reference computes
    /// `((i + 0.5) length) / 64` in `f64` and truncates, which is the same.
    fn sampled(&self, i: usize) -> usize {
        let doubled = (2 * i as u64 + 1) * self.length as u64;
        // It is less than the length.
        usize::try_from(doubled / (2 * PLANE_SIDE as u64)).unwrap_or(usize::MAX)
    }

    /// Returns the position at which sample `i` appears after two boxes, and what the second sum is divided by.
    fn sample(&self, i: usize) -> Sample {
        let at = self.sampled(i);
        let (first, last) = (
            (at + self.lag + 1).saturating_sub(self.window),
            at + self.lag,
        );
        Sample {
            position: at + 2 * self.lag,
            divisor: count_as_divisor(last.min(self.length - 1) + 1 - first),
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a window is at most 2^32 / 128 long, and the reference converts it so"
)]
fn count_as_divisor(count: usize) -> f32 {
    count as f32
}

/// Rows that a box along columns still needs, each in a slot; slots are used in turn.
///
/// Rows are cut into pieces, and the pieces of all rows for the same columns stand together, so that a chunk finds what
/// it needs in one place.
#[derive(Default)]
struct History<T> {
    blocks: Vec<T>,
    /// The blocks of a piece of a row.
    width: usize,
    window: usize,
}

impl<T: Clone + Default> History<T> {
    fn set(&mut self, pieces: usize, width: usize, window: usize) {
        (self.width, self.window) = (width, window);
        let length = self.piece_length();
        lengthen(&mut self.blocks, pieces * length);
        for number in 0..pieces {
            let zeros = self.zeros();
            self.piece(number)[zeros..].fill(T::default());
        }
    }

    /// The slots that are used in turn. One more follows, which is always zero: the rows before the first.
    fn slots(&self) -> usize {
        self.window + ROWS
    }

    /// Returns where in a piece the slot begins that is always zero.
    fn zeros(&self) -> usize {
        self.slots() * self.width
    }

    fn piece_length(&self) -> usize {
        self.zeros() + self.width
    }

    /// Returns a piece of all rows.
    fn piece(&mut self, number: usize) -> &mut [T] {
        let length = self.piece_length();
        &mut self.blocks[number * length..][..length]
    }

    /// Returns where in a piece the rows of the strip at a position begin: those that enter a box.
    fn entering(&self, position: usize) -> [usize; ROWS] {
        let mut slot = position % self.slots();
        std::array::from_fn(|_| {
            let start = slot * self.width;
            slot = if slot + 1 == self.slots() {
                0
            } else {
                slot + 1
            };
            start
        })
    }

    /// Returns where the rows begin that leave a box then.
    fn leaving(&self, position: usize) -> [usize; ROWS] {
        // A window before is as good as a strip's rows after, where slots are used in turn.
        let mut starts = self.entering(position + ROWS);
        for (start, position) in starts.iter_mut().zip(position..) {
            if position < self.window {
                *start = self.zeros();
            }
        }
        starts
    }
}

/// The positions of a strip that a box along rows still needs, the sums there, and a chunk of new positions.
#[derive(Default)]
struct Line {
    columns: Vec<Position>,
    window: usize,
    sums: Position,
}

impl Line {
    fn set(&mut self, window: usize, chunk: usize) {
        self.window = window;
        lengthen(&mut self.columns, window + chunk);
    }

    /// Begins with other rows.
    fn begin(&mut self) {
        self.columns[..self.window].fill(Position::default());
        self.sums = Position::default();
    }

    /// Returns the place of a chunk.
    fn chunk(&mut self, length: usize) -> &mut [Position] {
        &mut self.columns[self.window..][..length]
    }

    /// Makes the last positions of a chunk the history of the next.
    fn end_chunk(&mut self, length: usize) {
        self.columns.copy_within(length..length + self.window, 0);
    }
}

/// Makes a buffer at least this long. What it holds then is not looked at.
fn lengthen<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        // Nothing is worth copying.
        buffer.clear();
        buffer.reserve_exact(length);
        buffer.resize(length, T::default());
    }
}

/// Computes samples, keeping its working memory from picture to picture.
///
/// For a picture of `w` by `h` pixels that is `4 w` bytes for each of `h / 128 + 34` rows, 256 bytes for each of these, and
/// 128 bytes for each of `w / 64 + 128` positions, all nearly, and some 80 kilobytes.
pub(super) struct Downsampler {
    level: SimdLevel,
    horizontal: Axis,
    vertical: Axis,
    luma: Line,
    rows: History<Sixteen>,
    row_sums: Vec<Sixteen>,
    averages: Line,
    column_samples: [Sample; PLANE_SIDE],
    sampled: Box<[Position; PLANE_SIDE]>,
    sampled_rows: History<PlaneRow>,
    divisors: Vec<Divisor>,
    plane: Box<Plane>,
}

impl Default for Downsampler {
    fn default() -> Self {
        Self::new(SimdLevel::best())
    }
}

impl Downsampler {
    pub(super) fn new(level: SimdLevel) -> Self {
        Self {
            level,
            horizontal: Axis::default(),
            vertical: Axis::default(),
            luma: Line::default(),
            rows: History::default(),
            row_sums: Vec::new(),
            averages: Line::default(),
            column_samples: [Sample::default(); PLANE_SIDE],
            sampled: Box::new([Position::default(); PLANE_SIDE]),
            sampled_rows: History::default(),
            divisors: Vec::new(),
            plane: Box::new([PlaneRow::default(); PLANE_SIDE]),
        }
    }

    pub(super) fn level(&self) -> SimdLevel {
        self.level
    }

    /// Returns the picture's 64x64 samples.
    pub(super) fn plane(&mut self, pixels: &Pixels<'_>) -> &Plane {
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        self.horizontal.set(width);
        self.vertical.set(height);
        let grey = pixels.format().bytes_per_pixel() < 3;
        if (width, height) == (PLANE_SIDE, PLANE_SIDE) && !grey {
            // The reference takes a picture of the plane's own size as it is.
            let rows = std::array::from_fn(|i| pixels.row(i));
            self.take(&rows, pixels.format().bytes_per_pixel());
        } else if grey && self.horizontal.window == 1 && self.vertical.window == 1 {
            // Sums of whole numbers are exact, so boxes of one value change nothing. (Those of colours are not:
            // adding one value and subtracting another leaves a rounding error behind.) Nor is a picture of the plane's
            // own size filtered.
            self.pick(pixels);
        } else {
            self.filter(pixels);
        }
        &self.plane
    }

    /// Takes the luma of 64 rows of 64 pixels.
    fn take(&mut self, rows: &[&[u8]; PLANE_SIDE], bytes_per_pixel: usize) {
        for (strip, rows) in rows.as_chunks().0.iter().enumerate() {
            let places = std::array::from_fn(|i| strip * ROWS + i);
            self.level
                .luma(rows, bytes_per_pixel, 0, &mut *self.sampled);
            self.level
                .transpose(&self.sampled, &mut *self.plane, &places);
        }
    }

    /// Takes the luma of single grey pixels.
    fn pick(&mut self, pixels: &Pixels<'_>) {
        let size = pixels.format().bytes_per_pixel();
        let columns: [usize; PLANE_SIDE] =
            std::array::from_fn(|i| self.horizontal.sampled(i) * size);
        let mut picked = [[0; PLANE_SIDE]; PLANE_SIDE];
        for (i, picked) in picked.iter_mut().enumerate() {
            let row = pixels.row(self.vertical.sampled(i));
            // As many bytes of another format are not as many samples.
            if size == 1
                && let Ok(row) = row.try_into()
            {
                *picked = row;
                continue;
            }
            for (picked, column) in picked.iter_mut().zip(columns) {
                *picked = row[column];
            }
        }
        self.level.widen(&picked, &mut self.plane);
    }

    /// Filters a picture and samples what comes out.
    fn filter(&mut self, pixels: &Pixels<'_>) {
        let (window, window_height) = (self.horizontal.window, self.vertical.window);
        let level = if window.max(window_height) <= Divisor::LARGEST {
            self.level
        } else {
            // Division by multiplication is proved up to this window only: pictures of over 32,768 rows or columns.
            SimdLevel::SCALAR
        };
        let chunk = window.next_multiple_of(UNIT);
        self.column_samples = std::array::from_fn(|i| self.horizontal.sample(i));
        let end = self.column_samples[PLANE_SIDE - 1].position + 1;
        let blocks = end.div_ceil(TILE);
        self.luma.set(window, chunk);
        self.averages.set(window, chunk);
        let width = (chunk / TILE).min(blocks);
        self.rows.set(blocks.div_ceil(width), width, window_height);
        lengthen(&mut self.row_sums, blocks);
        self.row_sums[..blocks].fill(Sixteen::default());
        self.sampled_rows.set(1, 1, window_height);

        let row_samples: [Sample; PLANE_SIDE] = std::array::from_fn(|i| self.vertical.sample(i));
        let mut sums = PlaneRow::default();
        let mut rows = strip_rows(pixels, 0);
        let (mut done, mut top) = (0, 0);
        while done < PLANE_SIDE {
            let next_rows = strip_rows(pixels, top + ROWS);
            let strip = Strip {
                top,
                rows: &rows,
                next_rows: &next_rows,
                bytes_per_pixel: pixels.format().bytes_per_pixel(),
            };
            self.strip(level, &strip, blocks);
            rows = next_rows;
            let new = samples_before(&row_samples[done..], top + ROWS);
            let entering = self.sampled_rows.entering(top);
            let leaving = self.sampled_rows.leaving(top);
            level.sample_along_columns(
                &mut sums,
                self.sampled_rows.piece(0),
                &entering,
                &leaving,
                top,
                &row_samples[done..][..new],
                &mut self.plane[done..][..new],
            );
            done += new;
            top += ROWS;
        }
    }

    /// Takes a strip of the picture through everything up to the samples of its columns.
    fn strip(&mut self, level: SimdLevel, strip: &Strip<'_>, blocks: usize) {
        let Strip {
            top,
            rows,
            next_rows,
            bytes_per_pixel,
        } = *strip;
        let window = self.horizontal.window;
        // Past the picture's end zeros enter. What stays behind in the slots of those rows leaves only boxes of which there
        // is no output.
        let is_past_end = top >= self.vertical.length;
        let entering = if is_past_end {
            [self.rows.zeros(); ROWS]
        } else {
            self.rows.entering(top)
        };
        let leaving = self.rows.leaving(top);
        let mut divisors = [self.vertical.divisor(top); ROWS];
        let divisors = if self.vertical.is_full(&(top..top + ROWS)) {
            &divisors[..1]
        } else {
            for (divisor, position) in divisors.iter_mut().zip(top..) {
                *divisor = self.vertical.divisor(position);
            }
            &divisors[..]
        };
        self.luma.begin();
        self.averages.begin();
        let mut sampled = 0;
        let width = self.rows.width;
        for (number, first_block) in (0..blocks).step_by(width).enumerate() {
            let chunk_blocks = width.min(blocks - first_block);
            let (first, length) = (first_block * TILE, chunk_blocks * TILE);
            let positions = first..first + length;

            if !is_past_end {
                level.luma(
                    rows,
                    bytes_per_pixel,
                    first,
                    self.luma.chunk(length.next_multiple_of(UNIT)),
                );
                if first_block + width < blocks {
                    let next = (first + length) * bytes_per_pixel;
                    level.prefetch(rows, next, next + length * bytes_per_pixel);
                } else {
                    level.prefetch(next_rows, 0, width * TILE * bytes_per_pixel);
                }
                self.divisors.clear();
                if self.horizontal.is_full(&positions) {
                    self.divisors.push(self.horizontal.divisor(first));
                } else {
                    let each = positions.clone().map(|p| self.horizontal.divisor(p));
                    self.divisors.extend(each);
                }
                level.box_along_rows(
                    &mut self.luma.sums,
                    &self.luma.columns[..window + length],
                    window,
                    &self.divisors,
                    self.rows.piece(number),
                    &entering,
                );
            }
            level.box_along_columns(
                &mut self.row_sums[first_block..][..chunk_blocks],
                self.rows.piece(number),
                &entering,
                &leaving,
                divisors,
                self.averages.chunk(length),
            );
            let new = samples_before(&self.column_samples[sampled..], positions.end);
            level.sample_along_rows(
                &mut self.averages.sums,
                &self.averages.columns[..window + length],
                window,
                first,
                &self.column_samples[sampled..][..new],
                &mut self.sampled[sampled..][..new],
            );
            sampled += new;
            self.luma.end_chunk(length);
            self.averages.end_chunk(length);
        }
        let places = self.sampled_rows.entering(top);
        level.transpose(&self.sampled, self.sampled_rows.piece(0), &places);
    }
}

/// Some rows of a picture.
struct Strip<'a> {
    /// The position of the first.
    top: usize,
    rows: &'a [&'a [u8]; ROWS],
    next_rows: &'a [&'a [u8]; ROWS],
    bytes_per_pixel: usize,
}

/// Returns the rows of a strip; those that do not exist are empty.
fn strip_rows<'a>(pixels: &Pixels<'a>, top: usize) -> [&'a [u8]; ROWS] {
    let mut rows: [&[u8]; ROWS] = [&[]; ROWS];
    for (y, row) in (top..pixels.height() as usize).zip(&mut rows) {
        *row = pixels.row(y);
    }
    rows
}

/// Returns how many of the samples, which ascend, stand before a position.
fn samples_before(samples: &[Sample], position: usize) -> usize {
    let before = samples
        .iter()
        .take_while(|sample| sample.position < position);
    before.count()
}
