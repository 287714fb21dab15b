//! The flat scan: every hash is looked at, in blocks that stay in the first-level cache while all queries pass over
//! them.

/// How many hashes a block has: two words of each make 16 KiB, half of a usual first-level cache.
const BLOCK: usize = 1024;

/// How many words of every hash are looked at; the others only where these do not differ by too much.
const FIRST_WORDS: usize = 2;

/// Hashes of `WORDS` words, word by word, as little-endian bytes.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a, const WORDS: usize> {
    words: [&'a [[u8; 8]]; WORDS],
}

impl<'a, const WORDS: usize> Columns<'a, WORDS> {
    /// Returns a view of columns of one length.
    ///
    /// # Panics
    /// If there is no column, the columns differ in length, or have more than `u32::MAX` words.
    pub(crate) fn new(words: [&'a [[u8; 8]]; WORDS]) -> Self {
        assert!(
            words.iter().all(|column| column.len() == words[0].len()),
            "columns of one length"
        );
        assert!(u32::try_from(words[0].len()).is_ok(), "ids fit in 32 bits");
        Self { words }
    }

    /// Returns the number of hashes.
    pub(crate) fn len(&self) -> usize {
        self.words[0].len()
    }

    /// Returns the words of a hash.
    ///
    /// # Panics
    /// If `id` is not below [`len`](Self::len).
    pub(crate) fn get(&self, id: usize) -> [u64; WORDS] {
        self.words.map(|column| u64::from_le_bytes(column[id]))
    }
}

/// Calls `found(query, id, distance)` for every query, by its position, and every hash within `threshold` of it.
///
/// Matches of one query come in ascending order of id; matches of several queries are interleaved. O(hashes x
/// queries), no allocation.
pub(crate) fn scan<const WORDS: usize>(
    hashes: Columns<'_, WORDS>,
    queries: &[[u64; WORDS]],
    threshold: u32,
    mut found: impl FnMut(usize, u32, u32),
) {
    let first_words = FIRST_WORDS.min(WORDS);
    let mut partial = [0_u32; BLOCK];
    let mut start = 0;
    while start < hashes.len() {
        let len = BLOCK.min(hashes.len() - start);
        let block = hashes.words.map(|column| &column[start..start + len]);
        for (number, query) in queries.iter().enumerate() {
            let partial = &mut partial[..len];
            if first_words == 1 {
                for (distance, stored) in partial.iter_mut().zip(block[0]) {
                    *distance = differ(stored, query[0]);
                }
            } else {
                let second = first_words - 1;
                let stored = block[0].iter().zip(block[second]);
                for (distance, (a, b)) in partial.iter_mut().zip(stored) {
                    *distance = differ(a, query[0]) + differ(b, query[second]);
                }
            }
            for (offset, &partial) in partial.iter().enumerate() {
                if partial > threshold {
                    continue;
                }
                let rest = block[first_words..].iter().zip(&query[first_words..]);
                let rest = rest.map(|(column, &word)| differ(&column[offset], word));
                let distance = partial + rest.sum::<u32>();
                if distance <= threshold {
                    // `Columns::new` proved that positions fit.
                    let id = u32::try_from(start + offset).unwrap_or(u32::MAX);
                    found(number, id, distance);
                }
            }
        }
        start += len;
    }
}

/// Returns the number of bits by which a stored word differs from a query's.
#[inline(always)]
fn differ(stored: &[u8; 8], query: u64) -> u32 {
    (u64::from_le_bytes(*stored) ^ query).count_ones()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The three-line oracle.
    fn naive<const WORDS: usize>(
        hashes: &[[u64; WORDS]],
        query: &[u64; WORDS],
        threshold: u32,
    ) -> Vec<(u32, u32)> {
        let distance =
            |hash: &[u64; WORDS]| (0..WORDS).map(|w| (hash[w] ^ query[w]).count_ones()).sum();
        let all = (0_u32..).zip(hashes.iter().map(distance));
        all.filter(|&(_, distance)| distance <= threshold).collect()
    }

    fn assert_equal_to_naive<const WORDS: usize>(
        hashes: &[[u64; WORDS]],
        queries: &[[u64; WORDS]],
        threshold: u32,
    ) {
        let columns: [Vec<[u8; 8]>; WORDS] =
            std::array::from_fn(|w| hashes.iter().map(|h| h[w].to_le_bytes()).collect());
        let view = Columns::new(columns.each_ref().map(Vec::as_slice));
        let mut found = vec![Vec::new(); queries.len()];
        scan(view, queries, threshold, |query, id, distance| {
            found[query].push((id, distance));
        });
        for (query, found) in queries.iter().zip(found) {
            assert_eq!(found, naive(hashes, query, threshold));
        }
    }

    /// Flips `count` bits, spread over the words.
    fn at_distance<const WORDS: usize>(hash: [u64; WORDS], count: u32) -> [u64; WORDS] {
        let mut words = hash;
        for bit in 0..count as usize {
            // 37 is prime to every number of bits here, so no bit is flipped twice.
            let bit = bit * 37 % (WORDS * 64);
            words[bit / 64] ^= 1 << (bit % 64);
        }
        words
    }

    fn every_size_around_a_block<const WORDS: usize>(seed: [u64; WORDS]) {
        let bits = u32::try_from(WORDS * 64).unwrap();
        for len in [0, 1, 2, 3, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
            let hashes: Vec<_> = (0..len)
                .map(|i| at_distance(seed, u32::try_from(i).unwrap() % (bits + 1)))
                .collect();
            for threshold in [0, 1, 30, 31, 32, bits / 2, bits - 1, bits] {
                assert_equal_to_naive(&hashes, &[seed, [0; WORDS]], threshold);
            }
        }
    }

    #[test]
    fn every_size_around_a_block_is_searched_whole() {
        let seed = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0, u64::MAX];
        every_size_around_a_block(seed);
        every_size_around_a_block([seed[0], seed[1], seed[3]]);
        every_size_around_a_block([seed[0], seed[1]]);
        every_size_around_a_block([seed[0]]);
    }

