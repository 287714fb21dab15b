//! The battery: every kernel at every level of this machine against the plain level, bit for bit.
#![allow(
    clippy::cast_possible_truncation,
    reason = "random bytes are cut from numbers; counts are small"
)]

use super::*;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Random numbers that are the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 27
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// A luma that is no whole number.
    fn luma(&mut self) -> f32 {
        0.299 * f32::from((self.next() >> 32) as u8) + 0.114 * f32::from((self.next() >> 32) as u8)
    }

    fn positions(&mut self, length: usize) -> Vec<Position> {
        (0..length)
            .map(|_| Position(std::array::from_fn(|_| self.luma())))
            .collect()
    }

    fn blocks(&mut self, length: usize) -> Vec<Sixteen> {
        (0..length)
            .map(|_| Sixteen(std::array::from_fn(|_| self.luma())))
            .collect()
    }
}

fn other_levels() -> impl Iterator<Item = SimdLevel> {
    SimdLevel::available().filter(|level| *level != SimdLevel::SCALAR)
}

#[test]
fn this_machine_has_the_plain_level_and_the_best_is_the_last() {
    let levels: Vec<SimdLevel> = SimdLevel::available().collect();
    assert_eq!(levels.first(), Some(&SimdLevel::SCALAR));
    assert_eq!(levels.last(), Some(&SimdLevel::best()));
    for level in levels {
        assert_eq!(level.name().parse(), Ok(level));
    }
    assert_eq!("avx1024".parse::<SimdLevel>(), Err(UnknownSimdLevel));
}

/// Without this, a level that is never found would pass every test by not being tested.
#[test]
fn levels_that_this_machine_has_are_tested() {
    let tested: Vec<&str> = SimdLevel::available().map(SimdLevel::name).collect();
    // What the system says, which does not ask as the detection does.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let system = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let flags = system
            .lines()
            .find(|line| line.starts_with("flags"))
            .unwrap();
        let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
        let avx2 = has("avx2") && has("fma");
        let wide = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];
        let avx512 = avx2
            && wide
                .into_iter()
                .chain(["avx512_bitalg", "avx512_vpopcntdq"])
                .all(has);
        assert_eq!(tested.contains(&"avx2"), avx2);
        assert_eq!(tested.contains(&"avx512"), avx512);
    } else if cfg!(target_arch = "aarch64") {
        assert!(tested.contains(&"neon"));
    }
}

#[test]
fn division_by_multiplication_is_division_for_every_divisor_and_significand() {
    let mut values = vec![0.0; 1 << 14];
    let mut expected = values.clone();
    for level in other_levels() {
        for count in 1..=Divisor::LARGEST {
            let divisor = Divisor::new(count);
            for first in (0..1 << 23).step_by(values.len()) {
                for (value, significand) in values.iter_mut().zip(first..) {
                    *value = f32::from_bits(1.0_f32.to_bits() | significand);
                }
                expected.copy_from_slice(&values);
                level.quotients(&mut values, &divisor);
                SimdLevel::SCALAR.quotients(&mut expected, &divisor);
                assert!(values == expected, "{level}, {count}, from {first}");
            }
        }
    }
}

#[test]
fn every_colour_has_the_luma_of_the_rule() {
    // A strip of one unit holds 2048 colours: each row another green, blue from column to column.
    let mut columns = [Position::default(); UNIT];
    for level in SimdLevel::available() {
        for (red, first_green, first_blue) in (0..=255_u8).flat_map(|red| {
            let greens = (0..=255_u8).step_by(ROWS);
            greens.flat_map(move |green| {
                (0..=255_u8)
                    .step_by(UNIT)
                    .map(move |blue| (red, green, blue))
            })
        }) {
            let rows: [[[u8; 3]; UNIT]; ROWS] = std::array::from_fn(|y| {
                std::array::from_fn(|x| [red, first_green + y as u8, first_blue + x as u8])
            });
            let rows = rows.each_ref().map(|row| row.as_flattened());
            level.luma(&rows, 3, 0, &mut columns);
            for (x, column) in columns.iter().enumerate() {
                for (y, luma) in column.0.iter().enumerate() {
                    let green = f32::from(first_green + y as u8);
                    let blue = f32::from(first_blue + x as u8);
                    let expected = 0.299 * f32::from(red) + 0.587 * green + 0.114 * blue;
                    assert_eq!(
                        luma.to_bits(),
                        expected.to_bits(),
                        "{level} {red} {green} {blue}"
                    );
                }
            }
        }
    }
}

