//! The program, as people meet it: the real binary in temporary folders, its output, exit codes and files.
//!
//! All pictures are synthetic, all hashes are theirs or seeded random bytes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hashsieve::synthetic::{
    Alteration, AnimationFormat, FileFormat, Scene, altered_file, encode, encode_animation, picture,
};
use hashsieve::{
    Dihedral, HashKind, HashValue, PDQ_PROFILE, PdqHasher, PixelBuffer, PixelFormat, digest,
};
use serde_json::{Value, json};

#[path = "support/program.rs"]
pub mod support;
use support::{Place, Ran, keys, made_up, names};

fn drawn(seed: u64) -> PixelBuffer {
    picture(Scene::DeadLeaves, seed, 256, 256, PixelFormat::Rgb8)
}

fn png(picture: &PixelBuffer) -> Vec<u8> {
    encode(picture, FileFormat::Png).unwrap()
}

fn pdq(picture: &PixelBuffer) -> (String, u8) {
    let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
    (hashed.hash.to_hex(), hashed.quality)
}

/// Returns the hash with its first `count` bits turned.
fn turned(hex: &str, count: usize) -> String {
    let hash = HashValue::parse(HashKind::Pdq, hex).unwrap();
    let mut bytes = hash.as_bytes().to_vec();
    for bit in 0..count {
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
    }
    HashValue::from_bytes(HashKind::Pdq, &bytes)
        .unwrap()
        .to_hex()
}

/// Returns a place with `original.png` and an index `list.hsv` of it, in which it is the entry `original.png`.
fn place_with_index() -> Place {
    let place = Place::new();
    let original = drawn(1);
    place.write("original.png", png(&original));
    let (hash, quality) = pdq(&original);
    place.write("list.hsh", format!("{hash},{quality},original.png\n"));
    place
        .run(&["index", "build", "list.hsh", "-o", "list.hsv"])
        .exits(0);
    place
}

// hash

#[test]
fn hashes_are_written_as_text_json_and_csv_exactly() {
    let place = Place::new();
    let original = drawn(1);
    place.write("a.png", png(&original));
    let (hash, quality) = pdq(&original);
    let ran = place.run(&["hash", "a.png"]).exits(0);
    assert_eq!(ran.stdout, format!("{hash},{quality},a.png\n"));
    let ran = place.run(&["hash", "a.png", "--format", "json"]).exits(0);
    assert_eq!(
        ran.stdout,
        format!(
            "{{\"path\":\"a.png\",\"status\":\"ok\",\"kind\":\"pdq\",\"hash\":\"{hash}\",\"quality\":{quality},\
             \"width\":256,\"height\":256,\"frame\":0,\"transform\":\"original\",\"profile\":\"{PDQ_PROFILE}\",\
             \"problem\":null}}\n"
        )
    );
    let ran = place.run(&["hash", "a.png", "--format", "csv"]).exits(0);
    assert_eq!(
        ran.stdout,
        format!(
            "path,status,kind,hash,quality,width,height,frame,transform,profile,problem\n\
             a.png,ok,pdq,{hash},{quality},256,256,0,original,{PDQ_PROFILE},\n"
        )
    );
}

#[test]
fn a_picture_without_a_hash_has_its_line_and_its_status() {
    let place = Place::new();
    let sound = png(&drawn(1));
    place.write("cut.png", &sound[..sound.len() / 2]);
    place.write("text.png", "not a picture");
    place.write(
        "tiny.png",
        png(&picture(Scene::DeadLeaves, 1, 3, 3, PixelFormat::Rgb8)),
    );
    let paths = ["cut.png", "text.png", "tiny.png", "missing.png"];
    let arguments: Vec<&str> = ["hash", "--format", "json"]
        .into_iter()
        .chain(paths)
        .collect();
    let lines = place.run(&arguments).exits(2).json();
    let expected = ["truncated", "unsupported", "too_small", "unreadable"];
    assert_eq!(lines.len(), expected.len());
    for ((line, path), status) in lines.iter().zip(paths).zip(expected) {
        assert_eq!(
            keys(line),
            [
                "frame",
                "hash",
                "height",
                "kind",
                "path",
                "problem",
                "profile",
                "quality",
                "status",
                "transform",
                "width"
            ]
        );
        assert_eq!(line["path"], path);
        assert_eq!(line["status"], status);
        assert_eq!(
            (&line["hash"], &line["quality"]),
            (&Value::Null, &Value::Null)
        );
        assert!(line["problem"].is_string());
    }
    // As text, lists stay lists: what went wrong is told beside them.
    let ran = place.run(&["hash", "-q", "text.png", "cut.png"]).exits(2);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("text.png: unsupported: "));
    assert!(ran.stderr.contains("\ncut.png: truncated: "));
}

#[test]
fn a_limit_refuses_a_file_by_name() {
    let place = Place::new();
    place.write("a.png", png(&drawn(1)));
    for option in ["--max-file-bytes", "--max-pixels"] {
        let ran = place
            .run(&["hash", "a.png", "--format", "json", option, "1000"])
            .exits(2);
        assert_eq!(ran.json()[0]["status"], "over_limit", "{option}");
    }
}

#[test]
fn a_dash_reads_standard_input() {
    let place = Place::new();
    let original = drawn(1);
    let (hash, quality) = pdq(&original);
    let ran = place.run_with(&["hash", "-"], &png(&original)).exits(0);
    assert_eq!(ran.stdout, format!("{hash},{quality},-\n"));
    let place = place_with_index();
    let ran = place.run_with(&["scan", "-", "--against", "list.hsv"], &png(&original));
    assert!(ran.exits(1).stdout.starts_with("-: match: "));
}

#[test]
fn digests_are_of_the_files_bytes() {
    let place = Place::new();
    place.write("abc", "abc");
    let ran = place
        .run(&["hash", "abc", "--kinds", "md5,sha1,sha256,sha512"])
        .exits(0);
    let expected: String = digest::of(b"abc", &HashKind::ALL)
        .iter()
        .map(|value| format!("{} {}  abc\n", value.kind(), value.to_hex()))
        .collect();
    assert_eq!(ran.stdout, expected);
    let ran = place.run(&["hash", "abc", "--kinds", "md5"]).exits(0);
    assert_eq!(ran.stdout, "900150983cd24fb0d6963f7d28e17f72  abc\n");
}

