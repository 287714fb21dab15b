//! Scenes that are made of things: leaves, strokes, glyphs.
//!
//! The dead-leaves model is G. Matheron's; that power-law sizes make its statistics those of natural scenes is shown by
//! A. B. Lee, D. Mumford and J. Huang, "Occlusion models for natural images" (2001).

use super::canvas::{Canvas, Colour};
use super::random::Random;

/// A colour of about this brightness: grey with up to 40 steps of tint.
fn tinted(random: &mut Random, brightness: u8) -> Colour {
    [0; 3].map(|_| {
        brightness
            .saturating_sub(20)
            .saturating_add(random.byte(0, 40))
    })
}

/// Discs and rectangles, back to front, with the number of radii above `r` falling as `1 / r^2`.
pub(super) fn dead_leaves(canvas: &mut Canvas, random: &mut Random) {
    /// How often the picture is covered. After five coverings less than one pixel in a hundred shows the ground.
    const COVERINGS: u64 = 5;
    let side = canvas.side();
    // In 1/256 pixel. Leaves below 1/160 of the side would be drawn in great numbers to be seen by nobody: PDQ looks at
    // 64 places along it.
    let smallest = (side * 256 / 160).max(256);
    let largest = (side * 256 / 3).max(smallest);
    let (least, most) = (smallest * smallest, largest * largest);
    let spread = 65_536 - least * 65_536 / most;
    let (width, height) = (i64::from(canvas.width), i64::from(canvas.height));
    let ground = tinted(random, 128);
    canvas.fill(0..width, 0..height, ground);
    let wanted = u64::from(canvas.width) * u64::from(canvas.height) * COVERINGS;
    let mut painted = 0;
    // Every leaf paints at least the pixel of its centre, so this ends.
    while painted < wanted {
        // The inverse of the distribution function of a density that falls as 1/r^3: r^2 = least / (1 - u * spread).
        let rest = 65_536 - random.between(0, 65_535) * spread / 65_536;
        let radius = (least * 65_536 / rest).isqrt() / 256;
        let (x, y) = (random.between(0, width - 1), random.between(0, height - 1));
        let brightness = random.byte(10, 245);
        let colour = tinted(random, brightness);
        painted += if random.one_in(3) {
            let tall = radius * random.between(50, 150) / 100;
            canvas.fill(x - radius..x + radius + 1, y - tall..y + tall + 1, colour)
        } else {
            canvas.ring((x, y), -1, radius, colour)
        };
    }
    canvas.grain(random, 2);
}

/// Straight strokes, rings and frames in dark ink on light paper.
pub(super) fn line_art(canvas: &mut Canvas, random: &mut Random) {
    let (width, height, side) = (
        i64::from(canvas.width),
        i64::from(canvas.height),
        canvas.side(),
    );
    let paper = tinted(random, 235);
    canvas.fill(0..width, 0..height, paper);
    // Long pictures get more of them, up to a bound that keeps the slowest picture quick.
    let strokes = 30 * (width.max(height) / side).clamp(1, 32) + random.between(0, 15);
    for _ in 0..strokes {
        let ink = tinted(random, 25);
        let thickness = random.between(side / 160, side / 48).max(1);
        let from = (random.between(0, width - 1), random.between(0, height - 1));
        let size = random.between(side / 12, side / 3).max(1);
        match random.below(4) {
            0 => {
                canvas.ring(from, size - thickness, size, ink);
            }
            1 => {
                let tall = size * random.between(40, 160) / 100;
                let (right, bottom) = (from.0 + size, from.1 + tall);
                canvas.fill(from.0..right, from.1..from.1 + thickness, ink);
                canvas.fill(from.0..right, bottom - thickness..bottom, ink);
                canvas.fill(from.0..from.0 + thickness, from.1..bottom, ink);
                canvas.fill(right - thickness..right, from.1..bottom, ink);
            }
            _ => {
                let reach = side * 2 / 3;
                let to = (
                    from.0 + random.between(-reach, reach),
                    from.1 + random.between(-reach, reach),
                );
                canvas.stroke(from, to, thickness, ink);
            }
        }
    }
}

/// Cells across and down one glyph, and from one glyph or line to the next.
const GLYPH: (i64, i64) = (3, 5);
const PITCH: (i64, i64) = (4, 8);

/// Fills columns of a page with paragraphs of random glyphs; a paragraph has its own size and ink.
pub(super) fn text_blocks(canvas: &mut Canvas, random: &mut Random) {
    let (width, height, side) = (
        i64::from(canvas.width),
        i64::from(canvas.height),
        canvas.side(),
    );
    let dark_page = random.one_in(4);
    let paper = tinted(random, if dark_page { 25 } else { 235 });
    canvas.fill(0..width, 0..height, paper);
    let columns = random.between(1, 3) * (width / side).clamp(1, 32);
    let margin = side / 40;
    let column_width = (width / columns).max(1);
    for column in 0..columns {
        let left = column * column_width + margin;
        let right = (left + column_width - 2 * margin).max(left + 1);
        let mut top = margin;
        while top < height {
            let cell = random.between(side / 320, side / 90).max(1);
            let ink = tinted(random, if dark_page { 230 } else { 20 });
            if random.one_in(6) {
                // A bar, as under a heading or around a button.
                let tall = cell * random.between(2, 10);
                canvas.fill(left..right, top..top + tall, ink);
                top += tall + 3 * cell;
                continue;
            }
            for line in 0..random.between(1, 6) {
                let indent = if line == 0 { 4 * cell } else { 0 };
                text_line(canvas, random, (left + indent, right, top), cell, ink);
                top += PITCH.1 * cell;
            }
            top += random.between(2, 8) * cell;
        }
    }
}

/// Draws words of random glyphs from `left` to `right`, or to a ragged end before it.
pub(super) fn text_line(
    canvas: &mut Canvas,
    random: &mut Random,
    (left, right, top): (i64, i64, i64),
    cell: i64,
    ink: Colour,
) {
    let end = right - (right - left) * random.between(0, 30) / 100;
    let mut x = left;
    while x < end {
        for _ in 0..random.between(2, 9) {
            if x + GLYPH.0 * cell > end {
                return;
            }
            // Two draws, both taken: three quarters of the cells are ink, about as black as bold print.
            let bits = random.below(1 << 15) | random.below(1 << 15);
            for place in 0..GLYPH.0 * GLYPH.1 {
                if bits >> place & 1 == 1 {
                    let (cx, cy) = (x + place % GLYPH.0 * cell, top + place / GLYPH.0 * cell);
                    canvas.fill(cx..cx + cell, cy..cy + cell, ink);
                }
            }
            x += PITCH.0 * cell;
        }
        x += 2 * cell;
    }
}
