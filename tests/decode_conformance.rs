//! Decoding against an independent decoder, on cut and damaged files, and at every limit.
//!
//! The pictures and what Pillow and plain arithmetic say of them are in `tests/data/decode`, with the program that
//! made them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use hashsieve::{
    Alpha, DecodeError, DecodeOptions, DecodeSummary, Decoder, Frames, ImageFormat, LimitKind,
    Limits, PixelBuffer, decode, digest, for_each_frame, sniff,
};

/// One expected frame.
struct Golden {
    format: String,
    width: u32,
    height: u32,
    sha256: String,
    largest: u8,
    mean: f64,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/decode")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(directory().join(name)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    digest::of(bytes, &[hashsieve::HashKind::Sha256])[0].to_hex()
}

/// Every file with its expected frames.
fn golden() -> BTreeMap<String, Vec<Golden>> {
    let mut files: BTreeMap<String, Vec<Golden>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(directory().join("golden.csv")).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(
            sha256(&file(&row[0])),
            row[1],
            "{} is not the file that was made",
            &row[0]
        );
        let frames = files.entry(row[0].to_owned()).or_default();
        frames.push(Golden {
            format: row[3].to_owned(),
            width: row[4].parse().unwrap(),
            height: row[5].parse().unwrap(),
            sha256: row[6].to_owned(),
            largest: row[7].parse().unwrap(),
            mean: row[8].parse().unwrap(),
        });
    }
    assert!(files.len() > 70);
    files
}

/// One frame taken out of a decoder.
type Taken = (u32, &'static str, u32, u32, Vec<u8>);

fn take(bytes: &[u8], options: &DecodeOptions) -> (Vec<Taken>, Result<DecodeSummary, DecodeError>) {
    let mut frames = Vec::new();
    let result = for_each_frame(bytes, options, |frame| {
        let pixels = frame.pixels;
        let data = pixels.rows().flatten().copied().collect();
        frames.push((
            frame.number,
            pixels.format().name(),
            pixels.width(),
            pixels.height(),
            data,
        ));
        ControlFlow::Continue(())
    });
    (frames, result)
}

fn all(bytes: &[u8]) -> (Vec<Taken>, Result<DecodeSummary, DecodeError>) {
    take(bytes, &DecodeOptions::default())
}

fn first(bytes: &[u8]) -> Result<PixelBuffer, DecodeError> {
    decode(bytes, &DecodeOptions::default())
}

/// Largest and mean difference.
fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let each = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = each.clone().map(f64::from).sum();
    (each.max().unwrap_or(0), sum / a.len() as f64)
}

