//! Arguments, standard input and output: what is read and written where, and what never is.

use std::io::Write;
use std::process::Stdio;

use crate::support::{
    Place, counts, is_sound, on_list, page, record, status, table, with_list, with_store,
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
    assert_eq!(status(&place)["lists"].as_array().unwrap().len(), 1);
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
