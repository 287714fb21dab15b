//! One test for each rule of the format in which it fires, and damage of every sort.
#![allow(
    clippy::cast_possible_truncation,
    reason = "the numbers of these small files fit"
)]

use crate::hash::Pdq;
use crate::search::SearchBuffer;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::layout::*;
use super::*;
use crate::entry::{Classification, EntryStatus};

mod build;
mod tables;
mod verify;

fn pdq(seed: u64) -> HashValue {
    let word = |i: u64| (seed + i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Pdq::from_words([word(1), word(2), word(3), word(4)]).into()
}

fn md5(seed: u8) -> HashValue {
    HashValue::from_bytes(HashKind::Md5, &[seed; 16]).unwrap()
}

fn list(name: &str) -> ListDescriptor {
    ListDescriptor {
        name: name.to_owned(),
        source: "test".to_owned(),
        version: "1".to_owned(),
        time: Some(1_700_000_000),
        terms: "for tests".to_owned(),
    }
}

fn entry(id: &str, hashes: &[HashValue]) -> Entry {
    let mut entry = Entry::new(id);
    entry.hashes = hashes.to_vec();
    entry
}

/// Builds an index of these entries of one list and returns the file's bytes.
fn build(entries: &[Entry]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(list("list")).unwrap();
    for entry in entries {
        builder.add(list, entry).unwrap();
    }
    let summary = builder.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(summary.file_bytes, bytes.len() as u64);
    bytes
}

fn small() -> Vec<u8> {
    let mut first = entry("a", &[pdq(1), md5(1)]);
    first.classification = Some(Classification {
        scheme: None,
        region: None,
        value: "A1".to_owned(),
    });
    build(&[first, entry("b", &[pdq(1), pdq(2)]), entry("c", &[md5(2)])])
}

fn open(bytes: &[u8]) -> Result<Index, OpenError> {
    Index::from_bytes(bytes.to_vec())
}

fn set(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

/// Offset of a field of section `number` in the table.
fn section_field(number: usize, field: usize) -> usize {
    SECTION_TABLE_OFFSET + number * SECTION_RECORD_LEN + field
}

/// Gives sections and header their checksums again, so that a change reaches the rule behind them.
fn reseal(bytes: &mut [u8]) {
    let count = u32_at(bytes, SECTION_COUNT_OFFSET) as usize;
    for number in 0..count {
        let start = u64_at(bytes, section_field(number, SECTION_START_OFFSET)) as usize;
        let len = u64_at(bytes, section_field(number, SECTION_LEN_OFFSET)) as usize;
        if let Some(section) = bytes.get(start..start.saturating_add(len)) {
            let checksum = Sha256::digest(section);
            set(
                bytes,
                section_field(number, SECTION_CHECKSUM_OFFSET),
                &checksum,
            );
        }
    }
    let end = section_field(count, 0);
    let checksum = Sha256::digest(&bytes[..end]);
    set(bytes, end, &checksum);
}

/// What is wrong with the small index after a change to its bytes and new checksums.
fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> OpenError {
    let mut bytes = small();
    change(&mut bytes);
    reseal(&mut bytes);
    open(&bytes).unwrap_err()
}

fn assert_refused(expected: &str, change: impl FnOnce(&mut Vec<u8>)) {
    match refusal(change) {
        OpenError::Corrupt(corrupt) => assert_eq!(corrupt.what, expected),
        other => panic!("expected `{expected}`, got `{other}`"),
    }
}

/// Sections of `small`, by number.
const LISTS: usize = 0;
const ENTRIES: usize = 1;
const STRINGS: usize = 2;
const PDQ_HASHES: usize = 3;
const PDQ_STARTS: usize = 4;
const PDQ_ASSERTIONS: usize = 5;
const MD5_HASHES: usize = 6;

fn start_of(bytes: &[u8], section: usize) -> usize {
    u64_at(bytes, section_field(section, SECTION_START_OFFSET)) as usize
}

/// What `verify` says after a change at an offset into a section and new checksums.
fn verdict(section: usize, offset: usize, value: &[u8]) -> &'static str {
    let mut bytes = small();
    let start = start_of(&bytes, section);
    set(&mut bytes, start + offset, value);
    reseal(&mut bytes);
    open(&bytes).unwrap().verify().unwrap_err().what
}

#[test]
fn a_sound_index_opens_and_verifies() {
    let index = open(&small()).unwrap();
    index.verify().unwrap();
    assert_eq!(index.entries(), 3);
    assert_eq!(index.len(HashKind::Pdq), 2);
    assert_eq!(index.assertions(HashKind::Pdq), 3);
    assert_eq!(index.len(HashKind::Md5), 2);
    assert_eq!(index.lists().unwrap()[0].descriptor, list("list"));
    assert_eq!(index.identity().len(), 64);
}

#[test]
fn a_file_of_another_kind_is_not_an_index() {
    for bytes in [&b""[..], b"GIF89a", &[0; 200], b"\x89HSV\n\x1a\n and text"] {
        assert!(matches!(open(bytes), Err(OpenError::NotAnIndex)));
    }
}

#[test]
fn a_later_version_is_refused_with_both_numbers() {
    let error = refusal(|bytes| set(bytes, VERSION_OFFSET, &[9, 0]));
    assert!(matches!(
        error,
        OpenError::UnsupportedVersion {
            found: 9,
            newest: VERSION
        }
    ));
    let error = refusal(|bytes| set(bytes, VERSION_OFFSET, &[0, 0]));
    assert!(matches!(
        error,
        OpenError::UnsupportedVersion { found: 0, .. }
    ));
}

#[test]
fn an_unknown_flag_is_refused() {
    let error = refusal(|bytes| set(bytes, FLAGS_OFFSET, &[0, 1]));
    assert!(matches!(error, OpenError::UnknownFlags { found: 256 }));
}

#[test]
fn a_wrong_file_length_is_refused() {
    let error = refusal(|bytes| bytes.push(0));
    assert!(matches!(error, OpenError::WrongLength { .. }));
    let error = refusal(|bytes| set(bytes, FILE_LEN_OFFSET, &u64::MAX.to_le_bytes()));
    assert!(matches!(
        error,
        OpenError::WrongLength {
            expected: u64::MAX,
            ..
        }
    ));
}

#[test]
fn a_damaged_header_is_refused() {
    let mut bytes = small();
    bytes[section_field(0, SECTION_CHECKSUM_OFFSET)] ^= 1;
    let error = open(&bytes).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the header does not have its checksum")
    );
}