#[test]
fn luma_is_the_same_at_every_level_from_every_start_and_to_every_end() {
    let mut random = Random(1);
    for bytes_per_pixel in 1..=4 {
        for length in (0..=2 * UNIT + 3).chain([5 * UNIT]) {
            // Rows begin anywhere in memory, and some end early.
            let bytes = random.bytes(ROWS + length * bytes_per_pixel);
            let rows: [&[u8]; ROWS] = std::array::from_fn(|y| {
                let end = if y % 7 == 6 { length / 2 } else { length };
                &bytes[y..][..end * bytes_per_pixel]
            });
            let first = length / 3 / UNIT * UNIT;
            let mut expected = random.positions(3 * UNIT);
            SimdLevel::SCALAR.luma(&rows, bytes_per_pixel, first, &mut expected);
            for (x, column) in expected.iter().enumerate() {
                for (luma, row) in column.0.iter().zip(rows) {
                    let pixel = row.chunks_exact(bytes_per_pixel).nth(first + x);
                    let rule = pixel.map_or(0.0, |pixel| match *pixel {
                        [red, green, blue, ..] => {
                            0.299 * f32::from(red)
                                + 0.587 * f32::from(green)
                                + 0.114 * f32::from(blue)
                        }
                        [grey, ..] => f32::from(grey),
                        [] => 0.0,
                    });
                    assert_eq!(
                        luma.to_bits(),
                        rule.to_bits(),
                        "{bytes_per_pixel}, {length}, {x}"
                    );
                }
            }
            for level in other_levels() {
                let mut found = random.positions(3 * UNIT);
                level.luma(&rows, bytes_per_pixel, first, &mut found);
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(
                        bits(&found.0),
                        bits(&expected.0),
                        "{level}, {bytes_per_pixel}, {length}"
                    );
                }
            }
        }
    }
}

#[test]
fn boxes_are_the_same_at_every_level_for_every_window_and_number_of_blocks() {
    let mut random = Random(2);
    for window in (1..=40).chain([100, 256]) {
        for blocks in 1..=5 {
            for same in [true, false] {
                check_boxes(&mut random, window, blocks, same);
            }
        }
    }
}

/// Compares the kernels of both directions on random values with those of the plain level.
fn check_boxes(random: &mut Random, window: usize, blocks: usize, same: bool) {
    let width = blocks + 1;
    let divisors = |count: usize| -> Vec<Divisor> {
        if same {
            return vec![Divisor::new(window)];
        }
        let kinds = |i: usize| {
            if i % 5 == 4 {
                Divisor::INFINITE
            } else {
                Divisor::new(i % window + 1)
            }
        };
        (0..count).map(kinds).collect()
    };
    let columns = random.positions(window + blocks * TILE);
    let entering: [usize; ROWS] = std::array::from_fn(|y| (y * 7 % 40) * width);
    let leaving: [usize; ROWS] = std::array::from_fn(|y| (y * 11 % 40) * width);
    let sums = random.positions(1)[0];
    let row_sums = random.blocks(blocks);
    let rows = random.blocks(40 * width);
    let run = |level: SimdLevel| {
        let (mut sums, mut row_sums, mut rows) = (sums, row_sums.clone(), rows.clone());
        level.box_along_rows(
            &mut sums,
            &columns,
            window,
            &divisors(blocks * TILE),
            &mut rows,
            &entering,
        );
        let mut averages = vec![Position::default(); blocks * TILE];
        level.box_along_columns(
            &mut row_sums,
            &rows,
            &entering,
            &leaving,
            &divisors(ROWS),
            &mut averages,
        );
        let blocks =
            |blocks: &[Sixteen]| blocks.iter().flat_map(|b| bits(&b.0)).collect::<Vec<_>>();
        let averages = averages.iter().flat_map(|p| bits(&p.0)).collect::<Vec<_>>();
        (bits(&sums.0), blocks(&rows), blocks(&row_sums), averages)
    };
    let expected = run(SimdLevel::SCALAR);
    for level in other_levels() {
        assert!(
            run(level) == expected,
            "{level}, window {window}, {blocks} blocks, {same}"
        );
    }
}

