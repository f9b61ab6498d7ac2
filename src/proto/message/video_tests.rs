use proptest::prelude::*;

use super::super::media::ModEx;
use super::*;

use FrameType as F;
use VideoCodec as C;
use VideoPacketType as P;

fn decode(head: &[u8], length: usize) -> (Video, Option<Fault>) {
    let mut video = Video::default();
    let fault = super::decode(head, length, &Limits::default(), &mut video);
    (video, fault)
}

fn frame(codec: C, frame_type: F, packet_type: P, composition_time: Option<i32>) -> Video {
    Video {
        codec: Some(codec),
        frame_type: Some(frame_type),
        packet_type: Some(packet_type),
        composition_time,
        ..Video::default()
    }
}

fn ex(codec: C, frame_type: F, packet_type: P, composition_time: Option<i32>) -> Video {
    Video { enhanced: true, ..frame(codec, frame_type, packet_type, composition_time) }
}

/// Headers without their data, and what they say.
fn rows() -> Vec<(&'static [u8], Video)> {
    vec![
        (&[0x17, 1, 0, 0, 80], frame(C::Avc, F::Key, P::CodedFrames, Some(80))),
        (&[0x27, 1, 0xff, 0xff, 0xb0], frame(C::Avc, F::Inter, P::CodedFrames, Some(-80))),
        (&[0x17, 2, 0, 0, 0], frame(C::Avc, F::Key, P::SequenceEnd, Some(0))),
        (&[0x17, 3, 0, 0, 0], frame(C::Avc, F::Key, P::Other(3), Some(0))),
        (&[0x1c, 1, 0, 0, 1], frame(C::Hevc, F::Key, P::CodedFrames, Some(1))),
        (&[0x12], frame(C::H263, F::Key, P::Raw, None)),
        (&[0x32], frame(C::H263, F::DisposableInter, P::Raw, None)),
        (&[0x43], frame(C::ScreenVideo, F::GeneratedKey, P::Raw, None)),
        (&[0x24], frame(C::Vp6, F::Inter, P::Raw, None)),
        (&[0x25], frame(C::Vp6Alpha, F::Inter, P::Raw, None)),
        (&[0x26], frame(C::ScreenVideo2, F::Inter, P::Raw, None)),
        (&[0x1d, 1, 0, 0, 0], frame(C::Av1, F::Key, P::CodedFrames, Some(0))),
        (&[0x2e, 1, 0, 0, 0], frame(C::Vp8, F::Inter, P::CodedFrames, Some(0))),
        (&[0x2f, 2, 0, 0, 0], frame(C::Vp9, F::Inter, P::SequenceEnd, Some(0))),
        (&[0x0b], frame(C::Number(11), F::Other(0), P::Raw, None)),
        (b"\x91avc1\0\0\x28", ex(C::Avc, F::Key, P::CodedFrames, Some(40))),
        (b"\xa1hvc1\xff\xff\xff", ex(C::Hevc, F::Inter, P::CodedFrames, Some(-1))),
        (b"\xa3hvc1", ex(C::Hevc, F::Inter, P::CodedFramesX, None)),
        (b"\x91vvc1\0\0\x01", ex(C::Vvc, F::Key, P::CodedFrames, Some(1))),
        (b"\x91av01", ex(C::Av1, F::Key, P::CodedFrames, None)),
        (b"\x91vp09", ex(C::Vp9, F::Key, P::CodedFrames, None)),
        (b"\x91vp08", ex(C::Vp8, F::Key, P::CodedFrames, None)),
        (b"\x92hvc1", ex(C::Hevc, F::Key, P::SequenceEnd, None)),
        (b"\x98abcd", ex(C::FourCc(FourCc(*b"abcd")), F::Key, P::Other(8), None)),
        (
            b"\x97\x02\x0f\x42\x3f\x01avc1\0\0\0",
            Video {
                mod_ex: vec![ModEx::TimestampOffsetNano { nanoseconds: 999_999 }].into(),
                ..ex(C::Avc, F::Key, P::CodedFrames, Some(0))
            },
        ),
    ]
}

