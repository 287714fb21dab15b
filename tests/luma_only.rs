//! The opt-in profile `pdq-jpeg-luma-1`: only where it was asked for and only where it is what was done, and then named
//! in every record.

use std::fs;
use std::path::Path;

use hashsieve::synthetic::{FileFormat, Scene, encode, picture};
use hashsieve::{
    DecodeOptions, Decoder, Entry, Index, IndexBuilder, ListDescriptor, PDQ_PROFILE,
    PDQ_PROFILE_JPEG_LUMA, PdqHash, PdqHasher, PixelFormat, Policy, Screener, Status,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde_json::Value;

const LUMA_ONLY: DecodeOptions = DecodeOptions {
    apply_exif_orientation: false,
    alpha: hashsieve::Alpha::Ignore,
    frames: hashsieve::Frames::AllDistinct,
    jpeg_luma_only: true,
    limits: hashsieve::Limits {
        file_bytes: 1 << 20,
        width: 512,
        height: 512,
        pixels: 1 << 18,
        decoder_bytes: 1 << 26,
        frames: 1,
        total_pixels: 1 << 18,
    },
};

/// A file of every kind with the profile it is hashed by when luma alone is asked for.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let colour = picture(Scene::DeadLeaves, 5, 200, 160, PixelFormat::Rgb8);
    let grey = picture(Scene::DeadLeaves, 5, 200, 160, PixelFormat::Luma8);
    let jpeg = |colours, sampling, progressive| {
        let samples = match colours {
            ColorType::Cmyk | ColorType::CmykAsYcck => {
                let pixels = colour.as_bytes().chunks_exact(3);
                pixels.flat_map(|p| [p[0], p[1], p[2], 30]).collect()
            }
            _ => colour.as_bytes().to_vec(),
        };
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 85);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        encoder.encode(&samples, 200, 160, colours).unwrap();
        file
    };
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_1};
    let mut adobe_rgb = jpeg(ColorType::Rgb, F_1_1, false);
    // Behind the start marker: an Adobe segment that says the three components are not transformed.
    let segment = b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0";
    adobe_rgb.splice(2..2, segment.iter().copied());
    let mut rgb_ids = jpeg(ColorType::Rgb, F_1_1, false);
    rename_components(&mut rgb_ids, *b"RGB");
    let (luma, exact) = (PDQ_PROFILE_JPEG_LUMA, PDQ_PROFILE);
    vec![
        ("444.jpg", jpeg(ColorType::Rgb, F_1_1, false), luma),
        ("422.jpg", jpeg(ColorType::Rgb, F_2_1, false), luma),
        ("420.jpg", jpeg(ColorType::Rgb, F_2_2, false), luma),
        ("progressive.jpg", jpeg(ColorType::Rgb, F_2_2, true), luma),
        ("440.jpg", jpeg(ColorType::Rgb, F_1_2, false), exact),
        ("411.jpg", jpeg(ColorType::Rgb, F_4_1, false), exact),
        ("cmyk.jpg", jpeg(ColorType::Cmyk, F_1_1, false), exact),
        ("ycck.jpg", jpeg(ColorType::CmykAsYcck, F_1_1, false), exact),
        ("adobe_rgb.jpg", adobe_rgb, exact),
        ("rgb_ids.jpg", rgb_ids, exact),
        (
            "grey.jpg",
            encode(&grey, FileFormat::Jpeg { quality: 85 }).unwrap(),
            exact,
        ),
        (
            "colour.png",
            encode(&colour, FileFormat::Png).unwrap(),
            exact,
        ),
        (
            "colour.webp",
            encode(&colour, FileFormat::WebP).unwrap(),
            exact,
        ),
    ]
}

/// Gives the three components of a JPEG other identifiers, in the frame header and the scan header.
fn rename_components(file: &mut [u8], names: [u8; 3]) {
    let find = |file: &[u8], marker| file.windows(2).position(|w| w == [0xFF, marker]).unwrap();
    let (frame, scan) = (find(file, 0xC0), find(file, 0xDA));
    for (index, name) in names.into_iter().enumerate() {
        file[frame + 10 + 3 * index] = name;
        file[scan + 5 + 2 * index] = name;
    }
}

