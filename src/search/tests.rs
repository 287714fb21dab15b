//! Every method against brute force, at every level, for the sets that are hard.
#![allow(
    clippy::cast_possible_truncation,
    reason = "the numbers here are small"
)]

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::simd::{GROUP, LINE_LEN};

/// Random numbers that are the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn hash(&mut self, bits: u32) -> Words {
        let mut words = [(); 4].map(|()| self.next());
        for (number, word) in words.iter_mut().enumerate() {
            let left = bits.saturating_sub(number as u32 * 64);
            if left < 64 {
                *word &= (1 << left) - 1;
            }
        }
        words
    }

    /// A hash just so many bits away.
    fn at_distance(&mut self, hash: Words, bits: u32, distance: u32) -> Words {
        let mut words = hash;
        let mut left = distance;
        while left > 0 {
            let bit = self.below(u64::from(bits)) as usize;
            if words[bit / 64] & 1 << (bit % 64) == hash[bit / 64] & 1 << (bit % 64) {
                words[bit / 64] ^= 1 << (bit % 64);
                left -= 1;
            }
        }
        words
    }
}

/// The oracle.
fn naive(hashes: &[Words], query: &Words, threshold: u32) -> Vec<(u32, u32)> {
    let distance = |hash: &Words| (0..4).map(|w| (hash[w] ^ query[w]).count_ones()).sum();
    let all = (0..).zip(hashes.iter().map(distance));
    all.filter(|&(_, distance)| distance <= threshold).collect()
}

/// Hashes with tables, as an index has them, made in the plainest way.
struct Made<const WORDS: usize> {
    bits: u32,
    hashes: Vec<Words>,
    lines: Vec<[u8; LINE_LEN]>,
    chunks: Chunks,
    directories: Vec<[u8; 4]>,
    signatures: Vec<[u8; 2]>,
    ids: Vec<[u8; 4]>,
    is_even: bool,
}

impl<const WORDS: usize> Made<WORDS> {
    fn new(bits: u32, hashes: Vec<Words>, chunks: Chunks) -> Self {
        let mut lines = Vec::new();
        for group in hashes.chunks(GROUP) {
            for word in 0..WORDS {
                let mut line = [0; LINE_LEN];
                for (place, hash) in line.chunks_exact_mut(8).zip(group) {
                    place.copy_from_slice(&hash[word].to_le_bytes());
                }
                lines.push(line);
            }
        }
        let mut directories = vec![[0; 4]; chunks.directory_entries()];
        let (mut signatures, mut ids) = (Vec::new(), Vec::new());
        for chunk in 0..chunks.count() {
            let cut = |hash| chunks.value_and_signature(&chunks.ring(hash), chunk);
            let mut entries: Vec<_> = (0_u32..).zip(hashes.iter().map(cut)).collect();
            entries.sort_by_key(|(_, (value, _))| *value);
            let (start, values) = chunks.directory(chunk);
            let mut before = 0;
            for value in 0..values {
                while entries
                    .get(before)
                    .is_some_and(|(_, (other, _))| *other < value)
                {
                    before += 1;
                }
                directories[start + value] = (before as u32).to_le_bytes();
            }
            signatures.extend(
                entries
                    .iter()
                    .map(|(_, (_, signature))| signature.to_le_bytes()),
            );
            ids.extend(entries.iter().map(|(id, _)| id.to_le_bytes()));
        }
        let odd = |hash: &Words| hash.iter().map(|word| word.count_ones()).sum::<u32>() % 2 == 1;
        Self {
            bits,
            is_even: !hashes.iter().any(odd),
            hashes,
            lines,
            chunks,
            directories,
            signatures,
            ids,
        }
    }

