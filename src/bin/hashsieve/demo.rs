//! `hashsieve demo`: the main job from one end to the other, on pictures that nobody took.
//!
//! It writes synthetic originals, ordinary alterations of them and other pictures, makes a list of the originals, and
//! then runs the program's own commands, printing each. What is expected is stated before the scan and counted after.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use hashsieve::PixelFormat;
use hashsieve::synthetic::{Alteration, FileFormat, Scene, altered_file, encode, picture};
use rayon::prelude::*;
use serde::Deserialize;

use crate::args::{Arguments, DemoArgs};
use crate::failure::{Failure, Outcome};
use crate::report::Report;

/// How many originals there are of each scene.
const SEEDS: std::ops::Range<u64> = 0..6;
/// Other pictures of each scene, of which none may match.
const STRANGERS: std::ops::Range<u64> = 1000..1040;
/// So many of a hundred altered pictures must be found at the usual threshold, whatever the alteration; of files that
/// hold the very pixels of the original, all. The least is for watermarks on soft gradients, which have few structures
/// beside the watermark, and for turned pictures, which PDQ follows nearly but not exactly.
const FOUND_AT_LEAST: usize = 80;
const SIZE: (u32, u32) = (640, 480);

/// What a scan should say of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A match with the entry of its original.
    Original(u64),
    NoMatch,
    Status(&'static str),
}

/// One file of the demo.
struct Planned {
    path: PathBuf,
    row: String,
    expected: Expected,
    bytes: Vec<u8>,
}

/// The part of a scan's JSON that the table needs.
#[derive(Deserialize)]
struct Scanned {
    path: String,
    status: String,
    matches: Vec<ScannedMatch>,
}

#[derive(Deserialize)]
struct ScannedMatch {
    entry: String,
}

pub(crate) fn run(arguments: &DemoArgs, quiet: bool) -> Result<Outcome, Failure> {
    match &arguments.dir {
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
            let mut content = fs::read_dir(folder).map_err(|error| Failure::at(folder, error))?;
            if content.next().is_some() {
                return Err(Failure::at(folder, "the folder is not empty"));
            }
            demonstrate(folder, quiet)
        }
        None => {
            let folder = tempfile::Builder::new().prefix("hashsieve-demo-").tempdir();
            let folder = folder.map_err(|error| Failure(error.to_string()))?;
            demonstrate(folder.path(), quiet)
        }
    }
}

