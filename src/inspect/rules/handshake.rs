//! The handshake: what its packets say, how they answer each other, and answers that do not come.

use super::judge::{HandshakeSeen, Judge, Seen, quoted};
use super::{Confidence, Rule, Severity};
use crate::inspect::{Closed, HandshakeFields, MessageRecord, Transport};
use crate::proto::Direction;
use crate::proto::handshake::{Raw, SoftwareVersion};
use crate::proto::message::Command;

const S2_NOT_C1: Rule = Rule {
    code: "hs.s2-not-c1",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "S2 does not repeat C1",
    meaning: "The server's S2 is to bring back the bytes 8 to 1536 of the client's C1, or to answer its digest with \
              one of its own. This S2 does neither.",
    breaks_on: "Clients that compare: they abort the connection (datarhei/restreamer#966, ThibaultBee/StreamPack#284, \
                pedroSG94/RootEncoder#1956). librtmp only logs it.",
    fix: "Let the server copy C1 into S2. A proxy that answers the handshake itself has to do so too.",
    spec: Some("RTMP 1.0 §5.2.4"),
};

const C2_NOT_S1: Rule = Rule {
    code: "hs.c2-not-s1",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "C2 does not repeat S1",
    meaning: "The client's C2 is to bring back the bytes 8 to 1536 of the server's S1, or to answer its digest with one \
              of its own. This C2 does neither.",
    breaks_on: "Servers that compare close the connection without a word (ZLMediaKit/ZLMediaKit#4598).",
    fix: "Let the client copy S1 into C2, and wait with C2 until S1 is there.",
    spec: Some("RTMP 1.0 §5.2.4"),
};

const DIGEST_REQUIRED: Rule = Rule {
    code: "hs.digest-required",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The client has a digest and the server answers without",
    meaning: "C1 has a digest as Flash Player sends it, and S1 has none: the server knows the simple handshake only. \
              Encoders accept that.",
    breaks_on: "Flash Player plays no H.264 and no AAC after a simple handshake (vbence/stream-m#41, yutopp/go-rtmp#7).",
    fix: "Nothing, unless Flash Player is to play; then the server needs the handshake with digests.",
    spec: None,
};

const DIGEST_BAD: Rule = Rule {
    code: "hs.digest-bad",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "A software version without a digest that verifies",
    meaning: "Bytes 4 to 8 of C1 or S1 name a software version, which announces the handshake with digests, but neither \
              scheme finds a digest that is right. The peer falls back to the simple handshake or gives up.",
    breaks_on: "Servers that insist on the digest once a version is there (harlanc/xiu#23, harlanc/xiu#39, \
                iizukanao/node-rtsp-rtmp-server#45).",
    fix: "Compute the digest with the right key for the side and over the right bytes, or send 0 as version.",
    spec: None,
};

const ZERO_NONZERO: Rule = Rule {
    code: "hs.zero-nonzero",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Bytes 4 to 8 of C1 or S1 are not zero",
    meaning: "The specification wants zeros there. Some programs put a time or a version there without the digest that \
              a version announces.",
    breaks_on: "Peers that insist on zeros (KallDrexx/rust-media-libs#4, zhangpeihao/gortmp#3, ossrs/srs#3208).",
    fix: "Send zeros, or a version together with a digest.",
    spec: Some("RTMP 1.0 §5.2.3"),
};

const STALL: Rule = Rule {
    code: "hs.stall",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "The server does not answer the handshake",
    meaning: "C0 and C1 were sent, and no S0 came for five seconds or more. The port accepts connections, and what \
              listens there does not speak RTMP, is overloaded, or waits for something else first, such as TLS or a \
              PROXY header.",
    breaks_on: "Every client: it waits until its timeout (pedroSG94/RootEncoder#50, arut/nginx-rtmp-module#1288).",
    fix: "Check what listens on the port and whether it wants TLS (rtmps://) or a PROXY protocol header. A firewall that \
          accepts in the name of the server looks the same.",
    spec: Some("RTMP 1.0 §5.2"),
};

const FRAGMENTED: Rule = Rule {
    code: "hs.fragmented",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "A handshake packet or a command came in many small pieces",
    meaning: "A packet of the handshake or a command was spread over more than three TCP segments, or over more than three \
              reads of a socket. TCP allows any cut; programs that send field by field do this.",
    breaks_on: "Peers that take one read for one message (livepeer/go-livepeer#452, Red5/red5-client#49).",
    fix: "Let the sender collect a message before it writes; the receiver has to read until it has all of one.",
    spec: None,
};

/// How the packets answer each other, and what bytes 4 to 8 say.
#[derive(Debug, Default)]
pub(super) struct Packets {
    client_digest: bool,
}

impl Judge for Packets {
    const RULES: &'static [Rule] =
        &[S2_NOT_C1, C2_NOT_S1, DIGEST_REQUIRED, DIGEST_BAD, ZERO_NONZERO];

