//! Any shape and any pixels through PDQ.
//!
//! The first bytes are the shape, the rest the pixels. Shapes are first taken as they stand, nearly all of which are
//! refused, and then cut to small ones whose pixels are filled up by repetition.

use hashsieve::{PdqHasher, PixelFormat, Pixels};

const FORMATS: [PixelFormat; 4] = [
    PixelFormat::Luma8,
    PixelFormat::LumaAlpha8,
    PixelFormat::Rgb8,
    PixelFormat::Rgba8,
];

/// The largest side of a picture that is hashed: past two blocks of the 64x64 plane the filter has all its phases.
const MAX_SIDE: u32 = 200;

/// Reads width (4), height (4), stride (8) and format (1), little-endian, and hashes the rest.
pub fn body(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<17>() else {
        return;
    };
    let number = |from: usize, to: usize| {
        let bytes = head[from..to].iter().rev();
        bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let width = u32::try_from(number(0, 4)).expect("four bytes");
    let height = u32::try_from(number(4, 8)).expect("four bytes");
    let stride = usize::try_from(number(8, 16)).unwrap_or(usize::MAX);
    let format = FORMATS[usize::from(head[16]) % FORMATS.len()];
    if let Ok(pixels) = Pixels::new(format, width, height, stride, rest) {
        check(&pixels);
    }

    let (width, height) = (1 + width % MAX_SIDE, 1 + height % MAX_SIDE);
    let row = width as usize * format.bytes_per_pixel();
    let stride = row + stride % 17;
    let filled: Vec<u8> = if rest.is_empty() {
        vec![0; stride * height as usize]
    } else {
        let bytes = rest.iter().copied().cycle();
        bytes.take(stride * height as usize).collect()
    };
    // The last row needs no padding.
    let needed = stride * (height as usize - 1) + row;
    assert!(Pixels::new(format, width, height, stride, &filled[..needed - 1]).is_err());
    let pixels = Pixels::new(format, width, height, stride, &filled[..needed])
        .expect("the buffer is as long as the shape needs");
    check(&pixels);
}

/// Checks what holds of every picture.
fn check(pixels: &Pixels<'_>) {
    let (width, height) = (pixels.width(), pixels.height());
    let row = width as usize * pixels.format().bytes_per_pixel();
    assert_eq!(pixels.rows().len(), height as usize);
    assert!(pixels.rows().all(|bytes| bytes.len() == row));
    // A hostile shape may hold one very long or very high picture; it is not worth the fuzzer's time.
    if u64::from(width) * u64::from(height) > 1 << 20 {
        return;
    }

    let mut hasher = PdqHasher::new();
    let all = match hasher.dihedral(pixels) {
        Ok(all) => all,
        Err(_) => {
            assert!(width < hashsieve::PDQ_MIN_SIDE || height < hashsieve::PDQ_MIN_SIDE);
            return;
        }
    };
    assert!(all.quality <= 100);
    // A bit is set where a value is above the lower median, so at most half are.
    assert!(all.hashes.iter().all(|hash| hash.count_ones() <= 128));
    // The same with memory that holds another picture's values.
    let one = hasher.hash(pixels).expect("hashed before");
    assert_eq!((one.hash, one.quality), (all.hashes[0], all.quality));
    // Padding between rows has no part in the hash.
    let packed: Vec<u8> = pixels.rows().flatten().copied().collect();
    let packed = Pixels::new(pixels.format(), width, height, row, &packed).expect("packed rows");
    assert_eq!(PdqHasher::new().dihedral(&packed), Ok(all));
}
