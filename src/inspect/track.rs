//! Counters of each media track: what the summary says of it.

use super::pace::{self, Frame, LATE, Marks, Pace};
use super::record::{Codec, Interval, Media, Track};
use super::sync::Sync;
use crate::Limits;
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::bitstream::{Bitstream, Context, Format};
use crate::proto::chunk;
use crate::proto::codec::{AudioConfig, VideoConfig, ac3, mpeg_audio, picture};
use crate::proto::message::{
    Audio, AudioCodec, AudioPacketType, Body, Data, FrameType, Video, VideoCodec, VideoPacketType,
};

/// The tracks of one connection.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    counters: Vec<Counter>,
    /// The one counted last: the next message is often of the same.
    last: usize,
    /// Whether a message was not counted.
    pub(super) crossed: bool,
    /// What the latest message was.
    pub(super) frame: Frame,
    /// The same for each track of a message with several.
    pub(super) frames: Vec<Frame>,
    /// The latest time of each direction's media, and its message stream: tracks are to come interleaved.
    newest: [(u32, u32); 2],
}

/// One track with what is needed to go on counting.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) track: Track,
    /// The pace of its frames.
    pub(crate) pace: Pace,
    /// How far the sound is from the picture, of a track of pictures.
    pub(crate) sync: Sync,
    /// Frames per second as metadata said it.
    declared_rate: Option<f64>,
    /// Whether the size is only what metadata said.
    pub(crate) size_declared: bool,
    /// Bytes of the length before each NAL unit, as the latest configuration record said it.
    pub(crate) nal_length_size: Option<u8>,
    keyframe_at: Option<u64>,
    /// The sum of the intervals between key frames, seconds, and their number.
    intervals: (f64, u64),
    /// Rate and channels as the latest frame said them that describes itself.
    described: Option<(Option<u32>, Option<u8>)>,
    /// What the latest sequence header says about walking over frames.
    context: Context,
}

/// What tells tracks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    direction: Direction,
    message_stream_id: u32,
    media: Media,
    track: u8,
}

