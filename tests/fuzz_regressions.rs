//! Replays fuzz inputs through the very functions that the fuzzer runs: every file under `tests/data/fuzz/<target>/`,
//! which is where inputs that once failed are kept, and a few fixed ones.

use std::path::Path;

#[path = "../fuzz/bodies/classic.rs"]
pub mod classic;
#[path = "../fuzz/bodies/decode.rs"]
pub mod decode;
#[path = "../fuzz/bodies/hash_parse.rs"]
pub mod hash_parse;
#[path = "../fuzz/bodies/index_open.rs"]
pub mod index_open;
#[path = "../fuzz/bodies/index_search.rs"]
pub mod index_search;
#[path = "../fuzz/bodies/list_import.rs"]
pub mod list_import;
#[path = "../fuzz/bodies/pdq.rs"]
pub mod pdq;

type Body = fn(&[u8]);

const BODIES: [(&str, Body); 7] = [
    ("classic", classic::body),
    ("decode", decode::body),
    ("hash_parse", hash_parse::body),
    ("index_open", index_open::body),
    ("index_search", index_search::body),
    ("list_import", list_import::body),
    ("pdq", pdq::body),
];

/// Bytes that look like nothing and are the same on every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(step).collect()
}

#[test]
fn kept_inputs_pass() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz");
    if !directory.exists() {
        return;
    }
    for target in std::fs::read_dir(directory).unwrap() {
        let target = target.unwrap();
        let name = target.file_name();
        let body = BODIES.iter().find(|(body, _)| *name == **body);
        let (_, body) = body.unwrap_or_else(|| panic!("no target is called {}", name.display()));
        for input in std::fs::read_dir(target.path()).unwrap() {
            let input = input.unwrap().path();
            let bytes = std::fs::read(&input).unwrap();
            let outcome = std::panic::catch_unwind(|| body(&bytes));
            assert!(outcome.is_ok(), "{} fails", input.display());
        }
    }
}

#[test]
fn every_body_takes_any_length() {
    let noise = noise(2048);
    for (_, body) in BODIES {
        for len in (0..=130).chain([255, 256, 2048]) {
            body(&noise[..len]);
            body(&vec![0; len]);
            body(&vec![0xff; len]);
        }
    }
}

#[test]
fn texts_at_the_edges_of_their_encodings_pass() {
    for len in [32, 40, 43, 44, 64, 65, 128] {
        for digit in ["0", "f", "F", "A", "=", "7", "8", "\u{e9}"] {
            hash_parse::body(digit.repeat(len).as_bytes());
            hash_parse::body(format!("{}=", digit.repeat(len - 1)).as_bytes());
        }
    }
    for name in ["pdq", "SHA256", "sha-1", ""] {
        hash_parse::body(name.as_bytes());
    }
}

#[test]
fn every_single_changed_byte_of_an_index_passes() {
    // The first byte asks for edits to a sound index; without any, the index itself is checked.
    index_open::body(&[1]);
    for offset in 0..4096_u16 {
        let [low, high] = offset.to_le_bytes();
        // Bit 1 of the first byte has checksums of sections put right, so that what they guard is reached.
        index_open::body(&[3, low, high, 0x82, 0x01]);
        index_open::body(&[3, low, high, 0x82, 0xff]);
    }
}

#[test]
fn cut_and_lengthened_indexes_pass() {
    for len in 0..4096_u16 {
        let [low, high] = len.to_le_bytes();
        index_open::body(&[1, low, high, 0, 0]);
        index_open::body(&[1, low, high, 1, 0]);
    }
}

#[test]
fn pictures_of_awkward_shapes_pass() {
    let shape = |width: u32, height: u32, stride: u64, format: u8| {
        let mut input = Vec::new();
        input.extend(width.to_le_bytes());
        input.extend(height.to_le_bytes());
        input.extend(stride.to_le_bytes());
        input.push(format);
        input.extend(noise(977));
        input
    };
    for format in 0..4 {
        for (width, height) in [(4, 4), (4, 63), (63, 63), (63, 126), (127, 128), (199, 199)] {
            pdq::body(&shape(width, height, 5, format));
        }
        pdq::body(&shape(u32::MAX, u32::MAX, u64::MAX, format));
        pdq::body(&shape(8, 8, 64, format));
    }
}

#[test]
fn golden_pictures_pass_whole_and_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/decode");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for choice in 0..8 {
            let mut input = vec![choice, 200];
            input.extend(&bytes);
            decode::body(&input);
            input.truncate(input.len() / 2);
            decode::body(&input);
        }
        files += 1;
    }
    assert!(files > 50, "only {files} files");
}
