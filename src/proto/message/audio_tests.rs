use proptest::prelude::*;

use super::super::media::ModEx;
use super::*;

fn decode(head: &[u8], length: usize) -> (Audio, Option<Fault>) {
    let mut audio = Audio::default();
    let fault = super::decode(head, length, &mut audio);
    (audio, fault)
}

fn legacy(
    codec: AudioCodec,
    packet_type: AudioPacketType,
    rate: u32,
    size: u8,
    channels: u8,
) -> Audio {
    Audio {
        codec: Some(codec),
        packet_type: Some(packet_type),
        sample_rate: Some(rate),
        sample_size: Some(size),
        channels: Some(channels),
        ..Audio::default()
    }
}

fn ex(codec: AudioCodec, packet_type: AudioPacketType) -> Audio {
    Audio { codec: Some(codec), enhanced: true, packet_type: Some(packet_type), ..Audio::default() }
}

/// Headers without their data, and what they say.
fn rows() -> Vec<(&'static [u8], Audio)> {
    use AudioCodec as C;
    use AudioPacketType as P;
    vec![
        (&[0xaf, 1], legacy(C::Aac, P::CodedFrames, 44_100, 16, 2)),
        (&[0xaf, 2], legacy(C::Aac, P::Other(2), 44_100, 16, 2)),
        (&[0x00], legacy(C::Pcm, P::Raw, 5512, 8, 1)),
        (&[0x16], legacy(C::Adpcm, P::Raw, 11_025, 16, 1)),
        (&[0x2b], legacy(C::Mp3, P::Raw, 22_050, 16, 2)),
        (&[0x3f], legacy(C::PcmLe, P::Raw, 44_100, 16, 2)),
        (&[0x42], legacy(C::Nellymoser16k, P::Raw, 5512, 16, 1)),
        (&[0x52], legacy(C::Nellymoser8k, P::Raw, 5512, 16, 1)),
        (&[0x6e], legacy(C::Nellymoser, P::Raw, 44_100, 16, 1)),
        (&[0x72], legacy(C::G711a, P::Raw, 5512, 16, 1)),
        (&[0x82], legacy(C::G711u, P::Raw, 5512, 16, 1)),
        (&[0xb2], legacy(C::Speex, P::Raw, 5512, 16, 1)),
        (&[0xe2], legacy(C::Mp38k, P::Raw, 5512, 16, 1)),
        (&[0xc0], legacy(C::Number(12), P::Raw, 5512, 8, 1)),
        (&[0xff], legacy(C::Number(15), P::Raw, 44_100, 16, 2)),
        (b"\x91Opus", ex(C::Opus, P::CodedFrames)),
        (b"\x92fLaC", ex(C::Flac, P::SequenceEnd)),
        (b"\x91ac-3", ex(C::Ac3, P::CodedFrames)),
        (b"\x91ec-3", ex(C::Eac3, P::CodedFrames)),
        (b"\x91.mp3", ex(C::Mp3, P::CodedFrames)),
        (b"\x91mp4a", ex(C::Aac, P::CodedFrames)),
        (b"\x93abcd", ex(C::FourCc(FourCc(*b"abcd")), P::Other(3))),
        (
            b"\x97\x02\x01\x02\x03\x01Opus",
            Audio {
                mod_ex: vec![ModEx::TimestampOffsetNano { nanoseconds: 0x01_0203 }].into(),
                ..ex(C::Opus, P::CodedFrames)
            },
        ),
        (
            b"\x97\0\x09\x27\x02\0\0\x01\x01Opus",
            Audio {
                mod_ex: vec![
                    ModEx::Other { kind: 2, data: Box::new([9]) },
                    ModEx::TimestampOffsetNano { nanoseconds: 1 },
                ]
                .into(),
                ..ex(C::Opus, P::CodedFrames)
            },
        ),
    ]
}