/// The hash, format of the pixels, and whether they are luma alone.
fn hash(file: &[u8], options: DecodeOptions) -> (PdqHash, PixelFormat, bool) {
    let mut hashes = Vec::new();
    let mut hasher = PdqHasher::new();
    Decoder::new(options)
        .for_each_frame(file, |frame| {
            let hash = hasher.hash(&frame.pixels).unwrap();
            hashes.push((hash, frame.pixels.format(), frame.luma_only));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(hashes.len(), 1);
    hashes[0]
}

#[test]
fn only_stored_luma_is_called_luma_only_and_everything_else_stays_exact() {
    for (name, file, profile) in files() {
        let exact = hash(&file, DecodeOptions::default());
        let asked = hash(&file, LUMA_ONLY);
        assert!(!exact.2, "{name}");
        assert_eq!(asked.2, profile == PDQ_PROFILE_JPEG_LUMA, "{name}");
        if asked.2 {
            assert_eq!(
                (exact.1, asked.1),
                (PixelFormat::Rgb8, PixelFormat::Luma8),
                "{name}"
            );
            assert!(exact.0.hash.distance(&asked.0.hash) <= 8, "{name}");
        } else {
            assert_eq!(exact, asked, "{name}");
        }
    }
}

fn index(directory: &Path) -> Index {
    let path = directory.join("list.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder
        .add_list(ListDescriptor {
            name: "list".into(),
            ..ListDescriptor::default()
        })
        .unwrap();
    let mut entry = Entry::new("entry");
    let files = files();
    entry.add_hash(hash(&files[0].1, DecodeOptions::default()).0.hash.into());
    builder.add(list, &entry).unwrap();
    builder.finish().unwrap();
    Index::open(&path).unwrap()
}

#[test]
fn a_verdict_and_its_evidence_name_the_profile_that_was_used() {
    let directory = tempfile::tempdir().unwrap();
    let screener =
        Screener::with_decode_options(vec![index(directory.path())], Policy::default(), LUMA_ONLY)
            .unwrap();
    for (name, file, profile) in files() {
        let verdict = screener.screen(&file);
        assert_eq!(verdict.profile, Some(profile), "{name}");
        assert_eq!(
            screener.evidence(&file, verdict).profile,
            Some(profile),
            "{name}"
        );
    }
    let verdict = screener.screen(b"no picture");
    assert_eq!(
        (verdict.status, verdict.profile),
        (Status::Unsupported, None)
    );
    let colour = picture(Scene::DeadLeaves, 5, 200, 160, PixelFormat::Rgb8);
    assert_eq!(
        screener.screen_pixels(&colour.as_pixels()).profile,
        Some(PDQ_PROFILE)
    );
}

#[test]
fn every_record_of_the_program_names_the_profile_that_was_used() {
    let directory = tempfile::tempdir().unwrap();
    drop(index(directory.path()));
    let files = files();
    for (name, file, _) in &files {
        fs::write(directory.path().join(name), file).unwrap();
    }
    let run = |arguments: &[&str]| {
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_hashsieve"))
            .current_dir(directory.path())
            .args(arguments)
            .arg("--luma-only")
            .args(files.iter().map(|(name, _, _)| name))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let scan = ["scan", "--against", "list.hsv", "--format"];
    for command in [&["hash", "--format"][..], &scan[..]] {
        let text = run(&[command, &["text"]].concat());
        let json = run(&[command, &["json"]].concat());
        let csv = run(&[command, &["csv"]].concat());
        assert_eq!(text.lines().count(), files.len());
        assert_eq!(json.lines().count(), files.len());
        let mut table = csv::Reader::from_reader(csv.as_bytes());
        let columns = table.headers().unwrap().clone();
        let column = columns.iter().position(|name| name == "profile").unwrap();
        let rows = table.records().map(Result::unwrap);
        let lines = text.lines().zip(json.lines()).zip(rows);
        for (((text, json), row), (name, _, profile)) in lines.zip(&files) {
            let json: Value = serde_json::from_str(json).unwrap();
            assert_eq!(
                (&json["path"], &json["profile"]),
                (&(*name).into(), &(*profile).into())
            );
            assert_eq!((&row[0], &row[column]), (*name, *profile));
            // The usual one goes without saying, as the tools that read these lines expect.
            assert_eq!(
                text.contains(PDQ_PROFILE_JPEG_LUMA),
                *profile == PDQ_PROFILE_JPEG_LUMA,
                "{text}"
            );
        }
    }
    run(&["scan", "--against", "list.hsv", "--evidence", "evidence"]);
    let evidence = fs::read_to_string(directory.path().join("evidence")).unwrap();
    let first: Value = serde_json::from_str(evidence.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["path"], &first["profile"]),
        (&"444.jpg".into(), &PDQ_PROFILE_JPEG_LUMA.into())
    );
}
