//! Measures how far hashes of the profile `pdq-jpeg-luma-1` are from the exact ones, on synthetic pictures.
//!
//! ```text
//! cargo run --release --example luma_drift -- [SEEDS]
//! ```
//!
//! With 20 seeds, the default, these are 600 pictures: five scenes in six sizes. Each is written as a colour JPEG of four
//! qualities and three samplings, and both profiles hash the file. The tables count the distances between the two hashes
//! where the exact one is of quality 50 or more, below which hashes are not matched. The figures are the same on every
//! machine; the run takes some minutes.
#![allow(clippy::print_stdout, reason = "the tables are the result")]

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;

use hashsieve::synthetic::{Scene, picture};
use hashsieve::{
    DecodeOptions, Decoder, PDQ_RECOMMENDED_MIN_QUALITY, PdqHash, PdqHasher, PixelFormat,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;

const SCENES: [Scene; 5] = [
    Scene::OneOverF,
    Scene::DeadLeaves,
    Scene::Gradient,
    Scene::LineArt,
    Scene::TextBlocks,
];
const SIZES: [(u16, u16); 6] = [
    (64, 48),
    (128, 128),
    (320, 240),
    (512, 512),
    (1023, 767),
    (2000, 1500),
];
const QUALITIES: [u8; 4] = [50, 75, 88, 95];
const SAMPLINGS: [(&str, SamplingFactor); 3] = [
    ("4:4:4", SamplingFactor::F_1_1),
    ("4:2:2", SamplingFactor::F_2_1),
    ("4:2:0", SamplingFactor::F_2_2),
];

/// One file hashed both ways.
struct Pair {
    scene: Scene,
    size: usize,
    quality: usize,
    sampling: usize,
    exact: PdqHash,
    luma: PdqHash,
}

fn main() -> Result<(), Box<dyn Error>> {
    let seeds: u64 = std::env::args()
        .nth(1)
        .map_or(Ok(20), |text| text.parse())?;
    let mut wanted = Vec::new();
    for size in 0..SIZES.len() {
        for scene in SCENES {
            wanted.extend((0..seeds).map(|seed| (size, scene, seed)));
        }
    }
    let pairs: Result<Vec<Vec<Pair>>, String> = wanted
        .par_iter()
        .map(|&(size, scene, seed)| pairs_of(size, scene, seed).map_err(|error| error.to_string()))
        .collect();
    let pairs: Vec<Pair> = pairs?.into_iter().flatten().collect();
    let (sound, low): (Vec<_>, Vec<_>) = pairs
        .into_iter()
        .partition(|pair| pair.exact.quality >= PDQ_RECOMMENDED_MIN_QUALITY);
    println!(
        "{} pictures, {} files of quality {PDQ_RECOMMENDED_MIN_QUALITY} or more, {} of less\n",
        wanted.len(),
        sound.len(),
        low.len()
    );
    println!(
        "files           pairs  distance 0      2      4      6      8    more    mean  largest"
    );
    let name_of_size = |pair: &Pair| format!("{:>4}x{}", SIZES[pair.size].0, SIZES[pair.size].1);
    rows(&sound, |_| "all".to_owned());
    rows(&sound, |pair| pair.scene.name().to_owned());
    rows(&sound, name_of_size);
    rows(&sound, |pair| {
        format!("quality {}", QUALITIES[pair.quality])
    });
    rows(&sound, |pair| SAMPLINGS[pair.sampling].0.to_owned());
    let change = |pair: &Pair| pair.exact.quality.abs_diff(pair.luma.quality);
    let largest = sound.iter().map(change).max().unwrap_or(0);
    println!("\nlargest difference of the two qualities: {largest}");
    Ok(())
}

/// Hashes one picture in all its files.
fn pairs_of(size: usize, scene: Scene, seed: u64) -> Result<Vec<Pair>, Box<dyn Error>> {
    let (width, height) = SIZES[size];
    let picture = picture(scene, seed, width.into(), height.into(), PixelFormat::Rgb8);
    let mut exact = Decoder::new(DecodeOptions::default());
    let mut luma = Decoder::new(DecodeOptions {
        jpeg_luma_only: true,
        ..DecodeOptions::default()
    });
    let mut hasher = PdqHasher::new();
    let mut hash = |decoder: &mut Decoder, file: &[u8], luma_only: bool| {
        let mut found = Err("no frame was hashed as it was to be".into());
        decoder.for_each_frame(file, |frame| {
            if frame.luma_only == luma_only {
                found = hasher.hash(&frame.pixels).map_err(Box::<dyn Error>::from);
            }
            ControlFlow::Break(())
        })?;
        found
    };
    let mut pairs = Vec::new();
    for (quality, &level) in QUALITIES.iter().enumerate() {
        for (sampling, &(_, factor)) in SAMPLINGS.iter().enumerate() {
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, level);
            encoder.set_sampling_factor(factor);
            encoder.encode(picture.as_bytes(), width, height, ColorType::Rgb)?;
            pairs.push(Pair {
                scene,
                size,
                quality,
                sampling,
                exact: hash(&mut exact, &file, false)?,
                luma: hash(&mut luma, &file, true)?,
            });
        }
    }
    Ok(pairs)
}

/// Prints a row for each name, by name.
fn rows(pairs: &[Pair], name: impl Fn(&Pair) -> String) {
    let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for pair in pairs {
        let distance = pair.exact.hash.distance(&pair.luma.hash);
        groups.entry(name(pair)).or_default().push(distance);
    }
    for (name, distances) in groups {
        let share = |from: u32, to: u32| {
            let within = distances.iter().filter(|&&d| (from..=to).contains(&d));
            format!(
                "{:.1}%",
                100.0 * within.count() as f64 / distances.len() as f64
            )
        };
        let sum: u32 = distances.iter().sum();
        println!(
            "{name:<14} {:>6} {:>11} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7.2} {:>8}",
            distances.len(),
            share(0, 0),
            share(1, 2),
            share(3, 4),
            share(5, 6),
            share(7, 8),
            share(9, 256),
            f64::from(sum) / distances.len() as f64,
            distances.iter().max().unwrap_or(&0),
        );
    }
}
