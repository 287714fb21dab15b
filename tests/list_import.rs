//! Importing lists: what comes out, and that nothing vanishes, leaks or stops. All hashes are seeded random bytes.

use std::io::{self, BufReader, Read};
use std::path::Path;

use hashsieve::list::{
    CsvMapping, Degenerate, ImportItem, ImportOptions, ImportReport, Importer, ListError,
    ListFormat, MAX_LINE, QuarantineReason, Quarantined,
};
use hashsieve::{
    CLASSIC_PROFILE_JPEG_LUMA, Entry, EntryStatus, HashKind, HashValue, MediaType, PDQ_PROFILE,
    PDQ_PROFILE_JPEG_LUMA, Status, digest,
};
use proptest::prelude::*;

#[path = "support/made_up.rs"]
mod made_up;

use made_up::{hash, hex};

const LINES: ListFormat = ListFormat::HexLines { kind: None };

type Imported = (Vec<(u64, Entry)>, Vec<Quarantined>, ImportReport);

fn try_import(format: ListFormat, text: &[u8]) -> Result<Imported, ListError> {
    let mut importer = Importer::new(text, &ImportOptions { format })?;
    let (mut entries, mut kept_out) = (Vec::new(), Vec::new());
    for item in &mut importer {
        match item? {
            ImportItem::Entry { line, entry, .. } => entries.push((line, entry)),
            ImportItem::Quarantined(quarantined) => kept_out.push(quarantined),
        }
    }
    let report = importer.report().clone();
    assert!(importer.next().is_none());
    Ok((entries, kept_out, report))
}

fn import(format: ListFormat, text: &str) -> Imported {
    try_import(format, text.as_bytes()).unwrap()
}

fn csv(mapping: &str) -> ListFormat {
    ListFormat::Csv(CsvMapping::parse(mapping).unwrap())
}

fn automatic() -> ListFormat {
    ListFormat::Csv(CsvMapping::default())
}

fn reasons(kept_out: &[Quarantined]) -> Vec<(u64, Option<&str>, &'static str)> {
    kept_out
        .iter()
        .map(|item| (item.line, item.column.as_deref(), item.reason.code()))
        .collect()
}

fn ids(entries: &[(u64, Entry)]) -> Vec<&str> {
    entries
        .iter()
        .map(|(_, entry)| entry.entry_id.as_str())
        .collect()
}

fn assert_every_line_is_accounted_for(report: &ImportReport) {
    assert_eq!(
        report.lines,
        report.headers + report.records + report.continued + report.comments + report.blank
    );
    assert_eq!(report.hashes, report.by_kind.values().sum::<u64>());
    assert_eq!(report.quarantined, report.by_reason.values().sum::<u64>());
}

#[test]
fn lines_are_read_with_mark_crlf_comments_blanks_and_no_last_newline() {
    let text = format!(
        "\u{feff}{}\r\n\r\n# note\n  {}  \nSHA256:{}\npdq {}",
        hex(HashKind::Md5, 1),
        hex(HashKind::Sha1, 2).to_uppercase(),
        hex(HashKind::Sha256, 3),
        hex(HashKind::Pdq, 4),
    );
    let (entries, kept_out, report) = import(LINES, &text);
    assert_eq!(kept_out, []);
    assert_eq!(ids(&entries), ["line-1", "line-4", "line-5", "line-6"]);
    let hashes: Vec<HashValue> = entries.iter().map(|(_, entry)| entry.hashes[0]).collect();
    assert_eq!(
        hashes,
        [
            hash(HashKind::Md5, 1),
            hash(HashKind::Sha1, 2),
            hash(HashKind::Sha256, 3),
            hash(HashKind::Pdq, 4)
        ]
    );
    assert_eq!((report.comments, report.blank, report.records), (1, 1, 4));
    assert_every_line_is_accounted_for(&report);
}

