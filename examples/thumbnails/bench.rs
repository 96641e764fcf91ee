//! A workbench: all that one picture needs at a time. What is pooled.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stealpool::Recycle;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// Benches made so far, and the bytes of all that live.
static CREATED: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// How many benches were made so far.
pub(crate) fn created() -> u64 {
    // Relaxed: a figure.
    CREATED.load(Relaxed)
}

/// The bytes that all benches hold.
pub(crate) fn live_bytes() -> u64 {
    // Relaxed: a figure.
    BYTES.load(Relaxed)
}

/// The longer side of a thumbnail, in pixels.
const SIDE: u32 = 160;
/// Bytes of a pixel: red, green, blue.
const DEPTH: usize = 3;

/// Buffers and tables for one picture at a time.
pub(crate) struct Bench {
    /// As long as the largest picture so far; a smaller one uses its beginning.
    pixels: Vec<u8>,
    resizer: Resizer,
    thumbnail: Vec<u8>,
    weight: usize,
}

impl Bench {
    /// An empty one.
    pub(crate) fn new() -> Self {
        // Relaxed: a figure.
        CREATED.fetch_add(1, Relaxed);
        Bench { pixels: Vec::new(), resizer: Resizer::new(), thumbnail: Vec::new(), weight: 0 }
    }

    /// The pixels of a thumbnail, its width and its height.
    ///
    /// # Errors
    ///
    /// What is wrong with the picture.
    pub(crate) fn thumbnail(&mut self, jpeg: &[u8]) -> Result<(&[u8], u32, u32), String> {
        let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
        decoder.decode_headers().map_err(|error| error.to_string())?;
        let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
        let length = decoder.output_buffer_size().ok_or("too large")?;
        if length != width * height * DEPTH {
            return Err("not in colours".to_owned());
        }
        if self.pixels.len() < length {
            // Zeroed by the system where it can be. What was there goes first.
            self.pixels = Vec::new();
            self.pixels = vec![0; length];
        }
        let pixels = &mut self.pixels[..length];
        decoder.decode_into(pixels).map_err(|error| error.to_string())?;

        let (width, height) = (width as u32, height as u32);
        let scale = |side: u32| (side * SIDE / width.max(height)).max(1);
        let (small_width, small_height) = (scale(width), scale(height));
        self.thumbnail.resize(small_width as usize * small_height as usize * DEPTH, 0);
        let large = ImageRef::new(width, height, pixels, PixelType::U8x3);
        let large = large.map_err(|error| error.to_string())?;
        let small =
            Image::from_slice_u8(small_width, small_height, &mut self.thumbnail, PixelType::U8x3);
        let mut small = small.map_err(|error| error.to_string())?;
        let resized = self.resizer.resize(&large, &mut small, None);
        resized.map_err(|error| error.to_string())?;
        self.weigh();
        Ok((&self.thumbnail, small_width, small_height))
    }

    fn weigh(&mut self) {
        let weight = self.pixels.capacity()
            + self.thumbnail.capacity()
            + self.resizer.size_of_internal_buffers();
        // Relaxed, both: a figure. Adding first keeps it from wrapping.
        BYTES.fetch_add(weight as u64, Relaxed);
        BYTES.fetch_sub(self.weight as u64, Relaxed);
        self.weight = weight;
    }
}

impl Recycle for Bench {
    fn recycle(&mut self) {
        // Every picture overwrites all that it reads.
    }

    fn footprint(&self) -> usize {
        size_of::<Self>() + self.weight
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Relaxed: a figure.
        BYTES.fetch_sub(self.weight as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenes::{LARGE, SMALL};

    #[test]
    fn a_used_bench_makes_the_same_thumbnails_as_a_new_one() {
        let mut used = Bench::new();
        used.thumbnail(LARGE).unwrap();
        assert!(used.footprint() > 2268 * 1512 * DEPTH);
        assert!(live_bytes() as usize >= 2268 * 1512 * DEPTH);
        for jpeg in SMALL {
            let (thumbnail, width, height) = used.thumbnail(jpeg).unwrap();
            assert_eq!((width, height), (SIDE, SIDE));
            let mut new = Bench::new();
            assert!(thumbnail == new.thumbnail(jpeg).unwrap().0);
            assert!(thumbnail.iter().any(|byte| *byte != thumbnail[0]));
        }
        assert!(used.thumbnail(b"not a picture").is_err());
        assert!(used.thumbnail(&LARGE[..200]).is_err());
    }
}
