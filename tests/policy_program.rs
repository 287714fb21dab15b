//! The program with policies and stores: what a policy comes to, what scans make of it. All pictures are synthetic, all entries
//! made up.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hashsieve::{ChangeOptions, Entry, ListDescriptor, StoreError, StoreWriter};
use serde_json::json;

#[path = "support/program.rs"]
pub mod program;
#[path = "support/screening.rs"]
mod screening;

use program::Place;
use screening::{drawn, entry, md5, pdq, png, turned};

const POLICY: &str = "
[lists.a]
action = 'block'
[lists.a.kinds.pdq]
threshold = 25
[[lists.a.classifications]]
scheme = 'scheme'
value = '2'
action = 'observe'
[lists.known]
known = { reason = 'looked at' }
[[disabled]]
list = 'a'
entry = 'off'
reason = 'reported as wrong'
";

/// Opens the store for changes. A program that another test starts at this moment holds the lock of the writer before for as long
/// as it takes to start.
fn writer(place: &Place) -> StoreWriter {
    let began = Instant::now();
    loop {
        match StoreWriter::open(place.at("store")) {
            Err(StoreError::Locked { .. }) if began.elapsed() < Duration::from_secs(10) => {
                std::thread::yield_now();
            }
            opened => return opened.unwrap(),
        }
    }
}

fn add(place: &Place, list: &str, entries: &[Entry]) {
    let path = place.at("store");
    let mut writer = if path.exists() {
        writer(place)
    } else {
        StoreWriter::create(path).unwrap()
    };
    let list = ListDescriptor {
        name: list.to_owned(),
        ..ListDescriptor::default()
    };
    let mut change = writer.change(list, ChangeOptions::add()).unwrap();
    for entry in entries {
        change.add(entry, false).unwrap();
    }
    change.commit().unwrap();
}

fn of_class(mut entry: Entry, value: &str) -> Entry {
    entry.classification = Some(hashsieve::Classification {
        scheme: Some("scheme".to_owned()),
        region: None,
        value: value.to_owned(),
    });
    entry
}

/// Returns a folder with three pictures, a policy and a store: list `a` has the first picture, four times, and the second; list
/// `known` the second and, a bit farther, the first.
fn place() -> Place {
    let place = Place::new();
    let (first, second) = (pdq(&drawn(1)), pdq(&drawn(2)));
    for (name, seed) in [("first.png", 1), ("second.png", 2), ("third.png", 3)] {
        place.write(name, png(&drawn(seed)));
    }
    place.write("policy.toml", POLICY);
    let entries = [
        entry("on", &[turned(&first, 4)]),
        of_class(entry("class", &[first]), "2"),
        entry("off", &[first]),
        entry("far", &[turned(&first, 26)]),
        entry("second", &[turned(&second, 9)]),
    ];
    add(&place, "a", &entries);
    let known = [entry("k1", &[turned(&first, 5)]), entry("k2", &[second])];
    add(&place, "known", &known);
    place
}

