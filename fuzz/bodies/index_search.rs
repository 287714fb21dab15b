//! Searches by tables: sound ones against brute force, and damaged ones.
//!
//! Whatever the tables hold, a search ends without a panic, in an error or with matches that are matches. Tables that are
//! sound find all that brute force finds.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use hashsieve::{
    Entry, HashKind, HashValue, Index, IndexBuilder, IndexOptions, ListDescriptor, Match,
    SearchBuffer, SearchMethod, digest,
};

/// Enough for tables; of few bits, since their directories are small.
const HASHES: u32 = 24_000;

// From FORMAT.md.
const SECTION_COUNT_OFFSET: usize = 12;
const SECTION_TABLE_OFFSET: usize = 64;
const SECTION_RECORD_LEN: usize = 64;
const HASHES_ROLE: u16 = 4;
const DIRECTORIES_ROLE: u16 = 8;

/// Where a section begins, and its length.
type Place = (usize, usize);

/// A sound index with tables, and where its hashes and tables are.
static SOUND: LazyLock<(Vec<u8>, Vec<Place>)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sound.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(ListDescriptor::default());
    let list = list.expect("a list is added");
    for number in 0..HASHES {
        let mut entry = Entry::new(number.to_string());
        entry.add_hash(hash(number));
        builder.add(list, &entry).expect("an entry is added");
    }
    builder.finish().expect("the index is built");
    let file = std::fs::read(&path).expect("the index is read");
    let number_at = |at: usize| {
        let bytes = file[at..].first_chunk::<8>().expect("the header is longer");
        usize::try_from(u64::from_le_bytes(*bytes)).expect("the file is in memory")
    };
    let sections = 0..number_at(SECTION_COUNT_OFFSET) & 0xffff_ffff;
    let sections = sections.filter_map(|number| {
        let record = SECTION_TABLE_OFFSET + number * SECTION_RECORD_LEN;
        let role = u16::from_le_bytes([file[record], file[record + 1]]);
        let is_searched = role == HASHES_ROLE || role >= DIRECTORIES_ROLE;
        is_searched.then(|| (number_at(record + 8), number_at(record + 16)))
    });
    let sections = sections.collect();
    (file, sections)
});

/// The hashes in the order of their ids.
static DISTINCT: LazyLock<Vec<HashValue>> = LazyLock::new(|| {
    let mut hashes: Vec<HashValue> = (0..HASHES).map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
});

fn kind() -> HashKind {
    HashKind::ALL
        .into_iter()
        .find(|kind| kind.name() == "mean_8x8")
        .expect("it is a kind")
}

/// Returns a hash of the sound index; every fourth is of a family of near copies.
fn hash(number: u32) -> HashValue {
    let of = |number: u32| digest::of(&number.to_le_bytes(), &[HashKind::Sha256])[0];
    let mut bytes = of(number).as_bytes()[..8].to_vec();
    if number.is_multiple_of(4) {
        bytes = of(0).as_bytes()[..8].to_vec();
        bytes[(number / 4 % 8) as usize] ^= number.to_le_bytes()[1];
    }
    HashValue::from_bytes(kind(), &bytes).expect("the length is right")
}

/// Takes a query (8 bytes), a threshold (1) and edits: section (1), place in it (3), value (1).
pub fn body(data: &[u8]) {
    let Some((query, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let Some((&threshold, edits)) = rest.split_first() else {
        return;
    };
    let threshold = u32::from(threshold % 70);
    let (sound, sections) = &*SOUND;
    let mut file = sound.clone();
    for edit in edits.as_chunks::<5>().0 {
        let (start, len) = sections[usize::from(edit[0]) % sections.len()];
        let place = u32::from_le_bytes([edit[1], edit[2], edit[3], 0]) as usize;
        file[start + place % len] = edit[4];
    }
    let is_sound = file == *sound;
    let open = |method| {
        let mut options = IndexOptions::default();
        options.method = method;
        Index::from_bytes_with(file.clone(), options).expect("the header is sound")
    };
    let query = HashValue::from_bytes(kind(), query).expect("the length is right");
    let queries = [query, hash(0), hash(5)];
    let mut buffer = SearchBuffer::new();
    let mut search = |index: &Index| {
        let mut found = Vec::new();
        let searched = index.for_each_within(&queries, threshold, &mut buffer, |number, one| {
            found.push((number, one));
            ControlFlow::<Infallible>::Continue(())
        });
        found.sort_unstable();
        (found, searched.map(drop))
    };
    let flat = open(Some(SearchMethod::Flat));
    let (expected, scanned) = search(&flat);
    assert_eq!(scanned, Ok(()), "a flat scan cannot fail");
    if is_sound {
        let mut naive = Vec::new();
        for (number, query) in queries.iter().enumerate() {
            for (id, hash) in (0..).zip(DISTINCT.iter()) {
                let distance = hash.distance(query).expect("of one kind");
                if distance <= threshold {
                    naive.push((number, Match { id, distance }));
                }
            }
        }
        assert_eq!(expected, naive, "the scan is not what brute force is");
    }
    for method in [None, Some(SearchMethod::Mih)] {
        let index = open(method);
        let (found, searched) = search(&index);
        let mut distinct = found.clone();
        distinct.dedup();
        assert!(
            is_sound
                || distinct
                    .iter()
                    .all(|one| expected.binary_search(one).is_ok()),
            "a match is none"
        );
        if is_sound {
            assert_eq!(searched, Ok(()));
            assert_eq!(found, expected, "tables miss something or tell it twice");
        }
        let mut buffer = SearchBuffer::new();
        let nearest = index.nearest(&query, 5, 64, &mut buffer);
        assert!(nearest.is_ok_and(|nearest| nearest.len() == 5) || !is_sound);
        let any = index.any_within(&query, threshold, &mut buffer);
        assert!(!is_sound || any == Ok(expected.iter().any(|(number, _)| *number == 0)));
        let explained = index.explain(&query, threshold);
        assert!(!is_sound || explained.is_ok_and(|explained| explained.is_some()));
    }
}
