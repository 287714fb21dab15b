//! Old index files stay readable: the golden file of every version of the format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hashsieve::list::{CsvMapping, ImportItem, ImportOptions, Importer, ListFormat};
use hashsieve::{Entry, HashKind, HashValue, Index, IndexBuilder, ListDescriptor, digest};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/index")
        .join(name)
}

/// The lists and the indexes made of them, of old versions and of this one.
const OLD: [(&str, &str); 2] = [
    ("golden.csv", "v1.hsv"),
    ("golden-classic.csv", "v1-classic.hsv"),
];
const THIS: [(&str, &str); 2] = [
    ("golden.csv", "v2.hsv"),
    ("golden-classic.csv", "v2-classic.hsv"),
];

/// The entries of a list.
fn entries(list: &str) -> Vec<Entry> {
    let text = std::fs::read(data(list)).unwrap();
    let options = ImportOptions {
        format: ListFormat::Csv(CsvMapping::default()),
    };
    Importer::new(&text[..], &options)
        .unwrap()
        .map(|item| match item.unwrap() {
            ImportItem::Entry { entry, .. } => entry,
            ImportItem::Quarantined(kept_out) => panic!("{kept_out}"),
        })
        .collect()
}

fn descriptor() -> ListDescriptor {
    ListDescriptor {
        name: "golden".to_owned(),
        source: "made-up".to_owned(),
        version: "1".to_owned(),
        time: Some(1_795_392_000),
        terms: "for tests only".to_owned(),
    }
}

#[test]
fn the_golden_indexes_of_every_version_still_say_what_they_said() {
    for (list, file) in OLD.into_iter().chain(THIS) {
        check_golden(list, file);
    }
}

fn check_golden(list: &str, file: &str) {
    let index = Index::open(data(file)).unwrap();
    index.verify().unwrap();
    let lists = index.lists().unwrap();
    assert_eq!(lists.len(), 1);
    assert_eq!(lists[0].descriptor, descriptor());
    let alive: Vec<Entry> = entries(list)
        .into_iter()
        .filter(|entry| entry.status.matches())
        .collect();
    assert_eq!(index.entries() as usize, alive.len());
    let mut asserted = BTreeMap::<HashKind, u32>::new();
    for mut entry in alive {
        for hash in std::mem::take(&mut entry.hashes) {
            *asserted.entry(hash.kind()).or_default() += 1;
            assert!(says(&index, hash, &entry), "an entry is lost");
            if hash.kind().is_perceptual() {
                let id = index.find(&hash).unwrap();
                let found = index.within(&hash, 0).unwrap();
                assert_eq!(
                    found.iter().map(|one| Some(one.id)).collect::<Vec<_>>(),
                    [id]
                );
            }
        }
    }
    for kind in HashKind::ALL {
        let asserted = asserted.get(&kind).copied().unwrap_or(0);
        assert_eq!(index.assertions(kind), asserted);
    }
}

/// Whether the index holds that this entry asserts this hash.
fn says(index: &Index, hash: HashValue, entry: &Entry) -> bool {
    let id = index.find(&hash).unwrap().expect("the hash is there");
    let mut asserting = index.asserting(hash.kind(), id).unwrap();
    asserting.any(|position| index.entry(position.unwrap()).unwrap().entry == *entry)
}

#[test]
fn this_version_still_writes_version_2_byte_for_byte() {
    for (list, file) in THIS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.hsv");
        let mut builder = IndexBuilder::new(&path);
        let number = builder.add_list(descriptor()).unwrap();
        for entry in entries(list) {
            builder.add(number, &entry).unwrap();
        }
        builder.finish().unwrap();
        assert!(
            std::fs::read(path).unwrap() == std::fs::read(data(file)).unwrap(),
            "the bytes of {file} differ"
        );
    }
}

#[test]
fn tables_are_the_same_byte_for_byte_whatever_the_memory_and_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (memory, threads)) in [(1 << 20, 1), (64 << 20, 2), (1 << 29, 3)]
        .into_iter()
        .enumerate()
    {
        let path = folder.path().join(format!("{number}.hsv"));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let summary = pool.install(|| {
            let mut builder = IndexBuilder::with_memory_budget(&path, memory);
            let list = builder.add_list(descriptor()).unwrap();
            for number in 0..17_000_u32 {
                let mut entry = Entry::new(format!("{number:05}"));
                let bytes = digest::of(&number.to_le_bytes(), &[HashKind::Sha256]);
                for kind in HashKind::ALL
                    .into_iter()
                    .filter(|kind| kind.is_perceptual())
                {
                    let bytes = &bytes[0].as_bytes()[..kind.byte_len()];
                    entry.add_hash(HashValue::from_bytes(kind, bytes).unwrap());
                }
                builder.add(list, &entry).unwrap();
            }
            builder.finish().unwrap()
        });
        // The identity is a digest of all that is in the file.
        let expected = std::fs::read_to_string(data("v2-tables.sha256")).unwrap();
        assert_eq!(summary.identity, expected.trim());
        let index = Index::open(&path).unwrap();
        index.verify().unwrap();
        for kind in index.kinds() {
            assert!(
                index.search_bytes(kind) > u64::from(index.len(kind)) * kind.byte_len() as u64 * 2
            );
        }
    }
}