#[test]
fn headers_there_and_back() {
    for (bytes, mut audio) in rows() {
        let mut out = Vec::new();
        assert!(audio.encode_header(&mut out));
        assert_eq!(out, bytes);
        for data in [0, 1, 1000] {
            let mut payload = bytes.to_vec();
            payload.resize(bytes.len() + data, 0x55);
            audio.data_length = data;
            let head = payload.len().min(64);
            assert_eq!(
                decode(&payload[..head], payload.len()),
                (audio.clone(), None),
                "{bytes:02x?}"
            );
            assert!(!wants_whole(&payload[..head]), "{bytes:02x?}");
        }
    }
}

#[test]
fn a_timestamp_modifier_may_have_more_than_three_bytes() {
    let (audio, fault) = decode(b"\x97\0\x09\x27\x03\0\0\x01\x02\x01Opus", 14);
    assert_eq!(fault, None);
    assert_eq!(audio.mod_ex[1], ModEx::TimestampOffsetNano { nanoseconds: 1 });
    let (audio, fault) = decode(b"\x97\x01\0\0\x01Opus", 9);
    assert_eq!(
        fault,
        Some(Fault::broken(1, "ModEx timestamp offset", "has fewer than three bytes"))
    );
    assert_eq!(*audio.mod_ex, [ModEx::Other { kind: 0, data: Box::new([0, 0]) }]);
}

#[test]
fn every_truncation_keeps_what_is_there() {
    for (bytes, audio) in rows() {
        for cut in 1..bytes.len() {
            let (part, fault) = decode(&bytes[..cut], cut);
            assert!(fault.is_some_and(|f| f.offset <= cut), "{bytes:02x?} cut at {cut}");
            assert_eq!(part.enhanced, audio.enhanced);
            assert_eq!(part.sample_rate, audio.sample_rate);
            assert_eq!(part.config, None);
        }
    }
}

#[test]
fn an_empty_message_is_silence_and_no_fault() {
    assert_eq!(decode(&[], 0), (Audio::default(), None));
    let mut out = Vec::new();
    assert!(Audio::default().encode_header(&mut out) && out.is_empty());
}

#[test]
fn sequence_headers_are_decoded_where_they_are_whole() {
    let (audio, fault) = decode(&[0xaf, 0, 0x12, 0x10], 4);
    assert_eq!(
        (audio.packet_type, audio.data_length, fault),
        (Some(AudioPacketType::SequenceStart), 2, None)
    );
    let config = audio.config.unwrap();
    assert_eq!(
        (config.profile, config.sample_rate, config.channels),
        (Some("LC"), Some(44_100), Some(2))
    );
    assert_eq!(decode(&[0xaf, 0, 0x12, 0x10], 5).0.config, None, "a byte was not kept");
    let (audio, fault) = decode(&[0xaf, 0, 0x12], 3);
    assert_eq!(audio.config.unwrap().object_type, Some(2));
    assert_eq!(fault, Some(Fault::short(3, "AAC sample rate index", 1, 0)));
    let opus = b"\x90OpusOpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0";
    assert_eq!(decode(opus, opus.len()).0.config.unwrap().channels, Some(2));
    assert_eq!(decode(b"\x90Opus", 5).1, None, "an empty Opus header is allowed");
    assert!(decode(b"\x90fLaC", 5).1.is_some());
    assert_eq!(decode(b"\x90ac-3", 5).1, None, "AC-3 has none");
    let (audio, fault) = decode(b"\x90ac-3\x10\x3d\xc0", 8);
    assert_eq!((audio.config.unwrap().channels, fault), (Some(6), None));
    for head in [&opus[..], &[0xaf, 0], &[0xaf], b"\x95", b"\x94", b"\x97\x02\0"] {
        assert!(wants_whole(head), "{head:02x?}");
    }
}

#[test]
fn channel_layouts_there_and_back() {
    for (bytes, order) in [
        (&b"\0\x06"[..], ChannelOrder::Unspecified),
        (b"\x01\x06\0\0\0\x3f", ChannelOrder::Native),
        (b"\x02\x03\x00\x01\xfe", ChannelOrder::Custom),
        (b"\x09\x02", ChannelOrder::Other(9)),
    ] {
        let payload = [b"\x94Opus", bytes].concat();
        let (audio, fault) = decode(&payload, payload.len());
        let layout = audio.multichannel.unwrap();
        assert_eq!((layout.channel_order, fault), (order, None));
        let mut out = Vec::new();
        layout.encode(&mut out);
        assert_eq!(out, bytes);
        for cut in 5..payload.len() {
            assert!(decode(&payload[..cut], cut).1.is_some());
        }
    }
}

