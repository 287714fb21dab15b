//! Queries against an index: radius search by flat scan, one query and a picture's eight; digest look-up; opening.
//!
//! ```text
//! cargo bench --bench match -- --save-baseline before     then, after a change:
//! cargo bench --bench match -- --baseline before
//! ```
//!
//! The flat scan reads 16 bytes a hash unless two words are not enough to reject it; without a population-count
//! instruction, which plain x86-64 code may not use, counting bits is the limit, not memory.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashsieve::{Entry, HashKind, HashValue, Index, IndexBuilder, ListDescriptor, Pdq, digest};

/// Returns the `number`th of a fixed series of random-looking hashes.
fn pdq(number: u64) -> HashValue {
    let bytes = digest::of(&number.to_le_bytes(), &[HashKind::Sha256]);
    HashValue::from_bytes(HashKind::Pdq, bytes[0].as_bytes()).expect("32 bytes")
}

/// Returns the hash with some bits changed, so that the query has a match.
fn near(hash: HashValue) -> HashValue {
    let mut words = Pdq::try_from(hash).expect("a pdq").words();
    words[1] ^= 0xf0f0;
    Pdq::from_words(words).into()
}

fn matching(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("match");
    group.sample_size(10);
    for n in [10_000_u64, 1_000_000] {
        let path = folder.path().join(format!("{n}.hsv"));
        let mut builder = IndexBuilder::new(&path);
        let list = builder
            .add_list(ListDescriptor::default())
            .expect("one list");
        for number in 0..n {
            let mut entry = Entry::new(number.to_string());
            entry.add_hash(pdq(number));
            entry
                .hashes
                .extend(digest::of(&number.to_le_bytes(), &[HashKind::Md5]));
            builder.add(list, &entry).expect("room for an entry");
        }
        builder.finish().expect("an index");
        let index = Index::open(&path).expect("an index");
        let queries: Vec<_> = (0..8).map(|i| near(pdq(i * 97))).collect();
        for count in [1, 8] {
            group.throughput(Throughput::Elements(n * count as u64));
            let id = BenchmarkId::new(format!("within/queries={count}"), format!("n={n:08}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut found = 0;
                    let searched = index.for_each_within(&queries[..count], 31, |_, _| found += 1);
                    assert!(
                        searched.is_ok() && found >= count,
                        "every query has its match"
                    );
                    found
                });
            });
        }
        group.throughput(Throughput::Elements(1));
        let md5 = digest::of(&77_u64.to_le_bytes(), &[HashKind::Md5])[0];
        group.bench_function(
            BenchmarkId::new("find/md5", format!("n={n:08}")),
            |bencher| {
                bencher.iter(|| index.find(&md5));
            },
        );
        group.bench_function(BenchmarkId::new("open", format!("n={n:08}")), |bencher| {
            bencher.iter_batched(|| &path, Index::open, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
