//! Importing tables of known forms, the text of vPDQ, and tables of which a file says what is in them. All hashes are made up.

use hashsieve::list::{
    ColumnMap, CsvField, CsvMapping, ImportOptions, Importer, ListError, ListFormat, MapFormat,
    MappingError,
};
use hashsieve::{EntryStatus, HashKind, MediaType, Opinion};
use proptest::prelude::*;

#[path = "support/importing.rs"]
pub mod importing;
use importing::{Imported, hash, hex};

const ICSE: &str = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;\
                    Number of submissions;File Available;Media Type;Baseline";

const NSRL: &str = "\"SHA-1\",\"MD5\",\"CRC32\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"";

fn import(format: ListFormat, text: &str) -> Imported {
    importing::import(format, text.as_bytes())
}

fn md5(number: u64) -> String {
    hex(HashKind::Md5, number)
}

fn sha1(number: u64) -> String {
    hex(HashKind::Sha1, number)
}

fn map(text: &str) -> ListFormat {
    ListFormat::Csv(toml::from_str::<ColumnMap>(text).unwrap().to_csv().unwrap())
}

#[test]
fn an_icse_export_is_read_with_its_flags_as_tags() {
    let text = format!(
        "\u{feff}{ICSE}\r\n{};{};AAAA;101;yes;n;F;A series;12;true;Image;Y\r\n{};;;102;No;TRUE;t;;;;Video;false\r\n",
        md5(1).to_uppercase(),
        sha1(1),
        md5(2)
    );
    let out = import(ListFormat::Icse, &text);
    assert_eq!(out.reasons(), []);
    assert_eq!(out.ids(), ["101", "102"]);
    assert_eq!(out.by_value, [false, false]);
    let [first, second] = &out.entries[..] else {
        panic!("two entries")
    };
    assert_eq!(
        first.hashes,
        [hash(HashKind::Md5, 1), hash(HashKind::Sha1, 1)]
    );
    assert_eq!(
        (&*first.other_hashes[0].kind, &*first.other_hashes[0].value),
        ("photodna", "AAAA")
    );
    assert_eq!(
        first.tags,
        ["is-distributed", "baseline", "series:A series"]
    );
    assert_eq!(first.positive_opinions, 12);
    assert_eq!(first.media_type, MediaType::Image);
    let classification = first.classification.as_ref().unwrap();
    assert_eq!(classification.scheme.as_deref(), Some("interpol"));
    assert_eq!(classification.value, "baseline");
    assert_eq!(second.tags, ["victim-identified", "offender-identified"]);
    assert_eq!(second.media_type, MediaType::Video);
    // What is not of the baseline is still what the list is of.
    assert_eq!(second.classification, None);
    assert_eq!(
        [first.opinion, second.opinion],
        [Opinion::Positive, Opinion::Positive]
    );
    assert_eq!((out.report.headers, out.report.records), (1, 2));
}

#[test]
fn what_an_icse_flag_says_that_is_not_known_is_kept_and_counted() {
    let text = format!("{ICSE}\n{};;;7;perhaps;;;;many;;Sketch;2\n", md5(1));
    let out = import(ListFormat::Icse, &text);
    assert_eq!(
        out.entries[0].tags,
        ["is-distributed:perhaps", "baseline:2"]
    );
    assert_eq!(out.entries[0].media_type, MediaType::Unknown);
    assert_eq!(out.entries[0].classification, None);
    for field in ["is-distributed", "baseline", "media_type"] {
        assert_eq!(out.report.unknown_values[field], 1, "{field}");
    }
    assert_eq!(out.reasons(), [(2, Some("submissions"), "bad_field")]);
}

#[test]
fn icse_columns_stand_in_any_order_and_may_be_missing() {
    let text = format!("Baseline;Image ID;sha1\ny;1;{}\nn;;{}\n", sha1(1), sha1(2));
    let out = import(ListFormat::Icse, &text);
    assert_eq!(out.ids(), ["1", "line-3"]);
    assert_eq!(out.by_value, [false, true]);
    assert_eq!(out.entries[0].tags, ["baseline"]);
    assert!(matches!(
        import(ListFormat::Icse, "Image ID;Baseline\n1;y\n").error,
        Some(ListError::NoHashColumn { line: 1 })
    ));
    assert!(matches!(
        import(ListFormat::Icse, "").error,
        Some(ListError::NoHeader)
    ));
}

