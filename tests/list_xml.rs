//! Importing pages of NCMEC's hash sharing service. All hashes, members and ids are made up.

use std::io::{BufReader, Read};

use hashsieve::list::{FeedPosition, ImportItem, ImportOptions, Importer, ListError, ListFormat};
use hashsieve::{Entry, EntryStatus, HashKind, MediaType, Opinion};
use proptest::prelude::*;

#[path = "support/importing.rs"]
pub mod importing;
use importing::{Imported, hash, hex};

const NAMESPACE: &str = "https://hashsharing.ncmec.org/hashsharing/v2";

fn import(text: &str) -> Imported {
    importing::import(ListFormat::Ncmec, text.as_bytes())
}

/// Returns a page with these records among its images and among its videos.
fn page(images: &str, videos: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<queryResult xmlns=\"{NAMESPACE}\">\n\
         <images count=\"1\" maxTimestamp=\"2017-10-24T15:10:00Z\">{images}</images>\n\
         <videos count=\"1\" maxTimestamp=\"2017-10-24T15:20:00Z\">{videos}</videos>\n</queryResult>\n"
    )
}

/// Returns an image of member 42 with this id and this in it besides.
fn image(id: &str, rest: &str) -> String {
    format!(
        "<image><member id=\"42\">Example Member</member><timestamp>2017-10-24T15:00:00Z</timestamp>\
         <id>{id}</id>{rest}</image>"
    )
}

/// Returns fingerprints, each of a name and a text.
fn fingerprints(all: &[(&str, &str)]) -> String {
    let each = all
        .iter()
        .map(|(name, text)| format!("<{name}>{text}</{name}>"));
    format!("<fingerprints>{}</fingerprints>", each.collect::<String>())
}

fn md5(number: u64) -> String {
    fingerprints(&[("md5", &hex(HashKind::Md5, number))])
}

/// Imports a page with one image and returns its entry.
fn one(rest: &str) -> Entry {
    let out = import(&page(&image("a", rest), ""));
    assert!(out.error.is_none() && out.kept_out.is_empty(), "{out:?}");
    assert_eq!(out.entries.len(), 1);
    out.entries.into_iter().next().unwrap()
}

/// Returns a page with everything that is documented.
fn whole_page() -> String {
    let image = image(
        "image1",
        &format!(
            "<classification>A1</classification>\n<categorizations><group name=\"Context\">\
             <categorization guid=\"0-1\" name=\"Known Minor\"/></group></categorizations>\n\
             <fingerprints><md5>{}</md5><sha1>{}</sha1><pdna>AAAA</pdna><pdq>{}</pdq><netclean>BBBB</netclean>\
             <tmk-pdqf rel=\"self\" href=\"/v2/entries/1/fingerprints/TMK_PDQF\"/></fingerprints>\n\
             <feedback lastUpdateTimestamp=\"2023-06-01T12:48:14Z\">\
             <affirmativeFeedback type=\"Md5\"><members><member id=\"42\">x</member><member id=\"7\">y</member></members></affirmativeFeedback>\
             <negativeFeedback type=\"Sha1\"><reasons><reason guid=\"0-2\" name=\"Example Reason 1\" type=\"Sha1\"/>\
             <members><member id=\"42\">x</member></members></reasons></negativeFeedback></feedback>",
            hex(HashKind::Md5, 1),
            hex(HashKind::Sha1, 1),
            hex(HashKind::Pdq, 1)
        ),
    );
    let deleted_image = "<deletedImage><member id=\"43\">Example Member2</member><id>image4</id>\
         <timestamp>2017-10-24T15:10:00Z</timestamp></deletedImage>";
    let videos = format!(
        "<video><member id=\"42\"/><timestamp>2017-10-24T15:00:00Z</timestamp><id>video1</id>{}<feedback /></video>\
         <deletedVideo><member id=\"42\">Example Member</member><id>video4</id>\
         <timestamp>2017-10-24T15:20:00Z</timestamp></deletedVideo>",
        md5(2)
    );
    let page = page(&format!("\n{image}\n{deleted_image}\n"), &videos);
    page.replace(
        "</queryResult>",
        "<paging><next>/v2/entries?from=1&amp;to=2&amp;start=2001</next></paging>\n</queryResult>",
    )
}

