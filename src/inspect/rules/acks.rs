//! Acknowledgements: how much of what was sent has come.

use super::judge::{Judge, Seen, sender};
use super::{Confidence, Rule, Severity};
use crate::inspect::Closed;
use crate::proto::Direction;
use crate::proto::message::Control;

const ACK_OVERFLOW: Rule = Rule {
    code: "ack.overflow",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The sequence number of acknowledgements leaves the range of a signed number",
    meaning: "Acknowledgements carry the number of bytes received, modulo 2^32. Beyond 2^31 a receiver that reads them as \
              a signed number sees a negative one, and at 2^32 they begin anew; a peer that is ready for neither stops \
              sending or closes the connection.",
    breaks_on: "Encoders stop after some gigabytes, hours into the broadcast (ossrs/srs#730, ossrs/srs#598).",
    fix: "Compare sequence numbers modulo 2^32, as unsigned numbers. Until then reconnect before 2 GiB are sent, or \
          announce no window, so that nothing is acknowledged.",
    spec: Some("RTMP 1.0 §5.4.3"),
};

const ACK_MISSING: Rule = Rule {
    code: "ack.missing",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Nothing is acknowledged although a window was announced",
    meaning: "A side announced its window, after which the peer is to acknowledge what it has received, and sent more than \
              two windows since without an acknowledgement.",
    breaks_on: "Senders that wait for the acknowledgement stop sending (huiping192/HPRTMP#16, nareix/joy4#5, \
                q191201771/lal#154). FFmpeg, OBS and nginx-rtmp do not wait.",
    fix: "Let the receiver send Acknowledgement (type 3) with the number of bytes received each time another window has \
          come.",
    spec: Some("RTMP 1.0 §5.4.3, §5.4.4"),
};

const ACK_INCREMENTAL: Rule = Rule {
    code: "ack.incremental",
    severity: Severity::Info,
    confidence: Confidence::Likely,
    title: "Acknowledgements say how much came since the last one",
    meaning: "Two acknowledgements in a row have the same sequence number although bytes came between them. The number is \
              to be that of all bytes received; this side sends how many there were since its last one. YouTube does \
              so.",
    breaks_on: "Senders that compute what is still unacknowledged, and pace themselves by it (huiping192/HPRTMP#28).",
    fix: "Let the receiver send the total since the connection began. A sender should not rely on it.",
    spec: Some("RTMP 1.0 §5.4.3"),
};

const ACK_DECREASE: Rule = Rule {
    code: "ack.decrease",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "An acknowledgement is lower than the one before",
    meaning: "The sequence number is to be that of all bytes received, so that it only grows. A lower one is no wrap at \
              2^32: the receiver sends something else, for instance what came since its last acknowledgement.",
    breaks_on: "Senders that compute what is still unacknowledged: they see more and more of it and stop \
                (huiping192/HPRTMP#28).",
    fix: "Let the receiver send the total since the connection began.",
    spec: Some("RTMP 1.0 §5.4.3"),
};

/// What each side acknowledges, by the direction of the acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Acks([Way; 2]);

/// The acknowledgements of one direction.
#[derive(Debug, Default)]
struct Way {
    latest: Option<u32>,
    /// When the latest came, or the other direction's window was first announced: what of the other direction was sent by
    /// then, the record, and the time.
    since: Option<(u64, u64, Option<i64>)>,
    /// What was reported once and for all.
    missing: bool,
    beyond: bool,
    incremental: bool,
}

/// The numbers that are negative when read with a sign.
const NEGATIVE: u32 = 1 << 31;
/// Windows without an acknowledgement that are too many.
const WINDOWS: u64 = 2;
/// Seconds in which an acknowledgement may still be on its way, however small the window is.
const AWAY: f64 = 1.0;

impl Judge for Acks {
    const RULES: &'static [Rule] = &[ACK_OVERFLOW, ACK_MISSING, ACK_INCREMENTAL, ACK_DECREASE];

