//! The lists that `hashsieve index build` reads: their formats and columns, and what is told of what is wrong.

use hashsieve::HashKind;
use hashsieve::synthetic::{FileFormat, encode};
use serde_json::json;

use crate::support::{Place, drawn, flat, made_up, pdq, place_with_index, png};

#[test]
fn what_a_list_has_wrong_is_counted_named_and_never_repeated() {
    let place = Place::new();
    let bad = "5ec4e75ec4e75ec4e75ec4e75ec4e75z";
    let mut list = "id,md5,note\n".to_owned();
    for number in 0..20 {
        list += &format!("good-{number},{},x\n", made_up(HashKind::Md5, number));
        if number < 12 {
            list += &format!("bad-{number},{bad},x\n");
        }
    }
    place.write("list.csv", &list);
    let build = ["index", "build", "list.csv", "-o", "list.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(
        ran.stdout
            .contains("records   32 read, 12 left out, 0 withdrawn\n")
    );
    assert!(ran.stdout.contains("entries   20\n"));
    assert!(
        ran.stderr.starts_with(
            "list.csv: columns: md5 from 2, id from 1; not read: 3\nlist.csv:3: column md5: "
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 12);
    assert!(ran.stderr.contains("--quarantine"));
    let mut printed = ran.stdout + &ran.stderr;
    let ran = place
        .run(&[&build[..], &["--quarantine", "out.csv"]].concat())
        .exits(2);
    assert!(ran.stderr.starts_with("list.csv: columns: ") && ran.stderr.lines().count() == 1);
    let table = place.text("out.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "file,line,column,reason,record");
    assert_eq!(rows.len(), 13);
    assert!(rows[1].starts_with("list.csv,3,md5,"), "{}", rows[1]);
    assert!(rows[12].starts_with("list.csv,25,md5,"), "{}", rows[12]);
    printed += &(ran.stdout + &table);
    assert!(!printed.contains("5ec4e7"), "{printed}");
}

#[test]
fn several_lists_make_one_index_and_keep_their_names() {
    let place = Place::new();
    place.write(
        "a.txt",
        made_up(HashKind::Sha1, 1) + "\n" + &made_up(HashKind::Sha1, 2),
    );
    place.write("b.txt", made_up(HashKind::Md5, 1) + "\n");
    place.write("c.txt", format!("{}\n", made_up(HashKind::Sha256, 1)));
    // 64 digits may be two kinds; only the person knows.
    let build = ["index", "build", "a.txt", "b.txt", "c.txt", "-o", "all.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(ran.stderr.starts_with("c.txt:1: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("_16x16") && ran.stderr.contains("--kind"));
    assert!(!place.at("all.hsv").exists());
    place
        .run(&["index", "build", "c.txt", "--kind", "sha256", "-o", "c.hsv"])
        .exits(0);
    place.write(
        "c.txt",
        format!("sha256 {}\n", made_up(HashKind::Sha256, 1)),
    );
    place.run(&build).exits(0);
    let info = &place
        .run(&["index", "info", "all.hsv", "--json"])
        .exits(0)
        .json()[0];
    let lists: Vec<(&str, u64)> = info["lists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| {
            (
                list["name"].as_str().unwrap(),
                list["entries"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lists, [("a", 2), ("b", 1), ("c", 1)]);
}

#[test]
fn two_lists_of_one_name_are_refused() {
    let place = Place::new();
    for name in ["x/a.txt", "y/a.txt", "b.txt"] {
        place.write(name, made_up(HashKind::Md5, 1));
    }
    let build = [
        "index", "build", "-o", "all.hsv", "x/a.txt", "b.txt", "y/a.txt",
    ];
    let ran = place.run(&build).exits(2);
    assert!(ran.stderr.contains("two lists"), "{}", ran.stderr);
    assert!(!place.at("all.hsv").exists());
}

#[test]
fn several_files_make_one_list_and_a_later_one_withdraws() {
    let place = Place::new();
    let [first, second] = [1, 2].map(|number| made_up(HashKind::Md5, number));
    place.write(
        "full.csv",
        format!("id,md5,status\na,{first},active\nb,{second},active\n"),
    );
    place.write("delta.csv", "id,md5,status\na,,withdrawn\n");
    let build = [
        "index",
        "build",
        "full.csv",
        "delta.csv",
        "-o",
        "list.hsv",
        "--name",
        "one",
    ];
    let ran = place.run(&build).exits(0);
    assert!(ran.stdout.contains("entries   1\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("lists     1\n"), "{}", ran.stdout);
}

#[test]
fn tables_are_read_by_a_map() {
    let place = Place::new();
    let (pdq, md5) = (pdq(&drawn(1)).0, made_up(HashKind::Md5, 1));
    place.write(
        "table.csv",
        format!("Ref;PDQ Hash;Digest;State;Cat\n7;{pdq};{md5};active;A\n8;{pdq};;withdrawn;B\n"),
    );
    let map = "pdq=PDQ Hash,md5=3,id=Ref,status=State,category=Cat,delimiter=;";
    let build = ["index", "build", "table.csv", "-o", "table.hsv", "--map"];
    let ran = place.run(&[&build[..], &[map]].concat()).exits(0);
    assert!(
        ran.stdout
            .contains("records   2 read, 0 left out, 1 withdrawn\n")
    );
    place.write("a.png", png(&drawn(1)));
    let scan = [
        "scan",
        "a.png",
        "--against",
        "table.hsv",
        "--format",
        "json",
    ];
    let matches = place.run(&scan).exits(1).json()[0]["matches"].clone();
    assert_eq!(matches.as_array().unwrap().len(), 1);
    assert_eq!(
        (&matches[0]["entry"], &matches[0]["list"]),
        (&json!("7"), &json!("table"))
    );
    assert_eq!(matches[0]["classification"]["value"], "A");
    for (map, says) in [
        ("pdq=Nothing,delimiter=;", "Nothing"),
        ("pdq", "--map"),
        ("hue=1", "--map"),
    ] {
        let ran = place.run(&[&build[..], &[map]].concat()).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    let lines = [&build[..], &[map, "--format", "lines"]].concat();
    assert!(
        place
            .run(&lines)
            .exits(2)
            .stderr
            .contains("--map is for tables")
    );
}

#[test]
fn tables_are_read_as_a_file_of_columns_says() {
    let place = Place::new();
    let [a, b] = [1, 2].map(|number| made_up(HashKind::Md5, number));
    place.write(
        "table.csv",
        format!("Ref;Digest;State\n7;{a};live\n8;{b};over\n"),
    );
    let map = "format = 'csv'\n[columns]\nid = 'Ref'\nmd5 = 2\nstatus = 'State'\n[status]\nwithdrawn = ['over']\n";
    place.write("map.toml", map);
    let build = ["index", "build", "table.csv", "-o", "table.hsv"];
    let build = [&build[..], &["--columns", "map.toml"]].concat();
    let ran = place.run(&build).exits(0);
    assert!(
        ran.stdout
            .contains("records   2 read, 0 left out, 1 withdrawn\n")
    );
    for (options, says) in [
        (["--map", "md5=2"], "cannot be used with"),
        (["--format", "lines"], "--map is for tables"),
    ] {
        let ran = place.run(&[&build[..], &options].concat()).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    for (map, says) in [
        ("format = 'csv'\nhue = 1\n[columns]\n", "hue"),
        (
            "format = 'json'\nheader = true\n[columns]\nmd5 = 'a'\n",
            "json",
        ),
        (
            "format = 'csv'\n[columns]\nid = 1\n",
            "no column holds a hash",
        ),
    ] {
        place.write("map.toml", map);
        let ran = place.run(&build).exits(2);
        assert!(
            ran.stderr.contains("map.toml: ") && ran.stderr.contains(says),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn pages_of_a_feed_are_read_and_a_cut_one_makes_no_index() {
    let place = Place::new();
    let md5 = made_up(HashKind::Md5, 1);
    let image = format!(
        "<image><member id=\"1\">m</member><id>a</id><fingerprints><md5>{md5}</md5></fingerprints></image>"
    );
    let page = format!("<queryResult><images>{image}</images></queryResult>\n");
    place.write("page.xml", &page);
    let build = ["index", "build", "page.xml", "-o", "page.hsv"];
    let ran = place.run(&build).exits(0);
    assert!(
        ran.stdout.contains("records   1 read, 0 left out"),
        "{}",
        ran.stdout
    );
    // A page that says itself that it is whole may have nothing, where others of its list have something.
    place.write(
        "empty.xml",
        "<queryResult><images count=\"0\"/></queryResult>",
    );
    let pages = ["index", "build", "page.xml", "empty.xml", "-o", "pages.hsv"];
    place
        .run(&[&pages[..], &["--name", "feed"]].concat())
        .exits(0);
    for alone in [&["empty.xml"][..], &["empty.xml", "--name", "feed"]] {
        let build = [&["index", "build", "-o", "empty.hsv"], alone].concat();
        let ran = place.run(&build).exits(2);
        assert!(
            ran.stderr.contains("no entry can be read"),
            "{}",
            ran.stderr
        );
    }
    place.write("page.xml", &page[..page.len() - 5]);
    let cut = ["index", "build", "page.xml", "-o", "cut.hsv"];
    let ran = place.run(&cut).exits(2);
    assert!(ran.stderr.contains("fetch it again"), "{}", ran.stderr);
    assert!(!place.at("cut.hsv").exists());
}

#[test]
fn the_table_of_hash_goes_back_into_index_build_and_loses_only_what_is_not_worth_listing() {
    let place = Place::new();
    place.write("in/a.png", png(&drawn(1)));
    place.write(
        "in/b.jpg",
        encode(&drawn(2), FileFormat::Jpeg { quality: 90 }).unwrap(),
    );
    place.write("in/flat.png", png(&flat()));
    place.write("in/text.png", "no picture");
    let hash = ["hash", "in", "--format", "csv", "--kinds", "pdq,sha256"];
    place
        .run(&[&hash[..], &["-o", "list.csv"]].concat())
        .exits(2);
    let build = ["index", "build", "-o", "list.hsv"];
    let ran = place.run(&[&build[..], &["list.csv"]].concat()).exits(0);
    for line in [
        "records   8 read, 2 left out, 0 withdrawn\n",
        "entries   4\n",
        "note      1 row left out for its status low_quality\n",
        "note      1 row left out that only says why a file has no hash\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("note").count(), 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("id from 1") && !ran.stderr.contains("exact"));
    let scan = [
        "scan",
        "in/a.png",
        "--against",
        "list.hsv",
        "--format",
        "json",
    ];
    let found = &place.run(&scan).exits(1).json()[0]["matches"];
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert!(
        found
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["entry"] == "in/a.png")
    );
    let luma = ["--luma-only", "-o", "luma.csv"];
    place.run(&[&hash[..], &luma].concat()).exits(2);
    let ran = place.run(&[&build[..], &["luma.csv"]].concat()).exits(0);
    let told = "1 hash is of luma alone (profile pdq-jpeg-luma-1 or its like): not exact";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn json_of_no_known_format_is_refused_by_its_name() {
    let place = place_with_index();
    let json = place.run(&["hash", "original.png", "--format", "json"]);
    place.write("list.json", json.stdout);
    place.write("list.txt", "\u{feff} [\n");
    for list in ["list.json", "list.txt"] {
        let ran = place
            .run(&["index", "build", list, "-o", "new.hsv"])
            .exits(2);
        assert_eq!(ran.stderr.lines().count(), 1);
        let told =
            format!("{list}: this looks like JSON, but not of a format of lists that is known");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
}

#[test]
fn pdq_hashes_of_low_quality_are_told_when_an_index_is_built() {
    let place = Place::new();
    let hash = pdq(&drawn(1)).0;
    place.write("list.hsh", format!("{hash},49,a\n{hash},50,b\n{hash},c\n"));
    place.write(
        "list.csv",
        format!("id,pdq,quality,status\na,{hash},0,\nb,{hash},0,withdrawn\nc,{hash},100,\n"),
    );
    for (list, told) in [
        (&["list.hsh"][..], "1 pdq hash is of quality below 50"),
        (&["list.csv"], "1 pdq hash is of quality below 50"),
        (
            &["list.hsh", "list.csv", "--name", "one"],
            "2 pdq hashes are of quality below 50",
        ),
    ] {
        let build = ["index", "build", "-o", "list.hsv"];
        let ran = place.run(&[&build[..], list].concat()).exits(0);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn a_list_of_which_nothing_can_be_read_never_becomes_an_index() {
    let place = place_with_index();
    let before = place.read("list.hsv");
    place.write("empty.hsh", "");
    place.write("good.txt", format!("md5 {}\n", made_up(HashKind::Md5, 1)));
    let build = ["index", "build", "good.txt", "empty.hsh", "-o", "list.hsv"];
    let ran = place.run(&build).exits(2);
    assert!(
        ran.stderr.contains("empty.hsh: no entry can be read"),
        "{}",
        ran.stderr
    );
    assert_eq!(place.read("list.hsv"), before);
}

#[test]
fn a_kind_that_is_given_goes_before_a_guess() {
    let place = Place::new();
    place.write(
        "list.hsh",
        format!("{},case-1\n", made_up(HashKind::Sha256, 1)),
    );
    let build = [
        "index", "build", "list.hsh", "-o", "list.hsv", "--kind", "sha256",
    ];
    place.run(&build).exits(2);
    place.write(
        "list.txt",
        format!("{}  case-1\n", made_up(HashKind::Sha256, 1)),
    );
    let build = [
        "index", "build", "list.txt", "-o", "list.hsv", "--kind", "sha256",
    ];
    let ran = place.run(&build).exits(0);
    assert!(ran.stdout.contains("sha256    1 hash,"), "{}", ran.stdout);
}
