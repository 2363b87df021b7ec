//! Images: what can be known before they are unpacked, and the thumbnails.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult};

use crate::job::{Made, Thumbnail};

/// The length of the longer side of each thumbnail. Thumbnails of smaller images are not larger than the image.
pub(crate) const SIZES: [u32; 3] = [128, 512, 1024];

const JPEG_QUALITY: u8 = 82;

/// Why no thumbnails can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("neither a PNG, a JPEG, a WebP nor a GIF")]
    Unknown,
    #[error("the image cannot be read: {0}")]
    Broken(ImageError),
    #[error("{width} x {height} pixels are more than {most}")]
    TooManyPixels { width: u32, height: u32, most: u64 },
}

/// What the head of an image says.
pub(crate) struct Look {
    pub(crate) format: ImageFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Reads the head of an image. Nothing is unpacked, so a small file that unpacks to a huge picture does no harm.
pub(crate) fn look(bytes: &[u8], most_pixels: u64) -> Result<Look, Unfit> {
    const SERVED: [ImageFormat; 4] = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ];
    let format = image::guess_format(bytes).ok();
    let format = format.filter(|format| SERVED.contains(format));
    let format = format.ok_or(Unfit::Unknown)?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader.into_dimensions().map_err(Unfit::Broken)?;
    if u64::from(width) * u64::from(height) > most_pixels {
        let most = most_pixels;
        return Err(Unfit::TooManyPixels {
            width,
            height,
            most,
        });
    }
    Ok(Look {
        format,
        width,
        height,
    })
}

/// Makes all thumbnails. Between two steps it calls `goes_on` with the number of thumbnails that are made, and gives up
/// if that returns `false`.
pub(crate) fn thumbnails(
    bytes: &[u8],
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> ImageResult<Option<Vec<Thumbnail>>> {
    let mut made = Vec::new();
    if !goes_on(0) {
        return Ok(None);
    }
    let picture = unpack(bytes)?;
    for size in SIZES {
        if !goes_on(made.len()) {
            return Ok(None);
        }
        made.push(thumbnail(&picture, size)?);
    }
    Ok(Some(made))
}

/// Unpacks the image and turns it upright. Of an animated image it takes the first frame.
fn unpack(bytes: &[u8]) -> ImageResult<DynamicImage> {
    // The library lets a decoder take at most 512 MiB.
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut decoder = reader.into_decoder()?;
    let way_up = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(way_up);
    Ok(picture)
}

fn thumbnail(picture: &DynamicImage, size: u32) -> ImageResult<Thumbnail> {
    let longest = size.min(picture.width().max(picture.height()));
    let small = picture.thumbnail(longest, longest).into_rgba8();
    let (width, height) = small.dimensions();
    let is_opaque = small.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let small = DynamicImage::from(small);
    let mut bytes = Vec::new();
    let media_type = if is_opaque {
        small
            .into_rgb8()
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
        "image/jpeg"
    } else {
        small.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        "image/png"
    };
    let made = Made {
        size,
        width,
        height,
        media_type: media_type.to_owned(),
        bytes: bytes.len() as u64,
    };
    Ok(Thumbnail { made, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_at_an_image_ends_between_any_two_steps() {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgb8(8, 8);
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let bytes = bytes.into_inner();
        for steps in 0..=SIZES.len() {
            let mut said = Vec::new();
            let ended = thumbnails(&bytes, &mut |made| {
                said.push(made);
                said.len() <= steps
            });
            assert!(ended.unwrap().is_none(), "after {steps} steps");
            assert_eq!(said.len(), steps + 1);
            assert_eq!(said.last(), Some(&steps.saturating_sub(1)));
        }
    }
}