#[test]
fn everything_documented_is_kept() {
    let out = import(&whole_page());
    assert!(out.error.is_none(), "{:?}", out.error);
    assert_eq!(out.reasons(), []);
    assert!(out.report.unknown_values.is_empty(), "{:?}", out.report);
    assert_eq!(
        out.ids(),
        ["42-image1", "43-image4", "42-video1", "42-video4"]
    );
    assert_eq!(out.lines, [4, 8, 10, 10]);
    assert_eq!(out.by_value, [false; 4]);
    let image = &out.entries[0];
    assert_eq!(image.submitter.as_deref(), Some("Example Member"));
    assert_eq!(image.media_type, MediaType::Image);
    let classification = image.classification.as_ref().unwrap();
    assert_eq!(classification.scheme.as_deref(), Some("ncmec"));
    assert_eq!(classification.value, "A1");
    assert_eq!(
        image.tags,
        [
            "categorization:Known Minor",
            "categorization-guid:0-1",
            "negative-feedback:sha1:Example Reason 1"
        ]
    );
    assert_eq!(
        image.hashes,
        [
            hash(HashKind::Md5, 1),
            hash(HashKind::Sha1, 1),
            hash(HashKind::Pdq, 1)
        ]
    );
    let others = image.other_hashes.iter();
    let others: Vec<_> = others.map(|hash| (&*hash.kind, &*hash.value)).collect();
    assert_eq!(
        others,
        [
            ("photodna", "AAAA"),
            ("netclean", "BBBB"),
            ("tmk", "/v2/entries/1/fingerprints/TMK_PDQF")
        ]
    );
    assert_eq!(image.source_updated, Some(1_508_857_200));
    assert_eq!((image.positive_opinions, image.negative_opinions), (2, 1));
    let video = &out.entries[2];
    assert_eq!(video.media_type, MediaType::Video);
    // A member without a name is called by its id.
    assert_eq!(video.submitter.as_deref(), Some("42"));
    assert_eq!(video.classification, None);
    assert_eq!((out.report.records, out.report.withdrawn), (4, 2));
    assert_eq!(
        out.report.lines,
        whole_page().split_inclusive('\n').count() as u64
    );
    let expected = FeedPosition::default();
    let position = out.position.unwrap();
    assert_ne!(position, expected);
    assert_eq!(position.checkpoint.as_deref(), Some("2017-10-24T15:20:00Z"));
    assert_eq!(position.checkpoint_time, Some(1_508_858_400));
    assert!(position.has_more);
}

#[test]
fn an_md5_or_sha1_of_an_image_is_a_hash_like_that_of_a_video() {
    let both = fingerprints(&[
        ("md5", &hex(HashKind::Md5, 1).to_uppercase()),
        ("sha1", &hex(HashKind::Sha1, 1)),
    ]);
    let entry = one(&both);
    assert_eq!(
        entry.hashes,
        [hash(HashKind::Md5, 1), hash(HashKind::Sha1, 1)]
    );
    assert_eq!(entry.media_type, MediaType::Image);
}

#[test]
fn two_members_with_one_entry_id_have_two_entries() {
    let other = image("a", &md5(2)).replace("42", "43");
    let out = import(&page(&format!("{}{other}", image("a", &md5(1))), ""));
    assert_eq!(out.ids(), ["42-a", "43-a"]);
}

#[test]
fn a_tombstone_without_hashes_withdraws_its_entry() {
    let out = import(&whole_page());
    for index in [1, 3] {
        let entry = &out.entries[index];
        assert_eq!(entry.status, EntryStatus::Withdrawn);
        assert!(!entry.has_hash());
    }
    assert_eq!(out.entries[3].media_type, MediaType::Video);
    assert_eq!(out.entries[3].source_updated, Some(1_508_858_400));
    // Whatever else it says, it withdraws the entry as a whole.
    let odd = image("a", &md5(1)).replace("image>", "deletedImage>");
    let out = import(&page(&odd, ""));
    assert_eq!(out.entries[0].status, EntryStatus::Withdrawn);
    assert!(!out.entries[0].has_hash());
}

