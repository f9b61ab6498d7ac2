//! The pace of one track's frames, and what stands out of each: facts that cost next to nothing on the usual frame.

use super::record::{Codec, Track};
use super::track::is_coded;
use crate::proto::chunk;
use crate::proto::message::{Audio, AudioPacketType, FrameType, Video, VideoPacketType};

/// An audio or video message, or one track of it: when it is, and what stands out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frame {
    /// The index of its track.
    pub(crate) track: usize,
    /// What stands out. Without any mark a frame is a usual one.
    pub(crate) marks: Marks,
    /// Its time, milliseconds.
    pub(crate) timestamp: u32,
    /// Milliseconds since the track's last coded frame, with sign; 0 of the first.
    pub(crate) step: i32,
    /// The same of the frame before it.
    pub(crate) step_before: i32,
    /// Milliseconds from decoding to presentation, where the packet says so.
    pub(crate) composition_time: Option<i32>,
    /// Milliseconds by which its time is behind the latest of all tracks of its message stream.
    pub(crate) behind: u32,
}

/// What stands out of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks(u32);

impl Marks {
    /// It is a coded frame: of no interest by itself.
    pub(crate) const CODED: Self = Self(1);
    /// The track's first message.
    pub(crate) const FIRST: Self = Self(1 << 1);
    /// A key frame.
    pub(crate) const KEY: Self = Self(1 << 2);
    /// A sequence header.
    pub(crate) const CONFIG: Self = Self(1 << 3);
    /// The end of a sequence.
    pub(crate) const END: Self = Self(1 << 4);
    /// Nothing, or nothing behind the headers.
    pub(crate) const EMPTY: Self = Self(1 << 5);
    /// A command frame: video frame type 5.
    pub(crate) const COMMAND: Self = Self(1 << 6);
    /// Metadata or another packet that is neither frame nor sequence header, or one whose headers cannot be read.
    pub(crate) const OTHER: Self = Self(1 << 7);
    /// A coded frame earlier than the one before.
    pub(crate) const BACK: Self = Self(1 << 8);
    /// A coded frame at the time of the one before.
    pub(crate) const SAME: Self = Self(1 << 9);
    /// A coded frame more than 200 ms behind the one before.
    pub(crate) const LEAP: Self = Self(1 << 10);
    /// More than half a second earlier than what came before on other tracks.
    pub(crate) const LATE: Self = Self(1 << 11);
    /// The upper eight bits of the time are others than before.
    pub(crate) const HIGH: Self = Self(1 << 12);
    /// Its composition time is negative.
    pub(crate) const CTS_NEGATIVE: Self = Self(1 << 13);
    /// The track's first composition time that is not 0.
    pub(crate) const CTS_FIRST: Self = Self(1 << 14);
    /// Another chunk stream than that of the track's message before, or the first.
    pub(crate) const ROUTE: Self = Self(1 << 15);
    /// More than 1 MiB.
    pub(crate) const BIG: Self = Self(1 << 16);
    /// Another codec than that of the track so far, or the first.
    pub(crate) const CODEC: Self = Self(1 << 17);
    /// One track of a message with several.
    pub(crate) const MULTITRACK: Self = Self(1 << 18);
    /// It has modifiers (ModEx).
    pub(crate) const MOD_EX: Self = Self(1 << 19);
    /// Bytes of it are missing, or its time is only an estimate.
    pub(crate) const DAMAGED: Self = Self(1 << 20);
    /// A second of the track is over with it: `past` of its pace says what was in it.
    pub(crate) const SECOND: Self = Self(1 << 21);
    /// One of the track's first coded frames: what frames are made of is looked at there, and not in all of them.
    pub(crate) const EARLY: Self = Self(1 << 22);
    /// One of the first coded frames behind a key frame of a codec with leading pictures: HEVC and VVC.
    pub(crate) const BEHIND_KEY: Self = Self(1 << 23);

    /// Whether it has any of these.
    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These and those: `|` where a constant is needed.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is to be looked at.
    #[inline]
    pub(crate) const fn stands_out(self) -> bool {
        self.0 & !Self::CODED.0 != 0
    }

    #[inline]
    const fn when(self, condition: bool) -> Self {
        Self(if condition { self.0 } else { 0 })
    }
}

