//! `hashsieve hash`: its lines as text, JSON and CSV, and that they are lists.

use std::fs;

use hashsieve::synthetic::{AnimationFormat, Scene, encode_animation, picture};
use hashsieve::{Dihedral, HashKind, PDQ_PROFILE, PdqHasher, PixelFormat, digest};
use serde_json::Value;

use crate::support::{Place, drawn, flat, keys, pdq, place_with_index, png};

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
    place.write("in/flat.png", png(&flat()));
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
    place.write("flat.png", png(&flat()));
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

#[test]
fn classic_hashes_go_from_hash_through_index_build_to_scan() {
    let place = Place::new();
    for seed in 0..6 {
        place.write(&format!("pictures/{seed}.png"), png(&drawn(seed)));
    }
    place.write("pictures/flat.png", png(&flat()));
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
    let lines = scanned.json();
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
    let lines = json.json();
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["pdq", "mean_8x8", "blockhash_16x16"]);
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
