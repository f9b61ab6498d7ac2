//! The digest ("complex") handshake, which no specification describes: Flash Player and Flash Media Server hide an
//! HMAC-SHA256 in C1 and S1 and answer with one that depends on the peer's.
//!
//! The packets keep the layout of RTMP 1.0 §5.2.3. Four bytes of the random part, added up, point at the 32 bytes of
//! the digest; two schemes differ in where these four bytes are. The digest is taken over the rest of the packet.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::packet::{PACKET_LEN, Packet1, RANDOM_LEN, Raw, Side};

/// Bytes of a digest.
pub const DIGEST_LEN: usize = 32;

/// Bytes of C2 and S2 before the digest, which comes last.
pub const REPLY_FILL: usize = PACKET_LEN - DIGEST_LEN;

/// A digest's place is the sum of the pointer's bytes modulo this, counted from just after the pointer.
const PLACES: usize = 728;

/// The client's key. C1 is signed with its text, C2 with all of it.
const CLIENT_TEXT: &[u8] = b"Genuine Adobe Flash Player 001";

/// The server's key. S1 is signed with its text, S2 with all of it.
const SERVER_TEXT: &[u8] = b"Genuine Adobe Flash Media Server 001";

/// What both full keys end with.
const SUFFIX: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// Where the pointer to the digest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// At byte 8: the digest is in the first half of the packet.
    Zero,
    /// At byte 772: the digest is in the second half.
    One,
}

impl Scheme {
    /// Both, in the order in which software tries them.
    pub const BOTH: [Self; 2] = [Self::Zero, Self::One];

    /// 0 or 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    const fn pointer(self) -> usize {
        match self {
            Self::Zero => 8,
            Self::One => 772,
        }
    }

    /// Where the pointer says that the digest is.
    fn offset(self, packet: &Raw) -> usize {
        let at = self.pointer();
        let sum: usize = packet[at..at + 4].iter().map(|b| usize::from(*b)).sum();
        at + 4 + sum % PLACES
    }
}

/// A digest that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestFound {
    /// How it was pointed at.
    pub scheme: Scheme,
    /// Its first byte, counted from the start of the packet.
    pub offset: usize,
    /// The digest itself, which the peer's answer depends on.
    pub digest: [u8; DIGEST_LEN],
}

/// The digest in a C1 or S1 that `side` wrote, or `None` where neither scheme's verifies.
#[must_use]
pub fn find(packet: &Raw, side: Side) -> Option<DigestFound> {
    // Both are taken over the packet but for the digest: what comes before the first one's place is taken in once.
    let mut mac = keyed(text(side))?;
    let mut taken = 0;
    Scheme::BOTH.into_iter().find_map(|scheme| {
        let offset = scheme.offset(packet);
        mac.update(packet.get(taken..offset)?);
        taken = offset;
        let digest = finish(mac.clone(), &packet[offset + DIGEST_LEN..]);
        (packet[offset..offset + DIGEST_LEN] == digest).then_some(DigestFound {
            scheme,
            offset,
            digest,
        })
    })
}

/// Whether a C2 or S2 that `side` wrote ends with the digest that answers `peer_digest`.
#[must_use]
pub fn verify_reply(reply: &Raw, peer_digest: &[u8; DIGEST_LEN], side: Side) -> bool {
    reply[REPLY_FILL..] == reply_digest(&reply[..REPLY_FILL], peer_digest, side)
}

/// Writes a C1 or S1 with a digest. `version` goes into bytes 4 to 8: peers take zero there as "no digest".
#[must_use]
pub fn create(
    side: Side,
    scheme: Scheme,
    epoch: u32,
    version: u32,
    random: &[u8; RANDOM_LEN],
) -> (Raw, [u8; DIGEST_LEN]) {
    let mut packet = Packet1::encode(epoch, version, random);
    let offset = scheme.offset(&packet);
    let digest = sign(&packet, offset, side);
    packet[offset..offset + DIGEST_LEN].copy_from_slice(&digest);
    (packet, digest)
}

/// Writes a C2 or S2 that answers `peer_digest`; `fill` is what comes before the digest, usually random.
#[must_use]
pub fn create_reply(side: Side, peer_digest: &[u8; DIGEST_LEN], fill: &[u8; REPLY_FILL]) -> Raw {
    let mut packet = [0; PACKET_LEN];
    packet[..REPLY_FILL].copy_from_slice(fill);
    packet[REPLY_FILL..].copy_from_slice(&reply_digest(fill, peer_digest, side));
    packet
}

