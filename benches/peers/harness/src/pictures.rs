//! The pictures that everything is measured on: synthetic ones, the same on every machine.
//!
//! A file is named `SCENE-SEED-WIDTHxHEIGHT-FORMAT.ENDING`; with the ending `raw` it holds the pixels, row by row from
//! the top, without padding.

use std::error::Error;
use std::fs;
use std::path::Path;

use hashsieve::synthetic::{FileFormat, Scene, encode, picture};
use hashsieve::{PixelBuffer, PixelFormat};

/// What the tables of times are measured on.
const TIMED: [(Scene, u32, u32, PixelFormat); 6] = [
    (Scene::DeadLeaves, 1920, 1080, PixelFormat::Rgb8),
    (Scene::DeadLeaves, 4000, 3000, PixelFormat::Rgb8),
    (Scene::OneOverF, 4000, 3000, PixelFormat::Rgb8),
    (Scene::DeadLeaves, 512, 512, PixelFormat::Rgb8),
    (Scene::DeadLeaves, 512, 512, PixelFormat::Luma8),
    (Scene::DeadLeaves, 64, 64, PixelFormat::Luma8),
];

/// What hashes are compared on: every scene in these sizes, grey and colour, from two seeds each. One size is below
/// the hash's own 64x64, one has sides that no vector divides.
const COMPARED: [(u32, u32); 5] = [(48, 40), (64, 64), (333, 251), (512, 512), (1280, 720)];
const SEEDS: std::ops::Range<u64> = 2..4;

/// The folder whose files the program hashes, and how many there are of each size.
const FOLDER: [(u32, u32); 3] = [(512, 512), (1280, 720), (1920, 1080)];
const FOLDER_SEEDS: std::ops::Range<u64> = 100..116;

/// A picture, or a file that holds one.
pub enum Picture {
    /// Decoded pixels.
    Pixels(PixelBuffer),
    /// The bytes of a file.
    File(Vec<u8>),
}

impl Picture {
    /// Reads the file of this name.
    pub fn load(folder: &Path, name: &str) -> Result<Self, Box<dyn Error>> {
        let bytes = fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let Some(stem) = name.strip_suffix(".raw") else {
            return Ok(Self::File(bytes));
        };
        let wrong = || format!("{name}: not named as pixels are");
        let (rest, format) = stem.rsplit_once('-').ok_or_else(wrong)?;
        let format = match format {
            "luma8" => PixelFormat::Luma8,
            "rgb8" => PixelFormat::Rgb8,
            _ => return Err(wrong().into()),
        };
        let (_, size) = rest.rsplit_once('-').ok_or_else(wrong)?;
        let (width, height) = size.split_once('x').ok_or_else(wrong)?;
        let pixels = PixelBuffer::new(format, width.parse()?, height.parse()?, bytes)?;
        Ok(Self::Pixels(pixels))
    }

    pub fn pixels(&self) -> Result<&PixelBuffer, Box<dyn Error>> {
        match self {
            Self::Pixels(pixels) => Ok(pixels),
            Self::File(_) => Err("this engine takes pixels".into()),
        }
    }

    pub fn file(&self) -> Result<&[u8], Box<dyn Error>> {
        match self {
            Self::File(bytes) => Ok(bytes),
            Self::Pixels(_) => Err("this engine takes files".into()),
        }
    }
}

/// Writes all pictures: `timed/`, `compared/` and `folder/`.
pub fn write_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    let [timed, compared, scanned] = ["timed", "compared", "folder"].map(|name| folder.join(name));
    for folder in [&timed, &compared, &scanned] {
        fs::create_dir_all(folder)?;
    }
    for (scene, width, height, format) in TIMED {
        let drawn = picture(scene, 1, width, height, format);
        let name = name_of(scene, 1, &drawn);
        fs::write(timed.join(format!("{name}.raw")), drawn.as_bytes())?;
        if (width, height) == (1920, 1080) {
            let file = encode(&drawn, FileFormat::Png)?;
            fs::write(timed.join(format!("{name}.png")), file)?;
        }
    }
    for scene in Scene::ALL {
        for seed in SEEDS {
            for (width, height) in COMPARED {
                for format in [PixelFormat::Luma8, PixelFormat::Rgb8] {
                    let drawn = picture(scene, seed, width, height, format);
                    let name = name_of(scene, seed, &drawn);
                    fs::write(compared.join(format!("{name}.raw")), drawn.as_bytes())?;
                }
            }
        }
    }
    for seed in FOLDER_SEEDS {
        for (width, height) in FOLDER {
            let drawn = picture(Scene::DeadLeaves, seed, width, height, PixelFormat::Rgb8);
            let name = name_of(Scene::DeadLeaves, seed, &drawn);
            fs::write(
                scanned.join(format!("{name}.jpg")),
                encode(&drawn, FileFormat::Jpeg { quality: 85 })?,
            )?;
        }
    }
    Ok(())
}

fn name_of(scene: Scene, seed: u64, drawn: &PixelBuffer) -> String {
    let (width, height, format) = (drawn.width(), drawn.height(), drawn.format());
    format!("{}-{seed}-{width}x{height}-{}", scene.name(), format.name())
}