impl Tracks {
    /// Counts a message that is audio, video or data. The first frame of audio that describes itself, and each that
    /// says something else, gets a configuration.
    #[inline]
    pub(super) fn count(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        body: &mut Body,
        at: Option<i64>,
        limits: &Limits,
    ) {
        let key =
            |media| Key { direction, message_stream_id: raw.message_stream_id, media, track: 0 };
        match body {
            Body::Audio(audio) if audio.tracks.is_empty() => {
                self.frame.marks = Marks::default();
                if let Some(counter) = self.find(key(Media::Audio), raw, limits) {
                    let marks = pace::audio(audio, &counter.track, raw);
                    counter.message(raw.timestamp, u64::from(raw.length));
                    if let Some(codec) = own_description(audio.codec, audio.packet_type) {
                        let data = data(raw, raw.length as usize - audio.data_length);
                        audio.config = counter.describe(codec, audio.channels, data);
                    }
                    counter.audio(audio);
                    let frame = counter.pace.frame(raw, raw.length, marks, at);
                    self.framed(frame, direction, raw);
                }
            }
            Body::Video(video) if video.tracks.is_empty() => {
                self.frame.marks = Marks::default();
                if let Some(counter) = self.find(key(Media::Video), raw, limits) {
                    let marks = pace::video(video, &counter.track, raw);
                    counter.message(raw.timestamp, u64::from(raw.length));
                    counter.video(video, raw, raw.length as usize - video.data_length);
                    let mut frame = counter.pace.frame(raw, raw.length, marks, at);
                    counter.pace.composed(&mut frame, video.composition_time);
                    self.framed(frame, direction, raw);
                }
            }
            Body::Audio(audio) => {
                self.frames.clear();
                for inner in &mut audio.tracks {
                    let key = Key { track: inner.track, ..key(Media::Audio) };
                    if let Some(counter) = self.find(key, raw, limits) {
                        let parts = Audio {
                            codec: inner.codec,
                            packet_type: audio.packet_type,
                            data_length: inner.data_length,
                            ..Audio::EMPTY
                        };
                        let marks = pace::audio(&parts, &counter.track, raw) | Marks::MULTITRACK;
                        counter.message(raw.timestamp, inner.data_length as u64);
                        if let Some(codec) = own_description(inner.codec, audio.packet_type) {
                            inner.config =
                                counter.describe(codec, None, data(raw, inner.data_offset));
                        }
                        counter.audio(&Audio {
                            codec: inner.codec,
                            packet_type: audio.packet_type,
                            config: inner.config.clone(),
                            ..Audio::default()
                        });
                        let frame = counter.pace.frame(raw, inner.data_length as u32, marks, at);
                        self.framed(frame, direction, raw);
                        self.frames.push(self.frame);
                    }
                }
            }
            Body::Video(video) => {
                self.frames.clear();
                for inner in &video.tracks {
                    let key = Key { track: inner.track, ..key(Media::Video) };
                    if let Some(counter) = self.find(key, raw, limits) {
                        let inner_video = Video {
                            codec: inner.codec,
                            packet_type: video.packet_type,
                            frame_type: video.frame_type,
                            composition_time: inner.composition_time,
                            config: inner.config.clone(),
                            data_length: inner.data_length,
                            ..Video::default()
                        };
                        let marks =
                            pace::video(&inner_video, &counter.track, raw) | Marks::MULTITRACK;
                        counter.message(raw.timestamp, inner.data_length as u64);
                        counter.video(&inner_video, raw, inner.data_offset);
                        let mut frame =
                            counter.pace.frame(raw, inner.data_length as u32, marks, at);
                        counter.pace.composed(&mut frame, inner.composition_time);
                        self.framed(frame, direction, raw);
                        self.frames.push(self.frame);
                    }
                }
            }
            Body::Data(data) => {
                if let Some(counter) = self.find(key(Media::Data), raw, limits) {
                    counter.message(raw.timestamp, u64::from(raw.length));
                }
                self.metadata(key(Media::Data), data);
            }
            _ => {}
        }
    }

    /// The latest frame is this, of the track that was found last.
    #[inline]
    fn framed(&mut self, mut frame: Frame, direction: Direction, raw: &chunk::Message<'_>) {
        frame.track = self.last;
        let (stream, newest) = &mut self.newest[direction.index()];
        let behind = newest.wrapping_sub(raw.timestamp) as i32;
        // A track that goes back far begins anew, and the others will follow.
        let anew = frame.marks.has(Marks::BACK) && frame.step < -LATE;
        if *stream != raw.message_stream_id || behind < 0 || anew {
            (*stream, *newest) = (raw.message_stream_id, raw.timestamp);
        } else if frame.marks.has(Marks::CODED) {
            frame.behind = behind.unsigned_abs();
            if behind > LATE {
                frame.marks |= Marks::LATE;
            }
        }
        if frame.marks.has(Marks::SECOND) {
            self.second(frame.track);
        }
        self.frame = frame;
    }

    /// A second of a track is over: where it is the picture, the sound's distance from it is measured.
    #[cold]
    fn second(&mut self, index: usize) {
        let Some(video) = self.counters.get(index) else { return };
        if video.track.media != Media::Video {
            return;
        }
        let key = Key { media: Media::Audio, track: 0, ..video.key() };
        let audio = self.counters.iter().find(|counter| counter.key() == key);
        let Some(audio) = audio else { return };
        let sound = (audio.track.frames, audio.pace.coded);
        if let (Some(video), (frames, Some(sound))) = (self.counters.get_mut(index), sound) {
            video.sync.measure(frames, sound, video.pace.coded.unwrap_or(sound));
        }
    }

    /// The tracks, in order of appearance.
    pub(crate) fn all(&self) -> &[Counter] {
        &self.counters
    }

    /// The track of a frame.
    pub(crate) fn of(&self, frame: &Frame) -> Option<&Counter> {
        self.counters.get(frame.track)
    }