#[test]
fn one_bad_hash_of_an_icse_row_is_kept_out_and_the_rest_is_not() {
    let (empty_md5, zeros) = (
        hashsieve::digest::of(b"", &[HashKind::Md5])[0].to_hex(),
        "0".repeat(40),
    );
    let text = format!(
        "{ICSE}\nabc;{};;1;;;;;;;;\n{};{zeros};;2;;;;;;;;\n{empty_md5};{};AAAA;3;;;;;;;;\n;;;4;;;;;;;;\n\
         {};;;5;;;;;;;;;shifted\n",
        sha1(1),
        md5(2),
        sha1(3),
        md5(5)
    );
    let out = import(ListFormat::Icse, &text);
    assert_eq!(out.ids(), ["1", "2", "3"]);
    assert_eq!(
        out.reasons(),
        [
            (2, Some("md5"), "bad_hash"),
            (3, Some("sha1"), "degenerate"),
            (4, Some("md5"), "degenerate"),
            (5, None, "no_hash"),
            (6, None, "field_count"),
        ]
    );
    assert_eq!(out.report.records, 5);
}

#[test]
fn an_icse_row_of_photodna_alone_is_kept() {
    let out = import(ListFormat::Icse, &format!("{ICSE}\n;;AAAA;1;;;;;;;;\n"));
    assert!(out.entries[0].hashes.is_empty() && out.entries[0].has_hash());
    assert_eq!(out.report.unmatchable["photodna"], 1);
}

#[test]
fn the_nsrl_is_known_by_value_and_says_that_a_file_is_known() {
    let row = |number, name: &str, code: &str| {
        format!(
            "\"{}\",\"{}\",\"0A0B0C0D\",\"{name}\",\"12\",\"345\",\"358\",\"{code}\"\r\n",
            sha1(number).to_uppercase(),
            md5(number).to_uppercase()
        )
    };
    let text = format!(
        "{NSRL}\r\n{}{}{}",
        row(1, "a.dll", ""),
        row(1, "b, \"\"c\"\".dll", ""),
        row(2, "x", "M")
    );
    let out = import(ListFormat::Nsrl, &text);
    assert_eq!(out.reasons(), []);
    // One file is part of many products, each with a row.
    assert_eq!(out.ids(), ["line-2", "line-3", "line-4"]);
    assert_eq!(out.by_value, [true; 3]);
    for entry in &out.entries {
        assert_eq!(entry.opinion, Opinion::Positive);
        assert_eq!(entry.hashes.len(), 2);
        // CRC32 names no file.
        assert!(entry.other_hashes.is_empty());
        assert_eq!(entry.media_type, MediaType::Unknown);
    }
    assert_eq!(out.entries[0].tags, ["nsrl"]);
    assert_eq!(out.entries[2].tags, ["nsrl", "nsrl-special:M"]);
    assert!(out.report.unmatchable.is_empty());
}

#[test]
fn version_three_of_the_nsrl_is_read_by_the_names_of_its_columns() {
    let text = format!(
        "sha256,sha1,md5,file_name,file_size,package_id\n{},{},{},a,1,2\n",
        hex(HashKind::Sha256, 1),
        sha1(1),
        md5(1)
    );
    let out = import(ListFormat::Nsrl, &text);
    assert_eq!(
        out.entries[0].hashes,
        [
            hash(HashKind::Sha256, 1),
            hash(HashKind::Sha1, 1),
            hash(HashKind::Md5, 1)
        ]
    );
    let out = import(ListFormat::Nsrl, &format!("md5\n{}\n", md5(1)));
    assert_eq!(out.entries.len(), 1);
    assert!(matches!(
        import(ListFormat::Nsrl, "CRC32,FileName\n").error,
        Some(ListError::NoHashColumn { line: 1 })
    ));
}

#[test]
fn a_file_name_of_any_bytes_loses_no_hash() {
    let mut text = format!("{NSRL}\n\"{}\",\"{}\",\"0\",\"", sha1(1), md5(1)).into_bytes();
    text.extend_from_slice(b"caf\xe9, x\",\"1\",\"2\",\"3\",\"\"\n");
    // One whose name is not quoted and has a comma.
    text.extend_from_slice(format!("{},{},0,a,b,1,2,3,M\n", sha1(2), md5(2)).as_bytes());
    let out = importing::import(ListFormat::Nsrl, &text);
    assert_eq!(out.reasons(), []);
    assert_eq!(
        out.entries[0].hashes,
        [hash(HashKind::Sha1, 1), hash(HashKind::Md5, 1)]
    );
    assert_eq!(out.entries[1].tags, ["nsrl"]);
}

