//! The distances up to which classic hashes are taken to be of one picture, and how they were chosen.

use crate::hash::{ClassicAlgorithm, ClassicKind};

impl ClassicKind {
    /// Returns the distance up to which a match is looked for if a policy does not say: careful, since a false match
    /// accuses somebody.
    ///
    /// Chosen from 400 unrelated synthetic pictures (5 scenes of 80) and 1140 altered copies (JPEG, other formats,
    /// resizing, blur, sharpening, brightness, contrast, noise, watermark; no turns), hashes without content left out: a
    /// third of the smallest distance between unrelated pictures, at most a sixteenth of the bits, and at most the
    /// distance within which fewer than one of ten thousand queries would find anything among a million random hashes.
    /// `cargo run --release --example classic_thresholds` makes this table again. Smooth ramps that resemble one another
    /// set the smallest distances; with pictures of other kinds more may be right, which is a policy's to say.
    ///
    /// | kind | bits | nearest unrelated | threshold | copies within |
    /// |---|---|---|---|---|
    /// | `mean_8x8` | 64 | 6 | 2 | 98 % |
    /// | `mean_16x16` | 256 | 41 | 13 | 100 % |
    /// | `mean_dct_8x8` | 64 | 1 | 0 | 81 % |
    /// | `mean_dct_16x16` | 256 | 8 | 2 | 78 % |
    /// | `gradient_8x8` | 64 | 0 | 0 | 80 % |
    /// | `gradient_16x16` | 256 | 13 | 4 | 92 % |
    /// | `gradient_dct_8x8` | 64 | 13 | 4 | 90 % |
    /// | `gradient_dct_16x16` | 256 | 90 | 16 | 87 % |
    /// | `vertical_gradient_8x8` | 64 | 4 | 1 | 96 % |
    /// | `vertical_gradient_16x16` | 256 | 15 | 5 | 97 % |
    /// | `vertical_gradient_dct_8x8` | 64 | 11 | 3 | 88 % |
    /// | `vertical_gradient_dct_16x16` | 256 | 86 | 16 | 86 % |
    /// | `double_gradient_8x8` | 40 | 2 | 0 | 83 % |
    /// | `double_gradient_16x16` | 144 | 18 | 6 | 100 % |
    /// | `double_gradient_dct_8x8` | 40 | 2 | 0 | 82 % |
    /// | `double_gradient_dct_16x16` | 144 | 26 | 8 | 97 % |
    /// | `blockhash_8x8` | 64 | 7 | 2 | 96 % |
    /// | `blockhash_16x16` | 256 | 51 | 16 | 93 % |
    ///
    /// `gradient_8x8` had two unrelated pictures with one hash: with that kind even distance 0 is a weak lead.
    pub const fn recommended_threshold(self) -> u32 {
        match (self.algorithm(), self.has_dct(), self.side()) {
            (ClassicAlgorithm::Mean, false, 8) => 2,
            (ClassicAlgorithm::Mean, false, _) => 13,
            (ClassicAlgorithm::Mean, true, 8) => 0,
            (ClassicAlgorithm::Mean, true, _) => 2,
            (ClassicAlgorithm::Gradient, false, 8) => 0,
            (ClassicAlgorithm::Gradient, false, _) => 4,
            (ClassicAlgorithm::Gradient, true, 8) => 4,
            (ClassicAlgorithm::Gradient, true, _) => 16,
            (ClassicAlgorithm::VerticalGradient, false, 8) => 1,
            (ClassicAlgorithm::VerticalGradient, false, _) => 5,
            (ClassicAlgorithm::VerticalGradient, true, 8) => 3,
            (ClassicAlgorithm::VerticalGradient, true, _) => 16,
            (ClassicAlgorithm::DoubleGradient, _, 8) => 0,
            (ClassicAlgorithm::DoubleGradient, false, _) => 6,
            (ClassicAlgorithm::DoubleGradient, true, _) => 8,
            (ClassicAlgorithm::Blockhash, _, 8) => 2,
            (ClassicAlgorithm::Blockhash, ..) => 16,
        }
    }
}