#[test]
fn tracks_of_all_three_layouts() {
    let one = b"\x95\x01Opus\x05data";
    let (audio, fault) = decode(one, one.len());
    assert_eq!((audio.multitrack, audio.data_length, fault), (Some(Multitrack::OneTrack), 4, None));
    assert_eq!((audio.tracks[0].track, audio.tracks[0].codec), (5, Some(AudioCodec::Opus)));
    assert_eq!(decode(one, 5000).1, None, "a head is enough for one track");

    let many = b"\x95\x10mp4a\0\0\0\x02\x12\x10\x01\0\0\x02\x11\x88";
    let (audio, fault) = decode(many, many.len());
    assert_eq!(fault, None);
    let rates: Vec<_> =
        audio.tracks.iter().map(|t| t.config.as_ref().unwrap().sample_rate).collect();
    assert_eq!(rates, [Some(44_100), Some(48_000)]);
    let mut out = Vec::new();
    assert!(audio.encode_header(&mut out));
    for (track, data) in audio.tracks.iter().zip([[0x12, 0x10], [0x11, 0x88]]) {
        assert!(track.encode_header(Multitrack::ManyTracks, &mut out));
        out.extend(data);
    }
    assert_eq!(out, many);
    for cut in 1..many.len() {
        let (part, fault) = decode(&many[..cut], cut);
        // A message may end after any whole track.
        assert_eq!(fault.is_none(), cut == 12, "cut at {cut}");
        assert_eq!(
            part.tracks.len(),
            usize::from(cut >= 10) + usize::from(cut >= 16),
            "cut at {cut}"
        );
    }

    let codecs = b"\x95\x21Opus\0\0\0\x01AfLaC\x01\0\0\x02AB";
    let (audio, fault) = decode(codecs, codecs.len());
    assert_eq!((audio.codec, audio.data_length, fault), (None, 3, None));
    assert_eq!(audio.tracks[1].codec, Some(AudioCodec::Flac));
}

#[test]
fn what_is_missing_from_the_head_is_not_missing_from_the_message() {
    let mut payload = b"\x95\x11Opus\0\0\0\x64".to_vec();
    payload.resize(payload.len() + 100, 1);
    payload.extend(b"\x01\0\0\x01A");
    let (audio, fault) = decode(&payload[..64], payload.len());
    assert_eq!((audio.tracks.len(), audio.tracks[0].data_length), (1, 100));
    assert_eq!(fault, Some(Fault::limit(10, "track data", "media_head")));
    assert_eq!(decode(&payload, payload.len()).1, None);
}

#[test]
fn reserved_multitrack_numbers_are_faults() {
    assert_eq!(decode(b"\x95\x31Opus", 6).1, Some(Fault::invalid(1, "audio multitrack type", 3)));
    assert!(decode(b"\x95\x15Opus\0\0\0\0", 10).1.is_some(), "multitrack inside multitrack");
    let mut endless = b"\x95\x11Opus".to_vec();
    endless.resize(6 + 4 * 300, 0);
    let (audio, fault) = decode(&endless, endless.len());
    assert_eq!((audio.tracks.len(), fault.is_some()), (256, true));
}

proptest! {
    #[test]
    fn no_payload_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), enhanced in any::<bool>(), more in 0..100usize,
    ) {
        let mut bytes = bytes;
        if enhanced && let Some(first) = bytes.first_mut() {
            *first = 0x90 | *first & 0xf;
        }
        for length in [bytes.len(), bytes.len() + more, bytes.len() / 2] {
            let (audio, fault) = decode(&bytes, length);
            prop_assert!(audio.data_length <= length);
            prop_assert!(fault.is_none_or(|f| f.offset <= length));
            prop_assert!(audio.tracks.len() <= 256);
        }
        let _ = wants_whole(&bytes);
    }
}