#[test]
fn a_bad_record_never_stops_a_list() {
    let good = hex(HashKind::Md5, 1);
    let too_long = "a".repeat(MAX_LINE + 1);
    let text = format!(
        "{good}\n{}\nzz\n{}z\nphotodna AAAA\nnonsense {good}\n{good} name.jpg\n\0\n{too_long}\n{good}\n",
        hex(HashKind::Pdq, 2),
        &good[..31]
    );
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\xff\xfe\n");
    bytes.extend_from_slice(good.as_bytes());
    let (entries, kept_out, report) = try_import(LINES, &bytes).unwrap();
    // Line 5 is a hash that cannot be matched here: it is kept with what can.
    assert_eq!(ids(&entries), ["line-1", "line-5", "line-10", "line-12"]);
    assert_eq!(report.unmatchable["photodna"], 1);
    assert_eq!(
        reasons(&kept_out),
        [
            (2, None, "ambiguous_kind"),
            (3, None, "no_kind_of_length"),
            (4, None, "bad_hash"),
            (6, None, "unknown_kind"),
            (7, None, "extra_text"),
            (8, None, "nul_byte"),
            (9, None, "line_too_long"),
            (11, None, "not_utf8"),
        ]
    );
    assert_every_line_is_accounted_for(&report);
}

#[test]
fn a_kind_given_for_the_list_settles_ambiguity_and_other_encodings() {
    use data_encoding::{BASE32, BASE64};
    let pdq = hash(HashKind::Pdq, 1);
    let text = format!("{}\n{}\n", pdq.to_hex(), BASE64.encode(pdq.as_bytes()));
    let kind = Some(HashKind::Pdq);
    let (entries, ..) = import(ListFormat::HexLines { kind }, &text);
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|(_, entry)| entry.hashes == [pdq]));
    let sha1 = hash(HashKind::Sha1, 2);
    let text = format!("sha1 {}\n", BASE32.encode(sha1.as_bytes()));
    assert_eq!(import(LINES, &text).0[0].1.hashes, [sha1]);
}

