//! The Jarosz filter by strips of rows: luma, boxes along rows and columns, samples. Generic over the vector.
//!
//! Two layouts take turns, since a running sum is serial along its line and vectors run across lines: while a sum runs
//! along rows, a [`Position`] has the strip's rows as lanes; while a sum runs along columns, a [`Sixteen`] is a block of
//! one row, with 16 positions as lanes. Tiles are transposed in registers between the two.
//!
//! Nothing here knows where a picture begins or ends. What lies before, between or after its rows and columns is zero:
//! adding or subtracting zero changes no sum, and an infinite divisor makes an output that does not exist zero again.
//! (No sum is ever the negative zero that adding zero would change: they begin at zero, and `x - x` is zero.)

#![allow(
    unsafe_code,
    clippy::needless_range_loop,
    reason = "bounds are checked once for a chunk; indices, since iterator adapters that carry vectors are not compiled \
              for a level"
)]

use std::ops::Range;

use super::transform::{PLANE_SIDE, PlaneRow};
use super::vector::{Divisor, Position, ROWS, Sixteen, TILE, Vector};

/// Repeats a block of code for each index below a constant of at most 16, so that arrays of vectors become registers:
/// compilers give up unrolling such loops by themselves.
macro_rules! unrolled {
    ($index:ident in 0..($count:expr) $body:block) => {
        unrolled!(@ $index ($count) $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $index:ident ($count:expr) $body:block $($value:literal)*) => {
        $(
            if $value < $count {
                let $index: usize = $value;
                $body
            }
        )*
    };
}

/// A position at which a sum along rows is kept, and what it is divided by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) position: usize,
    pub(crate) divisor: f32,
}

/// The positions that are turned into luma at a time: as many bytes of a row as are whole vectors in every format.
pub(crate) const UNIT: usize = 64;

/// The most bytes of a pixel.
const MOST_BYTES: usize = 4;

/// Returns values `from..from + N`.
#[inline(always)]
fn part<const N: usize>(values: &[f32], from: usize) -> &[f32; N] {
    &values.as_chunks().0[from / N]
}

/// Returns values `from..from + N`.
#[inline(always)]
fn part_mut<const N: usize>(values: &mut [f32], from: usize) -> &mut [f32; N] {
    &mut values.as_chunks_mut().0[from / N]
}

/// Luma of a strip's rows, from pixel `first` on, as positions, whole units of them. Rows that end early go on with zeros.
#[inline(always)]
pub(super) fn luma<const N: usize, V: Vector<N>>(
    rows: &[&[u8]; ROWS],
    bytes_per_pixel: usize,
    first: usize,
    columns: &mut [Position],
) {
    match bytes_per_pixel {
        1 => luma_of::<N, V, 1>(rows, first, columns),
        2 => luma_of::<N, V, 2>(rows, first, columns),
        3 => luma_of::<N, V, 3>(rows, first, columns),
        4 => luma_of::<N, V, 4>(rows, first, columns),
        _ => unreachable!("pixels have one to four bytes"),
    }
}

#[inline(always)]
fn luma_of<const N: usize, V: Vector<N>, const BYTES: usize>(
    rows: &[&[u8]; ROWS],
    first: usize,
    columns: &mut [Position],
) {
    let (mut shortest, mut longest) = (usize::MAX, 0);
    for row in rows {
        shortest = shortest.min(row.len());
        longest = longest.max(row.len());
    }
    let units = columns.as_chunks_mut::<UNIT>().0;
    for (unit, at) in units
        .iter_mut()
        .zip((first * BYTES..).step_by(UNIT * BYTES))
    {
        let end = at + UNIT * BYTES;
        if end <= shortest {
            // SAFETY: no row is shorter.
            unsafe { luma_of_unit::<N, V, BYTES>(rows, at, unit) };
        } else if at < longest {
            let mut ends = [[0; UNIT * MOST_BYTES]; ROWS];
            for (row, copy) in rows.iter().zip(&mut ends) {
                let rest = &row[at.min(row.len())..end.min(row.len())];
                copy[..rest.len()].copy_from_slice(rest);
            }
            // SAFETY: the copies hold a unit of the widest pixels.
            unsafe { luma_of_unit::<N, V, BYTES>(&ends.each_ref().map(|row| &row[..]), 0, unit) };
        } else {
            unit.fill(Position::default());
        }
    }
}