    fn handshake(&mut self, seen: &mut Seen<'_>, packet: &HandshakeSeen<'_>) {
        if packet.record.damaged.is_some() {
            return;
        }
        match packet.record.fields {
            HandshakeFields::Zero { .. } => {}
            HandshakeFields::One { zero, digest, .. } => {
                let client = seen.direction == Some(Direction::ClientToServer);
                let name = if client { "C1" } else { "S1" };
                match digest {
                    Some(_) if client => self.client_digest = true,
                    None if zero != 0 => first_word(seen, name, zero),
                    None if !client && self.client_digest => {
                        seen.report(&DIGEST_REQUIRED, || {
                            "C1 has a digest that verifies and S1 has none: the server answers with the simple \
                             handshake"
                                .to_owned()
                        });
                    }
                    _ => {}
                }
            }
            HandshakeFields::Two { echoes_peer: Some(false), digest_valid, epoch, .. }
                if digest_valid != Some(true) =>
            {
                let (Some(bytes), Some(answers)) = (packet.bytes, packet.answers) else { return };
                let client = seen.direction == Some(Direction::ClientToServer);
                let (rule, name, of) =
                    if client { (&C2_NOT_S1, "C2", "S1") } else { (&S2_NOT_C1, "S2", "C1") };
                seen.report(rule, || unlike(name, of, bytes, answers, epoch, digest_valid));
            }
            HandshakeFields::Two { .. } => {}
        }
    }
}

/// The second word of C1 or S1 is not zero, and there is no digest.
fn first_word(seen: &mut Seen<'_>, name: &str, zero: u32) {
    let version = SoftwareVersion(zero);
    // Flash Player 9.0.115 and Flash Media Server 3 were the first with digests; no version was ever above 50.
    let [major, minor, ..] = zero.to_be_bytes();
    if matches!(major, 3..=50) && minor < 100 {
        seen.report(&DIGEST_BAD, || {
            format!("{name} names software version {version} but has no digest that verifies")
        });
    } else {
        seen.report(&ZERO_NONZERO, || {
            format!("bytes 4 to 8 of {name} are 0x{zero:08x}, where the simple handshake has zeros")
        });
    }
}

/// How an answer differs from what it is to repeat.
fn unlike(
    name: &str,
    of: &str,
    bytes: &Raw,
    answers: &Raw,
    epoch: u32,
    digest_valid: Option<bool>,
) -> String {
    let differs = || (8..bytes.len()).filter(|&at| bytes[at] != answers[at]);
    let first = differs().next().unwrap_or(0);
    let sent = u32::from_be_bytes([answers[0], answers[1], answers[2], answers[3]]);
    let digest = if digest_valid.is_some() { " nor answers its digest" } else { "" };
    let time = if epoch == sent {
        String::new()
    } else {
        format!("; it repeats the time {sent} as {epoch} too")
    };
    format!(
        "{name} does not repeat {of}{digest}: {} of bytes 8 to 1536 differ, the first at byte {first}{time}",
        differs().count()
    )
}

/// Handshake packets and commands that come in small pieces.
#[derive(Debug, Default)]
pub(super) struct Scattered {
    said: [bool; 2],
}

impl Scattered {
    fn look(&mut self, seen: &mut Seen<'_>, what: &str) {
        // Longer ones take more than three segments of the smallest usual size by themselves.
        const LONGEST: u64 = 3 * 536;
        let Some((direction, span)) = seen.direction.zip(seen.span) else { return };
        if self.said[direction.index()]
            || seen.opened.transport != Transport::Rtmp
            || seen.opened.client.is_none() // a file, which has no segments
            || span.len() > LONGEST
            || !seen.way().is_scattered(span.start)
        {
            return;
        }
        self.said[direction.index()] = true;
        seen.report(&FRAGMENTED, || {
            format!("{what} of {} bytes came in more than three pieces", span.len())
        });
    }
}

impl Judge for Scattered {
    const RULES: &'static [Rule] = &[FRAGMENTED];

    fn handshake(&mut self, seen: &mut Seen<'_>, packet: &HandshakeSeen<'_>) {
        self.look(seen, &packet.record.packet.to_uppercase());
    }

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        let name = quoted(command.name());
        self.look(seen, &format!("the command {name}"));
    }
}

/// A server that does not answer.
#[derive(Debug, Default)]
pub(super) struct Stall {
    said: bool,
}

/// Seconds without S0 that are too long.
const TOO_LONG: f64 = 5.0;

impl Judge for Stall {
    const RULES: &'static [Rule] = &[STALL];

