//! How hashes are cut into chunks: which bits stand side by side, and where one chunk ends and the next begins.
//!
//! The bits of a hash are put on a ring in an order of their own, because neighbouring bits of perceptual hashes go
//! together: with bits `(u, v)` of a 16x16 block cut in the order in which they are printed, buckets are 1.3 to 3.9 times as
//! full as those of random hashes, in the order used here 1.00 to 1.06 times.
#![allow(
    clippy::cast_possible_truncation,
    reason = "bits and chunks are counted to 256 and 32"
)]

use super::Words;

/// The most chunks that hashes are cut into.
pub(crate) const MAX_CHUNKS: usize = 32;

/// The most bits of a hash that is cut.
pub(crate) const MAX_BITS: usize = 256;

/// The most bits of a chunk: its directory has a place for every value.
pub(crate) const MAX_CHUNK_BITS: usize = 24;

/// The bits after a chunk on the ring that stand beside each entry of its table.
pub(crate) const SIGNATURE_BITS: usize = 16;

/// Directories begin at multiples of so many entries, which is a line of the cache.
const DIRECTORY_ALIGNMENT: usize = 16;

/// The words that a ring takes, with the bits after its end that are those of its beginning.
pub(crate) const RING_WORDS: usize = MAX_BITS / 64 + 1;

/// A hash on the ring, with the first bits once more after the last.
pub(crate) type Ring = [u64; RING_WORDS];

/// The value of each chunk of a hash, and the signature that goes with it.
pub(crate) type Cuts = [(u32, u16); MAX_CHUNKS];

/// A way to cut hashes of so many bits into chunks.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    bits: usize,
    count: usize,
    /// The bit of the hash that stands at each place of the ring; bit `b` is bit `b % 64` of word `b / 64`.
    order: [u8; MAX_BITS],
    /// The chunk of each bit of the hash.
    chunk_of: [u8; MAX_BITS],
    /// The place on the ring of each bit of the hash.
    place_of: [u8; MAX_BITS],
    /// Where chunks begin on the ring, and at the end their end.
    starts: [u16; MAX_CHUNKS + 1],
    /// How many chunks after each its signature holds bits of.
    in_signature: [u8; MAX_CHUNKS],
    /// Where directories begin, in entries, and at the end their end.
    directory_starts: [usize; MAX_CHUNKS + 1],
}

impl Chunks {
    /// Cuts a ring into chunks of equal length, or nearly.
    ///
    /// `None` if `order` is not a permutation of at most [`MAX_BITS`] bits, or chunks would have more than
    /// [`MAX_CHUNK_BITS`] bits or would leave fewer than a signature has.
    pub(crate) fn new(order: &[u8], count: usize) -> Option<Self> {
        let bits = order.len();
        if bits > MAX_BITS || !(2..=MAX_CHUNKS).contains(&count) {
            return None;
        }
        let longest = bits.div_ceil(count);
        if longest > MAX_CHUNK_BITS || bits / count == 0 || bits < longest + SIGNATURE_BITS {
            return None;
        }
        let mut chunks = Self {
            bits,
            count,
            order: [0; MAX_BITS],
            chunk_of: [u8::MAX; MAX_BITS],
            place_of: [0; MAX_BITS],
            starts: [0; MAX_CHUNKS + 1],
            in_signature: [0; MAX_CHUNKS],
            directory_starts: [0; MAX_CHUNKS + 1],
        };
        chunks.order[..bits].copy_from_slice(order);
        let mut places = (0..=u8::MAX).zip(order);
        for chunk in 0..count {
            let end = (chunk + 1) * bits / count;
            chunks.starts[chunk + 1] = end as u16;
            let width = end - usize::from(chunks.starts[chunk]);
            for (place, bit) in places.by_ref().take(width) {
                let bit = usize::from(*bit);
                if bit >= bits || chunks.chunk_of[bit] != u8::MAX {
                    return None;
                }
                chunks.chunk_of[bit] = chunk as u8;
                chunks.place_of[bit] = place;
            }
            // A place for each value, one for the end of the last, and what fills the line up.
            let entries = (1_usize << width) + DIRECTORY_ALIGNMENT;
            chunks.directory_starts[chunk + 1] = chunks.directory_starts[chunk] + entries;
        }
        for chunk in 0..count {
            let mut left = SIGNATURE_BITS;
            let mut touched = 0;
            while left > 0 {
                touched += 1;
                left = left.saturating_sub(chunks.width((chunk + touched) % count));
            }
            chunks.in_signature[chunk] = touched as u8;
        }
        Some(chunks)
    }