#[test]
fn every_rule_of_the_header_fires() {
    assert_refused("reserved bytes are not zero", |bytes| {
        bytes[RESERVED_OFFSET + 39] = 1;
    });
    assert_refused("reserved bytes of a section are not zero", |bytes| {
        bytes[section_field(2, SECTION_RESERVED_OFFSET)] = 1;
    });
    assert_refused("a section has an unknown role", |bytes| {
        bytes[section_field(2, SECTION_ROLE_OFFSET)] = 11;
    });
    assert_refused("a section has an unknown hash kind", |bytes| {
        bytes[section_field(3, SECTION_KIND_OFFSET)] = 99;
    });
    assert_refused("a section is not where the one before it ends", |bytes| {
        let offset = section_field(4, SECTION_START_OFFSET);
        bytes[offset] ^= 64;
    });
    assert_refused("a section's length does not fit its count", |bytes| {
        bytes[section_field(1, SECTION_ITEMS_OFFSET)] += 1;
    });
    assert_refused("a section's length does not fit its count", |bytes| {
        let count = section_field(MD5_HASHES, SECTION_ITEMS_OFFSET);
        set(bytes, count, &u64::MAX.to_le_bytes());
    });
    for [from, to] in [[ENTRIES, STRINGS], [PDQ_HASHES, PDQ_STARTS]] {
        assert_refused("a section is missing or out of order", |bytes| {
            bytes[section_field(from, SECTION_ROLE_OFFSET)] =
                bytes[section_field(to, SECTION_ROLE_OFFSET)];
            // The record lengths must still fit, so that the role alone is wrong.
            let len = u64_at(bytes, section_field(from, SECTION_LEN_OFFSET));
            let record_len = if to == STRINGS {
                1
            } else {
                POSITION_LEN as u64
            };
            assert_eq!(len % record_len, 0, "choose another fixture");
            let count = section_field(from, SECTION_ITEMS_OFFSET);
            set(bytes, count, &(len / record_len).to_le_bytes());
        });
    }
}

