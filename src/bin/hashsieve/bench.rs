//! `hashsieve bench`: how fast this machine is, on pictures that nobody took.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use hashsieve::synthetic::{Scene, picture};
use hashsieve::{Limits, PdqHasher, PixelBuffer};
use serde::Serialize;

use crate::args::BenchHashArgs;
use crate::failure::{Failure, Outcome};
use crate::report::Report;

/// How often the time is taken; odd, so that the median is one of the times.
const REPETITIONS: u32 = 9;

/// The figures, in the order and with the names of the JSON.
#[derive(Serialize)]
struct Figures {
    size: String,
    pixel_format: &'static str,
    level: &'static str,
    threads: u16,
    megapixels_per_second: f64,
    microseconds_per_hash: f64,
}

/// What one thread hashes, and with what.
struct Worker {
    picture: PixelBuffer,
    hasher: PdqHasher,
}

pub(crate) fn hash(arguments: &BenchHashArgs) -> Result<Outcome, Failure> {
    let (size, format) = (arguments.size, arguments.format);
    let limit = Limits::default().pixels;
    if size.pixels() * u64::from(arguments.threads) > limit {
        return Err(Failure(format!(
            "{} threads with a picture of {size} each are more than {limit} pixels together",
            arguments.threads
        )));
    }
    let mut workers = Vec::new();
    for number in 0..arguments.threads {
        let seed = arguments.seed.wrapping_add(number.into());
        let mut worker = Worker {
            picture: picture(Scene::DeadLeaves, seed, size.width, size.height, format),
            hasher: PdqHasher::with_level(arguments.level),
        };
        // The warm-up: it takes the hasher's memory, and says whether pictures of this size have a hash at all.
        let warm_up = worker.hasher.hash(&worker.picture.as_pixels());
        warm_up.map_err(|error| Failure(error.to_string()))?;
        workers.push(worker);
    }
    let seconds_per_repetition = arguments.seconds / f64::from(REPETITIONS);
    let one = time(&mut workers, 1).as_secs_f64().max(1e-9);
    let hashes = whole(seconds_per_repetition / one).max(1);
    let mut times: Vec<Duration> = (0..REPETITIONS)
        .map(|_| time(&mut workers, hashes))
        .collect();
    times.sort_unstable();
    let seconds_per_hash = times[times.len() / 2].as_secs_f64() / f64::from(hashes);
    let pixels = f64::from(size.width) * f64::from(size.height) * f64::from(arguments.threads);
    let figures = Figures {
        size: size.to_string(),
        pixel_format: format.name(),
        level: arguments.level.name(),
        threads: arguments.threads,
        megapixels_per_second: thousandths(pixels / 1e6 / seconds_per_hash),
        microseconds_per_hash: thousandths(seconds_per_hash * 1e6),
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&figures)?;
    } else {
        report.line(&format!(
            "{} {}, level {}, threads {}: {:.1} megapixels a second, {:.1} microseconds a hash",
            figures.size,
            figures.pixel_format,
            figures.level,
            figures.threads,
            figures.megapixels_per_second,
            figures.microseconds_per_hash
        ))?;
    }
    report.finish()?;
    Ok(Outcome::Done)
}

/// Returns how long all threads took until the last had made so many hashes.
fn time(workers: &mut [Worker], hashes: u32) -> Duration {
    let begin = Instant::now();
    thread::scope(|scope| {
        for Worker { picture, hasher } in workers {
            scope.spawn(move || {
                for _ in 0..hashes {
                    // Every picture has had its warm-up: none is too small.
                    let _ = black_box(hasher.hash(&black_box(&*picture).as_pixels()));
                }
            });
        }
    });
    begin.elapsed()
}

/// Returns the whole part of a number that is not negative, or the largest that fits.
fn whole(number: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "this cast saturates, and cutting is wanted"
    )]
    let whole = number as u32;
    whole
}

/// Returns the number with three decimals: more of them are noise.
pub(crate) fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
