//! Writes the seeded pictures of a list into a folder as PGM and PPM files, for other programs to hash.
//!
//! ```text
//! cargo run --release --no-default-features --features synthetic --example golden_pictures -- FOLDER [LIST.csv]
//! ```
//!
//! Without a list it takes `tests/data/pdq/pictures.csv`: columns id, scene, seed, width, height, format. Each picture
//! becomes `<id>.pgm` (luma8) or `<id>.ppm` (rgb8).

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use hashsieve::PixelFormat;
use hashsieve::synthetic::{Scene, picture};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("which folder?")?;
    let list = arguments.next().unwrap_or_else(|| {
        PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/pdq/pictures.csv"
        ))
    });
    fs::create_dir_all(&folder)?;
    for record in csv::Reader::from_path(list)?.into_deserialize() {
        let (id, scene, seed, width, height, layout): (String, String, u64, u32, u32, String) =
            record?;
        let scene = Scene::from_name(&scene).ok_or_else(|| format!("{id}: no scene {scene}"))?;
        let (format, magic, extension) = match layout.as_str() {
            "luma8" => (PixelFormat::Luma8, "P5", "pgm"),
            "rgb8" => (PixelFormat::Rgb8, "P6", "ppm"),
            _ => return Err(format!("{id}: format {layout} is neither luma8 nor rgb8").into()),
        };
        let pixels = picture(scene, seed, width, height, format);
        let mut file = BufWriter::new(File::create(folder.join(format!("{id}.{extension}")))?);
        write!(file, "{magic}\n{width} {height}\n255\n")?;
        file.write_all(pixels.as_bytes())?;
        file.flush()?;
    }
    Ok(())
}