#[test]
fn a_tombstone_that_names_no_entry_is_kept_out() {
    let text = "<deletedImage><id>a</id></deletedImage><deletedImage><member id=\"1\"/></deletedImage>\
                <deletedImage><member>x</member><id>a</id></deletedImage>";
    let out = import(&page(text, ""));
    assert_eq!(out.entries.len(), 0);
    assert_eq!(out.reasons(), [(3, None, "bad_field"); 3]);
    let records: Vec<_> = out.kept_out.iter().map(|item| item.record).collect();
    assert_eq!(records, [Some(1), Some(2), Some(3)]);
}

#[test]
fn an_updated_record_says_all_there_is_and_drops_what_it_does_not_repeat() {
    let first = image(
        "a",
        &fingerprints(&[
            ("md5", &hex(HashKind::Md5, 1)),
            ("pdq", &hex(HashKind::Pdq, 1)),
        ]),
    );
    let second = image("a", &fingerprints(&[("pdq", &hex(HashKind::Pdq, 1))]));
    let third = image("a", "<fingerprints/>");
    let fourth = image("a", "");
    let out = import(&page(&[first, second, third, fourth].concat(), ""));
    assert_eq!(out.ids(), ["42-a"; 4]);
    let counts: Vec<usize> = out.entries.iter().map(|entry| entry.hashes.len()).collect();
    // The last two have no hash any more, which is to be known.
    assert_eq!(counts, [2, 1, 0, 0]);
    assert_eq!(out.reasons(), []);
}

#[test]
fn all_entries_of_one_second_come_out_and_so_do_those_out_of_order() {
    let mut images = String::new();
    for number in 0..50 {
        images += &image(&format!("i{number}"), &md5(number));
    }
    images += &image("late", &md5(50)).replace("15:00:00", "14:00:00");
    let out = import(&page(&images, ""));
    assert_eq!(out.entries.len(), 51);
    assert_eq!(out.entries[50].source_updated, Some(1_508_853_600));
    // The checkpoint is the page's own, not the time of its last record.
    assert_eq!(out.position.unwrap().checkpoint_time, Some(1_508_858_400));
}

#[test]
fn times_are_utc_whatever_the_place() {
    for (text, time) in [
        ("2017-10-24T15:00:00Z", Some(1_508_857_200)),
        ("2017-10-24T15:00:00", Some(1_508_857_200)),
        ("\n 2017-10-24T15:00:00.999Z ", Some(1_508_857_200)),
        ("1970-01-01T00:00:00Z", Some(0)),
    ] {
        let image = image("a", &md5(1)).replace("2017-10-24T15:00:00Z", text);
        let out = import(&page(&image, ""));
        assert_eq!(out.entries[0].source_updated, time, "{text}");
        assert_eq!(out.reasons(), []);
    }
    // A wrong time is worse than none.
    let image = image("a", &md5(1)).replace("15:00:00Z", "15:00:00-07:00");
    let out = import(&page(&image, ""));
    assert_eq!(out.entries[0].source_updated, None);
    assert_eq!(out.reasons(), [(3, Some("timestamp"), "bad_time")]);
}

#[test]
fn an_empty_page_is_a_page() {
    for body in [
        "<images count=\"0\"/><videos count=\"0\"/>",
        "<images count=\"0\"></images>",
        "<images count=\"0\" maxTimestamp=\"2017-10-24T15:10:00Z\"/>\n<videos count=\"0\"/>",
        "",
    ] {
        let out = import(&format!(
            "<queryResult xmlns=\"{NAMESPACE}\">{body}</queryResult>"
        ));
        assert!(out.error.is_none() && out.entries.is_empty() && out.kept_out.is_empty());
        let position = out.position.unwrap();
        assert!(!position.has_more);
        assert_eq!(
            position.checkpoint.is_some(),
            body.contains("maxTimestamp"),
            "{body}"
        );
    }
    assert!(import("<queryResult/>").position.is_some());
}

