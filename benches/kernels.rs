//! The vector kernels of PDQ, each at every level of this machine.
//!
//! ```text
//! cargo bench --bench kernels -- --save-baseline before     then, after a change:
//! cargo bench --bench kernels -- --baseline before
//! ```
//!
//! Throughput is in pixels, hashes times queries or signatures: a kernel of the filter does a strip of 32 rows and 64 columns, whose data stay in the first
//! cache. `benches/hash.rs` tells what whole hashes take, and what holds them up.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the kernels are no public interface; they are compiled into this bench, which uses some of what is there"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

// The room knows nothing else of the crate, so it stands alone.
#[path = "../src/simd/mod.rs"]
mod simd;

use simd::{
    BLOCK_SIDE, Divisor, GROUP, Groups, LINE_LEN, NearGroup, PLANE_SIDE, Plane, PlaneRow, Position,
    Progress, ROWS, Run, Sample, SimdLevel, Sixteen, Survivor, TILE, UNIT, Weights,
};

const WINDOW: usize = 4;

/// Numbers that look random and are the same on every run.
struct Numbers(u32);

impl Numbers {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()[0]
    }

    fn luma(&mut self) -> f32 {
        0.299 * f32::from(self.byte()) + 0.701 * f32::from(self.byte())
    }

    fn positions(&mut self, length: usize) -> Vec<Position> {
        let position = |_| Position(std::array::from_fn(|_| self.luma()));
        (0..length).map(position).collect()
    }

    fn plane(&mut self) -> Plane {
        std::array::from_fn(|_| PlaneRow(std::array::from_fn(|_| self.luma())))
    }
}

/// Takes the time of a kernel at every level.
fn levels(criterion: &mut Criterion, kernel: &str, pixels: usize, mut run: impl FnMut(SimdLevel)) {
    let mut group = criterion.benchmark_group("kernels");
    group.throughput(Throughput::Elements(pixels as u64));
    for level in SimdLevel::available() {
        group.bench_function(BenchmarkId::new(kernel, level), |bencher| {
            bencher.iter(|| run(level));
        });
    }
    group.finish();
}

fn filter(criterion: &mut Criterion) {
    let mut numbers = Numbers(1);
    let pixels = ROWS * UNIT;
    let bytes: Vec<u8> = (0..pixels * 4).map(|_| numbers.byte()).collect();
    let rows: [&[u8]; ROWS] = std::array::from_fn(|i| &bytes[i * UNIT * 4..][..UNIT * 4]);
    let mut columns = numbers.positions(WINDOW + UNIT);
    for bytes_per_pixel in 1..=4 {
        let kernel = format!("luma of {bytes_per_pixel} bytes");
        levels(criterion, &kernel, pixels, |level| {
            level.luma(&rows, bytes_per_pixel, 0, &mut columns[WINDOW..]);
        });
    }

    // As a hasher has them: a window and a strip of rows, a chunk wide, and a slot of zeros.
    let width = UNIT / TILE;
    let mut ring = vec![Sixteen::default(); (WINDOW + ROWS + 1) * width];
    let entering: [usize; ROWS] = std::array::from_fn(|i| (WINDOW + i) * width);
    let leaving: [usize; ROWS] = std::array::from_fn(|i| i * width);
    let (one, each) = (vec![Divisor::new(WINDOW)], vec![Divisor::new(3); UNIT]);
    let mut sums = Position::default();
    for (divisors, name) in [(&one, "one divisor"), (&each, "a divisor each")] {
        let kernel = format!("box along rows, {name}");
        levels(criterion, &kernel, pixels, |level| {
            sums = Position::default();
            level.box_along_rows(&mut sums, &columns, WINDOW, divisors, &mut ring, &entering);
        });
    }
    let mut averages = numbers.positions(WINDOW + UNIT);
    for (divisors, name) in [(&one, "one divisor"), (&each, "a divisor each")] {
        let divisors = &divisors[..divisors.len().min(ROWS)];
        let kernel = format!("box along columns, {name}");
        levels(criterion, &kernel, pixels, |level| {
            let mut sums = [Sixteen::default(); UNIT / TILE];
            let columns = &mut averages[WINDOW..];
            level.box_along_columns(&mut sums, &ring, &entering, &leaving, divisors, columns);
        });
    }
    // One sample in eight columns, as at 512x512.
    let samples: Vec<Sample> = (0..UNIT / 8)
        .map(|i| Sample {
            position: 8 * i + 4,
            divisor: 4.0,
        })
        .collect();
    let mut out = vec![Position::default(); samples.len()];
    levels(criterion, "sample along rows", pixels, |level| {
        sums = Position::default();
        level.sample_along_rows(&mut sums, &averages, WINDOW, 0, &samples, &mut out);
    });
    let sampled: Box<[Position; PLANE_SIDE]> =
        Box::new(std::array::from_fn(|_| Position::default()));
    let mut plane_rows = vec![PlaneRow::default(); ROWS];
    let places = std::array::from_fn(|i| i);
    levels(criterion, "transpose", pixels, |level| {
        level.transpose(&sampled, &mut plane_rows, &places);
    });
}