#[test]
fn headers_there_and_back() {
    for (bytes, mut video) in rows() {
        let mut out = Vec::new();
        assert!(video.encode_header(&mut out));
        assert_eq!(out, bytes);
        for data in [0, 1, 5000] {
            let mut payload = bytes.to_vec();
            payload.resize(bytes.len() + data, 0x55);
            video.data_length = data;
            let head = payload.len().min(64);
            assert_eq!(
                decode(&payload[..head], payload.len()),
                (video.clone(), None),
                "{bytes:02x?}"
            );
            assert!(!wants_whole(&payload[..head]), "{bytes:02x?}");
        }
    }
}

#[test]
fn every_truncation_keeps_what_is_there() {
    for (bytes, video) in rows() {
        for cut in 1..bytes.len() {
            let (part, fault) = decode(&bytes[..cut], cut);
            assert!(fault.is_some_and(|f| f.offset <= cut), "{bytes:02x?} cut at {cut}");
            assert_eq!((part.enhanced, part.frame_type), (video.enhanced, video.frame_type));
            assert_eq!(part.composition_time, None);
        }
    }
}

#[test]
fn an_empty_message_is_no_fault() {
    assert_eq!(decode(&[], 0), (Video::default(), None));
    let mut out = Vec::new();
    assert!(Video::default().encode_header(&mut out) && out.is_empty());
}

#[test]
fn command_frames_have_a_command_and_no_packet_type() {
    for (bytes, command) in [
        (&[0x57, 0][..], VideoCommand::StartSeek),
        (&[0x57, 1], VideoCommand::EndSeek),
        (&[0x57, 0, 0, 0, 0, 1], VideoCommand::EndSeek),
        (&[0x52, 1], VideoCommand::EndSeek),
        (&[0xd1, 7], VideoCommand::Other(7)),
    ] {
        let (video, fault) = decode(bytes, bytes.len());
        assert_eq!(
            (video.frame_type, video.command),
            (Some(F::Command), Some(command)),
            "{bytes:02x?}"
        );
        assert_eq!((video.packet_type, video.data_length, fault), (None, 0, None), "{bytes:02x?}");
        if bytes.len() == 2 {
            let mut out = Vec::new();
            assert!(video.encode_header(&mut out));
            assert_eq!(out, bytes);
        }
    }
    assert_eq!(decode(&[0x57], 1).1, Some(Fault::short(1, "video command", 1, 0)));
}

/// `colorInfo` with a bit depth, and one that is undone.
const COLOR_INFO: &[u8] =
    b"\x02\0\x09colorInfo\x03\0\x0bcolorConfig\x03\0\x08bitDepth\0\x40\x24\0\0\0\0\0\0\
                            \0\0\x09\0\0\x09\x02\0\x09colorInfo\x06";

#[test]
fn metadata_has_no_frame_type_whatever_its_bits_say() {
    for first in [0xd4, 0x94] {
        let payload = [&[first], &b"hvc1"[..], COLOR_INFO].concat();
        let (video, fault) = decode(&payload, payload.len());
        assert_eq!((video.frame_type, video.packet_type), (None, Some(P::Metadata)));
        assert_eq!((video.command, video.data_length, fault), (None, COLOR_INFO.len(), None));
        let Some(Value::Object(entries)) = video.metadata.as_deref() else { panic!("an object") };
        let [(first_name, info), (name, undone)] = &entries[..] else { panic!("two entries") };
        assert_eq!((first_name.as_str(), name.as_str()), (Some("colorInfo"), Some("colorInfo")));
        let depth = info.get("colorConfig").and_then(|config| config.get("bitDepth"));
        assert_eq!(depth.and_then(Value::as_number), Some(10.0));
        assert_eq!(*undone, Value::Undefined);
        let mut out = Vec::new();
        assert!(video.encode_header(&mut out));
        assert_eq!(out, b"\xd4hvc1");
        assert!(wants_whole(&payload));
        assert_eq!(decode(&payload[..9], payload.len()).0.metadata, None, "not kept");
    }
}

