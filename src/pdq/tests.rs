//! Conformance with a package that nobody here wrote: the golden data in `tests/data/pdq`.
//!
//! It stands in the crate, not in `tests`, because it compares the block of floats, which is not public.
#![cfg(feature = "synthetic")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "random bytes are cut from numbers; sides are small"
)]

use std::collections::BTreeSet;
use std::error::Error;

use super::*;
use crate::digest;
use crate::hash::{HashKind, HashValue};
use crate::pixels::PixelFormat;

#[path = "../../tests/support/golden_pictures.rs"]
mod golden_pictures;

fn sha256(bytes: &[u8]) -> String {
    digest::of(bytes, &[HashKind::Sha256])
        .iter()
        .map(HashValue::to_hex)
        .collect()
}

#[test]
fn hashes_qualities_and_floats_are_those_of_the_reference() -> Result<(), Box<dyn Error>> {
    let mut golden = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_path(golden_pictures::data("golden.csv"))?;
    let pictures = golden_pictures::list(&golden_pictures::data("pictures.csv"))?;
    let mut golden = golden.records();
    let mut hasher = PdqHasher::new();
    let (mut compared, mut floats_compared) = (0, 0);
    let mut formats = BTreeSet::new();
    let level = hasher.level();
    for listed in &pictures {
        let row = golden
            .next()
            .ok_or("golden.csv is shorter than the list")??;
        let field = |column: usize| row.get(column).unwrap_or_default();
        let id = field(0);
        assert_eq!(id, listed.id, "golden.csv is out of step with pictures.csv");
        let buffer = listed.pixels()?;
        // Not the hash but the generator is at fault when this fails.
        assert_eq!(sha256(buffer.as_bytes()), field(1), "{id}: other pixels");
        let pixels = buffer.as_pixels();
        let quality: u8 = field(3).parse()?;
        if pixels.width() < PDQ_MIN_SIDE || pixels.height() < PDQ_MIN_SIDE {
            let (width, height) = (pixels.width(), pixels.height());
            let too_small = PdqError::TooSmall { width, height };
            assert_eq!(hasher.hash(&pixels), Err(too_small), "{id}");
            assert_eq!(quality, 0, "{id}");
            continue;
        }
        let hashed = hasher.hash(&pixels)?;
        assert_eq!(
            (hashed.hash.to_hex().as_str(), hashed.quality),
            (field(2), quality),
            "{id}"
        );
        let dihedral = hasher.dihedral(&pixels)?;
        assert_eq!(dihedral.quality, quality, "{id}");
        for (column, (name, hash)) in (4..).zip(dihedral.iter()) {
            assert_eq!(hash.to_hex(), field(column), "{id}, {name}");
        }
        if listed.format == PixelFormat::Luma8 {
            let bytes = Block::of(level, hasher.plane(&pixels)?);
            let bytes: Vec<u8> = bytes
                .values()
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect();
            assert_eq!(sha256(&bytes), field(12), "{id}: other floats");
            floats_compared += 1;
        }
        formats.insert(listed.format.name());
        compared += 1;
    }
    assert!(
        golden.next().is_none(),
        "golden.csv is longer than the list"
    );
    assert!(
        compared >= 60 && floats_compared >= 30,
        "{compared}, {floats_compared}"
    );
    assert_eq!(formats.len(), 2, "grey and colour");
    Ok(())
}

#[test]
fn alpha_and_stride_change_nothing() -> Result<(), Box<dyn Error>> {
    use crate::synthetic::{Scene, picture};
    let mut hasher = PdqHasher::new();
    for (plain, alpha) in [
        (PixelFormat::Rgb8, PixelFormat::Rgba8),
        (PixelFormat::Luma8, PixelFormat::LumaAlpha8),
    ] {
        let picture = picture(Scene::DeadLeaves, 5, 131, 77, plain);
        let expected = hasher.hash(&picture.as_pixels())?;
        let (from, to) = (plain.bytes_per_pixel(), alpha.bytes_per_pixel());
        // Rows of pixels with an alpha that varies, and 5 bytes of padding after each row.
        let mut bytes = Vec::new();
        for (y, row) in (0_u8..).zip(picture.as_pixels().rows()) {
            for pixel in row.chunks_exact(from) {
                bytes.extend(pixel);
                bytes.push(y.wrapping_mul(41));
            }
            bytes.extend([y; 5]);
        }
        let pixels = Pixels::new(alpha, 131, 77, 131 * to + 5, &bytes)?;
        assert_eq!(hasher.hash(&pixels)?, expected);
    }
    Ok(())
}

