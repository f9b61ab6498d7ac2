//! The pace of one track's frames, and what stands out of each: facts that cost next to nothing on the usual frame.

use super::against::Against;
use super::order::Order;
use super::record::{Codec, Measured, Spread, Track};
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
    /// The track's first frame that is shown before one that was sent before it: a B-frame.
    pub(crate) const REORDERED: Self = Self(1 << 14);
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
/// Milliseconds that the first step of a track may take: how long its frames take is not known yet.
const SLOWEST: i32 = 2_000;
/// Milliseconds that are a jump of the time where no clock says otherwise.
const UNCLOCKED: i32 = 10_000;
/// Milliseconds by which frames that come as they play are ahead of the clock, or behind it, at most.
const IN_STEP: i64 = 3_000;
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
    /// The widest step to one of its frames that stands out, forward or back, milliseconds; 0 where none does.
    pub(crate) widest: u32,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Nanoseconds that it lasted, until the frame that ended it.
    pub(crate) took: i64,
    /// Milliseconds of media time from its first frame to the frame that ended it.
    pub(crate) covered: i32,
}

/// The pace of one track.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// The time of the latest coded frame, milliseconds.
    pub(crate) coded: Option<u32>,
    /// The latest step, milliseconds.
    step: i32,
    /// The chunk stream of the latest message.
    pub(crate) chunk_stream_id: u32,
    /// What the direction had lost by then.
    broken: u32,
    /// Whether the latest frame's time is only an estimate.
    unsure: bool,
    /// Whether a composition time other than 0 has been seen.
    pub(crate) reorders: bool,
    /// Frames that come and may lead the latest key frame, up to [`LEADING`].
    pub(super) leading: u8,
    /// Coded frames so far, up to [`EARLY`].
    pub(crate) early: u8,
    /// When the latest coded frame came.
    pub(crate) latest_at: Option<i64>,
    /// Milliseconds of media time from the first coded frame to the latest, steps back subtracted.
    pub(crate) clock: i64,
    /// Nanoseconds by which frames come sooner or later than their times say: a running mean of the last 16 or so, as RFC
    /// 3550 §6.4.1 has it.
    jitter: i64,
    /// Nanoseconds of the longest wait for a frame.
    silence: i64,
    /// The longest step that is none of the odd ones, milliseconds.
    longest: i32,
    /// The second that goes on.
    window: Window,
    /// The second of media time that goes on: its first frame's time, and bytes.
    second: (u32, u64),
    /// What is shown in which order.
    pub(crate) order: Order,
    /// The time of the first coded frame, milliseconds.
    pub(crate) first: u32,
    /// When it came, nanoseconds since the connection's first packet.
    pub(crate) first_at: Option<i64>,
    /// The second before the one that goes on.
    pub(crate) past: Window,
    /// The most bits in one second of media time.
    peak: Option<f64>,
    /// Steps of more than half a second.
    pub(crate) gaps: u32,
    /// Steps back, and their sum, milliseconds.
    steps_back: u32,
    backward: u64,
    /// Steps of which nobody knows what they are: behind missing bytes, or a jump that the clock did not make.
    pub(super) breaks: u32,
    /// Their sum and that of those forward, milliseconds.
    broken_time: (i64, u64),
    /// Of the jitter at the end of each second: the sum, the number and the highest.
    jitters: (i64, u32, i64),
    /// The time against the clock.
    pub(crate) against: Against,
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

    /// Takes a message of the track, `length` bytes of it. `broken`: how often something was lost of its direction.
    #[inline(always)] // it has seven arguments and is short where nothing stands out
    pub(super) fn frame(
        &mut self,
        frame: &mut Frame,
        raw: &chunk::Message<'_>,
        length: u32,
        mut marks: Marks,
        at: Option<i64>,
        broken: u32,
    ) {
        let timestamp = raw.timestamp;
        *frame = Frame { timestamp, ..Frame::default() };
        marks |= Marks::ROUTE
            .when((raw.chunk_stream_id != self.chunk_stream_id) | marks.has(Marks::FIRST));
        self.chunk_stream_id = raw.chunk_stream_id;
        marks |= Marks::BIG.when(raw.length > BIG);
        marks |= Marks::DAMAGED.when(raw.timestamp_uncertain | !raw.damaged.is_empty());
        if marks.has(Marks::CODED) {
            if self.early < EARLY {
                self.early += 1;
                marks |= Marks::EARLY;
            }
            match self.coded.replace(timestamp) {
                Some(before) => {
                    let step = timestamp.wrapping_sub(before) as i32;
                    (frame.step, frame.step_before) = (step, self.step);
                    self.clock += i64::from(step);
                    let waited = at.zip(self.latest_at).map(|(now, latest)| now - latest);
                    // From one estimate to the next the step is right, if nothing is lost between.
                    let whole = (raw.timestamp_uncertain == self.unsure) & (broken == self.broken);
                    if step > 0 && step <= LEAP && whole
                        || self.steps_oddly(step, waited, whole, &mut marks)
                    {
                        self.longest = self.longest.max(step);
                        if let Some(waited) = waited {
                            let late = waited - i64::from(step) * 1_000_000;
                            self.jitter += (late.abs() - self.jitter) >> 4;
                            self.silence = self.silence.max(waited);
                        }
                    }
                    self.step = step;
                    marks |= Marks::HIGH.when((timestamp ^ before) >> 24 != 0);
                }
                None => {
                    (self.first, self.first_at) = (timestamp, at);
                    self.window = Window { at, timestamp, ..Window::default() };
                    self.second = (timestamp, 0);
                }
            }
            (self.unsure, self.broken) = (raw.timestamp_uncertain, broken);
            self.latest_at = at;
            if timestamp.wrapping_sub(self.second.0) >= 1000 {
                self.second_of_media(timestamp);
            }
            self.second.1 += u64::from(length);
            let took = match at.zip(self.window.at) {
                Some((now, began)) => now - began,
                None => i64::from(timestamp.wrapping_sub(self.window.timestamp) as i32) * 1_000_000,
            };
            if took >= SECOND {
                marks |= Marks::SECOND;
                self.second_is_over(timestamp, at, took);
            }
            let window = &mut self.window;
            window.frames += 1;
            window.keyframes += u32::from(marks.has(Marks::KEY));
            window.bytes += u64::from(length);
        }
        frame.marks = marks;
    }

    /// A step back, of nothing, of more than a frame takes, or of which nobody knows what it was. Whether it is one of
    /// those that frames make.
    #[cold]
    fn steps_oddly(
        &mut self,
        step: i32,
        waited: Option<i64>,
        whole: bool,
        marks: &mut Marks,
    ) -> bool {
        *marks |= Marks::BACK.when(step < 0) | Marks::SAME.when(step == 0);
        *marks |= Marks::LEAP.when(step > LEAP);
        self.backward += forward(step.saturating_neg());
        let usual = if self.step > 0 { self.step } else { SLOWEST };
        let wide = step > GAP && step > usual.saturating_mul(4);
        // Where frames come as they play, the clock says whether time has passed too.
        let more = waited.map(|waited| i64::from(step) - waited / 1_000_000);
        let ahead = self.ahead().map(|(ahead, _)| self.against.steady(ahead) - i64::from(step));
        let paced = ahead.is_some_and(|ahead| ahead.abs() < IN_STEP);
        let jumped = match more.filter(|_| paced) {
            Some(more) => (step < 0 || wide) && more.abs() > GAP.into(),
            None => step < -GAP || wide && step > UNCLOCKED,
        };
        if let Some(more) = more.filter(|_| jumped) {
            self.against.step(more);
        }
        if !whole || jumped {
            self.breaks = self.breaks.saturating_add(1);
            self.broken_time.0 += i64::from(step);
            self.broken_time.1 += forward(step);
            self.order.stepped();
        }
        if whole {
            self.gaps += u32::from(step > GAP);
            self.steps_back += u32::from(step < 0);
            self.longest = self.longest.max(step);
            self.window.widest = self.window.widest.max(step.unsigned_abs());
        }
        whole && !jumped
    }

    /// A second of media time is over, or the time stepped back.
    #[cold]
    fn second_of_media(&mut self, timestamp: u32) {
        let (began, bytes) = std::mem::replace(&mut self.second, (timestamp, 0));
        let took = timestamp.wrapping_sub(began);
        if took < 1 << 31 {
            let rate = bytes as f64 * 8e3 / f64::from(took);
            self.peak = Some(self.peak.map_or(rate, |peak| peak.max(rate)));
        }
    }

    /// The second that went on has taken this many nanoseconds, and the next one begins.
    #[cold]
    fn second_is_over(&mut self, timestamp: u32, at: Option<i64>, took: i64) {
        let covered = timestamp.wrapping_sub(self.window.timestamp) as i32;
        self.past = Window { took, covered, ..self.window };
        self.window = Window { at, timestamp, ..Window::default() };
        let (sum, number, most) = self.jitters;
        self.jitters =
            (sum.saturating_add(self.jitter), number.saturating_add(1), most.max(self.jitter));
        if let Some((ahead, wall)) = self.ahead() {
            self.against.measure(ahead, wall);
        }
    }

    /// Milliseconds by which the track's time has gone further than the clock since its first frame, and the clock's.
    pub(crate) fn ahead(&self) -> Option<(i64, i64)> {
        let wall = (self.latest_at? - self.first_at?) / 1_000_000;
        Some((self.clock - wall, wall))
    }

    /// Milliseconds of media time from the first coded frame to the latest. A step back is no time.
    pub(super) fn media_time(&self) -> u64 {
        self.clock.saturating_add_unsigned(self.backward).max(0).unsigned_abs()
    }

    /// Frames a second, where `frames` have come: over the steps that frames make.
    pub(crate) fn frame_rate(&self, frames: u64) -> Option<f64> {
        let steps = frames.saturating_sub(1).saturating_sub(self.breaks.into());
        let time = self.clock - self.broken_time.0;
        let rate = steps as f64 * 1000.0 / time as f64;
        // Less is a step of the timestamps and no rate.
        (steps > 0 && time > 0 && rate >= 0.01).then_some(rate)
    }

    /// Writes down what was measured.
    pub(super) fn tell(&self, measured: &mut Measured) {
        let ms = |nanoseconds: f64| nanoseconds / 1e6;
        let (sum, number, most) = self.jitters;
        let (sum, number) = if number == 0 { (self.jitter, 1) } else { (sum, number) };
        let stepped = self.coded.is_some_and(|coded| coded != self.first) || self.clock != 0;
        let waited = self.latest_at.zip(self.first_at).filter(|_| stepped);
        measured.peak_bitrate = self.peak;
        measured.b_frames = self.order.spread.map(|_| self.order.longest);
        measured.composition_time = self.order.spread;
        measured.ahead = self.against.spread.or_else(|| {
            self.ahead().filter(|_| stepped).map(|(ahead, _)| Spread::with(None, ahead))
        });
        measured.clock_drift = self.against.per_minute();
        measured.jitter =
            waited.map(|_| (ms(sum as f64 / f64::from(number)), ms(most.max(self.jitter) as f64)));
        measured.largest_gap = stepped.then_some(self.longest.unsigned_abs());
        measured.longest_silence = waited.map(|_| self.silence);
        measured.gaps = self.gaps;
        measured.steps_back = self.steps_back;
        measured.unknown_time = self.broken_time.1;
    }

    /// Takes the composition time of a picture, milliseconds.
    #[inline]
    pub(super) fn composed(&mut self, frame: &mut Frame, time: Option<i32>) {
        frame.composition_time = time;
        if frame.marks.has(Marks::CODED) {
            if self.leading > 0 && !frame.marks.has(Marks::KEY) {
                self.leading -= 1;
                frame.marks |= Marks::BEHIND_KEY;
            }
            let time = time.unwrap_or(0);
            self.reorders |= time != 0;
            if self.order.picture(frame.timestamp, time) {
                frame.marks |= Marks::REORDERED;
            }
        }
    }
}

/// Milliseconds of a step forward: time that passes.
pub(super) fn forward(step: i32) -> u64 {
    step.max(0).unsigned_abs().into()
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
        | Marks::EMPTY.when(audio.data_length == 0 && (raw.length == 0 || audio.tracks.is_empty()))
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
        | Marks::EMPTY.when(video.data_length == 0 && (raw.length == 0 || video.tracks.is_empty()))
        | Marks::CODEC.when(known.is_some() && known != track.codec)
        | Marks::CTS_NEGATIVE.when(composition < 0)
        | Marks::MOD_EX.when(!video.mod_ex.is_empty())
}