#[test]
fn metadata_cut_anywhere_keeps_what_was_there() {
    let payload = [&b"\xd4hvc1"[..], COLOR_INFO].concat();
    let second = payload.len() - 13;
    for cut in 5..payload.len() {
        let (video, fault) = decode(&payload[..cut], cut);
        assert_eq!(fault.is_none(), cut == 5 || cut == second, "cut at {cut}");
        assert!(fault.is_none_or(|f| f.offset <= cut));
        let Some(Value::Object(entries)) = video.metadata.as_deref() else { panic!("an object") };
        assert!(cut < second || entries[0].1.get("colorConfig").is_some(), "cut at {cut}");
    }
    let (video, fault) = decode(b"\xd4hvc1\x05\x05", 7);
    assert_eq!(fault, Some(Fault::broken(5, "video metadata name", "is no string")));
    assert_eq!(video.metadata, Some(Box::new(Value::Object(Vec::new()))));
    // Tracks have theirs, whatever the frame type says.
    for first in [b"\x96", b"\xd6"] {
        let length = [COLOR_INFO.len() as u8];
        let tracks = [&first[..], b"\x14hvc1\x01\0\0", &length, COLOR_INFO].concat();
        let (video, fault) = decode(&tracks, tracks.len());
        assert_eq!((video.metadata, video.command, fault), (None, None, None));
        let [track] = &video.tracks[..] else { panic!("one track") };
        assert!(track.metadata.is_some());
        assert_eq!((track.data_offset, track.data_length), (10, COLOR_INFO.len()));
    }
}

#[test]
fn every_codec_has_its_configuration() {
    for (payload, profile) in [
        (&b"\x90avc1\x01\x42\xc0\x1e\xff\xe0\0"[..], "Constrained Baseline"),
        (b"\x90hvc1\x01\x02\0\0\0\0\0\0\0\0\0\0\x5d\xf0\0\xfc\xfd\xfa\xfa\0\0\x0f\0", "Main 10"),
        (b"\x90vvc1\xff\0\x11\x5f\x01\x02\x33\0\0\x01\x40\0\xb4\0\0\0", "Main 10"),
        (b"\x90av01\x81\x28\x4c\0", "High"),
        (b"\x95av01\x80\x04\x81\x28\x4c\0", "High"),
        (b"\x90vp08\0\0\x80\x02\x02\x02\0\0", "Profile 0"),
        (b"\x90vp09\x02\x1e\xa2\x01\x01\x01\0\0", "Profile 2"),
        (
            &[
                0x1c, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd,
                0xf8, 0xf8, 0, 0, 15, 0,
            ],
            "Main",
        ),
        (&[0x1d, 0, 0, 0, 0, 0x81, 0x08, 0x0c, 0], "Main"),
    ] {
        let (video, fault) = decode(payload, payload.len());
        assert_eq!(fault, None, "{payload:02x?}");
        assert_eq!(video.config.unwrap().profile, Some(profile), "{payload:02x?}");
        for cut in 1..payload.len() {
            let (_, fault) = decode(&payload[..cut], cut);
            assert!(fault.is_some_and(|f| f.offset <= cut), "{payload:02x?} cut at {cut}");
        }
    }
}

#[test]
fn sequence_headers_are_decoded_where_they_are_whole() {
    let record = [1, 66, 0xc0, 30, 0xff, 0xe0, 0];
    for header in [&[0x17, 0, 0, 0, 0][..], b"\x90avc1"] {
        let payload = [header, &record].concat();
        let (video, fault) = decode(&payload, payload.len());
        assert_eq!(
            (video.packet_type, video.data_length, fault),
            (Some(P::SequenceStart), 7, None)
        );
        assert_eq!(video.config.unwrap().profile, Some("Constrained Baseline"));
        assert!(wants_whole(&payload));
        let (video, fault) = decode(&payload[..8], payload.len());
        assert_eq!((video.config, fault), (None, None), "not kept, so not judged");
        let (video, fault) = decode(&payload[..10], 10);
        assert_eq!(video.config.unwrap().level.unwrap().to_string(), "3.0");
        assert_eq!(fault, Some(Fault::short(10, "AVC sequence parameter set count", 1, 0)));
    }
    let (video, fault) = decode(&[0x17, 0, 0, 0, 0], 5);
    assert_eq!((video.config, fault.map(|f| f.offset)), (None, Some(5)));
    assert_eq!(decode(b"\x95av01\x80\x04", 7).0.packet_type, Some(P::Mpeg2TsSequenceStart));
    assert_eq!(decode(b"\x90abcd\x01", 6).1, None, "no decoder, no opinion");
    for head in [&[0x1c, 0][..], b"\x95", b"\x96", b"\x97\x02\0"] {
        assert!(wants_whole(head), "{head:02x?}");
    }
}