fn transform(criterion: &mut Criterion) {
    let mut numbers = Numbers(2);
    let bytes = std::array::from_fn(|_| std::array::from_fn(|_| numbers.byte()));
    let mut plane = numbers.plane();
    let pixels = PLANE_SIDE * PLANE_SIDE;
    levels(criterion, "widen", pixels, |level| {
        level.widen(&bytes, &mut plane);
    });
    let plane = numbers.plane();
    // The values do not matter here; those of a transform are signed.
    let weights = Weights {
        rows: [(); BLOCK_SIDE].map(|()| [(); PLANE_SIDE].map(|()| numbers.luma() - 128.0)),
        columns: [(); PLANE_SIDE].map(|()| [(); BLOCK_SIDE].map(|()| numbers.luma() - 128.0)),
    };
    levels(criterion, "gradient sum", pixels, |level| {
        black_box(level.gradient_sum(&plane));
    });
    levels(criterion, "transform", pixels, |level| {
        black_box(level.transform(&plane, &weights));
    });
    let block = SimdLevel::SCALAR.transform(&plane, &weights);
    levels(criterion, "bits above median", pixels, |level| {
        black_box(level.bits_above_median(&block));
    });
}

fn hamming(criterion: &mut Criterion) {
    let mut numbers = Numbers(3);
    let mut line = || std::array::from_fn(|_| numbers.byte());
    let lines: Vec<[u8; LINE_LEN]> = (0..4 * 64).map(|_| line()).collect();
    let groups = Groups {
        lines: &lines,
        group_stride: 4,
        word_stride: 1,
    };
    let mut near = [NearGroup::default(); 64];
    for queries in [1, 8] {
        let queries = vec![[1, 2, 3, 4]; queries];
        let kernel = format!("scan of hashes, {} queries", queries.len());
        levels(criterion, &kernel, 64 * GROUP * queries.len(), |level| {
            let mut next = 0;
            black_box(level.scan_groups(&groups, &mut next, 64, 2, &queries, 31, &mut near));
        });
    }
    let signatures = lines.as_flattened().as_chunks().0;
    let mut survivors = [Survivor::default(); 512];
    for length in [2_u32, 16, 160] {
        let runs: Vec<Run> = (0..32)
            .map(|i| Run::new(i * 200, 77, 2, 0).at(0, length))
            .collect();
        let kernel = format!("signatures in runs of {length}");
        levels(criterion, &kernel, 32 * length as usize, |level| {
            let mut progress = Progress::default();
            black_box(level.near_signatures(signatures, &runs, &mut progress, &mut survivors));
        });
    }
}

criterion_group!(benches, filter, transform, hamming);
criterion_main!(benches);