#[test]
fn text_of_several_kinds_names_the_kind_of_each_line_and_is_a_list() {
    let place = Place::new();
    for seed in 1..=2 {
        place.write(&format!("in/{seed}, a b.png"), png(&drawn(seed)));
    }
    let flat = picture(Scene::Flat, 1, 64, 64, PixelFormat::Rgb8);
    place.write("in/flat.png", png(&flat));
    let kinds = ["pdq", "sha256", "mean_16x16", "md5", "gradient_8x8"];
    let ran = place
        .run(&["hash", "in", "--kinds", &kinds.join(","), "-o", "list.txt"])
        .exits(0);
    // The flat picture has its digests only: without a quality nothing would tell its hashes from others.
    for kind in ["pdq", "mean_16x16", "gradient_8x8"] {
        let told = format!("in/flat.png: low_quality: it holds too little for {kind}\n");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let closing = "3 inputs: 12 hashes, 0 without one, 3 of low quality left out\n";
    assert!(ran.stderr.ends_with(closing), "{}", ran.stderr);
    let list = place.text("list.txt");
    let named: Vec<&str> = list
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(named, [&kinds[..], &kinds, &["sha256", "md5"]].concat());
    let ran = place
        .run(&["index", "build", "list.txt", "-o", "list.hsv"])
        .exits(0);
    assert!(ran.stdout.contains("records   12 read, 0 left out"));
    assert!(ran.stdout.contains("entries   3\n"), "{}", ran.stdout);
    let scan = ["scan", "in", "--against", "list.hsv", "--format", "json"];
    for line in place.run(&scan).exits(1).json() {
        let matches = line["matches"].as_array().unwrap();
        let is_flat = line["path"] == "in/flat.png";
        assert_eq!(matches.len(), if is_flat { 2 } else { 5 }, "{line}");
        assert!(matches.iter().all(|found| found["entry"] == line["path"]));
    }
}

#[test]
fn the_closing_line_counts_what_was_printed() {
    let place = place_with_index();
    place.write("text.png", "no picture");
    let flat = picture(Scene::Flat, 1, 64, 64, PixelFormat::Rgb8);
    place.write("flat.png", png(&flat));
    fs::create_dir(place.at("empty")).unwrap();
    let mean = ["--kinds", "mean_8x8"];
    let json = ["--kinds", "mean_8x8", "--format", "json"];
    for (paths, options, closing) in [
        (
            &["original.png"][..],
            &[][..],
            "1 input: 1 hash, 0 without one\n",
        ),
        (
            &["original.png", "text.png", "flat.png"],
            &[],
            "3 inputs: 2 hashes, 1 without one\n",
        ),
        (
            &["original.png", "text.png", "flat.png"],
            &mean,
            "3 inputs: 1 hash, 1 without one, 1 of low quality left out\n",
        ),
        // A line of JSON says what its hash is worth.
        (
            &["original.png", "flat.png"],
            &json,
            "2 inputs: 2 hashes, 0 without one\n",
        ),
        (&["empty"], &[], "0 inputs\n"),
    ] {
        let ran = place.run(&[&["hash"], paths, options].concat());
        assert!(ran.stderr.ends_with(closing), "{closing}{}", ran.stderr);
    }
    let scan = ["scan", "empty", "--against", "list.hsv"];
    assert_eq!(place.run(&scan).exits(0).stderr, "0 inputs\n");
    let scan = ["scan", "original.png", "--against", "list.hsv"];
    assert_eq!(place.run(&scan).exits(1).stderr, "1 input: 1 match\n");
}

#[test]
fn all_eight_transforms_have_their_lines() {
    let place = Place::new();
    let original = drawn(1);
    place.write("a.png", png(&original));
    let all = PdqHasher::new().dihedral(&original.as_pixels()).unwrap();
    let lines = place
        .run(&["hash", "a.png", "--dihedral", "--format", "json"])
        .exits(0)
        .json();
    let told: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            (text("transform"), text("hash"))
        })
        .collect();
    let expected: Vec<(String, String)> = all
        .iter()
        .map(|(transform, hash)| (transform.name().to_owned(), hash.to_hex()))
        .collect();
    assert_eq!(told, expected);
    let text = place.run(&["hash", "a.png", "--dihedral"]).exits(0).stdout;
    assert_eq!(text.lines().count(), Dihedral::ALL.len());
    assert!(text.contains(",a.png#rotate_90\n"));
}

#[test]
fn the_frames_of_an_animation_are_numbered() {
    let place = Place::new();
    let frames = [drawn(1), drawn(2), drawn(3)];
    let file = encode_animation(&frames, AnimationFormat::Gif).unwrap();
    place.write("a.gif", file);
    let lines = place
        .run(&["hash", "a.gif", "--format", "json"])
        .exits(0)
        .json();
    let numbers: Vec<u64> = lines
        .iter()
        .map(|line| line["frame"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [0, 1, 2]);
    let text = place.run(&["hash", "a.gif"]).exits(0).stdout;
    let ends = ["a.gif", "a.gif#1", "a.gif#2"];
    assert!(
        text.lines()
            .zip(ends)
            .all(|(line, end)| line.ends_with(end))
    );
    let text = place
        .run(&["hash", "a.gif", "--first-frame"])
        .exits(0)
        .stdout;
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn text_output_is_a_list_that_index_build_reads() {
    let place = Place::new();
    for seed in 1..=3 {
        place.write(&format!("in/{seed}.png"), png(&drawn(seed)));
    }
    place.run(&["hash", "in", "-o", "list.txt"]).exits(0);
    let ran = place
        .run(&["index", "build", "list.txt", "-o", "list.hsv"])
        .exits(0);
    assert!(ran.stdout.contains("records   3 read, 0 left out"));
    let ran = place
        .run(&["scan", "in", "--against", "list.hsv", "--format", "json"])
        .exits(1);
    for line in ran.json() {
        let entries: Vec<&Value> = line["matches"].as_array().unwrap().iter().collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["entry"], line["path"]);
    }
}

#[cfg(unix)]
#[test]
fn a_line_break_in_a_name_cannot_forge_a_line_of_text() {
    let place = place_with_index();
    let forged = format!("in/a\n{},100,forged\u{1b}[2J.png", "a".repeat(64));
    place.write(&forged, png(&drawn(1)));
    for arguments in [
        &["hash", "in"][..],
        &["scan", "in", "--against", "list.hsv"][..],
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
        assert!(ran.stdout.contains("a\\n") && !ran.stdout.contains('\u{1b}'));
    }
    let line = &place.run(&["hash", "in", "--format", "json"]).json()[0];
    assert_eq!(line["path"], forged);
}

// scan

#[test]
fn exit_codes_tell_matched_from_failed_from_nothing() {
    let place = place_with_index();
    place.write("other.png", png(&drawn(2)));
    place.write("text.png", "no picture");
    place.write(
        "flat.png",
        png(&picture(Scene::Flat, 1, 256, 256, PixelFormat::Rgb8)),
    );
    for (code, paths) in [
        (0, &["other.png"][..]),
        (1, &["original.png"]),
        (1, &["other.png", "original.png"]),
        (2, &["text.png"]),
        (2, &["other.png", "text.png"]),
        (1, &["text.png", "original.png"]),
        (2, &["missing.png"]),
        (2, &["flat.png"]),
        (1, &["flat.png", "original.png", "missing.png"]),
    ] {
        let arguments = [&["scan", "--against", "list.hsv"], paths].concat();
        let ran = place.run(&arguments);
        assert_eq!(ran.code, code, "{paths:?}: {}", ran.stdout);
    }
    // Usage.
    for arguments in [
        &["scan", "original.png"][..],
        &["scan", "--against", "list.hsv"],
        &[
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "--jobs",
            "0",
        ],
        &["hash", "original.png", "--kinds", "photodna"],
        &["nonsense"],
        &[],
    ] {
        let ran = place.run(arguments).exits(2);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty());
    }
}

#[test]
fn an_index_that_cannot_be_used_is_an_error() {
    let place = place_with_index();
    let sound = place.read("list.hsv");
    let mut flipped = sound.clone();
    flipped[70] ^= 1;
    place.write("flipped.hsv", flipped);
    place.write("cut.hsv", &sound[..sound.len() - 1]);
    place.write("empty.hsv", "");
    for (index, says) in [
        ("missing.hsv", "cannot read the index"),
        ("flipped.hsv", "damaged"),
        ("cut.hsv", "should have"),
        ("empty.hsv", "not a hashsieve index"),
        ("list.hsh", "not a hashsieve index"),
        (".", "not a regular file"),
    ] {
        for arguments in [
            &["scan", "original.png", "--against", index][..],
            &["index", "info", index],
            &["index", "verify", index],
        ] {
            let ran = place.run(arguments).exits(2);
            assert!(ran.stderr.starts_with(&format!("hashsieve: {index}: ")));
            // What is searched may be the folder of a store as well.
            let is_store = index == "." && arguments[0] == "scan";
            let says = if is_store { "no store is here" } else { says };
            assert!(ran.stderr.contains(says), "{}", ran.stderr);
            assert_eq!(ran.stdout, "");
        }
    }
}

#[test]
fn damage_that_only_shows_in_the_search_is_a_status_and_found_by_verify() {
    let place = place_with_index();
    let mut bytes = place.read("list.hsv");
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    place.write("list.hsv", bytes);
    let scan = [
        "scan",
        "original.png",
        "--against",
        "list.hsv",
        "--format",
        "json",
        "-q",
    ];
    let ran = place.run(&scan).exits(2);
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("damaged"),
        "{}",
        ran.stderr
    );
    let ran = place.run(&[&scan[..], &["--no-verify"]].concat()).exits(2);
    assert_eq!(ran.json()[0]["status"], "index_damaged");
    let ran = place.run(&["index", "verify", "list.hsv"]).exits(2);
    assert!(ran.stderr.contains("damaged"), "{}", ran.stderr);
}

