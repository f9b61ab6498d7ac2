//! What to do with a block whose lengths are wrong: read what it holds if that is plain, and find the next sound one.

use std::io::{self, Read};

use super::*;

/// Damaged bytes kept at hand while looking for the next block, in case their content proves readable.
const KEPT: usize = 1 << 20;

/// Whether a block stands at some place, judged by its two lengths.
enum Sound {
    Yes,
    No,
    /// It needs so many bytes to tell.
    Unsure(usize),
}

/// Where the next sound block is.
enum Found {
    /// This many bytes on, all at hand.
    Here(usize),
    /// At the start of the window; so many bytes were passed over.
    Far(u64),
    /// Nowhere; so many bytes were passed over.
    Nowhere(u64),
    /// At the start of the window: behind the whole block at hand, which is only too long.
    Behind,
}

impl Walk {
    /// The length in front cannot be true.
    #[cold]
    pub(super) fn repair_length<R: Read>(
        &mut self,
        window: &mut Window<R>,
        kind: u32,
        declared: usize,
    ) -> io::Result<Step> {
        const UNALIGNED: &str = "a block whose length is no multiple of 4";
        if (FRAME..=self.most).contains(&declared) {
            // Some writers forget the padding in the length, others in the block.
            let padded = declared.next_multiple_of(4);
            window.fill(padded)?;
            for end in [padded, declared] {
                let bytes = window.bytes();
                if end <= bytes.len() && u32_at(bytes, end - 4, self.big) as usize == declared {
                    return Ok(self.keep(window, end, UNALIGNED));
                }
            }
            return self.repair(window, UNALIGNED);
        }
        const UNTRUE: &str = "a block whose length cannot be true";
        if declared < FRAME || !declared.is_multiple_of(4) {
            return self.repair(window, UNTRUE);
        }
        // More than is read at all. It is as long as it says if it ends so, and nothing before that looks like a block.
        let offset = window.offset();
        let (bytes, most) = (declared as u64, self.most as u64);
        let found = self.search(window, Some(bytes))?;
        if !matches!(found, Found::Behind) {
            return Ok(self.found(window, found, offset, UNTRUE));
        }
        let long = Trouble::new(offset, TroubleKind::Long { bytes, most });
        Ok(if is_numbered(kind) { Step::Numbered(Some(long)) } else { Step::Trouble(long) })
    }

    /// The length behind is not the one in front.
    #[cold]
    pub(super) fn repair_trailer<R: Read>(
        &mut self,
        window: &mut Window<R>,
        declared: usize,
    ) -> io::Result<Step> {
        const DIFFER: &str = "a block whose two lengths differ";
        // One look ahead, even if it must wait: with damage at hand, that beats a guess.
        window.fill(declared + FRAME)?;
        let next = &window.bytes()[declared..];
        let goes_on = match next.len() {
            0 => window.ended(),
            1..FRAME => false,
            _ => {
                let len = u32_at(next, 4, self.big) as usize;
                is_known(u32_at(next, 0, self.big))
                    && len.is_multiple_of(4)
                    && (FRAME..=self.most).contains(&len)
            }
        };
        if goes_on && !self.swallows(window.bytes(), declared) {
            return Ok(self.keep(window, declared, DIFFER));
        }
        self.repair(window, DIFFER)
    }

    /// Whether a block of `declared` bytes holds a whole other one right behind its own packet.
    fn swallows(&self, bytes: &[u8], declared: usize) -> bool {
        if u32_at(bytes, 0, self.big) != ENHANCED_PACKET || declared.min(bytes.len()) < PACKET_HEAD
        {
            return false;
        }
        let end = PACKET_HEAD + (u32_at(bytes, 20, self.big) as usize).next_multiple_of(4) + 4;
        end + FRAME <= declared.min(bytes.len()) && matches!(self.sound(bytes, end), Sound::Yes)
    }

    /// Finds the next sound block; what lies before it is kept if it reads as the block it says it is.
    #[cold]
    fn repair<R: Read>(
        &mut self,
        window: &mut Window<R>,
        reason: &'static str,
    ) -> io::Result<Step> {
        let offset = window.offset();
        let found = self.search(window, None)?;
        Ok(self.found(window, found, offset, reason))
    }

    /// What to do with a damaged block at `offset` behind which that was found.
    fn found<R: Read>(
        &mut self,
        window: &mut Window<R>,
        found: Found,
        offset: u64,
        reason: &'static str,
    ) -> Step {
        match found {
            Found::Here(len) if self.is_readable(window.bytes(), len) => {
                self.keep(window, len, reason)
            }
            Found::Here(len) => {
                window.consume(len);
                trouble(offset, TroubleKind::Skipped { reason, bytes: len as u64 })
            }
            Found::Far(bytes) => trouble(offset, TroubleKind::Skipped { reason, bytes }),
            Found::Behind => {
                let bytes = window.offset() - offset;
                trouble(offset, TroubleKind::Skipped { reason, bytes })
            }
            Found::Nowhere(bytes) => trouble(offset, TroubleKind::Rest { reason, bytes }),
        }
    }