#[test]
fn there_are_more_pages_only_if_the_page_links_to_one() {
    let with = |paging: &str| {
        let text = page("", "").replace("</queryResult>", &format!("{paging}</queryResult>"));
        let out = import(&text);
        assert!(out.error.is_none(), "{paging}");
        out.position.unwrap().has_more
    };
    assert!(with(
        "<paging><next>/v2/entries?start=1&amp;size=2</next></paging>"
    ));
    assert!(with("<paging>\n<next><![CDATA[/v2]]></next></paging>"));
    for paging in [
        "",
        "<paging/>",
        "<paging></paging>",
        "<paging><next/></paging>",
        "<paging><next> </next></paging>",
        "<paging><!-- <next>x</next> --></paging>",
        "<paging><previous>x</previous></paging>",
    ] {
        assert!(!with(paging), "{paging}");
    }
}

#[test]
fn fingerprints_of_kinds_not_known_are_kept_as_they_are_named() {
    let entry = one(
        "<fingerprints><ssvh-pdna href=\"/a\"/><ssvh-safer-hash href='/b'></ssvh-safer-hash><videntifier>V</videntifier>\
         </fingerprints>",
    );
    let others: Vec<_> = entry.other_hashes.iter().map(|hash| &*hash.kind).collect();
    assert_eq!(others, ["ssvh_pdna", "ssvh_safer_hash", "videntifier"]);
    let out = import(&page(
        &image("a", "<fingerprints><brand-new>N</brand-new></fingerprints>"),
        "",
    ));
    assert_eq!(out.entries[0].other_hashes[0].kind, "brand-new");
    assert_eq!(out.report.unknown_values["fingerprint"], 1);
    assert_eq!(out.report.unmatchable["other"], 1);
}

#[test]
fn one_bad_hash_is_kept_out_and_the_rest_of_its_entry_is_not() {
    let zeros = "0".repeat(64);
    let md5 = hex(HashKind::Md5, 1);
    let all = fingerprints(&[
        ("md5", &md5[1..]),
        ("pdq", &zeros),
        ("sha1", ""),
        ("pdna", ""),
        ("sha1", &hex(HashKind::Sha1, 1)),
        ("md5", &md5),
        ("md5", &md5),
    ]);
    let out = import(&page(&image("a", &all), ""));
    assert_eq!(
        out.reasons(),
        [
            (3, Some("md5"), "bad_hash"),
            (3, Some("pdq"), "degenerate"),
            (3, Some("sha1"), "no_hash"),
            (3, Some("photodna"), "no_hash"),
        ]
    );
    assert_eq!(
        out.entries[0].hashes,
        [hash(HashKind::Sha1, 1), hash(HashKind::Md5, 1)]
    );
    assert_eq!(out.report.repeated, 1);
}

#[test]
fn an_entry_none_of_whose_hashes_can_be_read_is_left_out() {
    // It is not known to have no hash, so what was known of it before must not be forgotten.
    let out = import(&page(&image("a", &fingerprints(&[("md5", "xyz")])), ""));
    assert_eq!(out.entries.len(), 0);
    assert_eq!(out.reasons(), [(3, Some("md5"), "bad_hash")]);
}

#[test]
fn values_not_documented_are_kept_and_counted() {
    let rest = format!(
        "<classification>C7</classification><colour>red</colour>{}",
        md5(1)
    );
    let text = page(&image("a", &rest), "").replace("<videos", "<audios/><videos");
    let out = import(&text);
    assert_eq!(out.entries[0].classification.as_ref().unwrap().value, "C7");
    for field in ["classification", "element", "section"] {
        assert_eq!(out.report.unknown_values[field], 1, "{field}");
    }
    // A record of a kind not known may be anything, and is said not to have been read.
    let out = import(&page("<sketch><id>a</id></sketch>", ""));
    assert_eq!(out.reasons(), [(3, None, "bad_field")]);
}

/// Returns feedback that says this of kinds of hashes: a sign, a kind and the ids of members.
fn feedback(all: &[(char, &str, &[u32])]) -> String {
    let mut text = String::new();
    for (sign, kind, members) in all {
        let name = if *sign == '+' {
            "affirmative"
        } else {
            "negative"
        };
        let members: String = members
            .iter()
            .map(|id| format!("<member id=\"{id}\">m</member>"))
            .collect();
        text += &format!(
            "<{name}Feedback type=\"{kind}\"><members>{members}</members></{name}Feedback>"
        );
    }
    format!("<feedback>{text}</feedback>")
}