    fn space(&self, level: SimdLevel, method: Option<SearchMethod>) -> Space<'_, WORDS> {
        let hashes = Hashes::grouped(&self.lines, self.hashes.len() as u32).unwrap();
        Space {
            hashes,
            bits: self.bits,
            tables: Some(Tables {
                chunks: &self.chunks,
                directories: &self.directories,
                signatures: &self.signatures,
                ids: &self.ids,
                hashes,
            }),
            is_even: self.is_even,
            level,
            method,
        }
    }

    /// Asks the queries by every method and compares with brute force.
    fn check(&self, queries: &[Words], thresholds: &[u32], buffer: &mut SearchBuffer) {
        let methods = [None, Some(SearchMethod::Flat), Some(SearchMethod::Mih)];
        for &threshold in thresholds {
            let expected: Vec<_> = queries
                .iter()
                .map(|query| naive(&self.hashes, query, threshold))
                .collect();
            for level in SimdLevel::available() {
                for method in methods {
                    // So wide a ball has a million buckets, which one query shows as well as many.
                    let few = method == Some(SearchMethod::Mih) && threshold > 100;
                    let count = if few {
                        queries.len().min(1)
                    } else {
                        queries.len()
                    };
                    let space = self.space(level, method);
                    let found = within(&space, &queries[..count], threshold, buffer);
                    assert!(
                        found == expected[..count],
                        "{level}, {method:?}, {} hashes, {} queries, threshold {threshold}",
                        self.hashes.len(),
                        queries.len()
                    );
                }
            }
        }
    }
}

fn within<const WORDS: usize>(
    space: &Space<'_, WORDS>,
    queries: &[Words],
    threshold: u32,
    buffer: &mut SearchBuffer,
) -> Vec<Vec<(u32, u32)>> {
    let mut found = vec![Vec::new(); queries.len()];
    let mut keep = |query: usize, id, distance| {
        found[query].push((id, distance));
        ControlFlow::<Infallible>::Continue(())
    };
    let _ = space.within(queries, threshold, buffer, &mut keep).unwrap();
    for found in &mut found {
        found.sort_unstable();
    }
    found
}

fn contiguous(bits: u32, count: usize) -> Chunks {
    let order: Vec<u8> = (0..bits).map(|bit| bit as u8).collect();
    Chunks::new(&order, count).unwrap()
}

fn as_for_many(bits: u32) -> Chunks {
    Chunks::chosen(bits as usize, chunks::FEWEST_HASHES).unwrap()
}

const THRESHOLDS: [u32; 16] = [
    0, 1, 2, 7, 15, 16, 30, 31, 32, 47, 63, 64, 100, 128, 255, 256,
];

#[test]
fn every_size_and_threshold_gives_what_brute_force_gives() {
    let mut random = Random(1);
    let mut buffer = SearchBuffer::new();
    for size in [0, 1, 2, 3, 7, 8, 9, 100, 3000] {
        let mut hashes: Vec<Words> = (0..size).map(|_| random.hash(256)).collect();
        hashes.sort_unstable();
        let mut queries: Vec<Words> = (0..4).map(|_| random.hash(256)).collect();
        for number in 0..size.min(12) {
            let distance = [0, 1, 30, 31, 32, 33, 60, 200][number % 8];
            queries.push(random.at_distance(hashes[number], 256, distance));
        }
        let made = Made::<4>::new(256, hashes, as_for_many(256));
        made.check(&queries, &THRESHOLDS, &mut buffer);
        made.check(&queries[..1], &[0, 31, 256], &mut buffer);
    }
}

#[test]
fn every_member_finds_itself() {
    let mut random = Random(2);
    let mut buffer = SearchBuffer::new();
    let hashes: Vec<Words> = (0..500).map(|_| random.hash(256)).collect();
    let made = Made::<4>::new(256, hashes.clone(), as_for_many(256));
    made.check(&hashes, &[0, 31], &mut buffer);
}

#[test]
fn hashes_that_are_all_equal_or_at_the_threshold_or_just_past_it_are_told_apart() {
    let mut random = Random(3);
    let mut buffer = SearchBuffer::new();
    let query = random.hash(256);
    for threshold in [0, 1, 15, 16, 30, 31, 32, 47, 63, 64, 128] {
        // Equal hashes do not occur in an index, but tables must bear one giant bucket in every chunk.
        let equal = vec![query; 300];
        let edge = (0..300)
            .map(|i| random.at_distance(query, 256, threshold + i % 2))
            .collect();
        for hashes in [equal, edge] {
            let made = Made::<4>::new(256, hashes, as_for_many(256));
            made.check(&[query], &[threshold], &mut buffer);
        }
    }
}

