//! The golden pictures as `tests/data/pdq/pictures.csv` lists them, for the example that writes them out and for tests.

use std::error::Error;
use std::path::{Path, PathBuf};

use hashsieve::synthetic::{Alteration, Scene, alter, picture};
use hashsieve::{PixelBuffer, PixelFormat};

/// One line of the list.
#[derive(Debug)]
pub(crate) struct GoldenPicture {
    pub(crate) id: String,
    pub(crate) scene: Scene,
    pub(crate) seed: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) format: PixelFormat,
    /// Change of contrast in percent: pale pictures have the middling qualities that full ones never have.
    pub(crate) contrast: i8,
}

impl GoldenPicture {
    /// Returns the picture itself.
    pub(crate) fn pixels(&self) -> Result<PixelBuffer, Box<dyn Error>> {
        let full = picture(self.scene, self.seed, self.width, self.height, self.format);
        Ok(match self.contrast {
            0 => full,
            percent => alter(&full, Alteration::Contrast { percent }, 0)?,
        })
    }
}

/// Returns a path in the folder of the golden data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/pdq")
        .join(name)
}

/// Returns the lines of a list of pictures, in order.
pub(crate) fn list(path: &Path) -> Result<Vec<GoldenPicture>, Box<dyn Error>> {
    type Line = (String, String, u64, u32, u32, String, i8);
    let mut pictures = Vec::new();
    for line in csv::Reader::from_path(path)?.into_deserialize() {
        let (id, scene, seed, width, height, format, contrast): Line = line?;
        pictures.push(GoldenPicture {
            scene: Scene::from_name(&scene).ok_or_else(|| format!("{id}: no scene {scene}"))?,
            format: match format.as_str() {
                "luma8" => PixelFormat::Luma8,
                "rgb8" => PixelFormat::Rgb8,
                _ => return Err(format!("{id}: {format} is neither luma8 nor rgb8").into()),
            },
            id,
            seed,
            width,
            height,
            contrast,
        });
    }
    Ok(pictures)
}