#[test]
fn hashes_that_anybody_has_are_kept_out() {
    let mut text = String::new();
    for value in digest::of(b"", &HashKind::ALL[1..]) {
        text += &format!("{} {}\n", value.kind(), value.to_hex());
    }
    text += &format!("pdq {}\n", "0".repeat(64));
    let (entries, kept_out, _) = import(LINES, &text);
    assert_eq!(entries, []);
    let whats: Vec<Degenerate> = kept_out
        .iter()
        .map(|item| match item.reason {
            QuarantineReason::Degenerate { what, .. } => what,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(whats[..4], [Degenerate::EmptyFile; 4]);
    assert_eq!(whats[4..], [Degenerate::AllZero]);
}

#[test]
fn hsh_files_are_read_as_the_reference_reads_them() {
    let pdq = |number| hex(HashKind::Pdq, number);
    let text = format!(
        "{}\r\nhash={},a, b.png\n{},87,c.png\nbad,d.png\n{}",
        pdq(1),
        pdq(2).to_uppercase(),
        pdq(3),
        pdq(4)
    );
    let (entries, kept_out, report) = import(ListFormat::Hsh, &text);
    assert_eq!(ids(&entries), ["idx=1", "a, b.png", "c.png", "idx=5"]);
    assert_eq!(entries[2].1.quality, Some(87));
    assert_eq!(reasons(&kept_out), [(4, None, "bad_hash")]);
    assert_every_line_is_accounted_for(&report);
}

#[test]
fn usual_columns_need_no_mapping() {
    let text = format!(
        "ID,Category,Source,Status,Quality,PDQ,MD5,Tags,Media-Type,Updated\n\
         a,1,somebody,active,87,{},{},x;y | z,image/png,2024-02-29T00:00:00Z\n",
        hex(HashKind::Pdq, 1),
        hex(HashKind::Md5, 1).to_uppercase()
    );
    let (entries, kept_out, report) = import(automatic(), &text);
    assert_eq!(kept_out, []);
    let entry = &entries[0].1;
    assert_eq!(entry.entry_id, "a");
    assert_eq!(entry.submitter.as_deref(), Some("somebody"));
    assert_eq!(entry.quality, Some(87));
    assert_eq!(entry.status, EntryStatus::Active);
    assert_eq!(entry.tags, ["x", "y", "z"]);
    assert_eq!(entry.media_type, MediaType::Image);
    assert_eq!(entry.source_updated, Some(1_709_164_800));
    assert_eq!(entry.classification.as_ref().unwrap().value, "1");
    assert_eq!(
        entry.hashes,
        [hash(HashKind::Pdq, 1), hash(HashKind::Md5, 1)]
    );
    assert_eq!(report.by_kind[&HashKind::Md5], 1);
    assert_every_line_is_accounted_for(&report);
}

#[test]
fn columns_are_mapped_by_name_or_number() {
    let text = format!(
        "Ref;PDQ Hash;Cat\r\n7;{};A\r\n;{};B\r\n",
        hex(HashKind::Pdq, 1),
        hex(HashKind::Pdq, 2)
    );
    for mapping in [
        "pdq=pdq_hash,id=REF,category=3,delimiter=;,scheme_is=example,region_is=xx",
        "pdq=2,id=1,category=Cat,scheme_is=example,region_is=xx",
    ] {
        let (entries, kept_out, _) = import(csv(mapping), &text);
        assert_eq!(kept_out, []);
        assert_eq!(ids(&entries), ["7", "line-3"]);
        let classification = entries[1].1.classification.clone().unwrap();
        assert_eq!(classification.scheme.as_deref(), Some("example"));
        assert_eq!(classification.region.as_deref(), Some("xx"));
        assert_eq!(classification.value, "B");
    }
    let body = text.split_once('\n').unwrap().1;
    let (entries, ..) = import(csv("pdq=2,id=1,header=no,delimiter=semicolon"), body);
    assert_eq!(ids(&entries), ["7", "line-2"]);
}

#[test]
fn a_column_of_kinds_says_what_the_hash_is() {
    let text = format!(
        "id,kind,hash\na,pdq,{0}\nb,sha-256,{0}\nc,,{0}\nd,photodna,AAAA\ne,,{1}\nf,md5,\n",
        hex(HashKind::Pdq, 1),
        hex(HashKind::Md5, 1)
    );
    let (entries, kept_out, _) = import(automatic(), &text);
    let kinds: Vec<HashKind> = entries
        .iter()
        .flat_map(|(_, entry)| &entry.hashes)
        .map(HashValue::kind)
        .collect();
    assert_eq!(kinds, [HashKind::Pdq, HashKind::Sha256, HashKind::Md5]);
    assert!(
        entries
            .iter()
            .any(|(line, entry)| *line == 5 && !entry.other_hashes.is_empty())
    );
    assert_eq!(
        reasons(&kept_out),
        [(4, Some("hash"), "ambiguous_kind"), (7, None, "no_hash")]
    );
}

#[test]
fn one_bad_hash_of_a_row_does_not_lose_the_good_ones() {
    let text = format!(
        "id,pdq,md5,sha1,quality,updated\na,{},xyz,{},101,soon\n",
        hex(HashKind::Pdq, 1),
        hex(HashKind::Sha1, 1)
    );
    let (entries, kept_out, report) = import(automatic(), &text);
    assert_eq!(
        entries[0].1.hashes,
        [hash(HashKind::Pdq, 1), hash(HashKind::Sha1, 1)]
    );
    assert_eq!(
        reasons(&kept_out),
        [
            (2, Some("md5"), "bad_hash"),
            (2, Some("quality"), "bad_quality"),
            (2, Some("updated"), "bad_time")
        ]
    );
    assert_eq!((report.records, report.entries), (1, 1));
}

#[test]
fn a_withdrawn_row_takes_back_what_its_table_speaks_of() {
    let (md5, pdq) = (hex(HashKind::Md5, 1), hex(HashKind::Pdq, 1));
    // A column for each kind: the row is the entry, whatever of its hashes it repeats.
    let text = format!("id,md5,pdq,status\n7,{md5},{pdq},active\n7,{md5},,withdrawn\n");
    let entries = import(automatic(), &text).0;
    assert_eq!(
        (entries[0].1.hashes.len(), entries[1].1.hashes.len()),
        (2, 0)
    );
    // A hash a row: the row is one hash of the entry. If that cannot be read, nothing is known to be withdrawn.
    let text = format!(
        "id,kind,hash,status\n7,md5,{md5},active\n7,md5,{md5},withdrawn\n7,photodna,x,withdrawn\n7,md5,x,withdrawn\n7,,,withdrawn\n"
    );
    let (entries, kept_out, _) = import(automatic(), &text);
    let hashes: Vec<usize> = entries
        .iter()
        .map(|(_, entry)| entry.hashes.len())
        .collect();
    assert_eq!(hashes, [1, 1, 0, 0]);
    assert_eq!(entries[2].1.other_hashes.len(), 1);
    assert!(!entries[3].1.has_hash());
    assert_eq!(kept_out.len(), 1);
}

#[test]
fn equal_hashes_of_a_record_are_kept_once() {
    let text = format!("a,b\n{0},{0}\n", hex(HashKind::Md5, 1));
    let (entries, kept_out, report) = import(csv("md5=a,md5=b"), &text);
    assert_eq!(entries[0].1.hashes.len(), 1);
    assert_eq!(kept_out, []);
    assert_eq!(report.repeated, 1);
}

#[test]
fn a_withdrawal_gets_through_without_a_hash_or_with_a_broken_one() {
    let text = "id,status,md5\na,Withdrawn,\nb,deleted,broken\nc,active,\n,revoked,\n";
    let (entries, kept_out, report) = import(automatic(), text);
    assert_eq!(ids(&entries), ["a", "b"]);
    assert!(entries.iter().all(|(_, entry)| !entry.status.matches()));
    assert_eq!(
        reasons(&kept_out),
        [
            (3, Some("md5"), "bad_hash"),
            (4, None, "no_hash"),
            (5, None, "withdraws_nothing")
        ]
    );
    assert_eq!(report.withdrawn, 2);
}

#[test]
fn an_unknown_status_matches_and_is_counted() {
    let text = format!("status,md5\nunder review,{}\n", hex(HashKind::Md5, 1));
    let (entries, _, report) = import(automatic(), &text);
    assert!(entries[0].1.status.matches());
    assert_eq!(report.unknown_status, 1);
}

#[test]
fn the_programs_own_table_is_a_list_of_what_has_a_hash_worth_listing() {
    let [pdq, low, mean] = [1, 2, 3].map(|number| hex(HashKind::Pdq, number));
    let md5 = hex(HashKind::Md5, 4);
    let mut text = format!(
        "path,status,kind,hash,quality,profile,problem\n\
         a.png,ok,pdq,{pdq},90,{PDQ_PROFILE},\n\
         a.png,ok,md5,{md5},,,\n\
         b.png,low_quality,pdq,{low},12,{PDQ_PROFILE},\n\
         c.jpg,ok,pdq,{mean},90,{PDQ_PROFILE_JPEG_LUMA},\n\
         d.jpg,ok,mean_16x16,{mean},,{CLASSIC_PROFILE_JPEG_LUMA},\n"
    );
    let unhashed = [
        Status::TooSmall.name(),
        Status::Unsupported.name(),
        Status::Truncated.name(),
        Status::Malformed.name(),
        Status::OverLimit.name(),
        "unreadable",
    ];
    for status in unhashed {
        text += &format!("x.png,{status},pdq,,,,why\n");
    }
    text += "y.png,ok,pdq,,,,\n";
    let (entries, kept_out, report) = import(automatic(), &text);
    assert_eq!(ids(&entries), ["a.png", "a.png", "c.jpg", "d.jpg"]);
    assert_eq!(reasons(&kept_out), [(13, None, "no_hash")]);
    assert_eq!((report.low_quality, report.unhashed), (1, 6));
    assert_eq!((report.unknown_status, report.inexact), (0, 2));
    assert_every_line_is_accounted_for(&report);
    // With a mapping it is the same table.
    let (mapped, ..) = import(csv("hash=hash,kind=kind,id=path"), &text);
    assert_eq!(ids(&mapped), ids(&entries));
}

#[test]
fn the_words_of_our_own_table_are_any_words_in_the_tables_of_others() {
    let [a, b] = [1, 2].map(|number| hex(HashKind::Md5, number));
    let text =
        format!("id,path,md5,status\n1,x,{a},low_quality\n2,x,{b},truncated\n3,x,,truncated\n");
    let (entries, kept_out, report) = import(automatic(), &text);
    assert_eq!(ids(&entries), ["1", "2"]);
    assert_eq!(reasons(&kept_out), [(4, None, "no_hash")]);
    assert_eq!((report.unknown_status, report.low_quality), (2, 0));
}

#[test]
fn a_row_that_lost_its_status_or_shifted_its_fields_is_kept_out() {
    let md5 = hex(HashKind::Md5, 1);
    let text = format!(
        "md5,note,status,more\n{md5},x\n{md5},x,y,withdrawn,z\n{md5},x,active\n{md5},x,active,,,\n"
    );
    let (entries, kept_out, _) = import(automatic(), &text);
    assert_eq!(ids(&entries), ["line-4", "line-5"]);
    assert_eq!(
        reasons(&kept_out),
        [(2, None, "field_count"), (3, None, "field_count")]
    );
}

#[test]
fn a_quoted_field_may_span_lines() {
    let text = format!(
        "note,md5,id\n\"first\nsecond, \"\"quoted\"\"\n\nlast\",{},a\nx,{},b\n",
        hex(HashKind::Md5, 1),
        hex(HashKind::Md5, 2)
    );
    let (entries, kept_out, report) = import(automatic(), &text);
    assert_eq!(kept_out, []);
    assert_eq!(ids(&entries), ["a", "b"]);
    assert_eq!(
        entries.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        [2, 6]
    );
    assert_eq!(report.continued, 3);
    assert_every_line_is_accounted_for(&report);
}

#[test]
fn an_unclosed_quote_loses_only_its_own_line() {
    // What the other lines look like decides what a parser would take the stray quote for.
    let rows: [fn(u64) -> String; 4] = [
        |n| format!("id{n},{},plain", hex(HashKind::Md5, n)),
        |n| format!("\"id{n}\",\"{}\",\"quoted, too\"", hex(HashKind::Md5, n)),
        |n| format!("id{n},{},\"\"", hex(HashKind::Md5, n)),
        |n| format!("id{n},{},\"say \"\"hello\"\"\"", hex(HashKind::Md5, n)),
    ];
    for (shape, row) in rows.iter().enumerate() {
        for bad in [
            format!("bad,{},\"open", hex(HashKind::Md5, 5000)),
            format!("\"bad,{},x", hex(HashKind::Md5, 5000)),
            "\"".to_owned(),
        ] {
            for at in [0, 500, 999] {
                let mut text = "id,md5,note\n".to_owned();
                for number in 0..1000 {
                    text += &if number == at {
                        bad.clone()
                    } else {
                        row(number)
                    };
                    text.push('\n');
                }
                let (entries, kept_out, report) = import(automatic(), &text);
                assert_eq!(
                    reasons(&kept_out),
                    [(at + 2, None, "unclosed_quote")],
                    "shape {shape}"
                );
                assert_eq!(entries.len(), 999);
                assert_every_line_is_accounted_for(&report);
            }
        }
    }
}

#[test]
fn an_unclosed_quote_loses_only_its_own_line_without_a_header_too() {
    let row = |n| format!("id{n},{},\"\"\n", hex(HashKind::Md5, n));
    let text = format!("{}bad,x,\"open\n{}{}", row(1), row(2), row(3));
    let (entries, kept_out, _) = import(csv("id=1,md5=2,header=no"), &text);
    assert_eq!(ids(&entries), ["id1", "id2", "id3"]);
    assert_eq!(reasons(&kept_out), [(2, None, "unclosed_quote")]);
}

#[test]
fn headers_that_do_not_fit_are_errors() {
    let error = |format, text: &str| try_import(format, text.as_bytes()).unwrap_err();
    assert!(matches!(error(automatic(), ""), ListError::NoHeader));
    assert!(matches!(
        error(automatic(), "# c\n\nname,size\n"),
        ListError::NoHashColumn { line: 3 }
    ));
    assert!(matches!(
        error(csv("md5=Digest"), "md5,id\n"),
        ListError::NoColumn { line: 1, column } if column == "Digest"
    ));
    assert!(matches!(
        error(csv("md5=3"), "md5,id\n"),
        ListError::NoColumn { line: 1, column } if column == "3"
    ));
    assert!(matches!(
        error(automatic(), "md5,status,MD-5\n"),
        ListError::RepeatedColumn { line: 1, column } if column == "md5"
    ));
    assert!(matches!(
        try_import(automatic(), b"\xff\xfem\0d\0\n\0"),
        Err(ListError::BadHeader {
            line: 1,
            reason: QuarantineReason::NotUtf8 { position: 0 }
        })
    ));
    assert!(matches!(
        error(automatic(), "\"md5,id\n1,2\n"),
        ListError::BadHeader {
            line: 1,
            reason: QuarantineReason::UnclosedQuote
        }
    ));
    let mut mapping = CsvMapping::default();
    mapping.set_delimiter(b'"');
    assert!(matches!(
        error(ListFormat::Csv(mapping), "md5\n"),
        ListError::Mapping(_)
    ));
}

/// Gives some bytes and then fails.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_failing_reader_is_an_error_with_its_line_and_the_end() {
    let text = format!("{}\n\n", hex(HashKind::Md5, 1));
    let reader = BufReader::new(Failing(text.as_bytes()));
    let mut importer = Importer::new(reader, &ImportOptions { format: LINES }).unwrap();
    assert!(matches!(
        importer.next(),
        Some(Ok(ImportItem::Entry { line: 1, .. }))
    ));
    let error = importer.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: cannot be read: the disk is gone"
    );
    assert!(importer.next().is_none());
}