#[test]
fn results_are_written_as_text_json_and_csv() {
    let place = place_with_index();
    place.write("other.png", png(&drawn(2)));
    place.write("text.png", "no picture");
    let (_, quality) = pdq(&drawn(1));
    let scan = |format: &str| {
        let paths = ["original.png", "other.png", "text.png"];
        let options = ["scan", "--against", "list.hsv", "--format", format];
        place.run(&[&options[..], &paths].concat()).exits(1)
    };
    let lines = scan("json").json();
    let problem = lines[2]["problem"].as_str().unwrap();
    let ran = scan("text");
    assert_eq!(
        ran.stdout,
        format!(
            "original.png: match: review, list list, entry original.png, near pdq, distance 0, \
             quality {quality}, original\n\
             other.png: no_match\n\
             text.png: unsupported: {problem}\n"
        )
    );
    assert_eq!(ran.stderr, "3 inputs: 1 match, 1 no_match, 1 unsupported\n");
    for line in &lines {
        assert_eq!(
            keys(line),
            [
                "action",
                "classic_profile",
                "frames",
                "lists_out_of_date",
                "low_quality_frames",
                "matches",
                "path",
                "problem",
                "profile",
                "status",
                "suppressed",
                "undecided"
            ]
        );
    }
    assert_eq!(
        lines[0],
        json!({
            "path": "original.png", "status": "match", "undecided": null, "action": "review", "problem": null,
            "frames": 1, "profile": PDQ_PROFILE, "classic_profile": null, "low_quality_frames": 0, "lists_out_of_date": [],
            "matches": [{
                "list": "list", "list_version": "", "entry": "original.png", "submitter": null,
                "classification": null, "entry_status": "active", "opinion": "positive", "kind": "pdq", "match_type": "near",
                "distance": 0, "threshold": 31, "quality": quality, "transform": "original", "frame": 0,
                "rule": null, "action": "review",
            }],
            "suppressed": [],
        })
    );
    assert_eq!(lines[1]["matches"], json!([]));
    let table = scan("csv").stdout;
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows,
        [
            "path,status,action,list,entry,kind,match_type,distance,quality,transform,frame,classification,profile,problem,suppressed_by,undecided",
            &format!(
                "original.png,match,review,list,original.png,pdq,near,0,{quality},original,0,,{PDQ_PROFILE},,,"
            ),
            &format!("other.png,no_match,,,,,,,,,,,{PDQ_PROFILE},,,"),
            &format!("text.png,unsupported,,,,,,,,,,,,{problem},,unsupported"),
        ]
    );
}

