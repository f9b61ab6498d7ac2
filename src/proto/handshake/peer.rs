//! A side of the handshake that is played rather than watched: bytes in, bytes out, no I/O.

use super::digest::{self, DigestFound, REPLY_FILL, Scheme};
use super::packet::{Packet, Packet0, Packet1, Packet2, RANDOM_LEN, Raw, Side, VERSION};
use super::reader::Reader;

/// How a [`Peer`] introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As RTMP 1.0 §5.2 has it: no digests, answers repeat the peer's bytes.
    Simple,
    /// With digests. A server uses them only towards a client that does, and then in the client's scheme; a client
    /// whose server has none repeats the server's bytes.
    Digest {
        /// Where a client puts its digest.
        scheme: Scheme,
        /// The software version in bytes 4 to 8, not zero.
        version: u32,
    },
}

/// Plays the client or the server of one handshake.
///
/// ```
/// use rtmpctl::proto::handshake::{Peer, RANDOM_LEN, Side, Style};
/// let mut client = Peer::new(Side::Client, Style::Simple, 0, &[1; RANDOM_LEN]);
/// let mut server = Peer::new(Side::Server, Style::Simple, 0, &[2; RANDOM_LEN]);
/// while !(client.is_done() && server.is_done()) {
///     server.push(&mut &client.take_output()[..], None);
///     client.push(&mut &server.take_output()[..], None);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Peer {
    side: Side,
    style: Style,
    epoch: u32,
    random: Box<[u8; RANDOM_LEN]>,
    reader: Reader,
    found: Option<DigestFound>,
    own_digest: Option<[u8; digest::DIGEST_LEN]>,
    answer_valid: Option<bool>,
    output: Vec<u8>,
    /// Our own C1 or S1 once it was written, to compare the peer's answer with.
    own: Option<Box<Raw>>,
}

impl Peer {
    /// A side before its first byte. A client's C0 and C1 are ready to be taken at once; a server waits for C1, since
    /// its S1 depends on it.
    #[must_use]
    pub fn new(side: Side, style: Style, epoch: u32, random: &[u8; RANDOM_LEN]) -> Self {
        let mut peer = Self {
            side,
            style,
            epoch,
            random: Box::new(*random),
            reader: Reader::new(),
            found: None,
            own_digest: None,
            answer_valid: None,
            output: Vec::new(),
            own: None,
        };
        if side == Side::Client {
            peer.introduce();
        }
        peer
    }

    /// Takes the peer's bytes off the front of `input` and leaves what comes after the handshake. `read_at` goes into
    /// the second word of a simple answer (RTMP 1.0 §5.2.4); with `None` the peer's own word is repeated, which
    /// satisfies clients that compare all 1536 bytes.
    pub fn push(&mut self, input: &mut &[u8], read_at: Option<u32>) {
        loop {
            match self.reader.read(input) {
                None => return,
                Some(Packet::Zero(_)) => {}
                Some(Packet::One(packet)) => {
                    if self.style != Style::Simple {
                        self.found = digest::find(packet.bytes, self.side.peer());
                    }
                    let reply = match &self.found {
                        // What comes before the digest is free. The peer's own bytes need no randomness and please
                        // those who look for an echo.
                        Some(found) => {
                            let mut fill = [0; REPLY_FILL];
                            fill.copy_from_slice(&packet.bytes[..REPLY_FILL]);
                            digest::create_reply(self.side, &found.digest, &fill)
                        }
                        None => Packet2::encode(packet.bytes, read_at),
                    };
                    if self.side == Side::Server {
                        self.introduce();
                    }
                    self.output.extend_from_slice(&reply);
                }
                Some(Packet::Two(packet)) => {
                    let echoes = self.own.as_ref().is_some_and(|own| packet.echoes(own));
                    let signed = self.own_digest.is_some_and(|digest| {
                        digest::verify_reply(packet.bytes, &digest, self.side.peer())
                    });
                    self.answer_valid = Some(echoes || signed);
                }
            }
        }
    }

    /// The bytes to send now; empty when there are none.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Whether the peer's three packets are in and ours are written. Chunks may follow what [`Self::take_output`]
    /// still holds.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    /// What has been read of the peer: its version byte and packets.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The digest in the peer's C1 or S1. Always `None` for [`Style::Simple`], which does not look.
    #[must_use]
    pub const fn peer_digest(&self) -> Option<&DigestFound> {
        self.found.as_ref()
    }

