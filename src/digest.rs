//! Cryptographic digests of a file's bytes: md5, sha1, sha256 and sha512 (RustCrypto). This room never sees pixels.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::hash::{HashKind, HashValue};

/// Returns the digests of `bytes` of those `kinds` that are digests, in the order given; perceptual kinds are passed
/// over.
///
/// O(n) for each kind: about 0.5 to 2 GB/s a core, by kind and by the processor's instructions.
///
/// # Example
/// ```
/// use hashsieve::{HashKind, digest};
/// let digests = digest::of(b"abc", &[HashKind::Md5]);
/// assert_eq!(digests[0].to_hex(), "900150983cd24fb0d6963f7d28e17f72");
/// ```
pub fn of(bytes: &[u8], kinds: &[HashKind]) -> Vec<HashValue> {
    let mut digests = Vec::with_capacity(kinds.len());
    for &kind in kinds {
        let value = match kind {
            HashKind::Md5 => HashValue::from_bytes(kind, &Md5::digest(bytes)),
            HashKind::Sha1 => HashValue::from_bytes(kind, &Sha1::digest(bytes)),
            HashKind::Sha256 => HashValue::from_bytes(kind, &Sha256::digest(bytes)),
            HashKind::Sha512 => HashValue::from_bytes(kind, &Sha512::digest(bytes)),
            HashKind::Pdq | HashKind::Classic(_) => continue,
        };
        // A digest of its own kind always has the kind's length.
        digests.extend(value);
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-4 and RFC 1321, the message "abc".
        let expected = [
            "900150983cd24fb0d6963f7d28e17f72",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ];
        let digests = of(b"abc", &HashKind::ALL);
        assert_eq!(
            digests.iter().map(HashValue::to_hex).collect::<Vec<_>>(),
            expected
        );
    }
}
