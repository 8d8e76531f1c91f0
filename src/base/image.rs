//! Images as models are shown them: which, how large, and whether bytes are one. Their providers
//! refuse a whole request for one image that is not, so it is told here, before, and in words for
//! the person whose image it is. Nothing is decoded: what is looked at is the frame that every
//! decoder needs, from the size to the end.

/// Content types that models take. Other images are for programs.
const TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Bytes of one image at most: Anthropic, the narrowest, takes 5 MiB of it in Base64, in which three
/// bytes are four.
pub const MAX_BYTES: u64 = 5 * 1024 * 1024 / 4 * 3;

/// Pixels of a side at most, as of Anthropic too.
pub const MAX_SIDE: u32 = 8_000;

/// Why an image cannot be shown: words that follow its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// In bytes.
    #[error(
        "has {0} bytes, and models are shown images of {MAX_BYTES} bytes at most; make it smaller, or save it as a JPEG"
    )]
    TooLarge(u64),
    /// In pixels.
    #[error(
        "is {0} by {1} pixels, and models are shown images of {MAX_SIDE} a side at most; make it smaller"
    )]
    TooWide(u32, u32),
    /// It does not hold what its type has to.
    #[error("is damaged or cut off, so no model can be shown it; open it and save it anew")]
    Damaged,
}

/// Whether models are shown files of this type.
pub fn is_shown(content_type: &str) -> bool {
    TYPES.contains(&content_type)
}

/// Whether an image of so many bytes can be shown.
///
/// # Errors
/// [`Unfit::TooLarge`].
pub fn check_size(bytes: u64) -> Result<(), Unfit> {
    if bytes > MAX_BYTES {
        return Err(Unfit::TooLarge(bytes));
    }
    Ok(())
}

/// Whether these bytes can be shown as an image of this type.
///
/// # Errors
/// [`Unfit`].
pub fn check(content_type: &str, bytes: &[u8]) -> Result<(), Unfit> {
    check_size(bytes.len() as u64)?;
    let sides = match content_type {
        "image/png" => png(bytes),
        "image/jpeg" => jpeg(bytes),
        "image/gif" => gif(bytes),
        "image/webp" => webp(bytes),
        _ => None,
    };
    match sides {
        None | Some((0, _) | (_, 0)) => Err(Unfit::Damaged),
        Some((width, height)) if width > MAX_SIDE || height > MAX_SIDE => Err(Unfit::TooWide(width, height)),
        Some(_) => Ok(()),
    }
}

// What follows gives width and height of what is whole, none of anything else.

/// Chunks of a length, a type and a checksum (PNG, section 5.3).
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let mut sides = None;
    let mut has_pixels = false;
    loop {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let data = after.get(..length)?;
        rest = after.get(length + 4..)?;
        match kind {
            b"IHDR" => {
                let (width, data) = data.split_first_chunk()?;
                let height = data.first_chunk()?;
                sides = Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)));
            }
            b"IDAT" => has_pixels = true,
            b"IEND" => return sides.filter(|_| has_pixels),
            _ => {}
        }
    }
}

/// Segments up to the scan, and an end behind it (JPEG, annex B).
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
    let mut sides = None;
    loop {
        let marker = rest.strip_prefix(b"\xFF")?;
        // Any number of these may stand before a marker.
        let marker = &marker[marker.iter().position(|byte| *byte != 0xFF)?..];
        let (kind, after) = marker.split_first()?;
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let segment = after.get(..length)?;
        match kind {
            // Frames, of whatever coding; the others of this row are tables.
            0xC0..=0xCF if !matches!(kind, 0xC4 | 0xC8 | 0xCC) => {
                let side =
                    |at: usize| Some(u32::from(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?)));
                sides = Some((side(5)?, side(3)?));
            }
            0xDA => {
                let has_end = after.windows(2).rev().any(|pair| pair == b"\xFF\xD9");
                return sides.filter(|_| has_end);
            }
            _ => {}
        }
        rest = after.get(length.max(2)..)?;
    }
}

/// Blocks, of which one has to be a picture (GIF89a, appendix A).
fn gif(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes
        .strip_prefix(b"GIF89a")
        .or_else(|| bytes.strip_prefix(b"GIF87a"))?;
    let side = |at: usize| Some(u32::from(u16::from_le_bytes(*rest.get(at..)?.first_chunk()?)));
    let sides = (side(0)?, side(2)?);
    let table = |flags: u8| {
        let entries = 2_usize << (flags & 0x07);
        if flags & 0x80 == 0 { 0 } else { entries * 3 }
    };
    let mut rest = rest.get(7 + table(*rest.get(4)?)..)?;
    loop {
        let (kind, after) = rest.split_first()?;
        match kind {
            0x21 => rest = gif_data(after.get(1..)?)?,
            0x2C => {
                // The first picture is what a model is shown.
                gif_data(after.get(10 + table(*after.get(8)?)..)?)?;
                return Some(sides);
            }
            _ => return None,
        }
    }
}

/// What follows blocks of data, the last of which is empty.
fn gif_data(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, after) = rest.split_first()?;
        rest = after.get(usize::from(*length)..)?;
        if *length == 0 {
            return Some(rest);
        }
    }
}

