//! What is written: only what was asked for, only for its owner and over nothing that is read; also the help.

#[cfg(unix)]
use std::fs;
use std::path::Path;

#[cfg(unix)]
use hashsieve::HashKind;

use crate::support::{Place, Ran, place_with_index};
#[cfg(unix)]
use crate::support::{drawn, made_up, png};

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
