//! Images to send.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

pub(crate) fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let shade = |x: u32, y: u32| Rgb([(x % 256) as u8, (y % 256) as u8, 90]);
    write(RgbImage::from_fn(width, height, shade).into(), format)
}

pub(crate) fn png() -> Vec<u8> {
    encoded(ImageFormat::Png, 16, 8)
}

pub(crate) fn see_through() -> Vec<u8> {
    let half = RgbaImage::from_pixel(9, 9, Rgba([200, 0, 0, 128]));
    write(half.into(), ImageFormat::Png)
}

fn write(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A few bytes that claim to unpack to this many pixels.
pub(crate) fn huge(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// A valid head, followed by nonsense.
pub(crate) fn torn() -> Vec<u8> {
    let mut bytes = encoded(ImageFormat::Png, 64, 64);
    let half = bytes.len() / 2;
    bytes[half..].fill(7);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let shifted = |sum: u32, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1));
        (0..8).fold(sum ^ u32::from(*byte), shifted)
    };
    !bytes.iter().fold(u32::MAX, step)
}
