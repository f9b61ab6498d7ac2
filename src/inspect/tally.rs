//! The findings of one connection: which are printed, which only counted, and what the summary lists of them.

use super::record::Listed;
use super::{Finding, Place, Severity};
use crate::proto::{Direction, Span};

/// What was found on one connection. One entry for each code, so that it stays small however much is wrong.
#[derive(Debug, Default)]
pub(super) struct Tally {
    entries: Vec<Entry>,
    /// All findings by their severity.
    pub(super) counts: [u64; 3],
    losses: [Option<Loss>; 2],
}

#[derive(Debug)]
struct Entry {
    listed: Listed,
    /// The worst that was printed.
    printed: Option<Severity>,
    /// Whether one of them is a fault of its own.
    independent: bool,
}

/// A direction's framing is or was lost.
#[derive(Debug, Clone, Copy)]
struct Loss {
    /// The record that says so: the first one, where losses follow each other.
    seq: u64,
    /// When what follows no longer counts as its consequence; `None` while decoding has not gone on.
    until: Option<i64>,
}

/// Nanoseconds behind a loss in which what looks odd follows from it: some key frames, and all chunk streams.
const AFTERMATH: i64 = 10_000_000_000;

/// What follows from lost bytes or a lost framing: what rests on headers and on the order of messages.
const FOLLOWING: [&str; 18] = [
    "aac",
    "aggregate",
    "amf",
    "av1",
    "avc",
    "chunk",
    "cmd",
    "cts",
    "ertmp",
    "gop",
    "hevc",
    "message",
    "meta",
    "opus",
    "tag",
    "ts",
    "vp9",
    "video",
];

/// What follows from another finding of the same connection, whatever its direction.
const BECAUSE: [(&str, &[&str]); 4] = [
    ("cmd.start-then-reject", &["ertmp.multitrack-unsupported"]),
    ("hs.incomplete", &["hs.stall", "hs.http-reply", "hs.tls-on-plain", "hs.rtmpe"]),
    ("hs.not-rtmp", &["hs.proxy-broken"]),
    ("status.silent-close", &["ertmp.multitrack-unsupported"]),
];

/// Where a finding comes from, which decides how often the same is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    /// From whoever noticed: it is printed so many times.
    Reported(u32),
    /// From a judge: repeats are printed ever more rarely.
    Judged,
    /// The same, and it is the reason of a loss and not a consequence.
    Explains,
}

/// Where a finding is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// The number that its record will have.
    pub(super) seq: u64,
    pub(super) direction: Option<Direction>,
    pub(super) span: Option<Span>,
    pub(super) place: Place,
    pub(super) elapsed: Option<i64>,
}

impl Tally {
    /// Whether nothing with this code was found before.
    pub(super) fn is_new(&self, code: &str) -> bool {
        self.entry(code).is_none()
    }

    /// Whether the next judgement with this code and severity will be printed: the first is, then those that make a
    /// power of ten, any that is worse than those before, and the first that follows from nothing else.
    pub(super) fn prints_next(&self, code: &str, severity: Severity, at: &At) -> bool {
        self.entry(code).is_none_or(|entry| {
            entry.printed < Some(severity)
                || is_power_of_ten(entry.listed.finding.count.saturating_add(1))
                || !entry.independent && self.cause(code, at).is_none()
        })
    }

    /// Counts a finding, and says in it how many times it has occurred and what it follows from. `false`: it is not to be
    /// printed.
    pub(super) fn count(&mut self, finding: &mut Finding, at: At, kin: Kin) -> bool {
        self.counts[finding.severity as usize] += 1;
        if finding.cause.is_none() && kin != Kin::Explains {
            finding.cause = self.cause(finding.code, &at);
        }
        let prints = match kin {
            Kin::Reported(most) => {
                self.entry(finding.code).map_or(0, |entry| entry.listed.finding.count) < most
            }
            // What was not expected to be printed has no sentence.
            Kin::Judged | Kin::Explains => {
                !finding.message.is_empty() && self.prints_next(finding.code, finding.severity, &at)
            }
        };
        let mut follow = 0;
        if kin == Kin::Explains
            && let Some(loss) =
                self.entries.iter_mut().find(|entry| Some(entry.listed.seq) == finding.about)
        {
            loss.independent = false;
            follow = std::mem::take(&mut loss.listed.consequences).saturating_add(1);
        }
        let independent = finding.cause.is_none();
        if let Some(cause) = finding.cause
            && let Some(entry) = self.entries.iter_mut().find(|entry| entry.listed.seq == cause)
        {
            entry.listed.consequences = entry.listed.consequences.saturating_add(1);
        }
        let of = |code: &'static str| move |entry: &&mut Entry| entry.listed.finding.code == code;
        match self.entries.iter_mut().find(of(finding.code)) {
            Some(entry) => {
                let listed = &mut entry.listed;
                let count = listed.finding.count.saturating_add(1);
                finding.count = count;
                if independent && !entry.independent && prints {
                    // What was only a consequence before is a fault of its own now.
                    *listed = Listed { consequences: listed.consequences, ..list(finding, at) };
                    entry.independent = true;
                }
                listed.finding.count = count;
                listed.finding.severity = listed.finding.severity.max(finding.severity);
                if prints {
                    entry.printed = entry.printed.max(Some(finding.severity));
                }
            }
            None => {
                // They are large, and few.
                self.entries.reserve_exact(1);
                self.entries.push(Entry {
                    listed: list(finding, at),
                    printed: prints.then_some(finding.severity),
                    independent,
                });
            }
        }
        if let Some(entry) =
            self.entries.iter_mut().find(|entry| entry.listed.finding.code == finding.code)
        {
            entry.listed.consequences = entry.listed.consequences.saturating_add(follow);
        }
        self.follow(finding, &at);
        prints
    }

