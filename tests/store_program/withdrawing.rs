//! Withdrawing entries by their ids, and showing that a hash is gone.

use std::fs;
use std::process::Command;

use hashsieve::HashKind;

use crate::support::{
    Ran, counts, found_pdq, is_sound, made_up, md5, on_list, pdq, status, with_list,
};

// Withdrawing.

#[test]
fn ids_to_withdraw_come_from_arguments_files_and_standard_input() {
    let place = with_list(10);
    let withdraw = |more: &[&str]| on_list(&place, "withdraw", more);
    let withdraw_input = |input: &[u8]| {
        let withdraw = ["store", "withdraw", "s", "--list", "x", "--from", "-"];
        place.run_with(&withdraw, input)
    };
    withdraw(&[]).exits(2);
    place.write("ids", "\u{feff}e1\r\n\ne2\n");
    let ran = withdraw(&["e0", "--from", "ids"]).exits(0);
    counts(&ran, &[("withdrawn", 3)]);
    let ran = withdraw_input(b"e3\ne4").exits(0);
    counts(&ran, &[("withdrawn", 2)]);
    // What is no id is named by its line and costs the others nothing.
    let long = format!("{}\n", "x".repeat(200_000));
    let bad = [b"e5\n\xff\xff\n", long.as_bytes(), b"a\0b\ne6\n"].concat();
    let ran = withdraw_input(&bad).exits(2);
    counts(&ran, &[("withdrawn", 2)]);
    for line in ["-:2: no id", "-:3: no id", "-:4: no id"] {
        assert!(ran.stderr.contains(line), "{}", ran.stderr);
    }
    // A file that cannot be read changes nothing.
    let before = status(&place);
    let ran = withdraw(&["e7", "--from", "."]).exits(2);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    withdraw(&["e7", "--from", "missing"]).exits(2);
    let unknown = ["store", "withdraw", "s", "--list", "y", "e7"];
    place.run(&unknown).exits(2);
    assert_eq!(status(&place)["generation"], before["generation"]);
    assert_eq!(found_pdq(&place, 7), ["e7"]);
    is_sound(&place);
}