    /// Milliseconds by which the latest video of a frame's message stream is behind the latest audio; negative where it is
    /// ahead. Of several tracks the first counts.
    pub(crate) fn skew(&self, frame: &Frame) -> Option<i32> {
        let of = &self.of(frame)?.track;
        let latest = |media| {
            let mut same = self.counters.iter().filter(|counter| {
                let track = &counter.track;
                (track.direction, track.message_stream_id, track.media)
                    == (of.direction, of.message_stream_id, media)
            });
            same.find_map(|counter| counter.pace.coded)
        };
        let (audio, video) = (latest(Media::Audio)?, latest(Media::Video)?);
        Some(audio.wrapping_sub(video) as i32)
    }

    /// What the frames of a message are made of, one for each of its tracks. Sequence headers are learned from.
    #[cold]
    pub(super) fn bitstreams(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        video: &Video,
        limits: &Limits,
    ) -> Vec<Option<Bitstream>> {
        let whole = raw.payload.len() == raw.length as usize && raw.damaged.is_empty();
        let Some(packet) = video.packet_type.filter(|_| whole && video.command.is_none()) else {
            return Vec::new();
        };
        let one = (0, video.codec, raw.length as usize - video.data_length, video.data_length);
        let many = video.tracks.iter().map(|t| (t.track, t.codec, t.data_offset, t.data_length));
        let frames = Some(one).filter(|_| video.multitrack.is_none()).into_iter().chain(many);
        let mut found = Vec::new();
        for (track, codec, offset, length) in frames {
            let (media, message_stream_id) = (Media::Video, raw.message_stream_id);
            let key = Key { direction, message_stream_id, media, track };
            let mut unknown = Context::default();
            // Beyond the limit of tracks nothing is remembered.
            let context = match self.find(key, raw, limits) {
                Some(counter) => &mut counter.context,
                None => &mut unknown,
            };
            let format = codec.and_then(format);
            let data = raw.payload.get(offset..offset + length).unwrap_or_default();
            match (packet, format) {
                (VideoPacketType::SequenceStart, Some(format)) => context.learn(format, data),
                (packet, format) if is_coded(packet) => found.push(format.map(|format| {
                    let mut walked = Bitstream::walk(format, data, context, limits);
                    walked.fault = walked.fault.map(|fault| fault.rebased(offset));
                    walked
                })),
                _ => {}
            }
        }
        found
    }

    /// The counter with this key, made where there is none and the limit allows one more.
    #[inline]
    fn find(
        &mut self,
        key: Key,
        raw: &chunk::Message<'_>,
        limits: &Limits,
    ) -> Option<&mut Counter> {
        if self.counters.get(self.last).is_none_or(|counter| counter.key() != key) {
            self.last = match self.counters.iter().position(|counter| counter.key() == key) {
                Some(index) => index,
                None if self.counters.len() >= limits.tracks => {
                    self.crossed = true;
                    return None;
                }
                None => {
                    self.counters.push(Counter::new(key, raw.timestamp));
                    self.counters.len() - 1
                }
            };
        }
        self.counters.get_mut(self.last)
    }

    /// What `onMetaData` declares fills in what no configuration record said.
    fn metadata(&mut self, key: Key, data: &Data) {
        let Some(metadata) = data.metadata() else { return };
        let number = |name| metadata.get(name).and_then(Value::as_number).filter(|n| *n > 0.0);
        for counter in &mut self.counters {
            let track = &mut counter.track;
            if track.direction == key.direction
                && track.message_stream_id == key.message_stream_id
                && track.media == Media::Video
            {
                counter.size_declared |= track.width.is_none();
                track.width = track.width.or_else(|| number("width").map(|n| n as u32));
                track.height = track.height.or_else(|| number("height").map(|n| n as u32));
                counter.declared_rate = number("framerate").or_else(|| number("videoframerate"));
            }
        }
    }

    /// The finished tracks, in order of appearance.
    pub(super) fn finish(self) -> Vec<Track> {
        self.counters.into_iter().map(Counter::finish).collect()
    }
}