    /// The record that says of a fault with this code, where it follows from nothing else.
    pub(super) fn listed(&self, code: &str) -> Option<u64> {
        self.entry(code).filter(|entry| entry.independent).map(|entry| entry.listed.seq)
    }

    /// Bytes are missing, as the record with this number says; `resumed`: decoding goes on behind them.
    pub(super) fn gap(
        &mut self,
        direction: Direction,
        seq: u64,
        elapsed: Option<i64>,
        resumed: bool,
    ) {
        self.lose(direction, seq);
        if resumed {
            self.resume(direction, elapsed);
        }
    }

    /// The faults of the connection, worst first.
    pub(super) fn finish(self) -> Vec<Listed> {
        let own = self.entries.into_iter().filter(|entry| entry.independent);
        let mut listed: Vec<Listed> = own.map(|entry| entry.listed).collect();
        listed.sort_by_key(|listed| (core::cmp::Reverse(listed.finding.severity), listed.seq));
        listed
    }

    fn entry(&self, code: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.listed.finding.code == code)
    }

    /// The loss, or the other finding, that a finding follows from.
    fn cause(&self, code: &str, at: &At) -> Option<u64> {
        if let Some((_, reasons)) = BECAUSE.iter().find(|(of, _)| *of == code) {
            let reason = reasons.iter().find_map(|reason| self.entry(reason));
            return reason.map(|entry| entry.listed.seq);
        }
        let loss = self.losses[at.direction?.index()]?;
        let (family, _) = code.split_once('.')?;
        let over = loss.until.zip(at.elapsed).is_some_and(|(until, now)| now > until);
        (FOLLOWING.contains(&family) && !over).then_some(loss.seq)
    }

    /// Learns from findings where a loss begins and ends.
    fn follow(&mut self, finding: &Finding, at: &At) {
        let Some(direction) = at.direction else { return };
        match finding.code {
            "chunk.sync-lost" => self.lose(direction, finding.cause.unwrap_or(at.seq)),
            "chunk.resynced" => self.resume(direction, at.elapsed),
            "capture.begins-inside" => {
                self.lose(direction, at.seq);
                self.resume(direction, at.elapsed);
            }
            _ => {}
        }
        // What is no longer open begins anew with the next loss.
        if let Some(loss) = self.losses[direction.index()]
            && loss.until.zip(at.elapsed).is_some_and(|(until, now)| now > until)
        {
            self.losses[direction.index()] = None;
        }
    }

    fn lose(&mut self, direction: Direction, seq: u64) {
        self.losses[direction.index()].get_or_insert(Loss { seq, until: None }).until = None;
    }

    fn resume(&mut self, direction: Direction, elapsed: Option<i64>) {
        if let Some(loss) = &mut self.losses[direction.index()] {
            loss.until = elapsed.map(|now| now.saturating_add(AFTERMATH));
        }
    }
}

fn list(finding: &Finding, at: At) -> Listed {
    Listed {
        seq: at.seq,
        direction: at.direction,
        span: at.span,
        place: at.place,
        elapsed: at.elapsed,
        consequences: 0,
        finding: finding.clone(),
    }
}