#[test]
fn tracks_of_all_three_layouts() {
    let one = b"\x96\x01av01\x03frame";
    let (video, fault) = decode(one, one.len());
    assert_eq!((video.multitrack, video.data_length, fault), (Some(Multitrack::OneTrack), 5, None));
    assert_eq!((video.tracks[0].track, video.tracks[0].codec), (3, Some(C::Av1)));

    let many = b"\xa6\x11hvc1\0\0\0\x05\0\0\x28AB\x01\0\0\x03\xff\xff\xff";
    let codecs = b"\xa6\x21avc1\0\0\0\x05\0\0\x28ABav01\x01\0\0\x03xyz";
    for (bytes, layout, times, lengths) in [
        (&many[..], Multitrack::ManyTracks, [Some(40), Some(-1)], [2, 0]),
        (codecs, Multitrack::ManyTracksManyCodecs, [Some(40), None], [2, 3]),
    ] {
        let (video, fault) = decode(bytes, bytes.len());
        assert_eq!(
            (video.multitrack, video.packet_type, fault),
            (Some(layout), Some(P::CodedFrames), None)
        );
        let found: Vec<_> =
            video.tracks.iter().map(|t| (t.track, t.composition_time, t.data_length)).collect();
        assert_eq!(found, [(0, times[0], lengths[0]), (1, times[1], lengths[1])]);
        assert_eq!(video.data_length, lengths[0] + lengths[1]);
        let mut out = Vec::new();
        assert!(video.encode_header(&mut out));
        for (track, data) in video.tracks.iter().zip([&b"AB"[..], &b"xyz"[..lengths[1]]]) {
            assert!(track.encode_header(layout, P::CodedFrames, &mut out));
            out.extend(data);
        }
        assert_eq!(out, bytes);
        for cut in 1..bytes.len() {
            let (part, fault) = decode(&bytes[..cut], cut);
            // A message may end after any whole track.
            let whole = out.len() - if layout == Multitrack::ManyTracks { 7 } else { 11 };
            assert_eq!(fault.is_none(), cut == whole, "cut at {cut}: {part:?}");
        }
    }
}

#[test]
fn a_track_too_short_for_its_composition_time() {
    let (video, fault) = decode(b"\xa6\x11hvc1\0\0\0\x02AB", 12);
    assert_eq!(fault, Some(Fault::short(10, "composition time", 3, 2)));
    assert_eq!((video.tracks[0].composition_time, video.tracks[0].data_length), (None, 2));
    let (_, fault) = decode(b"\xa6\x11hvc1\0\0\0\x02A", 500);
    assert!(fault.is_some());
}

#[test]
fn reserved_numbers_are_kept_or_named() {
    assert_eq!(decode(b"\x96\x41hvc1", 6).1, Some(Fault::invalid(1, "video multitrack type", 4)));
    assert!(decode(b"\x96\x06hvc1\0", 7).1.is_some(), "multitrack inside multitrack");
    assert_eq!(
        (C::Number(13).to_string(), C::ScreenVideo2.to_string()),
        ("13".into(), "screen_video_2".into())
    );
    assert_eq!(C::from_fourcc(FourCc(*b"vvc9")).to_string(), "vvc9");
    assert_eq!(
        (F::Other(6).to_string(), P::CodedFramesX.to_string()),
        ("6".into(), "coded_frames_x".into())
    );
}

proptest! {
    #[test]
    fn no_payload_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), enhanced in any::<bool>(), more in 0..100usize,
    ) {
        let mut bytes = bytes;
        if enhanced && let Some(first) = bytes.first_mut() {
            *first |= 0x80;
        }
        for length in [bytes.len(), bytes.len() + more, bytes.len() / 2] {
            let (video, fault) = decode(&bytes, length);
            prop_assert!(video.data_length <= length);
            prop_assert!(fault.is_none_or(|f| f.offset <= length));
            prop_assert!(video.tracks.len() <= 256);
        }
        let _ = wants_whole(&bytes);
    }
}
