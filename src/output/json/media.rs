//! Audio and video as JSON: headers, tracks, configurations.

use super::super::amf_json::{self, Context};
use super::super::digits::push_digits;
use super::super::payload;
use super::bitstream::write_bitstream;
use super::line::{Line, key, number, text};
use crate::Limits;
use crate::proto::amf::Value;
use crate::proto::bitstream::Bitstream;
use crate::proto::codec::{AudioConfig, VideoConfig, colour};
use crate::proto::message::{Audio, AudioCodec, ModEx, Multichannel, Video, VideoCodec};

#[inline]
pub(super) fn write_audio(line: &mut Line<'_>, audio: &Audio) {
    line.open();
    if let Some(codec) = audio.codec {
        write_audio_codec(line, codec);
    }
    if audio.enhanced || audio.codec.is_some() {
        line.raw(if audio.enhanced { b"\"enhanced\":true," } else { b"\"enhanced\":false," });
    }
    if let Some(packet_type) = audio.packet_type {
        line.named("packet_type", packet_type.as_str(), packet_type.number());
    }
    if let (Some(rate), Some(size), Some(channels)) =
        (audio.sample_rate, audio.sample_size, audio.channels)
    {
        number!(line, "sample_rate", rate);
        number!(line, "sample_size", size);
        number!(line, "channels", channels);
    }
    if let Some(config) = &audio.config {
        write_audio_config(line, config);
    }
    if let Some(layout) = &audio.multichannel {
        write_multichannel(line, layout);
    }
    number!(line, "data_length", audio.data_length as u64);
    write_mod_ex(line, &audio.mod_ex);
    if let Some(multitrack) = audio.multitrack {
        text!(line, "multitrack", multitrack.as_str());
        line.key("tracks");
        line.list(&audio.tracks, |line, track| {
            line.open();
            number!(line, "track", track.track);
            if let Some(codec) = track.codec {
                write_audio_codec(line, codec);
            }
            if let Some(config) = &track.config {
                write_audio_config(line, config);
            }
            if let Some(layout) = &track.multichannel {
                write_multichannel(line, layout);
            }
            number!(line, "data_length", track.data_length as u64);
            line.close();
        });
    }
    line.shut();
}

/// A video object. `bitstreams` are what its frames are made of, one for each track.
#[inline]
pub(super) fn write_video(
    line: &mut Line<'_>,
    video: &Video,
    bitstreams: &[Option<Bitstream>],
    limits: &Limits,
) {
    line.open();
    if let Some(codec) = video.codec {
        write_video_codec(line, codec);
    }
    if video.enhanced || video.frame_type.is_some() {
        line.raw(if video.enhanced { b"\"enhanced\":true," } else { b"\"enhanced\":false," });
    }
    if let Some(frame_type) = video.frame_type {
        line.named("frame_type", frame_type.as_str(), frame_type.number());
    }
    if let Some(command) = video.command {
        line.named("command", command.as_str(), command.number());
    } else if let Some(packet_type) = video.packet_type {
        line.named("packet_type", packet_type.as_str(), packet_type.number());
    }
    if let Some(time) = video.composition_time {
        line.signed("composition_time", i64::from(time));
    }
    if let Some(config) = &video.config {
        write_video_config(line, config);
    }
    if let Some(metadata) = &video.metadata {
        write_video_metadata(line, metadata, limits);
    }
    number!(line, "data_length", video.data_length as u64);
    write_mod_ex(line, &video.mod_ex);
    if video.multitrack.is_none()
        && let Some(Some(bitstream)) = bitstreams.first()
    {
        write_bitstream(line, bitstream);
    }
    if let Some(multitrack) = video.multitrack {
        text!(line, "multitrack", multitrack.as_str());
        line.key("tracks");
        let mut bitstreams = bitstreams.iter();
        line.list(&video.tracks, |line, track| {
            line.open();
            number!(line, "track", track.track);
            if let Some(codec) = track.codec {
                write_video_codec(line, codec);
            }
            if let Some(time) = track.composition_time {
                line.signed("composition_time", i64::from(time));
            }
            if let Some(config) = &track.config {
                write_video_config(line, config);
            }
            if let Some(metadata) = &track.metadata {
                write_video_metadata(line, metadata, limits);
            }
            number!(line, "data_length", track.data_length as u64);
            if let Some(Some(bitstream)) = bitstreams.next() {
                write_bitstream(line, bitstream);
            }
            line.close();
        });
    }
    line.shut();
}

