//! Synthetic pictures, made from seeds, and the ordinary alterations that a picture meets in its life.
//!
//! Everything that the demo, the tests and the benches look at comes from here, so that the project needs no
//! photograph of anything. This room never sees hashes, indexes or lists.
//!
//! [`picture`] makes the same bytes from the same seed on every machine and in every build: all randomness is integer
//! draws from ChaCha8, and no scene uses floating point.
//!
//! # Example
//! ```
//! use hashsieve::PixelFormat;
//! use hashsieve::synthetic::{Alteration, Scene, alter, altered_file, picture};
//! let original = picture(Scene::DeadLeaves, 7, 320, 240, PixelFormat::Rgb8);
//! assert_eq!(original, picture(Scene::DeadLeaves, 7, 320, 240, PixelFormat::Rgb8));
//! let half = alter(&original, Alteration::Resize { percent: 50 }, 0)?;
//! assert_eq!((half.width(), half.height()), (160, 120));
//! let jpeg = altered_file(&original, Alteration::Jpeg { quality: 75 }, 0)?;
//! assert!(jpeg.starts_with(&[0xff, 0xd8]));
//! # Ok::<(), hashsieve::synthetic::EncodeError>(())
//! ```

mod alter;
mod canvas;
mod encode;
mod field;
mod random;
mod shapes;

pub use alter::{Alteration, alter, altered_file};
pub use encode::{AnimationFormat, EncodeError, FileFormat, encode, encode_animation};

use crate::pixels::{PixelBuffer, PixelFormat};
use canvas::Canvas;
use random::Random;

/// The longest side of a picture that [`picture`] makes: far above what any format is used for, and small enough for
/// all sums of squares to fit their integers.
pub const MAX_SIDE: u32 = 1 << 20;

/// What a synthetic picture shows.
///
/// All but [`Scene::Flat`] have a PDQ quality of 50 or more, the least that the algorithm's authors advise to match,
/// from 256x256 pixels up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scene {
    /// A field whose amplitude spectrum falls about as one over frequency, as that of photographs does: clouds.
    OneOverF,
    /// Many discs and rectangles of power-law sizes that hide one another: the "dead leaves" model of natural scenes,
    /// with its sharp edges at all scales.
    DeadLeaves,
    /// Ramps and a bowl of light, folded several times over the picture, with a trace of grain.
    Gradient,
    /// Strokes, rings and frames on light paper.
    LineArt,
    /// Paragraphs of random glyphs: the look of a page or a screenshot, with nothing to read.
    TextBlocks,
    /// One colour, with noise of at most one step: a picture whose PDQ quality is too low to match.
    Flat,
}

impl Scene {
    /// Every scene, in the order used by files and reports.
    pub const ALL: [Self; 6] = [
        Self::OneOverF,
        Self::DeadLeaves,
        Self::Gradient,
        Self::LineArt,
        Self::TextBlocks,
        Self::Flat,
    ];

    /// Returns the stable lower-case name, for example `dead_leaves`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneOverF => "one_over_f",
            Self::DeadLeaves => "dead_leaves",
            Self::Gradient => "gradient",
            Self::LineArt => "line_art",
            Self::TextBlocks => "text_blocks",
            Self::Flat => "flat",
        }
    }

    /// Returns the scene of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scene| scene.name() == name)
    }

    /// The scene's own stream of draws. Never renumber: the pictures would change.
    const fn purpose(self) -> u8 {
        match self {
            Self::OneOverF => 1,
            Self::DeadLeaves => 2,
            Self::Gradient => 3,
            Self::LineArt => 4,
            Self::TextBlocks => 5,
            Self::Flat => 6,
        }
    }
}

/// Returns the picture of a scene and a seed: the same bytes on every machine and in every build.
///
/// The layouts with alpha are those without it, made opaque. Pictures of one seed in different sizes are different
/// pictures. O(width * height); 12 megapixels take a fraction of a second.
///
/// # Panics
/// When a side is zero or above [`MAX_SIDE`], or the picture is larger than memory.
pub fn picture(
    scene: Scene,
    seed: u64,
    width: u32,
    height: u32,
    format: PixelFormat,
) -> PixelBuffer {
    let sides = 1..=MAX_SIDE;
    assert!(
        sides.contains(&width) && sides.contains(&height),
        "sides go from 1 to {MAX_SIDE} pixels, but a picture of {width}x{height} was asked for"
    );
    let mut random = Random::new(seed, scene.purpose());
    let colour = matches!(format, PixelFormat::Rgb8 | PixelFormat::Rgba8);
    let mut canvas = Canvas::new(width, height, colour);
    match scene {
        Scene::OneOverF => field::one_over_f(&mut canvas, &mut random),
        Scene::DeadLeaves => shapes::dead_leaves(&mut canvas, &mut random),
        Scene::Gradient => field::gradient(&mut canvas, &mut random),
        Scene::LineArt => shapes::line_art(&mut canvas, &mut random),
        Scene::TextBlocks => shapes::text_blocks(&mut canvas, &mut random),
        Scene::Flat => field::flat(&mut canvas, &mut random),
    }
    canvas.into_picture(format)
}

/// Returns a picture whose bytes this room has just laid out for this very shape.
fn assembled(format: PixelFormat, width: u32, height: u32, bytes: Vec<u8>) -> PixelBuffer {
    PixelBuffer::new(format, width, height, bytes)
        .expect("the bytes were made for the picture's own shape")
}