impl Counter {
    fn new(key: Key, timestamp: u32) -> Self {
        Self {
            track: Track {
                direction: key.direction,
                message_stream_id: key.message_stream_id,
                media: key.media,
                track: key.track,
                codec: None,
                width: None,
                height: None,
                frame_rate: None,
                sample_rate: None,
                channels: None,
                profile: None,
                level: None,
                messages: 0,
                bytes: 0,
                frames: 0,
                first_timestamp: timestamp,
                last_timestamp: timestamp,
                media_time: 0,
                keyframes: 0,
                keyframe_interval: None,
            },
            pace: Pace::default(),
            sync: Sync::default(),
            declared_rate: None,
            size_declared: false,
            nal_length_size: None,
            keyframe_at: None,
            intervals: (0.0, 0),
            described: None,
            context: Context::default(),
        }
    }

    const fn key(&self) -> Key {
        Key {
            direction: self.track.direction,
            message_stream_id: self.track.message_stream_id,
            media: self.track.media,
            track: self.track.track,
        }
    }

    #[inline]
    fn message(&mut self, timestamp: u32, bytes: u64) {
        let track = &mut self.track;
        track.messages += 1;
        track.bytes += bytes;
        // A step forward of less than half the circle is time passing; a step back is not.
        let step = timestamp.wrapping_sub(track.last_timestamp);
        if step < 1 << 31 {
            track.media_time += u64::from(step);
        }
        track.last_timestamp = timestamp;
    }

    #[inline]
    fn audio(&mut self, audio: &Audio) {
        let track = &mut self.track;
        if let Some(codec) = audio.codec {
            track.codec = Some(Codec::Audio(codec));
        }
        if matches!(audio.packet_type, Some(AudioPacketType::CodedFrames | AudioPacketType::Raw)) {
            track.frames += 1;
        }
        if track.sample_rate.is_none() && audio.packet_type == Some(AudioPacketType::Raw) {
            track.sample_rate = audio.sample_rate;
            track.channels = audio.channels;
        }
        if let Some(config) = audio.config.as_deref() {
            let AudioConfig { profile, sample_rate, channels, .. } = *config;
            track.profile = profile;
            track.sample_rate = sample_rate;
            track.channels = channels;
        }
    }

    /// What a frame says of itself that is not what the one before said.
    #[cold]
    fn describe(
        &mut self,
        codec: AudioCodec,
        channels: Option<u8>,
        frame: &[u8],
    ) -> Option<Box<AudioConfig>> {
        let (config, fault) = match codec {
            AudioCodec::Mp3 | AudioCodec::Mp38k => mpeg_audio::decode(frame),
            AudioCodec::Ac3 | AudioCodec::Eac3 => ac3::decode(frame),
            codec => {
                let sample_rate = codec.fixed_rate();
                (AudioConfig { sample_rate, channels, ..AudioConfig::default() }, None)
            }
        };
        let says = Some((config.sample_rate, config.channels));
        if fault.is_some() || self.described == says {
            return None;
        }
        self.described = says;
        Some(Box::new(config))
    }

    /// Counts a video message whose data begins at `offset`.
    #[inline]
    fn video(&mut self, video: &Video, raw: &chunk::Message<'_>, offset: usize) {
        let track = &mut self.track;
        // A command frame carries no picture, and its codec means nothing.
        if let Some(codec) = video.codec.filter(|_| video.command.is_none()) {
            track.codec = Some(Codec::Video(codec));
        }
        let coded = video.packet_type.is_some_and(is_coded);
        if coded && video.frame_type != Some(FrameType::Command) {
            track.frames += 1;
            if video.frame_type == Some(FrameType::Key) {
                self.keyframe(video.codec, data(raw, offset));
            }
        }
        if let Some(config) = video.config.as_deref() {
            let VideoConfig { profile, level, width, height, frame_rate, .. } = *config;
            self.nal_length_size = config.nal_length_size;
            let track = &mut self.track;
            (track.profile, track.level, track.frame_rate) = (profile, level, frame_rate);
            (track.width, track.height) = (width.or(track.width), height.or(track.height));
            self.size_declared &= width.is_none();
        }
    }