#[test]
fn a_scan_against_a_store_follows_the_policy_and_tells_what_is_suppressed() {
    let place = place();
    let scan = [
        "scan",
        "first.png",
        "second.png",
        "third.png",
        "--against",
        "store",
    ];
    let options = [
        "--policy",
        "policy.toml",
        "--evidence",
        "evidence.json",
        "--format",
    ];
    let ran = |format| {
        place
            .run(&[&scan[..], &options, &[format]].concat())
            .exits(1)
    };
    let lines = ran("json").json();
    let seen = |line: &serde_json::Value| {
        let of = |found: &serde_json::Value| found["entry"].as_str().unwrap().to_owned();
        let matches: Vec<_> = line["matches"].as_array().unwrap().iter().map(of).collect();
        let suppressed = line["suppressed"].as_array().unwrap().iter();
        let suppressed: Vec<_> = suppressed
            .map(|one| {
                (
                    of(&one["match"]),
                    one["suppression"]["by"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        (
            line["status"].as_str().unwrap().to_owned(),
            matches,
            suppressed,
        )
    };
    let text = str::to_owned;
    let first = (
        text("match"),
        vec![text("class"), text("on")],
        vec![(text("off"), text("disabled"))],
    );
    assert_eq!(seen(&lines[0]), first);
    assert_eq!(lines[0]["action"], "block");
    let second = (
        text("suppressed"),
        vec![],
        vec![(text("second"), text("known"))],
    );
    assert_eq!(seen(&lines[1]), second);
    assert_eq!(
        lines[1]["suppressed"][0]["suppression"],
        json!({"by": "known", "list": "known", "entry": "k2", "kind": "pdq", "distance": 0, "reason": "looked at"})
    );
    assert_eq!(seen(&lines[2]), (text("no_match"), vec![], vec![]));
    // What does not count is on record as well, with the state of the store.
    let evidence = place.text("evidence.json");
    let records: Vec<serde_json::Value> = evidence
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(
        records[1]["stores"],
        json!([{"directory": "store", "generation": 2}])
    );
    let table = ran("csv").stdout;
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
    let row = |entry: &str| rows.iter().find(|row| row[4] == entry).unwrap();
    assert_eq!(
        (row("on")[1], row("on")[2], row("on")[14]),
        ("match", "block", "")
    );
    assert_eq!(
        (row("off")[1], row("off")[2], row("off")[14]),
        ("match", "", "disabled")
    );
    assert_eq!(
        (row("second")[1], row("second")[14]),
        ("suppressed", "known")
    );
    let stdout = ran("text").stdout;
    let line = |begins: &str| {
        stdout
            .lines()
            .find(|line| line.starts_with(begins))
            .unwrap()
    };
    assert!(
        line("first.png: suppressed: ")
            .ends_with("the policy disables the entry: reported as wrong")
    );
    let known = "known by list known, entry k2, pdq, distance 0: looked at";
    assert!(line("second.png: suppressed: ").ends_with(known));
    assert_eq!(stdout.lines().count(), 5, "{stdout}");
}

#[test]
fn what_is_suppressed_alone_exits_with_0_and_what_is_undecided_as_well_with_2() {
    let place = place();
    let scan = ["--against", "store", "--policy", "policy.toml"];
    place
        .run(&[&["scan", "second.png"], &scan[..]].concat())
        .exits(0);
    let mut cut = place.read("second.png");
    cut.truncate(500);
    add(&place, "a", &[entry("off", &[md5(&cut)])]);
    place.write(
        "policy.toml",
        POLICY.replace(
            "[lists.a.kinds.pdq]",
            "[lists.a.kinds.md5]\n[lists.a.kinds.pdq]",
        ),
    );
    place.write("cut.png", cut);
    let ran = place
        .run(&[&["scan", "cut.png"], &scan[..]].concat())
        .exits(2);
    assert!(
        ran.stdout
            .contains("cut.png: suppressed: list a, entry off"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("cut.png: truncated: "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_report_never_overwrites_a_file_of_the_store() {
    let place = place();
    for option in ["-o", "--evidence"] {
        let arguments = [
            "scan",
            "first.png",
            "--against",
            "store",
            option,
            "store/manifest",
        ];
        let before = place.read("store/manifest");
        let ran = place.run(&arguments).exits(2);
        assert!(ran.stderr.contains("would overwrite"), "{}", ran.stderr);
        assert_eq!(place.read("store/manifest"), before);
    }
}

#[test]
fn a_store_that_is_damaged_is_found_out_before_the_scan() {
    let place = place();
    let segment = "store/segment-00000001.hsv";
    let mut bytes = place.read(segment);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    place.write(segment, bytes);
    let ran = place
        .run(&["scan", "third.png", "--against", "store"])
        .exits(2);
    assert!(
        ran.stderr.contains("damaged") && ran.stdout.is_empty(),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_scan_that_runs_takes_what_is_withdrawn_meanwhile() {
    let place = place();
    let folder = place.at("many");
    std::fs::create_dir(&folder).unwrap();
    let picture = png(&drawn(1));
    // More than can be screened in the seconds that the test waits.
    for number in 0..20_000 {
        std::fs::write(folder.join(format!("{number:05}.png")), &picture).unwrap();
    }
    let mut command = place.command(&[
        "scan",
        "many",
        "--against",
        "store",
        "--jobs",
        "1",
        "-o",
        "report",
    ]);
    let mut running = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while std::fs::metadata(place.at("report")).map_or(0, |report| report.len()) == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the scan did not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut writer = writer(&place);
    writer.withdraw("a", ["on", "class", "off", "far"]).unwrap();
    writer.withdraw("known", ["k1"]).unwrap();
    drop(writer);
    let withdrawn = Instant::now();
    // The end of the report is written last.
    let is_no_match = || {
        let report = std::fs::read_to_string(place.at("report")).unwrap_or_default();
        report.contains(": no_match\n")
    };
    while !is_no_match() {
        assert!(
            withdrawn.elapsed() < Duration::from_secs(60),
            "the withdrawal did not count"
        );
        assert!(
            running.try_wait().unwrap().is_none(),
            "the scan ended before"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn a_scan_tells_once_that_a_list_of_the_policy_is_gone_and_fails() {
    let place = place();
    // What is left has something to look up.
    add(&place, "left", &[entry("e", &[pdq(&drawn(4))])]);
    let folder = place.at("many");
    std::fs::create_dir(&folder).unwrap();
    let picture = place.read("third.png");
    // Several times as long to screen as the program waits between two looks at the store.
    for number in 0..400 {
        std::fs::write(folder.join(format!("{number:03}.png")), &picture).unwrap();
    }
    // The scan waits for standard input, and so is at work when the list goes.
    let scan = ["scan", "third.png", "-", "many", "--against", "store"];
    let options = ["--policy", "policy.toml", "--jobs", "1", "-o", "report"];
    let mut running = place
        .command(&[&scan[..], &options].concat())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while std::fs::metadata(place.at("report")).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the scan did not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    writer(&place).remove_list("a", &mut |_| {}).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    running.stdin.take().unwrap().write_all(&picture).unwrap();
    let ran = program::Ran::from(running.wait_with_output().unwrap()).exits(2);
    let gone = "the policy names the list `a`, which is not, or no longer, in what is searched";
    assert_eq!(ran.stderr.matches(gone).count(), 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("402 inputs: 402 no_match"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_policy_is_told_and_what_it_misses_is_found() {
    let place = place();
    let check = ["policy", "check", "policy.toml"];
    let ran = place.run(&check).exits(0);
    assert_eq!(
        ran.stdout,
        "turned    rotations and reflections are not looked up\n\
         list      a: block, review for what is not confirmed; opinions that count: positive, investigation, disputed\n          \
         matched by pdq up to 25 from quality 50\n          \
         rule 1, scheme scheme, value 2: observe\n\
         list      known: a known list, which suppresses near matches of every list: looked at; opinions that count: positive\n          \
         matched by all kinds, pdq up to 10, classic ones up to a third of what is recommended\n\
         list      all others: review; opinions that count: positive, investigation, disputed\n          \
         matched by all kinds, as far as is recommended\n\
         disabled  list a, entry off: reported as wrong\n"
    );
    let against = |more: &[&str]| place.run(&[&check[..], &["--against", "store"], more].concat());
    let ran = against(&[]).exits(0);
    assert!(
        ran.stdout.contains("list      a (5 entries): "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("rule 1, scheme scheme, value 2 (1 entry): observe")
    );
    assert!(ran.stdout.contains("entry off (is there): "));
    let checked = &against(&["--json"]).exits(0).json()[0];
    assert_eq!(
        program::keys(checked),
        ["decision", "disabled", "lists", "notes"]
    );
    assert_eq!(checked["notes"], json!([]));
    assert_eq!(
        checked["lists"][1]["policy"]["opinions"],
        json!(["positive"])
    );
    let of_known = &checked["lists"][1]["policy"]["kinds"]["pdq"];
    assert_eq!(*of_known, json!({"threshold": 10, "minimum_quality": 50}));
    assert_eq!(checked["lists"][0]["rules"], json!([1]));
    assert_eq!(checked["lists"][0]["entries"], 5);
    assert_eq!(checked["lists"][2]["list"], json!(null));
    // What nothing fits is likely a typing error.
    place.write(
        "policy.toml",
        POLICY
            .replace("value = '2'", "value = '22'")
            .replace("'off'", "'of'"),
    );
    let ran = against(&[]).exits(2);
    assert!(
        ran.stderr.contains("rule 1 of list `a` holds for no entry"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("the disabled entry `of` is not in list `a`"),
        "{}",
        ran.stderr
    );
    place.write(
        "policy.toml",
        POLICY.replace("[lists.a]", "[lists.b]\n[lists.a]"),
    );
    assert!(against(&[]).exits(2).stderr.contains("`b`"));
    place.write("policy.toml", POLICY.replace("threshold", "treshold"));
    assert!(against(&[]).exits(2).stderr.contains("policy.toml"));
}

#[test]
fn a_disabled_entry_that_is_withdrawn_is_not_there() {
    let place = place();
    let check = ["policy", "check", "policy.toml", "--against", "store"];
    writer(&place).withdraw("a", ["off"]).unwrap();
    for is_purged in [false, true] {
        if is_purged {
            writer(&place).purge(&mut |_| {}).unwrap();
        }
        let ran = place.run(&check).exits(2);
        assert!(
            ran.stdout.contains("entry off (is withdrawn): "),
            "{}",
            ran.stdout
        );
        let doubt = "the disabled entry `off` is withdrawn from list `a`";
        assert!(ran.stderr.contains(doubt), "{}", ran.stderr);
        let ran = place.run(&[&check[..], &["--json"]].concat()).exits(2);
        let checked = &ran.json()[0]["disabled"][0];
        assert_eq!(
            program::keys(checked),
            ["entry", "is_there", "list", "reason"]
        );
        assert_eq!(checked["is_there"], false);
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_told_by_its_place_and_without_what_stands_there() {
    let place = place();
    for (text, says) in [
        (
            "[[disabled]]\nlist = 'a'\nentry = 471199\nreason = 'secret'\n",
            "policy.toml: line 3, column 9: invalid type, expected a string",
        ),
        (
            "[lists.secret]\naction = 'secret\n",
            "policy.toml: line 2, column ",
        ),
        (
            "[lists.a]\ntreshold = 1\n",
            "policy.toml: line 2, column 1: unknown field `treshold`",
        ),
    ] {
        place.write("policy.toml", text);
        let ran = place.run(&["policy", "check", "policy.toml"]).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        let is_told = ["471199", "secret"]
            .iter()
            .any(|word| ran.stderr.contains(word));
        assert!(!is_told, "{}", ran.stderr);
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_key_of_a_policy_that_may_be_a_hash_is_not_repeated() {
    let place = place();
    let hash = program::made_up(hashsieve::HashKind::Sha256, 1);
    let with_backticks = format!("{}`, expected `{}", &hash[..20], &hash[20..]);
    for (text, says) in [
        (
            format!("[lists.a]\n{hash} = 1\n"),
            "line 2, column 1: a key that is not known, expected one of `action`, ",
        ),
        (
            format!("[lists.a]\n'{with_backticks}' = 1\n"),
            "line 2, column 1: a key that is not known, expected one of `action`, ",
        ),
        (
            format!("[lists.a]\naction = '{hash}'\n"),
            "line 2, column 10: a word that is not known, expected one of `observe`, ",
        ),
        (format!("[lists.a.kinds.{hash}]\n"), "line 1, column 16: "),
        (
            format!("[lists.a]\nkinds = {{ {hash} = {{}}, {hash} = {{}} }}\n"),
            "line 2, column ",
        ),
        // As long as a name may be.
        (
            format!("{} = 1\n", "k".repeat(30)),
            "unknown field `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkk`, expected one of `dihedral`, ",
        ),
    ] {
        place.write("policy.toml", text);
        let ran = place.run(&["policy", "check", "policy.toml"]).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        let is_told = ran.stderr.contains(&hash[..20]) || ran.stderr.contains(&hash[20..]);
        assert!(!is_told, "{}", ran.stderr);
    }
}

#[test]
fn what_is_no_mistake_and_worth_knowing_is_noted() {
    let place = place();
    add(&place, "files", &[entry("f", &[md5(b"x")])]);
    add(&place, "trial", &[entry("t", &[md5(b"y")])]);
    let policy = "
        [lists.a]
        opinions = []
        action = 'observe'
        unconfirmed_action = 'block'
        [lists.trial]
        action = 'observe'
        [lists.files]
        known = { reason = 'x' }
        [lists.known]
        known = { reason = 'x' }
    ";
    place.write("policy.toml", policy);
    let check = ["policy", "check", "policy.toml"];
    let notes = |ran: &program::Ran| -> Vec<String> {
        let lines = ran.stdout.lines();
        lines
            .filter_map(|line| line.strip_prefix("note      "))
            .map(str::to_owned)
            .collect()
    };
    let of_a = [
        "list a: no opinion counts, so that every match is suppressed",
        "list a: unconfirmed_action = \"block\" changes nothing, since no match asks for more than observe: it only limits what \
         unconfirmed entries ask for. Leave it out, or ask for more by action",
    ];
    assert_eq!(notes(&place.run(&check).exits(0)), of_a);
    let ran = place.run(&[&check[..], &["--against", "store"]].concat());
    let noted = notes(&ran.exits(0));
    assert_eq!(noted[..2], of_a);
    let weak = "list files: known by md5 or sha1 alone, which files that differ can share; sha256 is better";
    assert_eq!(noted[2..], [weak]);
}

#[test]
fn what_is_only_observed_of_a_file_that_is_cut_is_told_as_not_fully_seen() {
    let place = place();
    place.write("policy.toml", "[lists.a]\naction = 'observe'\n");
    let mut cut = place.read("second.png");
    cut.truncate(500);
    add(&place, "a", &[entry("cut", &[md5(&cut)])]);
    place.write("cut.png", cut);
    let scan = [
        "scan",
        "cut.png",
        "--against",
        "store",
        "--policy",
        "policy.toml",
        "--format",
    ];
    let scan = |format| place.run(&[&scan[..], &[format]].concat()).exits(1);
    let text = scan("text").stdout;
    assert!(
        text.contains("cut.png: match: observe, list a, entry cut"),
        "{text}"
    );
    assert!(text.contains("cut.png: not fully seen: "), "{text}");
    let line = &scan("json").json()[0];
    assert_eq!(
        (line["status"].as_str(), line["undecided"].as_str()),
        (Some("match"), Some("truncated"))
    );
    let table = scan("csv").stdout;
    assert!(
        table.lines().nth(1).unwrap().ends_with(",,truncated"),
        "{table}"
    );
}

#[test]
fn a_given_match_is_explained() {
    let place = place();
    let explain = |more: &[&str]| {
        let check = [
            "policy",
            "check",
            "policy.toml",
            "--against",
            "store",
            "--list",
        ];
        place.run(&[&check[..], more].concat())
    };
    let ran = explain(&[
        "a",
        "--entry",
        "class",
        "--distance",
        "20",
        "--quality",
        "80",
    ])
    .exits(0);
    assert_eq!(
        ran.stdout,
        "rules     those of list a; rule 1 (scheme scheme, value 2): observe\n\
         distance  pdq is matched up to distance 25; this is 20, near enough\n\
         quality   pictures from 50 are matched; this is 80, enough\n\
         outcome   match: observe, unless the file or picture is on a known list, as near or nearer: known\n"
    );
    for (more, outcome) in [
        (
            &["a", "--entry", "off"][..],
            "suppressed: the policy disables the entry: reported as wrong",
        ),
        (&["a", "--entry", "on", "--distance", "26"], "no match"),
        (
            &["a", "--entry", "on", "--quality", "49"],
            "undecided: the quality is too low for pdq to say anything of the picture. Unless something else matches, its status is \
             low_quality, which is not no_match: treat it as not checked, or lower minimum_quality",
        ),
        (&["a", "--entry", "on", "--kind", "md5"], "no match"),
        (
            &["a", "--opinion", "negative"],
            "suppressed: what the list holds of the entry is not accepted: negative",
        ),
        (
            &["a", "--opinion", "disputed"],
            "match: review, unless the file or picture is on a known list, as near or nearer: known",
        ),
        (&["known", "--distance", "11"], "no match"),
        (
            &["known", "--distance", "10"],
            "known: asks for nothing, and suppresses matches of others",
        ),
    ] {
        let stdout = explain(more).exits(0).stdout;
        assert_eq!(
            stdout.lines().last(),
            Some(format!("outcome   {outcome}").as_str()),
            "{more:?}"
        );
    }
    let decision = explain(&["a", "--entry", "class", "--json"])
        .exits(0)
        .json()[0]["decision"]
        .clone();
    assert_eq!(
        decision,
        json!({
            "list_is_named": true, "rule": 1, "threshold": 25, "minimum_quality": 50, "outcome": {"match": "observe"},
            "known_lists": ["known"],
        })
    );
    for (more, says) in [
        (&["a", "--entry", "nobody"][..], "no such entry"),
        (&["nowhere"], "no entry of such a list"),
        (&["a", "--kind", "md5", "--distance", "1"], "--distance"),
        (&["a", "--kind", "md5", "--quality", "1"], "--quality"),
    ] {
        let ran = explain(more).exits(2);
        assert!(
            ran.stderr.contains(says) && ran.stdout.is_empty(),
            "{}",
            ran.stderr
        );
    }
}
