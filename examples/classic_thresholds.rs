//! Measures the classic hashes on synthetic pictures, and from that the thresholds that the library recommends: how near
//! hashes of unrelated pictures come, how far those of altered copies go, and which pictures are flagged as empty.
//!
//! ```text
//! cargo run --release --example classic_thresholds
//! ```
//!
//! Takes some two minutes on two cores. The rule: a third of the smallest distance between unrelated pictures, at most a
//! sixteenth of the bits, and at most the distance within which less than one of ten thousand queries would find
//! anything among a million random hashes. Flagged hashes take no part, since they are not looked up.
#![allow(clippy::print_stdout, reason = "the output is the point")]

use hashsieve::synthetic::{Alteration, Scene, alter, picture};
use hashsieve::{ClassicHash, ClassicHasher, ClassicKind, HashValue, PixelBuffer, PixelFormat};
use rayon::prelude::*;

/// The scenes that show something.
const SCENES: [Scene; 5] = [
    Scene::OneOverF,
    Scene::DeadLeaves,
    Scene::Gradient,
    Scene::LineArt,
    Scene::TextBlocks,
];
/// Pictures of each scene; those of the last seeds are altered as well.
const SEEDS: u64 = 80;
const ALTERED_FROM: u64 = 68;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pictures: Vec<_> = SCENES
        .iter()
        .flat_map(|&scene| (0..SEEDS).map(move |seed| (seed, scene_picture(scene, seed))))
        .collect();
    let originals: Vec<_> = pictures.par_iter().map(|(_, one)| hashes(one)).collect();
    let altered: Vec<_> = pictures
        .par_iter()
        .zip(&originals)
        .filter(|((seed, _), _)| *seed >= ALTERED_FROM)
        .flat_map_iter(|((seed, one), original)| {
            let copies = Alteration::STANDARD.into_iter().filter(is_upright);
            copies.map(move |alteration| {
                let copy = alter(one, alteration, *seed).expect("the sides are short");
                (original, hashes(&copy))
            })
        })
        .collect();

    println!(
        "{} unrelated pictures, {} altered copies",
        pictures.len(),
        altered.len()
    );
    println!(
        "kind                          bits  nearest  threshold  copies within  p50 p90 p99  flagged"
    );
    for (index, kind) in ClassicKind::ALL.into_iter().enumerate() {
        let looked_up: Vec<HashValue> = originals
            .iter()
            .filter(|hashes| !hashes[index].degenerate)
            .map(|hashes| hashes[index].value)
            .collect();
        let nearest = (0..looked_up.len())
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| distance(&looked_up[a], &looked_up[b]))
            .min()
            .unwrap_or(0);
        let mut copies: Vec<u32> = altered
            .iter()
            .map(|(original, copy)| (&original[index], &copy[index]))
            .filter(|(original, copy)| !original.degenerate && !copy.degenerate)
            .map(|(original, copy)| distance(&original.value, &copy.value))
            .collect();
        copies.sort_unstable();
        let at = |percent: usize| copies[(copies.len() - 1) * percent / 100];
        let threshold = (nearest / 3).min(kind.bits() / 16).min(random_limit(kind));
        let within = copies.iter().filter(|&&one| one <= threshold).count();
        println!(
            "{:<28}  {:4}  {nearest:7}  {threshold:9}  {:11.1} %  {:3} {:3} {:3}  {:5.1} %",
            kind.name(),
            kind.bits(),
            percent(within, copies.len()),
            at(50),
            at(90),
            at(99),
            percent(originals.len() - looked_up.len(), originals.len()),
        );
        if threshold != kind.recommended_threshold() {
            let recommended = kind.recommended_threshold();
            println!("    the library recommends {recommended}, which is another threshold");
        }
    }

    println!("\npictures without content        flagged, of all hashes");
    for (name, make) in EMPTY {
        let flagged: usize = (0..20)
            .into_par_iter()
            .map(|seed| {
                hashes(&make(seed))
                    .iter()
                    .filter(|one| one.degenerate)
                    .count()
            })
            .sum();
        println!(
            "{name:<30}  {:5.1} %",
            percent(flagged, 20 * ClassicKind::ALL.len())
        );
    }
    Ok(())
}