#[test]
fn feedback_makes_an_entry_disputed_or_negative() {
    let hashes = fingerprints(&[("md5", &hex(HashKind::Md5, 1)), ("pdna", "AAAA")]);
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    let cases: [(&[(char, &str, &[u32])], Opinion); 8] = [
        (&[], Opinion::Positive),
        (&[('+', "Md5", &[1])], Opinion::Positive),
        // Of a hash that it has no more.
        (&[('-', "Sha1", &[1])], Opinion::Positive),
        (&[('-', "Md5", &[1])], Opinion::Disputed),
        (&[('-', "Md5", &[1]), ('+', "Md5", &[2])], Opinion::Disputed),
        (&[('-', "Pdna", &[1])], Opinion::Disputed),
        (
            &[('-', "Md5", &[1]), ('-', "Pdna", &[1])],
            Opinion::Negative,
        ),
        (
            &[('-', "Md5", &[1]), ('-', "Pdna", &[1]), ('+', "Pdna", &[2])],
            Opinion::Disputed,
        ),
    ];
    for (votes, opinion) in cases {
        let entry = one(&format!("{hashes}{}", feedback(votes)));
        assert_eq!(entry.opinion, opinion, "{votes:?}");
        // Feedback may stand before what it is on.
        let entry = one(&format!("{}{hashes}", feedback(votes)));
        assert_eq!(entry.opinion, opinion, "{votes:?}");
    }
}

#[test]
fn feedback_is_counted_for_each_kind_of_hash_and_each_member_once() {
    let votes = feedback(&[
        ('+', "Md5", &[1, 2, 2]),
        ('+', "Md5", &[2]),
        ('+', "TmkPdqf", &[2, 3]),
        ('-', "SsvhSaferHash", &[9]),
        ('-', "Pdq", &[]),
    ]);
    let entry = one(&format!("{}{votes}", md5(1)));
    let kinds = entry.kind_opinions.iter();
    let kinds: Vec<_> = kinds
        .map(|one| (&*one.kind, one.positive, one.negative))
        .collect();
    assert_eq!(
        kinds,
        [
            ("md5", 2, 0),
            ("tmk", 2, 0),
            ("ssvh_safer_hash", 0, 1),
            // Feedback of somebody who is not named is feedback.
            ("pdq", 0, 1)
        ]
    );
    assert_eq!((entry.positive_opinions, entry.negative_opinions), (3, 2));
    let votes = feedback(&[('-', "BrandNew", &[1])]);
    let out = import(&page(&image("a", &format!("{}{votes}", md5(1))), ""));
    assert_eq!(out.entries[0].kind_opinions[0].kind, "BrandNew");
    assert_eq!(out.report.unknown_values["feedback type"], 1);
}

#[test]
fn prefixes_attributes_comments_entities_and_cdata_make_no_difference() {
    let plain = import(&page(&image("a&amp;b", &md5(1)), ""));
    let digest = hex(HashKind::Md5, 1);
    let (head, tail) = digest.split_at(9);
    let odd = format!(
        "\u{feff}<?xml version='1.0'?><!-- <image> --><?note x?>\r\n\
         <n:queryResult xmlns:n='{NAMESPACE}'\r\n><n:images maxTimestamp = '2017-10-24T15:20:00Z' count='>1'>\
         <!-- </n:images> --><n:image\n extra='&lt;'><n:id>a&#38;<![CDATA[b]]></n:id>\
         <n:member other='x' id='&#52;2' >Example<!-- no --> Member</n:member >\
         <n:timestamp> 2017-10-24T15:00:00Z\n</n:timestamp><n:fingerprints><n:md5>{head}<!-- - -- -->\
         <![CDATA[{tail}]]></n:md5></n:fingerprints></n:image><![CDATA[</n:images>]]></n:images></n:queryResult>\n<!-- end -->\n"
    );
    let odd = import(&odd);
    assert!(odd.error.is_none(), "{:?}", odd.error);
    assert_eq!(odd.entries, plain.entries);
    assert_eq!(odd.entries[0].entry_id, "42-a&b");
    assert_eq!(odd.position, plain.position);
}

