//! `hashsieve scan`: exit codes, verdicts as text, JSON and CSV, policies and evidence.

use hashsieve::synthetic::{Alteration, Scene, altered_file, picture};
use hashsieve::{HashKind, HashValue, PDQ_PROFILE, PixelFormat, digest};
use serde_json::{Value, json};

use crate::support::{Place, drawn, flat, keys, made_up, pdq, place_with_index, png, turned};

#[test]
fn exit_codes_tell_matched_from_failed_from_nothing() {
    let place = place_with_index();
    place.write("other.png", png(&drawn(2)));
    place.write("text.png", "no picture");
    place.write("flat.png", png(&flat()));
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
    let hash = HashValue::parse(HashKind::Pdq, &pdq(&original).0).unwrap();
    let distances = [0, 1, 30, 31, 32, 255, 256];
    let list: String = distances
        .iter()
        .map(|&count| format!("{},100,{count}\n", turned(&hash, count).to_hex()))
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