    fn tick(&mut self, seen: &mut Seen<'_>) {
        let client = seen.story.way(Direction::ClientToServer);
        let server = seen.story.way(Direction::ServerToClient);
        let waits = client.handshake >= 2 && server.handshake == 0 && server.end == 0;
        let Some(c1) = client.shaken.filter(|_| waits && seen.opened.from_start && !self.said)
        else {
            return;
        };
        if let Some(seconds) = seen.since(c1.at).filter(|seconds| *seconds >= TOO_LONG) {
            self.said = true;
            seen.report(&STALL, || {
                format!("no S0 for {seconds:.1} s after C1: the server has sent nothing at all")
            })
            .about(Some(c1.seq));
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.tick(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script};
    use crate::proto::handshake::digest::{self, Scheme};
    use crate::proto::handshake::{Packet1, Packet2, RANDOM_LEN, Raw, Side};

    fn one(zero: u32, fill: u8) -> Raw {
        Packet1::encode(7, zero, &[fill; RANDOM_LEN])
    }

    /// A handshake of these packets.
    fn shake(c1: &Raw, s1: &Raw, s2: &Raw, c2: &Raw) -> Script {
        let mut t = Script::new();
        t.raw(C2S, &[3]).raw(C2S, c1).raw(S2C, &[3]).raw(S2C, s1).raw(S2C, s2).raw(C2S, c2);
        t
    }

    #[test]
    fn answers_that_repeat_nothing() {
        let (c1, s1) = (one(0, 1), one(0, 2));
        let echo = |peer: &Raw| Packet2::encode(peer, Some(99));
        let t = shake(&c1, &s1, &echo(&c1), &echo(&s1));
        assert_eq!(t.codes(), [""; 0], "the time field may differ");
        let t = shake(&c1, &s1, &echo(&s1), &echo(&s1));
        assert_eq!(t.codes(), ["hs.s2-not-c1"]);
        let t = shake(&c1, &s1, &echo(&c1), &one(0, 3));
        assert_eq!(t.codes(), ["hs.c2-not-s1"]);
        let mut bent = echo(&s1);
        bent[1000] ^= 1;
        bent[3] = 8;
        let t = shake(&c1, &s1, &echo(&c1), &bent);
        let expected = "C2 does not repeat S1: 1 of bytes 8 to 1536 differ, the first at byte 1000; it repeats the time 7 \
                        as 8 too";
        assert_eq!(t.text("hs.c2-not-s1"), expected);
    }

    #[test]
    fn a_digest_explains_an_answer_that_repeats_nothing() {
        let version = 0x0900_7c02;
        let (c1, one_digest) =
            digest::create(Side::Client, Scheme::Zero, 0, version, &[1; RANDOM_LEN]);
        let (s1, two_digest) =
            digest::create(Side::Server, Scheme::Zero, 0, 0x0305_0101, &[2; RANDOM_LEN]);
        let fill = [9; digest::REPLY_FILL];
        let s2 = digest::create_reply(Side::Server, &one_digest, &fill);
        let c2 = digest::create_reply(Side::Client, &two_digest, &fill);
        assert_eq!(shake(&c1, &s1, &s2, &c2).codes(), [""; 0]);
        // The server has no digest, and repeats C1.
        let (s1, echo) = (one(0, 2), Packet2::encode(&c1, None));
        let t = shake(&c1, &s1, &echo, &Packet2::encode(&s1, None));
        assert_eq!(t.codes(), ["hs.digest-required"]);
    }

    #[test]
    fn a_second_word_without_a_digest() {
        for (zero, code) in [
            (0x0900_7c02, "hs.digest-bad"),
            (0x1234_5678, "hs.digest-bad"),
            (77, "hs.zero-nonzero"),
        ] {
            let mut t = Script::new();
            t.raw(C2S, &[3]).raw(C2S, &one(zero, 1));
            assert_eq!(t.codes(), [code], "{zero:08x}");
        }
    }

    #[test]
    fn packets_in_many_pieces() {
        let run = |piece: usize| {
            let mut t = Script::new();
            t.raw(C2S, &[3]);
            for part in one(0, 1).chunks(piece) {
                t.raw(C2S, part);
            }
            t.has("hs.fragmented")
        };
        assert!(!run(1448) && !run(536));
        assert!(run(400));
        let mut t = Script::shaken();
        let call =
            b"\x03\0\0\0\0\0\x15\x14\0\0\0\0\x02\0\x05close\0\0\0\0\0\0\0\0\0\x05\x05\x05\x05";
        for byte in call {
            t.raw(C2S, &[*byte]);
        }
        assert!(t.has("hs.fragmented"), "{:?}", t.codes());
        assert!(!Script::publishing().has("hs.fragmented"));
    }

    #[test]
    fn a_server_that_says_nothing_for_too_long() {
        let begun = || {
            let mut t = Script::new();
            t.raw(C2S, &[3]).raw(C2S, &one(0, 1));
            t
        };
        assert!(begun().wait(6.0).end().has("hs.stall"));
        assert!(!begun().wait(4.0).end().has("hs.stall"));
        let mut t = begun();
        assert!(t.wait(5.5).tick().has("hs.stall"), "said while it lasts");
        t.wait(5.5).end();
        assert_eq!(t.find("hs.stall").map(|finding| finding.count), Some(1));
        let mut t = begun();
        assert!(!t.wait(1.0).raw(S2C, &[3]).wait(9.0).end().has("hs.stall"), "S0 came");
    }
}