impl core::ops::BitOr for Marks {
    type Output = Self;
    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::ops::BitOrAssign for Marks {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Milliseconds behind the other tracks that stand out.
pub(super) const LATE: i32 = 500;
/// Milliseconds between frames that stand out: the least that a profile can ask for. More than what a frame takes at the
/// usual rates.
const LEAP: i32 = 200;
/// Milliseconds between frames that are a gap in what the summary says of a track.
const GAP: i32 = 500;
/// Frames of a track that are early: two seconds of most.
pub(crate) const EARLY: u8 = 64;
/// Frames behind a key frame that may lead it: those come ahead of all others, and the first mostly says which they are.
pub(super) const LEADING: u8 = 4;
/// Bytes of a message that stand out.
const BIG: u32 = 1 << 20;
/// Nanoseconds of a window.
const SECOND: i64 = 1_000_000_000;

/// What happened in one second of a track: of arrival time, or of media time where the input has no clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    /// When it began, nanoseconds since the connection's first packet.
    pub(crate) at: Option<i64>,
    /// The time of its first frame, milliseconds.
    pub(crate) timestamp: u32,
    /// Coded frames.
    pub(crate) frames: u32,
    /// Key frames.
    pub(crate) keyframes: u32,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Nanoseconds that it lasted, until the frame that ended it.
    pub(crate) took: i64,
    /// Milliseconds of media time from its first frame to the frame that ended it.
    pub(crate) covered: i32,
    /// The widest step to one of its frames, forward or back, milliseconds.
    pub(crate) widest: u32,
}

/// The pace of one track.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// The time of the latest coded frame, milliseconds.
    pub(crate) coded: Option<u32>,
    /// The time of the first coded frame, milliseconds.
    pub(crate) first: u32,
    /// When it came, nanoseconds since the connection's first packet.
    pub(crate) first_at: Option<i64>,
    /// When the latest coded frame came.
    pub(crate) latest_at: Option<i64>,
    /// Milliseconds of media time from the first coded frame to the latest, steps back subtracted.
    pub(crate) clock: i64,
    /// The latest step, milliseconds.
    step: i32,
    /// The chunk stream of the latest message.
    pub(crate) chunk_stream_id: u32,
    /// Whether a composition time other than 0 has been seen.
    pub(crate) reorders: bool,
    /// The first composition time, milliseconds, and whether another one has been seen: frames are then not shown in the
    /// order in which they come.
    composed: Option<i32>,
    pub(crate) varies: bool,
    /// Frames that come and may lead the latest key frame, up to [`LEADING`].
    pub(super) leading: u8,
    /// The second that goes on.
    window: Window,
    /// The one before it.
    pub(crate) past: Window,
    /// Coded frames so far, up to [`EARLY`].
    pub(crate) early: u8,
    /// Nanoseconds by which frames come sooner or later than their times say: a running mean of the last 16 or so, as RFC
    /// 3550 §6.4.1 has it.
    pub(crate) jitter: i64,
    /// The most bits in one second.
    pub(crate) peak: Option<f64>,
    /// Steps of more than half a second.
    pub(crate) gaps: u32,
    /// The longest of them, milliseconds.
    pub(crate) longest_gap: i32,
}

impl Pace {
    /// The second that goes on, as far as it has come; `None` where nothing is in it.
    pub(super) fn open(&self) -> Option<Window> {
        let window = self.window;
        let covered = self.coded?.wrapping_sub(window.timestamp) as i32;
        let took = match self.latest_at.zip(window.at) {
            Some((now, began)) => now - began,
            None => i64::from(covered) * 1_000_000,
        };
        (window.frames > 0).then_some(Window { took, covered, ..window })
    }

