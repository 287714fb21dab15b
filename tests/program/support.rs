//! What the tests of the program share: pictures, and a place with an index.

use hashsieve::synthetic::{FileFormat, Scene, encode, picture};
use hashsieve::{HashKind, HashValue, PdqHasher, PixelBuffer, PixelFormat};

#[path = "../support/program.rs"]
pub mod program;

pub(crate) use program::{Place, Ran, keys, made_up, names};

pub(crate) fn drawn(seed: u64) -> PixelBuffer {
    picture(Scene::DeadLeaves, seed, 256, 256, PixelFormat::Rgb8)
}

pub(crate) fn png(picture: &PixelBuffer) -> Vec<u8> {
    encode(picture, FileFormat::Png).unwrap()
}

pub(crate) fn pdq(picture: &PixelBuffer) -> (String, u8) {
    let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
    (hashed.hash.to_hex(), hashed.quality)
}

/// Returns the hash with its first `count` bits turned.
pub(crate) fn turned(hex: &str, count: usize) -> String {
    let hash = HashValue::parse(HashKind::Pdq, hex).unwrap();
    let mut bytes = hash.as_bytes().to_vec();
    for bit in 0..count {
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
    }
    HashValue::from_bytes(HashKind::Pdq, &bytes)
        .unwrap()
        .to_hex()
}

/// Returns a place with `original.png` and an index `list.hsv` of it, in which it is the entry `original.png`.
pub(crate) fn place_with_index() -> Place {
    let place = Place::new();
    let original = drawn(1);
    place.write("original.png", png(&original));
    let (hash, quality) = pdq(&original);
    place.write("list.hsh", format!("{hash},{quality},original.png\n"));
    place
        .run(&["index", "build", "list.hsh", "-o", "list.hsv"])
        .exits(0);
    place
}
