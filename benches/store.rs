//! What changing a store costs, and what searching it costs between two compactions. Groups: `store/change`, `store/query`.
//!
//! The store has 200,000 entries of one PDQ hash each. `hashsieve bench store --n 10000000` measures 10 million, beside readers. On
//! 2 cores of an AMD EPYC (Zen 4), 2026-11-25: a withdrawal, from opening the store to change it until a reader no longer found it,
//! 16 ms (34 at most of 50), an addition 12 ms (20), 10,000 changes together 0.24 s, a query after 100 changes of 1,000 entries 1.31
//! times as long as before them (1.27 to 1.54 in nine rounds; 1.31 and 1.37 in earlier runs), and in 1,000 changes beside two
//! threads that asked 17.7 million times nothing failed, stale or missed.
//!
//! A withdrawal looks an entry up, writes a segment of one record and a bit for each entry of the large segment, and flushes both:
//! the flushes and the bits (1.2 MB at 10 million) are what is left. While it also summed the hashes of the entry, which takes a pass
//! over all assertions, it took 91 ms more.
//!
//! A query pays for each segment: some microseconds for one with tables, however small, which is why changes put small segments
//! together. After the 100 changes there is one segment of 99,000 entries with tables beside the large one. A query looks into some
//! 270 of its buckets: 4 microseconds by itself with warm caches. That 12 are added is likely since the query of 10 million before it
//! empties the caches. Scanning the segment instead would read 1.6 MB.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use hashsieve::{
    ChangeOptions, Entry, HashValue, ListDescriptor, Pdq, SearchBuffer, Snapshot, Store,
    StoreWriter,
};

const ENTRIES: u64 = 200_000;

/// Returns a made-up hash, another for each number.
fn hash(number: u64) -> HashValue {
    let mut state = number;
    let words = [(); 4].map(|()| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    });
    Pdq::from_words(words).into()
}

/// Adds entries of these numbers.
fn add(writer: &mut StoreWriter, numbers: std::ops::Range<u64>) {
    let list = ListDescriptor {
        name: "made up".to_owned(),
        ..ListDescriptor::default()
    };
    let mut options = ChangeOptions::add();
    options.whole_records = true;
    let mut change = writer.change(list, options).unwrap();
    for number in numbers {
        let mut entry = Entry::new(number.to_string());
        entry.add_hash(hash(number << 20));
        change.add(&entry, false).unwrap();
    }
    change.commit().unwrap();
}

fn store(directory: &Path) -> (StoreWriter, Store) {
    let mut writer = StoreWriter::create(directory).unwrap();
    add(&mut writer, 0..ENTRIES);
    (writer, Store::open(directory).unwrap())
}

fn count(snapshot: &Snapshot, query: u64, buffer: &mut SearchBuffer) -> u32 {
    let mut found = 0;
    let queries = [hash(query << 20)];
    let flow = snapshot.for_each_within(&queries, 31, buffer, |_, _| {
        found += 1;
        ControlFlow::<()>::Continue(())
    });
    assert!(flow.unwrap().is_continue());
    found
}

fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store/change");
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, store) = store(directory.path());
    let mut next = 0;
    group.bench_function("withdraw one and reload", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % ENTRIES;
            let id = next.to_string();
            writer.withdraw("made up", [id.as_str()]).unwrap();
            assert!(store.reload().unwrap());
        });
    });
    let mut next = ENTRIES;
    group.bench_function("add one and reload", |bencher| {
        bencher.iter(|| {
            add(&mut writer, next..next + 1);
            assert!(store.reload().unwrap());
            next += 1;
        });
    });
    group.bench_function("add 1,000 and reload", |bencher| {
        bencher.iter(|| {
            add(&mut writer, next..next + 1000);
            assert!(store.reload().unwrap());
            next += 1000;
        });
    });
}

fn query(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store/query");
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, store) = store(directory.path());
    let compacted = store.snapshot();
    for round in 0..100 {
        let first = ENTRIES + round * 1000;
        add(&mut writer, first..first + 1000);
    }
    assert!(store.reload().unwrap());
    let fresh = store.snapshot();
    let mut buffer = SearchBuffer::new();
    assert_eq!(count(&fresh, ENTRIES + 99_999, &mut buffer), 1);
    for (name, snapshot) in [("compacted", compacted), ("100 changes later", fresh)] {
        let mut next = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                // Every other one is in the store.
                next = (next + 1) % ENTRIES;
                let query = if next % 2 == 0 { next } else { next << 20 };
                black_box(count(&snapshot, query, &mut buffer))
            });
        });
    }
}

criterion_group!(benches, change, query);
criterion_main!(benches);
