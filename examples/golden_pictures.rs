//! Writes the seeded pictures of a list into a folder as PGM and PPM files, for other programs to hash.
//!
//! ```text
//! cargo run --release --no-default-features --features synthetic --example golden_pictures -- FOLDER [LIST.csv]
//! ```
//!
//! Without a list it takes `tests/data/pdq/pictures.csv`. Each picture becomes `<id>.pgm` (luma8) or `<id>.ppm` (rgb8).

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use hashsieve::PixelFormat;

#[path = "../tests/support/golden_pictures.rs"]
mod golden_pictures;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("which folder?")?;
    let list = arguments
        .next()
        .unwrap_or_else(|| golden_pictures::data("pictures.csv"));
    fs::create_dir_all(&folder)?;
    for listed in golden_pictures::list(&list)? {
        let (magic, extension) = match listed.format {
            PixelFormat::Luma8 => ("P5", "pgm"),
            _ => ("P6", "ppm"),
        };
        let pixels = listed.pixels()?;
        let path = folder.join(format!("{}.{extension}", listed.id));
        let mut file = BufWriter::new(File::create(path)?);
        write!(
            file,
            "{magic}\n{} {}\n255\n",
            pixels.width(),
            pixels.height()
        )?;
        file.write_all(pixels.as_bytes())?;
        file.flush()?;
    }
    Ok(())
}
