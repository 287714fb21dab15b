//! The promises of synthetic pictures: the same bytes for ever, something to hash in each, no size that breaks them.

use std::collections::HashMap;

use hashsieve::synthetic::{
    Alteration, FileFormat, MAX_SIDE, Scene, alter, altered_file, encode, picture,
};
use hashsieve::{HashKind, PixelBuffer, PixelFormat, digest};
use proptest::prelude::*;

#[path = "support/golden_pictures.rs"]
mod golden_pictures;

const LAYOUTS: [PixelFormat; 4] = [
    PixelFormat::Luma8,
    PixelFormat::LumaAlpha8,
    PixelFormat::Rgb8,
    PixelFormat::Rgba8,
];

fn sha256(bytes: &[u8]) -> String {
    digest::of(bytes, &[HashKind::Sha256])[0].to_hex()
}

/// What the oracle said: picture to (sha256 of its pixels, quality).
fn golden() -> HashMap<String, (String, u8)> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_path(golden_pictures::data("golden.csv"))
        .unwrap();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let quality = record[3].parse().unwrap();
            (record[0].to_owned(), (record[1].to_owned(), quality))
        })
        .collect()
}

fn listed() -> Vec<golden_pictures::GoldenPicture> {
    golden_pictures::list(&golden_pictures::data("pictures.csv")).unwrap()
}

/// What was written down when the generator was made: name to SHA-256 of the pixels.
fn pinned() -> HashMap<String, String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/synthetic/pinned.csv"
    );
    let rows = csv::Reader::from_path(path).unwrap().into_deserialize();
    rows.map(Result::unwrap).collect()
}

/// Digests written down when the generator was made. They change only together with the golden data.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let pinned = pinned();
    for scene in Scene::ALL {
        let name = format!("scene {}", scene.name());
        let pixels = picture(scene, 42, 301, 199, PixelFormat::Rgb8);
        assert_eq!(
            pinned.get(&name),
            Some(&sha256(pixels.as_bytes())),
            "{name}"
        );
    }
}

/// JPEG and GIF are left out: their pixels are their codecs' own. Resizing is the `image` crate's, so a failure of
/// those lines alone, after an update, means that its resampling changed.
#[test]
fn the_same_alteration_and_seed_give_the_same_bytes() {
    let original = picture(Scene::DeadLeaves, 42, 301, 199, PixelFormat::Rgb8);
    let altered: Vec<(String, String)> = Alteration::STANDARD
        .into_iter()
        .filter(|alteration| !alteration.is_format_change())
        .map(|alteration| {
            let pixels = alter(&original, alteration, 42).unwrap();
            (alteration.name(), sha256(pixels.as_bytes()))
        })
        .collect();
    let pinned = pinned();
    for (name, digest) in &altered {
        assert_eq!(pinned.get(name), Some(digest), "{name}");
    }
    assert_eq!(pinned.len(), Scene::ALL.len() + altered.len());
}

#[test]
fn the_golden_pictures_are_those_that_the_oracle_hashed() {
    let golden = golden();
    let listed = listed();
    assert_eq!(listed.len(), golden.len());
    for one in listed {
        let pixels = one.pixels().unwrap();
        assert_eq!(
            sha256(pixels.as_bytes()),
            golden[&one.id].0,
            "{}: {} with seed {}",
            one.id,
            one.scene.name(),
            one.seed
        );
    }
}

#[test]
fn flat_pictures_fail_the_quality_gate_and_full_ones_of_256_pixels_pass_it() {
    let golden = golden();
    let mut seen = [0; 2];
    for one in listed() {
        let quality = golden[&one.id].1;
        if one.scene == Scene::Flat {
            assert!(quality < 50, "{}: {quality}", one.id);
            seen[0] += 1;
        } else if one.contrast == 0 && one.width.min(one.height) >= 256 {
            assert!(quality >= 50, "{}: {quality}", one.id);
            seen[1] += 1;
        }
    }
    assert!(seen[0] >= 4 && seen[1] >= 10, "{seen:?}");
}

