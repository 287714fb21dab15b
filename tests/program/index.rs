//! The files that `hashsieve index build` makes: the same bytes each time, whole or not there, described and verified.

#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::process::Stdio;

use hashsieve::HashKind;
use serde_json::json;

use crate::support::{Place, made_up, place_with_index};

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