const fn is_power_of_ten(mut n: u32) -> bool {
    while n >= 10 && n.is_multiple_of(10) {
        n /= 10;
    }
    n == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const C2S: Direction = Direction::ClientToServer;

    fn at(seq: u64, seconds: i64) -> At {
        At {
            seq,
            direction: Some(C2S),
            span: None,
            place: Place::default(),
            elapsed: Some(seconds * 1_000_000_000),
        }
    }

    fn find(tally: &mut Tally, code: &'static str, severity: Severity, at: At) -> (bool, Finding) {
        let mut finding = Finding::new(code, severity, "text");
        let printed = tally.count(&mut finding, at, Kin::Judged);
        (printed, finding)
    }

    #[test]
    fn repeats_are_printed_at_powers_of_ten_and_where_they_are_worse() {
        let mut tally = Tally::default();
        let printed: Vec<u32> = (1..=1000)
            .filter_map(|n| {
                let severity = if n == 55 { Severity::Error } else { Severity::Warning };
                let (printed, finding) = find(&mut tally, "ts.jump", severity, at(n, 0));
                assert_eq!(u64::from(finding.count), n);
                printed.then_some(finding.count)
            })
            .collect();
        assert_eq!(printed, [1, 10, 55, 100, 1000]);
        assert_eq!(tally.counts, [0, 999, 1]);
        let [listed] = &tally.finish()[..] else { panic!("one code, one entry") };
        assert_eq!((listed.seq, listed.finding.count), (1, 1000));
        assert_eq!(listed.finding.severity, Severity::Error);
    }

    #[test]
    fn what_follows_a_loss_refers_to_it_and_is_not_listed() {
        let mut tally = Tally::default();
        let cause = |tally: &mut Tally, code, at| find(tally, code, Severity::Warning, at).1.cause;
        assert_eq!(cause(&mut tally, "chunk.sync-lost", at(5, 0)), None);
        assert_eq!(cause(&mut tally, "message.malformed", at(6, 30)), Some(5));
        assert_eq!(cause(&mut tally, "chunk.resynced", at(7, 40)), Some(5));
        assert_eq!(cause(&mut tally, "ts.jump", at(8, 41)), Some(5));
        assert_eq!(cause(&mut tally, "chunk.sync-lost", at(9, 42)), Some(5), "the first one");
        assert_eq!(cause(&mut tally, "chunk.resynced", at(10, 43)), Some(5));
        // What rests on something else, the other direction, and what comes later are faults of their own.
        assert_eq!(cause(&mut tally, "url.app-empty", at(11, 43)), None);
        let other = At { direction: Some(C2S.reverse()), ..at(12, 43) };
        assert_eq!(cause(&mut tally, "amf.trailing", other), None);
        assert_eq!(cause(&mut tally, "gop.long", at(13, 54)), None);
        let listed: Vec<_> =
            tally.finish().iter().map(|l| (l.finding.code, l.consequences)).collect();
        assert_eq!(
            listed,
            [("chunk.sync-lost", 5), ("url.app-empty", 0), ("amf.trailing", 0), ("gop.long", 0)]
        );
    }

    #[test]
    fn a_consequence_that_comes_again_by_itself_is_listed() {
        let mut tally = Tally::default();
        tally.gap(C2S, 3, Some(0), true);
        assert_eq!(find(&mut tally, "ts.jump", Severity::Warning, at(4, 1)).1.cause, Some(3));
        for n in 5..20 {
            find(&mut tally, "ts.jump", Severity::Warning, at(n, 60));
        }
        let listed = tally.finish();
        assert_eq!((listed[0].seq, listed[0].finding.count), (5, 16));
    }

    #[test]
    fn what_explains_a_loss_stands_for_it() {
        let mut tally = Tally::default();
        find(&mut tally, "chunk.sync-lost", Severity::Error, at(5, 0));
        find(&mut tally, "chunk.resynced", Severity::Warning, at(6, 1));
        let mut finding = Finding::new("chunk.split-bug", Severity::Error, "text").about(5);
        assert!(tally.count(&mut finding, at(7, 1), Kin::Explains));
        assert_eq!(finding.cause, None);
        let listed: Vec<_> =
            tally.finish().iter().map(|l| (l.finding.code, l.consequences)).collect();
        assert_eq!(listed, [("chunk.split-bug", 2)]);
    }

    #[test]
    fn a_handshake_is_not_complete_for_a_reason() {
        let mut tally = Tally::default();
        find(&mut tally, "hs.stall", Severity::Error, at(4, 5));
        assert_eq!(find(&mut tally, "hs.incomplete", Severity::Warning, at(5, 6)).1.cause, Some(4));
        assert_eq!(tally.finish().len(), 1);
        let mut tally = Tally::default();
        find(&mut tally, "hs.c2-not-s1", Severity::Warning, at(4, 5));
        assert_eq!(find(&mut tally, "hs.incomplete", Severity::Warning, at(5, 6)).1.cause, None);
        assert_eq!(tally.finish().len(), 2);
    }

    #[test]
    fn the_worst_comes_first() {
        let mut tally = Tally::default();
        for (seq, code, severity) in [
            (1, "a.a", Severity::Info),
            (2, "b.b", Severity::Warning),
            (3, "c.c", Severity::Error),
            (4, "d.d", Severity::Error),
        ] {
            find(&mut tally, code, severity, at(seq, 0));
        }
        let order: Vec<u64> = tally.finish().iter().map(|listed| listed.seq).collect();
        assert_eq!(order, [3, 4, 2, 1]);
    }
}