/// Luma of a unit: the first byte of a pixel as it is for one or two bytes a pixel, and `0.299 R + 0.587 G + 0.114 B`, from
/// left to right, for three or four.
///
/// # Safety
/// Every row must have a unit's pixels from byte `at` on.
#[inline(always)]
unsafe fn luma_of_unit<const N: usize, V: Vector<N>, const BYTES: usize>(
    rows: &[&[u8]; ROWS],
    at: usize,
    unit: &mut [Position; UNIT],
) {
    // Bytes are transposed four at a time, as if they were numbers, and taken apart only where rows are lanes.
    // So many pixels are whole fours of bytes in every format.
    const PIXELS: usize = 4;
    // So many vectors hold whole groups of these.
    let vectors = if BYTES == 3 { 3 } else { 1 };
    let pixels = vectors * 4 * N / BYTES;
    for (columns, at) in unit
        .chunks_exact_mut(pixels)
        .zip((at..).step_by(pixels * BYTES))
    {
        for group in (0..ROWS).step_by(N) {
            let mut fours = [V::splat(0.0); N];
            unrolled!(vector in 0..(vectors) {
                let before = [fours[N - 2], fours[N - 1]];
                unrolled!(i in 0..(N) {
                    let from = at + 4 * N * vector;
                    // SAFETY: these bytes are among those that the caller promises.
                    fours[i] = V::load_bytes(unsafe { &*rows[group + i].as_ptr().add(from).cast() });
                });
                V::transpose(&mut fours);
                unrolled!(number in 0..(vectors * N / BYTES) {
                    let first = number * BYTES;
                    // Those that end in this vector; they may have begun in the one before.
                    if (first + BYTES - 1) / N == vector {
                        let mut all = [fours[0]; MOST_BYTES];
                        unrolled!(i in 0..(BYTES) {
                            all[i % MOST_BYTES] = if first + i < N * vector {
                                before[(first + i + 2 - N * vector) % 2]
                            } else {
                                fours[(first + i - N * vector) % N]
                            };
                        });
                        unrolled!(pixel in 0..(PIXELS) {
                            let luma = if BYTES < 3 {
                                weighted::<N, V>(&all, pixel * BYTES, 1.0)
                            } else {
                                weighted::<N, V>(&all, pixel * BYTES, 0.299)
                                    .add(weighted::<N, V>(&all, pixel * BYTES + 1, 0.587))
                                    .add(weighted::<N, V>(&all, pixel * BYTES + 2, 0.114))
                            };
                            luma.store(part_mut(&mut columns[number * PIXELS + pixel].0, group));
                        });
                    }
                });
            });
        }
    }
}

/// `weight` times a byte of each row, of fours of bytes.
#[inline(always)]
fn weighted<const N: usize, V: Vector<N>>(fours: &[V; 4], byte: usize, weight: f32) -> V {
    fours[byte / 4].weighted_byte(byte % 4, weight)
}

/// Asks for bytes that a later strip begins with.
#[inline(always)]
pub(super) fn prefetch<const N: usize, V: Vector<N>>(rows: &[&[u8]; ROWS], from: usize, to: usize) {
    for row in rows {
        let end = to.min(row.len());
        for line in row[from.min(end)..end].iter().step_by(64) {
            V::prefetch(line);
        }
    }
}

