//! Pixels to PDQ hash and quality, scalar, by size and pixel format; bytes to verdict.
//!
//! ```text
//! cargo bench --bench hash -- --save-baseline before     then, after a change:
//! cargo bench --bench hash -- --baseline before
//! ```
//!
//! The limit of the scalar hasher is its four passes over full-size planes of `f32`: some 40 bytes move for each pixel.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashsieve::synthetic::{FileFormat, Scene, encode, picture};
use hashsieve::{DecodeOptions, PdqHasher, PixelFormat, decode};

const SIZES: [(u32, u32); 4] = [(64, 64), (512, 512), (1920, 1080), (4000, 3000)];

fn pixels_to_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pdq");
    group.sample_size(10);
    for (width, height) in SIZES {
        for format in [PixelFormat::Luma8, PixelFormat::Rgb8] {
            let picture = picture(Scene::DeadLeaves, 1, width, height, format);
            let name = format!("{}/size={width:04}x{height:04}", format.name());
            group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
            let mut hasher = PdqHasher::new();
            group.bench_function(BenchmarkId::new("hash", &name), |bencher| {
                bencher.iter(|| hasher.hash(&picture.as_pixels()));
            });
            group.bench_function(BenchmarkId::new("dihedral", &name), |bencher| {
                bencher.iter(|| hasher.dihedral(&picture.as_pixels()));
            });
        }
    }
    group.finish();
}

fn bytes_to_pixels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10);
    let picture = picture(Scene::DeadLeaves, 1, 1920, 1080, PixelFormat::Rgb8);
    for format in FileFormat::ALL {
        let bytes = encode(&picture, format).expect("1920x1080 fits every format");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let options = DecodeOptions::default();
        group.bench_function(BenchmarkId::new("format", format.name()), |bencher| {
            bencher.iter(|| decode(&bytes, &options));
        });
    }
    group.finish();
}

criterion_group!(benches, pixels_to_hash, bytes_to_pixels);
criterion_main!(benches);
