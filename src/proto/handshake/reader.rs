//! One direction's three packets, as they arrive.

use super::packet::{PACKET_LEN, Packet, Packet0, Packet1, Packet2, Raw};

/// Takes C0 C1 C2 (or S0 S1 S2) off the front of a direction's bytes, wherever its segments are cut.
///
/// It holds at most two packets: C1 or S1 stays until the reader is dropped, because the peer's answer is compared
/// with it.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    version: Option<u8>,
    one: Option<Box<Raw>>,
    two: Option<Box<Raw>>,
    /// Bytes of the packet that is being read.
    filled: usize,
    consumed: u64,
    complete: u8,
}

impl Reader {
    /// A reader at the first byte of a direction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next complete packet. Advances `input` past what belongs to the handshake and no further; `None` when more
    /// bytes are needed or when all three packets have been yielded.
    pub fn read<'a>(&'a mut self, input: &mut &[u8]) -> Option<Packet<'a>> {
        match self.complete {
            0 => {
                let (first, rest) = input.split_first()?;
                *input = rest;
                self.consumed += 1;
                self.version = Some(*first);
                self.complete = 1;
                Some(Packet::Zero(Packet0 { version: *first }))
            }
            1 => {
                let bytes = fill(&mut self.one, &mut self.filled, &mut self.consumed, input)?;
                self.complete = 2;
                Some(Packet::One(Packet1 { bytes }))
            }
            2 => {
                let bytes = fill(&mut self.two, &mut self.filled, &mut self.consumed, input)?;
                self.complete = 3;
                Some(Packet::Two(Packet2 { bytes }))
            }
            _ => None,
        }
    }

    /// The version byte, once it is there.
    #[must_use]
    pub const fn version(&self) -> Option<u8> {
        self.version
    }

    /// C1 or S1, once it is complete.
    #[must_use]
    pub fn packet1(&self) -> Option<Packet1<'_>> {
        self.one.as_deref().filter(|_| self.complete > 1).map(|bytes| Packet1 { bytes })
    }

    /// C2 or S2, once it is complete.
    #[must_use]
    pub fn packet2(&self) -> Option<Packet2<'_>> {
        self.two.as_deref().filter(|_| self.complete > 2).map(|bytes| Packet2 { bytes })
    }

    /// Bytes taken off the direction so far, those of an unfinished packet included.
    #[must_use]
    pub const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Bytes of the unfinished packet that have arrived.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.filled
    }

    /// Whether all three packets have been yielded: the next byte is the first chunk's.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.complete == 3
    }
}

/// Moves bytes into the packet's buffer, which exists from its first byte on; the packet once it is full.
fn fill<'a>(
    slot: &'a mut Option<Box<Raw>>,
    filled: &mut usize,
    consumed: &mut u64,
    input: &mut &[u8],
) -> Option<&'a Raw> {
    if input.is_empty() {
        return None;
    }
    let buffer = slot.get_or_insert_with(|| Box::new([0; PACKET_LEN]));
    let (now, rest) = input.split_at(input.len().min(PACKET_LEN - *filled));
    buffer[*filled..*filled + now.len()].copy_from_slice(now);
    *filled += now.len();
    *consumed += now.len() as u64;
    *input = rest;
    if *filled < PACKET_LEN {
        return None;
    }
    *filled = 0;
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = vec![3];
        bytes.extend((0..2 * PACKET_LEN).map(|i| (i % 251) as u8));
        bytes.extend(*b"chunks");
        bytes
    }

    #[test]
    fn any_cutting_yields_the_same_packets_and_leaves_the_chunks() {
        let stream = stream();
        for step in [1, 2, 7, 1460, 1536, 1537, 3073, stream.len()] {
            let mut reader = Reader::new();
            let (mut packets, mut left) = (Vec::new(), Vec::<u8>::new());
            for mut piece in stream.chunks(step) {
                while let Some(packet) = reader.read(&mut piece) {
                    packets.push(match packet {
                        Packet::Zero(p) => vec![p.version],
                        Packet::One(p) => p.bytes.to_vec(),
                        Packet::Two(p) => p.bytes.to_vec(),
                    });
                }
                left.extend(piece);
            }
            assert_eq!(packets.concat(), stream[..3073], "step {step}");
            assert_eq!(
                packets.iter().map(Vec::len).collect::<Vec<_>>(),
                [1, PACKET_LEN, PACKET_LEN]
            );
            assert_eq!(left, b"chunks");
            assert!(reader.is_done());
            assert_eq!(reader.consumed(), 3073);
            assert_eq!(reader.packet1().unwrap().bytes[..], stream[1..1537]);
            assert_eq!(reader.packet2().unwrap().bytes[..], stream[1537..3073]);
        }
    }

    #[test]
    fn a_cut_anywhere_says_how_far_it_got() {
        let stream = stream();
        for cut in 0..3073 {
            let mut reader = Reader::new();
            let mut input = &stream[..cut];
            while reader.read(&mut input).is_some() {}
            assert!(input.is_empty());
            assert!(!reader.is_done());
            assert_eq!(reader.consumed(), cut as u64);
            assert_eq!(reader.version().is_some(), cut > 0);
            assert_eq!(reader.packet1().is_some(), cut > PACKET_LEN);
            assert_eq!(reader.packet2(), None);
            assert_eq!(reader.pending(), cut.saturating_sub(1) % PACKET_LEN);
        }
    }
}
