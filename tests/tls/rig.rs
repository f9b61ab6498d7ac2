//! Recorded sessions, and decryptions of them.

use rtmpctl::Limits;
use rtmpctl::capture::tls::{Facts, Keys, Piece, Session, State};
use rtmpctl::inspect::{GapCause, Place};
use rtmpctl::proto::Direction;

/// What a session sent, piece by piece, and the secrets of it.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    pub log: Vec<u8>,
    pub wire: Vec<(Direction, Vec<u8>)>,
}

/// A piece of a TCP stream.
#[derive(Debug, Clone)]
pub enum Part {
    Bytes(Vec<u8>),
    Gap(Option<u64>),
}

/// What came out of one direction: plaintext with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Bytes(Vec<u8>),
    Gap(Option<u64>),
}

/// A decryption, and what it must keep of its promises.
#[derive(Debug)]
pub struct Run {
    pub session: Session,
    pub keys: Keys,
    pub limits: Limits,
    pub total: usize,
    pub out: [Vec<Text>; 2],
    pub frames: Vec<u64>,
    frame: u64,
}

impl Run {
    pub fn new(log: &[u8]) -> Self {
        Self::with(log, Limits::default())
    }

    pub fn with(log: &[u8], limits: Limits) -> Self {
        let mut keys = Keys::new(&limits);
        keys.add(log);
        let out = [Vec::new(), Vec::new()];
        Self { session: Session::new(), keys, limits, total: 0, out, frames: Vec::new(), frame: 0 }
    }

    pub fn part(&mut self, direction: Direction, part: &Part) {
        let piece = match part {
            Part::Bytes(bytes) => Piece::Bytes(bytes),
            Part::Gap(length) => Piece::Gap(*length, GapCause::Lost),
        };
        self.step(|session, place, keys, limits, total, out| {
            session.piece(direction, piece, place, keys, limits, total, out);
        });
    }

    pub fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        self.part(direction, &Part::Bytes(bytes.to_vec()));
    }

    pub fn add(&mut self, log: &[u8]) {
        self.keys.add(log);
        self.step(|session, place, keys, limits, total, out| {
            session.wake(place, keys, limits, total, out);
        });
    }

    pub fn end(&mut self, direction: Direction) {
        self.step(|session, place, keys, limits, total, out| {
            session.end(direction, place, keys, limits, total, out);
        });
    }

    pub fn close(&mut self) {
        self.step(|session, place, keys, limits, total, out| {
            session.close(place, keys, limits, total, out);
        });
        assert_eq!(self.total, 0, "what was held is given back");
    }

    fn step(
        &mut self,
        act: impl FnOnce(
            &mut Session,
            Place,
            &mut Keys,
            &Limits,
            &mut usize,
            &mut dyn FnMut(Place, Direction, Piece<'_>),
        ),
    ) {
        self.frame += 1;
        let place = Place { frame: Some(self.frame), ..Place::default() };
        let Self { session, keys, limits, total, out, frames, .. } = self;
        act(session, place, keys, limits, total, &mut |place, direction, piece| {
            frames.push(place.frame.unwrap());
            let out = &mut out[direction.index()];
            match (piece, out.last_mut()) {
                (Piece::Bytes(bytes), Some(Text::Bytes(before))) => before.extend(bytes),
                (Piece::Bytes(bytes), _) => out.push(Text::Bytes(bytes.to_vec())),
                (Piece::Gap(length, _), _) => out.push(Text::Gap(length)),
            }
        });
    }

    pub fn facts(&self) -> &Facts {
        self.session.facts()
    }

    pub fn state(&self) -> State {
        self.session.state()
    }

    /// The plaintext, of which nothing may be missing.
    #[track_caller]
    pub fn whole(&self) -> [Vec<u8>; 2] {
        self.out.each_ref().map(|out| match &out[..] {
            [] => Vec::new(),
            [Text::Bytes(bytes)] => bytes.clone(),
            other => panic!("{:?}: {:?}", self.state(), Cut(other)),
        })
    }
}

/// Texts without all of their bytes.
pub struct Cut<'a>(pub &'a [Text]);

impl std::fmt::Debug for Cut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |text: &Text| match text {
            Text::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Text::Gap(length) => format!("gap of {length:?}"),
        };
        f.debug_list().entries(self.0.iter().map(short)).finish()
    }
}

impl Recorded {
    /// Reads a seed of the fuzz target `tls`, which says what its bytes mean.
    pub fn read(name: &str) -> Self {
        let path = format!("{}/fuzz/corpus/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let length = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
        let (log, mut rest) = bytes[3..].split_at(length);
        let mut recorded = Self { log: log.to_vec(), wire: Vec::new() };
        while let [side, high, low, behind @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let direction = Direction::BOTH[usize::from(*side)];
            recorded.wire.push((direction, behind[..length].to_vec()));
            rest = &behind[length..];
        }
        recorded
    }

    /// One direction's stream.
    pub fn stream(&self, direction: Direction) -> Vec<u8> {
        let of = self.wire.iter().filter(|(of, _)| *of == direction);
        of.flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Decrypts it as it was sent.
    pub fn run(&self) -> Run {
        self.cut(usize::MAX)
    }

    /// Decrypts it in pieces of that size.
    pub fn cut(&self, size: usize) -> Run {
        let mut run = Run::new(&self.log);
        for (direction, bytes) in &self.wire {
            for piece in bytes.chunks(size.min(bytes.len()).max(1)) {
                run.bytes(*direction, piece);
            }
        }
        run.close();
        run
    }

    /// Decrypts it without some bytes of one direction, whose number is known if `told`.
    pub fn without(&self, direction: Direction, lost: std::ops::Range<usize>, told: bool) -> Run {
        let mut run = Run::new(&self.log);
        let mut at = 0;
        for (of, bytes) in &self.wire {
            if *of != direction {
                run.bytes(*of, bytes);
                continue;
            }
            let cut = |position: usize| position.clamp(at, at + bytes.len()) - at;
            let (from, to) = (cut(lost.start), cut(lost.end));
            if from > 0 {
                run.bytes(*of, &bytes[..from]);
            }
            if from < to {
                run.part(*of, &Part::Gap(told.then_some((to - from) as u64)));
            }
            if to < bytes.len() {
                run.bytes(*of, &bytes[to..]);
            }
            at += bytes.len();
        }
        run.close();
        run
    }
}

/// That what came out is `text` where it is not missing, and that known lengths are right. Gives the bytes missing.
#[track_caller]
pub fn check(text: &[u8], out: &[Text], exact: bool) -> usize {
    let mut rest = text;
    let mut missing = 0;
    let mut unknown = false;
    for (index, part) in out.iter().enumerate() {
        match part {
            Text::Gap(Some(length)) if exact => {
                assert!(*length as usize <= rest.len(), "{:?} of {}", Cut(out), text.len());
                missing += *length as usize;
                rest = &rest[*length as usize..];
            }
            Text::Gap(_) => unknown = true,
            Text::Bytes(bytes) => {
                let at = if unknown {
                    // The next place where it is; the texts of the tests do not repeat.
                    (0..=rest.len().saturating_sub(bytes.len()))
                        .find(|&at| rest[at..].starts_with(bytes))
                } else {
                    rest.starts_with(bytes).then_some(0)
                };
                let at = at.unwrap_or_else(|| {
                    panic!("part {index} of {:?} is not in {} bytes", Cut(out), rest.len())
                });
                missing += at;
                rest = &rest[at + bytes.len()..];
                unknown = false;
            }
        }
    }
    missing + rest.len()
}
