//! Counters of each media track: what the summary says of it.

use super::declared::Declared;
use super::groups::Groups;
use super::pace::{self, Frame, LATE, Marks, Pace};
use super::record::{Codec, Measured, Media, Track};
use super::sync::Sync;
use crate::Limits;
use crate::proto::Direction;
use crate::proto::bitstream::{Bitstream, Context, Format};
use crate::proto::chunk;
use crate::proto::codec::{AudioConfig, VideoConfig, ac3, mpeg_audio, picture};
use crate::proto::message::{
    Audio, AudioCodec, AudioPacketType, Body, Data, Video, VideoCodec, VideoPacketType,
};

/// The tracks of one connection.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    counters: Vec<Counter>,
    /// The one counted last.
    last: usize,
    /// The same of each kind: sound and pictures take turns, and a counter that is not meant is mostly in no cache.
    latest: [usize; 3],
    /// Whether a message was not counted.
    pub(super) crossed: bool,
    /// What the latest message was.
    pub(super) frame: Frame,
    /// The same for each track of a message with several.
    pub(super) frames: Vec<Frame>,
    /// The latest time of each direction's media, and its message stream: tracks are to come interleaved.
    newest: [(u32, u32); 2],
    /// How often something was lost of each direction.
    broken: [u32; 2],
    /// What metadata declares. There is no more of it than tracks are allowed.
    declared: Vec<(Key, Declared)>,
}

