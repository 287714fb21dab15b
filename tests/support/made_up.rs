//! Made-up hashes.
#![allow(
    unreachable_pub,
    reason = "some of the tests that share them export them"
)]

use hashsieve::{HashKind, HashValue};

/// Returns a made-up hash, another for each number.
pub fn hash(kind: HashKind, number: u64) -> HashValue {
    let mut state = number + 1;
    let bytes: Vec<u8> = (0..kind.byte_len())
        .map(|_| {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed.to_le_bytes()[7]
        })
        .collect();
    HashValue::from_bytes(kind, &bytes).unwrap()
}

/// Returns the same in hexadecimal.
pub fn hex(kind: HashKind, number: u64) -> String {
    hash(kind, number).to_hex()
}