/// Returns a header whose sections, all zeros, have these roles, kinds, lengths and counts.
fn assembled(shape: &[(Role, Option<HashKind>, u64, u64)]) -> Vec<u8> {
    let header_len = SECTION_TABLE_OFFSET + shape.len() * SECTION_RECORD_LEN + CHECKSUM_LEN;
    let mut end = header_len as u64;
    let mut sections = Vec::new();
    for &(role, kind, len, count) in shape {
        let offset = end.next_multiple_of(SECTION_ALIGNMENT);
        end = offset + len;
        sections.push(Section {
            role,
            kind,
            offset,
            len,
            count,
            checksum: [0; CHECKSUM_LEN],
        });
    }
    let mut bytes = super::writer::header_bytes(&sections, end);
    bytes.resize(end as usize, 0);
    bytes
}

#[test]
fn every_rule_about_how_sections_fit_together_fires() {
    let base = [
        (Role::Lists, None, 0, 0),
        (Role::Entries, None, 0, 0),
        (Role::Strings, None, 0, 0),
    ];
    let md5 = Some(HashKind::Md5);
    let with = |more: &[(Role, Option<HashKind>, u64, u64)]| match open(&assembled(
        &[&base[..], more].concat(),
    )) {
        Ok(_) => "sound",
        Err(OpenError::Corrupt(corrupt)) => corrupt.what,
        Err(other) => panic!("{other}"),
    };
    let (hashes, starts, assertions) = (Role::Hashes, Role::AssertionStarts, Role::Assertions);
    assert_eq!(with(&[]), "sound");
    assert_eq!(
        with(&[
            (hashes, md5, 16, 1),
            (starts, md5, 8, 2),
            (assertions, md5, 4, 1)
        ]),
        "sound"
    );
    assert_eq!(
        with(&[
            (hashes, md5, 0, 0),
            (starts, md5, 4, 1),
            (assertions, md5, 0, 0)
        ]),
        "a kind has no hashes or more than the format allows"
    );
    assert_eq!(
        with(&[
            (hashes, md5, 16, 1),
            (starts, md5, 12, 3),
            (assertions, md5, 4, 1)
        ]),
        "hashes and assertions do not fit together"
    );
    assert_eq!(
        with(&[
            (hashes, md5, 32, 2),
            (starts, md5, 12, 3),
            (assertions, md5, 4, 1)
        ]),
        "hashes and assertions do not fit together"
    );
    assert_eq!(
        with(&[(hashes, md5, 16, 1), (starts, md5, 8, 2)]),
        "a section is missing or out of order"
    );
    let twice = [
        (hashes, md5, 16, 1),
        (starts, md5, 8, 2),
        (assertions, md5, 4, 1),
    ];
    assert_eq!(
        with(&[twice, twice].concat()),
        "a section is missing or out of order"
    );
    let pdq = Some(HashKind::Pdq);
    let before = [
        (hashes, pdq, 256, 1),
        (starts, pdq, 8, 2),
        (assertions, pdq, 4, 1),
    ];
    assert_eq!(with(&[before, twice].concat()), "sound");
    assert_eq!(
        with(&[twice, before].concat()),
        "a section is missing or out of order"
    );
    let lists = u64::from(MAX_LISTS) + 1;
    let bytes = assembled(&[(Role::Lists, None, lists * 64, lists), base[1], base[2]]);
    let error = open(&bytes).unwrap_err().to_string();
    assert!(error.contains("more lists than the format allows"));
}

