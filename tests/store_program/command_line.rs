//! Arguments, standard input and output: what is read and written where, and what never is.

use std::io::Write;
use std::process::Stdio;

use crate::support::{
    Place, counts, is_sound, names, on_list, page, record, status, table, with_list, with_store,
};

#[test]
fn a_list_is_read_from_standard_input_once_and_nothing_confidential_is_written_there() {
    let place = with_store();
    let text = table(0..5);
    let replace = ["store", "replace", "s", "-", "--name", "x"];
    counts(
        &place.run_with(&replace, text.as_bytes()).exits(0),
        &[("added", 5)],
    );
    let time = 1_700_000_000;
    let page = page(time, false, &[record(1, 1, time, false)]);
    let apply = ["store", "apply", "s", "-", "--name", "feed"];
    counts(
        &place.run_with(&apply, page.as_bytes()).exits(0),
        &[("added", 1)],
    );
    let check = ["list", "check", "-"];
    let ran = place.run_with(&check, text.as_bytes()).exits(0);
    assert!(ran.stdout.contains("entries    5\n"), "{}", ran.stdout);
    let build = ["index", "build", "-", "-o", "x.hsv"];
    let ran = place.run_with(&build, text.as_bytes()).exits(2);
    assert!(ran.stderr.contains("--name"), "{}", ran.stderr);
    let named = [&build[..], &["--name", "x"]].concat();
    place.run_with(&named, text.as_bytes()).exits(0);
    // How it is written is known also where a pipe hands out a byte at a time.
    let mut command = place.command(&["store", "add", "s", "-", "--name", "slow"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for byte in table(0..2).bytes() {
        input.write_all(&[byte]).unwrap();
        input.flush().unwrap();
    }
    drop(input);
    assert!(child.wait_with_output().unwrap().status.success());
    for twice in [
        &["store", "add", "s", "-", "-", "--name", "x"][..],
        &["index", "build", "-", "-", "-o", "y.hsv", "--name", "x"],
    ] {
        let ran = place.run_with(twice, text.as_bytes()).exits(2);
        assert!(
            ran.stderr.contains("standard input can be read once"),
            "{}",
            ran.stderr
        );
    }
    place.write("x.csv", &text);
    for confidential in [
        &[
            "store", "export", "s", "--list", "x", "--terms", "t", "-o", "-",
        ][..],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "x",
            "--quarantine",
            "-",
        ],
        &["list", "check", "x.csv", "--quarantine", "-"],
        &[
            "index",
            "build",
            "x.csv",
            "-o",
            "y.hsv",
            "--quarantine",
            "-",
        ],
        &["index", "build", "x.csv", "-o", "-"],
    ] {
        let ran = place.run(confidential).exits(2);
        let why = "name a file: what it holds is confidential";
        assert!(
            ran.stderr.contains(why) && ran.stdout.is_empty(),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(place.names(), ["s", "x.csv", "x.hsv"]);
}

#[test]
fn a_list_that_was_not_there_is_told_to_be_new_and_has_a_name_that_can_be_read() {
    let place = with_store();
    place.write("x.csv", table(0..5));
    let run =
        |command: &str, name: &str| place.run(&["store", command, "s", "x.csv", "--name", name]);
    let new = "list `hotlin` is new in this store\n";
    let ran = run("add", "hotlin").exits(0);
    assert!(ran.stderr.ends_with(new), "{}", ran.stderr);
    let ran = run("replace", "hotlin").exits(0);
    assert!(!ran.stderr.contains("is new"), "{}", ran.stderr);
    for name in ["", " ", " x", "x ", "x\t", "a\nb", "\u{1b}[1m"] {
        run("add", name).exits(2);
        place
            .run(&["index", "build", "x.csv", "-o", "x.hsv", "--name", name])
            .exits(2);
    }
    // The name stands in every verdict, and a file's may be longer.
    let (longest, longer) = ("n".repeat(200), "n".repeat(201));
    run("add", &longest).exits(0);
    run("replace", &longer).exits(2);
    let name = format!("{longer}.csv");
    place.write(&name, table(0..5));
    let ran = place
        .run(&["index", "build", &name, "-o", "x.hsv"])
        .exits(2);
    let told =
        "a list would have a name of 201 bytes, and 200 are the most: give another with --name";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"].as_array().unwrap().len(), 2);
    // The directory and the list in the wrong order.
    let ran = place
        .run(&["store", "add", "x.csv", "s", "--name", "x"])
        .exits(2);
    assert!(
        ran.stderr
            .contains("x.csv: this is a file, and a store is a directory"),
        "{}",
        ran.stderr
    );
    let ran = on_list(&place, "add", &["s"]).exits(2);
    assert!(
        ran.stderr.contains("s: this is a folder, not a list"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_output_never_overwrites_what_the_command_reads() {
    let place = with_list(3);
    let before = place.read("x.csv");
    for arguments in [
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "x.csv",
        ][..],
        &[
            "store",
            "replace",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "./x.csv",
        ],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "s/q.csv",
        ],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "s/manifest",
        ],
    ] {
        place.run(arguments).exits(2);
    }
    assert_eq!(place.read("x.csv"), before);
    place.write(
        "map.toml",
        "format = \"csv\"\n[columns]\npdq = \"pdq\"\nid = \"id\"\n",
    );
    let with_map = ["--columns", "map.toml", "--quarantine", "map.toml"];
    for command in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["list", "check", "x.csv"],
        &["index", "build", "x.csv", "-o", "x.hsv"],
    ] {
        let ran = place.run(&[command, &with_map].concat()).exits(2);
        assert!(ran.stderr.contains("would overwrite"), "{}", ran.stderr);
    }
    // Nor is an index built there, of which nobody would know.
    let build = ["index", "build", "x.csv", "-o"];
    std::os::unix::fs::symlink("s/x.hsv", place.at("x.hsv")).unwrap();
    let segment = snapshot_file(&place);
    for output in [
        "s/x.hsv",
        "./s/x.hsv",
        "s/../s/y.hsv",
        "s/manifest",
        &segment,
    ] {
        let ran = place.run(&[&build[..], &[output]].concat()).exits(2);
        let told = "would be in the directory of the store";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let kept_out = ["y.hsv", "--quarantine", "s/q.csv"];
    place.run(&[&build[..], &kept_out].concat()).exits(2);
    place
        .run(&["list", "check", "x.csv", "--quarantine", "s/q.csv"])
        .exits(2);
    // A folder in which there happens to be a file of that name is no store.
    place.write("t/manifest", "a list of goods");
    place.run(&[&build[..], &["t/x.hsv"]].concat()).exits(0);
    // Nor does it lead among the files of a store.
    std::os::unix::fs::symlink("s/manifest", place.at("link")).unwrap();
    on_list(&place, "set", &["--terms", "t"]).exits(0);
    let ran = on_list(&place, "export", &["--terms", "t", "-o", "link"]).exits(2);
    assert!(
        ran.stderr.contains("directory of the store"),
        "{}",
        ran.stderr
    );
    is_sound(&place);
}

/// Returns the name of a segment of the store `s`.
fn snapshot_file(place: &Place) -> String {
    let mut names = names(&place.at("s")).into_iter();
    let segment = names.find(|name| name.starts_with("segment-"));
    format!("s/{}", segment.unwrap())
}

#[test]
fn a_segment_is_no_index_to_scan_against_also_where_its_store_is_damaged() {
    let place = with_list(3);
    let segment = snapshot_file(&place);
    let refused = || {
        let ran = place
            .run(&["scan", "x.csv", "--against", &segment])
            .exits(2);
        let told = "this is a part of a store";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    };
    refused();
    place.write("s/manifest", "cut");
    refused();
    // An index of such a name elsewhere is an index.
    let build = ["index", "build", "x.csv", "-o", "segment-1.hsv"];
    place.run(&build).exits(0);
    let ran = place.run(&["scan", "x.csv", "--against", "segment-1.hsv"]);
    assert!(ran.stdout.starts_with("x.csv: "), "{}", ran.stderr);
}

#[test]
fn every_command_has_help_and_the_usual_ones_have_examples() {
    let place = Place::new();
    for (command, has_examples) in [
        (&["store"][..], true),
        (&["store", "init"], false),
        (&["store", "add"], true),
        (&["store", "apply"], true),
        (&["store", "replace"], true),
        (&["store", "withdraw"], true),
        (&["store", "set"], true),
        (&["store", "remove-list"], false),
        (&["store", "compact"], false),
        (&["store", "purge"], false),
        (&["store", "status"], true),
        (&["store", "verify"], false),
        (&["store", "verify-removed"], true),
        (&["store", "export"], true),
        (&["list"], false),
        (&["list", "check"], true),
    ] {
        let ran = place.run(&[command, &["--help"]].concat()).exits(0);
        assert_eq!(
            ran.stdout.contains("Examples:\n"),
            has_examples,
            "{command:?}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_does_not_undo_a_change() {
    let place = with_store();
    place.write("x.csv", table(0..20_000));
    let mut command = place.command(&["store", "replace", "s", "x.csv", "--name", "x", "-v"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(status(&place)["lists"][0]["entries"], 20_000);
}
