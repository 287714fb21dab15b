//! Tables that are damaged, or not as the format has them.

use super::*;

/// An index that is large enough for tables, of a kind whose directories are small, and where its sections are.
static WITH_TABLES: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let entries: Vec<Entry> = (0..16_400_u64)
        .map(|number| {
            let word = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let hash = HashValue::from_bytes(mean(), &(word ^ word >> 29).to_be_bytes());
            entry(&number.to_string(), &[hash.unwrap()])
        })
        .collect();
    build(&entries)
});

fn mean() -> HashKind {
    "mean_8x8".parse().unwrap()
}

/// Sections of `WITH_TABLES`, by number.
const MEAN_CHUNKS: usize = 6;
const MEAN_DIRECTORIES: usize = 7;
const MEAN_SIGNATURES: usize = 8;
const MEAN_IDS: usize = 9;

/// What opening, or else verifying, says after a change at an offset into a section and new checksums.
fn verdict_on_tables(section: usize, offset: usize, value: &[u8]) -> &'static str {
    let mut bytes = WITH_TABLES.clone();
    let start = start_of(&bytes, section);
    set(&mut bytes, start + offset, value);
    reseal(&mut bytes);
    match open(&bytes) {
        Ok(index) => index.verify().unwrap_err().what,
        Err(OpenError::Corrupt(corrupt)) => corrupt.what,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_rule_of_tables_fires() {
    open(&WITH_TABLES).unwrap().verify().unwrap();
    let flags = "unknown flags";
    assert_eq!(
        verdict_on_tables(MEAN_CHUNKS, CHUNK_FLAGS_OFFSET, &[2]),
        flags
    );
    assert_eq!(
        verdict_on_tables(MEAN_CHUNKS, CHUNK_RESERVED_OFFSET, &[1]),
        flags
    );
    let impossible = "the order of bits or the number of chunks is not possible";
    for count in [0, 1, 2, 33, 255] {
        assert_eq!(
            verdict_on_tables(MEAN_CHUNKS, CHUNK_COUNT_OFFSET, &[count]),
            impossible
        );
    }
    assert_eq!(
        verdict_on_tables(MEAN_CHUNKS, CHUNK_ORDER_OFFSET, &[64]),
        impossible
    );
    assert_eq!(
        verdict_on_tables(MEAN_CHUNKS, CHUNK_COUNT_OFFSET, &[8]),
        "hashes and tables do not fit together"
    );
    assert_eq!(
        verdict_on_tables(MEAN_CHUNKS, CHUNK_FLAGS_OFFSET, &[HASHES_ARE_EVEN]),
        "a hash has an odd number of ones where all are said to have an even one"
    );
    let all = "the buckets of a chunk do not hold all hashes";
    assert_eq!(verdict_on_tables(MEAN_DIRECTORIES, 0, &[1]), all);
    assert_eq!(verdict_on_tables(MEAN_DIRECTORIES, 65_536 * 4, &[0]), all);
    assert_eq!(
        verdict_on_tables(MEAN_DIRECTORIES, 65_537 * 4, &[1]),
        "what fills a directory up is not zero"
    );
    let bucket = "a bucket does not hold just its hashes";
    let other = "the hash is of another bucket";
    let moved = verdict_on_tables(MEAN_DIRECTORIES, 30_000 * 4, &[0xff, 0xff]);
    assert!([bucket, other].contains(&moved), "{moved}");
    assert_eq!(verdict_on_tables(MEAN_IDS, 40_000, &[0xff; 4]), other);
    assert_eq!(
        verdict_on_tables(MEAN_SIGNATURES, 9, &[0xaa, 0x55, 0xaa, 0x55]),
        "the signature is not that of the hash"
    );
}

#[test]
fn tables_are_looked_for_where_they_are_and_nowhere_else() {
    // In version 1 there are none.
    let mut bytes = WITH_TABLES.clone();
    set(&mut bytes, VERSION_OFFSET, &[1, 0]);
    reseal(&mut bytes);
    let error = open(&bytes).unwrap_err().to_string();
    assert!(error.contains("missing or out of order"), "{error}");
    // Nor has a kind some of them.
    for section in [MEAN_DIRECTORIES, MEAN_SIGNATURES, MEAN_IDS] {
        let mut bytes = WITH_TABLES.clone();
        set(
            &mut bytes,
            section_field(section, SECTION_ROLE_OFFSET),
            &[6],
        );
        let len = u64_at(&bytes, section_field(section, SECTION_LEN_OFFSET));
        set(
            &mut bytes,
            section_field(section, SECTION_ITEMS_OFFSET),
            &(len / 4).to_le_bytes(),
        );
        reseal(&mut bytes);
        let error = open(&bytes).unwrap_err().to_string();
        assert!(error.contains("missing or out of order"), "{error}");
    }
}

#[test]
fn a_search_in_damaged_tables_says_where_and_nothing_of_what_is_there() {
    let query = HashValue::from_bytes(mean(), &[0x5e, 0xc4, 0xe7, 1, 2, 3, 4, 5]).unwrap();
    for (section, name) in [(MEAN_DIRECTORIES, "directories"), (MEAN_IDS, "table ids")] {
        let mut bytes = WITH_TABLES.clone();
        let start = start_of(&bytes, section);
        let len = u64_at(&bytes, section_field(section, SECTION_LEN_OFFSET)) as usize;
        bytes[start..start + len].fill(0xff);
        let options = IndexOptions {
            method: Some(SearchMethod::Mih),
            ..IndexOptions::default()
        };
        let index = Index::from_bytes_with(bytes, options).unwrap();
        let error = index.within(&query, 12).unwrap_err();
        let SearchError::Corrupt(corrupt) = error else {
            panic!("{error}")
        };
        assert_eq!(corrupt.section, name);
        assert!(!error.to_string().contains("5ec4e7"));
    }
}