#[test]
fn large_families_and_one_giant_bucket_are_found_whole() {
    let mut random = Random(4);
    let mut buffer = SearchBuffer::new();
    let centre = random.hash(256);
    // A family within some bits of one another, and hashes that share just one chunk with it.
    let mut hashes: Vec<Words> = (0..1500)
        .map(|i| random.at_distance(centre, 256, i % 40))
        .collect();
    let chunks = as_for_many(256);
    for _ in 0..1500 {
        let mut hash = random.hash(256);
        for &bit in &chunks.order()[..chunks.width(0)] {
            let (word, mask) = (usize::from(bit / 64), 1 << (bit % 64));
            hash[word] = hash[word] & !mask | centre[word] & mask;
        }
        hashes.push(hash);
    }
    hashes.sort_unstable();
    let made = Made::<4>::new(256, hashes, chunks);
    let queries: Vec<Words> = (0..6)
        .map(|i| random.at_distance(centre, 256, i * 7))
        .collect();
    made.check(&queries, &[0, 15, 31, 47, 64], &mut buffer);
}

#[test]
fn every_number_of_chunks_and_every_length_of_hash_is_exact() {
    let mut random = Random(5);
    let mut buffer = SearchBuffer::new();
    fn check<const WORDS: usize>(
        random: &mut Random,
        buffer: &mut SearchBuffer,
        bits: u32,
        chunks: Chunks,
    ) {
        let centre = random.hash(bits);
        let mut hashes: Vec<Words> = (0..300)
            .map(|i| {
                if i % 2 == 0 {
                    random.hash(bits)
                } else {
                    random.at_distance(centre, bits, i % bits / 2)
                }
            })
            .collect();
        hashes.sort_unstable();
        let queries = [
            centre,
            random.hash(bits),
            random.at_distance(centre, bits, bits / 10),
        ];
        let thresholds: Vec<u32> = THRESHOLDS
            .into_iter()
            .filter(|t| *t <= bits)
            .chain([bits / 8, bits / 5, bits - 1])
            .collect();
        Made::<WORDS>::new(bits, hashes, chunks).check(&queries, &thresholds, buffer);
    }
    for count in [11, 12, 13, 14, 15, 16, 17, 20, 24, 32] {
        check::<4>(&mut random, &mut buffer, 256, contiguous(256, count));
    }
    for count in [4, 5, 8] {
        check::<1>(&mut random, &mut buffer, 64, contiguous(64, count));
    }
    check::<1>(&mut random, &mut buffer, 64, as_for_many(64));
    check::<1>(&mut random, &mut buffer, 40, as_for_many(40));
    check::<3>(&mut random, &mut buffer, 144, as_for_many(144));
    check::<3>(&mut random, &mut buffer, 144, contiguous(144, 7));
}

#[test]
fn hashes_of_an_even_number_of_ones_match_at_even_and_odd_distances() {
    let mut random = Random(6);
    let mut buffer = SearchBuffer::new();
    let mut hashes = Vec::new();
    while hashes.len() < 400 {
        let hash = random.hash(256);
        let ones: u32 = hash.iter().map(|word| word.count_ones()).sum();
        if ones.is_multiple_of(2) {
            hashes.push(hash);
        }
    }
    let queries: Vec<Words> = (0..40)
        .map(|i| random.at_distance(hashes[i as usize], 256, i))
        .collect();
    let made = Made::<4>::new(256, hashes, as_for_many(256));
    assert!(made.is_even);
    made.check(
        &queries,
        &[0, 1, 2, 15, 16, 29, 30, 31, 32, 33],
        &mut buffer,
    );
}