#[test]
fn samples_are_the_same_at_every_level_wherever_they_stand() {
    let mut random = Random(3);
    for window in [1, 2, 3, 15, 16, 32, 100] {
        for length in [16, 48, 64, 128] {
            let columns = random.positions(window + length);
            let sums = random.positions(1)[0];
            let first = 640;
            // Some positions twice, the first and the last among them.
            let mut places: Vec<usize> = (0..40).map(|_| random.next() as usize % length).collect();
            places.extend([0, 0, length - 1]);
            places.sort_unstable();
            let sample = |place: &usize| Sample {
                position: first + place,
                divisor: 1.0 + (place % 7) as f32,
            };
            let samples: Vec<Sample> = places.iter().map(sample).collect();
            let places: [usize; ROWS] = std::array::from_fn(|y| y * 3 % 37);
            let rows: Vec<PlaneRow> = (0..40)
                .map(|_| PlaneRow(std::array::from_fn(|_| random.luma())))
                .collect();
            let run = |level: SimdLevel| {
                let mut sums = sums;
                let mut out = vec![Position::default(); samples.len()];
                level.sample_along_rows(&mut sums, &columns, window, first, &samples, &mut out);
                let mut all: Vec<u32> = out.iter().flat_map(|p| bits(&p.0)).collect();
                all.extend(bits(&sums.0));
                let mut rows = rows.clone();
                let sixty_four = std::array::from_fn(|i| out[i % out.len()]);
                level.transpose(&sixty_four, &mut rows, &places);
                let mut sums = rows[38];
                let inside = samples.iter().filter(|s| s.position < first + ROWS);
                let samples: Vec<Sample> = inside.copied().collect();
                let mut plane = vec![PlaneRow::default(); samples.len()];
                level.sample_along_columns(
                    &mut sums,
                    &rows,
                    &places,
                    &places.map(|p| 39 - p),
                    first,
                    &samples,
                    &mut plane,
                );
                all.extend(bits(&sums.0));
                all.extend(plane.iter().chain(&rows).flat_map(|row| bits(&row.0)));
                all
            };
            let expected = run(SimdLevel::SCALAR);
            for level in other_levels() {
                assert!(
                    run(level) == expected,
                    "{level}, window {window}, length {length}"
                );
            }
        }
    }
}

#[test]
fn medians_of_ties_zeros_and_extremes_are_the_same_at_every_level() {
    let mut random = Random(4);
    let kinds: [fn(&mut Random) -> f32; 6] = [
        |_| 1.0,
        |random| [0.0, -0.0][random.next() as usize % 2],
        |random| [-1.0, -0.0, 0.0, 2.0][random.next() as usize % 4],
        |random| [f32::MAX, f32::MIN, f32::MIN_POSITIVE][random.next() as usize % 3],
        |random| random.luma() - 100.0,
        |random| -random.luma(),
    ];
    for kind in kinds {
        for _ in 0..50 {
            let block = Block(std::array::from_fn(|_| {
                std::array::from_fn(|_| kind(&mut random))
            }));
            let mut ordered = block.0.as_flattened().to_vec();
            ordered.sort_unstable_by(f32::total_cmp);
            let mut expected = [0; 4];
            for (k, value) in block.0.as_flattened().iter().enumerate() {
                expected[k / 64] |= u64::from(*value > ordered[127]) << (k % 64);
            }
            for level in SimdLevel::available() {
                assert_eq!(level.bits_above_median(&block), expected, "{level}");
            }
        }
    }
}

/// The hashes of groups, one after another, and what is far or near.
fn groups_of(
    random: &mut Random,
    words: usize,
    groups: usize,
    query: &[u64; 4],
) -> Vec<[u8; LINE_LEN]> {
    let mut lines = vec![[0; LINE_LEN]; words * groups];
    for group in 0..groups {
        for word in 0..words {
            for place in 0..GROUP {
                // From equal to far, so that every limit parts them.
                let mask =
                    random.next() & random.next() & if place % 3 == 0 { random.next() } else { !0 };
                let value = query[word] ^ if (group + place) % 7 == 0 { 0 } else { mask };
                lines[group * words + word][place * 8..][..8].copy_from_slice(&value.to_le_bytes());
            }
        }
    }
    lines
}