/// A RIFF file whose first chunk has the size (WebP container, and RFC 6386, section 9.1).
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let (size, rest) = bytes.strip_prefix(b"RIFF")?.split_first_chunk()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    let chunk = rest.get(..size)?.strip_prefix(b"WEBP")?;
    let data = chunk.get(8..)?;
    let short = |at: usize| Some(u32::from(u16::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    match chunk.get(..4)? {
        b"VP8 " => (data.get(3..6)? == b"\x9D\x01\x2A").then_some((short(6)? & 0x3FFF, short(8)? & 0x3FFF)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(*data.strip_prefix(b"\x2F")?.first_chunk()?);
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        b"VP8X" => {
            let side = |at: usize| Some((short(at)? | (u32::from(*data.get(at + 2)?) << 16)) + 1);
            Some((side(4)?, side(7)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// Images that other programs have made.
    fn made() -> [(&'static str, Vec<u8>); 7] {
        let of = |base64: &str| STANDARD.decode(base64).expect("Base64");
        [
            (
                "image/png",
                of(
                    "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAJElEQVR4nGNkYGCQw0AsDBoMDAzsaAguyoeMkEVF4QhNVAaCAJW/AsQ8XdcJAAAAAElFTkSuQmCC",
                ),
            ),
            (
                "image/jpeg",
                of(
                    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj/wAARCAAFAAcDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAYEAEBAAMAAAAAAAAAAAAAAAAAAQIDBP/EABUBAQEAAAAAAAAAAAAAAAAAAAEC/8QAGhEAAgIDAAAAAAAAAAAAAAAAAAIBAxIhMf/aAAwDAQACEQMRAD8Alo5cLAEruBrdsen/2Q==",
                ),
            ),
            (
                "image/jpeg",
                of(
                    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj/wgARCAAFAAcDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAL/xAAVAQEBAAAAAAAAAAAAAAAAAAAAAf/aAAwDAQACEAMQAAABgR//xAAWEAADAAAAAAAAAAAAAAAAAAAAAQL/2gAIAQEAAQUCUn//xAAXEQEAAwAAAAAAAAAAAAAAAAABAAIR/9oACAEDAQE/Aark/8QAFREBAQAAAAAAAAAAAAAAAAAAAAH/2gAIAQIBAT8Bj//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEABj8Cf//EABUQAQEAAAAAAAAAAAAAAAAAAAAB/9oACAEBAAE/IZv/2gAMAwEAAgADAAAAEPf/xAAVEQEBAAAAAAAAAAAAAAAAAAAAQf/aAAgBAwEBPxCo/8QAFhEAAwAAAAAAAAAAAAAAAAAAAAEh/9oACAECAQE/EKR//8QAFRABAQAAAAAAAAAAAAAAAAAAAQD/2gAIAQEAAT8QaX//2Q==",
                ),
            ),
            (
                "image/gif",
                of(
                    "R0lGODlhBwAFAIIAAJaMe1qMSodQPx6MGR5QDpYUEloUCx4UBCH5BAAKAAAALAAAAAAHAAUAAAgdAA8INGCgQIGBBQ0SWCigoYABEAMEAAAg4kSKAQEAIfkEAQoACAAsAAAAAAcABQCClox7WoxKh1A/HowZHlAOlhQSWhQLHhQECB0AAQgMEGDAgIEFDQpYiICAwwIQDRg4cCDiRIoBAQA7",
                ),
            ),
            (
                "image/webp",
                of(
                    "UklGRjoAAABXRUJQVlA4IC4AAACwAQCdASoHAAUABUB8JbACdAD0Ma2oAP7l/8dKgG9KVVS8SR//cJrDOwYaGAAA",
                ),
            ),
            (
                "image/webp",
                of("UklGRi4AAABXRUJQVlA4TCIAAAAvBgABALkyRPQ/dhHR/4BCthGg4Zw/44swHnMQEwBkBdoT"),
            ),
            (
                "image/webp",
                of(
                    "UklGRl4AAABXRUJQVlA4WAoAAAAQAAAABgAABAAAQUxQSAoAAAABB1CyiAhERP8DVlA4IC4AAACwAQCdASoHAAUABUB8JbACdAD0Ma2oAP7l/8dKgG9KVVS8SR//cJrDOwYaGAAA",
                ),
            ),
        ]
    }

    #[test]
    fn whole_images_are_shown_and_parts_of_them_are_not() {
        for (content_type, bytes) in made() {
            assert!(is_shown(content_type));
            assert_eq!(check(content_type, &bytes), Ok(()), "{content_type}");
            for length in 0..bytes.len() - 2 {
                let part = check(content_type, &bytes[..length]);
                // A GIF's later pictures are not looked at.
                let is_whole_enough = content_type == "image/gif" && part.is_ok();
                assert!(
                    part == Err(Unfit::Damaged) || is_whole_enough,
                    "{length} of {content_type}: {part:?}"
                );
            }
            for (other, _) in made().iter().filter(|(other, _)| *other != content_type) {
                assert_eq!(
                    check(other, &bytes),
                    Err(Unfit::Damaged),
                    "{content_type} as {other}"
                );
            }
        }
    }

    #[test]
    fn what_is_too_large_is_told_with_its_size_and_what_is_allowed() {
        let long = vec![0; 7 * 1024 * 1024];
        let unfit = check("image/png", &long).expect_err("too large");
        assert_eq!(
            unfit.to_string(),
            "has 7340032 bytes, and models are shown images of 3932160 bytes at most; make it smaller, or save it as a JPEG"
        );
        assert_eq!(check_size(MAX_BYTES), Ok(()));
        // As the narrowest provider counts.
        assert_eq!(MAX_BYTES.div_ceil(3) * 4, 5 * 1024 * 1024);
        let (_, mut wide) = made()[0].clone();
        wide[18..20].copy_from_slice(&9_000_u16.to_be_bytes());
        assert_eq!(check("image/png", &wide), Err(Unfit::TooWide(9_000, 5)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(which in 0..7_usize, at in 0..400_usize, bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (content_type, whole) = &made()[which];
            let at = at.min(whole.len());
            let _ = check(content_type, &[&whole[..at], &bytes].concat());
            let _ = check(content_type, &[&whole[..at], &bytes, &whole[at..]].concat());
        }
    }
}
