//! What a hasher takes from the allocator. One test, since the counter is that of the whole program.

#[allow(unreachable_pub, reason = "shared with the crate that measures peers")]
#[path = "support/memory.rs"]
mod memory;

use hashsieve::{PdqHasher, PixelFormat, Pixels, SimdLevel};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

#[test]
fn a_hasher_takes_a_window_of_rows_once_and_then_nothing() -> Result<(), Box<dyn std::error::Error>>
{
    // Static, so that the picture itself is not counted.
    static BYTES: [u8; 4000 * 3000 * 3] = [0; 4000 * 3000 * 3];
    let pixels = |format: PixelFormat, width: u32, height: u32| {
        let row_bytes = width as usize * format.bytes_per_pixel();
        Pixels::new(format, width, height, row_bytes, &BYTES)
    };
    for level in SimdLevel::available() {
        for format in [PixelFormat::Luma8, PixelFormat::Rgb8] {
            let large = pixels(format, 4000, 3000)?;
            let mut hasher = PdqHasher::with_level(level);
            let (hash, first) = memory::taken_by(|| hasher.hash(&large));
            assert!(hash.is_ok());
            assert!(first.peak < 1_000_000, "{level}, {format:?}: {first:?}");

            // Pictures that need no more, among them the shapes with ways of their own.
            for (width, height) in [
                (4000, 3000),
                (3999, 2999),
                (1920, 1080),
                (512, 512),
                (64, 64),
                (100, 90),
                (5, 5),
            ] {
                let pixels = pixels(format, width, height)?;
                let (hashes, later) =
                    memory::taken_by(|| (hasher.hash(&pixels), hasher.dihedral(&pixels)));
                assert!(hashes.0.is_ok() && hashes.1.is_ok());
                assert_eq!(later.calls, 0, "{level}, {format:?}, {width}x{height}");
            }
        }
    }
    Ok(())
}