    /// Returns the way in which so many hashes are cut, or `None` where a flat scan is faster: for fewer than
    /// [`FEWEST_HASHES`].
    ///
    /// Bit `(u, v)` of a block goes to chunk `(u + 5 v) % count`, so that a chunk's bits are far from one another in both
    /// directions.
    pub(crate) fn chosen(bits: usize, hashes: u64) -> Option<Self> {
        if hashes < FEWEST_HASHES {
            return None;
        }
        let width = if hashes < WIDER_FROM { 16 } else { 18 };
        let count = match bits {
            // Two chunks of 20 bits would have directories of 8 MB.
            ..=48 => 3,
            _ => (bits + width / 2) / width,
        };
        let side = if bits < 100 { 8 } else { 16 };
        let mut order: Vec<u8> = (0..bits).map(|bit| bit as u8).collect();
        order.sort_by_key(|&bit| {
            let bit = usize::from(bit);
            (bit % side + 5 * (bit / side)) % count
        });
        Self::new(&order, count)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the bit of the hash at each place of the ring.
    pub(crate) fn order(&self) -> &[u8] {
        &self.order[..self.bits]
    }

    /// Returns the number of bits of a chunk.
    pub(crate) fn width(&self, chunk: usize) -> usize {
        usize::from(self.starts[chunk + 1] - self.starts[chunk])
    }

    /// Returns where the directory of a chunk begins, and how many entries it has: one more than there are values.
    pub(crate) fn directory(&self, chunk: usize) -> (usize, usize) {
        (self.directory_starts[chunk], (1 << self.width(chunk)) + 1)
    }

    /// Returns the entries of all directories.
    pub(crate) fn directory_entries(&self) -> usize {
        self.directory_starts[self.count]
    }

    /// Returns the chunk of a bit of the hash.
    pub(crate) fn chunk_of(&self, bit: usize) -> usize {
        usize::from(self.chunk_of[bit])
    }

    /// Returns how many chunks after a chunk its signature holds bits of.
    pub(crate) fn chunks_in_signature(&self, chunk: usize) -> usize {
        usize::from(self.in_signature[chunk])
    }

    /// Puts a hash on the ring.
    pub(crate) fn ring(&self, hash: &Words) -> Ring {
        let mut ring = [0; RING_WORDS];
        for (number, word) in hash.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let bit = number * 64 + word.trailing_zeros() as usize;
                let place = self.place_of[bit];
                ring[usize::from(place / 64)] |= 1 << (place % 64);
                word &= word - 1;
            }
        }
        self.close(&mut ring);
        ring
    }

    /// Cuts a hash.
    pub(crate) fn cuts(&self, hash: &Words) -> Cuts {
        let ring = self.ring(hash);
        let mut cuts = [(0, 0); MAX_CHUNKS];
        for (chunk, cut) in cuts.iter_mut().enumerate().take(self.count) {
            let (value, signature) = self.value_and_signature(&ring, chunk);
            *cut = (value as u32, signature);
        }
        cuts
    }

    /// Writes the first bits once more after the last.
    pub(crate) fn close(&self, ring: &mut Ring) {
        let first = ring[0] & 0xffff_ffff;
        let (word, bit) = (self.bits / 64, self.bits % 64);
        ring[word] |= first << bit;
        if bit > 32 {
            ring[word + 1] |= first >> (64 - bit);
        }
    }

    /// Returns the value of a chunk and the signature that goes with it.
    #[inline(always)]
    pub(crate) fn value_and_signature(&self, ring: &Ring, chunk: usize) -> (usize, u16) {
        let start = usize::from(self.starts[chunk]);
        let end = usize::from(self.starts[chunk + 1]);
        let bits = |from: usize| {
            let (word, bit) = (from / 64, from % 64);
            let high = ring.get(word + 1).copied().unwrap_or(0);
            // Shifted in two steps, since a shift by 64 is none.
            ring[word] >> bit | (high << 1) << (63 - bit)
        };
        let value = bits(start) & ((1 << (end - start)) - 1);
        (value as usize, bits(end) as u16)
    }
}

/// Fewer hashes than this have no tables: a flat scan over them takes about as long as looking into the directories.
pub(crate) const FEWEST_HASHES: u64 = 16_384;

/// From so many hashes on chunks have 18 bits instead of 16.
const WIDER_FROM: u64 = 40_000_000;

/// Puts many hashes on a ring, faster than one bit after another: what each value of each byte gives is known.
pub(crate) struct RingTable {
    words: Vec<[[[u64; 4]; 256]; 8]>,
}

impl RingTable {
    /// Takes 256 KiB for hashes of 256 bits.
    pub(crate) fn new(chunks: &Chunks) -> Self {
        let mut bytes = vec![[[[0; 4]; 256]; 8]; chunks.bits.div_ceil(64)];
        let bytes_of_words = bytes.as_flattened_mut();
        for (place, bit) in chunks.order().iter().enumerate() {
            for (value, ring) in bytes_of_words[usize::from(bit / 8)].iter_mut().enumerate() {
                ring[place / 64] |= (value as u64 >> (bit % 8) & 1) << (place % 64);
            }
        }
        Self { words: bytes }
    }

    pub(crate) fn ring<const WORDS: usize>(&self, chunks: &Chunks, hash: &[u64; WORDS]) -> Ring {
        let mut places = [0; 4];
        for (word, bytes) in hash.iter().zip(&self.words) {
            for (byte, values) in word.to_le_bytes().into_iter().zip(bytes) {
                let gives = &values[usize::from(byte)];
                for place in 0..4 {
                    places[place] |= gives[place];
                }
            }
        }
        let mut ring = [0; RING_WORDS];
        ring[..4].copy_from_slice(&places);
        chunks.close(&mut ring);
        ring
    }
}