    /// Takes a message of the track, `length` bytes of it.
    #[inline]
    pub(super) fn frame(
        &mut self,
        raw: &chunk::Message<'_>,
        length: u32,
        mut marks: Marks,
        at: Option<i64>,
    ) -> Frame {
        let timestamp = raw.timestamp;
        let mut frame = Frame { timestamp, ..Frame::default() };
        if raw.chunk_stream_id != self.chunk_stream_id || marks.has(Marks::FIRST) {
            self.chunk_stream_id = raw.chunk_stream_id;
            marks |= Marks::ROUTE;
        }
        marks |= Marks::BIG.when(raw.length > BIG);
        marks |= Marks::DAMAGED.when(raw.timestamp_uncertain || !raw.damaged.is_empty());
        if marks.has(Marks::CTS_FIRST) {
            marks = Marks(marks.0 & !Marks::CTS_FIRST.0)
                | Marks::CTS_FIRST.when(!std::mem::replace(&mut self.reorders, true));
        }
        if marks.has(Marks::CODED) {
            if self.early < EARLY {
                self.early += 1;
                marks |= Marks::EARLY;
            }
            match self.coded.replace(timestamp) {
                Some(before) => {
                    let step = timestamp.wrapping_sub(before) as i32;
                    (frame.step, frame.step_before) = (step, self.step);
                    self.step = step;
                    self.clock += i64::from(step);
                    if step <= 0 || step > LEAP {
                        marks |= Marks::BACK.when(step < 0)
                            | Marks::SAME.when(step == 0)
                            | Marks::LEAP.when(step > LEAP);
                        self.gaps += u32::from(step > GAP);
                        self.longest_gap = self.longest_gap.max(step);
                    }
                    if let Some((now, latest)) = at.zip(self.latest_at) {
                        let late = (now - latest) - i64::from(step) * 1_000_000;
                        self.jitter += (late.abs() - self.jitter) / 16;
                    }
                    marks |= Marks::HIGH.when((timestamp ^ before) >> 24 != 0);
                }
                None => {
                    (self.first, self.first_at) = (timestamp, at);
                    self.window = Window { at, timestamp, ..Window::default() };
                }
            }
            self.latest_at = at;
            let window = &mut self.window;
            let took = match at.zip(window.at) {
                Some((now, began)) => now - began,
                None => i64::from(timestamp.wrapping_sub(window.timestamp) as i32) * 1_000_000,
            };
            if took >= SECOND {
                marks |= Marks::SECOND;
                let rate = window.bytes as f64 * 8e9 / took as f64;
                self.peak = Some(self.peak.map_or(rate, |peak| peak.max(rate)));
                self.past = Window {
                    took,
                    covered: timestamp.wrapping_sub(window.timestamp) as i32,
                    ..*window
                };
                *window = Window { at, timestamp, ..Window::default() };
            }
            window.frames += 1;
            window.widest = window.widest.max(frame.step.unsigned_abs());
            window.keyframes += u32::from(marks.has(Marks::KEY));
            window.bytes += u64::from(length);
        }
        frame.marks = marks;
        frame
    }
}

impl Pace {
    /// Takes the composition time of a coded frame of pictures, milliseconds.
    #[inline]
    pub(super) fn composed(&mut self, frame: &mut Frame, time: Option<i32>) {
        frame.composition_time = time;
        if frame.marks.has(Marks::CODED) {
            if self.leading > 0 && !frame.marks.has(Marks::KEY) {
                self.leading -= 1;
                frame.marks |= Marks::BEHIND_KEY;
            }
            let time = time.unwrap_or(0);
            self.varies |= *self.composed.get_or_insert(time) != time;
        }
    }
}

/// What the header of an audio message marks. `track` has not counted it yet.
#[inline]
pub(super) fn audio(audio: &Audio, track: &Track, raw: &chunk::Message<'_>) -> Marks {
    use AudioPacketType::{CodedFrames, Raw, SequenceEnd, SequenceStart};
    let kind = match audio.packet_type {
        Some(CodedFrames | Raw) => Marks::CODED,
        Some(SequenceStart) => Marks::CONFIG,
        Some(SequenceEnd) => Marks::END,
        Some(_) => Marks::OTHER,
        None => Marks::OTHER.when(raw.length > 0),
    };
    let known = audio.codec.map(Codec::Audio);
    kind | Marks::FIRST.when(track.messages == 0)
        | Marks::EMPTY.when(raw.length == 0 || audio.data_length == 0 && audio.tracks.is_empty())
        | Marks::CODEC.when(known.is_some() && known != track.codec)
        | Marks::MOD_EX.when(!audio.mod_ex.is_empty())
}

/// What the header of a video message marks. `track` has not counted it yet.
#[inline]
pub(super) fn video(video: &Video, track: &Track, raw: &chunk::Message<'_>) -> Marks {
    let first = Marks::FIRST.when(track.messages == 0);
    if video.command.is_some() {
        return first | Marks::COMMAND;
    }
    let kind = match video.packet_type {
        Some(packet) if is_coded(packet) => {
            Marks::CODED | Marks::KEY.when(video.frame_type == Some(FrameType::Key))
        }
        Some(VideoPacketType::SequenceStart) => Marks::CONFIG,
        Some(VideoPacketType::SequenceEnd) => Marks::END,
        Some(_) => Marks::OTHER,
        None => Marks::OTHER.when(raw.length > 0),
    };
    let known = video.codec.map(Codec::Video);
    let composition = video.composition_time.unwrap_or(0);
    kind | first
        | Marks::EMPTY.when(raw.length == 0 || video.data_length == 0 && video.tracks.is_empty())
        | Marks::CODEC.when(known.is_some() && known != track.codec)
        | Marks::CTS_NEGATIVE.when(composition < 0)
        | Marks::CTS_FIRST.when(composition != 0)
        | Marks::MOD_EX.when(!video.mod_ex.is_empty())
}