#[test]
fn a_bad_hash_or_the_empty_file_of_the_nsrl_is_kept_out_alone() {
    let empty = hashsieve::digest::of(b"", &[HashKind::Sha1, HashKind::Md5]);
    let text = format!(
        "{NSRL}\n{},{},0,empty,0,1,2,\n{},xyz,0,a,1,1,2,\n",
        empty[0].to_hex(),
        empty[1].to_hex(),
        sha1(1)
    );
    let out = import(ListFormat::Nsrl, &text);
    assert_eq!(
        out.reasons(),
        [
            (2, Some("sha1"), "degenerate"),
            (2, Some("md5"), "degenerate"),
            (3, Some("md5"), "bad_hash")
        ]
    );
    assert_eq!(out.entries.len(), 1);
    assert_eq!(out.entries[0].hashes, [hash(HashKind::Sha1, 1)]);
}

#[test]
fn frames_of_vpdq_are_pdq_hashes_of_a_video() {
    let pdq = |number| hex(HashKind::Pdq, number);
    let text = format!(
        "\u{feff}# a video\r\n0,100,{},0.000\r\n\r\n1, 49 ,{},0.033",
        pdq(1),
        pdq(2).to_uppercase()
    );
    let out = import(ListFormat::VpdqText, &text);
    assert_eq!(out.reasons(), []);
    assert_eq!(out.ids(), ["frame-0", "frame-1"]);
    assert_eq!(out.by_value, [true, true]);
    assert_eq!(out.lines, [2, 4]);
    let frame = &out.entries[1];
    assert_eq!(frame.hashes, [hash(HashKind::Pdq, 2)]);
    assert_eq!(frame.media_type, MediaType::Video);
    assert_eq!(frame.quality, Some(49));
    assert_eq!(frame.tags, ["timestamp:0.033"]);
    assert_eq!((out.report.comments, out.report.blank), (1, 1));
}

#[test]
fn bad_frames_of_vpdq_are_kept_out_alone() {
    let pdq = hex(HashKind::Pdq, 1);
    let zeros = "0".repeat(64);
    let text = format!(
        "1,100,{pdq},0.1\nx,100,{pdq},0.1\n2,100,{},0.1\n3,101,{pdq},inf\n4,100,{zeros},0.1\n5,100,{pdq},0.1,x\n6,100,,0.1\n7,9\n8,9,{pdq}\n",
        &pdq[1..]
    );
    let out = import(ListFormat::VpdqText, &text);
    assert_eq!(out.ids(), ["frame-1", "frame-3", "frame-8"]);
    assert_eq!(
        out.reasons(),
        [
            (2, None, "bad_field"),
            (3, None, "bad_hash"),
            (4, Some("quality"), "bad_quality"),
            (4, Some("timestamp"), "bad_field"),
            (5, None, "degenerate"),
            (6, None, "extra_text"),
            (7, None, "no_hash"),
            (8, None, "no_hash"),
            (9, Some("timestamp"), "bad_field"),
        ]
    );
    assert_eq!(out.entries[1].quality, None);
}

#[test]
fn forms_are_guessed_from_the_first_line_whatever_the_name() {
    let guess = |name: &str, head: &str| ListFormat::guess(Some(name.as_ref()), head.as_bytes());
    for name in ["a", "a.csv", "a.txt"] {
        assert_eq!(
            guess(name, &format!("\u{feff}{ICSE}\r\n")),
            ListFormat::Icse
        );
        assert_eq!(guess(name, &format!("{NSRL}\r\n")), ListFormat::Nsrl);
    }
    let v3 = "sha256,sha1,md5,file_name,file_size,package_id\n";
    assert_eq!(guess("a", v3), ListFormat::Nsrl);
    let pdq = hex(HashKind::Pdq, 1);
    assert_eq!(
        guess("a.txt", &format!("1,100,{pdq},0.033\n")),
        ListFormat::VpdqText
    );
    assert_eq!(
        guess("a.txt", &format!("{pdq},100,1.png\n")),
        ListFormat::Hsh
    );
    let automatic = ListFormat::Csv(CsvMapping::default());
    assert_eq!(guess("a", "sha1,md5,file_name\n"), automatic);
    assert_eq!(guess("a", "id;PhotoDNA\n"), automatic);
    // A kind and a hash of it are no header.
    let lines = ListFormat::HexLines { kind: None };
    assert_eq!(guess("a", "photodna,AAAA\n"), lines);
}