#[test]
fn a_bare_ampersand_in_a_name_loses_nothing() {
    let text = page(&image("a", &md5(1)), "").replace("Example Member", "Here & There");
    let out = import(&text);
    assert_eq!(out.entries[0].submitter.as_deref(), Some("Here & There"));
    assert_eq!(out.reasons(), []);
}

#[test]
fn a_value_that_refers_to_something_unknown_is_kept_out_alone() {
    let all = fingerprints(&[
        ("md5", &hex(HashKind::Md5, 1)),
        ("pdna", "AA&what;AA"),
        ("netclean", "<b>AA</b>BB"),
    ]);
    let out = import(&page(&image("a", &all), ""));
    assert_eq!(out.entries[0].hashes, [hash(HashKind::Md5, 1)]);
    assert!(out.entries[0].other_hashes.is_empty());
    assert_eq!(out.reasons(), [(3, Some("fingerprint"), "malformed"); 2]);
    // An id that cannot be read is no id.
    let out = import(&page(&image("a&what;", &md5(1)), ""));
    assert_eq!(
        out.reasons(),
        [(3, Some("id"), "malformed"), (3, None, "bad_field")]
    );
}

#[test]
fn entities_cannot_be_declared() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE queryResult [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    for head in [
        bomb,
        "<!DOCTYPE html>",
        "<!ENTITY a SYSTEM \"file:///etc/passwd\">",
    ] {
        let out = import(&format!("{head}<queryResult/>"));
        assert!(matches!(
            out.error,
            Some(ListError::WrongFormat { line: 1, .. })
        ));
        assert_eq!(out.position, None);
    }
    let inside = page("<!DOCTYPE a>", "");
    assert!(matches!(
        import(&inside).error,
        Some(ListError::WrongFormat { line: 3, .. })
    ));
}

#[test]
fn an_entry_over_the_limit_is_skipped_and_the_next_one_read() {
    let filler = "x".repeat(1 << 20);
    let long = [
        format!("<fingerprints><pdna>{filler}</pdna></fingerprints>"),
        format!("<!--{filler}-->"),
        format!("<a b=\"{filler}\"/>"),
        format!("<a><![CDATA[{filler}</image>]]></a>"),
        "<a/>".repeat(1 << 18),
    ];
    for rest in long {
        let images = format!("{}\n{}", image("a", &rest), image("b", &md5(1)));
        let out = import(&page(&images, ""));
        assert!(out.error.is_none());
        assert_eq!(out.reasons(), [(3, None, "record_too_long")]);
        assert_eq!((out.ids(), &out.lines[..]), (vec!["42-b"], &[4][..]));
        assert_eq!(out.report.records, 2);
    }
    // One just under it is read.
    let text = format!(
        "<fingerprints><pdna>{}</pdna></fingerprints>",
        &filler[1000..]
    );
    assert_eq!(one(&text).other_hashes[0].value.len(), (1 << 20) - 1000);
    let paging = format!("<paging><next>{filler}</next></paging></queryResult>");
    let out = import(&page("", "").replace("</queryResult>", &paging));
    assert!(out.position.unwrap().has_more);
}

#[test]
fn an_entry_of_many_thousand_values_takes_no_time_to_speak_of() {
    let prints: String = (0..12_000).map(|n| format!("<k{n}>x</k{n}>")).collect();
    let votes: String = (0..8_000)
        .map(|n| format!("<negativeFeedback type=\"k{n}\"/>"))
        .collect();
    let tags: String = (0..8_000)
        .map(|n| format!("<categorization name=\"{n}\"/>"))
        .collect();
    let rest = format!(
        "{}<fingerprints>{prints}</fingerprints><feedback>{votes}</feedback><categorizations>{tags}</categorizations>",
        md5(1)
    );
    let out = import(&page(&image("a", &rest), ""));
    assert!(out.error.is_none());
    let entry = &out.entries[0];
    assert_eq!((entry.hashes.len(), entry.other_hashes.len()), (1, 1023));
    assert_eq!((entry.kind_opinions.len(), entry.tags.len()), (64, 1024));
    assert_eq!(entry.opinion, Opinion::Disputed);
}

