//! One member of a gzip file (RFC 1952): header, deflate data, check. What was unpacked before a fault is handed out.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::feed::Feed;
use super::{Fault, Found};

/// Bytes of the header that every member has.
const HEADER: usize = 10;
/// Bytes behind the data: a CRC-32 and the length.
const TRAILER: usize = 8;

const HEADER_CHECK: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// A member whose header is read.
pub(super) struct Member {
    inflate: Decompress,
    check: Crc,
    /// The last call filled what it was lent, so there may be more without new input.
    more: bool,
}

impl Member {
    /// Reads the header.
    pub(super) fn open<R: Read>(feed: &mut Feed<R>) -> io::Result<Result<Self, Fault>> {
        let head = feed.peek(HEADER)?;
        let &[_, _, method, flags, ..] = head else { return Ok(Err(Fault::Ended)) };
        if head.len() < HEADER {
            return Ok(Err(Fault::Ended));
        }
        if method != 8 || flags & RESERVED != 0 {
            return Ok(Err(Fault::damaged("a header of no known method")));
        }
        feed.consume(HEADER);
        if flags & EXTRA != 0 {
            let &[low, high] = feed.peek(2)? else { return Ok(Err(Fault::Ended)) };
            if !feed.skip(2 + u64::from(u16::from_le_bytes([low, high])))? {
                return Ok(Err(Fault::Ended));
            }
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 && !skip_text(feed)? {
                return Ok(Err(Fault::Ended));
            }
        }
        if flags & HEADER_CHECK != 0 && !feed.skip(2)? {
            return Ok(Err(Fault::Ended));
        }
        Ok(Ok(Self { inflate: Decompress::new(false), check: Crc::new(), more: false }))
    }

    /// Unpacks what there is.
    pub(super) fn read<R: Read>(
        &mut self,
        feed: &mut Feed<R>,
        buffer: &mut [u8],
    ) -> io::Result<Found> {
        loop {
            if !self.more && feed.fill_buf()?.is_empty() {
                return Ok(Found::Fault(Fault::Ended));
            }
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(feed.at_hand(), buffer, FlushDecompress::None);
            let read = (self.inflate.total_in() - read) as usize;
            let written = (self.inflate.total_out() - written) as usize;
            feed.consume(read);
            self.check.update(&buffer[..written]);
            let was_more = std::mem::replace(&mut self.more, written == buffer.len());
            match status {
                // What came before the damage is handed out; the next call meets the damage again.
                _ if written > 0 => return Ok(Found::Bytes(written)),
                Ok(Status::StreamEnd) => return self.close(feed),
                Ok(_) if read > 0 || was_more || feed.at_hand().is_empty() => {}
                Ok(_) => {
                    return Ok(Found::Fault(Fault::damaged("deflate data that leads nowhere")));
                }
                Err(_) => {
                    return Ok(Found::Fault(Fault::damaged("deflate data that make no sense")));
                }
            }
        }
    }

    /// Checks what the trailer says.
    fn close<R: Read>(&self, feed: &mut Feed<R>) -> io::Result<Found> {
        let Some(&[a, b, c, d, e, f, g, h]) = feed.peek(TRAILER)?.first_chunk() else {
            return Ok(Found::Fault(Fault::Ended));
        };
        if u32::from_le_bytes([a, b, c, d]) != self.check.sum()
            || u32::from_le_bytes([e, f, g, h]) != self.check.amount()
        {
            return Ok(Found::Fault(Fault::damaged("its check sum is another")));
        }
        feed.consume(TRAILER);
        Ok(Found::End)
    }
}

/// Passes over a text and the zero that ends it; false when the source ends before.
fn skip_text<R: Read>(feed: &mut Feed<R>) -> io::Result<bool> {
    loop {
        let bytes = feed.fill_buf()?;
        let len = bytes.len();
        if len == 0 {
            return Ok(false);
        }
        let zero = bytes.iter().position(|&byte| byte == 0);
        feed.consume(zero.map_or(len, |at| at + 1));
        if zero.is_some() {
            return Ok(true);
        }
    }
}
