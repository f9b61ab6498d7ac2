//! The format that `lz4 -l` and early versions wrote (lz4 Frame Format Description, "Legacy frame"): a magic number, then
//! blocks of up to 8 MiB, each behind its length. There is no check and no end mark: a frame ends with the file, or where
//! the next one's magic number stands instead of a length. What a block unpacks to before its fault is handed out.

use std::io::{self, BufRead, Read};

use super::feed::Feed;
use super::{Fault, Found, MAGIC};

/// Bytes that a block unpacks to at most.
const BLOCK: usize = 8 << 20;
/// Bytes of the longest block: what does not become shorter becomes that much longer.
const PACKED: usize = BLOCK + BLOCK / 255 + 16;

/// A frame whose magic number is read.
#[derive(Default)]
pub(super) struct Frame {
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    /// Up to where that was handed out.
    given: usize,
    /// What is to be said behind it.
    fault: Option<Fault>,
}

impl Frame {
    /// Unpacks what there is.
    pub(super) fn read<R: Read>(
        &mut self,
        feed: &mut Feed<R>,
        buffer: &mut [u8],
    ) -> io::Result<Found> {
        loop {
            let rest = &self.unpacked[self.given..];
            if !rest.is_empty() {
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                self.given += n;
                return Ok(Found::Bytes(n));
            }
            if let Some(fault) = self.fault.take() {
                return Ok(Found::Fault(fault));
            }
            let Some(head) = feed.peek(MAGIC)?.first_chunk() else {
                return Ok(if feed.at_hand().is_empty() {
                    Found::End
                } else {
                    Found::Fault(Fault::Ended)
                });
            };
            let length = u32::from_le_bytes(*head) as usize;
            if length == 0 || length > PACKED {
                return Ok(Found::End); // what stands there is looked at where frames begin
            }
            feed.consume(MAGIC);
            self.block(feed, length)?;
        }
    }

    /// Unpacks the next block of that length.
    fn block<R: Read>(&mut self, feed: &mut Feed<R>, length: usize) -> io::Result<()> {
        self.packed.clear();
        while self.packed.len() < length {
            let bytes = feed.fill_buf()?;
            if bytes.is_empty() {
                self.fault = Some(Fault::Ended);
                break;
            }
            let n = bytes.len().min(length - self.packed.len());
            self.packed.extend_from_slice(&bytes[..n]);
            feed.consume(n);
        }
        self.given = 0;
        self.unpacked.clear();
        if unpack(&self.packed, &mut self.unpacked).is_none() && self.fault.is_none() {
            self.fault = Some(Fault::damaged("an lz4 block that makes no sense"));
        }
        Ok(())
    }
}

/// Unpacks a block (lz4 Block Format Description); `None` where it is cut or damaged, behind what came before that.
fn unpack(mut packed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    loop {
        let token = usize::from(*packed.split_off_first()?);
        let literals = length(token >> 4, &mut packed)?;
        let there = packed.len().min(literals);
        out.extend_from_slice(packed.split_off(..there)?);
        if there < literals || out.len() > BLOCK {
            return None;
        }
        let Some(&[low, high]) = packed.first_chunk() else {
            // The last sequence has no match.
            return packed.is_empty().then_some(());
        };
        packed = &packed[2..];
        let offset = usize::from(u16::from_le_bytes([low, high]));
        let mut left = length(token & 15, &mut packed)? + 4;
        if offset == 0 || offset > out.len() || out.len() + left > BLOCK {
            return None;
        }
        while left > 0 {
            // It may reach into what it writes: each round doubles what there is to copy.
            let from = out.len() - offset;
            let n = left.min(offset);
            out.extend_from_within(from..from + n);
            left -= n;
        }
    }
}

/// A length of four bits, which goes on in bytes where they are all set.
fn length(bits: usize, packed: &mut &[u8]) -> Option<usize> {
    let mut length = bits;
    if bits == 15 {
        loop {
            let byte = *packed.split_off_first()?;
            length = length.checked_add(usize::from(byte))?;
            if byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(packed: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let whole = unpack(packed, &mut out).is_some();
        (out, whole)
    }

    #[test]
    fn sequences_are_literals_and_matches() {
        for (packed, text, whole) in [
            (&b"\x50hello"[..], "hello", true),
            // Three literals, a match of 9 bytes from 3 back, two literals.
            (b"\x35abc\x03\x00\x20xy", "abcabcabcabcxy", true),
            // A run: from 1 back, 4 + 15 + 2 bytes.
            (b"\x1fa\x01\x00\x02\x00", "aaaaaaaaaaaaaaaaaaaaaa", true),
            (b"\x50hel", "hel", false),
            (b"\x35abc\x04\x00\x20xy", "abc", false),
            (b"\x35abc\x00\x00\x20xy", "abc", false),
            (b"\x35abc\x03", "abc", false),
            (b"\xf0", "", false),
            (b"", "", false),
        ] {
            assert_eq!(unpacked(packed), (text.as_bytes().to_vec(), whole), "{packed:?}");
        }
    }

    #[test]
    fn no_length_makes_more_than_a_block() {
        let mut packed = b"\x1fa\x01\x00".to_vec();
        packed.extend(vec![255; 40_000]);
        packed.push(0);
        assert_eq!(unpacked(&packed), (b"a".to_vec(), false));
    }

    proptest! {
        #[test]
        fn what_an_independent_writer_packed_comes_back(
            text in prop::collection::vec(prop::sample::select(&[0_u8, 1, 7, 255][..]), 0..3_000),
            cut in any::<prop::sample::Index>(),
        ) {
            let packed = lz4_flex::block::compress(&text);
            prop_assert_eq!(unpacked(&packed), (text.clone(), true));
            let (before, _) = unpacked(&packed[..cut.index(packed.len())]);
            prop_assert!(text.starts_with(&before));
        }

        #[test]
        fn arbitrary_blocks_never_panic(packed in prop::collection::vec(any::<u8>(), 0..200)) {
            let (out, _) = unpacked(&packed);
            prop_assert!(out.len() <= BLOCK);
        }
    }
}
