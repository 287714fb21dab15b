//! What `img_hash` gives is what comes out; what it cannot take never reaches it.
#![allow(
    clippy::cast_possible_truncation,
    reason = "pixels are cut from small numbers"
)]

use super::*;

const FORMATS: [PixelFormat; 4] = [
    PixelFormat::Luma8,
    PixelFormat::LumaAlpha8,
    PixelFormat::Rgb8,
    PixelFormat::Rgba8,
];

/// A picture with content everywhere.
fn bytes(width: u32, height: u32, format: PixelFormat) -> Vec<u8> {
    let mut state = u64::from(width * 1000 + height);
    (0..width as usize * height as usize * format.bytes_per_pixel())
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 57) as u8
        })
        .collect()
}

fn pixels(format: PixelFormat, width: u32, height: u32, bytes: &[u8]) -> Pixels<'_> {
    let stride = width as usize * format.bytes_per_pixel();
    Pixels::new(format, width, height, stride, bytes).unwrap()
}

#[test]
fn every_kind_is_what_img_hash_gives_for_the_picture_and_its_base64_reads_back() {
    let mut hasher = ClassicHasher::new();
    for (width, height) in [(37, 53), (64, 64), (200, 33), (16, 16)] {
        for format in FORMATS {
            let bytes = bytes(width, height, format);
            let raw = bytes.clone();
            let picture = match format {
                PixelFormat::Luma8 => {
                    GrayImage::from_raw(width, height, raw).map(DynamicImage::ImageLuma8)
                }
                PixelFormat::LumaAlpha8 => {
                    GrayAlphaImage::from_raw(width, height, raw).map(DynamicImage::ImageLumaA8)
                }
                PixelFormat::Rgb8 => {
                    RgbImage::from_raw(width, height, raw).map(DynamicImage::ImageRgb8)
                }
                PixelFormat::Rgba8 => {
                    RgbaImage::from_raw(width, height, raw).map(DynamicImage::ImageRgba8)
                }
            };
            let picture = picture.unwrap();
            let pixels = pixels(format, width, height, &bytes);
            let all = hasher.hashes(&pixels, &ClassicKind::ALL);
            for (kind, found) in ClassicKind::ALL.into_iter().zip(all) {
                let expected = super::hasher(kind).hash_image(&picture);
                let found = found.unwrap();
                assert!(
                    found.value.as_bytes() == expected.as_bytes(),
                    "{kind}, {format:?}"
                );
                assert_eq!(expected.as_bytes().len(), kind.byte_len(), "{kind}");
                let parsed = HashValue::parse(kind.into(), &expected.to_base64()).unwrap();
                assert!(parsed == found.value, "{kind}: its base64 is another hash");
                let parsed = HashValue::parse(kind.into(), &found.value.to_hex()).unwrap();
                assert!(
                    parsed == found.value,
                    "{kind}: its hexadecimal is another hash"
                );
                assert_eq!(hasher.hash(&pixels, kind), Ok(found), "{kind}");
            }
        }
    }
}

#[test]
fn bit_i_is_bit_i_modulo_8_of_byte_i_over_8() {
    // Resizing 8x8 to 8x8 changes nothing, so one pixel above the mean sets its own bit.
    let kind = ClassicKind::new(ClassicAlgorithm::Mean, false, 8).unwrap();
    for bright in 0..64 {
        let mut bytes = vec![0; 64];
        bytes[bright] = 255;
        let hash = ClassicHasher::new().hash(&pixels(PixelFormat::Luma8, 8, 8, &bytes), kind);
        let mut expected = [0; 8];
        expected[bright / 8] = 1 << (bright % 8);
        assert!(hash.unwrap().value.as_bytes() == expected, "pixel {bright}");
    }
}

#[test]
fn every_small_shape_has_the_stated_result_and_none_panics() {
    let mut hasher = ClassicHasher::new();
    for (width, height) in (1..=40).flat_map(|width| (1..=40).map(move |height| (width, height))) {
        let format = FORMATS[(width + 3 * height) as usize % 4];
        let bytes = bytes(width, height, format);
        let pixels = pixels(format, width, height, &bytes);
        let all = hasher.hashes(&pixels, &ClassicKind::ALL);
        for (kind, found) in ClassicKind::ALL.into_iter().zip(all) {
            let is_large_enough = width.min(height) >= u32::from(kind.side());
            let too_small = ClassicError::TooSmall {
                kind,
                width,
                height,
            };
            match found {
                Ok(hash) => assert!(is_large_enough && hash.value.kind() == kind.into()),
                Err(error) => assert!(!is_large_enough && error == too_small),
            }
        }
    }
}

#[test]
fn long_and_narrow_pictures_are_hashed() {
    let mut hasher = ClassicHasher::new();
    for (width, height) in [(16, 70_000), (70_000, 16), (17, 9001), (9001, 31)] {
        let bytes = bytes(width, height, PixelFormat::Rgb8);
        let pixels = pixels(PixelFormat::Rgb8, width, height, &bytes);
        for hash in hasher.hashes(&pixels, &ClassicKind::ALL) {
            assert!(hash.is_ok());
        }
    }
}

#[test]
fn a_picture_past_the_limits_is_refused_before_it_is_read() {
    let one = [0];
    let side = MAX_SIDE + 1;
    let bytes = vec![0; side as usize * 8];
    let kind = ClassicKind::ALL[0];
    let long = pixels(PixelFormat::Luma8, side, 8, &bytes);
    let error = ClassicHasher::new().hash(&long, kind);
    assert_eq!(
        error,
        Err(ClassicError::TooLarge {
            width: side,
            height: 8
        })
    );
    // More pixels than are taken, neither side of which is too long. Zeros that nobody reads take no memory.
    let (width, height) = (1 << 14, (1 << 14) + 1);
    let bytes = vec![0; width as usize * height as usize];
    let large = pixels(PixelFormat::Luma8, width, height, &bytes);
    let error = ClassicHasher::new().hash(&large, kind);
    assert_eq!(error, Err(ClassicError::TooLarge { width, height }));
    let small = ClassicHasher::new().hash(&pixels(PixelFormat::Luma8, 1, 1, &one), kind);
    assert_eq!(
        small,
        Err(ClassicError::TooSmall {
            kind,
            width: 1,
            height: 1
        })
    );
}

#[test]
fn pictures_without_content_are_flagged_and_others_are_not() {
    let mut hasher = ClassicHasher::new();
    let (width, height) = (120, 90);
    let picture = |value: &dyn Fn(u32, u32) -> u32| -> Vec<u8> {
        let at = |at: u32| value(at % width, at / width) as u8;
        (0..width * height).map(at).collect()
    };
    for empty in [
        picture(&|_, _| 200),
        picture(&|x, _| x * 2),
        picture(&|_, y| y * 2),
        picture(&|x, y| 100 + (x * 7 + y * 3) % 2),
    ] {
        let pixels = pixels(PixelFormat::Luma8, width, height, &empty);
        for hash in hasher.hashes(&pixels, &ClassicKind::ALL) {
            assert!(hash.unwrap().degenerate);
        }
    }
    let full = bytes(16, 16, PixelFormat::Luma8);
    let full = pixels(PixelFormat::Luma8, 16, 16, &full);
    let hashes = hasher.hashes(&full, &ClassicKind::ALL);
    let flagged = hashes
        .iter()
        .filter(|hash| hash.is_ok_and(|hash| hash.degenerate));
    assert_eq!(flagged.count(), 0);
}

#[test]
fn hashers_go_from_thread_to_thread() {
    fn check<T: Send + Sync>() {}
    check::<ClassicHasher>();
}
