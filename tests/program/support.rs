//! What the tests of the program share: pictures, and a place with an index.

use hashsieve::{PdqHasher, PixelBuffer};

#[path = "../support/program.rs"]
pub mod program;
#[path = "../support/screening.rs"]
mod screening;

pub(crate) use program::{Place, Ran, keys, made_up, names};
pub(crate) use screening::{drawn, flat, png, turned};

/// Returns the hash of a picture, and its quality.
pub(crate) fn pdq(picture: &PixelBuffer) -> (String, u8) {
    let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
    (hashed.hash.to_hex(), hashed.quality)
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