#[test]
fn formats_are_guessed_from_name_or_first_line() {
    let guess = |name: &str, head: &str| ListFormat::guess(Some(Path::new(name)), head.as_bytes());
    let pdq = hex(HashKind::Pdq, 1);
    assert_eq!(guess("a.HSH", ""), ListFormat::Hsh);
    assert_eq!(guess("a.csv", ""), automatic());
    assert!(matches!(guess("a.tsv", ""), ListFormat::Csv(_)));
    assert_eq!(
        guess("a.txt", "\u{feff}# c\r\n\"id\";\"md5\"\r\n"),
        automatic()
    );
    // It could be a sha256 as well.
    assert_eq!(guess("a", &format!("{pdq},a.png\n")), LINES);
    assert_eq!(guess("a", &format!("{pdq},100,a.png\n")), ListFormat::Hsh);
    assert_eq!(guess("a", &format!("{pdq},101,a.png\n")), LINES);
    assert_eq!(guess("a", &format!("hash={pdq}\n")), ListFormat::Hsh);
    assert_eq!(guess("a", &format!("{pdq}\n")), LINES);
    assert_eq!(guess("a", &format!("pdq,{pdq}\n")), LINES);
    assert_eq!(ListFormat::guess(None, b"\xff\0"), LINES);
}

