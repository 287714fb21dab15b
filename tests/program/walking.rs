//! Folders: what of them is read, in which order, and what is passed over.

use std::fs;
#[cfg(unix)]
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::time::Duration;

use hashsieve::PixelFormat;
use hashsieve::synthetic::{Scene, picture};

#[cfg(unix)]
use crate::support::Ran;
use crate::support::{drawn, place_with_index, png};

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
