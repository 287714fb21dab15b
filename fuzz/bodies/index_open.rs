//! Damaged and hostile index files.
//!
//! No file makes a method panic, and what `verify` accepts can be read to the last entry. Since the header has a
//! checksum, which a fuzzer cannot guess, a file is taken as it stands and once more with its header put right; and so
//! that interesting files come without a corpus, every second input is a list of edits to a sound one.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use hashsieve::{
    Classification, Entry, EntryStatus, HashKind, HashValue, Index, IndexBuilder, ListDescriptor,
    Pdq, SearchBuffer, digest,
};

// From FORMAT.md.
const SECTION_COUNT_OFFSET: usize = 12;
const FILE_LEN_OFFSET: usize = 16;
const SECTION_TABLE_OFFSET: usize = 64;
const SECTION_RECORD_LEN: usize = 64;
const SECTION_LEN_OFFSET: usize = 16;
const SECTION_CHECKSUM_OFFSET: usize = 32;
const CHECKSUM_LEN: usize = 32;
const MAX_SECTIONS: usize = 451;

/// How many entries or hashes of a kind are looked at; enough for any file that a fuzzer makes.
const MAX_LOOKED_AT: u32 = 1000;

/// A sound index of two lists with all kinds of hashes and a field of each sort.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sound.hsv");
    let mut builder = IndexBuilder::new(&path);
    for name in ["first", "second"] {
        let list = ListDescriptor {
            name: name.to_owned(),
            source: "fuzzing".to_owned(),
            version: "1".to_owned(),
            time: (name == "first").then_some(1_700_000_000),
            terms: String::new(),
        };
        let list = builder.add_list(list).expect("a list is added");
        for number in 0..5_u8 {
            let mut entry = Entry::new(format!("entry-{number}"));
            // The lists share some hashes, so that a hash has several entries.
            let words = [u64::from(number), 1, 2, 3 << number];
            entry.add_hash(Pdq::from_words(words).into());
            let bytes = [name.as_bytes(), &[number]].concat();
            let digests = digest::of(&bytes, &HashKind::ALL[1..]);
            entry.hashes.extend(digests);
            entry.quality = Some(number * 20);
            entry.tags = vec!["tag".to_owned(); usize::from(number)];
            entry.positive_opinions = u32::from(number);
            entry.first_seen = Some(-1);
            if number == 3 {
                entry.status = EntryStatus::Other("under review".to_owned());
                entry.classification = Some(Classification {
                    scheme: Some("scheme".to_owned()),
                    region: None,
                    value: "value".to_owned(),
                });
            }
            builder.add(list, &entry).expect("an entry is added");
        }
    }
    builder.finish().expect("the index is built");
    std::fs::read(&path).expect("the index is read")
});

/// Takes `data`, after a first byte that says how, as a file or as edits to a sound file.
pub fn body(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else {
        return;
    };
    let file = if how & 1 == 0 {
        data.to_vec()
    } else {
        edited(data)
    };
    exercise(file.clone(), data);
    let mut file = file;
    if right_sections(&mut file, how & 2 != 0).is_some() {
        exercise(file, data);
    }
}