#[test]
fn flat_pictures_leave_their_colour_by_one_step_at_most() {
    for seed in 0..50 {
        let pixels = picture(Scene::Flat, seed, 64, 64, PixelFormat::Luma8);
        let (low, high) = (
            pixels.as_bytes().iter().min(),
            pixels.as_bytes().iter().max(),
        );
        assert!(high.unwrap() - low.unwrap() <= 2, "seed {seed}");
    }
}

#[test]
fn layouts_with_alpha_are_the_others_made_opaque() {
    for scene in Scene::ALL {
        for (plain, with_alpha) in [(LAYOUTS[0], LAYOUTS[1]), (LAYOUTS[2], LAYOUTS[3])] {
            let opaque: Vec<u8> = picture(scene, 4, 33, 20, plain)
                .as_bytes()
                .chunks_exact(plain.bytes_per_pixel())
                .flat_map(|pixel| pixel.iter().copied().chain([255]))
                .collect();
            assert_eq!(picture(scene, 4, 33, 20, with_alpha).as_bytes(), opaque);
        }
    }
}

#[test]
fn different_seeds_give_different_pictures() {
    for scene in Scene::ALL {
        let first = picture(scene, 1, 64, 48, PixelFormat::Luma8);
        assert_ne!(
            first,
            picture(scene, 2, 64, 48, PixelFormat::Luma8),
            "{}",
            scene.name()
        );
        assert_eq!(Scene::from_name(scene.name()), Some(scene));
    }
    assert_eq!(Scene::from_name("Flat"), None);
}

#[test]
fn a_side_of_zero_or_beyond_the_bound_is_refused_before_any_work() {
    for (width, height) in [(0, 5), (5, 0), (MAX_SIDE + 1, 1), (1, u32::MAX)] {
        let made =
            std::panic::catch_unwind(|| picture(Scene::Flat, 1, width, height, PixelFormat::Luma8));
        assert!(made.is_err(), "{width}x{height}");
    }
}

fn check_every_scene(seed: u64, width: u32, height: u32) -> Vec<PixelBuffer> {
    let mut pictures = Vec::new();
    for scene in Scene::ALL {
        for layout in LAYOUTS {
            let made = picture(scene, seed, width, height, layout);
            assert_eq!(
                (made.width(), made.height(), made.format()),
                (width, height, layout)
            );
            pictures.push(made);
        }
    }
    pictures
}

#[test]
fn the_longest_and_thinnest_pictures_are_made() {
    for (width, height) in [
        (1, 1),
        (1, 500),
        (500, 1),
        (2, 3000),
        (MAX_SIDE, 1),
        (1, MAX_SIDE),
    ] {
        check_every_scene(1, width, height);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_size_makes_a_scene_an_alteration_or_an_encoder_panic(
        seed in any::<u64>(),
        width in 1_u32..40,
        height in 1_u32..40,
    ) {
        for made in check_every_scene(seed, width, height) {
            for alteration in Alteration::STANDARD {
                let altered = alter(&made, alteration, seed).unwrap();
                prop_assert_eq!(altered.format(), made.format());
            }
            for format in FileFormat::ALL {
                prop_assert!(!encode(&made, format).unwrap().is_empty());
            }
        }
    }

    #[test]
    fn no_degree_of_an_alteration_panics(
        seed in any::<u64>(),
        percent in any::<i8>(),
        byte in any::<u8>(),
        scale in 0_u16..400,
    ) {
        let made = picture(Scene::OneOverF, seed, 21, 9, PixelFormat::Rgba8);
        for alteration in [
            Alteration::Jpeg { quality: byte },
            Alteration::Resize { percent: scale },
            Alteration::Brightness { percent },
            Alteration::Contrast { percent },
            Alteration::Noise { amplitude: byte },
        ] {
            prop_assert!(alter(&made, alteration, seed).is_ok());
            prop_assert!(altered_file(&made, alteration, seed).is_ok());
        }
    }
}
