//! Any bytes as a picture file. The first two bytes choose options; the rest is the file.

use std::ops::ControlFlow;

use hashsieve::{Alpha, DecodeOptions, Frames, Limits, for_each_frame, sniff};

/// Small limits, so that a run is quick and every limit is met.
const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    width: 4096,
    height: 4096,
    pixels: 1 << 20,
    decoder_bytes: 1 << 26,
    frames: 16,
    total_pixels: 1 << 22,
};

/// Checks that decoding ends, stays within its limits and counts what it handed out.
pub fn body(data: &[u8]) {
    let Some((&[choice, colour], file)) = data.split_first_chunk::<2>() else {
        return;
    };
    let options = DecodeOptions {
        apply_exif_orientation: choice & 1 != 0,
        alpha: match choice & 2 {
            0 => Alpha::Ignore,
            _ => Alpha::Over {
                red: colour,
                green: 255 - colour,
                blue: 7,
            },
        },
        frames: match choice & 4 {
            0 => Frames::AllDistinct,
            _ => Frames::First,
        },
        jpeg_luma_only: choice & 8 != 0,
        limits: LIMITS,
    };
    let (mut frames, mut pixels) = (0_u32, 0_u64);
    let result = for_each_frame(file, &options, |frame| {
        let (width, height) = (frame.pixels.width(), frame.pixels.height());
        assert!(width <= LIMITS.width && height <= LIMITS.height);
        frames += 1;
        pixels += u64::from(width) * u64::from(height);
        // Every row is really there.
        let bytes = frame.pixels.rows().map(|row| row.len() as u64).sum::<u64>();
        let wanted = u64::from(width) * u64::from(height);
        assert_eq!(
            bytes,
            wanted * frame.pixels.format().bytes_per_pixel() as u64
        );
        ControlFlow::Continue(())
    });
    assert!(frames <= LIMITS.frames && pixels <= LIMITS.total_pixels);
    match result {
        Ok(summary) => {
            assert_eq!(summary.frames, frames);
            assert_eq!(sniff(file), Some(summary.format));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