#[test]
fn the_threshold_is_the_largest_distance_that_matches() {
    let place = Place::new();
    let original = drawn(1);
    place.write("original.png", png(&original));
    let hash = pdq(&original).0;
    let distances = [0, 1, 30, 31, 32, 255, 256];
    let list: String = distances
        .iter()
        .map(|&count| format!("{},100,{count}\n", turned(&hash, count)))
        .collect();
    place.write("list.hsh", list);
    place
        .run(&["index", "build", "list.hsh", "-o", "list.hsv"])
        .exits(0);
    let scan = |threshold: &[&str]| {
        let options = [
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "--format",
            "json",
        ];
        let ran = place.run(&[&options[..], threshold].concat()).exits(1);
        let told: Vec<u64> = ran.json()[0]["matches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["distance"].as_u64().unwrap())
            .collect();
        told
    };
    assert_eq!(scan(&[]), [0, 1, 30, 31]);
    for threshold in [0, 1, 29, 30, 31, 32, 254, 255, 256] {
        let expected: Vec<u64> = distances
            .iter()
            .filter(|&&distance| distance <= threshold)
            .map(|&distance| distance as u64)
            .collect();
        assert_eq!(scan(&["--threshold", &threshold.to_string()]), expected);
    }
    for threshold in ["257", "-1", "x"] {
        let arguments = [
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "--threshold",
            threshold,
        ];
        place.run(&arguments).exits(2);
    }
}

#[test]
fn a_turned_copy_is_found_when_asked_for() {
    let place = Place::new();
    let original = picture(Scene::DeadLeaves, 3, 640, 480, PixelFormat::Rgb8);
    place.write("in/original.png", png(&original));
    let turned = altered_file(&original, Alteration::Rotate90, 0).unwrap();
    place.write("turned.png", turned);
    place.run(&["hash", "in", "-o", "list.hsh"]).exits(0);
    place
        .run(&["index", "build", "list.hsh", "-o", "list.hsv"])
        .exits(0);
    let scan = [
        "scan",
        "turned.png",
        "--against",
        "list.hsv",
        "--format",
        "json",
    ];
    assert_eq!(place.run(&scan).exits(0).json()[0]["status"], "no_match");
    let found = &place
        .run(&[&scan[..], &["--dihedral"]].concat())
        .exits(1)
        .json()[0];
    assert_eq!(found["matches"][0]["transform"], "rotate_270");
}

#[test]
fn dihedral_without_pdq_hashes_is_told_to_find_nothing_turned() {
    let place = place_with_index();
    place.write("md5.txt", made_up(HashKind::Md5, 1));
    place
        .run(&["index", "build", "md5.txt", "-o", "md5.hsv"])
        .exits(0);
    let scan = ["scan", "original.png", "--against", "md5.hsv"];
    let told = "no list holds pdq hashes";
    assert!(!place.run(&scan).exits(0).stderr.contains(told));
    place.write("policy.toml", "dihedral = true\n");
    for options in [&["--dihedral"][..], &["--policy", "policy.toml"]] {
        let ran = place.run(&[&scan[..], options].concat()).exits(0);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        let both = [&scan[..], options, &["--against", "list.hsv"]].concat();
        let ran = place.run(&both).exits(1);
        assert!(!ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn a_policy_that_cannot_be_followed_is_refused_by_name() {
    let place = place_with_index();
    for (policy, names) in [
        ("[lists.list]\nactoin = \"block\"\n", "actoin"),
        ("[lists.lisst]\naction = \"block\"\n", "`lisst`"),
        ("[default.kinds.pdq]\nthreshold = 257\n", "threshold"),
        (
            "[default.kinds.pqd]\n",
            "line 1, column 16: unknown hash kind",
        ),
        ("[default]\naction = \"delete\"\n", "delete"),
        ("[default\n", "policy.toml"),
    ] {
        place.write("policy.toml", policy);
        let scan = [
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "--policy",
            "policy.toml",
        ];
        let ran = place.run(&scan).exits(2);
        assert!(ran.stderr.contains(names), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let scan = [
        "scan",
        "original.png",
        "--against",
        "list.hsv",
        "--policy",
        "none.toml",
    ];
    assert!(place.run(&scan).exits(2).stderr.contains("none.toml"));
}

#[test]
fn actions_come_from_the_policy() {
    let place = place_with_index();
    for action in ["observe", "review", "block"] {
        place.write(
            "policy.toml",
            format!("[lists.list]\naction = \"{action}\"\n"),
        );
        let options = ["--policy", "policy.toml", "--format", "json"];
        let scan = ["scan", "original.png", "--against", "list.hsv"];
        let line = &place.run(&[&scan[..], &options].concat()).exits(1).json()[0];
        assert_eq!(line["action"], action);
        assert_eq!(line["matches"][0]["action"], action);
    }
}

#[test]
fn a_list_that_is_too_old_is_told() {
    let place = place_with_index();
    place.write("other.png", png(&drawn(2)));
    place.write("policy.toml", "[lists.list]\nmax_age_days = 30\n");
    let build = [
        "index",
        "build",
        "list.hsh",
        "-o",
        "list.hsv",
        "--list-date",
    ];
    place.run(&[&build[..], &["2001-02-03"]].concat()).exits(0);
    let options = ["--policy", "policy.toml", "--format", "json"];
    let scan = ["scan", "other.png", "--against", "list.hsv"];
    let line = &place.run(&[&scan[..], &options].concat()).exits(2).json()[0];
    assert_eq!(line["status"], "list_out_of_date");
    assert_eq!(line["lists_out_of_date"], json!(["list"]));
    let ran = place.run(&[&build[..], &["yesterday"]].concat()).exits(2);
    assert!(ran.stderr.contains("--list-date"));
}

#[test]
fn evidence_is_recorded_for_what_matches() {
    let place = place_with_index();
    place.write("other.png", png(&drawn(2)));
    let info = place
        .run(&["index", "info", "list.hsv", "--json"])
        .exits(0)
        .json();
    let scan = ["scan", "original.png", "other.png", "--against", "list.hsv"];
    let options = ["--evidence", "evidence.json", "-q"];
    place.run(&[&scan[..], &options].concat()).exits(1);
    let text = place.text("evidence.json");
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(
        keys(record),
        [
            "classic_profile",
            "dihedral",
            "exif_orientation_applied",
            "hashsieve_version",
            "indexes",
            "input_bytes",
            "input_sha256",
            "made_at",
            "path",
            "policy_sha256",
            "profile",
            "stores",
            "verdict",
            "viewed_by_human"
        ]
    );
    let file = place.read("original.png");
    let sha256 = digest::of(&file, &[HashKind::Sha256])[0].to_hex();
    assert_eq!(record["path"], "original.png");
    assert_eq!(record["input_sha256"], sha256);
    assert_eq!(record["input_bytes"], file.len());
    assert_eq!(record["indexes"], json!([info[0]["identity"]]));
    assert_eq!(record["viewed_by_human"], false);
    assert_eq!(record["verdict"]["status"], "match");
}

#[cfg(unix)]
#[test]
fn what_is_written_is_for_its_owner_only_also_where_something_stood() {
    use std::os::unix::fs::PermissionsExt;
    let place = place_with_index();
    place.write(
        "bad.txt",
        format!("not a hash\nmd5 {}\n", made_up(HashKind::Md5, 1)),
    );
    let outputs = ["hashes", "report", "evidence", "quarantine", "index"];
    let mode = |name: &str| fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("list.hsv"), 0o600);
    for round in ["new", "old"] {
        place
            .run(&["hash", "original.png", "-o", "hashes"])
            .exits(0);
        let scan = [
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "-o",
            "report",
        ];
        place
            .run(&[&scan[..], &["--evidence", "evidence"]].concat())
            .exits(1);
        let build = [
            "index",
            "build",
            "bad.txt",
            "-o",
            "index",
            "--quarantine",
            "quarantine",
        ];
        place.run(&build).exits(2);
        for name in outputs {
            assert_eq!(mode(name), 0o600, "{round} {name}");
            let open = fs::Permissions::from_mode(0o644);
            fs::set_permissions(place.at(name), open).unwrap();
        }
    }
}

#[test]
fn an_output_never_overwrites_what_the_command_reads() {
    let place = place_with_index();
    place.write("policy.toml", "");
    let before: Vec<Vec<u8>> = place.names().iter().map(|name| place.read(name)).collect();
    let scan = [
        "scan",
        "original.png",
        "--against",
        "list.hsv",
        "--policy",
        "policy.toml",
    ];
    let build = ["index", "build", "list.hsh", "-o"];
    for arguments in [
        &["hash", "original.png", "-o", "original.png"][..],
        &[&scan[..], &["-o", "list.hsv"]].concat(),
        &[&scan[..], &["-o", "./list.hsv"]].concat(),
        &[&scan[..], &["-o", "policy.toml"]].concat(),
        &[&scan[..], &["-o", "original.png"]].concat(),
        &[&scan[..], &["--evidence", "list.hsv"]].concat(),
        &[&scan[..], &["-o", "both", "--evidence", "both"]].concat(),
        &[&build[..], &["list.hsh"]].concat(),
        &[&build[..], &["new.hsv", "--quarantine", "list.hsh"]].concat(),
        &[&build[..], &["new.hsv", "--quarantine", "new.hsv"]].concat(),
    ] {
        let ran = place.run(arguments).exits(2);
        assert!(ran.stderr.contains("would overwrite"), "{}", ran.stderr);
    }
    let after: Vec<Vec<u8>> = place.names().iter().map(|name| place.read(name)).collect();
    assert_eq!(before, after);
}

// Walking

#[test]
fn what_a_command_writes_into_a_folder_is_none_of_its_inputs() {
    let place = place_with_index();
    place.write("in/a.png", png(&drawn(1)));
    place.write("in/sub/out", png(&drawn(2)));
    let outputs = ["in/out", "./in/sub/../out"];
    for output in outputs {
        let ran = place.run(&["hash", "in", "-o", output]).exits(0);
        assert_eq!(ran.stderr, "2 inputs: 2 hashes, 0 without one\n");
        let scan = ["scan", "in", "--against", "list.hsv", "-o", output];
        let ran = place
            .run(&[&scan[..], &["--evidence", "in/evidence"]].concat())
            .exits(1);
        assert_eq!(ran.stderr, "2 inputs: 1 match, 1 no_match\n");
        fs::remove_file(place.at("in/evidence")).unwrap();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("out", place.at("in/link")).unwrap();
        let hash = ["hash", "in", "--follow-links", "-o", "in/out"];
        let ran = place.run(&hash).exits(0);
        assert_eq!(ran.stderr, "2 inputs: 2 hashes, 0 without one\n");
    }
}

#[test]
fn output_is_in_the_order_of_names_whatever_the_number_of_threads() {
    let place = place_with_index();
    let small: Vec<Vec<u8>> = (0..7)
        .map(|seed| {
            png(&picture(
                Scene::DeadLeaves,
                seed,
                64,
                64,
                PixelFormat::Luma8,
            ))
        })
        .collect();
    let mut expected = Vec::new();
    for number in 0..200 {
        // Of unlike work, so that threads get out of step.
        let name = format!("in/{}/{}/{number:03}.png", number % 3, number % 5);
        let mut content = small[number % 7].clone();
        if number % 4 == 0 {
            content = place.read("original.png");
        } else if number % 9 == 0 {
            content.truncate(40);
        }
        place.write(&name, content);
        expected.push(name);
    }
    expected.sort();
    for format in ["text", "json", "csv"] {
        let run = |jobs: &str, command: &[&str]| {
            let options = ["in", "--jobs", jobs, "--format", format];
            place.run(&[command, &options].concat())
        };
        for command in [&["scan", "--against", "list.hsv"][..], &["hash"]] {
            let (one, four) = (run("1", command), run("4", command));
            assert_eq!(one.stdout, four.stdout);
            assert_eq!(one.code, four.code);
        }
    }
    let scan = ["scan", "in", "--against", "list.hsv", "--format", "json"];
    let paths: Vec<String> = place
        .run(&scan)
        .json()
        .iter()
        .map(|line| line["path"].as_str().unwrap().replace('\\', "/"))
        .collect();
    assert_eq!(paths, expected);
}

#[cfg(unix)]
#[test]
fn links_out_of_a_folder_are_followed_only_when_asked_for() {
    use std::os::unix::fs::symlink;
    let place = place_with_index();
    place.write("in/inside.png", png(&drawn(2)));
    place.write("out/outside.png", png(&drawn(1)));
    symlink("../out/outside.png", place.at("in/link.png")).unwrap();
    symlink("../out", place.at("in/folder")).unwrap();
    symlink("inside.png", place.at("in/again.png")).unwrap();
    symlink("nowhere", place.at("in/broken.png")).unwrap();
    let scan = ["scan", "in", "--against", "list.hsv"];
    let ran = place.run(&scan).exits(0);
    assert_eq!(ran.stdout, "in/inside.png: no_match\n");
    assert!(
        ran.stderr.contains("3 symbolic links") && ran.stderr.contains("--follow-links"),
        "{}",
        ran.stderr
    );
    let ran = place
        .run(&[&scan[..], &["--follow-links"]].concat())
        .exits(1);
    let lines: Vec<&str> = ran
        .stdout
        .lines()
        .map(|line| line.split(": ").take(2).last().unwrap())
        .collect();
    // again, broken, folder/outside, inside, link
    assert_eq!(
        lines,
        ["no_match", "unreadable", "match", "no_match", "match"]
    );
    // A link that is named itself is what it leads to.
    place
        .run(&["scan", "in/link.png", "--against", "list.hsv"])
        .exits(1);
    place
        .run(&["scan", "in/folder", "--against", "list.hsv"])
        .exits(1);
}

/// Runs a command that might hang, for half a minute at most.
#[cfg(unix)]
fn run_in_time(mut command: Command) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    for _ in 0..600 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap().into();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("the command hangs");
}

#[cfg(unix)]
#[test]
fn neither_a_loop_of_links_nor_a_pipe_stops_a_scan() {
    use std::os::unix::fs::symlink;
    let place = place_with_index();
    place.write("in/folder/a.png", png(&drawn(1)));
    symlink("..", place.at("in/folder/loop")).unwrap();
    let made = Command::new("mkfifo").arg(place.at("in/pipe")).status();
    assert!(made.expect("this test needs the program mkfifo").success());
    let scan = ["scan", "in", "--against", "list.hsv"];
    let ran = run_in_time(place.command(&scan)).exits(1);
    assert_eq!(ran.stdout.lines().count(), 1);
    assert!(
        ran.stderr
            .contains("1 pipe, socket or device was passed over"),
        "{}",
        ran.stderr
    );
    let ran = run_in_time(place.command(&[&scan[..], &["--follow-links"]].concat())).exits(1);
    assert!(
        ran.stdout.contains("in/folder/loop: unreadable: "),
        "{}",
        ran.stdout
    );
    let ran = run_in_time(place.command(&["scan", "in/pipe", "--against", "list.hsv"])).exits(2);
    assert!(
        ran.stdout
            .contains("in/pipe: unreadable: not a regular file")
    );
}

// Output that nobody reads

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let place = place_with_index();
    for number in 0..300 {
        place.write(&format!("in/{number}.txt"), "no picture");
    }
    place.write("in/000.png", png(&drawn(1)));
    let scan = ["scan", "in", "--against", "list.hsv", "--format"];
    let commands = [
        (1, [&scan[..], &["json"]].concat()),
        (1, [&scan[..], &["csv"]].concat()),
        (1, [&scan[..], &["text"]].concat()),
        (2, vec!["hash", "in", "--format", "json"]),
        (0, vec!["index", "info", "list.hsv"]),
        (0, vec!["--help"]),
    ];
    for (code, arguments) in &commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command(arguments);
        let ran: Ran = command.stdout(writer).output().unwrap().into();
        ran.exits(*code);
        // Nor is one that does not listen to messages.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command(arguments);
        let ran: Ran = command.stderr(writer).output().unwrap().into();
        ran.exits(*code);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(&["index", "info", "missing"]);
    let ran: Ran = command.stderr(writer).output().unwrap().into();
    ran.exits(2);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let place = place_with_index();
    for arguments in [
        &["hash", "original.png", "-o", "none/hashes"][..],
        &[
            "scan",
            "original.png",
            "--against",
            "list.hsv",
            "-o",
            "none/report",
        ],
        &["index", "build", "list.hsh", "-o", "none/list.hsv"],
    ] {
        let ran = place.run(arguments).exits(2);
        assert!(ran.stderr.starts_with("hashsieve: none"), "{}", ran.stderr);
    }
    if Path::new("/dev/full").exists() {
        let ran = place
            .run(&["hash", "original.png", "-o", "/dev/full"])
            .exits(2);
        assert!(ran.stderr.contains("cannot write the output"));
    }
}

#[test]
fn quiet_is_quiet_and_a_log_gets_no_bar() {
    let place = place_with_index();
    let commands = [
        &["hash", "original.png"][..],
        &["scan", "original.png", "--against", "list.hsv"],
        &["index", "build", "list.hsh", "-o", "again.hsv"],
        &["index", "verify", "list.hsv"],
        &["index", "info", "list.hsv"],
    ];
    for arguments in commands {
        let ran = place.run(&[arguments, &["--quiet"]].concat());
        assert_eq!(ran.stderr, "");
        assert!(!ran.stdout.is_empty());
        let ran = place.run(arguments);
        assert!(!ran.stderr.contains(['\r', '\u{1b}']), "{}", ran.stderr);
        assert!(ran.stderr.lines().count() <= 1, "{}", ran.stderr);
    }
}

#[test]
fn help_has_examples() {
    let place = Place::new();
    for command in [
        &[][..],
        &["hash"],
        &["scan"],
        &["index", "build"],
        &["bench", "hash"],
        &["bench", "match"],
    ] {
        let ran = place.run(&[command, &["--help"]].concat()).exits(0);
        assert!(ran.stdout.contains("Examples:\n"), "{command:?}");
        assert_eq!(ran.stderr, "");
    }
    for command in [
        &["demo"][..],
        &["index"],
        &["index", "info"],
        &["index", "verify"],
    ] {
        place.run(&[command, &["--help"]].concat()).exits(0);
    }
    let ran = place.run(&["--version"]).exits(0);
    assert_eq!(
        ran.stdout,
        format!("hashsieve {}\n", env!("CARGO_PKG_VERSION"))
    );
    // What help says of the keys of JSON is so.
    let help = place.run(&["hash", "--help"]).stdout;
    for key in [
        "path",
        "status",
        "quality",
        "transform",
        "profile",
        "problem",
    ] {
        assert!(help.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn nothing_is_written_but_what_was_asked_for() {
    let data = place_with_index();
    let before = data.names();
    let work = Place::new();
    let [original, list, index] =
        ["original.png", "list.hsh", "list.hsv"].map(|name| data.at(name).display().to_string());
    let temporary = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = work.command(arguments);
        command.env("TMPDIR", temporary.0.path());
        Ran::from(command.output().unwrap())
    };
    run(&["hash", &original, "--dihedral", "--kinds", "pdq,md5"]).exits(0);
    run(&["scan", &original, "--against", &index, "--dihedral"]).exits(1);
    run(&["index", "info", &index]).exits(0);
    run(&["index", "verify", &index]).exits(0);
    run(&["hash", "missing"]).exits(2);
    run(&["--help"]).exits(0);
    assert_eq!(work.names(), [""; 0]);
    run(&["hash", &original, "-o", "1"]).exits(0);
    run(&[
        "scan",
        &original,
        "--against",
        &index,
        "-o",
        "2",
        "--evidence",
        "3",
    ])
    .exits(1);
    run(&[
        "index",
        "build",
        &list,
        "-o",
        "4",
        "--quarantine",
        "5",
        "--memory",
        "1",
    ])
    .exits(0);
    run(&[
        "index",
        "build",
        &data.at("missing").display().to_string(),
        "-o",
        "6",
    ])
    .exits(2);
    assert_eq!(work.names(), ["1", "2", "3", "4", "5"]);
    assert_eq!(data.names(), before);
    assert_eq!(temporary.names(), [""; 0]);
}

// bench

#[test]
fn bench_hash_tells_its_figures_as_one_line_of_json() {
    let place = Place::new();
    let bench = ["bench", "hash", "--size", "96x64", "--seconds", "0.01"];
    for (options, format, threads) in [
        (&[][..], "rgb8", 1),
        (&["--format", "luma8", "--seed", "7"], "luma8", 1),
        (&["--threads", "3", "--format", "rgba8"], "rgba8", 3),
    ] {
        let ran = place.run(&[&bench, options, &["--json"]].concat()).exits(0);
        assert_eq!(ran.stderr, "");
        let [line] = &ran.json()[..] else {
            panic!("{}", ran.stdout)
        };
        assert_eq!(
            keys(line),
            [
                "level",
                "megapixels_per_second",
                "microseconds_per_hash",
                "pixel_format",
                "size",
                "threads"
            ]
        );
        assert_eq!(line["size"], "96x64");
        assert_eq!(line["pixel_format"], format);
        assert_eq!(line["threads"], threads);
        assert!(line["level"].is_string());
        let rate = line["megapixels_per_second"].as_f64().unwrap();
        let duration = line["microseconds_per_hash"].as_f64().unwrap();
        assert!(rate > 0.0 && duration > 0.0);
        // The rate is that of all threads, the duration that of one.
        let pixels = rate * duration / f64::from(threads);
        assert!((pixels / (96.0 * 64.0) - 1.0).abs() < 0.01, "{line}");
    }
    let text = place.run(&bench).exits(0).stdout;
    assert!(text.starts_with("96x64 rgb8, level "), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn bench_hash_refuses_what_it_cannot_measure_and_says_why() {
    let place = Place::new();
    for (options, why) in [
        (&["--size", "96"][..], "WxH"),
        (&["--size", "96x"], "WxH"),
        (&["--size", "-1x96"], "WxH"),
        (&["--size", "99999999999x1"], "WxH"),
        (&["--size", "0x96"], "at least one row"),
        (&["--size", "32769x10"], "at most 32768 columns"),
        (&["--size", "10001x10000"], "100000000 pixels"),
        (
            &["--size", "10000x10000", "--threads", "2"],
            "100000000 pixels together",
        ),
        (&["--size", "4x96"], "too small for PDQ"),
        (&["--size", "96x96", "--format", "cmyk"], "luma_alpha8"),
        (&["--size", "96x96", "--threads", "0"], "--threads"),
        (&["--size", "96x96", "--seconds", "nan"], "seconds"),
        (&["--size", "96x96", "--seconds", "0"], "seconds"),
        (&["--size", "96x96", "--seconds", "1e-300"], "seconds"),
        (&["--size", "96x96", "--seconds", "3601"], "seconds"),
        (&[], "--size"),
    ] {
        let ran = place.run(&[&["bench", "hash"], options].concat()).exits(2);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(why), "{options:?}: {}", ran.stderr);
    }
}

#[test]
fn bench_match_finds_what_it_planted_and_tells_its_figures_as_one_line_of_json() {
    let place = Place::new();
    let bench = ["bench", "match", "--queries", "41"];
    for (options, n, method) in [
        (&["--n", "1"][..], 1, "flat"),
        (&["--n", "20000"], 20_000, "mih"),
        (
            &["--n", "20000", "--method", "flat", "--residency", "huge"],
            20_000,
            "flat",
        ),
        (
            &[
                "--n",
                "20000",
                "--data",
                "clustered",
                "--dihedral",
                "--threads",
                "3",
            ],
            20_000,
            "mih",
        ),
        (
            &["--n", "20000", "--threshold", "256", "--queries", "2"],
            20_000,
            "flat",
        ),
    ] {
        let options: Vec<&str> = options.to_vec();
        let ran = place.run(
            &[
                &bench[..if options.contains(&"--queries") { 2 } else { 4 }],
                &options,
                &["--json"],
            ]
            .concat(),
        );
        let ran = ran.exits(0);
        assert_eq!(ran.stderr, "");
        let [line] = &ran.json()[..] else {
            panic!("{}", ran.stdout)
        };
        let queries = if options.contains(&"256") { 2 } else { 41 };
        assert_eq!(line["queries"], queries);
        assert_eq!(line["n"], n);
        assert_eq!(line["method"], method, "{line}");
        assert_eq!(line["planted"], (queries + 1) / 2);
        assert_eq!(line["planted_found"], line["planted"]);
        assert_eq!(line["verified_against_flat"], queries);
        assert!(line["matches"].as_u64() >= line["planted"].as_u64());
        for key in [
            "build_seconds",
            "bytes_per_hash",
            "index_bytes",
            "microseconds_per_query",
            "open_microseconds",
            "p99_microseconds",
            "queries_per_second",
        ] {
            assert!(
                line[key].as_f64().is_some_and(|value| value > 0.0),
                "{key}: {line}"
            );
        }
        assert!((1..=n).contains(&line["distinct"].as_u64().unwrap()));
        assert_eq!(line.as_object().unwrap().len(), 19);
    }
}

#[test]
fn bench_match_dumps_hashes_and_queries_that_others_can_search() {
    let place = Place::new();
    let dump = [
        "bench",
        "match",
        "--n",
        "500",
        "--queries",
        "10",
        "--dump",
        "dumped",
        "--seed",
        "7",
    ];
    place.run(&dump).exits(0);
    let read = |name: &str| std::fs::read(place.0.path().join("dumped").join(name)).unwrap();
    let (hashes, queries) = (read("db.bin"), read("queries.bin"));
    assert_eq!((hashes.len(), queries.len()), (500 * 32, 10 * 32));
    let distance = |a: &[u8], b: &[u8]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum::<u32>()
    };
    for (number, query) in queries.chunks(32).enumerate() {
        let near = hashes
            .chunks(32)
            .filter(|hash| distance(hash, query) <= 31)
            .count();
        // The first half is planted, and random hashes are never so near.
        assert_eq!(near, usize::from(number < 5));
    }
    // What stands there may have cost somebody hours.
    for (gone, there) in [("none", "db.bin"), ("db.bin", "queries.bin")] {
        let _ = fs::remove_file(place.at("dumped").join(gone));
        let ran = place.run(&dump).exits(2);
        let told = "is there already and is not overwritten";
        assert!(ran.stderr.contains(told) && ran.stderr.contains(there));
    }
    assert_eq!(read("queries.bin"), queries);
    assert_eq!(names(&place.at("dumped")), ["queries.bin"]);
}

#[test]
fn bench_match_takes_memory_in_mebibytes_as_index_build_does() {
    let place = Place::new();
    for command in [&["bench", "match"][..], &["index", "build"]] {
        let help = place.run(&[command, &["--help"]].concat()).stdout;
        assert!(help.contains("--memory <MIB>"), "{help}");
    }
    let bench = ["bench", "match", "--n", "100", "--queries", "1", "--memory"];
    place.run(&[&bench[..], &["1"]].concat()).exits(0);
    place.run(&[&bench[..], &["1073741824"]].concat()).exits(2);
}

// index

#[test]
fn what_a_list_has_wrong_is_counted_named_and_never_repeated() {
    let place = Place::new();
    let bad = "5ec4e75ec4e75ec4e75ec4e75ec4e75z";
    let mut list = "id,md5,note\n".to_owned();
    for number in 0..20 {
        list += &format!("good-{number},{},x\n", made_up(HashKind::Md5, number));
        if number < 12 {
            list += &format!("bad-{number},{bad},x\n");
        }
    }
    place.write("list.csv", &list);
    let build = ["index", "build", "list.csv", "-o", "list.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(
        ran.stdout
            .contains("records   32 read, 12 left out, 0 withdrawn\n")
    );
    assert!(ran.stdout.contains("entries   20\n"));
    assert!(
        ran.stderr.starts_with(
            "list.csv: columns: md5 from 2, id from 1; not read: 3\nlist.csv:3: column md5: "
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 12);
    assert!(ran.stderr.contains("--quarantine"));
    let mut printed = ran.stdout + &ran.stderr;
    let ran = place
        .run(&[&build[..], &["--quarantine", "out.csv"]].concat())
        .exits(2);
    assert!(ran.stderr.starts_with("list.csv: columns: ") && ran.stderr.lines().count() == 1);
    let table = place.text("out.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "file,line,column,reason");
    assert_eq!(rows.len(), 13);
    assert!(rows[1].starts_with("list.csv,3,md5,"), "{}", rows[1]);
    assert!(rows[12].starts_with("list.csv,25,md5,"), "{}", rows[12]);
    printed += &(ran.stdout + &table);
    assert!(!printed.contains("5ec4e7"), "{printed}");
}

#[test]
fn several_lists_make_one_index_and_keep_their_names() {
    let place = Place::new();
    place.write(
        "a.txt",
        made_up(HashKind::Sha1, 1) + "\n" + &made_up(HashKind::Sha1, 2),
    );
    place.write("b.txt", made_up(HashKind::Md5, 1) + "\n");
    place.write("c.txt", format!("{}\n", made_up(HashKind::Sha256, 1)));
    // 64 digits may be two kinds; only the person knows.
    let build = ["index", "build", "a.txt", "b.txt", "c.txt", "-o", "all.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(ran.stderr.starts_with("c.txt:1: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("_16x16") && ran.stderr.contains("--kind"));
    assert!(!place.at("all.hsv").exists());
    place
        .run(&["index", "build", "c.txt", "--kind", "sha256", "-o", "c.hsv"])
        .exits(0);
    place.write(
        "c.txt",
        format!("sha256 {}\n", made_up(HashKind::Sha256, 1)),
    );
    place.run(&build).exits(0);
    let info = &place
        .run(&["index", "info", "all.hsv", "--json"])
        .exits(0)
        .json()[0];
    let lists: Vec<(&str, u64)> = info["lists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| {
            (
                list["name"].as_str().unwrap(),
                list["entries"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lists, [("a", 2), ("b", 1), ("c", 1)]);
}

#[test]
fn two_lists_of_one_name_are_refused() {
    let place = Place::new();
    for name in ["x/a.txt", "y/a.txt", "b.txt"] {
        place.write(name, made_up(HashKind::Md5, 1));
    }
    let build = [
        "index", "build", "-o", "all.hsv", "x/a.txt", "b.txt", "y/a.txt",
    ];
    let ran = place.run(&build).exits(2);
    assert!(ran.stderr.contains("two lists"), "{}", ran.stderr);
    assert!(!place.at("all.hsv").exists());
}

#[test]
fn tables_are_read_by_a_map() {
    let place = Place::new();
    let (pdq, md5) = (pdq(&drawn(1)).0, made_up(HashKind::Md5, 1));
    place.write(
        "table.csv",
        format!("Ref;PDQ Hash;Digest;State;Cat\n7;{pdq};{md5};active;A\n8;{pdq};;withdrawn;B\n"),
    );
    let map = "pdq=PDQ Hash,md5=3,id=Ref,status=State,category=Cat,delimiter=;";
    let build = ["index", "build", "table.csv", "-o", "table.hsv", "--map"];
    let ran = place.run(&[&build[..], &[map]].concat()).exits(0);
    assert!(
        ran.stdout
            .contains("records   2 read, 0 left out, 1 withdrawn\n")
    );
    place.write("a.png", png(&drawn(1)));
    let scan = [
        "scan",
        "a.png",
        "--against",
        "table.hsv",
        "--format",
        "json",
    ];
    let matches = place.run(&scan).exits(1).json()[0]["matches"].clone();
    assert_eq!(matches.as_array().unwrap().len(), 1);
    assert_eq!(
        (&matches[0]["entry"], &matches[0]["list"]),
        (&json!("7"), &json!("table"))
    );
    assert_eq!(matches[0]["classification"]["value"], "A");
    for (map, says) in [
        ("pdq=Nothing,delimiter=;", "Nothing"),
        ("pdq", "--map"),
        ("hue=1", "--map"),
    ] {
        let ran = place.run(&[&build[..], &[map]].concat()).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    let lines = [&build[..], &[map, "--format", "lines"]].concat();
    assert!(
        place
            .run(&lines)
            .exits(2)
            .stderr
            .contains("--map is for tables")
    );
}

#[test]
fn tables_are_read_as_a_file_of_columns_says() {
    let place = Place::new();
    let [a, b] = [1, 2].map(|number| made_up(HashKind::Md5, number));
    place.write(
        "table.csv",
        format!("Ref;Digest;State\n7;{a};live\n8;{b};over\n"),
    );
    let map = "format = 'csv'\n[columns]\nid = 'Ref'\nmd5 = 2\nstatus = 'State'\n[status]\nwithdrawn = ['over']\n";
    place.write("map.toml", map);
    let build = ["index", "build", "table.csv", "-o", "table.hsv"];
    let build = [&build[..], &["--columns", "map.toml"]].concat();
    let ran = place.run(&build).exits(0);
    assert!(
        ran.stdout
            .contains("records   2 read, 0 left out, 1 withdrawn\n")
    );
    for (options, says) in [
        (["--map", "md5=2"], "cannot be used with"),
        (["--format", "lines"], "--map is for tables"),
    ] {
        let ran = place.run(&[&build[..], &options].concat()).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    for (map, says) in [
        ("format = 'csv'\nhue = 1\n[columns]\n", "hue"),
        (
            "format = 'json'\nheader = true\n[columns]\nmd5 = 'a'\n",
            "json",
        ),
        (
            "format = 'csv'\n[columns]\nid = 1\n",
            "no column holds a hash",
        ),
    ] {
        place.write("map.toml", map);
        let ran = place.run(&build).exits(2);
        assert!(
            ran.stderr.contains("map.toml: ") && ran.stderr.contains(says),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn pages_of_a_feed_are_read_and_a_cut_one_makes_no_index() {
    let place = Place::new();
    let md5 = made_up(HashKind::Md5, 1);
    let image = format!(
        "<image><member id=\"1\">m</member><id>a</id><fingerprints><md5>{md5}</md5></fingerprints></image>"
    );
    let page = format!("<queryResult><images>{image}</images></queryResult>\n");
    place.write("page.xml", &page);
    let build = ["index", "build", "page.xml", "-o", "page.hsv"];
    let ran = place.run(&build).exits(0);
    assert!(
        ran.stdout.contains("records   1 read, 0 left out"),
        "{}",
        ran.stdout
    );
    // A page that says itself that it is whole may have nothing, where others of its list have something.
    place.write(
        "empty.xml",
        "<queryResult><images count=\"0\"/></queryResult>",
    );
    let pages = ["index", "build", "page.xml", "empty.xml", "-o", "pages.hsv"];
    place
        .run(&[&pages[..], &["--name", "feed"]].concat())
        .exits(0);
    for alone in [&["empty.xml"][..], &["empty.xml", "--name", "feed"]] {
        let build = [&["index", "build", "-o", "empty.hsv"], alone].concat();
        let ran = place.run(&build).exits(2);
        assert!(
            ran.stderr.contains("no entry can be read"),
            "{}",
            ran.stderr
        );
    }
    place.write("page.xml", &page[..page.len() - 5]);
    let cut = ["index", "build", "page.xml", "-o", "cut.hsv"];
    let ran = place.run(&cut).exits(2);
    assert!(ran.stderr.contains("fetch it again"), "{}", ran.stderr);
    assert!(!place.at("cut.hsv").exists());
}

#[test]
fn the_table_of_hash_goes_back_into_index_build_and_loses_only_what_is_not_worth_listing() {
    let place = Place::new();
    place.write("in/a.png", png(&drawn(1)));
    place.write(
        "in/b.jpg",
        encode(&drawn(2), FileFormat::Jpeg { quality: 90 }).unwrap(),
    );
    let flat = picture(Scene::Flat, 1, 64, 64, PixelFormat::Rgb8);
    place.write("in/flat.png", png(&flat));
    place.write("in/text.png", "no picture");
    let hash = ["hash", "in", "--format", "csv", "--kinds", "pdq,sha256"];
    place
        .run(&[&hash[..], &["-o", "list.csv"]].concat())
        .exits(2);
    let build = ["index", "build", "-o", "list.hsv"];
    let ran = place.run(&[&build[..], &["list.csv"]].concat()).exits(0);
    for line in [
        "records   8 read, 2 left out, 0 withdrawn\n",
        "entries   4\n",
        "note      1 row left out for its status low_quality\n",
        "note      1 row left out that only says why a file has no hash\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("note").count(), 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("id from 1") && !ran.stderr.contains("exact"));
    let scan = [
        "scan",
        "in/a.png",
        "--against",
        "list.hsv",
        "--format",
        "json",
    ];
    let found = &place.run(&scan).exits(1).json()[0]["matches"];
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert!(
        found
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["entry"] == "in/a.png")
    );
    let luma = ["--luma-only", "-o", "luma.csv"];
    place.run(&[&hash[..], &luma].concat()).exits(2);
    let ran = place.run(&[&build[..], &["luma.csv"]].concat()).exits(0);
    let told = "1 hash is of luma alone (profile pdq-jpeg-luma-1 or its like): not exact";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn json_of_no_known_format_is_refused_by_its_name() {
    let place = place_with_index();
    let json = place.run(&["hash", "original.png", "--format", "json"]);
    place.write("list.json", json.stdout);
    place.write("list.txt", "\u{feff} [\n");
    for list in ["list.json", "list.txt"] {
        let ran = place
            .run(&["index", "build", list, "-o", "new.hsv"])
            .exits(2);
        assert_eq!(ran.stderr.lines().count(), 1);
        let told =
            format!("{list}: this looks like JSON, but not of a format of lists that is known");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
}

#[test]
fn pdq_hashes_of_low_quality_are_told_when_an_index_is_built() {
    let place = Place::new();
    let hash = pdq(&drawn(1)).0;
    place.write("list.hsh", format!("{hash},49,a\n{hash},50,b\n{hash},c\n"));
    place.write(
        "list.csv",
        format!("id,pdq,quality,status\na,{hash},0,\nb,{hash},0,withdrawn\nc,{hash},100,\n"),
    );
    for (list, told) in [
        (&["list.hsh"][..], "1 pdq hash is of quality below 50"),
        (&["list.csv"], "1 pdq hash is of quality below 50"),
        (
            &["list.hsh", "list.csv", "--name", "one"],
            "2 pdq hashes are of quality below 50",
        ),
    ] {
        let build = ["index", "build", "-o", "list.hsv"];
        let ran = place.run(&[&build[..], list].concat()).exits(0);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn the_same_lists_make_the_same_bytes_whatever_the_memory() {
    let place = Place::new();
    let list: String = (0..40_000)
        .map(|number| made_up(HashKind::Md5, number) + "\n")
        .collect();
    place.write("list.txt", list);
    for (name, memory) in [("a.hsv", "512"), ("b.hsv", "512"), ("c.hsv", "1")] {
        let build = ["index", "build", "list.txt", "-o", name, "--memory", memory];
        place.run(&build).exits(0);
    }
    assert_eq!(place.read("a.hsv"), place.read("b.hsv"));
    assert_eq!(place.read("a.hsv"), place.read("c.hsv"));
    place.run(&["index", "verify", "c.hsv"]).exits(0);
}

#[test]
fn a_build_that_fails_leaves_the_old_index() {
    let place = place_with_index();
    let before = place.read("list.hsv");
    place.write("table.csv", "name,size\na,1\n");
    for list in ["missing.txt", "table.csv", "."] {
        place
            .run(&["index", "build", "list.hsh", list, "-o", "list.hsv"])
            .exits(2);
        assert_eq!(place.read("list.hsv"), before);
    }
    assert_eq!(
        place.names(),
        ["list.hsh", "list.hsv", "original.png", "table.csv"]
    );
}

/// A build killed outright leaves the old index or the new one, whole. What it may leave beside it is one file
/// `.hashsieve-*`, readable by its owner only; the files it sorts in have no names and are gone with it.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_build_leaves_a_whole_index() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mut list = String::new();
    let mut state = 1_u64;
    for _ in 0..400_000 {
        for _ in 0..2 {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            list += &format!("{:016x}", mixed ^ (mixed >> 27));
        }
        list.push('\n');
    }
    place.write("list.txt", list);
    place.write("old.txt", made_up(HashKind::Md5, 1));
    let build = ["index", "build", "list.txt", "--memory", "1", "-o"];
    let began = std::time::Instant::now();
    place.run(&[&build[..], &["new.hsv"]].concat()).exits(0);
    let whole = began.elapsed();
    place
        .run(&["index", "build", "old.txt", "-o", "old.hsv"])
        .exits(0);
    let (old, new) = (place.read("old.hsv"), place.read("new.hsv"));
    let mut survived = 0;
    for part in 1..=9 {
        fs::copy(place.at("old.hsv"), place.at("index.hsv")).unwrap();
        let mut command = place.command(&[&build[..], &["index.hsv"]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(whole * part / 10);
        child.kill().unwrap();
        child.wait().unwrap();
        let index = place.read("index.hsv");
        assert!(index == old || index == new, "part {part}");
        survived += u32::from(index == old);
        let expected = ["index.hsv", "list.txt", "new.hsv", "old.hsv", "old.txt"];
        for name in place.names() {
            if !expected.contains(&name.as_str()) {
                assert!(name.starts_with(".hashsieve-"), "{name}");
                let mode = fs::metadata(place.at(&name)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                fs::remove_file(place.at(&name)).unwrap();
            }
        }
    }
    assert!(survived > 0, "no build was killed before its end");
}

#[test]
fn info_and_verify_describe_a_sound_index() {
    let place = place_with_index();
    let build = [
        "index", "build", "list.hsh", "-o", "list.hsv", "--source", "a source",
    ];
    let options = [
        "--list-version",
        "7",
        "--list-date",
        "2024-02-29",
        "--terms",
        "some terms",
    ];
    place.run(&[&build[..], &options].concat()).exits(0);
    let ran = place.run(&["index", "verify", "list.hsv"]).exits(0);
    assert_eq!(ran.stdout, "list.hsv: sound\n");
    let info = &place
        .run(&["index", "info", "list.hsv", "--json"])
        .exits(0)
        .json()[0];
    let identity = info["identity"].as_str().unwrap();
    let bytes = place.read("list.hsv").len();
    assert_eq!(identity.len(), 64);
    assert_eq!(
        info,
        &json!({
            "identity": identity, "file_bytes": bytes, "entries": 1,
            "kinds": [{ "kind": "pdq", "hashes": 1, "assertions": 1 }],
            "lists": [{
                "name": "list", "source": "a source", "version": "7", "time": 1_709_164_800,
                "terms": "some terms", "entries": 1,
            }],
        })
    );
    let text = place.run(&["index", "info", "list.hsv"]).exits(0).stdout;
    assert!(text.starts_with(&format!("identity  {identity}\nsize      {bytes} bytes\n")));
    let list =
        "list      list: 1 entry; source a source; version 7; time 2024-02-29; terms some terms\n";
    assert!(text.ends_with(list), "{text}");
}

#[test]
fn the_demo_holds_and_refuses_a_folder_with_something_in_it() {
    let place = Place::new();
    let ran = place.run(&["demo", "--dir", "D"]).exits(0);
    assert!(
        ran.stdout.contains("\nfalse matches: 0\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("every expectation held\n"));
    assert_eq!(
        names(&place.at("D")),
        [
            "digests.csv",
            "digests.hsv",
            "list.hsh",
            "list.hsv",
            "originals",
            "report.json",
            "uploads"
        ]
    );
    let ran = place.run(&["demo", "--dir", "D"]).exits(2);
    assert!(ran.stderr.contains("not empty"));
    assert_eq!(place.names(), ["D"]);
}

#[test]
fn several_files_make_one_list_and_a_later_one_withdraws() {
    let place = Place::new();
    let [first, second] = [1, 2].map(|number| made_up(HashKind::Md5, number));
    place.write(
        "full.csv",
        format!("id,md5,status\na,{first},active\nb,{second},active\n"),
    );
    place.write("delta.csv", "id,md5,status\na,,withdrawn\n");
    let build = [
        "index",
        "build",
        "full.csv",
        "delta.csv",
        "-o",
        "list.hsv",
        "--name",
        "one",
    ];
    let ran = place.run(&build).exits(0);
    assert!(ran.stdout.contains("entries   1\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("lists     1\n"), "{}", ran.stdout);
}

#[test]
fn a_list_of_which_nothing_can_be_read_never_becomes_an_index() {
    let place = place_with_index();
    let before = place.read("list.hsv");
    place.write("empty.hsh", "");
    place.write("good.txt", format!("md5 {}\n", made_up(HashKind::Md5, 1)));
    let build = ["index", "build", "good.txt", "empty.hsh", "-o", "list.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(
        ran.stderr.contains("empty.hsh: no entry can be read"),
        "{}",
        ran.stderr
    );
    assert_eq!(place.read("list.hsv"), before);
}

#[test]
fn a_kind_that_is_given_goes_before_a_guess() {
    let place = Place::new();
    place.write(
        "list.hsh",
        format!("{},case-1\n", made_up(HashKind::Sha256, 1)),
    );
    let build = [
        "index", "build", "list.hsh", "-o", "list.hsv", "--kind", "sha256",
    ];
    place.run(&build).exits(2);
    place.write(
        "list.txt",
        format!("{}  case-1\n", made_up(HashKind::Sha256, 1)),
    );
    let build = [
        "index", "build", "list.txt", "-o", "list.hsv", "--kind", "sha256",
    ];
    let ran = place.run(&build).exits(0);
    assert!(ran.stdout.contains("sha256    1 hash,"), "{}", ran.stdout);
}

#[test]
fn evidence_is_added_to_what_was_kept_before() {
    let place = place_with_index();
    let scan = [
        "scan",
        "original.png",
        "--against",
        "list.hsv",
        "--evidence",
        "kept.json",
    ];
    place.run(&scan).exits(1);
    place.run(&scan).exits(1);
    assert_eq!(place.text("kept.json").lines().count(), 2);
}

#[test]
fn classic_hashes_go_from_hash_through_index_build_to_scan() {
    let place = Place::new();
    for seed in 0..6 {
        place.write(&format!("pictures/{seed}.png"), png(&drawn(seed)));
    }
    let flat = picture(Scene::Flat, 1, 64, 64, PixelFormat::Rgb8);
    place.write("pictures/flat.png", png(&flat));
    let hashed = place.run(&[
        "hash",
        "pictures",
        "--kinds",
        "gradient_16x16",
        "-o",
        "list.txt",
    ]);
    assert_eq!(hashed.code, 0, "{}", hashed.stderr);
    assert!(
        hashed.stderr.contains("flat.png: low_quality"),
        "{}",
        hashed.stderr
    );
    let list = place.text("list.txt");
    assert_eq!(
        list.lines().count(),
        6,
        "the flat picture is no line of a list"
    );
    let built = place.run(&[
        "index",
        "build",
        "--kind",
        "gradient_16x16",
        "list.txt",
        "-o",
        "list.hsv",
    ]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let scanned = place.run(&[
        "scan",
        "pictures",
        "--against",
        "list.hsv",
        "--format",
        "json",
    ]);
    let lines: Vec<Value> = scanned
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 7);
    for line in lines {
        let is_flat = line["path"].as_str().unwrap().ends_with("flat.png");
        assert_eq!(
            line["status"],
            if is_flat { "low_quality" } else { "match" },
            "{line}"
        );
        if !is_flat {
            assert_eq!(line["matches"][0]["kind"], "gradient_16x16", "{line}");
        }
    }
    let json = place.run(&[
        "hash",
        "pictures/0.png",
        "--kinds",
        "pdq,mean_8x8,blockhash_16x16",
        "--format",
        "json",
    ]);
    let kinds: Vec<String> = json
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["kind"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, ["pdq", "mean_8x8", "blockhash_16x16"]);
}
