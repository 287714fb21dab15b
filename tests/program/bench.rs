//! `hashsieve bench` and `hashsieve demo`: what they tell, and that it holds.

use std::fs;

use crate::support::{Place, keys, names};

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
fn bench_store_finds_nothing_stale_or_missed_and_no_trace_and_tells_its_figures() {
    let place = Place::new();
    let bench = ["bench", "store", "--n", "20000", "--queries", "20"];
    let more = ["--reloads", "20", "--json"];
    let ran = place.run(&[&bench[..], &more].concat()).exits(0);
    assert_eq!(ran.stderr, "");
    let [line] = &ran.json()[..] else {
        panic!("{}", ran.stdout)
    };
    for (key, value) in [
        ("n", 20_000),
        ("threads", 2),
        ("threshold", 31),
        ("changes", 10_000),
        ("queries", 20),
        ("fresh_changes", 100),
        ("fresh_entries", 1000),
        ("reloads", 20),
        ("failed", 0),
        ("stale", 0),
        ("missed", 0),
        ("traces_found", 0),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    for key in [
        "create_seconds",
        "withdrawal_milliseconds",
        "addition_milliseconds",
        "changes_seconds",
        "microseconds_per_query",
        "microseconds_per_query_fresh",
        "slowdown",
        "queries_meanwhile",
        "purged",
        "compact_seconds",
    ] {
        assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
    }
    // As documented.
    let help = place.run(&["bench", "store", "--help"]).exits(0).stdout;
    for key in keys(line) {
        assert!(help.contains(&format!("\"{key}\"")), "{key}");
    }
    assert!(place.names().is_empty());
}
