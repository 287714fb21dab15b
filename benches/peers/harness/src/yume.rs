//! yume-pdq: its own filter, made for speed; the hashes are near the exact ones and not equal to them.
//!
//! It takes 512x512 luma as `f32`. Pictures are not made so, hence the clock counts the step from `u8`. Its vector
//! kernels are chosen when it is compiled, so this is built for the machine it runs on (`target-cpu=native`).

use std::error::Error;

use generic_array::GenericArray;
use generic_array::typenum::{B1, U16, U512};
use hashsieve::PixelFormat;
use yume_pdq::kernel::type_traits::EvaluateHardwareFeature;
use yume_pdq::kernel::{Kernel, SquareGenericArrayExt};

use crate::engines::{Call, Engine, Hashed, percent};
use crate::pictures::Picture;

const SIDE: u32 = 512;

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