#[test]
fn columns_of_other_kinds_opinions_and_first_seen_need_no_mapping() {
    let text = format!(
        "id,md5,PhotoDNA,tmk_pdqf,opinion,first_seen,updated,crc32,url\n\
         a,{},AAAA,BBBB,Negative,2024-02-29,5,0a,http\nb,,AAAA,,no idea,x,,,\n",
        md5(1)
    );
    let mut importer = Importer::new(
        text.as_bytes(),
        &ImportOptions {
            format: ListFormat::Csv(CsvMapping::default()),
        },
    )
    .unwrap();
    let columns = importer.columns_used().unwrap();
    assert!(columns.used.contains(&(CsvField::OtherHash("photodna"), 3)));
    assert!(columns.used.contains(&(CsvField::OtherHash("tmk"), 4)));
    assert_eq!(columns.unused, [8, 9]);
    assert_eq!(importer.by_ref().count(), 3);
    let out = import(ListFormat::Csv(CsvMapping::default()), &text);
    let [a, b] = &out.entries[..] else {
        panic!("two entries")
    };
    let kinds: Vec<_> = a.other_hashes.iter().map(|hash| &*hash.kind).collect();
    assert_eq!(kinds, ["photodna", "tmk"]);
    assert_eq!(a.opinion, Opinion::Negative);
    assert_eq!(a.first_seen, Some(1_709_164_800));
    // An opinion not known is kept, and the entry is what the list is of.
    assert_eq!(
        (b.opinion, &b.tags[..]),
        (Opinion::Positive, &["opinion:no idea".to_owned()][..])
    );
    assert_eq!(out.report.unknown_values["opinion"], 1);
    assert_eq!(out.reasons(), [(3, Some("first_seen"), "bad_time")]);
    // An opinion that may have been cut off is not taken for none.
    let text = format!("md5,opinion\n{}\n", md5(1));
    let out = import(ListFormat::Csv(CsvMapping::default()), &text);
    assert_eq!(out.reasons(), [(2, None, "field_count")]);
}

/// Returns the example of the README.
fn example() -> &'static str {
    let readme = include_str!("../README.md");
    let mut blocks = readme.split("```toml\n").skip(1);
    let block = blocks.find(|block| block.contains("[columns]")).unwrap();
    block.split("```").next().unwrap()
}

#[test]
fn the_example_of_the_readme_reads_a_list() {
    let header = "Ref;MD5;MD5 of preview;SHA1;PDNA;Class;State;Assessment;Changed;Keywords\n";
    let row = |id, rest: &str| format!("{id};{};;;;{rest}\n", md5(id));
    let text = [
        header.to_owned(),
        format!(
            "1;{};{};{};AAAA;1;Live;positive;2024-02-29;x|y\n",
            md5(1),
            md5(2),
            sha1(3)
        ),
        row(2, "1;out of scope;;;"),
        row(3, "0;live;positive;;"),
        row(4, "3;live;;;"),
        row(5, "5;live;False Alarm;;"),
        row(6, "1;deleted;;;"),
        row(7, "1;on hold;to be reviewed;;"),
    ]
    .concat();
    let parsed: ColumnMap = toml::from_str(example()).unwrap();
    assert_eq!(parsed.format(), MapFormat::Csv);
    assert_eq!(parsed.check(), Ok(()));
    let out = import(map(example()), &text);
    assert_eq!(out.reasons(), []);
    assert_eq!(out.ids(), ["1", "2", "3", "4", "5", "6", "7"]);
    let first = &out.entries[0];
    assert_eq!(
        first.hashes,
        [
            hash(HashKind::Md5, 1),
            hash(HashKind::Md5, 2),
            hash(HashKind::Sha1, 3)
        ]
    );
    assert_eq!(first.other_hashes[0].kind, "photodna");
    assert_eq!(first.tags, ["x", "y"]);
    assert_eq!(first.source_updated, Some(1_709_164_800));
    let classification = first.classification.as_ref().unwrap();
    assert_eq!(classification.scheme.as_deref(), Some("example"));
    assert_eq!(classification.region.as_deref(), Some("XX"));
    let statuses: Vec<_> = out.entries.iter().map(|entry| &entry.status).collect();
    let on_hold = EntryStatus::Other("on hold".to_owned());
    assert_eq!(
        statuses,
        [
            &EntryStatus::Active,
            &EntryStatus::Withdrawn,
            &EntryStatus::Active,
            &EntryStatus::Active,
            &EntryStatus::Active,
            &EntryStatus::Withdrawn,
            &on_hold
        ]
    );
    let opinions: Vec<_> = out.entries.iter().map(|entry| entry.opinion).collect();
    assert_eq!(
        opinions,
        [
            Opinion::Positive,
            Opinion::Positive,
            // The category goes before what trusts it more.
            Opinion::Negative,
            Opinion::Investigation,
            Opinion::Negative,
            Opinion::Positive,
            Opinion::Investigation
        ]
    );
    assert_eq!(out.report.unknown_status, 1);
}