#[test]
fn sections_out_of_the_file_or_short_of_its_end_are_refused() {
    let error = refusal(|bytes| {
        // The last section claims a record more than the file has.
        let last = u32_at(bytes, SECTION_COUNT_OFFSET) as usize - 1;
        let len = section_field(last, SECTION_LEN_OFFSET);
        let count = section_field(last, SECTION_ITEMS_OFFSET);
        let (longer, more) = (u64_at(bytes, len) + 4, u64_at(bytes, count) + 1);
        set(bytes, len, &longer.to_le_bytes());
        set(bytes, count, &more.to_le_bytes());
    });
    assert!(
        error.to_string().contains("reaches past the end"),
        "{error}"
    );
    assert_refused("the file goes on after its last section", |bytes| {
        bytes.extend([0; 4]);
        let len = bytes.len() as u64;
        set(bytes, FILE_LEN_OFFSET, &len.to_le_bytes());
    });
    for count in [0, 2, MAX_SECTIONS + 1, u32::MAX] {
        let mut bytes = small();
        set(&mut bytes, SECTION_COUNT_OFFSET, &count.to_le_bytes());
        let error = open(&bytes).unwrap_err().to_string();
        assert!(error.contains("number of sections"), "{error}");
    }
}

/// Uses everything an open index offers; it may fail but not panic.
fn use_all(index: &Index) {
    let _ = index.lists();
    for entry in 0..index.entries().min(100) + 1 {
        let _ = index.entry(entry);
    }
    for threshold in [0, 31, 256] {
        let _ = index.within(&pdq(1), threshold);
    }
    for kind in HashKind::ALL {
        for id in 0..index.len(kind).min(100) + 1 {
            if let Ok(entries) = index.asserting(kind, id) {
                assert!(entries.take(100).count() > 0);
            }
        }
    }
    let _ = index.find(&md5(1));
    let _ = index.find(&pdq(2));
}

#[test]
fn truncation_at_every_length_is_an_error() {
    let bytes = small();
    for len in 0..bytes.len() {
        assert!(open(&bytes[..len]).is_err(), "length {len}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_found_by_verify() {
    let sound = small();
    for offset in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[offset] ^= 1 << bit;
            if let Ok(index) = open(&bytes) {
                use_all(&index);
                assert!(index.verify().is_err(), "byte {offset}, bit {bit}");
            }
        }
    }
}

#[test]
fn resealed_damage_never_panics() {
    // An attacker can compute checksums, so every byte is also changed with checksums that fit.
    let sound = small();
    for offset in 0..sound.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = sound.clone();
            bytes[offset] = value;
            if u32_at(&bytes, SECTION_COUNT_OFFSET) == u32_at(&sound, SECTION_COUNT_OFFSET) {
                reseal(&mut bytes);
            }
            if let Ok(index) = open(&bytes) {
                use_all(&index);
                let _ = index.verify();
            }
        }
    }
}

#[test]
fn every_member_finds_itself_at_every_small_size() {
    for size in [0_usize, 1, 2, 3, 7, 8, 9, 100] {
        let hashes: Vec<_> = (0..size as u64).map(|i| pdq(10 * i)).collect();
        let entries: Vec<_> = (0..)
            .zip(&hashes)
            .map(|(i, h)| entry(&format!("e{i}"), &[*h]))
            .collect();
        let index = open(&build(&entries)).unwrap();
        index.verify().unwrap();
        assert_eq!(index.len(HashKind::Pdq) as usize, size);
        assert_eq!(index.is_empty(), size == 0);
        for (number, hash) in hashes.iter().enumerate() {
            let found = index.within(hash, 0).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(index.find(hash).unwrap(), Some(found[0].id));
            let asserting: Vec<_> = index
                .asserting(HashKind::Pdq, found[0].id)
                .unwrap()
                .collect();
            let read = index.entry(asserting[0].unwrap()).unwrap();
            assert_eq!(read.entry.entry_id, format!("e{number}"));
        }
        assert_eq!(index.find(&md5(1)), Ok(None));
    }
}