/// Boxes along a strip's rows: from positions to blocks of rows.
///
/// `columns` holds `window` positions of history and then whole blocks of new ones; `divisors` one for each of these,
/// or one for all. Position `i` of row `r` goes to block `starts[r] + i / 16` of `rows`.
///
/// # Panics
/// If a row is not inside `rows`, or a position has no divisor.
#[inline(always)]
pub(super) fn box_along_rows<const N: usize, V: Vector<N>>(
    sums: &mut Position,
    columns: &[Position],
    window: usize,
    divisors: &[Divisor],
    rows: &mut [Sixteen],
    starts: &[usize; ROWS],
) {
    if divisors.len() == 1 {
        box_along_rows_by::<N, V, true>(sums, columns, window, divisors, rows, starts);
    } else {
        box_along_rows_by::<N, V, false>(sums, columns, window, divisors, rows, starts);
    }
}

#[inline(always)]
fn box_along_rows_by<const N: usize, V: Vector<N>, const SAME: bool>(
    sums: &mut Position,
    columns: &[Position],
    window: usize,
    divisors: &[Divisor],
    rows: &mut [Sixteen],
    starts: &[usize; ROWS],
) {
    let (entering, leaving) = (
        columns[window..].as_chunks::<TILE>().0,
        columns.as_chunks::<TILE>().0,
    );
    assert_rows_inside(starts, entering.len(), rows);
    let all = V::reciprocal(&divisors[0]);
    for (tile, (entering, leaving)) in entering.iter().zip(leaving).enumerate() {
        let divisors = if SAME {
            divisors
        } else {
            &divisors[tile * TILE..][..TILE]
        };
        for pair in (0..ROWS).step_by(2 * N) {
            let groups = [pair, pair + N];
            let mut lanes = [
                V::load(part(&sums.0, groups[0])),
                V::load(part(&sums.0, groups[1])),
            ];
            for lane in (0..TILE).step_by(N) {
                // Two chains of sums side by side: one alone leaves the processor waiting.
                let mut blocks = [[all.0; N]; 2];
                unrolled!(i in 0..(N) {
                    let reciprocal = if SAME { all } else { V::reciprocal(&divisors[lane + i]) };
                    unrolled!(k in 0..(2) {
                        lanes[k] = lanes[k].add(V::load(part(&entering[lane + i].0, groups[k])));
                        lanes[k] = lanes[k].subtract(V::load(part(&leaving[lane + i].0, groups[k])));
                        blocks[k][i] = lanes[k].divide_by(reciprocal);
                    });
                });
                unrolled!(k in 0..(2) {
                    V::transpose(&mut blocks[k]);
                    unrolled!(i in 0..(N) {
                        let at = starts[groups[k] + i] + tile;
                        // SAFETY: `tile` is less than the blocks that were seen to be inside.
                        let row = unsafe { rows.get_unchecked_mut(at) };
                        blocks[k][i].store(part_mut(&mut row.0, lane));
                    });
                });
            }
            unrolled!(k in 0..(2) {
                lanes[k].store(part_mut(&mut sums.0, groups[k]));
            });
        }
    }
}

/// # Panics
/// If a row that begins at one of `starts` and has so many blocks is not inside `rows`.
#[inline(always)]
fn assert_rows_inside(starts: &[usize; ROWS], blocks: usize, rows: &[Sixteen]) {
    for start in starts {
        let end = start.checked_add(blocks);
        assert!(
            end.is_some_and(|end| end <= rows.len()),
            "a row is not inside"
        );
    }
}

/// Boxes along columns, for a strip's rows: from blocks of rows to positions.
///
/// `sums` are those of the columns; block `b` of the row that enters (or leaves) in place `r` stands at
/// `entering[r] + b` (or `leaving[r] + b`). `divisors` holds one for each row, or one for all.
///
/// # Panics
/// If a row is not inside `rows`, or has no divisor.
#[inline(always)]
pub(super) fn box_along_columns<const N: usize, V: Vector<N>>(
    sums: &mut [Sixteen],
    rows: &[Sixteen],
    entering: &[usize; ROWS],
    leaving: &[usize; ROWS],
    divisors: &[Divisor],
    columns: &mut [Position],
) {
    if divisors.len() == 1 {
        box_along_columns_by::<N, V, true>(sums, rows, entering, leaving, divisors, columns);
    } else {
        box_along_columns_by::<N, V, false>(sums, rows, entering, leaving, divisors, columns);
    }
}

