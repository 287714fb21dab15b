//! Any small picture through every classic hash.
//!
//! The first bytes are the shape and the format, the rest the pixels, filled up by repetition.

use hashsieve::{ClassicHasher, ClassicKind, HashValue, PixelFormat, Pixels};

const FORMATS: [PixelFormat; 4] = [
    PixelFormat::Luma8,
    PixelFormat::LumaAlpha8,
    PixelFormat::Rgb8,
    PixelFormat::Rgba8,
];

/// Reads width (1), height (1) and format (1), and hashes the rest.
pub fn body(data: &[u8]) {
    let Some((&[width, height, format], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let (width, height) = (u32::from(width) + 1, u32::from(height) + 1);
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    let stride = width as usize * format.bytes_per_pixel();
    let length = stride * height as usize;
    let filled: Vec<u8> = if rest.is_empty() {
        vec![0; length]
    } else {
        rest.iter().copied().cycle().take(length).collect()
    };
    let pixels = Pixels::new(format, width, height, stride, &filled).expect("a whole picture");
    let mut hasher = ClassicHasher::new();
    let all = hasher.hashes(&pixels, &ClassicKind::ALL);
    for (kind, hashed) in ClassicKind::ALL.into_iter().zip(all) {
        assert_eq!(hashed.is_ok(), width.min(height) >= u32::from(kind.side()));
        let Ok(hashed) = hashed else { continue };
        let parsed = HashValue::parse(kind.into(), &hashed.value.to_hex());
        assert!(parsed == Ok(hashed.value));
        assert!(hashed.degenerate || !hashed.value.is_nearly_constant());
    }
}