#[test]
fn the_nearest_come_in_order_of_distance_and_then_of_id() {
    let mut random = Random(7);
    let mut buffer = SearchBuffer::new();
    let centre = random.hash(256);
    let mut hashes: Vec<Words> = (0..2000)
        .map(|i| {
            if i % 20 == 0 {
                random.at_distance(centre, 256, i as u32 / 20 % 50)
            } else {
                random.hash(256)
            }
        })
        .collect();
    hashes.sort_unstable();
    let made = Made::<4>::new(256, hashes, as_for_many(256));
    let mut nearest = Vec::new();
    for query in [centre, random.hash(256)] {
        for limit in [0, 10, 31, 100, 256] {
            let mut expected = naive(&made.hashes, &query, limit);
            expected.sort_unstable_by_key(|&(id, distance)| (distance, id));
            for method in [None, Some(SearchMethod::Flat), Some(SearchMethod::Mih)] {
                for count in [0, 1, 2, 10, 99, 2000, 5000] {
                    let space = made.space(SimdLevel::best(), method);
                    space
                        .nearest(&query, count, limit, &mut buffer, &mut nearest)
                        .unwrap();
                    let found: Vec<_> = nearest.iter().map(|one| (one.id, one.distance)).collect();
                    assert!(
                        found == expected[..count.min(expected.len())],
                        "{method:?}, {count}, {limit}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_search_ends_when_it_is_told_to() {
    let mut random = Random(8);
    let mut buffer = SearchBuffer::new();
    let query = random.hash(256);
    let hashes = (0..100)
        .map(|i| random.at_distance(query, 256, i % 30))
        .collect();
    let made = Made::<4>::new(256, hashes, as_for_many(256));
    for method in [SearchMethod::Flat, SearchMethod::Mih] {
        let mut told = 0;
        let done = made.space(SimdLevel::best(), Some(method)).within(
            &[query, query],
            31,
            &mut buffer,
            &mut |_, _, _| {
                told += 1;
                if told == 3 {
                    ControlFlow::Break("enough")
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        assert_eq!((done, told), (Ok(ControlFlow::Break("enough")), 3));
        // What was left in the buffer does not show in the next search.
        made.check(&[query], &[31], &mut buffer);
    }
}

#[test]
fn damage_is_told_and_never_leads_out_of_bounds() {
    let mut random = Random(9);
    let mut buffer = SearchBuffer::new();
    let hashes: Vec<Words> = (0..50).map(|_| random.hash(256)).collect();
    let query = hashes[7];
    let search = |made: &Made<4>, buffer: &mut SearchBuffer| {
        let space = made.space(SimdLevel::best(), Some(SearchMethod::Mih));
        let mut count = |_, _, _| ControlFlow::<Infallible>::Continue(());
        space.within(&[query], 31, buffer, &mut count).map(drop)
    };
    let sound = || Made::<4>::new(256, hashes.clone(), as_for_many(256));
    assert_eq!(search(&sound(), &mut buffer), Ok(()));
    let mut made = sound();
    made.ids.fill(50_u32.to_le_bytes());
    assert!(matches!(search(&made, &mut buffer), Err(Damage::Id(_))));
    for entry in [51_u32, u32::MAX] {
        let mut made = sound();
        made.directories.fill(entry.to_le_bytes());
        assert!(matches!(
            search(&made, &mut buffer),
            Err(Damage::Directory(_))
        ));
    }
    // Descending.
    let mut made = sound();
    for (place, entry) in made.directories.iter_mut().enumerate() {
        *entry = (50 - (place as u32 % 2)).to_le_bytes();
    }
    assert!(matches!(
        search(&made, &mut buffer),
        Err(Damage::Directory(_))
    ));
    // Anything at all: an error or some matches, and each is what it says.
    for _ in 0..200 {
        let mut made = sound();
        for _ in 0..2000 {
            let place = random.below(made.directories.len() as u64) as usize;
            made.directories[place] = (random.below(60) as u32).to_le_bytes();
            let place = random.below(made.ids.len() as u64) as usize;
            made.ids[place] = (random.below(55) as u32).to_le_bytes();
            let place = random.below(made.signatures.len() as u64) as usize;
            made.signatures[place] = (random.next() as u16).to_le_bytes();
        }
        let space = made.space(SimdLevel::best(), Some(SearchMethod::Mih));
        let _ = space.within(&[query], 31, &mut buffer, &mut |_, id, distance| {
            let expected = naive(&made.hashes, &query, 256)[id as usize].1;
            assert_eq!(distance, expected);
            ControlFlow::<Infallible>::Continue(())
        });
    }
}

#[test]
fn a_hash_with_bits_past_the_last_of_its_kind_is_damage() {
    let mut random = Random(12);
    let mut buffer = SearchBuffer::new();
    for bits in [40, 144] {
        let hashes: Vec<Words> = (0..20).map(|_| random.hash(bits)).collect();
        let query = hashes[3];
        let stray = |line: &mut [u8; LINE_LEN]| line[3 * 8 + 7] |= 0x80;
        let damage = if bits == 40 {
            let mut made = Made::<1>::new(bits, hashes, as_for_many(bits));
            stray(&mut made.lines[0]);
            let space = made.space(SimdLevel::best(), Some(SearchMethod::Mih));
            let mut ignore = |_, _, _| ControlFlow::<Infallible>::Continue(());
            space
                .within(&[query], 1, &mut buffer, &mut ignore)
                .map(drop)
        } else {
            let mut made = Made::<3>::new(bits, hashes, as_for_many(bits));
            stray(&mut made.lines[2]);
            let space = made.space(SimdLevel::best(), Some(SearchMethod::Mih));
            let mut ignore = |_, _, _| ControlFlow::<Infallible>::Continue(());
            space
                .within(&[query], 1, &mut buffer, &mut ignore)
                .map(drop)
        };
        assert_eq!(damage, Err(Damage::Hash(3)));
    }
}

#[test]
fn hashes_in_columns_are_those_in_groups() {
    let mut random = Random(10);
    let mut buffer = SearchBuffer::new();
    for size in [1_usize, 8, 9, 100] {
        let hashes: Vec<Words> = (0..size).map(|_| random.hash(256)).collect();
        let stored = size.next_multiple_of(GROUP);
        let mut bytes = vec![[0_u8; 8]; stored * 4];
        for (id, hash) in hashes.iter().enumerate() {
            for (word, value) in hash.iter().enumerate() {
                bytes[word * stored + id] = value.to_le_bytes();
            }
        }
        let lines = bytes.as_flattened().as_chunks().0;
        let view = Hashes::<4>::columns(lines, size as u32).unwrap();
        let space = Space {
            hashes: view,
            bits: 256,
            tables: None,
            is_even: false,
            level: SimdLevel::best(),
            method: None,
        };
        for (id, hash) in hashes.iter().enumerate() {
            assert_eq!(view.get(id as u32), *hash);
        }
        for threshold in [0, 31, 128, 256] {
            let found = within(&space, &hashes, threshold, &mut buffer);
            for (found, query) in found.iter().zip(&hashes) {
                assert_eq!(*found, naive(&hashes, query, threshold));
            }
        }
        assert!(Hashes::<4>::columns(&lines[1..], size as u32).is_none());
        assert!(Hashes::<4>::grouped(&lines[1..], size as u32).is_none());
    }
}

#[test]
fn orders_that_are_no_permutations_and_impossible_cuts_are_refused() {
    let order: Vec<u8> = (0..=255).collect();
    assert!(Chunks::new(&order, 16).is_some());
    let mut twice = order.clone();
    twice[3] = 4;
    assert!(Chunks::new(&twice, 16).is_none());
    for count in [0, 1, 2, 10, 33, 255] {
        assert!(Chunks::new(&order, count).is_none(), "{count}");
    }
    assert!(Chunks::new(&order[..64], 4).is_some());
    // A bit that the hash does not have.
    assert!(Chunks::new(&order[1..65], 4).is_none());
    assert!(Chunks::new(&[], 4).is_none());
    assert!(
        Chunks::new(&order[..20], 2).is_none(),
        "nothing is left for a signature"
    );
}

#[test]
fn a_table_of_bytes_puts_hashes_on_the_ring_as_one_bit_after_another_does() {
    let mut random = Random(11);
    for bits in [40, 64, 144, 256] {
        let chunks = as_for_many(bits);
        let table = RingTable::new(&chunks);
        for _ in 0..100 {
            let hash = random.hash(bits);
            assert_eq!(table.ring(&chunks, &hash), chunks.ring(&hash));
        }
    }
}

proptest! {
    // Each case is searched by three methods at every level.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn searches_equal_brute_force(
        seed in any::<u64>(),
        size in 0_usize..200,
        spread in 0_u32..100,
        count in 11_usize..=32,
        threshold in 0_u32..=256,
    ) {
        let mut random = Random(seed);
        let centre = random.hash(256);
        let hashes: Vec<Words> = (0..size)
            .map(|i| if i % 3 == 0 { random.hash(256) } else {
                let distance = random.below(u64::from(spread) + 1) as u32;
                random.at_distance(centre, 256, distance)
            })
            .collect();
        let queries: Vec<Words> = (0..9).map(|i| random.at_distance(centre, 256, i * spread / 9)).collect();
        let mut order: Vec<u8> = (0..=255).collect();
        order.sort_by_cached_key(|_| random.next());
        let made = Made::<4>::new(256, hashes, Chunks::new(&order, count).unwrap());
        made.check(&queries, &[threshold, threshold % 48], &mut SearchBuffer::new());
    }
}
