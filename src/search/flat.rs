//! The flat scan: every hash is looked at, in blocks that stay in the first-level cache while all queries pass over
//! them.

/// How many hashes a block has: two words of each make 16 KiB, half of a usual first-level cache.
const BLOCK: usize = 1024;

/// Hashes of four words, word by word, as little-endian bytes.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    words: [&'a [[u8; 8]]; 4],
}

impl<'a> Columns<'a> {
    /// Returns a view of four columns of one length.
    ///
    /// # Panics
    /// If the columns differ in length, or have more than `u32::MAX` words.
    pub(crate) fn new(words: [&'a [[u8; 8]]; 4]) -> Self {
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
    pub(crate) fn get(&self, id: usize) -> [u64; 4] {
        self.words.map(|column| u64::from_le_bytes(column[id]))
    }
}

/// Calls `found(query, id, distance)` for every query, by its position, and every hash within `threshold` of it.
///
/// Matches of one query come in ascending order of id; matches of several queries are interleaved. O(hashes x
/// queries), no allocation.
pub(crate) fn scan(
    hashes: Columns<'_>,
    queries: &[[u64; 4]],
    threshold: u32,
    mut found: impl FnMut(usize, u32, u32),
) {
    let mut first_half = [0_u32; BLOCK];
    let mut start = 0;
    while start < hashes.len() {
        let len = BLOCK.min(hashes.len() - start);
        let block = hashes.words.map(|column| &column[start..start + len]);
        for (number, query) in queries.iter().enumerate() {
            let first_half = &mut first_half[..len];
            for ((distance, a), b) in first_half.iter_mut().zip(block[0]).zip(block[1]) {
                *distance = differ(a, query[0]) + differ(b, query[1]);
            }
            for (offset, &partial) in first_half.iter().enumerate() {
                if partial > threshold {
                    continue;
                }
                let distance = partial
                    + differ(&block[2][offset], query[2])
                    + differ(&block[3][offset], query[3]);
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
    use crate::hash::Pdq;

    /// The three-line oracle.
    fn naive(hashes: &[[u64; 4]], query: &[u64; 4], threshold: u32) -> Vec<(u32, u32)> {
        let distance = |hash: &[u64; 4]| Pdq::from_words(*hash).distance(&Pdq::from_words(*query));
        let all = (0_u32..).zip(hashes.iter().map(distance));
        all.filter(|&(_, distance)| distance <= threshold).collect()
    }

    fn assert_equal_to_naive(hashes: &[[u64; 4]], queries: &[[u64; 4]], threshold: u32) {
        let columns: [Vec<[u8; 8]>; 4] =
            std::array::from_fn(|w| hashes.iter().map(|h| h[w].to_le_bytes()).collect());
        let view = Columns::new([&columns[0], &columns[1], &columns[2], &columns[3]]);
        let mut found = vec![Vec::new(); queries.len()];
        scan(view, queries, threshold, |query, id, distance| {
            found[query].push((id, distance));
        });
        for (query, found) in queries.iter().zip(found) {
            assert_eq!(found, naive(hashes, query, threshold));
        }
    }

    /// Flips `count` bits, spread over the words.
    fn at_distance(hash: [u64; 4], count: u32) -> [u64; 4] {
        let mut words = hash;
        for bit in 0..count as usize {
            let bit = bit * 37 % 256;
            words[bit / 64] ^= 1 << (bit % 64);
        }
        words
    }

    #[test]
    fn every_size_around_a_block_is_searched_whole() {
        let seed = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0, u64::MAX];
        for len in [0, 1, 2, 3, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
            let hashes: Vec<_> = (0..len)
                .map(|i| at_distance(seed, u32::try_from(i % 257).unwrap()))
                .collect();
            for threshold in [0, 1, 30, 31, 32, 128, 255, 256] {
                assert_equal_to_naive(&hashes, &[seed, [0; 4]], threshold);
            }
        }
    }

    #[test]
    fn the_threshold_is_inclusive_at_odd_and_even_distances() {
        let query = [5, 6, 7, 8];
        for threshold in 0..=255 {
            let hashes = [
                at_distance(query, threshold),
                at_distance(query, threshold + 1),
            ];
            assert_eq!(naive(&hashes, &query, threshold), [(0, threshold)]);
            assert_equal_to_naive(&hashes, &[query], threshold);
        }
    }

    proptest! {
        #[test]
        fn the_scan_equals_brute_force(
            hashes in prop::collection::vec(prop::array::uniform4(any::<u64>()), 0..80),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..=256), 0..12),
            threshold in 0_u32..=256,
        ) {
            let queries: Vec<_> = flips
                .iter()
                .filter(|_| !hashes.is_empty())
                .map(|(index, flips)| at_distance(*index.get(&hashes), *flips))
                .collect();
            assert_equal_to_naive(&hashes, &queries, threshold);
        }
    }
}
