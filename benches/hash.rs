//! Bytes to PDQ hash, by file format, size and profile; pixels to hash and quality, by size, pixel format and level.
//!
//! ```text
//! cargo bench --bench hash -- --save-baseline before     then, after a change:
//! cargo bench --bench hash -- --baseline before
//! ```
//!
//! The limit of bytes to hash is `zune-jpeg`, and in it the Huffman decoding of one symbol after another. With buffers that
//! are kept, its share of bytes to pixels was 98% (512x512, JPEG of quality 88; the rest is the walk along the markers and the
//! clearing of the buffer). Where its time went, by `perf`, in percent:
//!
//! ```text
//!                                 12 megapixels, 4:2:0     512x512, 4:4:4
//!                                    RGB    luma only      RGB    luma only
//! Huffman decoding of blocks          42           49       61           56
//! the same of blocks left out          -            9        -           18
//! inverse DCT                         20           22       20           10
//! colours, or luma to bytes           20            5        7            1
//! upsampling                           5            -        -            -
//! moving and clearing memory           4            4        3            4
//! the loop over blocks                 6            8        5            7
//! ```
//!
//! Fresh memory for every picture would take 20 ms more at 12 megapixels, to 30 of decoding.
//!
//! The limit of pixels to hash is, it seems, how many vector operations a processor does in a cycle: at 4000x3000 a hasher reads
//! 3.3 gigabytes of pixels a second, far less than memory gives. (Its window and a strip are 0.9 MB there, nearly all of a
//! second-level cache of 1 MB; whether that costs anything was not measured.) Where its time went
//! at the AVX-512 level, by `perf`, in percent (AMD Zen 4, which does an operation of 512 bits in two halves):
//!
//! ```text
//!                                 512x512 luma    1920x1080 RGB
//! luma, and transposing its bytes          17              33
//! box along rows, and transposing          26              19
//! box along columns, and transposing       28              22
//! second box along rows, sampled           11               9
//! all else                                 18              17
//! ```
//!
//! For 16 pixels of luma that is 11 additions and multiplications, 13 shuffles, 4 stores and 7 loads of 64 bytes: no less
//! than 14 cycles on that processor by a count of its units, against 28 taken if it runs at 3.7 GHz, which could not be read. AVX2 does as much work in as many halves, so there it takes only a
//! tenth longer. A frame of 64x64 is nearly all transform: 82 thousand products and as many sums, each rounded by itself,
//! are 5,100 cycles of 16 lanes, 1.4 of its 3 microseconds.
//!
//! What was tried and left: rows of a strip each one position behind the row above, so that both kinds of sums have rows as
//! lanes and nothing but bytes is transposed, was 10% slower at 512x512, as fast at 1920x1080 and 10 to 20% faster at
//! 4000x3000 with AVX-512; with AVX2 9 to 19% slower, 2 to 34% slower (noisy) and 10 to 20% faster; 4 to 11% slower in plain code.
//! For that it takes reads across cache lines, and samples from the diagonal one by one.

use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashsieve::synthetic::{FileFormat, Scene, encode, picture};
use hashsieve::{
    ClassicHasher, ClassicKind, DecodeOptions, Decoder, PDQ_PROFILE, PDQ_PROFILE_JPEG_LUMA,
    PdqHasher, PixelBuffer, PixelFormat, SimdLevel,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const SIZES: [(u32, u32); 4] = [(64, 64), (512, 512), (1920, 1080), (4000, 3000)];

fn pixels_to_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pdq");
    group.sample_size(10);
    for (width, height) in SIZES {
        for format in [
            PixelFormat::Luma8,
            PixelFormat::LumaAlpha8,
            PixelFormat::Rgb8,
            PixelFormat::Rgba8,
        ] {
            let picture = picture(Scene::DeadLeaves, 1, width, height, format);
            group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
            for level in SimdLevel::available() {
                let name = format!("{}/size={width:04}x{height:04}/{level}", format.name());
                let mut hasher = PdqHasher::with_level(level);
                group.bench_function(BenchmarkId::new("hash", &name), |bencher| {
                    bencher.iter(|| hasher.hash(&picture.as_pixels()));
                });
                group.bench_function(BenchmarkId::new("dihedral", &name), |bencher| {
                    bencher.iter(|| hasher.dihedral(&picture.as_pixels()));
                });
            }
        }
    }
    group.finish();
}

