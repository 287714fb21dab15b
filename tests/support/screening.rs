//! Pictures, lists and screeners to test screening with. All pictures are synthetic, all entries made up.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each of the tests that share them uses some"
)]

use hashsieve::synthetic::{AnimationFormat, FileFormat, Scene, encode, encode_animation, picture};
use hashsieve::{
    Entry, HashKind, HashValue, Index, IndexBuilder, ListDescriptor, Opinion, PdqHasher,
    PixelBuffer, PixelFormat, Screener, Suppression, Verdict, digest,
};

pub const OLD: i64 = 1_000_000_000;

pub fn drawn(seed: u64) -> PixelBuffer {
    picture(Scene::DeadLeaves, seed, 256, 256, PixelFormat::Rgb8)
}

pub fn flat() -> PixelBuffer {
    picture(Scene::Flat, 1, 256, 256, PixelFormat::Rgb8)
}

pub fn png(picture: &PixelBuffer) -> Vec<u8> {
    encode(picture, FileFormat::Png).unwrap()
}

pub fn pdq(picture: &PixelBuffer) -> HashValue {
    let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
    hashed.hash.into()
}

pub fn md5(bytes: &[u8]) -> HashValue {
    digest::of(bytes, &[HashKind::Md5])[0]
}

pub fn entry(id: &str, hashes: &[HashValue]) -> Entry {
    let mut entry = Entry::new(id);
    entry.hashes = hashes.to_vec();
    entry
}

/// Returns the file of an index of these lists, all of one old date.
pub fn index_file(lists: &[(&str, &[Entry])]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    for (name, entries) in lists {
        let list = builder
            .add_list(ListDescriptor {
                name: (*name).to_owned(),
                version: format!("{name}-version"),
                time: Some(OLD),
                ..ListDescriptor::default()
            })
            .unwrap();
        for entry in *entries {
            builder.add(list, entry).unwrap();
        }
    }
    builder.finish().unwrap();
    std::fs::read(path).unwrap()
}

pub fn index(lists: &[(&str, &[Entry])]) -> Index {
    Index::from_bytes(index_file(lists)).unwrap()
}

pub fn screener(lists: &[(&str, &[Entry])], policy: &str) -> Screener {
    Screener::new(vec![index(lists)], toml::from_str(policy).unwrap()).unwrap()
}

/// Returns a screener for one list, `list`, of one entry, `entry`.
pub fn one(hash: HashValue, policy: &str) -> Screener {
    screener(&[("list", &[entry("entry", &[hash])])], policy)
}

/// Returns the hash with its first `count` bits, of 256, turned.
pub fn turned(hash: &HashValue, count: usize) -> HashValue {
    let mut bytes = hash.as_bytes().to_vec();
    for bit in 0..count {
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
    }
    HashValue::from_bytes(hash.kind(), &bytes).unwrap()
}

pub fn found(verdict: &Verdict) -> Vec<(&str, &str, u32)> {
    let matches = verdict.matches.iter();
    matches
        .map(|m| (m.list.as_str(), m.entry.as_str(), m.distance))
        .collect()
}

pub fn animation(frames: &[PixelBuffer]) -> Vec<u8> {
    encode_animation(frames, AnimationFormat::Gif).unwrap()
}

pub fn small() -> PixelBuffer {
    picture(Scene::Gradient, 3, 64, 64, PixelFormat::Luma8)
}

/// Returns an entry whose hash is so many bits from that of the small picture.
pub fn near(id: &str, distance: usize) -> Entry {
    entry(id, &[turned(&pdq(&small()), distance)])
}

pub fn with_opinion(mut entry: Entry, opinion: Opinion) -> Entry {
    entry.opinion = opinion;
    entry
}

pub fn screened(lists: &[(&str, &[Entry])], policy: &str) -> Verdict {
    screener(lists, policy).screen_pixels(&small().as_pixels())
}

/// Returns list and entry of what is suppressed, with the reason.
pub fn suppressed(verdict: &Verdict) -> Vec<(&str, &str, &Suppression)> {
    let suppressed = verdict.suppressed.iter();
    suppressed
        .map(|one| {
            (
                one.found.list.as_str(),
                one.found.entry.as_str(),
                &one.suppression,
            )
        })
        .collect()
}