    /// Reads the block at hand as one of `len` bytes in the next step.
    pub(super) fn keep<R: Read>(
        &mut self,
        window: &Window<R>,
        len: usize,
        reason: &'static str,
    ) -> Step {
        self.settled = Some(len);
        trouble(window.offset(), TroubleKind::Kept { reason })
    }

    /// Whether `len` bytes with wrong lengths around them can still be read as what their type says.
    fn is_readable(&self, bytes: &[u8], len: usize) -> bool {
        if len < FRAME + 4 {
            return false;
        }
        match u32_at(bytes, 0, self.big) {
            INTERFACE => len >= FRAME + 8,
            ENHANCED_PACKET => {
                len >= PACKET_HEAD + 4
                    && (u32_at(bytes, 8, self.big) as usize) < self.interfaces.len()
                    && u32_at(bytes, 20, self.big) as usize <= len - PACKET_HEAD - 4
            }
            _ => false,
        }
    }

    /// The file ends inside a block.
    #[cold]
    pub(super) fn cut<R: Read>(
        &mut self,
        window: &mut Window<R>,
        declared: usize,
    ) -> io::Result<Step> {
        let (offset, had) = (window.offset(), window.len());
        let believable = match u32_at(window.bytes(), 0, self.big) {
            // The packet's own length bears the block's out, give or take some options.
            ENHANCED_PACKET if had >= PACKET_HEAD => {
                let captured = u32_at(window.bytes(), 20, self.big) as usize;
                (PACKET_HEAD + 4..=PACKET_HEAD + 4 + 4096)
                    .contains(&declared.saturating_sub(captured))
            }
            ENHANCED_PACKET | SIMPLE_PACKET | OLD_PACKET => declared <= 1 << 16,
            _ => false,
        };
        let truncated = TroubleKind::Truncated { needed: declared as u64, had: had as u64 };
        if believable && !self.swallows(window.bytes(), declared) {
            window.consume(had);
            return Ok(trouble(offset, truncated));
        }
        match self.repair(window, "a block that claims more than the file holds")? {
            Step::Trouble(Trouble { kind: TroubleKind::Rest { .. }, .. }) => {
                Ok(trouble(offset, truncated))
            }
            step => Ok(step),
        }
    }

    /// Looks for the next sound block behind the one at hand, which may prove to have the length that it declares.
    fn search<R: Read>(&self, window: &mut Window<R>, declared: Option<u64>) -> io::Result<Found> {
        let offset = window.offset();
        let mut at = 4;
        loop {
            while at < KEPT && at + FRAME <= window.len() {
                if declared == Some(window.offset() + at as u64 - offset + 4)
                    && Some(u64::from(u32_at(window.bytes(), at, self.big))) == declared
                {
                    window.consume(at + 4);
                    return Ok(Found::Behind);
                }
                match self.sound(window.bytes(), at) {
                    Sound::Yes if window.offset() == offset => return Ok(Found::Here(at)),
                    Sound::Yes => {
                        window.consume(at);
                        return Ok(Found::Far(window.offset() - offset));
                    }
                    Sound::Unsure(need) if !window.ended() => {
                        window.fill(at + need)?;
                        // Judged again: with all its bytes, or with the knowledge that they do not come.
                    }
                    Sound::No | Sound::Unsure(_) => at += 1,
                }
            }
            if at >= KEPT {
                window.consume(at);
                at = 0;
            }
            if !window.fill(at + FRAME)? {
                let all = window.offset() + window.len() as u64 - offset;
                let end = window.len().saturating_sub(4);
                // It may be the last one of the file.
                let ends = declared == Some(all)
                    && Some(u64::from(u32_at(window.bytes(), end, self.big))) == declared;
                window.consume(window.len());
                if ends {
                    return Ok(Found::Behind);
                }
                return Ok(Found::Nowhere(window.offset() - offset));
            }
        }
    }

    /// Whether a block of a known type stands at `at` with the same length at both its ends.
    fn sound(&self, bytes: &[u8], at: usize) -> Sound {
        let bytes = &bytes[at..];
        let kind = u32_at(bytes, 0, self.big);
        if !is_known(kind) {
            return Sound::No;
        }
        let big = if kind == SECTION {
            match order(&bytes[8..SNIFF]) {
                Some(big) => big,
                None => return Sound::No,
            }
        } else {
            self.big
        };
        let len = u32_at(bytes, 4, big) as usize;
        if !len.is_multiple_of(4) || !(FRAME + 4..=self.most).contains(&len) {
            Sound::No
        } else if len > bytes.len() {
            Sound::Unsure(len)
        } else if u32_at(bytes, len - 4, big) as usize == len {
            Sound::Yes
        } else {
            Sound::No
        }
    }
}

/// Whether a block type is one that real files hold. Others are skipped by length, but not searched for.
fn is_known(kind: u32) -> bool {
    matches!(kind, 1..=6 | JOURNAL | SECRETS | CUSTOM | CUSTOM_NOT_COPIED | SECTION)
}

/// Whether blocks of a type have numbers among the packets.
const fn is_numbered(kind: u32) -> bool {
    matches!(
        kind,
        ENHANCED_PACKET | SIMPLE_PACKET | OLD_PACKET | JOURNAL | CUSTOM | CUSTOM_NOT_COPIED
    )
}