/// Returns the sound file with each edit made: offset (2 bytes), what (1), value (1).
fn edited(edits: &[u8]) -> Vec<u8> {
    let mut file = SOUND.clone();
    for edit in edits.as_chunks::<4>().0 {
        let offset = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        let (what, value) = (edit[2], edit[3]);
        let len = file.len().max(1);
        match what % 8 {
            0 => file.truncate(offset),
            1 => file.extend(std::iter::repeat_n(value, offset % 256)),
            _ => {
                // Small offsets reach the header; the rest is spread over the file.
                let at = if what & 0x80 == 0 {
                    offset % 1024
                } else {
                    offset
                } % len;
                if let Some(byte) = file.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
    file
}

/// Puts length and header checksum right, and the checksums of sections if asked, where the file has room for them.
fn right_sections(file: &mut [u8], sections_too: bool) -> Option<()> {
    let count = file.get(SECTION_COUNT_OFFSET..)?.first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    if count > MAX_SECTIONS {
        return None;
    }
    let header_len = SECTION_TABLE_OFFSET + count * SECTION_RECORD_LEN;
    file.get(..header_len + CHECKSUM_LEN)?;
    let len = (file.len() as u64).to_le_bytes();
    file[FILE_LEN_OFFSET..][..8].copy_from_slice(&len);
    for number in 0..count {
        let record = SECTION_TABLE_OFFSET + number * SECTION_RECORD_LEN;
        let at = |offset: usize| {
            let bytes = file[record + offset..].first_chunk::<8>();
            bytes.and_then(|bytes| usize::try_from(u64::from_le_bytes(*bytes)).ok())
        };
        let range = at(8).zip(at(SECTION_LEN_OFFSET));
        let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
        let range = range.filter(|_| sections_too);
        if let Some(bytes) = range.and_then(|range| file.get(range)) {
            let checksum = sha256(bytes);
            let place = record + SECTION_CHECKSUM_OFFSET;
            file[place..][..CHECKSUM_LEN].copy_from_slice(checksum.as_bytes());
        }
    }
    let checksum = sha256(&file[..header_len]);
    file[header_len..][..CHECKSUM_LEN].copy_from_slice(checksum.as_bytes());
    Some(())
}

fn sha256(bytes: &[u8]) -> HashValue {
    digest::of(bytes, &[HashKind::Sha256])[0]
}

/// Calls every method of an index, if the file is one.
fn exercise(file: Vec<u8>, data: &[u8]) {
    let sound = file == *SOUND;
    let index = match Index::from_bytes(file) {
        Ok(index) => index,
        Err(error) => {
            assert!(!sound, "the sound file is refused");
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let verified = index.verify().is_ok();
    assert!(verified || !sound, "the sound file is called damaged");
    assert_eq!(index.identity().len(), 64);
    assert_eq!(index.is_empty(), index.kinds().next().is_none());

    let lists = index.lists();
    assert!(lists.is_ok() || !verified);
    // One past the end must be an error, whatever the file.
    for entry in (0..index.entries().min(MAX_LOOKED_AT)).chain([index.entries()]) {
        let read = index.entry(entry);
        let list = index.list_of(entry);
        assert!(read.is_err() || read.as_ref().is_ok_and(|read| list == Ok(read.list)));
        let exists = entry < index.entries();
        assert!(exists || read.is_err());
        assert!(read.is_ok() || !(exists && verified));
    }
    for kind in HashKind::ALL {
        check_kind(&index, kind, verified, data);
    }
}

fn check_kind(index: &Index, kind: HashKind, verified: bool, data: &[u8]) {
    let len = index.len(kind);
    assert_eq!(len != 0, index.kinds().any(|present| present == kind));
    assert!(index.assertions(kind) >= len);
    assert!(index.asserting(kind, len).is_err());
    for id in 0..len.min(MAX_LOOKED_AT) {
        match index.asserting(kind, id) {
            Ok(entries) => {
                assert!(entries.len() > 0, "a hash has an entry");
                for entry in entries.take(MAX_LOOKED_AT as usize) {
                    assert!(entry.is_ok() || !verified);
                    assert!(entry.is_err() || entry.is_ok_and(|entry| entry < index.entries()));
                }
            }
            Err(_) => assert!(!verified),
        }
    }

    let mut bytes = data.to_vec();
    bytes.resize(kind.byte_len(), 0);
    let query = HashValue::from_bytes(kind, &bytes).expect("the length is right");
    let found = index.find(&query);
    assert!(found.is_ok() || !verified);
    assert!(found.ok().flatten().is_none_or(|id| id < len));
    if !kind.is_perceptual() {
        assert!(index.within(&query, 0).is_err());
        return;
    }
    let all = index
        .within(&query, kind.bits())
        .expect("a flat scan cannot fail");
    assert_eq!(
        all.len(),
        len as usize,
        "every hash is within the largest distance"
    );
    let mut near = all.clone();
    near.retain(|found| found.distance <= 31);
    assert_eq!(index.within(&query, 31), Ok(near));
    let mut together = Vec::new();
    let queries = [query; 9];
    let mut buffer = SearchBuffer::new();
    let searched = index.for_each_within(&queries, kind.bits(), &mut buffer, |number, one| {
        together.extend((number == 8).then_some(one));
        ControlFlow::<Infallible>::Continue(())
    });
    assert!(searched.is_ok(), "a flat scan cannot fail");
    assert_eq!(together, all, "queries do not disturb one another");
    if verified {
        // Ids ascend, so a hash that equals the query is found by either search.
        let equal = all.iter().find(|found| found.distance == 0);
        assert_eq!(index.find(&query), Ok(equal.map(|found| found.id)));
    }
}
