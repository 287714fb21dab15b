//! Queries against an index: radius search by threshold, method, residency and number of hashes; digest look-up; opening.
//!
//! ```text
//! cargo bench --bench match -- --save-baseline before     then, after a change:
//! cargo bench --bench match -- --baseline before
//! ```
//!
//! Up to a million hashes; `hashsieve bench match` measures more, and `benches/peers/match` beside other engines.
//!
//! What holds a query by tables up is reading from memory. With 16 chunks and a threshold of 31 it looks into 256 buckets:
//! some 200 lines of directories, and at 10 million hashes 1,500 of signatures and 320 of ids and hashes, wherever these
//! are. On the machine of `README.md` a line from anywhere in 1.3 GB takes 8.5 ns when so many are asked for ahead, in huge pages
//! and without any other work, and 230 ns when it is waited for; so 17 microseconds are the least, of 29. Mapped pages of 4 KiB
//! add a miss of address translation for each page, some 500 by count. (Lines are counted from the layout; there were no hardware
//! counters.) Of 100 thousand hashes a query took 50 thousand instructions at the AVX2 level, by callgrind.
//!
//! More and narrower chunks, 18 to 24, read fewer buckets but took three times as long at a million: a signature of 16 bits
//! then covers two chunks, and is held against the limit of both together, which lets many more entries through.
//!
//! In families of near copies what counts is matches: each is met in 12 of 16 chunks, where its id is read, and what was found
//! out about its hash the first time is looked up; 0.35 microseconds a match in all, 28 ns each time it is met. Looking at the
//! hash each time took 0.75.
//!
//! Building an index of 10 million on two threads takes 7 s: adding 1.1, entries from sorted statements 2.3 (one thread puts
//! together what another merges), sorted hashes 0.6, tables 2.1, and checksums, the header and flushing 1.7. Of the tables, most
//! is putting entries where they go: in two steps, by the upper and then the lower half of the bits of their value, since at once
//! each would miss the cache. Statements were two for each entry once, runs were merged in a heap of copies, and every section was
//! written twice: 15 to 18 s. Cutting each chunk anew from the hashes, instead of writing all rings down, was slower.
//!
//! Of 100 million mapped hashes a query took 231 microseconds, 7.5 to 8 times as long as of 10 million in the same series of
//! runs: 14 chunks of 18 bits, 750 buckets of 300 entries, and some 600 ids and hashes each behind misses of translation. A copy
//! of that index in huge pages did not fit beside its making in 24 GiB.
//!
//! A flat scan reads 16 bytes a hash, or all where two words do not reject. With eight queries together it does a word
//! of work for each pair, 0.13 ns.

use std::convert::Infallible;
use std::ops::ControlFlow;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashsieve::{
    Entry, HashKind, HashValue, Index, IndexBuilder, IndexOptions, ListDescriptor, Pdq, Residency,
    SearchBuffer, SearchMethod, digest,
};

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
    for n in [10_000_u64, 100_000, 1_000_000] {
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
        let queries: Vec<_> = (0..1024).map(|i| near(pdq(i * 97 % n))).collect();
        let mut buffer = SearchBuffer::new();
        for residency in [Residency::Mapped, Residency::Huge] {
            for method in [SearchMethod::Flat, SearchMethod::Mih] {
                let mut options = IndexOptions::default();
                (options.residency, options.method) = (residency, Some(method));
                let index = Index::open_with(&path, options).expect("an index");
                for threshold in [15, 31, 47] {
                    for together in [1, 8] {
                        group.throughput(Throughput::Elements(together as u64));
                        let id = BenchmarkId::new(
                            format!("within/n={n:08}/threshold={threshold}/queries={together}"),
                            format!("{method}/{}", residency.name()),
                        );
                        let mut next = queries.chunks(together).cycle();
                        group.bench_function(id, |bencher| {
                            bencher.iter(|| {
                                let mut found = 0;
                                let queries = next.next().expect("it goes round");
                                let searched = index.for_each_within(
                                    queries,
                                    threshold,
                                    &mut buffer,
                                    |_, _| {
                                        found += 1;
                                        ControlFlow::<Infallible>::Continue(())
                                    },
                                );
                                assert!(
                                    searched.is_ok() && found >= together,
                                    "every query has its match"
                                );
                                found
                            });
                        });
                    }
                }
            }
        }
        let index = Index::open(&path).expect("an index");
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("any", format!("n={n:08}")), |bencher| {
            bencher.iter(|| index.any_within(&queries[5], 31, &mut buffer));
        });
        group.bench_function(
            BenchmarkId::new("nearest/10", format!("n={n:08}")),
            |bencher| {
                bencher.iter(|| index.nearest(&queries[5], 10, 256, &mut buffer));
            },
        );
        let md5 = digest::of(&77_u64.to_le_bytes(), &[HashKind::Md5])[0];
        group.bench_function(
            BenchmarkId::new("find/md5", format!("n={n:08}")),
            |bencher| {
                bencher.iter(|| index.find(&md5));
            },
        );
        group.bench_function(
            BenchmarkId::new("open/warm", format!("n={n:08}")),
            |bencher| {
                bencher.iter_batched(|| &path, Index::open, BatchSize::SmallInput);
            },
        );
        // The pages are in memory, but not in the map of the new index.
        group.bench_function(
            BenchmarkId::new("open/first query", format!("n={n:08}")),
            |bencher| {
                bencher.iter(|| {
                    Index::open(&path)
                        .expect("an index")
                        .any_within(&queries[9], 31, &mut buffer)
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