    #[cold]
    fn keyframe(&mut self, codec: Option<VideoCodec>, frame: &[u8]) {
        self.track.keyframes += 1;
        if matches!(codec, Some(VideoCodec::Hevc | VideoCodec::Vvc)) {
            self.pace.leading = pace::LEADING;
        }
        if self.track.width.is_none() || self.size_declared {
            let (picture, _) = match codec {
                Some(VideoCodec::Vp8) => picture::vp8(frame),
                Some(VideoCodec::Vp9) => picture::vp9(frame),
                Some(VideoCodec::H263) => picture::h263(frame),
                Some(VideoCodec::ScreenVideo | VideoCodec::ScreenVideo2) => {
                    picture::screen_video(frame)
                }
                Some(VideoCodec::Vp6) => picture::vp6(frame, false),
                Some(VideoCodec::Vp6Alpha) => picture::vp6(frame, true),
                _ => Default::default(),
            };
            if picture.width.is_some() {
                self.size_declared = false;
                (self.track.width, self.track.height) = (picture.width, picture.height);
            }
        }
        let now = self.track.media_time;
        if let Some(before) = self.keyframe_at.replace(now) {
            let seconds = (now - before) as f64 / 1000.0;
            self.intervals.0 += seconds;
            self.intervals.1 += 1;
            let mean = self.intervals.0 / self.intervals.1 as f64;
            let (min, max) =
                self.track.keyframe_interval.map_or((seconds, seconds), |i| (i.min, i.max));
            self.track.keyframe_interval =
                Some(Interval { min: min.min(seconds), mean, max: max.max(seconds) });
        }
    }

    fn finish(self) -> Track {
        let mut track = self.track;
        if track.media == Media::Video
            && track.frame_rate.is_none()
            && track.frames > 1
            && track.media_time > 0
        {
            let rate = (track.frames - 1) as f64 * 1000.0 / track.media_time as f64;
            // Less is a step of the timestamps and no rate.
            track.frame_rate = Some(rate).filter(|rate| *rate >= 0.01);
        }
        track
    }
}

/// The kept bytes of a message from `offset` on.
fn data<'a>(raw: &chunk::Message<'a>, offset: usize) -> &'a [u8] {
    raw.payload.get(offset..).unwrap_or_default()
}

/// Whether a packet is a frame.
pub(super) const fn is_coded(packet: VideoPacketType) -> bool {
    use VideoPacketType::{CodedFrames, CodedFramesX, Raw};
    matches!(packet, CodedFrames | CodedFramesX | Raw)
}

/// The codec of a frame of audio that has no configuration record, but of which rate or more can be told.
#[inline]
fn own_description(
    codec: Option<AudioCodec>,
    packet: Option<AudioPacketType>,
) -> Option<AudioCodec> {
    let coded = matches!(packet, Some(AudioPacketType::CodedFrames | AudioPacketType::Raw));
    codec.filter(|codec| coded && (codec.describes_itself() || codec.fixed_rate().is_some()))
}

/// How the frames of a codec are walked, unless they cannot be.
const fn format(codec: VideoCodec) -> Option<Format> {
    Some(match codec {
        VideoCodec::Avc => Format::Avc,
        VideoCodec::Hevc => Format::Hevc,
        VideoCodec::Vvc => Format::Vvc,
        VideoCodec::Av1 => Format::Av1,
        VideoCodec::Vp8 => Format::Vp8,
        VideoCodec::Vp9 => Format::Vp9,
        VideoCodec::H263 => Format::H263,
        VideoCodec::ScreenVideo | VideoCodec::ScreenVideo2 => Format::ScreenVideo,
        VideoCodec::Vp6 => Format::Vp6,
        VideoCodec::Vp6Alpha => Format::Vp6Alpha,
        VideoCodec::Number(_) | VideoCodec::FourCc(_) => return None,
    })
}