#[inline(always)]
fn box_along_columns_by<const N: usize, V: Vector<N>, const SAME: bool>(
    sums: &mut [Sixteen],
    rows: &[Sixteen],
    entering: &[usize; ROWS],
    leaving: &[usize; ROWS],
    divisors: &[Divisor],
    columns: &mut [Position],
) {
    assert_rows_inside(entering, sums.len(), rows);
    assert_rows_inside(leaving, sums.len(), rows);
    let mut at = 0;
    let sums = sums.as_chunks_mut::<2>();
    let columns = columns.as_chunks_mut::<TILE>().0.as_chunks_mut::<2>();
    // SAFETY: all blocks of sums were seen to be inside.
    unsafe {
        for (sums, columns) in sums.0.iter_mut().zip(columns.0) {
            blocks_along_columns::<N, V, SAME, 2>(
                sums, rows, entering, leaving, at, divisors, columns,
            );
            at += 2;
        }
        for (sum, column) in sums.1.iter_mut().zip(columns.1) {
            let (sums, columns) = (std::array::from_mut(sum), std::array::from_mut(column));
            blocks_along_columns::<N, V, SAME, 1>(
                sums, rows, entering, leaving, at, divisors, columns,
            );
            at += 1;
        }
    }
}

/// Boxes along the columns of some blocks from `first` on, side by side: one chain of sums alone leaves the processor waiting.
///
/// # Safety
/// The blocks must be inside `rows`.
#[inline(always)]
unsafe fn blocks_along_columns<
    const N: usize,
    V: Vector<N>,
    const SAME: bool,
    const BLOCKS: usize,
>(
    sums: &mut [Sixteen; BLOCKS],
    rows: &[Sixteen],
    entering: &[usize; ROWS],
    leaving: &[usize; ROWS],
    first: usize,
    divisors: &[Divisor],
    columns: &mut [[Position; TILE]; BLOCKS],
) {
    let all = V::reciprocal(&divisors[0]);
    for lane in (0..TILE).step_by(N) {
        let mut lanes = [all.0; BLOCKS];
        unrolled!(k in 0..(BLOCKS) {
            lanes[k] = V::load(part(&sums[k].0, lane));
        });
        for group in (0..ROWS).step_by(N) {
            let mut blocks = [[all.0; N]; BLOCKS];
            unrolled!(i in 0..(N) {
                let row = group + i;
                let reciprocal = if SAME { all } else { V::reciprocal(&divisors[row]) };
                unrolled!(k in 0..(BLOCKS) {
                    // SAFETY: as the caller promises.
                    let (enter, leave) = unsafe {
                        (
                            rows.get_unchecked(entering[row] + first + k),
                            rows.get_unchecked(leaving[row] + first + k),
                        )
                    };
                    lanes[k] = lanes[k].add(V::load(part(&enter.0, lane)));
                    lanes[k] = lanes[k].subtract(V::load(part(&leave.0, lane)));
                    blocks[k][i] = lanes[k].divide_by(reciprocal);
                });
            });
            unrolled!(k in 0..(BLOCKS) {
                V::transpose(&mut blocks[k]);
                unrolled!(i in 0..(N) {
                    blocks[k][i].store(part_mut(&mut columns[k][lane + i].0, group));
                });
            });
        }
        unrolled!(k in 0..(BLOCKS) {
            lanes[k].store(part_mut(&mut sums[k].0, lane));
        });
    }
}