    fn inclusive<const WORDS: usize>(query: [u64; WORDS]) {
        for threshold in 0..u32::try_from(WORDS * 64).unwrap() {
            let hashes = [
                at_distance(query, threshold),
                at_distance(query, threshold + 1),
            ];
            assert_eq!(naive(&hashes, &query, threshold), [(0, threshold)]);
            assert_equal_to_naive(&hashes, &[query], threshold);
        }
    }

    #[test]
    fn the_threshold_is_inclusive_at_odd_and_even_distances() {
        inclusive([5, 6, 7, 8]);
        inclusive([5, 6, 7]);
        inclusive([5]);
    }

    fn equals_brute_force<const WORDS: usize>(
        hashes: &[[u64; 4]],
        flips: &[(prop::sample::Index, u32)],
        threshold: u32,
    ) {
        let hashes: Vec<[u64; WORDS]> = hashes
            .iter()
            .map(|words| std::array::from_fn(|w| words[w]))
            .collect();
        let bits = u32::try_from(WORDS * 64).unwrap();
        let queries: Vec<_> = flips
            .iter()
            .filter(|_| !hashes.is_empty())
            .map(|(index, flips)| at_distance(*index.get(&hashes), flips % (bits + 1)))
            .collect();
        assert_equal_to_naive(&hashes, &queries, threshold);
    }

    proptest! {
        #[test]
        fn the_scan_equals_brute_force(
            hashes in prop::collection::vec(prop::array::uniform4(any::<u64>()), 0..80),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..=256), 0..12),
            threshold in 0_u32..=256,
        ) {
            equals_brute_force::<1>(&hashes, &flips, threshold);
            equals_brute_force::<3>(&hashes, &flips, threshold);
            equals_brute_force::<4>(&hashes, &flips, threshold);
        }
    }
}