#[test]
fn a_file_without_an_end_to_anything_ends_in_an_error() {
    /// Gives the same bytes over and over.
    struct Endless(&'static [u8], usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 = self.1.saturating_sub(buffer.len());
            if self.1 == 0 {
                return Ok(0);
            }
            for (at, byte) in buffer.iter_mut().enumerate() {
                *byte = self.0[at % self.0.len()];
            }
            Ok(buffer.len())
        }
    }
    for (head, endless) in [
        ("<queryResult><images><image>", &b"<a>"[..]),
        ("<queryResult><images>", b"<image "),
        ("<queryResult><images ", b"aaaaaaa "),
        ("<queryResult><images><image>", b"<a></a>"),
        ("<queryResult><images><image><id>", b"aaaaaaaa"),
        ("<queryResult><images><image a='", b"aaaaaaaa"),
    ] {
        let reader = head.as_bytes().chain(Endless(endless, 100 << 20));
        let options = ImportOptions {
            format: ListFormat::Ncmec,
        };
        let mut importer =
            Importer::new(BufReader::with_capacity(1 << 16, reader), &options).unwrap();
        let last = importer.by_ref().last();
        assert!(
            matches!(
                last,
                Some(Err(
                    ListError::WrongFormat { .. } | ListError::Truncated { .. }
                ))
            ),
            "{head}"
        );
    }
}

#[test]
fn what_is_no_page_is_an_error() {
    for text in [
        "x",
        "{\"hashRecords\":[]}",
        "<html><body>Sign in</body></html>",
        "<queryResult/>x",
        "<queryResult/><queryResult/>",
        "<queryResult></other>",
        "<queryResult><images></queryResult></images>",
        "</queryResult>",
        "<queryResult><images count=\"1</images></queryResult>",
        "< queryResult/>",
        "<queryResult <images/></queryResult>",
        "<![CDATA[<queryResult/>]]>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><queryResult/>",
    ] {
        let out = import(text);
        assert!(
            matches!(out.error, Some(ListError::WrongFormat { line: 1, .. })),
            "{text} {:?}",
            out.error
        );
        assert_eq!(out.position, None);
    }
    let utf16: Vec<u8> = "\u{feff}<queryResult/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let out = importing::import(ListFormat::Ncmec, &utf16);
    assert!(matches!(out.error, Some(ListError::WrongFormat { .. })));
    assert!(matches!(
        import("").error,
        Some(ListError::Truncated { line: 1 })
    ));
    assert!(matches!(
        import("\n<!-- -->\n").error,
        Some(ListError::Truncated { line: 3 })
    ));
}

#[test]
fn what_is_whole_before_a_fault_comes_out() {
    let images = format!("{}\n{}</images>", image("a", &md5(1)), image("b", &md5(2)));
    for (from, to) in [
        ("</id>", "</ident>"),
        ("</fingerprints>", ""),
        ("<id>", "<id"),
        ("</images></images>", "</videos>"),
    ] {
        let text = page(&images, "");
        let at = text.rfind(from).unwrap();
        let text = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
        let out = import(&text);
        assert!(
            matches!(out.error, Some(ListError::WrongFormat { line: 4, .. })),
            "{from} {:?}",
            out.error
        );
        assert_eq!(out.entries[0].entry_id, "42-a");
        assert_eq!(out.position, None);
    }
}

#[test]
fn a_record_that_is_not_utf8_is_kept_out_alone() {
    let text = page(&[image("x", &md5(1)), image("b", &md5(2))].concat(), "");
    let at = text.find("<id>x").unwrap();
    let mut bytes = text.into_bytes();
    bytes[at + 4] = 0xe9;
    let out = importing::import(ListFormat::Ncmec, &bytes);
    assert_eq!(out.ids(), ["42-b"]);
    assert_eq!(out.reasons(), [(3, None, "malformed")]);
}