#[test]
fn turning_a_square_picture_gives_nearly_the_hash_its_name_says() -> Result<(), Box<dyn Error>> {
    use crate::synthetic::{Scene, picture};
    let picture = picture(Scene::DeadLeaves, 3, 256, 256, PixelFormat::Luma8);
    let dihedral = PdqHasher::new().dihedral(&picture.as_pixels())?;
    let side = 255;
    for (name, _) in dihedral.iter() {
        let source = |row: usize, column: usize| match name {
            Dihedral::Original => (row, column),
            Dihedral::Rotate90 => (column, side - row),
            Dihedral::Rotate180 => (side - row, side - column),
            Dihedral::Rotate270 => (side - column, row),
            Dihedral::FlipX => (side - row, column),
            Dihedral::FlipY => (row, side - column),
            Dihedral::FlipPlus1 => (column, row),
            Dihedral::FlipMinus1 => (side - column, side - row),
        };
        let turned: Vec<u8> = (0..=side)
            .flat_map(|row| (0..=side).map(move |column| (row, column)))
            .map(|(row, column)| source(row, column))
            .map(|(row, column)| picture.as_bytes()[row * (side + 1) + column])
            .collect();
        let pixels = Pixels::new(PixelFormat::Luma8, 256, 256, 256, &turned)?;
        let real = PdqHasher::new().hash(&pixels)?;
        // PDQ follows a turn only nearly; wrong names are as far away as any other picture.
        for (other, hash) in dihedral.iter() {
            let distance = real.hash.distance(&hash);
            assert_eq!(
                distance < 64,
                other == name,
                "{name}, {other}: {distance} bits"
            );
        }
    }
    Ok(())
}

/// Rows of noise that is the same everywhere.
fn noise(stride: usize, height: usize) -> Vec<u8> {
    let mut state = (stride * 31 + height) as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..stride * height).map(|_| next()).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Compares samples, frequencies, quality and bits of every level with the definition, as bits.
fn assert_levels_give_the_definition(pixels: &Pixels<'_>) {
    let mut definition = definition::Definition::default();
    let plane = definition.plane(pixels);
    let block = definition::block(plane);
    let (quality, hash) = (
        definition::quality(plane),
        definition::bits_above_median(&block),
    );
    for level in SimdLevel::available() {
        let found = level_result(level, pixels);
        let shape = format!("{pixels:?}, {level}");
        // Not `assert_eq`, which would print thousands of numbers.
        assert!(
            found.0 == bits(plane.as_flattened()),
            "{shape}: other samples"
        );
        assert!(
            found.1 == bits(block.as_flattened()),
            "{shape}: other frequencies"
        );
        assert_eq!((found.2, found.3), (quality, hash), "{shape}");
    }
}

/// Samples, frequencies, quality and hash.
type Levelled = (Vec<u32>, Vec<u32>, u8, [u64; 4]);

fn level_result(level: SimdLevel, pixels: &Pixels<'_>) -> Levelled {
    let mut downsampler = Downsampler::new(level);
    let plane = downsampler.plane(pixels);
    let block = Block::of(level, plane);
    (
        bits(plane.map(|row| row.0).as_flattened()),
        bits(block.values()),
        transform::quality(level, plane),
        block.hash().words(),
    )
}

const FORMATS: [PixelFormat; 4] = [
    PixelFormat::Luma8,
    PixelFormat::LumaAlpha8,
    PixelFormat::Rgb8,
    PixelFormat::Rgba8,
];

