//! yume-pdq: its own filter, made for speed, whose hashes are near the exact ones and not equal to them; and its scan, which
//! compares eight hashes, those of a turned picture, with every hash of a list.
//!
//! It takes 512x512 luma as `f32`. Pictures are not made so, hence the clock counts the step from `u8`. Its vector
//! kernels are chosen when it is compiled, so this is built for the machine it runs on (`target-cpu=native`).

use std::error::Error;

use generic_array::GenericArray;
use generic_array::typenum::{B1, U1, U8, U16, U32, U512, U2048, Unsigned};
use hashsieve::PixelFormat;
use yume_pdq::alignment::Align8;
use yume_pdq::kernel::type_traits::EvaluateHardwareFeature;
use yume_pdq::kernel::{Kernel, SquareGenericArrayExt};
use yume_pdq::matching::{CpuMatcher, PDQMatcher};

use crate::engines::{Call, Engine, Hashed, percent};
use crate::pictures::Picture;

const SIDE: u32 = 512;

type Hash = GenericArray<u8, U32>;

/// Hashes in batches of the size that the scan takes at once.
pub struct Scan {
    batches: Vec<Align8<GenericArray<Hash, U2048>>>,
    /// Hashes in the last batch.
    in_last: usize,
}

impl Scan {
    pub fn new(hashes: &[[u8; 32]]) -> Self {
        let batches = hashes.chunks(U2048::USIZE).map(|hashes| {
            let mut batch = GenericArray::<Hash, U2048>::default();
            for (place, hash) in batch.iter_mut().zip(hashes) {
                place.copy_from_slice(hash);
            }
            Align8::from(batch)
        });
        Self {
            batches: batches.collect(),
            in_last: (hashes.len() + U2048::USIZE - 1) % U2048::USIZE + 1,
        }
    }

    /// Returns how many pairs of queries, of which there are at most eight, and hashes are within the threshold.
    pub fn matches(&self, queries: &[[u8; 32]], threshold: u8) -> u64 {
        let mut needles = GenericArray::<Hash, U8>::default();
        for (needle, query) in needles.iter_mut().zip(queries) {
            needle.copy_from_slice(query);
        }
        let mut matcher = CpuMatcher::<U2048, U1>::new(&needles, threshold);
        let mut matches = 0;
        for (number, batch) in self.batches.iter().enumerate() {
            let is_last = number + 1 == self.batches.len();
            let hashes = if is_last { self.in_last } else { U2048::USIZE };
            matcher.find(batch, |hash, needle| {
                matches += u64::from(hash < hashes && needle < queries.len());
                None::<()>
            });
        }
        matches
    }
}

/// Returns an engine for each kernel that this build has.
pub fn engines() -> Vec<Engine> {
    vec![
        #[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
        Engine::new("yume-pdq-avx512", |picture| {
            prepare(picture, yume_pdq::kernel::x86::Avx512F32Kernel)
        }),
        #[cfg(all(
            target_arch = "x86_64",
            target_feature = "avx2",
            target_feature = "fma"
        ))]
        Engine::new("yume-pdq-avx2", |picture| {
            prepare(picture, yume_pdq::kernel::x86::Avx2F32Kernel)
        }),
        Engine::new("yume-pdq-scalar", |picture| {
            prepare(picture, yume_pdq::kernel::DefaultKernelNoPadding::default())
        }),
    ]
}

fn prepare<K>(picture: &Picture, mut kernel: K) -> Result<Call, Box<dyn Error>>
where
    K: Kernel<InputDimension = U512, OutputDimension = U16, InternalFloat = f32> + 'static,
    K::RequiredHardwareFeature: EvaluateHardwareFeature<EnabledStatic = B1>,
{
    let pixels = picture.pixels()?.clone();
    let shape = (pixels.width(), pixels.height(), pixels.format());
    if shape != (SIDE, SIDE, PixelFormat::Luma8) {
        return Err("this engine takes 512x512 luma8".into());
    }
    let mut luma = vec![0.0_f32; pixels.as_bytes().len()];
    // Zeroed as its documentation asks, and kept as its documentation advises.
    let mut buffer = Box::default();
    let mut row = GenericArray::default();
    let mut floats = GenericArray::default();
    let mut hash = GenericArray::default();
    Ok(Box::new(move || {
        for (float, &byte) in luma.iter_mut().zip(pixels.as_bytes()) {
            *float = f32::from(byte);
        }
        let quality = yume_pdq::hash(
            &mut kernel,
            GenericArray::from_slice(&luma).unflatten_square_ref(),
            &mut hash,
            &mut buffer,
            &mut row,
            &mut floats,
        );
        Ok(Hashed {
            hash: hash.iter().flatten().copied().collect(),
            quality: Some(percent(quality)),
        })
    }))
}
