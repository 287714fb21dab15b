//! Exact radius search over hashes in memory. This room never sees files, maps or pixels.
//!
//! Hashes lie word by word ("columns"): all first words, then all second words, and so on, as little-endian bytes, so
//! that a scan reads only the words it needs and the same code serves a mapped file and a vector. How many words a hash
//! has (1, 3 and 4 occur) is known when compiling. Two of the four words of a PDQ hash already reject nearly every pair.
//!
//! Distances and thresholds are Hamming distances; a threshold is inclusive, as in PDQ's reference (FAISS's `radius`
//! is not: there it is a strict bound).

mod flat;

pub(crate) use flat::{Columns, scan};

/// One hash within the threshold of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Match {
    /// The position of the hash among the distinct hashes of its kind, in ascending order of the hashes.
    pub id: u32,
    /// The number of bits by which it differs from the query.
    pub distance: u32,
}