const fn text(side: Side) -> &'static [u8] {
    match side {
        Side::Client => CLIENT_TEXT,
        Side::Server => SERVER_TEXT,
    }
}

/// The digest of a C1 or S1 over everything but the 32 bytes at `offset`.
fn sign(packet: &Raw, offset: usize, side: Side) -> [u8; DIGEST_LEN] {
    let Some(mut mac) = keyed(text(side)) else { return [0; DIGEST_LEN] };
    mac.update(&packet[..offset]);
    finish(mac, &packet[offset + DIGEST_LEN..])
}

fn reply_digest(fill: &[u8], peer_digest: &[u8; DIGEST_LEN], side: Side) -> [u8; DIGEST_LEN] {
    let text = text(side);
    let mut key = [0; SERVER_TEXT.len() + SUFFIX.len()];
    key[..text.len()].copy_from_slice(text);
    key[text.len()..text.len() + SUFFIX.len()].copy_from_slice(&SUFFIX);
    let derived = hmac(&key[..text.len() + SUFFIX.len()], peer_digest);
    hmac(&derived, fill)
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; DIGEST_LEN] {
    keyed(key).map_or([0; DIGEST_LEN], |mac| finish(mac, text))
}

fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the error exists for other MACs, so it is never `None`.
    Hmac::new_from_slice(key).ok()
}

fn finish(mut mac: Hmac<Sha256>, text: &[u8]) -> [u8; DIGEST_LEN] {
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: u32 = 0x0900_7c02;

    /// Random-looking and different for each seed.
    fn noise<const N: usize>(seed: u8) -> [u8; N] {
        let mut state = u32::from(seed) + 1;
        core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
    }

    #[test]
    fn a_created_digest_is_found_and_its_reply_verifies() {
        for side in [Side::Client, Side::Server] {
            for scheme in Scheme::BOTH {
                for seed in 0..8 {
                    let (packet, digest) = create(side, scheme, 1, VERSION, &noise(seed));
                    let found = find(&packet, side).unwrap();
                    assert_eq!((found.scheme, found.digest), (scheme, digest));
                    assert_eq!(packet[found.offset..found.offset + DIGEST_LEN], digest);
                    assert_eq!(find(&packet, side.peer()), None, "the other side's key");

                    let reply = create_reply(side.peer(), &digest, &noise(seed ^ 0x55));
                    assert!(verify_reply(&reply, &digest, side.peer()));
                    assert!(!verify_reply(&reply, &digest, side));
                    assert!(!verify_reply(&reply, &[0; DIGEST_LEN], side.peer()));
                    let mut broken = reply;
                    broken[0] ^= 1;
                    assert!(!verify_reply(&broken, &digest, side.peer()));
                }
            }
        }
    }

    #[test]
    fn one_changed_bit_anywhere_loses_the_digest() {
        let (packet, _) = create(Side::Client, Scheme::Zero, 1, VERSION, &noise(3));
        for at in (0..PACKET_LEN).step_by(37) {
            let mut broken = packet;
            broken[at] ^= 0x80;
            assert_eq!(find(&broken, Side::Client), None, "byte {at}");
        }
        assert_eq!(find(&[0; PACKET_LEN], Side::Client), None);
    }

    #[test]
    fn pointers_at_their_extremes_stay_inside_the_packet() {
        let mut packet = [0xff; PACKET_LEN];
        assert_eq!(Scheme::Zero.offset(&packet), 12 + 1020 % 728);
        for (scheme, first, last) in [(Scheme::Zero, 12, 739), (Scheme::One, 776, 1503)] {
            let at = scheme.pointer();
            packet[at..at + 4].copy_from_slice(&[0, 0, 0, 0]);
            assert_eq!(scheme.offset(&packet), first);
            packet[at..at + 4].copy_from_slice(&[255, 255, 217, 0]);
            assert_eq!(scheme.offset(&packet), last);
            assert!(last + DIGEST_LEN <= PACKET_LEN);
            let _ = find(&packet, Side::Server);
        }
    }

    #[test]
    fn hmac_matches_rfc_4231_case_1() {
        assert_eq!(hmac(&[0x0b; 20], b"Hi There")[..4], [0xb0, 0x34, 0x4c, 0x61]);
    }
}