#[test]
fn scans_find_the_groups_that_plain_counting_finds_at_every_level() {
    let mut random = Random(5);
    for words in 1..=4 {
        for query_count in [1, 2, 3, 7, 8] {
            let queries: Vec<[u64; 4]> = (0..query_count)
                .map(|i| {
                    if i == 0 {
                        [0, !0, 5, 1 << 63]
                    } else {
                        [(); 4].map(|()| random.next())
                    }
                })
                .collect();
            for count in [0, 1, 2, 13, 40] {
                let lines = groups_of(&mut random, words, count, &queries[query_count - 1]);
                let view = Groups {
                    lines: &lines,
                    group_stride: words,
                    word_stride: 1,
                };
                for limit in [0, 1, 15, 31, 32, 63, 64, 100, 255, 256] {
                    let mut expected = Vec::new();
                    for group in 0..count {
                        for (number, query) in queries.iter().enumerate() {
                            let mut mask = 0_u8;
                            for place in 0..GROUP {
                                let distance: u32 = (0..words)
                                    .map(|word| {
                                        let bytes =
                                            lines[group * words + word].as_chunks::<8>().0[place];
                                        (u64::from_le_bytes(bytes) ^ query[word]).count_ones()
                                    })
                                    .sum();
                                mask |= u8::from(distance <= limit) << place;
                            }
                            if mask != 0 {
                                expected.push(NearGroup {
                                    group: group as u32,
                                    query: number as u8,
                                    mask,
                                });
                            }
                        }
                    }
                    for level in SimdLevel::available() {
                        // So little room that a scan takes several calls.
                        let mut near = vec![NearGroup::default(); 11];
                        let (mut next, mut found) = (0, Vec::new());
                        while next < count as u32 {
                            let more = level.scan_groups(
                                &view,
                                &mut next,
                                count as u32,
                                words,
                                &queries,
                                limit,
                                &mut near,
                            );
                            found.extend_from_slice(&near[..more]);
                        }
                        assert!(
                            found == expected,
                            "{level}, {words} words, {query_count} queries, limit {limit}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn signatures_are_found_at_every_level_in_runs_of_every_length_from_every_start() {
    let mut random = Random(6);
    let signatures: Vec<[u8; 2]> = (0..700)
        .map(|i| {
            if i % 5 == 0 {
                [0x0f, 0xf0]
            } else {
                (random.next() as u16).to_le_bytes()
            }
        })
        .collect();
    for limit in [0, 1, 2, 3, 8, 15, 16] {
        let mut runs: Vec<Run> = (0..=100)
            .map(|length| Run::new(random.next() % 601, 0xf00f, limit, 0).at(0, length))
            .collect();
        runs.extend(
            (0..70).map(|i| Run::new(700 - i, random.next() as u16, limit, 0).at(0, i as u32)),
        );
        runs.push(Run::new(0, 0, limit, 0).at(0, 700));
        let mut expected = Vec::new();
        for (number, run) in runs.iter().enumerate() {
            for position in run.start()..run.start() + u64::from(run.length()) {
                let signature = u16::from_le_bytes(signatures[position as usize]);
                if (signature ^ run.signature()).count_ones() <= u32::from(run.limit()) {
                    expected.push(Survivor {
                        position,
                        run: number as u32,
                    });
                }
            }
        }
        for level in SimdLevel::available() {
            for room in [32, 33, 500] {
                let mut survivors = vec![Survivor::default(); room];
                let (mut progress, mut found) = (Progress::default(), Vec::new());
                while (progress.run as usize) < runs.len() {
                    let more =
                        level.near_signatures(&signatures, &runs, &mut progress, &mut survivors);
                    found.extend_from_slice(&survivors[..more]);
                }
                assert!(found == expected, "{level}, limit {limit}, room {room}");
            }
        }
    }
}