    fn control(&mut self, seen: &mut Seen<'_>, control: &Control) {
        let Some(direction) = seen.direction else { return };
        let other = direction.reverse();
        match *control {
            Control::WindowAcknowledgementSize { size: Some(_) } => {
                // The peer acknowledges.
                let now = (seen.story.way(direction).end, seen.seq, seen.elapsed);
                self.0[other.index()].since.get_or_insert(now);
            }
            Control::Acknowledgement { sequence_number: Some(number) } => {
                let end = seen.story.way(other).end;
                let acks = &mut self.0[direction.index()];
                let more = acks.since.is_some_and(|(before, ..)| end > before);
                acks.next(seen, number, more, direction);
                (acks.latest, acks.since) = (Some(number), Some((end, seen.seq, seen.elapsed)));
            }
            _ => {}
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        for direction in Direction::BOTH {
            self.missing(seen, direction);
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.tick(seen);
    }
}

impl Acks {
    /// Whether what the other direction sent is acknowledged in this one.
    fn missing(&mut self, seen: &mut Seen<'_>, direction: Direction) {
        let acks = &mut self.0[direction.index()];
        let other = direction.reverse();
        let way = seen.story.way(other);
        let Some(((before, seq, at), (window, announced))) = acks.since.zip(way.window) else {
            return;
        };
        let sent = way.end.saturating_sub(before);
        let long = seen.since(at).is_none_or(|seconds| seconds >= AWAY);
        // What is missing from the capture may have been an acknowledgement.
        let known = seen.story.knows(direction, seq.max(announced.seq));
        if acks.missing || window == 0 || sent <= WINDOWS * u64::from(window) || !long || !known {
            return;
        }
        acks.missing = true;
        let (from, to) = (sender(other), sender(direction));
        let before = match acks.latest {
            Some(number) => format!("since the {to} acknowledged {number}"),
            None => format!("and the {to} has acknowledged nothing"),
        };
        seen.report(&ACK_MISSING, || {
            format!(
                "the {from} announced a window of {window} bytes, sent {sent} bytes more, {before}"
            )
        })
        .at(Some(other), None)
        .about(Some(announced.seq));
    }
}

impl Way {
    /// The next acknowledgement. `more`: the other side has sent something since the last one.
    fn next(&mut self, seen: &mut Seen<'_>, number: u32, more: bool, direction: Direction) {
        let from = sender(direction);
        let Some(before) = self.latest else {
            self.large(seen, number, from);
            return;
        };
        let ahead = number.wrapping_sub(before);
        if ahead == 0 {
            if more && number > 0 && !self.incremental {
                self.incremental = true;
                seen.report(&ACK_INCREMENTAL, || {
                    format!(
                        "the {from} acknowledges {number} bytes twice in a row, although more came between: it sends \
                         what came since its last acknowledgement"
                    )
                });
            }
        } else if ahead >= NEGATIVE {
            seen.report(&ACK_DECREASE, || {
                format!("the {from} acknowledges {number} bytes, after {before} before")
            });
        } else if number < before {
            seen.report(&ACK_OVERFLOW, || {
                format!("the {from}'s acknowledgements begin anew at 2^32: {number} after {before}")
            });
            self.beyond = false;
        } else {
            self.large(seen, number, from);
        }
    }

    fn large(&mut self, seen: &mut Seen<'_>, number: u32, from: &str) {
        if number < NEGATIVE || std::mem::replace(&mut self.beyond, true) {
            return;
        }
        let direction = seen.direction.map(Direction::reverse);
        let sent = direction.map_or(0, |direction| seen.story.way(direction).end);
        let rate = seen.elapsed.filter(|&at| at > 0).map(|at| sent as f64 * 1e9 / at as f64);
        let left = rate
            .filter(|rate| *rate > 0.0 && seen.opened.from_start && sent >= u64::from(NEGATIVE))
            .map(|rate| f64::from(u32::MAX - number) / rate);
        seen.report(&ACK_OVERFLOW, || {
            let mut text = format!(
                "the {from} acknowledges {number} bytes, which is {} to who reads it with a sign",
                number.cast_signed()
            );
            if let Some(seconds) = left {
                text.push_str(&format!("; at the rate so far it begins anew in {seconds:.0} s"));
            } else if seen_few(sent, number) {
                text.push_str(&format!("; no more than {sent} bytes were seen"));
            }
            text
        });
    }
}

/// Whether far fewer bytes were seen than are acknowledged.
const fn seen_few(sent: u64, number: u32) -> bool {
    sent < number as u64 / 2
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script};
    use crate::proto::message::Control;

    fn ack(t: &mut Script, number: u32) {
        t.control(S2C, Control::Acknowledgement { sequence_number: Some(number) });
    }

    /// A publisher whose server acknowledges these numbers, and that sends something between them.
    fn acknowledged(numbers: &[u32]) -> Script {
        let mut t = Script::publishing();
        for (index, &number) in numbers.iter().enumerate() {
            t.audio(index as u32 * 23);
            ack(&mut t, number);
        }
        t.end();
        t
    }

    #[test]
    fn numbers_beyond_those_with_a_sign() {
        assert_eq!(acknowledged(&[1 << 30, 0x7fff_ffff]).family("ack."), [""; 0]);
        let t = acknowledged(&[0x7fff_0000, 0x8000_0000, 0x9000_0000]);
        assert_eq!(t.family("ack."), ["ack.overflow"]);
        assert!(t.text("ack.overflow").contains("2147483648 bytes, which is -2147483648"));
        let t = acknowledged(&[0xffff_0000, 0x0000_1000]);
        assert_eq!(t.family("ack."), ["ack.overflow"], "the second is counted");
        assert_eq!(t.listed[0].finding.count, 2);
    }

    #[test]
    fn numbers_that_do_not_grow() {
        assert_eq!(acknowledged(&[1000, 2000, 2001]).family("ack."), [""; 0]);
        assert_eq!(acknowledged(&[131_325, 131_325, 131_325]).family("ack."), ["ack.incremental"]);
        let t = acknowledged(&[2000, 1999]);
        assert_eq!(t.text("ack.decrease"), "the server acknowledges 1999 bytes, after 2000 before");
        // The same number again is right where nothing came.
        let mut t = Script::publishing();
        ack(&mut t, 5000);
        ack(&mut t, 5000);
        assert_eq!(t.end().family("ack."), [""; 0]);
    }

    #[test]
    fn windows_without_an_acknowledgement() {
        let window = Control::WindowAcknowledgementSize { size: Some(2000) };
        let run = |bytes: usize, seconds: f64, acks: bool| {
            let mut t = Script::publishing();
            t.control(C2S, window);
            t.wait(seconds).message(C2S, 4, 1, 8, 0, &vec![0xaf; bytes]);
            if acks {
                ack(&mut t, 3000);
            }
            t.end();
            t
        };
        assert!(run(4000, 2.0, false).has("ack.missing"));
        assert!(!run(3900, 2.0, false).has("ack.missing"), "less than two windows");
        assert!(!run(4000, 0.5, false).has("ack.missing"), "it may be on its way");
        assert!(!run(4000, 2.0, true).has("ack.missing"));
        let mut t = Script::publishing();
        t.control(C2S, window).gap(S2C, 100).wait(2.0);
        t.message(C2S, 4, 1, 8, 0, &[0xaf; 4000]).end();
        assert!(!t.has("ack.missing"), "the capture may lack it");
    }
}