    /// Whether the peer's C2 or S2 echoes or correctly signs ours; `None` before it arrived.
    #[must_use]
    pub const fn answer_valid(&self) -> Option<bool> {
        self.answer_valid
    }

    /// Writes C0 and C1 or S0 and S1.
    fn introduce(&mut self) {
        let own = match self.style {
            Style::Digest { scheme, version }
                if self.side == Side::Client || self.found.is_some() =>
            {
                let scheme = self.found.map_or(scheme, |found| found.scheme);
                let (packet, digest) =
                    digest::create(self.side, scheme, self.epoch, version, &self.random);
                self.own_digest = Some(digest);
                packet
            }
            _ => Packet1::encode(self.epoch, 0, &self.random),
        };
        self.output.extend_from_slice(&Packet0 { version: VERSION }.encode());
        self.output.extend_from_slice(&own);
        self.own = Some(Box::new(own));
    }
}

#[cfg(test)]
mod tests {
    use super::super::PACKET_LEN;
    use super::*;

    const fn digest_style(scheme: Scheme) -> Style {
        Style::Digest { scheme, version: 0x0102_0304 }
    }

    /// Plays both sides with pieces of `step` bytes, and a tail of chunks after each.
    fn play(client: Style, server: Style, step: usize) -> (Peer, Peer) {
        let mut random = [0; RANDOM_LEN];
        for (i, byte) in random.iter_mut().enumerate() {
            *byte = (i * 31 % 253) as u8;
        }
        let mut client = Peer::new(Side::Client, client, 10, &random);
        random.reverse();
        let mut server = Peer::new(Side::Server, server, 20, &random);
        let mut sent = [0, 0];
        for _ in 0..4 {
            let bytes = client.take_output();
            sent[0] += bytes.len();
            for mut piece in bytes.chunks(step) {
                server.push(&mut piece, None);
                assert!(piece.is_empty());
            }
            let bytes = server.take_output();
            sent[1] += bytes.len();
            for mut piece in bytes.chunks(step) {
                client.push(&mut piece, None);
                assert!(piece.is_empty());
            }
        }
        assert_eq!(sent, [1 + 2 * PACKET_LEN; 2]);
        for peer in [&mut client, &mut server] {
            assert!(peer.is_done());
            assert_eq!(peer.answer_valid(), Some(true));
            let mut tail = &b"chunk"[..];
            peer.push(&mut tail, None);
            assert_eq!(tail, b"chunk", "what follows the handshake is left");
        }
        (client, server)
    }

    #[test]
    fn simple_and_digest_complete_however_the_bytes_are_cut() {
        for step in [1, 100, 1 << 20] {
            let (client, server) = play(Style::Simple, Style::Simple, step);
            assert_eq!((client.peer_digest(), server.peer_digest()), (None, None));
            assert_eq!(client.reader().version(), Some(VERSION));
            for scheme in Scheme::BOTH {
                let (client, server) = play(digest_style(scheme), digest_style(Scheme::Zero), step);
                assert_eq!(server.peer_digest().unwrap().scheme, scheme);
                assert_eq!(
                    client.peer_digest().unwrap().scheme,
                    scheme,
                    "the server takes the client's scheme"
                );
            }
        }
    }

    #[test]
    fn a_side_without_digests_gets_a_simple_handshake() {
        let (client, server) = play(digest_style(Scheme::One), Style::Simple, 500);
        assert_eq!((client.peer_digest(), server.peer_digest()), (None, None));
        let (_, server) = play(Style::Simple, digest_style(Scheme::One), 500);
        assert_eq!(server.reader().packet1().unwrap().zero(), 0);
    }

    #[test]
    fn an_answer_that_echoes_nothing_is_seen() {
        let mut client = Peer::new(Side::Client, Style::Simple, 0, &[1; RANDOM_LEN]);
        client.push(&mut &[3; 1 + 2 * PACKET_LEN][..], Some(9));
        assert!(client.is_done());
        assert_eq!(client.answer_valid(), Some(false));
        let sent = client.take_output();
        assert_eq!(sent[1 + PACKET_LEN..][..9], [3, 3, 3, 3, 0, 0, 0, 9, 3]);
    }
}