#[test]
fn an_id_of_which_there_is_no_entry_is_left_out_and_told_unless_that_is_meant() {
    let place = with_list(10);
    let withdraw = |more: &[&str]| on_list(&place, "withdraw", more);
    // The others are withdrawn.
    let ran = withdraw(&["e0", "never", "e1"]).exits(2);
    counts(&ran, &[("withdrawn", 2)]);
    assert!(
        ran.stderr
            .contains("id 2: the list has no entry of this id\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("1 id names no entry of list `x`"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("never"), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 2);
    // Ids are taken as they stand, and shown where that is asked for.
    place.write("ids", "e2 \n\te3\ne4\n");
    let ran = withdraw(&["--from", "ids", "-v"]).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    for told in [
        "ids:1 `e2 `: the list has no entry of this id; the id has blanks at its ends, which are part of it\n",
        "ids:2 `\\te3`: the list has no entry",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    // If there is nothing else, nothing is changed; and not all are named.
    let generation = status(&place)["generation"].clone();
    let many: String = (0..15).map(|n| format!("n{n}\n")).collect();
    place.write("ids", many);
    let ran = withdraw(&["--from", "ids"]).exits(2);
    assert!(
        ran.stderr.contains("ids:10: ") && !ran.stderr.contains("ids:11: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("and more\n15 ids name no entry"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("so nothing was changed"),
        "{}",
        ran.stderr
    );
    assert_eq!(status(&place)["generation"], generation);
    // Who means it says so. What is withdrawn already is no failure.
    let ran = withdraw(&["never", "e5", "--allow-unseen"]).exits(0);
    counts(&ran, &[("withdrawn", 1), ("unseen", 1)]);
    let ran = withdraw(&["e5", "never"]).exits(0);
    assert!(
        ran.stderr.contains("2 ids name what is withdrawn already"),
        "{}",
        ran.stderr
    );
    is_sound(&place);
}

#[test]
fn a_table_is_never_taken_for_ids_and_its_hashes_are_not_remembered() {
    let place = with_list(10);
    let withdraw = |more: &[&str]| {
        let withdraw = ["--from", "ids", "-v"];
        on_list(&place, "withdraw", &[&withdraw[..], more].concat())
    };
    let sha1 = made_up(HashKind::Sha1, 1);
    let rows = [
        format!("e1,{}", md5(1)),
        format!("e2;\"{}\"", pdq(2)),
        format!("e3\t{}", sha1.to_ascii_uppercase()),
        format!("e4|{}", md5(4)),
        format!("md5 {}", md5(4)),
        format!("PDQ:{}", pdq(4)),
        format!("mean_8x8 {}", &md5(4)[..16]),
        sha1,
        pdq(5),
        made_up(HashKind::Sha512, 6),
        "e7".to_owned(),
    ];
    place.write("ids", rows.join("\n"));
    let ran = withdraw(&["--allow-unseen"]).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    for line in 1..=4 {
        let told = format!("ids:{line}: a line of a table with a hash in it");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    for line in 5..=10 {
        let told = format!("ids:{line}: a hash, and no id that the list has");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let shown = (ran.stdout + &ran.stderr).to_ascii_lowercase();
    for row in &rows[..10] {
        let digits = row.rsplit([',', ';', '\t', ' ', '|', ':']).next().unwrap();
        let digits = digits.trim_matches('"').to_ascii_lowercase();
        assert!(!shown.contains(&digits[..16]));
    }
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 1);
    // Ids that look so are ids if the list has them.
    let odd = [pdq(50), format!("case 7, {}", md5(51))];
    let list = format!(
        "id,md5\n{},{}\n\"{}\",{}\n",
        odd[0],
        md5(60),
        odd[1],
        md5(61)
    );
    place.write("odd.csv", list);
    on_list(&place, "add", &["odd.csv"]).exits(0);
    place.write("ids", odd.join("\n"));
    counts(&withdraw(&[]).exits(0), &[("withdrawn", 2)]);
    is_sound(&place);
}

#[test]
fn a_lone_md5_is_remembered_as_an_id_only_if_no_entry_has_it_and_is_shown_never() {
    let place = with_list(10);
    let uuid = "0123abcd-0123-4567-89ab-0123456789ab";
    let ids = [md5(3).to_ascii_uppercase(), md5(70), uuid.to_owned()];
    place.write("ids", ids.join("\n") + "\n");
    // A pdq in base64.
    let base64 = "Qx7Zk2LmPq".repeat(4) + "RsA=";
    let ran = on_list(&place, "withdraw", &[&base64, "-v"]).exits(2);
    let told = "id 1: the list has no entry of this id; not shown, since it may be a hash\n";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
    let withdraw = |more: &[&str]| {
        let withdraw = ["--from", "ids", "-v"];
        on_list(&place, "withdraw", &[&withdraw[..], more].concat()).exits(2)
    };
    let ran = withdraw(&[]);
    let told = format!(
        "ids:1: a hash, and no id that the list has: an entry is withdrawn by its id, as `scan` names it\n\
         ids:2: the list has no entry of this id; not shown, since it may be a hash\n\
         ids:3 `{uuid}`: the list has no entry of this id\n\
         1 of what was given is a hash or a line of a table: give the ids alone, one a line\n\
         2 ids name no entry of list `x`"
    );
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    // What is no hash of the store may be an id, and is remembered if that is meant.
    let ran = withdraw(&["--allow-unseen"]);
    counts(&ran, &[("unseen", 2)]);
    assert!(!ran.stdout.contains(&md5(70)), "{}", ran.stdout);
    let told = format!("unseen {uuid}\nunseen (not shown, since it may be a hash)\n");
    assert!(ran.stdout.starts_with(&told), "{}", ran.stdout);
    assert!(
        ran.stderr.starts_with("ids:1: a hash, and no id"),
        "{}",
        ran.stderr
    );
    assert_eq!(found_pdq(&place, 3), ["e3"]);
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 2);
}

#[test]
fn the_header_of_a_table_with_hashes_is_not_remembered_as_an_id() {
    let place = with_list(10);
    let withdraw = |ids: &str| {
        place.write("ids", ids);
        on_list(&place, "withdraw", &["--from", "ids", "--allow-unseen"])
    };
    let rows = format!("\u{feff}id;md5\ne1;{}\ne2;{}\n", md5(1), md5(2));
    let ran = withdraw(&(rows + "e3\n")).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    assert!(
        ran.stderr
            .contains("ids:1: the header of a table with hashes in it, and no id\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 1);
    // A first line with a delimiter is an id where no table follows, or the list has it.
    let ran = withdraw("case 7, of May\ne4\n").exits(0);
    counts(&ran, &[("withdrawn", 1), ("unseen", 1)]);
    place.write("odd.csv", format!("id,md5\n\"a,b\",{}\n", md5(60)));
    on_list(&place, "add", &["odd.csv"]).exits(0);
    let ran = withdraw(&format!("a,b\ne5,{}\n", md5(5))).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    // Of what sorts those are that are left out is told of each.
    let rows: String = (0..9).map(|n| format!("e{n},{}\n", md5(n))).collect();
    place.write("ids", format!("id,md5\n{rows}never\n"));
    let ran = on_list(&place, "withdraw", &["--from", "ids"]).exits(2);
    let told = "and more\n10 of what was given are hashes or lines of a table: give the ids alone, one a line\n\
                1 id names no entry of list `x`";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

// Showing.

#[test]
fn what_cannot_be_looked_for_is_not_called_gone() {
    let place = with_list(3);
    let verify = ["store", "verify-removed", "s", "-"];
    let run = |input: String| place.run_with(&verify, input.as_bytes());
    let ran = run(format!("pdq {}\nsha256 {}\n", pdq(50), pdq(51))).exits(0);
    assert!(ran.stdout.contains("looked for 2 hashes"), "{}", ran.stdout);
    let ran = run(format!("{}\npdq {}\n", pdq(50), pdq(51))).exits(2);
    assert!(ran.stderr.contains("-:1: 64 digits are"), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("found      none\n"));
    run(format!("nonsense\npdq {}\n", pdq(1))).exits(1);
    run(format!("photodna xyz\npdq {}\n", pdq(50))).exits(2);
    run(format!("pdq {}\n", "0".repeat(64))).exits(2);
    run(String::new()).exits(2);
    place
        .run(&["store", "verify-removed", "s", "missing"])
        .exits(2);
    let with_kind = [&verify[..], &["--kind", "pdq"]].concat();
    let ran = place
        .run_with(&with_kind, (pdq(50) + "\n" + &pdq(2)).as_bytes())
        .exits(1);
    assert!(
        ran.stdout.contains("that of line 2 in segment-"),
        "{}",
        ran.stdout
    );
    // Whatever is there is looked at, and what cannot be read is told.
    place.write("s/copy", format!("x{}", md5(70)));
    let ran = run(format!("md5 {}\n", md5(70))).exits(1);
    assert!(
        ran.stdout.contains("that of line 1 in copy"),
        "{}",
        ran.stdout
    );
    fs::create_dir(place.at("s/folder")).unwrap();
    let ran = run(format!("md5 {}\n", md5(71))).exits(2);
    assert!(
        ran.stderr.contains("not known whether the hashes are gone"),
        "{}",
        ran.stderr
    );
}

#[test]
fn hashes_to_look_for_are_read_as_hash_prints_them() {
    let place = with_list(6);
    let run =
        |input: String| place.run_with(&["store", "verify-removed", "s", "-"], input.as_bytes());
    let gone = |n: u64| n + 100;
    for of in [|n: u64| n, gone] {
        let is_there = i32::from(of(1) == 1);
        for input in [
            format!("{},100,a, b.png\n{},77,c.png\n", pdq(of(1)), pdq(of(2))),
            format!("{}  a b.png\n{} *c.png\n", md5(of(1)), md5(of(2))),
            format!("pdq {}  a b.png\nmd5 {}  a b.png\n", pdq(of(1)), md5(of(1))),
            format!("md5 {}\npdq:{}\n", md5(of(1)), pdq(of(2))),
            format!(
                "path,kind,hash\na.png,pdq,{}\na.png,md5,{}\n",
                pdq(of(1)),
                md5(of(1))
            ),
        ] {
            let ran = run(input).exits(is_there);
            assert!(
                ran.stdout.contains("looked for 2 hashes\n"),
                "{}",
                ran.stdout
            );
            assert_eq!(
                ran.stdout.matches("found      that").count(),
                if is_there == 1 { 2 } else { 0 }
            );
        }
    }
    // What cannot be read is told without an option that there is not.
    let ran = run("nonsense\n".repeat(20) + &format!("md5 {}\n", md5(99))).exits(2);
    assert!(ran.stderr.contains("and more\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--quarantine"), "{}", ran.stderr);
}

#[test]
fn what_would_take_a_hash_away_is_said_of_wherever_it_is() {
    let place = with_list(6);
    let run = |hash: String| {
        let input = format!("md5 {hash}\n");
        place.run_with(&["store", "verify-removed", "s", "-"], input.as_bytes())
    };
    let advice = |ran: &Ran, there: &[&str]| {
        let all = [
            "has to be withdrawn first",
            "is withdrawn is in",
            "another text",
            "manifest is in",
            "remove the file",
        ];
        for what in all {
            assert_eq!(
                ran.stderr.contains(what),
                there.contains(&what),
                "{what}: {}",
                ran.stderr
            );
        }
    };
    advice(&run(md5(1)).exits(1), &["has to be withdrawn first"]);
    on_list(&place, "withdraw", &["e1"]).exits(0);
    advice(&run(md5(1)).exits(1), &["is withdrawn is in"]);
    // A file that is none of the store, and a link.
    place.write("s/copy", md5(80));
    place.write("list", md5(81).to_ascii_uppercase());
    std::os::unix::fs::symlink("../list", place.at("s/segment-00000099.hsv")).unwrap();
    advice(&run(md5(80)).exits(1), &["remove the file"]);
    advice(&run(md5(81)).exits(1), &["remove the file"]);
    fs::remove_file(place.at("s/copy")).unwrap();
    fs::remove_file(place.at("s/segment-00000099.hsv")).unwrap();
    on_list(&place, "set", &["--terms", &md5(82)]).exits(0);
    advice(&run(md5(82)).exits(1), &["manifest is in"]);
    // An id that is a hash is remembered when it is withdrawn; purging does not help, and what is advised does.
    place.write("odd.csv", format!("id,pdq\n{},{}\n", md5(83), pdq(83)));
    on_list(&place, "add", &["odd.csv"]).exits(0);
    on_list(&place, "withdraw", &[&md5(83)]).exits(0);
    place.run(&["store", "purge", "s"]).exits(0);
    advice(&run(md5(83)).exits(1), &["another text"]);
    on_list(&place, "replace", &["x.csv"]).exits(0);
    place.run(&["store", "purge", "s"]).exits(0);
    advice(&run(md5(83)).exits(0), &[]);
    // Nobody waits for a pipe.
    let made = Command::new("mkfifo")
        .arg(place.at("s/pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let ran = run(md5(90)).exits(2);
    assert!(
        ran.stderr.contains("pipe: this is no regular file"),
        "{}",
        ran.stderr
    );
}