fn scene_picture(scene: Scene, seed: u64) -> PixelBuffer {
    let (width, height) = [(320, 240), (240, 320), (256, 256), (400, 200)][(seed % 4) as usize];
    picture(scene, seed, width, height, PixelFormat::Rgb8)
}

/// Classic hashes are not made to survive rotation and reflection.
fn is_upright(alteration: &Alteration) -> bool {
    use Alteration::{FlipX, FlipY, Rotate90, Rotate180, Rotate270};
    !matches!(alteration, Rotate90 | Rotate180 | Rotate270 | FlipX | FlipY)
}

fn hashes(one: &PixelBuffer) -> Vec<ClassicHash> {
    let hashes = ClassicHasher::new().hashes(&one.as_pixels(), &ClassicKind::ALL);
    let hashes: Result<Vec<_>, _> = hashes.into_iter().collect();
    hashes.expect("the sides are long enough")
}

fn distance(a: &HashValue, b: &HashValue) -> u32 {
    a.distance(b).expect("both are of one kind")
}

/// Returns the largest distance within which less than one in ten thousand queries finds one of a million random hashes.
fn random_limit(kind: ClassicKind) -> u32 {
    let mut within = 0.0;
    let mut at_distance = 1.0;
    for distance in 0..kind.bits() {
        within += at_distance;
        if within * 1e6 / f64::from(kind.bits()).exp2() >= 1e-4 {
            return distance.saturating_sub(1);
        }
        at_distance *= f64::from(kind.bits() - distance) / f64::from(distance + 1);
    }
    kind.bits()
}

#[allow(clippy::cast_precision_loss, reason = "counts of pictures are small")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

type Maker = fn(u64) -> PixelBuffer;

/// Pictures of which no hash should be looked up.
const EMPTY: [(&str, Maker); 8] = [
    ("one colour", |seed| scene_picture(Scene::Flat, seed)),
    ("one colour, JPEG", |seed| {
        jpeg(&scene_picture(Scene::Flat, seed))
    }),
    ("one colour, noise", |seed| {
        noise(&scene_picture(Scene::Flat, seed), seed)
    }),
    ("one colour, noise, JPEG", |seed| {
        jpeg(&noise(&scene_picture(Scene::Flat, seed), seed))
    }),
    ("ramp across", |seed| ramp(seed, false)),
    ("ramp down, JPEG", |seed| jpeg(&ramp(seed, true))),
    ("ramp across, noise, JPEG", |seed| {
        jpeg(&noise(&ramp(seed, false), seed))
    }),
    ("page with text in one corner", |seed| {
        let full = scene_picture(Scene::TextBlocks, seed);
        let corner = |x, y| x < full.width() / 3 && y < full.height() / 3;
        from(full.width(), full.height(), |x, y| {
            let at = (y * full.width() + x) as usize * 3;
            if corner(x, y) {
                full.as_bytes()[at]
            } else {
                255
            }
        })
    }),
];

fn jpeg(one: &PixelBuffer) -> PixelBuffer {
    alter(one, Alteration::Jpeg { quality: 50 }, 0).expect("the sides are short")
}

fn noise(one: &PixelBuffer, seed: u64) -> PixelBuffer {
    alter(one, Alteration::Noise { amplitude: 6 }, seed).expect("the sides are short")
}

fn ramp(seed: u64, down: bool) -> PixelBuffer {
    let (from_value, to_value) = (
        (seed * 67 % 256) as u32,
        u32::try_from((seed * 151 + 40) % 256).unwrap_or(0),
    );
    from(320, 240, |x, y| {
        let (at, of) = if down { (y, 240) } else { (x, 320) };
        u8::try_from((from_value * (of - at) + to_value * at) / of).unwrap_or(u8::MAX)
    })
}

fn from(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> PixelBuffer {
    let bytes = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let bytes = bytes.flat_map(|(x, y)| [value(x, y); 3]).collect();
    PixelBuffer::new(PixelFormat::Rgb8, width, height, bytes).expect("three bytes for each pixel")
}