#[test]
fn a_row_of_as_many_bytes_as_a_plane_is_wide_is_told_from_one_of_as_many_pixels() {
    for format in FORMATS {
        let size = format.bytes_per_pixel();
        for (width, height) in [(64 / size, 64 / size), (64 / size, 100), (64 / size, 128)] {
            let bytes = noise(width * size, height);
            let pixels = Pixels::new(format, width as u32, height as u32, width * size, &bytes);
            assert_levels_give_the_definition(&pixels.unwrap());
        }
    }
}

#[test]
fn every_level_gives_the_bits_of_the_definition_at_every_width_and_format() {
    for width in 1..=200_usize {
        for format in FORMATS {
            let stride = width * format.bytes_per_pixel();
            let height = 5 + width % 60;
            let bytes = noise(stride, height);
            let pixels = Pixels::new(format, width as u32, height as u32, stride, &bytes);
            assert_levels_give_the_definition(&pixels.unwrap());
        }
    }
}

#[test]
fn every_level_gives_the_bits_of_the_definition_at_every_width_and_height() {
    for side in 1..=200_usize {
        let format = FORMATS[side % 4];
        for (width, height) in [(side, 67), (side, 31 + side), (129, side)] {
            let size = format.bytes_per_pixel();
            let stride = width * size + side % 3;
            let bytes = noise(stride, height);
            let pixels = Pixels::new(format, width as u32, height as u32, stride, &bytes);
            assert_levels_give_the_definition(&pixels.unwrap());
        }
    }
}

#[test]
fn every_level_gives_the_bits_of_the_definition_for_shapes_at_the_edges() {
    // Windows longer than a chunk, one row or column, more than a whole strip of window, over the proved divisors.
    let shapes = [
        (1, 1),
        (1, 5000),
        (5000, 1),
        (64, 64),
        (128, 128),
        (129, 128),
        (128, 129),
        (8192, 5),
        (5, 8193),
        (512, 512),
        (20_000, 7),
        (7, 20_000),
        (33_000, 6),
        (6, 33_000),
        (1920, 1080),
        (1023, 767),
    ];
    for (number, (width, height)) in shapes.into_iter().enumerate() {
        for format in FORMATS {
            let stride = width as usize * format.bytes_per_pixel();
            let mut bytes = noise(stride, height as usize);
            if number % 2 == 0 {
                // A flat half: sums whose rounding errors nothing covers up.
                let half = bytes.len() / 2;
                bytes[half..].fill(7);
            }
            let pixels = Pixels::new(format, width, height, stride, &bytes).unwrap();
            assert_levels_give_the_definition(&pixels);
        }
    }
}

#[test]
fn a_hasher_gives_the_same_after_pictures_of_other_sizes() {
    let pictures: Vec<(u32, u32, Vec<u8>)> = [
        (300, 200),
        (5, 900),
        (2000, 40),
        (64, 64),
        (17, 17),
        (1000, 1000),
    ]
    .map(|(width, height)| (width, height, noise(width as usize * 3, height as usize)))
    .to_vec();
    for level in SimdLevel::available() {
        let mut kept = PdqHasher::with_level(level);
        for (width, height, bytes) in pictures.iter().chain(pictures.iter().rev()) {
            let pixels = Pixels::new(
                PixelFormat::Rgb8,
                *width,
                *height,
                *width as usize * 3,
                bytes,
            );
            let pixels = pixels.unwrap();
            let fresh = PdqHasher::with_level(level).dihedral(&pixels);
            assert_eq!(kept.dihedral(&pixels), fresh, "{level}, {width}x{height}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_level_gives_the_bits_of_the_definition_for_random_shapes(
        width in 1_u32..700, height in 1_u32..700, format in 0..4_usize, padding in 0..70_usize, contrast in 0..9_u32,
    ) {
        let format = FORMATS[format];
        let stride = width as usize * format.bytes_per_pixel() + padding;
        let mut bytes = noise(stride, height as usize);
        for byte in &mut bytes {
            *byte = byte.checked_shr(contrast).unwrap_or(0);
        }
        let pixels = Pixels::new(format, width, height, stride, &bytes).unwrap();
        assert_levels_give_the_definition(&pixels);
    }
}
