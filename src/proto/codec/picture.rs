//! Headers of single pictures: whether they are key frames and how large they are, for codecs whose configuration record
//! lacks it or that have none. The pictures themselves are not looked at.

use super::bits::Bits;
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// What the header of a picture says; `None` where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Picture {
    /// Whether it can be decoded without any other.
    pub key: Option<bool>,
    /// Its width in pixels; of most codecs only key frames have it.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
}

impl Picture {
    fn read(walk: impl FnOnce(&mut Self) -> Result<(), Fault>) -> (Self, Option<Fault>) {
        let mut picture = Self::default();
        let fault = walk(&mut picture).err();
        (picture, fault)
    }

    fn size(&mut self, width: u32, height: u32) {
        (self.width, self.height) = (Some(width), Some(height));
    }
}

/// A VP8 frame (RFC 6386 §9.1).
#[must_use]
pub fn vp8(frame: &[u8]) -> (Picture, Option<Fault>) {
    Picture::read(|picture| {
        let mut c = Cursor::new(frame);
        let [tag, ..] = c.array::<3>("VP8 frame tag")?;
        picture.key = Some(tag & 1 == 0);
        if tag & 1 == 1 {
            return Ok(());
        }
        if c.array("VP8 start code")? != [0x9d, 0x01, 0x2a] {
            return Err(Fault::broken(3, "VP8 start code", "is not 9d 01 2a"));
        }
        let [a, b, c, d] = c.array("VP8 picture size")?;
        // The upper two bits say how to scale it up.
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        picture.size(side(a, b), side(c, d));
        Ok(())
    })
}

/// A VP9 frame (VP9 §6.2, `uncompressed_header`).
#[must_use]
pub fn vp9(frame: &[u8]) -> (Picture, Option<Fault>) {
    Picture::read(|picture| {
        let mut b = Bits::new(frame);
        if b.u(2, "VP9 frame marker")? != 2 {
            return Err(Fault::broken(0, "VP9 frame marker", "is not 2"));
        }
        let profile = b.u(1, "VP9 profile")? | b.u(1, "VP9 profile")? << 1;
        if profile == 3 {
            b.flag("VP9 reserved bit")?;
        }
        if b.flag("VP9 show_existing_frame")? {
            picture.key = Some(false);
            return Ok(());
        }
        let key = !b.flag("VP9 frame_type")?;
        picture.key = Some(key);
        if !key {
            return Ok(());
        }
        b.skip(2, "VP9 show_frame and error_resilient_mode")?;
        let at = b.offset();
        if b.u(24, "VP9 sync code")? != 0x49_8342 {
            return Err(Fault::broken(at, "VP9 sync code", "is not 49 83 42"));
        }
        if profile >= 2 {
            b.flag("VP9 bit depth")?;
        }
        let rgb = b.u(3, "VP9 color_space")? == 7;
        let subsampled = profile & 1 == 1;
        b.skip(u32::from(!rgb), "VP9 color_range")?;
        b.skip(
            if !subsampled {
                0
            } else if rgb {
                1
            } else {
                3
            },
            "VP9 subsampling",
        )?;
        let width = b.u(16, "VP9 frame_width_minus_1")? + 1;
        picture.size(width, b.u(16, "VP9 frame_height_minus_1")? + 1);
        Ok(())
    })
}

/// A picture of Sorenson's H.263 (FLV 10.1 §E.4.3.2, H263VIDEOPACKET).
#[must_use]
pub fn h263(frame: &[u8]) -> (Picture, Option<Fault>) {
    Picture::read(|picture| {
        let mut b = Bits::new(frame);
        if b.u(17, "H.263 picture start code")? != 1 {
            return Err(Fault::broken(0, "H.263 picture start code", "is not 1"));
        }
        b.skip(5 + 8, "H.263 version and temporal reference")?;
        let at = b.offset();
        let bits = match b.u(3, "H.263 picture size")? {
            0 => 8,
            1 => 16,
            code => {
                let Some((width, height)) =
                    [(352, 288), (176, 144), (128, 96), (320, 240), (160, 120)]
                        .get(code as usize - 2)
                        .copied()
                else {
                    return Err(Fault::invalid(at, "H.263 picture size", u64::from(code)));
                };
                picture.size(width, height);
                0
            }
        };
        if bits > 0 {
            let width = b.u(bits, "H.263 custom width")?;
            picture.size(width, b.u(bits, "H.263 custom height")?);
        }
        picture.key = Some(b.u(2, "H.263 picture type")? == 0);
        Ok(())
    })
}

/// A picture of Screen Video, also of its version 2 (FLV 10.1 §E.4.3.3). It does not say what it depends on.
#[must_use]
pub fn screen_video(frame: &[u8]) -> (Picture, Option<Fault>) {
    Picture::read(|picture| {
        let mut c = Cursor::new(frame);
        let width = c.u16("Screen Video width")? & 0xfff; // the upper bits are the size of its blocks
        picture.size(u32::from(width), u32::from(c.u16("Screen Video height")? & 0xfff));
        Ok(())
    })
}

