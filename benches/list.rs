//! Reading lists: from text in memory to entries, one thread, nothing kept. Group `list/import`, an element is an entry.
//!
//! What a store or an index then does with an entry, sorting above all, is not in it: `hashsieve bench store` measures that. Memory
//! is measured with the program (2 cores, AMD EPYC Zen 4, 2026-11-25): of a VICS file of 2 GB, 2.3 million entries of 876 bytes,
//! `hashsieve list check` held 7 MB and read 370 thousand entries a second (480 thousand in an earlier run), and `hashsieve store
//! replace` put 240 to 270 thousand a second into a store (208 in an earlier run), with 91 MB of its own beside the pages of the
//! mapped segment.
//!
//! A VICS record of a kilobyte takes 27,800 instructions (callgrind): 7,000 to find where it ends, which also bounds its length and
//! depth, 11,000 to read its fields with `serde_json`, and 9,000 to make the entry, whose texts are allocated one by one.
//! Reading in one thread and taking what is read in another was slower in the program (9.1 s for 6.2): entries that one thread
//! allocates and the other frees cost more than there was to gain.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashsieve::list::{CsvMapping, ImportOptions, Importer, ListFormat};
use hashsieve::{HashKind, HashValue, digest};

const ENTRIES: u64 = 20_000;

/// Returns a made-up hash of a kind in hexadecimal digits, another for each number.
fn hex(kind: HashKind, number: u64) -> String {
    let bytes = digest::of(&number.to_le_bytes(), &[HashKind::Sha512]);
    let bytes = &bytes[0].as_bytes()[..kind.byte_len()];
    let hash = HashValue::from_bytes(kind, bytes).expect("as many bytes as the kind has");
    hash.to_hex()
}

/// Returns a list whose records are written by `record`, with something before, between and after them.
fn list(before: &str, between: &str, after: &str, record: impl Fn(u64) -> String) -> String {
    let mut text = before.to_owned();
    for number in 0..ENTRIES {
        if number > 0 {
            text.push_str(between);
        }
        text.push_str(&record(number));
    }
    text.push_str(after);
    text
}

/// Returns a list of each format, as long as real ones in the fields that are read and in some that are not.
fn lists() -> Vec<(ListFormat, String)> {
    let [pdq, md5, sha1] =
        [HashKind::Pdq, HashKind::Md5, HashKind::Sha1].map(|kind| move |n| hex(kind, n));
    let photodna = |n: u64| {
        let mut text = String::new();
        for part in 0..3 {
            let _ = write!(text, "{}", hex(HashKind::Sha512, 3 * n + part));
        }
        text
    };
    let vics = list(
        "{\"odata.metadata\": \"http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml/US/$metadata#Media\", \"value\": [\n",
        ",\n",
        "\n]}\n",
        |n| {
            format!(
                "{{\"MediaID\": {n}, \"Category\": {}, \"MD5\": \"{}\", \"SHA1\": \"{}\", \"MediaSize\": {}, \
                 \"DateUpdated\": \"2024-02-29T12:00:00Z\", \"MimeType\": \"image/jpeg\", \"Series\": \"series {}\", \
                 \"Tags\": \"one;two\", \"VictimIdentified\": false, \"OffenderIdentified\": false, \"IsDistributed\": true, \
                 \"IsSuspected\": false, \"SelfGenerated\": false, \"IsPrecategorized\": true, \"Comments\": null, \
                 \"AlternativeHashes\": [{{\"HashName\": \"PhotoDNA\", \"HashValue\": \"{}\"}}], \"Exifs\": [], \
                 \"MediaFiles\": [{{\"FileName\": \"{n}.jpg\", \"FilePath\": \"a/b\", \"Created\": null}}]}}",
                1 + n % 2,
                md5(n),
                sha1(n),
                1000 + n,
                n % 50,
                photodna(n)
            )
        },
    );
    let threatexchange = list("{\"data\": [\n", ",\n", "\n]}\n", |n| {
        format!(
            "{{\"id\": \"{n}\", \"indicator\": \"{}\", \"type\": \"HASH_PDQ\", \"last_updated\": {}, \"should_delete\": false, \
             \"descriptors\": {{\"data\": [{{\"owner\": {{\"id\": \"1\", \"name\": \"Example\"}}, \"status\": \"MALICIOUS\", \
             \"added_on\": \"2024-02-29T12:00:00+0000\", \"tags\": {{\"data\": [{{\"text\": \"one\"}}]}}}}]}}}}",
            pdq(n),
            1_700_000_000 + n
        )
    });
    let ncmec = list(
        "<queryResult><images count=\"1\" maxTimestamp=\"2024-02-29T12:00:00Z\">\n",
        "\n",
        "</images></queryResult>\n",
        |n| {
            format!(
                "<image><member id=\"42\">Example</member><timestamp>2024-02-29T12:00:00Z</timestamp><id>{n}</id>\
                 <classification>A1</classification><fingerprints><md5>{}</md5><sha1>{}</sha1><pdna>{}</pdna></fingerprints></image>",
                md5(n),
                sha1(n),
                photodna(n)
            )
        },
    );
    let csv = list("id,pdq,md5,category\n", "\n", "\n", |n| {
        format!("{n},{},{},A", pdq(n), md5(n))
    });
    let lines = list("", "\n", "\n", |n| format!("pdq {}", pdq(n)));
    vec![
        (ListFormat::Vics { region: None }, vics),
        (ListFormat::ThreatExchange, threatexchange),
        (ListFormat::Ncmec, ncmec),
        (ListFormat::Csv(CsvMapping::default()), csv),
        (ListFormat::HexLines { kind: None }, lines),
    ]
}

fn import(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list/import");
    group
        .throughput(Throughput::Elements(ENTRIES))
        .sample_size(20);
    for (format, text) in lists() {
        let options = ImportOptions {
            format: format.clone(),
        };
        let bytes = text.len() as u64 / ENTRIES;
        let name = BenchmarkId::new(format.name(), format!("{bytes} bytes an entry"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut importer = Importer::new(text.as_bytes(), &options).expect("a header");
                for item in &mut importer {
                    black_box(item.expect("a list"));
                }
                assert_eq!(importer.report().entries, ENTRIES);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