#[test]
fn reports_add_up_and_survive_json() {
    let text = format!("{}\nbad\n\n# c\n", hex(HashKind::Md5, 1));
    let report = import(LINES, &text).2;
    let mut twice = report.clone();
    twice.merge(&report);
    assert_eq!((twice.lines, twice.hashes), (8, 2));
    assert_eq!(twice.by_kind[&HashKind::Md5], 2);
    assert_eq!(twice.by_reason["no_kind_of_length"], 2);
    let json = serde_json::to_string(&twice).unwrap();
    assert_eq!(serde_json::from_str::<ImportReport>(&json).unwrap(), twice);
}

#[test]
fn a_pdq_without_128_set_bits_is_counted_not_refused() {
    let text = format!("pdq {}\npdq {}\n", "f0".repeat(32), "f1".repeat(32));
    let report = import(LINES, &text).2;
    assert_eq!((report.entries, report.unusual_pdq), (2, 1));
}

#[test]
fn nothing_that_is_printed_repeats_the_list() {
    let secret = "5ec4e7";
    let full = format!("{secret}{}", &hex(HashKind::Pdq, 1)[6..]);
    let rows = format!(
        "id,md5,pdq,status,note\n{secret},{full},{full},{secret},x\n{secret},{secret},,{secret},\"{secret}\n{full},,,,,,{full}\n"
    );
    let lines = format!(
        "{full}\n{full} {full}\n{secret} {full}\npdq {full}\nmd5 {full}\n{secret}\0\n{full}z\n"
    );
    let mut printed = String::new();
    for (format, text) in [
        (automatic(), &rows),
        (LINES, &lines),
        (ListFormat::Hsh, &lines),
        (csv("md5=2,header=no"), &rows),
    ] {
        let mut importer = Importer::new(text.as_bytes(), &ImportOptions { format }).unwrap();
        for item in &mut importer {
            printed += &format!("{item:?}\n");
            if let Ok(ImportItem::Quarantined(kept_out)) = item {
                printed += &format!("{kept_out} {:?} {}\n", kept_out.reason, kept_out.reason);
            }
        }
        printed += &format!(
            "{importer:?} {}",
            serde_json::to_string(importer.report()).unwrap()
        );
    }
    // Data where a header should be.
    for mapping in [automatic(), csv("md5=Digest")] {
        let error = try_import(mapping, full.as_bytes()).unwrap_err();
        printed += &format!("{error} {error:?}");
    }
    assert!(
        printed.contains("line 2: column md5: a md5 has 32"),
        "{printed}"
    );
    assert!(
        !printed.to_lowercase().contains(secret) && !printed.contains(&full[8..20]),
        "{printed}"
    );
}