#[test]
fn every_kind_of_file_gives_the_pixels_of_an_independent_decoder() {
    let mut faults = Vec::new();
    for (name, expected) in golden() {
        let (frames, result) = all(&file(&name));
        let Ok(summary) = result else {
            faults.push(format!("{name}: {result:?}"));
            continue;
        };
        if frames.len() != expected.len() || summary.frames as usize != frames.len() {
            faults.push(format!(
                "{name}: {} frames for {}",
                frames.len(),
                expected.len()
            ));
            continue;
        }
        for (index, (frame, golden)) in frames.iter().zip(&expected).enumerate() {
            let (_, format, width, height, data) = frame;
            if (*format, *width, *height) != (&golden.format, golden.width, golden.height) {
                faults.push(format!(
                    "{name} {index}: {format} {width}x{height} for {}",
                    golden.format
                ));
            } else if golden.largest == 0 {
                if sha256(data) != golden.sha256 {
                    faults.push(format!("{name} {index}: other pixels"));
                }
            } else {
                let raw = file(&format!("{name}.{index}.raw"));
                assert_eq!(sha256(&raw), golden.sha256);
                let (largest, mean) = difference(data, &raw);
                if largest > golden.largest || mean > golden.mean {
                    faults.push(format!(
                        "{name} {index}: differs by {largest}, {mean:.3} in the mean"
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_first_frame_is_the_file_as_a_still_picture() {
    for name in golden().keys() {
        let bytes = file(name);
        let still = first(&bytes).unwrap();
        let (frames, _) = all(&bytes);
        assert_eq!(frames[0].4, still.as_bytes(), "{name}");
    }
}

#[test]
fn repeated_frames_are_counted_and_passed_over() {
    let (frames, result) = all(&file("repeated.gif"));
    let summary = result.unwrap();
    assert_eq!((summary.frames, summary.repeated), (2, 2));
    assert_eq!(frames.iter().map(|f| f.0).collect::<Vec<_>>(), [0, 2]);
    let options = DecodeOptions {
        frames: Frames::First,
        ..DecodeOptions::default()
    };
    let summary = take(&file("repeated.gif"), &options).1.unwrap();
    assert_eq!((summary.frames, summary.repeated), (1, 0));
}

#[test]
fn a_caller_that_has_seen_enough_stops_the_decoding() {
    let mut count = 0;
    let summary = for_each_frame(&file("animated.gif"), &DecodeOptions::default(), |_| {
        count += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert!(summary.stopped && count == 1);
    assert_eq!(
        (summary.format, summary.width, summary.height),
        (ImageFormat::Gif, 36, 26)
    );
}

#[test]
fn a_decoder_used_again_gives_the_same_frames() {
    let mut decoder = Decoder::new(DecodeOptions::default());
    for name in golden().keys() {
        let bytes = file(name);
        let mut frames = Vec::new();
        decoder
            .for_each_frame(&bytes, |frame| {
                frames.push(frame.pixels.rows().flatten().copied().collect::<Vec<_>>());
                ControlFlow::Continue(())
            })
            .unwrap();
        let fresh: Vec<_> = all(&bytes).0.into_iter().map(|f| f.4).collect();
        assert!(frames == fresh, "{name}");
    }
}

/// Cuts every file at every length.
#[test]
fn a_cut_file_is_an_error_or_the_very_same_picture() {
    for name in golden().keys() {
        let bytes = file(name);
        let whole = first(&bytes).unwrap();
        let frames = all(&bytes).0;
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            match first(cut) {
                Ok(pixels) => assert!(pixels == whole, "{name} cut at {end} of {}", bytes.len()),
                Err(DecodeError::Truncated { .. } | DecodeError::Malformed { .. }) => {}
                Err(DecodeError::Unsupported { .. }) if end < 12 => {}
                Err(error) => panic!("{name} cut at {end}: {error}"),
            }
            // Frames that came out before the cut are those of the whole file.
            let (before, result) = all(cut);
            assert!(before.len() <= frames.len());
            assert!(
                before.iter().zip(&frames).all(|(a, b)| a.4 == b.4),
                "{name} cut at {end}"
            );
            assert!(
                result.is_err() || before.len() == frames.len(),
                "{name} cut at {end}"
            );
        }
    }
}

#[test]
fn a_truncated_jpeg_is_never_half_a_picture() {
    for name in ["420.jpg", "progressive.jpg", "restart.jpg", "cmyk.jpg"] {
        let bytes = file(name);
        for end in 4..bytes.len() {
            let format = ImageFormat::Jpeg;
            assert_eq!(
                first(&bytes[..end]).unwrap_err(),
                DecodeError::Truncated { format },
                "{name} {end}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_change_nothing() {
    for name in [
        "420.jpg",
        "rgb8.png",
        "still.gif",
        "lossy.webp",
        "rgb24.bmp",
        "rgb8_le.tif",
    ] {
        let mut bytes = file(name);
        let whole = first(&bytes).unwrap();
        bytes.extend(b"appended \xFF\xD8\xFF\xD9");
        assert!(first(&bytes).unwrap() == whole, "{name}");
    }
}

#[test]
fn frames_before_a_cut_are_handed_out() {
    for name in ["animated.png", "animated.gif", "animated.webp"] {
        let bytes = file(name);
        let (frames, result) = all(&bytes[..bytes.len() - 40]);
        assert!(frames.len() >= 3, "{name}");
        assert!(
            matches!(result, Err(DecodeError::Truncated { .. })),
            "{name}: {result:?}"
        );
    }
}

/// Flips bits of every byte of every file.
#[test]
fn a_jpeg_whose_scan_shows_damage_is_handed_out_and_told() {
    let (width, height) = (160_u16, 120_u16);
    let noise = (0..u32::from(width) * u32::from(height) * 3)
        .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    let pixels: Vec<u8> = noise.collect();
    let mut whole = Vec::new();
    jpeg_encoder::Encoder::new(&mut whole, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let (frames, result) = all(&whole);
    assert!(result.is_ok() && frames.len() == 1);
    // Bytes that belong to nothing, between the segments of its head, take nothing from the picture.
    let first_segment = 4 + usize::from(u16::from_be_bytes([whole[4], whole[5]]));
    let mut stray = whole[..first_segment].to_vec();
    stray.extend([7; 12]);
    stray.extend(&whole[first_segment..]);
    let (from_stray, result) = all(&stray);
    assert!(result.is_ok(), "{result:?}");
    assert!(from_stray == frames);
    for part in [3, 5, 7, 9] {
        // A marker that has no place in a scan. A scan cut and closed again does not show: README says so.
        let mut damaged = whole.clone();
        let at = whole.len() * part / 10;
        damaged[at..at + 2].copy_from_slice(&[0xFF, 0xF0]);
        let (frames, result) = all(&damaged);
        let told = matches!(
            result,
            Err(DecodeError::Malformed { .. } | DecodeError::Truncated { .. })
        );
        assert!(told, "{part} tenths: {result:?}");
        // What there is of it may still be recognised.
        let truncated = matches!(result, Err(DecodeError::Truncated { .. }));
        assert_eq!(frames.len(), usize::from(!truncated), "{part}");
    }
}

#[test]
fn no_damaged_byte_makes_the_decoder_panic() {
    let mut options = DecodeOptions {
        apply_exif_orientation: true,
        ..DecodeOptions::default()
    };
    // A flipped header may well ask for a hundred megapixels; that is what limits are for.
    options.limits.pixels = 1 << 16;
    options.limits.total_pixels = 1 << 17;
    let mut decoder = Decoder::new(options);
    for name in golden().keys() {
        let mut bytes = file(name);
        for at in 0..bytes.len() {
            for flip in [[0x01, 0x80][at % 2], 0xFF] {
                bytes[at] ^= flip;
                let result = decoder.for_each_frame(&bytes, |_| ControlFlow::Continue(()));
                if let Err(error) = result {
                    let text = error.to_string();
                    assert!(
                        !text.contains("panicked"),
                        "{name}: byte {at} ^ {flip}: {text}"
                    );
                    assert!(text.is_ascii() && text.len() < 300, "{name}: {text}");
                }
                bytes[at] ^= flip;
            }
        }
    }
}

/// Files that are whole on the outside and lack coded data inside, as left by a tool that mended the outside.
#[test]
fn coded_data_that_ends_early_is_an_error() {
    // A PNG whose only data chunk is half as long, with its checksum.
    let bytes = file("rgb8.png");
    let at = bytes.windows(4).position(|w| w == b"IDAT").unwrap();
    let length = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    for part in [0, 1, length / 2, length - 5] {
        let mut short = bytes[..at - 4].to_vec();
        short.extend(u32::try_from(part).unwrap().to_be_bytes());
        short.extend(&bytes[at..at + 4 + part]);
        short.extend(crc32(&bytes[at..at + 4 + part]).to_be_bytes());
        short.extend(b"\0\0\0\0IEND\xAE\x42\x60\x82");
        assert!(damaged(&short), "png with {part} bytes of data");
    }
    // Strips with fewer bytes than their rows need.
    for name in [
        "rgb8_le.tif",
        "lzw.tif",
        "deflate.tif",
        "packbits.tif",
        "palette4.tif",
    ] {
        let bytes = file(name);
        let entry = bytes
            .windows(4)
            .position(|w| w == [0x17, 0x01, 0x04, 0] || w == [0x17, 0x01, 0x03, 0])
            .unwrap();
        let wide = bytes[entry + 2] == 4;
        let count = u32::from_le_bytes(bytes[entry + 4..entry + 8].try_into().unwrap());
        let size = if wide { 4 } else { 2 };
        let place = if count as usize * size <= 4 {
            entry + 8
        } else {
            u32::from_le_bytes(bytes[entry + 8..entry + 12].try_into().unwrap()) as usize
        };
        for shrink in [2_u8, 3, 9] {
            let mut short = bytes.clone();
            let value = u16::from_le_bytes([bytes[place], bytes[place + 1]]) / u16::from(shrink);
            short[place..place + 2].copy_from_slice(&value.to_le_bytes());
            // What unpacks deflated strips looks at their own end, not at their length.
            let same = name == "deflate.tif" && first(&short) == first(&bytes);
            assert!(
                same || damaged(&short),
                "{name} with a strip {shrink} times shorter"
            );
        }
    }
    // A GIF whose data blocks stop early.
    let bytes = file("still.gif");
    let start = 13 + 768 + 8 + 10 + 1;
    for blocks in [0, 1, 2] {
        let mut at = start;
        for _ in 0..blocks {
            at += 1 + usize::from(bytes[at]);
        }
        let mut short = bytes[..at].to_vec();
        short.extend([0, 0x3B]);
        assert!(damaged(&short), "gif with {blocks} blocks");
    }
    // A WebP whose picture chunk is shorter, with the sizes around it mended.
    for name in ["lossless.webp", "lossy.webp"] {
        let bytes = file(name);
        for part in (12..bytes.len() - 30).step_by(2) {
            let mut short = bytes[..20 + part].to_vec();
            let length = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
            short[16..20].copy_from_slice(&length(part));
            let riff = length(short.len() - 8);
            short[4..8].copy_from_slice(&riff);
            assert!(damaged(&short), "{name} with {part} bytes of data");
        }
    }
}

fn damaged(bytes: &[u8]) -> bool {
    matches!(
        first(bytes),
        Err(DecodeError::Truncated { .. } | DecodeError::Malformed { .. })
    )
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn what_is_not_decoded_is_called_unsupported() {
    let unknown: [(&[u8], &str); 7] = [
        (b"", "an empty file"),
        (b"\0", "an unknown format"),
        (b"just some text, no picture at all", "an unknown format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "heif or avif"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "heif or avif"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "mp4 or quicktime video"),
        (b"\xFF\x0A\xFA\x1F", "jpeg xl"),
    ];
    for (bytes, expected) in unknown {
        assert_eq!(sniff(bytes), None);
        let what = expected.to_owned();
        assert_eq!(first(bytes).unwrap_err(), DecodeError::Unsupported { what });
    }
    assert!(matches!(
        first(&file("ycbcr.tif")),
        Err(DecodeError::Unsupported { .. })
    ));
}

#[test]
fn the_format_is_that_of_the_content() {
    for name in golden().keys() {
        let format = match name.rsplit('.').next().unwrap() {
            "jpg" => ImageFormat::Jpeg,
            "tif" => ImageFormat::Tiff,
            other => *ImageFormat::ALL.iter().find(|f| f.name() == other).unwrap(),
        };
        assert_eq!(sniff(&file(name)), Some(format), "{name}");
    }
}

#[test]
fn orientation_is_applied_only_when_asked_for() {
    let options = DecodeOptions {
        apply_exif_orientation: true,
        ..DecodeOptions::default()
    };
    let upright = first(&file("orientation_1.jpg")).unwrap();
    let stored = upright.as_bytes();
    let (w, h) = (36, 26);
    for value in 1..=8 {
        let bytes = file(&format!("orientation_{value}.jpg"));
        assert_eq!(first(&bytes).unwrap().as_bytes(), stored, "{value}");
        let turned = decode(&bytes, &options).unwrap();
        let swapped = value > 4;
        let shape = if swapped { (26, 36) } else { (36, 26) };
        assert_eq!((turned.width(), turned.height()), shape);
        // Where the stored top left pixel and its right neighbour go.
        let (columns, rows) = (shape.0 as usize, shape.1 as usize);
        let place = |x: usize, y: usize| turned.as_bytes()[y * columns + x];
        for y in 0..h {
            for x in 0..w {
                let seen = match value {
                    1 => place(x, y),
                    2 => place(columns - 1 - x, y),
                    3 => place(columns - 1 - x, rows - 1 - y),
                    4 => place(x, rows - 1 - y),
                    5 => place(y, x),
                    6 => place(columns - 1 - y, x),
                    7 => place(columns - 1 - y, rows - 1 - x),
                    _ => place(y, rows - 1 - x),
                };
                assert_eq!(seen, stored[y * w + x], "{value} {x} {y}");
            }
        }
    }
    for name in ["orientation_6.webp", "pages.tif"] {
        let (frames, _) = take(&file(name), &options);
        let last = &frames[usize::from(name == "pages.tif")];
        assert!(last.2 < last.3, "{name} is upright");
    }
}

#[test]
fn alpha_over_a_background_leaves_no_alpha() {
    let options = DecodeOptions {
        alpha: Alpha::Over {
            red: 255,
            green: 255,
            blue: 255,
        },
        ..DecodeOptions::default()
    };
    for (name, expected) in [
        ("grey_alpha8.png", "luma8"),
        ("rgba8.png", "rgb8"),
        ("rgb24.bmp", "rgb8"),
    ] {
        let bytes = file(name);
        let (plain, flat) = (first(&bytes).unwrap(), decode(&bytes, &options).unwrap());
        assert_eq!(flat.format().name(), expected);
        let size = plain.format().bytes_per_pixel();
        let colours = flat.format().bytes_per_pixel();
        for (p, f) in plain
            .as_bytes()
            .chunks(size)
            .zip(flat.as_bytes().chunks(colours))
        {
            let alpha = if size == colours {
                255
            } else {
                u32::from(p[size - 1])
            };
            for (p, f) in p.iter().zip(f) {
                assert_eq!(
                    u32::from(*f),
                    (u32::from(*p) * alpha + 255 * (255 - alpha) + 127) / 255
                );
            }
        }
    }
}

#[test]
fn options_are_read_strictly() {
    let options: DecodeOptions = toml::from_str(
        "frames = \"first\"\nalpha = { over = { red = 1, green = 2, blue = 3 } }\n[limits]\nframes = 7\n",
    )
    .unwrap();
    assert_eq!((options.frames, options.limits.frames), (Frames::First, 7));
    assert_eq!(
        options.alpha,
        Alpha::Over {
            red: 1,
            green: 2,
            blue: 3
        }
    );
    assert_eq!(options.limits.pixels, Limits::default().pixels);
    assert!(toml::from_str::<DecodeOptions>("frame = 1").is_err());
    assert!(toml::from_str::<DecodeOptions>("[limits]\npixel = 1").is_err());
}

/// Decodes under changed limits and returns the limit that struck.
fn struck(bytes: &[u8], change: impl Fn(&mut Limits)) -> (LimitKind, u64, u64) {
    let mut options = DecodeOptions::default();
    change(&mut options.limits);
    match take(bytes, &options).1 {
        Err(DecodeError::OverLimit {
            limit,
            allowed,
            asked,
        }) => (limit, allowed, asked),
        other => panic!("no limit struck: {other:?}"),
    }
}

const EACH: [&str; 6] = [
    "420.jpg",
    "rgb8.png",
    "still.gif",
    "lossy.webp",
    "rgb24.bmp",
    "rgb8_le.tif",
];

#[test]
fn the_limit_of_file_bytes_strikes() {
    for name in EACH {
        let bytes = file(name);
        let length = bytes.len() as u64;
        assert_eq!(
            struck(&bytes, |l| l.file_bytes = length - 1),
            (LimitKind::FileBytes, length - 1, length)
        );
    }
}

#[test]
fn the_limit_of_width_strikes() {
    for name in EACH {
        assert_eq!(
            struck(&file(name), |l| l.width = 35),
            (LimitKind::Width, 35, 36),
            "{name}"
        );
    }
}

#[test]
fn the_limit_of_height_strikes() {
    for name in EACH {
        assert_eq!(
            struck(&file(name), |l| l.height = 25),
            (LimitKind::Height, 25, 26),
            "{name}"
        );
    }
}

#[test]
fn the_limit_of_pixels_strikes() {
    for name in EACH {
        assert_eq!(
            struck(&file(name), |l| l.pixels = 935),
            (LimitKind::Pixels, 935, 936),
            "{name}"
        );
    }
}

#[test]
fn the_limit_of_decoder_bytes_strikes() {
    for name in EACH {
        let (limit, allowed, asked) = struck(&file(name), |l| l.decoder_bytes = 936);
        assert_eq!((limit, allowed), (LimitKind::DecoderBytes, 936), "{name}");
        assert!(asked >= 2808, "{name}: {asked}");
    }
}

#[test]
fn the_limit_of_frames_strikes_behind_the_frames_it_allows() {
    for name in ["animated.png", "animated.gif", "animated.webp"] {
        assert_eq!(
            struck(&file(name), |l| l.frames = 3),
            (LimitKind::Frames, 3, 5),
            "{name}"
        );
        let mut options = DecodeOptions::default();
        options.limits.frames = 3;
        assert_eq!(take(&file(name), &options).0.len(), 3, "{name}");
        options.frames = Frames::First;
        assert!(take(&file(name), &options).1.is_ok(), "{name}");
    }
    assert_eq!(
        struck(&file("pages.tif"), |l| l.frames = 2),
        (LimitKind::Frames, 2, 3)
    );
    assert_eq!(
        struck(&file("animated_apart.png"), |l| l.frames = 5),
        (LimitKind::Frames, 5, 6)
    );
    assert_eq!(
        struck(&file("420.jpg"), |l| l.frames = 0),
        (LimitKind::Frames, 0, 1)
    );
}

#[test]
fn the_limit_of_total_pixels_strikes_behind_the_frames_it_allows() {
    for name in ["animated.png", "animated.gif", "animated.webp"] {
        let limit = (LimitKind::TotalPixels, 2500, 2808);
        assert_eq!(
            struck(&file(name), |l| l.total_pixels = 2500),
            limit,
            "{name}"
        );
        let mut options = DecodeOptions::default();
        options.limits.total_pixels = 2500;
        assert_eq!(take(&file(name), &options).0.len(), 2, "{name}");
    }
    assert_eq!(
        struck(&file("420.jpg"), |l| l.total_pixels = 9),
        (LimitKind::TotalPixels, 9, 936)
    );
}

/// A small file that claims 60000 by 60000 pixels (16384 by 16384 where the format ends there).
#[test]
fn a_small_file_that_claims_a_huge_picture_is_refused() {
    let mut limits_struck = Vec::new();
    for name in EACH {
        let mut bytes = file(name);
        let big = 60_000_u16;
        match name {
            "420.jpg" => {
                let at = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
                bytes[at + 5..at + 7].copy_from_slice(&big.to_be_bytes());
                bytes[at + 7..at + 9].copy_from_slice(&big.to_be_bytes());
            }
            "rgb8.png" => {
                // With its checksum.
                bytes.splice(
                    16..33,
                    [
                        0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, 8, 2, 0, 0, 0, 0x0F, 0xB0, 0xE2, 0x15,
                    ],
                );
            }
            "still.gif" => {
                bytes[6..8].copy_from_slice(&big.to_le_bytes());
                bytes[8..10].copy_from_slice(&big.to_le_bytes());
            }
            "lossy.webp" => bytes[26..30].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]),
            "rgb24.bmp" => {
                bytes[18..22].copy_from_slice(&u32::from(big).to_le_bytes());
                bytes[22..26].copy_from_slice(&u32::from(big).to_le_bytes());
            }
            _ => {
                // The first two entries of the first directory are width and height.
                bytes[18..22].copy_from_slice(&u32::from(big).to_le_bytes());
                bytes[30..34].copy_from_slice(&u32::from(big).to_le_bytes());
            }
        }
        bytes.truncate(bytes.len().min(1000));
        match first(&bytes).unwrap_err() {
            DecodeError::OverLimit { limit, .. } => limits_struck.push(limit),
            other => panic!("{name}: {other}"),
        }
    }
    assert!(
        limits_struck
            .iter()
            .all(|l| matches!(l, LimitKind::Width | LimitKind::Pixels))
    );
}

/// A little-endian TIFF of 16x8 grey pixels whose directory has these entries (tag, type, count, value or place).
fn tiff(entries: &[(u16, u16, u32, u32)], more: &[u8]) -> Vec<u8> {
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for &(tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(more);
    file
}

#[test]
fn strips_that_lie_over_one_another_cost_no_more_than_the_file_is_long() {
    // 200,000 strips of JPEG data, all the same 100 KiB: 20 GB to look at, of a file of 1.7 MB.
    let count = 200_000_u32;
    let shape = [
        (256, 4, 1, 16),
        (257, 4, 1, 8),
        (258, 3, 1, 8),
        (259, 3, 1, 7),
    ];
    let tables = 8 + 2 + 12 * 7 + 4;
    let strips = [
        (262, 3, 1, 1),
        (273, 4, count, tables),
        (279, 4, count, tables + 4 * count),
    ];
    let data = tables + 8 * count;
    let mut more = Vec::new();
    for value in [data, 100 << 10] {
        more.extend(value.to_le_bytes().repeat(count as usize));
    }
    more.extend(b"\xff\xd8");
    more.extend(vec![0; 100 << 10]);
    let file = tiff(&[&shape[..], &strips].concat(), &more);
    let error = decode(&file, &DecodeOptions::default()).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::Malformed { .. } | DecodeError::Truncated { .. }
        ),
        "{error}"
    );
    // More strips than any picture has rows are refused before they are listed.
    let count = (1 << 20) + 1_u32;
    let strips = [(262, 3, 1, 1), (273, 1, count, 8), (279, 1, count, 8)];
    let file = tiff(&[&shape[..], &strips].concat(), &vec![0; 2 << 20]);
    let error = decode(&file, &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("more strips"), "{error}");
}