/// A VP6 picture, its adjustment first, and the offset to the alpha data where it has some (FLV 10.1 §E.4.3.4 and
/// §E.4.3.5; the header inside is described by On2's "VP6 Bitstream and Decoder Specification" §9.1).
#[must_use]
pub fn vp6(frame: &[u8], alpha: bool) -> (Picture, Option<Fault>) {
    Picture::read(|picture| {
        let mut c = Cursor::new(frame);
        let adjustment = c.u8("VP6 adjustment")?;
        if alpha {
            c.u24("VP6 offset to the alpha data")?;
        }
        let first = c.u8("VP6 frame header")?;
        picture.key = Some(first & 0x80 == 0);
        if first & 0x80 != 0 {
            return Ok(());
        }
        let second = c.u8("VP6 frame header")?;
        // Two partitions, or the simple profile, put the offset of the second one first.
        if first & 1 == 1 || second & 6 == 0 {
            c.u16("VP6 partition offset")?;
        }
        let [rows, columns, ..] = c.array::<4>("VP6 picture size")?;
        let side = |blocks: u8, cut: u8| (u32::from(blocks) * 16).saturating_sub(u32::from(cut));
        picture.size(side(columns, adjustment >> 4), side(rows, adjustment & 0xf));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    fn of(width: u32, height: u32, key: bool) -> Picture {
        Picture { key: Some(key), width: Some(width), height: Some(height) }
    }

    type Decode = fn(&[u8]) -> (Picture, Option<Fault>);

    #[test]
    fn key_frames_say_their_size_and_are_read_to_every_cut() {
        let vp9_444 = Writer::default().u(2, 2).u(2, 2).u(4, 0).u(24, 0x49_8342).u(3, 2).u(1, 0);
        let vp9_444 = vp9_444.u(3, 0).u(16, 1919).u(16, 1079).bytes();
        let custom = Writer::default().u(17, 1).u(5, 0).u(8, 0).u(3, 1).u(16, 640).u(16, 361);
        let custom = custom.u(2, 0).bytes();
        let small = Writer::default().u(17, 1).u(13, 0).u(3, 0).u(8, 64).u(8, 48).u(2, 0).bytes();
        let alpha: Decode = |frame| vp6(frame, true);
        let plain: Decode = |frame| vp6(frame, false);
        let rows: [(&[u8], Decode, Picture); 8] = [
            (b"\x10\x02\0\x9d\x01\x2a\x40\x41\xf0\0", vp8, of(320, 240, true)),
            (b"\x82\x49\x83\x42\x20\x03\xf0\x02\xf0", vp9, of(64, 48, true)),
            (&vp9_444[..], vp9, of(1920, 1080, true)),
            (&custom, h263, of(640, 361, true)),
            (&small, h263, of(64, 48, true)),
            (b"\x48\x10", plain, Picture::default()),
            (b"\x48\x10\x06\x03\x04\x03\x04", plain, of(60, 40, true)),
            (b"\x00\0\0\x09\x11\x00\x01\x02\x03\x04\x03\x04", alpha, of(64, 48, true)),
        ];
        for (frame, decode, expected) in rows {
            let (picture, fault) = decode(frame);
            if expected == Picture::default() {
                assert!(fault.is_some());
                continue;
            }
            assert_eq!((picture, fault), (expected, None), "{frame:02x?}");
            for cut in 0..frame.len() {
                let (part, fault) = decode(&frame[..cut]);
                assert!(fault.is_none_or(|f| f.offset <= cut));
                assert!(
                    part.width.is_none() || part == expected || part.key.is_none(),
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn other_frames_say_that_they_are_none() {
        assert_eq!(vp8(&[0x11, 0, 0]).0.key, Some(false));
        assert_eq!(vp9(&[0x86]).0.key, Some(false), "an inter frame");
        assert_eq!(vp9(&[0x88]).0.key, Some(false), "a frame that was decoded before");
        assert_eq!(vp6(&[0, 0x80], false).0.key, Some(false));
        let inter = Writer::default().u(17, 1).u(13, 0).u(3, 3).u(2, 1).bytes();
        assert_eq!(h263(&inter).0, of(176, 144, false));
        let screen = of(64, 48, true);
        assert_eq!(screen_video(&[0x10, 64, 0x10, 48]).0, Picture { key: None, ..screen });
    }

    #[test]
    fn what_is_no_frame_is_said() {
        assert!(vp8(b"\x10\0\0\x9d\x01\x2b\0\0\0\0").1.is_some());
        assert_eq!(vp9(&[0x40]).1, Some(Fault::broken(0, "VP9 frame marker", "is not 2")));
        assert!(vp9(&[0x82, 0, 0, 0, 0]).1.is_some());
        assert!(h263(&[0, 1, 0, 0, 0]).1.is_some());
        let reserved = Writer::default().u(17, 1).u(13, 0).u(3, 7).u(2, 0).bytes();
        assert_eq!(h263(&reserved).1, Some(Fault::invalid(3, "H.263 picture size", 7)));
        assert!(screen_video(&[1, 2, 3]).1.is_some());
    }
}