fn formats() -> impl Strategy<Value = ListFormat> {
    prop::sample::select(vec![
        LINES,
        ListFormat::HexLines {
            kind: Some(HashKind::Sha1),
        },
        ListFormat::Hsh,
        csv("hash=1,kind=2,status=3,header=no"),
        csv("md5=2,id=1,header=no,delimiter=tab"),
        automatic(),
    ])
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_every_line_is_accounted_for(
        format in formats(),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        if let Ok((_, _, report)) = try_import(format, &bytes) {
            assert_every_line_is_accounted_for(&report);
            prop_assert_eq!(report.lines, bytes.split_inclusive(|byte| *byte == b'\n').count() as u64);
        }
    }

    #[test]
    fn texts_made_of_what_lists_are_made_of_are_accounted_for(
        format in formats(),
        with_header in any::<bool>(),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "\n", "\n", "\n", "\r\n", "\r", "\"", "\"\"", ",", ",", ";", "\t", "#", " ", "md5", "pdq", "a", "withdrawn",
            "0123456789abcdef0123456789abcdef", "hash=", "87", "\u{feff}", "\u{e9}", "\0",
        ]), 0..200),
    ) {
        let mut text = if with_header { "md5,id\n".to_owned() } else { String::new() };
        text.extend(pieces);
        if let Ok((entries, _, report)) = try_import(format, text.as_bytes()) {
            assert_every_line_is_accounted_for(&report);
            prop_assert_eq!(report.lines, text.split_inclusive('\n').count() as u64);
            prop_assert_eq!(report.entries, entries.len() as u64);
            for (_, entry) in &entries {
                prop_assert!(!entry.entry_id.is_empty());
                prop_assert!(!entry.hashes.is_empty() || !entry.status.matches());
            }
        }
    }

    #[test]
    fn every_good_line_comes_out_whatever_stands_between(
        bad in prop::collection::vec("[a-z\"#, ]{0,20}", 1..20),
    ) {
        let mut text = String::new();
        for (number, bad) in bad.iter().enumerate() {
            text += &format!("{bad}\n{}\n", hex(HashKind::Md5, number as u64));
        }
        let entries = import(LINES, &text).0;
        prop_assert_eq!(entries.len(), bad.len());
    }
}
