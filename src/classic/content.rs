//! Whether a picture holds enough for a classic hash to speak of it.
//!
//! A hash of `side * side` bits compares values of a grid of about that side. Where neighbours in that grid are equal,
//! the bits are constant or the noise of a codec; where they differ along one axis only, all rows or all columns of bits
//! are alike. In both cases pictures that have nothing to do with one another get one hash.
//!
//! The two numbers below were chosen from synthetic pictures (`examples/classic_thresholds.rs` prints the shares). With
//! differences of 2 grey levels or more, at sides 8 and 16 alike, the share of neighbours that differ, on the axis where
//! it is smaller, was 0.71 or more in every scene of the generator but the flat one; at most 0.01 in flat pictures, with
//! noise of 6 levels and after JPEG of quality 50, in ramps and in waves along one axis; 0.10 to 0.16 in pages that are
//! white but for a ninth. With differences of 1 level, JPEG noise on flat pictures reached 0.28.

/// Cells differ from this many grey levels on.
const LEAST_DIFFERENCE: u64 = 2;

/// One neighbour in so many must differ, on each axis.
const ONE_IN: usize = 4;

/// Returns whether a grey picture, of packed rows, has content on both axes at the scale of a hash of this side.
///
/// No side of the picture may be shorter. O(pixels), without allocation.
pub(super) fn has_content(grey: &[u8], (width, height): (u32, u32), side: u8) -> bool {
    let (width, height) = (width as usize, height as usize);
    let side = usize::from(side);
    // Sums of cells and their pixels; a cell's last column and row are where the next one begins.
    let mut sums = [[0_u64; 16]; 16];
    let starts: [usize; 17] = std::array::from_fn(|cell| cell * width / side);
    for (y, row) in grey.chunks_exact(width).enumerate() {
        let sums = &mut sums[((y + 1) * side - 1) / height];
        for (column, sum) in sums[..side].iter_mut().enumerate() {
            let cell = &row[starts[column]..starts[column + 1]];
            *sum += cell.iter().map(|&value| u64::from(value)).sum::<u64>();
        }
    }
    let pixels = |x: usize, y: usize| {
        let columns = (x + 1) * width / side - x * width / side;
        let rows = (y + 1) * height / side - y * height / side;
        (columns * rows) as u64
    };
    // At most 2^28 pixels of 255: the products fit by far.
    let differ = |(x, y): (usize, usize), (other_x, other_y): (usize, usize)| {
        let (here, there) = (pixels(x, y), pixels(other_x, other_y));
        let difference = (sums[y][x] * there).abs_diff(sums[other_y][other_x] * here);
        difference >= LEAST_DIFFERENCE * here * there
    };
    let (mut across, mut down) = (0, 0);
    for along in 0..side {
        for step in 1..side {
            across += usize::from(differ((step - 1, along), (step, along)));
            down += usize::from(differ((along, step - 1), (along, step)));
        }
    }
    across.min(down) * ONE_IN >= side * (side - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_added_to_the_cell_that_its_pixels_are_counted_in() {
        for side in [8_usize, 16] {
            for height in side..100 {
                let mut rows = [0; 16];
                for y in 0..height {
                    rows[((y + 1) * side - 1) / height] += 1;
                }
                for (cell, added) in rows[..side].iter().enumerate() {
                    let counted = (cell + 1) * height / side - cell * height / side;
                    assert_eq!(*added, counted, "{height} rows, cell {cell} of {side}");
                }
            }
        }
    }

    #[test]
    fn content_is_needed_on_both_axes_and_in_a_quarter_of_the_grid() {
        for side in [8_u8, 16] {
            for (width, height) in [(16, 16), (40, 31), (17, 100)] {
                let picture = |value: &dyn Fn(u32, u32) -> u32| -> Vec<u8> {
                    let at = |at: u32| u8::try_from(value(at % width, at / width) % 256).unwrap();
                    (0..width * height).map(at).collect()
                };
                let has = |value: &dyn Fn(u32, u32) -> u32| {
                    has_content(&picture(value), (width, height), side)
                };
                assert!(!has(&|_, _| 77));
                assert!(!has(&|x, _| x * 255 / width));
                assert!(!has(&|_, y| y * 255 / height));
                assert!(has(&|x, y| (x * 120 / width) + (y * 120 / height)));
                let corner = |x, y| x * 3 < width && y * 3 < height;
                assert!(!has(&|x, y| if corner(x, y) {
                    x * 31 + y * 57
                } else {
                    255
                }));
            }
        }
    }
}