#[test]
fn a_map_reads_a_table_without_a_header_by_numbers() {
    let format = map(
        "format = 'csv'\nheader = false\ndelimiter = 'tab'\n[columns]\nsha1 = 2\nid = 1\nfirst_seen = 3\n",
    );
    let out = import(format, &format!("a\t{}\t7\n", sha1(1)));
    assert_eq!(out.ids(), ["a"]);
    assert_eq!(out.entries[0].first_seen, Some(7));
}

#[test]
fn a_map_for_json_is_no_map_for_a_table() {
    let map: ColumnMap =
        toml::from_str("format = 'json'\nrecords = 'value'\n[columns]\nmd5 = 'digests.md5'\n")
            .unwrap();
    assert_eq!(map.format(), MapFormat::Json);
    assert_eq!(map.check(), Ok(()));
    assert!(matches!(
        map.to_csv(),
        Err(MappingError::NotForFormat { key: "format", .. })
    ));
}

/// Returns a small list of each form.
fn samples() -> Vec<(ListFormat, String)> {
    vec![
        (
            ListFormat::Icse,
            format!(
                "{ICSE}\n{};{};AAAA;1;y;n;n;\"a;\nb\";3;;Image;y\n",
                md5(1),
                sha1(1)
            ),
        ),
        (
            ListFormat::Nsrl,
            format!(
                "{NSRL}\n\"{}\",\"{}\",\"0\",\"a\"\"b\",\"1\",\"2\",\"3\",\"\"\n",
                sha1(1),
                md5(1)
            ),
        ),
        (
            ListFormat::VpdqText,
            format!(
                "1,100,{},0.033\n2,100,{},0.066\n",
                hex(HashKind::Pdq, 1),
                hex(HashKind::Pdq, 2)
            ),
        ),
        (
            map("format = 'csv'\n[columns]\nmd5 = 'MD5'\nstatus = 'State'\nid = 'Ref'\n"),
            format!("Ref,State,MD5\na,active,{}\nb,ok,{}\n", md5(1), md5(2)),
        ),
    ]
}

#[test]
fn a_list_cut_anywhere_never_yields_what_the_whole_does_not_hold() {
    for (format, text) in samples() {
        let whole = import(format.clone(), &text);
        assert!(
            whole.error.is_none() && whole.kept_out.is_empty(),
            "{format:?}"
        );
        for length in 0..text.len() {
            let out = importing::import(format.clone(), &text.as_bytes()[..length]);
            for entry in &out.entries {
                for hash in &entry.hashes {
                    let known = whole
                        .entries
                        .iter()
                        .any(|entry| entry.hashes.contains(hash));
                    assert!(known, "{format:?} {length}");
                }
            }
            if out.error.is_none() {
                let report = &out.report;
                assert_eq!(
                    report.lines,
                    report.headers
                        + report.records
                        + report.continued
                        + report.comments
                        + report.blank
                );
            }
        }
    }
}