/// One track with what is needed to go on counting.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) track: Track,
    /// The pace of its frames.
    pub(crate) pace: Pace,
    /// How far the sound is from the picture, of a track of pictures.
    pub(crate) sync: Sync,
    /// Its key frames, of a track of pictures.
    pub(crate) groups: Groups,
    /// Bytes of the length before each NAL unit, as the latest configuration record said it.
    pub(crate) nal_length_size: Option<u8>,
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
    /// Something was lost of a direction: what spans it is not known.
    pub(super) const fn lost(&mut self, direction: Direction) {
        self.broken[direction.index()] = self.broken[direction.index()].wrapping_add(1);
    }

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
                if self.find(key(Media::Audio), raw, limits) {
                    let data = (raw.length as usize - audio.data_length, raw.length);
                    let described = self.audio(audio, direction, data, raw, at, Marks::default());
                    if described.is_some() {
                        audio.config = described;
                    }
                }
            }
            Body::Video(video) if video.tracks.is_empty() => {
                self.frame.marks = Marks::default();
                if self.find(key(Media::Video), raw, limits) {
                    let data = (raw.length as usize - video.data_length, raw.length);
                    self.video(video, direction, data, raw, at, Marks::default());
                }
            }
            Body::Audio(audio) => {
                self.frames.clear();
                for inner in &mut audio.tracks {
                    if self.find(Key { track: inner.track, ..key(Media::Audio) }, raw, limits) {
                        let parts = Audio {
                            codec: inner.codec,
                            packet_type: audio.packet_type,
                            config: inner.config.clone(),
                            data_length: inner.data_length,
                            ..Audio::EMPTY
                        };
                        let data = (inner.data_offset, inner.data_length as u32);
                        let described =
                            self.audio(&parts, direction, data, raw, at, Marks::MULTITRACK);
                        if described.is_some() {
                            inner.config = described;
                        }
                        self.frames.push(self.frame);
                    }
                }
            }
            Body::Video(video) => {
                self.frames.clear();
                for inner in &video.tracks {
                    if self.find(Key { track: inner.track, ..key(Media::Video) }, raw, limits) {
                        let parts = Video {
                            codec: inner.codec,
                            packet_type: video.packet_type,
                            frame_type: video.frame_type,
                            composition_time: inner.composition_time,
                            config: inner.config.clone(),
                            data_length: inner.data_length,
                            ..Video::default()
                        };
                        let data = (inner.data_offset, inner.data_length as u32);
                        self.video(&parts, direction, data, raw, at, Marks::MULTITRACK);
                        self.frames.push(self.frame);
                    }
                }
            }
            Body::Data(data) => {
                let key = key(Media::Data);
                if self.find(key, raw, limits) {
                    if let Some(counter) = self.counters.get_mut(self.last) {
                        let step = raw.timestamp.wrapping_sub(counter.track.last_timestamp);
                        counter.track.media_time += pace::forward(step as i32);
                        counter.message(raw.timestamp, u64::from(raw.length));
                    }
                    self.metadata(key, data, limits);
                }
            }
            _ => {}
        }
    }

    /// Counts audio of the track that was found last. `data`: where its data begins in the payload, and the bytes that
    /// count. Gives what a frame says of itself that is not what the one before said.
    #[inline(always)] // of several tracks it is a call less too
    fn audio(
        &mut self,
        audio: &Audio,
        direction: Direction,
        data: (usize, u32),
        raw: &chunk::Message<'_>,
        at: Option<i64>,
        of: Marks,
    ) -> Option<Box<AudioConfig>> {
        let (offset, length) = data;
        let broken = self.broken[direction.index()];
        let counter = self.counters.get_mut(self.last)?;
        let marks = pace::audio(audio, &counter.track, raw) | of;
        counter.message(raw.timestamp, u64::from(length));
        let described = match own_description(audio.codec, audio.packet_type) {
            Some(codec) => counter.describe(codec, audio.channels, from(raw, offset)),
            None => None,
        };
        counter.audio(audio, described.as_deref().or(audio.config.as_deref()), marks);
        counter.pace.frame(&mut self.frame, raw, length, marks, at, broken);
        self.framed(direction, raw);
        described
    }

    /// The same of video.
    #[inline]
    fn video(
        &mut self,
        video: &Video,
        direction: Direction,
        data: (usize, u32),
        raw: &chunk::Message<'_>,
        at: Option<i64>,
        of: Marks,
    ) {
        let (offset, length) = data;
        let broken = self.broken[direction.index()];
        let Some(counter) = self.counters.get_mut(self.last) else { return };
        let marks = pace::video(video, &counter.track, raw) | of;
        counter.message(raw.timestamp, u64::from(length));
        counter.video(video, marks);
        counter.pace.frame(&mut self.frame, raw, length, marks, at, broken);
        counter.pace.composed(&mut self.frame, video.composition_time);
        if self.frame.marks.has(Marks::KEY.and(Marks::BACK)) || counter.track.frames == 1 {
            counter.group(&self.frame);
            if marks.has(Marks::KEY) {
                counter.keyframe(video.codec, from(raw, offset));
            }
        }
        self.framed(direction, raw);
    }

    /// The latest frame is of the track that was found last.
    #[inline]
    fn framed(&mut self, direction: Direction, raw: &chunk::Message<'_>) {
        let frame = &mut self.frame;
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
            self.second();
        }
    }

    /// A second of the latest frame's track is over: where it is the picture, the sound's distance from it is measured.
    #[cold]
    fn second(&mut self) {
        let Some(of) = self.of(&self.frame) else { return };
        let sounds = self.beside(&of.track, Media::Audio).map(|sound| sound.track.frames);
        let skew = self.skew(&self.frame);
        if let (Some(sounds), Some(skew)) = (sounds, skew)
            && let Some(counter) = self.counters.get_mut(self.last)
            && counter.track.media == Media::Video
        {
            counter.sync.measure(sounds, skew, counter.pace.clock);
        }
    }

    /// The direction in which media came first: what is published, or played.
    pub(super) fn direction(&self) -> Option<Direction> {
        let mut coded = self.counters.iter().filter(|counter| counter.pace.coded.is_some());
        coded.next().map(|counter| counter.track.direction)
    }

    /// The tracks, in order of appearance.
    pub(crate) fn all(&self) -> &[Counter] {
        &self.counters
    }

    /// The track of a frame.
    pub(crate) fn of(&self, frame: &Frame) -> Option<&Counter> {
        self.counters.get(frame.track)
    }

    /// Milliseconds by which the video of a frame's message stream is behind its audio: by the latest frames of both, of
    /// several tracks those of the frame's or the first one. Negative where it is ahead.
    pub(crate) fn skew(&self, frame: &Frame) -> Option<i32> {
        self.skew_of(self.of(frame)?)
    }

    /// The same of a track.
    pub(super) fn skew_of(&self, this: &Counter) -> Option<i32> {
        let latest = |media| match this.track.media == media {
            true => this.pace.coded,
            false => self.beside(&this.track, media)?.pace.coded,
        };
        Some(latest(Media::Audio)?.wrapping_sub(latest(Media::Video)?) as i32)
    }

    /// The first track of this kind beside another one, of which a frame has come.
    fn beside(&self, track: &Track, media: Media) -> Option<&Counter> {
        self.counters.iter().find(|counter| {
            counter.track.direction == track.direction
                && counter.track.message_stream_id == track.message_stream_id
                && counter.track.media == media
                && counter.pace.coded.is_some()
        })
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
            let found_it = self.find(key, raw, limits);
            let counter = self.counters.get_mut(self.last).filter(|_| found_it);
            let context = counter.map_or(&mut unknown, |counter| &mut counter.context);
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

    /// Finds the counter with this key, made where there is none and the limit allows one more: it is the last one then.
    #[inline]
    fn find(&mut self, key: Key, raw: &chunk::Message<'_>, limits: &Limits) -> bool {
        let latest = self.latest[key.media as usize];
        let found = self.counters.get(latest).is_some_and(|counter| counter.key() == key);
        if found {
            self.last = latest;
        }
        found || self.find_other(key, raw, limits)
    }

    fn find_other(&mut self, key: Key, raw: &chunk::Message<'_>, limits: &Limits) -> bool {
        self.last = match self.counters.iter().position(|counter| counter.key() == key) {
            Some(index) => index,
            None if self.counters.len() >= limits.tracks => {
                self.crossed = true;
                return false;
            }
            None => {
                self.counters.push(Counter::new(key, raw.timestamp));
                self.counters.len() - 1
            }
        };
        self.latest[key.media as usize] = self.last;
        true
    }

    /// What `onMetaData` declares of the tracks of its message stream.
    #[cold]
    fn metadata(&mut self, of: Key, data: &Data, limits: &Limits) {
        let Some(metadata) = data.metadata() else { return };
        for (media, track, declared) in Declared::all(metadata) {
            let key = Key { media, track, ..of };
            if let Some((_, before)) = self.declared.iter_mut().find(|(of, _)| *of == key) {
                *before = declared.or(*before);
            } else if declared != Declared::default() && self.declared.len() < limits.tracks {
                self.declared.push((key, declared));
            }
        }
    }

    /// The tracks as they are now, in order of appearance.
    pub(super) fn told(&self) -> Vec<Track> {
        let told = self.counters.iter().map(|counter| {
            let declared = self.declared.iter().find(|(key, _)| *key == counter.key());
            counter.told(declared.map_or_else(Declared::default, |(_, declared)| *declared))
        });
        told.collect()
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
                measured: Measured::default(),
            },
            pace: Pace::default(),
            sync: Sync::default(),
            groups: Groups::default(),
            nal_length_size: None,
            described: None,
            context: Context::default(),
        }
    }

    /// Milliseconds since the latest key frame, or else since the first frame, and which of both. `None` where something
    /// is lost since, or the time has stepped back.
    pub(crate) fn open_group(&self) -> Option<(u32, bool)> {
        self.groups.open(self.pace.coded?, self.pace.breaks)
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
        track.last_timestamp = timestamp;
    }

    #[inline]
    fn audio(&mut self, audio: &Audio, config: Option<&AudioConfig>, marks: Marks) {
        let track = &mut self.track;
        track.frames += u64::from(marks.has(Marks::CODED));
        if marks.has(Marks::CODEC) {
            track.codec = audio.codec.map(Codec::Audio);
        }
        if track.sample_rate.is_none() && audio.packet_type == Some(AudioPacketType::Raw) {
            track.sample_rate = audio.sample_rate;
            track.channels = audio.channels;
        }
        if let Some(config) = config {
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

    #[inline]
    fn video(&mut self, video: &Video, marks: Marks) {
        let track = &mut self.track;
        track.frames += u64::from(marks.has(Marks::CODED));
        // A command frame carries no picture, and its codec means nothing: it is not marked.
        if marks.has(Marks::CODEC) {
            track.codec = video.codec.map(Codec::Video);
        }
        if let Some(config) = video.config.as_deref() {
            let VideoConfig { profile, level, width, height, frame_rate, .. } = *config;
            self.nal_length_size = config.nal_length_size;
            (track.profile, track.level, track.frame_rate) = (profile, level, frame_rate);
            (track.width, track.height) = (width.or(track.width), height.or(track.height));
        }
    }

    /// A key frame, the first frame, or one with which the time steps back.
    #[cold]
    fn group(&mut self, frame: &Frame) {
        let Frame { marks, timestamp, .. } = *frame;
        let (back, breaks) = (marks.has(Marks::BACK), self.pace.breaks);
        if marks.has(Marks::KEY) {
            self.groups.key(timestamp, self.track.frames, breaks, back);
        } else if back {
            self.groups.stepped();
        } else if marks.has(Marks::CODED) {
            self.groups.first(timestamp, breaks);
        }
    }

    #[cold]
    fn keyframe(&mut self, codec: Option<VideoCodec>, frame: &[u8]) {
        self.track.keyframes += 1;
        if matches!(codec, Some(VideoCodec::Hevc | VideoCodec::Vvc)) {
            self.pace.leading = pace::LEADING;
        }
        if self.track.width.is_none() {
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
            (self.track.width, self.track.height) = (picture.width, picture.height);
        }
    }

    /// The track as it is now, with what metadata declares of it.
    fn told(&self, declared: Declared) -> Track {
        let mut track = self.track.clone();
        if track.media != Media::Data {
            track.media_time = self.pace.media_time();
        }
        let measured = &mut track.measured;
        self.pace.tell(measured);
        measured.bitstream_frame_rate = track.frame_rate;
        measured.metadata_frame_rate = declared.frame_rate;
        measured.metadata_bitrate = declared.bitrate;
        if track.media == Media::Video {
            measured.frame_rate = self.pace.frame_rate(track.frames);
            measured.keyframe_interval = self.groups.frames();
            measured.av_skew = self.sync.spread;
            measured.av_drift = self.sync.per_minute();
            track.keyframe_interval = self.groups.interval();
            track.frame_rate = track.frame_rate.or(measured.frame_rate);
            track.width = track.width.or(declared.width);
            track.height = track.height.or(declared.height);
        }
        track
    }
}

/// The kept bytes of a message from `offset` on.
fn from<'a>(raw: &chunk::Message<'a>, offset: usize) -> &'a [u8] {
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
