//! What can happen to a store: full disks, killed processes, other writers, newer versions and damage.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use assert_cmd::cargo::cargo_bin;
use hashsieve::StoreWriter;
use serde_json::json;

use crate::support::{
    Ran, edit_manifest, found_pdq, is_sound, names, on_list, pdq, run_limited, status, table,
    with_list,
};

#[test]
fn a_full_disk_leaves_the_store_as_it_was_and_a_later_change_works() {
    let place = with_list(20_000);
    on_list(&place, "withdraw", &["e5"]).exits(0);
    place.write("y.csv", table(5_000..40_000));
    let changes = [
        &[
            "store",
            "replace",
            "s",
            "y.csv",
            "--name",
            "x",
            "--shrink-limit",
            "50",
        ][..],
        &["store", "add", "s", "y.csv", "--name", "y", "--memory", "1"],
        &["store", "withdraw", "s", "--list", "x", "e6"],
        &["store", "purge", "s"],
        &["store", "compact", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "remove-list", "s", "--list", "x"],
    ];
    let copy = |from: &str, to: &str| {
        fs::create_dir(place.at(to)).unwrap();
        for name in names(&place.at(from)) {
            fs::copy(place.at(from).join(&name), place.at(to).join(&name)).unwrap();
        }
    };
    copy("s", "saved");
    let ageless = || {
        let mut status = status(&place);
        status["lists"][0]["age_seconds"] = json!(0);
        status
    };
    let before = ageless();
    for arguments in changes {
        let mut failures = 0;
        for blocks in [0, 1, 3, 100, 1000, 3000] {
            let ran = run_limited(&place, blocks, arguments);
            if ran.code == 0 {
                break;
            }
            assert_eq!(ran.code, 2, "{arguments:?} {}", ran.stderr);
            assert!(
                ran.stderr.contains("os error 27"),
                "{arguments:?} {}",
                ran.stderr
            );
            let says_so = ["the store is as it was", "nothing was changed"];
            assert!(
                says_so.iter().any(|words| ran.stderr.contains(words)),
                "{arguments:?} {}",
                ran.stderr
            );
            assert_eq!(ageless(), before, "{arguments:?} {blocks}");
            failures += 1;
        }
        assert!(failures > 0, "{arguments:?}");
        fs::remove_dir_all(place.at("s")).unwrap();
        copy("saved", "s");
    }
    is_sound(&place);
    place.run(changes[0]).exits(0);
    assert_eq!(found_pdq(&place, 39_999), ["e39999"]);
    is_sound(&place);
}

#[test]
fn a_process_that_is_killed_leaves_the_store_before_or_after_its_change() {
    let place = with_list(20_000);
    place.write("y.csv", table(100..20_100));
    let replace = ["store", "replace", "s", "y.csv", "--name", "x"];
    let begun = Instant::now();
    place.run(&replace).exits(0);
    let whole = begun.elapsed();
    on_list(&place, "replace", &["x.csv"]).exits(0);
    let mut generation = 3;
    for part in 1..=12 {
        let mut command = place.command(&replace);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * part / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        let after = status(&place);
        let is_old = found_pdq(&place, 0) == ["e0"];
        assert_eq!(found_pdq(&place, 20_099).is_empty(), is_old);
        assert_eq!(after["lists"][0]["entries"], 20_000);
        if after["generation"] != generation {
            generation += 1;
            assert_eq!(after["generation"], generation);
            assert!(!is_old);
            break;
        }
        assert!(is_old);
    }
    // What a killed process left is gone with the next change.
    place.run(&replace).exits(0);
    is_sound(&place);
}

#[test]
fn a_directory_that_cannot_be_written_is_read_and_not_changed() {
    let place = with_list(5);
    // Modes do not count for root, so somebody else runs a copy of the program.
    let program = place.at("hashsieve");
    fs::copy(cargo_bin!("hashsieve"), &program).unwrap();
    let set_mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set_mode(&program, 0o755);
    set_mode(place.0.path(), 0o755);
    set_mode(&place.at("x.csv"), 0o644);
    for name in names(&place.at("s")) {
        set_mode(&place.at("s").join(name), 0o444);
    }
    set_mode(&place.at("s"), 0o555);
    let is_root = fs::metadata(&program).unwrap().uid() == 0;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .current_dir(place.0.path())
            .stdin(Stdio::null())
            .args(arguments);
        if is_root {
            command.uid(65_534).gid(65_534);
        }
        Ran::from(command.output().unwrap())
    };
    run(&["store", "status", "s"]).exits(0);
    run(&["store", "verify", "s"]).exits(0);
    for change in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["store", "withdraw", "s", "--list", "x", "e1"],
        &["store", "purge", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "init", "s/t"],
    ] {
        let ran = run(change).exits(2);
        assert!(
            ran.stderr.contains("Permission denied"),
            "{change:?} {}",
            ran.stderr
        );
    }
    let ran = run(&["store", "verify-removed", "s", "x.csv"]).exits(1);
    assert!(!ran.stderr.is_empty());
    set_mode(&place.at("s"), 0o755);
    assert_eq!(status(&place)["generation"], 1);
    assert_eq!(found_pdq(&place, 1), ["e1"]);
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let place = with_list(5);
    let writer = StoreWriter::open(place.at("s")).unwrap();
    for change in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["store", "withdraw", "s", "--list", "x", "e1"],
        &["store", "compact", "s"],
        &["store", "purge", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "remove-list", "s", "--list", "x"],
    ] {
        let ran = place.run(change).exits(2);
        assert!(
            ran.stderr.contains("somebody else is changing this store"),
            "{}",
            ran.stderr
        );
    }
    place.run(&["store", "status", "s"]).exits(0);
    place.run(&["store", "verify", "s"]).exits(0);
    drop(writer);
    on_list(&place, "withdraw", &["e1"]).exits(0);
}

#[test]
fn a_store_of_a_newer_version_is_refused_as_such() {
    let place = with_list(5);
    edit_manifest(&place, |manifest| {
        *manifest = json!({"format": 2, "unheard": 1})
    });
    for command in ["status", "verify", "purge"] {
        let ran = place.run(&["store", command, "s"]).exits(2);
        assert!(
            ran.stderr.contains("use a newer hashsieve"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn damage_of_any_file_is_told_and_never_passed_over() {
    let place = with_list(300);
    on_list(&place, "withdraw", &["e1"]).exits(0);
    place.write("gone.txt", format!("pdq {}\n", pdq(1)));
    let files: Vec<_> = names(&place.at("s"))
        .into_iter()
        .filter(|name| name != "lock")
        .collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let name = format!("s/{file}");
        let bytes = place.read(&name);
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        for damaged in [&damaged[..], &bytes[..bytes.len() / 2], b""] {
            place.write(&name, damaged);
            let ran = place.run(&["store", "verify", "s"]).exits(2);
            assert!(
                ran.stderr.contains("s/") && ran.stdout.is_empty(),
                "{file}: {}",
                ran.stderr
            );
        }
        fs::remove_file(place.at(&name)).unwrap();
        place.run(&["store", "verify", "s"]).exits(2);
        place
            .run(&["store", "verify-removed", "s", "gone.txt"])
            .exits(2);
        place.write(&name, &bytes);
    }
    is_sound(&place);
    place.run(&["store", "status", "x.csv"]).exits(2);
    let ran = place.run(&["store", "status", "nowhere"]).exits(2);
    assert!(ran.stderr.contains("no store is here"), "{}", ran.stderr);
    place.run(&["store", "init", "s"]).exits(2);
    place.run(&["store", "init", "."]).exits(2);
}