#[test]
fn a_page_cut_anywhere_is_an_error_and_what_was_whole_comes_out() {
    let text = whole_page();
    let whole = import(&text);
    let end = text.trim_end().len();
    let mut entries = 0;
    for length in 0..end {
        let out = importing::import(ListFormat::Ncmec, &text.as_bytes()[..length]);
        assert!(
            matches!(out.error, Some(ListError::Truncated { .. })),
            "{length} {:?}",
            out.error
        );
        assert_eq!(out.position, None);
        assert_eq!(out.entries[..], whole.entries[..out.entries.len()]);
        assert!(out.entries.len() >= entries);
        entries = out.entries.len();
    }
    assert_eq!(entries, 4);
    assert!(import(&text[..end]).error.is_none());
}

#[test]
fn a_page_read_byte_by_byte_says_the_same() {
    let text = whole_page();
    let whole = import(&text);
    for capacity in [1, 2, 3, 7, 64] {
        let reader = BufReader::with_capacity(capacity, text.as_bytes());
        let options = ImportOptions {
            format: ListFormat::Ncmec,
        };
        let mut importer = Importer::new(reader, &options).unwrap();
        let mut entries = Vec::new();
        for item in &mut importer {
            match item.unwrap() {
                ImportItem::Entry { entry, .. } => entries.push(entry),
                ImportItem::Quarantined(kept_out) => panic!("{kept_out}"),
            }
        }
        assert_eq!(entries, whole.entries);
        assert_eq!(importer.report(), &whole.report);
        assert_eq!(importer.position(), whole.position.as_ref());
    }
}

#[test]
fn pages_are_known_by_their_first_byte_or_their_name() {
    let guess = |name: &str, head: &[u8]| ListFormat::guess(Some(name.as_ref()), head);
    assert_eq!(guess("a", whole_page().as_bytes()), ListFormat::Ncmec);
    assert_eq!(
        guess("a", b"\xef\xbb\xbf \n<queryResult"),
        ListFormat::Ncmec
    );
    assert_eq!(guess("a.XML", b""), ListFormat::Ncmec);
}

#[test]
fn nothing_that_is_printed_repeats_the_page() {
    let secret = "s5ec4e7";
    let rest = format!(
        "<classification>{secret}</classification><{secret}/><categorizations><categorization name=\"{secret}\"/>\
         </categorizations><fingerprints><md5>{secret}</md5><{secret}>{secret}</{secret}><pdna>{secret}</pdna>\
         </fingerprints>{}",
        feedback(&[('-', secret, &[1])])
    );
    let image = image(secret, &rest).replace("Example Member", secret);
    let bad = format!("<{secret}><id>{secret}</id></{secret}>");
    let text = page(&format!("{image}{bad}"), "").replace("2017-10-24T15:20:00Z", secret);
    let mut printed = import(&text).printed;
    for wrong in [
        format!("<{secret}>"),
        format!("<queryResult></{secret}>"),
        format!("{secret}{text}"),
        text.replace("</image>", &format!("</{secret}>")),
    ] {
        printed += &import(&wrong).printed;
    }
    assert!(printed.contains("record 1: column md5"), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let out = importing::import(ListFormat::Ncmec, &bytes);
        prop_assert!(out.error.is_some());
    }

    #[test]
    fn texts_made_of_what_pages_are_made_of_never_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<queryResult>", "</queryResult>", "<images>", "</images>", "<image>", "</image>", "<deletedImage>", "<id>", "</id>",
            "a", "<member id='4'>", "<member id='4'/>", "</member>", "<fingerprints>", "</fingerprints>", "<md5>", "</md5>",
            "0123456789abcdef0123456789abcdef", "<feedback>", "<negativeFeedback type='Md5'>", "<reason name='&#0;'/>",
            "&", ";", "&#x0;", "&lt;", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "\"", "'", "=", "<", ">", "/", "\n", "\0", "\u{e9}",
        ]), 0..60),
        with_root in any::<bool>(),
    ) {
        let mut text: String = pieces.concat();
        if with_root {
            text = format!("<queryResult><images><image><member id='1'/>{text}</image></images></queryResult>");
        }
        let out = import(&text);
        for entry in &out.entries {
            prop_assert!(!entry.entry_id.is_empty());
        }
        prop_assert_eq!(out.error.is_none(), out.position.is_some());
    }
}