fn pixels_to_classic_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("classic");
    group.sample_size(10);
    for (width, height) in [(512, 512), (1920, 1080)] {
        let picture = picture(Scene::DeadLeaves, 1, width, height, PixelFormat::Rgb8);
        group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        let mut hasher = ClassicHasher::new();
        for kind in ClassicKind::ALL {
            let id = BenchmarkId::new(kind.to_string(), format!("size={width:04}x{height:04}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| hasher.hash(&picture.as_pixels(), kind));
            });
        }
    }
    group.finish();
}

/// A file's bytes to the PDQ hash of its one picture, with buffers kept, as a thread of a screener does it.
fn bytes_to_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bytes-to-hash");
    group.sample_size(10);
    for (width, height) in [(512, 512), (1920, 1080), (4000, 3000)] {
        let picture = picture(Scene::DeadLeaves, 1, width, height, PixelFormat::Rgb8);
        group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        for (name, file) in jpegs(&picture).into_iter().chain(others(&picture)) {
            for luma_only in [false, true] {
                if luma_only && !name.starts_with("jpeg-4") {
                    continue;
                }
                let profile = if luma_only {
                    PDQ_PROFILE_JPEG_LUMA
                } else {
                    PDQ_PROFILE
                };
                let mut decoder = Decoder::new(DecodeOptions {
                    jpeg_luma_only: luma_only,
                    ..DecodeOptions::default()
                });
                let mut hasher = PdqHasher::new();
                let size = format!("size={width:04}x{height:04}");
                let id = BenchmarkId::new(format!("format={name}/{size}"), profile);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let mut hash = None;
                        let decoded = decoder.for_each_frame(&file, |frame| {
                            hash = hasher.hash(&frame.pixels).ok();
                            ControlFlow::Continue(())
                        });
                        assert!(decoded.is_ok() && hash.is_some());
                        hash
                    });
                });
            }
        }
    }
    group.finish();
}

/// The picture as JPEGs of quality 88: colours at full size, at a quarter, and grey.
fn jpegs(picture: &PixelBuffer) -> Vec<(&'static str, Vec<u8>)> {
    let side = |side: u32| u16::try_from(side).expect("sizes here fit JPEG");
    let encode = |samples: &[u8], colours, sampling| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 88);
        encoder.set_sampling_factor(sampling);
        let (width, height) = (side(picture.width()), side(picture.height()));
        let encoded = encoder.encode(samples, width, height, colours);
        encoded.expect("the sides fit");
        file
    };
    let green: Vec<u8> = picture.as_bytes().chunks_exact(3).map(|p| p[1]).collect();
    vec![
        (
            "jpeg-420",
            encode(picture.as_bytes(), ColorType::Rgb, SamplingFactor::F_2_2),
        ),
        (
            "jpeg-444",
            encode(picture.as_bytes(), ColorType::Rgb, SamplingFactor::F_1_1),
        ),
        (
            "jpeg-grey",
            encode(&green, ColorType::Luma, SamplingFactor::F_1_1),
        ),
    ]
}

/// The picture in the other formats; as GIF only if it is small.
fn others(picture: &PixelBuffer) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let small = picture.width() < 1000;
    let others = FileFormat::ALL
        .into_iter()
        .filter(move |format| match format {
            FileFormat::Jpeg { .. } => false,
            // Its colours take long to choose.
            FileFormat::Gif => small,
            _ => true,
        });
    others.map(|format| {
        let file = encode(picture, format).expect("sizes here fit every format");
        (format.name(), file)
    })
}

criterion_group!(
    benches,
    bytes_to_hash,
    pixels_to_classic_hash,
    pixels_to_hash
);
criterion_main!(benches);