/// Boxes along a strip's rows again, but kept only where samples are taken.
///
/// `columns` holds `window` positions of history and then those from `first` on. Samples stand at some of these, in
/// ascending order; several may stand at one.
#[inline(always)]
pub(super) fn sample_along_rows<const N: usize, V: Vector<N>>(
    sums: &mut Position,
    columns: &[Position],
    window: usize,
    first: usize,
    samples: &[Sample],
    out: &mut [Position],
) {
    // All rows in one go, so that their chains of sums overlap.
    let mut lanes = [V::splat(0.0); ROWS];
    for group in 0..ROWS / N {
        lanes[group] = V::load(part(&sums.0, group * N));
    }
    let mut at = first;
    for (sample, out) in samples.iter().zip(out) {
        let next = sample.position + 1;
        advance::<N, V>(&mut lanes, columns, window, at - first..next - first);
        at = next;
        let divisor = V::splat(sample.divisor);
        for group in 0..ROWS / N {
            lanes[group]
                .divide(divisor)
                .store(part_mut(&mut out.0, group * N));
        }
    }
    let end = columns.len() - window;
    advance::<N, V>(&mut lanes, columns, window, at - first..end);
    for group in 0..ROWS / N {
        lanes[group].store(part_mut(&mut sums.0, group * N));
    }
}

/// Moves the sums of a strip's rows on by some positions.
#[inline(always)]
fn advance<const N: usize, V: Vector<N>>(
    lanes: &mut [V; ROWS],
    columns: &[Position],
    window: usize,
    positions: Range<usize>,
) {
    let entering = &columns[window..][positions.clone()];
    for (enter, leave) in entering.iter().zip(&columns[positions]) {
        for group in 0..ROWS / N {
            lanes[group] = lanes[group].add(V::load(part(&enter.0, group * N)));
            lanes[group] = lanes[group].subtract(V::load(part(&leave.0, group * N)));
        }
    }
}

/// Turns 64 positions into rows of a plane, row `r` of the strip into `rows[places[r]]`.
#[inline(always)]
pub(super) fn transpose<const N: usize, V: Vector<N>>(
    columns: &[Position; PLANE_SIDE],
    rows: &mut [PlaneRow],
    places: &[usize; ROWS],
) {
    for group in (0..ROWS).step_by(N) {
        for lane in (0..PLANE_SIDE).step_by(N) {
            let mut block = [V::splat(0.0); N];
            unrolled!(i in 0..(N) {
                block[i] = V::load(part(&columns[lane + i].0, group));
            });
            V::transpose(&mut block);
            unrolled!(i in 0..(N) {
                block[i].store(part_mut(&mut rows[places[group + i]].0, lane));
            });
        }
    }
}

/// Boxes along columns again, for a strip's rows from position `first` on, but kept only where samples are taken.
///
/// The row that enters (or leaves) in place `r` is `rows[entering[r]]` (or `rows[leaving[r]]`). Samples stand at some of the
/// positions, in ascending order; several may stand at one.
#[inline(always)]
pub(super) fn sample_along_columns<const N: usize, V: Vector<N>>(
    sums: &mut PlaneRow,
    rows: &[PlaneRow],
    entering: &[usize; ROWS],
    leaving: &[usize; ROWS],
    first: usize,
    samples: &[Sample],
    out: &mut [PlaneRow],
) {
    let mut samples = samples.iter().zip(out).peekable();
    for (position, (enter, leave)) in (first..).zip(entering.iter().zip(leaving)) {
        let (enter, leave) = (&rows[*enter].0, &rows[*leave].0);
        for lane in (0..PLANE_SIDE).step_by(N) {
            let sum = V::load(part(&sums.0, lane)).add(V::load(part(enter, lane)));
            let sum = sum.subtract(V::load(part(leave, lane)));
            sum.store(part_mut(&mut sums.0, lane));
        }
        while let Some((sample, out)) = samples.next_if(|(sample, _)| sample.position == position) {
            let divisor = V::splat(sample.divisor);
            for lane in (0..PLANE_SIDE).step_by(N) {
                let average = V::load(part(&sums.0, lane)).divide(divisor);
                average.store(part_mut(&mut out.0, lane));
            }
        }
    }
}

/// Divides values, whole vectors of them: the division by multiplication alone, for its test.
#[cfg(test)]
#[inline(always)]
pub(super) fn quotients<const N: usize, V: Vector<N>>(values: &mut [f32], divisor: &Divisor) {
    let reciprocal = V::reciprocal(divisor);
    for values in values.as_chunks_mut::<N>().0 {
        V::load(values).divide_by(reciprocal).store(values);
    }
}