#[inline]
pub(super) fn write_audio_codec(line: &mut Line<'_>, codec: AudioCodec) {
    match (codec.as_str(), codec) {
        (Some(name), _) => line.text("codec", name),
        (None, AudioCodec::Number(number)) => line.number("codec", u64::from(number)),
        _ => line.display("codec", &codec),
    }
}

#[inline]
pub(super) fn write_video_codec(line: &mut Line<'_>, codec: VideoCodec) {
    match (codec.as_str(), codec) {
        (Some(name), _) => line.text("codec", name),
        (None, VideoCodec::Number(number)) => line.number("codec", u64::from(number)),
        _ => line.display("codec", &codec),
    }
}

pub(super) fn write_mod_ex(line: &mut Line<'_>, chain: &[ModEx]) {
    if chain.is_empty() {
        return;
    }
    line.key("mod_ex");
    line.list(chain, |line, item| {
        line.open();
        line.named("type", item.as_str(), item.number());
        match item {
            ModEx::TimestampOffsetNano { nanoseconds } => {
                line.number("nanoseconds", u64::from(*nanoseconds))
            }
            ModEx::Other { data, .. } => {
                line.raw(b"\"data\":\"");
                payload::write_json(line.0, data, payload::Form::Hex, &[]);
                line.raw(b"\",");
            }
        }
        line.close();
    });
}

pub(super) fn write_multichannel(line: &mut Line<'_>, layout: &Multichannel) {
    line.key("multichannel");
    line.open();
    line.named("channel_order", layout.channel_order.as_str(), layout.channel_order.number());
    line.number("channel_count", u64::from(layout.channel_count));
    if !layout.channel_mapping.is_empty() {
        line.key("channel_mapping");
        line.list(&layout.channel_mapping, |line, channel| {
            push_digits(line.0, u64::from(*channel))
        });
    }
    line.maybe("channel_flags", layout.channel_flags);
    line.shut();
}

#[cold]
fn write_video_metadata(line: &mut Line<'_>, metadata: &Value, limits: &Limits) {
    key!(line, "metadata");
    let mut context = Context::of(core::slice::from_ref(metadata), limits);
    amf_json::write_value(line.0, metadata, &mut context);
    line.raw(b",");
}

#[cold]
pub(super) fn write_video_config(line: &mut Line<'_>, config: &VideoConfig) {
    line.key("config");
    line.open();
    if let Some(profile) = config.profile {
        line.string("profile", profile);
    }
    line.maybe("profile_idc", config.profile_idc);
    if let Some(level) = config.level {
        line.display("level", &level);
    }
    line.maybe("width", config.width);
    line.maybe("height", config.height);
    line.real("frame_rate", config.frame_rate);
    if let Some(chroma) = config.chroma {
        line.string("chroma", chroma);
    }
    line.maybe("bit_depth", config.bit_depth);
    if let Some(interlaced) = config.interlaced {
        line.boolean("interlaced", interlaced);
    }
    line.maybe("reference_frames", config.reference_frames);
    line.maybe("nal_length_size", config.nal_length_size);
    line.maybe("vps_count", config.vps_count);
    line.maybe("sps_count", config.sps_count);
    line.maybe("pps_count", config.pps_count);
    for (name, number, called) in [
        ("color_primaries", config.color_primaries, colour::primaries as fn(u8) -> _),
        ("transfer", config.transfer, colour::transfer),
        ("matrix", config.matrix, colour::matrix),
    ] {
        if let Some(number) = number {
            line.named(name, called(number), number);
        }
    }
    if let Some(full) = config.full_range {
        line.boolean("full_range", full);
    }
    line.shut();
}

#[cold]
pub(super) fn write_audio_config(line: &mut Line<'_>, config: &AudioConfig) {
    line.key("config");
    line.open();
    if let Some(profile) = config.profile {
        line.string("profile", profile);
    }
    line.maybe("object_type", config.object_type);
    line.maybe("sample_rate", config.sample_rate);
    line.maybe("input_sample_rate", config.input_sample_rate);
    line.maybe("channels", config.channels);
    for (name, value) in [("sbr", config.sbr), ("ps", config.ps)] {
        if let Some(value) = value {
            line.boolean(name, value);
        }
    }
    line.maybe("bit_depth", config.bit_depth);
    line.maybe("bit_rate", config.bit_rate);
    line.maybe("frame_samples", config.frame_samples);
    line.maybe("pre_skip", config.pre_skip);
    if let Some(signature) = config.signature {
        line.boolean("signature", signature);
    }
    line.shut();
}
