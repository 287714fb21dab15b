//! What is measured: a name, and how it is made ready for a picture.
//!
//! What is done once for a picture or once for a program is done before the clock runs: copying pixels into the type
//! that a library takes, making a hasher. What must be done again for each picture is inside.

use std::error::Error;
use std::ops::ControlFlow;

use hashsieve::{
    ClassicAlgorithm, ClassicHasher, ClassicKind, DecodeOptions, Decoder, PdqHasher, PixelBuffer,
    PixelFormat, SimdLevel,
};
use image_hasher::{HashAlg, HasherConfig};

use crate::pictures::Picture;

/// A hash, most significant byte first, and its quality where the engine tells one.
pub struct Hashed {
    pub hash: Vec<u8>,
    pub quality: Option<u8>,
}

/// One hash of the picture that it was made for.
pub type Call = Box<dyn FnMut() -> Result<Hashed, Box<dyn Error>>>;

/// Makes a call for a picture.
type Prepare = Box<dyn Fn(&Picture) -> Result<Call, Box<dyn Error>>>;

pub struct Engine {
    pub name: String,
    pub prepare: Prepare,
}

impl Engine {
    pub fn new(
        name: impl Into<String>,
        prepare: impl Fn(&Picture) -> Result<Call, Box<dyn Error>> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            prepare: Box::new(prepare),
        }
    }
}

/// Returns all engines of this build.
pub fn all() -> Vec<Engine> {
    let mut engines = vec![
        Engine::new("hashsieve", |picture| ours(picture, PdqHasher::new())),
        Engine::new("hashsieve-dihedral", our_dihedral),
        Engine::new("hashsieve-file", |picture| {
            our_file(picture, DecodeOptions::default())
        }),
        Engine::new("hashsieve-file-luma", |picture| {
            let mut options = DecodeOptions::default();
            options.jpeg_luma_only = true;
            our_file(picture, options)
        }),
        Engine::new("hashsieve-phash", |picture| {
            our_classic(picture, ClassicAlgorithm::Mean, true)
        }),
        Engine::new("hashsieve-dhash", |picture| {
            our_classic(picture, ClassicAlgorithm::Gradient, false)
        }),
        Engine::new("hashsieve-ahash", |picture| {
            our_classic(picture, ClassicAlgorithm::Mean, false)
        }),
        Engine::new("pdqhash-crate", pdqhash_crate),
        Engine::new("image_hasher-phash", |picture| {
            image_hasher(picture, HashAlg::Median, true)
        }),
        Engine::new("image_hasher-dhash", |picture| {
            image_hasher(picture, HashAlg::Gradient, false)
        }),
        Engine::new("image_hasher-ahash", |picture| {
            image_hasher(picture, HashAlg::Mean, false)
        }),
    ];
    engines.extend(SimdLevel::available().map(|level| {
        let name = format!("hashsieve-{}", level.name());
        Engine::new(name, move |picture| {
            ours(picture, PdqHasher::with_level(level))
        })
    }));
    #[cfg(feature = "yume-pdq")]
    engines.extend(crate::yume::engines());
    engines.sort_by(|one, other| one.name.cmp(&other.name));
    engines
}

fn ours(picture: &Picture, mut hasher: PdqHasher) -> Result<Call, Box<dyn Error>> {
    let pixels = picture.pixels()?.clone();
    Ok(Box::new(move || {
        let pdq = hasher.hash(&pixels.as_pixels())?;
        Ok(Hashed {
            hash: pdq.hash.to_bytes().to_vec(),
            quality: Some(pdq.quality),
        })
    }))
}

fn our_dihedral(picture: &Picture) -> Result<Call, Box<dyn Error>> {
    let pixels = picture.pixels()?.clone();
    let mut hasher = PdqHasher::new();
    Ok(Box::new(move || {
        let all = hasher.dihedral(&pixels.as_pixels())?;
        Ok(Hashed {
            hash: all.iter().flat_map(|(_, hash)| hash.to_bytes()).collect(),
            quality: Some(all.quality),
        })
    }))
}

fn our_file(picture: &Picture, options: DecodeOptions) -> Result<Call, Box<dyn Error>> {
    let bytes = picture.file()?.to_vec();
    let mut decoder = Decoder::new(options);
    let mut hasher = PdqHasher::new();
    Ok(Box::new(move || {
        let mut hashed = None;
        decoder.for_each_frame(&bytes, |frame| {
            hashed = Some(hasher.hash(&frame.pixels));
            ControlFlow::Break(())
        })?;
        let pdq = hashed.ok_or("the file has no frame")??;
        Ok(Hashed {
            hash: pdq.hash.to_bytes().to_vec(),
            quality: Some(pdq.quality),
        })
    }))
}

/// Hashes of 64 bits. Of the algorithms of `img_hash`, the mean after the transform is the nearest to phash.
fn our_classic(
    picture: &Picture,
    algorithm: ClassicAlgorithm,
    transform: bool,
) -> Result<Call, Box<dyn Error>> {
    let pixels = picture.pixels()?.clone();
    let kind = ClassicKind::new(algorithm, transform, 8).ok_or("no such kind")?;
    let mut hasher = ClassicHasher::new();
    Ok(Box::new(move || {
        let hash = hasher.hash(&pixels.as_pixels(), kind)?;
        Ok(Hashed {
            hash: hash.value.as_bytes().to_vec(),
            quality: None,
        })
    }))
}

/// The crate's exact function; its other one makes pictures smaller first and gives other hashes.
fn pdqhash_crate(picture: &Picture) -> Result<Call, Box<dyn Error>> {
    use pdqhash::image::{DynamicImage, GrayImage, RgbImage};
    let (width, height, bytes) = parts(picture.pixels()?);
    let image = match picture.pixels()?.format() {
        PixelFormat::Luma8 => {
            GrayImage::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8)
        }
        _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
    };
    let image = image.ok_or("not the bytes of a picture")?;
    Ok(Box::new(move || {
        let (hash, quality) = pdqhash::generate_pdq_full_size(&image);
        Ok(Hashed {
            hash: hash.to_vec(),
            quality: Some(percent(quality)),
        })
    }))
}

/// Hashes of 64 bits. Phash is the median of the lowest frequencies, so that one needs the transform first.
fn image_hasher(
    picture: &Picture,
    algorithm: HashAlg,
    transform: bool,
) -> Result<Call, Box<dyn Error>> {
    let (width, height, bytes) = parts(picture.pixels()?);
    let image = image::RgbImage::from_raw(width, height, bytes);
    let image = image::DynamicImage::ImageRgb8(image.ok_or("this engine takes rgb8")?);
    let config = HasherConfig::new().hash_alg(algorithm);
    let config = if transform {
        config.preproc_dct()
    } else {
        config
    };
    let hasher = config.to_hasher();
    Ok(Box::new(move || {
        Ok(Hashed {
            hash: hasher.hash_image(&image).as_bytes().to_vec(),
            quality: None,
        })
    }))
}

fn parts(pixels: &PixelBuffer) -> (u32, u32, Vec<u8>) {
    (pixels.width(), pixels.height(), pixels.as_bytes().to_vec())
}

/// Returns a quality from 0 to 1 as PDQ tells it, from 0 to 100.
pub fn percent(quality: f32) -> u8 {
    // The cast saturates, and cutting is what the reference does.
    (quality * 100.0) as u8
}