#[test]
fn nothing_that_is_printed_repeats_the_list() {
    let secret = "s5ec4e7";
    let icse = format!(
        "{ICSE}\n{secret};{secret};{secret};{secret};{secret};;;{secret};{secret};;{secret};{secret}\n"
    );
    let nsrl = format!("{NSRL}\n{secret},{secret},{secret},{secret},,,,{secret}\n");
    let vpdq = format!(
        "1,{secret},{},{secret}\n{secret},1,{secret},1\n",
        hex(HashKind::Pdq, 1)
    );
    let table = format!(
        "md5,opinion,media_type,status,first_seen\n{},{secret},{secret},{secret},{secret}\n",
        md5(1)
    );
    let mut printed = String::new();
    for (format, text) in [
        (ListFormat::Icse, icse),
        (ListFormat::Nsrl, nsrl),
        (ListFormat::VpdqText, vpdq),
        (ListFormat::Csv(CsvMapping::default()), table),
        (ListFormat::Icse, format!("{secret};x\n")),
        (ListFormat::Nsrl, format!("\"{secret}\n")),
    ] {
        printed += &import(format, &text).printed;
    }
    assert!(printed.contains("column md5"), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
}

fn formats() -> impl Strategy<Value = ListFormat> {
    prop::sample::select(vec![
        ListFormat::Icse,
        ListFormat::Nsrl,
        ListFormat::VpdqText,
        map(example()),
    ])
}

proptest! {
    #[test]
    fn texts_made_of_what_tables_are_made_of_are_accounted_for(
        format in formats(),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "\n", "\n", "\r\n", "\"", ",", ",", ";", ";", "#", " ", "md5", "yes", "maybe", "withdrawn", "87", "0.5",
            "0123456789abcdef0123456789abcdef", "\u{feff}", "\u{e9}", "\0",
        ]), 0..200),
    ) {
        let head = match format {
            ListFormat::Icse => ICSE,
            ListFormat::Nsrl => NSRL,
            ListFormat::VpdqText => "",
            _ => "Ref;MD5;MD5 of preview;SHA1;PDNA;Class;State;Assessment;Changed;Keywords",
        };
        let text = format!("{head}\n{}", pieces.concat());
        let out = import(format, &text);
        prop_assert!(out.error.is_none());
        let report = &out.report;
        prop_assert_eq!(report.lines, text.split_inclusive('\n').count() as u64);
        prop_assert_eq!(
            report.lines,
            report.headers + report.records + report.continued + report.comments + report.blank
        );
        for entry in &out.entries {
            prop_assert!(!entry.entry_id.is_empty());
            prop_assert!(entry.has_hash() || !entry.status.matches());
        }
    }
}

#[test]
fn json_of_any_form_is_read_as_a_map_says() {
    let text = format!(
        "{{\"made\": [1, {{\"x\": \"]\"}}], \"value\": [\n{{\"ref\": 1, \"digests\": {{\"md5\": \"{}\"}}, \"class\": \"0\", \"state\": \"live\"}},\n\
         {{\"ref\": \"two\", \"digests\": {{\"md5\": \"broken\", \"pdna\": \"AAAA\"}}}},\n{{\"ref\": 3, \"state\": \"over\"}}, {{]}}]}}",
        md5(1)
    );
    let map = "format = 'json'\nrecords = 'value'\nnegative_categories = [0]\n[columns]\nid = 'ref'\nmd5 = 'digests.md5'\n\
               photodna = 'digests.pdna'\ncategory = 'class'\nstatus = 'state'\n[status]\nactive = ['live']\nwithdrawn = ['over']\n";
    let map: ColumnMap = toml::from_str(map).unwrap();
    let whole = text.replace(", {]}", "");
    let out = import(map.to_format().unwrap(), &whole);
    assert!(out.error.is_none());
    assert_eq!(out.ids(), ["1", "two", "3"]);
    assert_eq!(out.entries[0].opinion, Opinion::Negative);
    assert_eq!(out.entries[1].other_hashes[0].kind, "photodna");
    assert_eq!(out.entries[2].status, EntryStatus::Withdrawn);
    let reasons: Vec<_> = out.reasons().iter().map(|(.., reason)| *reason).collect();
    assert_eq!(reasons, ["bad_hash"]);
    for end in 0..whole.len() {
        let cut = import(map.to_format().unwrap(), &whole[..end]);
        assert!(cut.error.is_some(), "{end}");
    }
    // Without the name of an array the file is one.
    let map: ColumnMap = toml::from_str("format = 'json'\n[columns]\nmd5 = 'm'\n").unwrap();
    let text = format!("[{{\"m\": [\"{}\", \"{}\"]}}]", md5(1), md5(2));
    let out = import(map.to_format().unwrap(), &text);
    assert_eq!(out.entries[0].hashes.len(), 2);
    assert_eq!(out.by_value, [true]);
    assert!(import(map.to_format().unwrap(), "{}").error.is_some());
}