#[test]
fn the_eight_hashes_of_a_picture_find_what_each_finds_and_say_which() {
    let entries: Vec<_> = (0..200)
        .map(|number| entry(&number.to_string(), &[pdq(number)]))
        .collect();
    let index = open(&build(&entries)).unwrap();
    let hashes = crate::hash::Dihedral::ALL.map(|dihedral| {
        let seed = 20 * dihedral as u64;
        Pdq::try_from(pdq(seed)).unwrap()
    });
    let mut buffer = SearchBuffer::new();
    for threshold in [0, 110, 256] {
        let found = index.within_dihedral(&hashes, threshold, &mut buffer);
        let found = found.unwrap();
        let mut expected = Vec::new();
        for (transform, hash) in crate::hash::Dihedral::ALL.into_iter().zip(hashes) {
            for one in index.within(&hash.into(), threshold).unwrap() {
                expected.push((one.id, one.distance, transform));
            }
        }
        expected.sort_unstable();
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.id, one.distance, one.transform))
            .collect();
        assert_eq!(found, expected);
        assert!(found.len() >= 8);
    }
}

#[test]
fn digests_have_no_radius_search() {
    let index = open(&small()).unwrap();
    assert!(matches!(
        index.within(&md5(1), 0),
        Err(SearchError::Kind(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_index_answers_as_a_plain_model_does(
        rows in prop::collection::vec((0_u8..12, 0_u64..30, 0_u8..6, any::<bool>()), 0..120),
        flips in prop::collection::vec(0_u32..256, 0..40),
        threshold in 0_u32..=256,
    ) {
        // Rows: entry, pdq, md5, withdrawn. The model: what each (entry, hash) was last said to be.
        let mut model = std::collections::BTreeMap::new();
        let mut records = Vec::new();
        for &(id, word, digest, withdrawn) in &rows {
            let mut record = entry(&format!("e{id:02}"), &[pdq(word % 7), md5(digest)]);
            if withdrawn {
                record.status = EntryStatus::Withdrawn;
            }
            for hash in &record.hashes {
                model.insert((*hash, record.entry_id.clone()), !withdrawn);
            }
            records.push(record);
        }
        model.retain(|_, alive| *alive);
        let index = open(&build(&records)).unwrap();
        index.verify().unwrap();
        let mut words = Pdq::try_from(pdq(3)).unwrap().words();
        for bit in flips {
            words[bit as usize / 64] ^= 1 << (bit % 64);
        }
        let query = HashValue::from(Pdq::from_words(words));
        let mut found = Vec::new();
        for one in index.within(&query, threshold).unwrap() {
            for position in index.asserting(HashKind::Pdq, one.id).unwrap() {
                found.push((one.distance, index.entry(position.unwrap()).unwrap().entry.entry_id));
            }
        }
        found.sort();
        let mut expected: Vec<_> = model
            .keys()
            .filter(|(hash, _)| hash.kind() == HashKind::Pdq)
            .map(|(hash, id)| (hash.distance(&query).unwrap(), id.clone()))
            .filter(|(distance, _)| *distance <= threshold)
            .collect();
        expected.sort();
        prop_assert_eq!(found, expected);
        for digest in 0..6 {
            let expected: Vec<_> = model.keys().filter(|(hash, _)| *hash == md5(digest)).map(|(_, id)| id.clone()).collect();
            let found: Vec<_> = match index.find(&md5(digest)).unwrap() {
                None => Vec::new(),
                Some(id) => index
                    .asserting(HashKind::Md5, id)
                    .unwrap()
                    .map(|e| index.entry(e.unwrap()).unwrap().entry.entry_id)
                    .collect(),
            };
            prop_assert_eq!(found, expected);
        }
        let batch = index.within_batch(&[query; 9], threshold).unwrap();
        let one = index.within(&query, threshold).unwrap();
        prop_assert!(batch.iter().all(|found| *found == one));
    }

    #[test]
    fn no_bytes_make_opening_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut framed = MAGIC.to_vec();
        framed.extend(&bytes);
        for bytes in [bytes, framed] {
            if let Ok(index) = Index::from_bytes(bytes) {
                use_all(&index);
            }
        }
    }
}