fn demonstrate(folder: &Path, quiet: bool) -> Result<Outcome, Failure> {
    let mut report = Report::new(None)?;
    let (originals, uploads) = (folder.join("originals"), folder.join("uploads"));
    for folder in [&originals, &uploads] {
        fs::create_dir(folder).map_err(|error| Failure::at(folder, error))?;
    }
    let planned = write_pictures(&originals, &uploads)?;
    report.line(&format!(
        "wrote synthetic pictures into {}: {} to list, {} to scan\n",
        folder.display(),
        original_scenes().count(),
        planned.len()
    ))?;
    let at = |name: &str| folder.join(name).display().to_string();
    // Each command is the program's own, with its output in a file.
    let [list, table, found] = ["list.hsh", "digests.csv", "report.json"].map(at);
    let [index, exact] = ["list.hsv", "digests.hsv"].map(at);
    let map = "kind=kind,hash=hash,id=path";
    let originals = originals.display().to_string();
    let uploads = uploads.display().to_string();
    let commands: [&[&str]; 7] = [
        &["hash", &originals, "-o", &list],
        &[
            "hash",
            &originals,
            "--kinds",
            "md5,sha256",
            "--format",
            "csv",
            "-o",
            &table,
        ],
        &["index", "build", &list, "-o", &index],
        &["index", "build", &table, "--map", map, "-o", &exact],
        &["index", "verify", &index],
        &["index", "info", &exact],
        &[
            "scan",
            &uploads,
            "--against",
            &index,
            "--against",
            &exact,
            "--dihedral",
            "--format",
            "json",
            "-o",
            &found,
        ],
    ];
    let mut last = Outcome::Done;
    for words in commands {
        report.line(&format!("$ hashsieve {}", words.join(" ")))?;
        report.flush()?;
        let words = ["hashsieve"]
            .iter()
            .chain(words)
            .chain(if quiet { &["-q"][..] } else { &[] });
        let parsed =
            Arguments::try_parse_from(words).map_err(|error| Failure(error.to_string()))?;
        last = crate::run(&parsed)?;
        report.line("")?;
    }
    let held = tabulate(Path::new(&found), &planned, &mut report)?;
    report.finish()?;
    Ok(if held && last == Outcome::Matched {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

/// The originals: every scene but the flat one, of several seeds.
fn original_scenes() -> impl Iterator<Item = (u64, Scene)> {
    let scenes = Scene::ALL.into_iter().filter(|&scene| scene != Scene::Flat);
    (0..).zip(scenes.flat_map(|scene| SEEDS.map(move |_| scene)))
}

fn entry_of(number: u64) -> String {
    format!("original-{number:03}.png")
}

fn write_pictures(originals: &Path, uploads: &Path) -> Result<Vec<Planned>, Failure> {
    let message = |error: &dyn std::fmt::Display| Failure(format!("synthetic picture: {error}"));
    let draw = |scene, seed| picture(scene, seed, SIZE.0, SIZE.1, PixelFormat::Rgb8);
    let everything: Vec<(u64, Scene)> = original_scenes().collect();
    let altered = everything.par_iter().map(|&(number, scene)| {
        let original = draw(scene, number);
        let png = encode(&original, FileFormat::Png).map_err(|error| message(&error))?;
        let path = originals.join(entry_of(number));
        fs::write(&path, &png).map_err(|error| Failure::at(&path, error))?;
        let mut planned = vec![Planned {
            path: uploads.join(format!("{number:03}-same-file.dat")),
            row: "same file".to_owned(),
            expected: Expected::Original(number),
            bytes: png,
        }];
        for alteration in Alteration::STANDARD {
            let bytes = altered_file(&original, alteration, number);
            let extension = alteration.file_format().extension();
            planned.push(Planned {
                path: uploads.join(format!("{number:03}-{}.{extension}", alteration.name())),
                row: alteration.name(),
                expected: Expected::Original(number),
                bytes: bytes.map_err(|error| message(&error))?,
            });
        }
        Ok(planned)
    });
    let mut planned: Vec<Planned> = altered
        .collect::<Result<Vec<_>, Failure>>()?
        .into_iter()
        .flatten()
        .collect();
    let scenes = Scene::ALL.into_iter().filter(|&scene| scene != Scene::Flat);
    let strangers: Vec<_> = scenes
        .flat_map(|scene| STRANGERS.map(move |seed| (scene, seed)))
        .collect();
    let strangers = strangers.par_iter().map(|&(scene, seed)| {
        let bytes = encode(&draw(scene, seed), FileFormat::Jpeg { quality: 85 });
        Ok(Planned {
            path: uploads.join(format!("other-{}-{seed}.jpg", scene.name())),
            row: "other pictures".to_owned(),
            expected: Expected::NoMatch,
            bytes: bytes.map_err(|error| message(&error))?,
        })
    });
    planned.extend(strangers.collect::<Result<Vec<_>, Failure>>()?);
    for seed in 0..10 {
        let jpeg = encode(&draw(Scene::Flat, seed), FileFormat::Jpeg { quality: 85 });
        planned.push(Planned {
            path: uploads.join(format!("flat-{seed}.jpg")),
            row: "flat pictures".to_owned(),
            expected: Expected::Status("low_quality"),
            bytes: jpeg.map_err(|error| message(&error))?,
        });
        let mut cut = encode(
            &draw(Scene::DeadLeaves, seed),
            FileFormat::Jpeg { quality: 85 },
        )
        .map_err(|error| message(&error))?;
        cut.truncate(cut.len() * 2 / 3);
        planned.push(Planned {
            path: uploads.join(format!("cut-{seed}.jpg")),
            row: "cut files".to_owned(),
            expected: Expected::Status("truncated"),
            bytes: cut,
        });
    }
    planned.par_iter_mut().try_for_each(|planned| {
        let bytes = std::mem::take(&mut planned.bytes);
        fs::write(&planned.path, bytes).map_err(|error| Failure::at(&planned.path, error))
    })?;
    Ok(planned)
}

/// One row of the table.
#[derive(Default)]
struct Row {
    files: usize,
    right: usize,
    false_matches: usize,
}

/// Prints for every kind of file how many came out as expected, and returns whether all expectations held.
fn tabulate(found: &Path, planned: &[Planned], report: &mut Report) -> Result<bool, Failure> {
    let text = fs::read_to_string(found).map_err(|error| Failure::at(found, error))?;
    let scanned = text
        .lines()
        .map(serde_json::from_str::<Scanned>)
        .map(|line| line.map(|scanned| (scanned.path.clone(), scanned)))
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(|error| Failure::at(found, error))?;
    let mut order: Vec<&str> = Vec::new();
    let mut rows = BTreeMap::<&str, Row>::new();
    for planned in planned {
        if !order.contains(&planned.row.as_str()) {
            order.push(&planned.row);
        }
        let row = rows.entry(&planned.row).or_default();
        row.files += 1;
        let Some(scanned) = scanned.get(&*planned.path.to_string_lossy()) else {
            continue;
        };
        // A list of pictures names its entries by path, so an entry belongs to a picture when it ends with its name.
        let belongs = |found: &ScannedMatch| match planned.expected {
            Expected::Original(number) => found.entry.ends_with(&entry_of(number)),
            _ => false,
        };
        row.false_matches += usize::from(scanned.matches.iter().any(|found| !belongs(found)));
        row.right += usize::from(match planned.expected {
            Expected::Original(_) => scanned.matches.iter().any(belongs),
            Expected::NoMatch => scanned.status == "no_match",
            Expected::Status(status) => scanned.status == status,
        });
    }
    report.line("kind of file        expected     at least        found  false matches")?;
    let mut held = scanned.len() == planned.len();
    for name in order {
        let (Some(row), Some(first)) = (rows.get(name), planned.iter().find(|p| p.row == name))
        else {
            continue;
        };
        let (expected, least) = match first.expected {
            Expected::Original(_) if is_same_picture(name) => ("match", row.files),
            Expected::Original(_) => ("match", (row.files * FOUND_AT_LEAST).div_ceil(100)),
            Expected::NoMatch => ("no_match", row.files),
            Expected::Status(status) => (status, row.files),
        };
        let holds = row.right >= least && row.false_matches == 0;
        held &= holds;
        report.line(&format!(
            "{name:<18}  {expected:<11}  {least:>8}  {:>4} of {:<4}  {:>13}{}",
            row.right,
            row.files,
            row.false_matches,
            if holds { "" } else { "   NOT AS EXPECTED" }
        ))?;
    }
    let false_matches: usize = rows.values().map(|row| row.false_matches).sum();
    report.line(&format!("\nfalse matches: {false_matches}"))?;
    report.line(if held {
        "every expectation held"
    } else {
        "NOT every expectation held"
    })?;
    Ok(held)
}

/// Whether an alteration leaves the picture as it is, so that each single one must be found.
fn is_same_picture(row: &str) -> bool {
    ["same file", "png", "webp", "bmp", "tiff"].contains(&row)
}
