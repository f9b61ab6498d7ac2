use proptest::prelude::*;

use super::super::codec::bits::Writer;
use super::*;

fn walk(format: Format, frame: &[u8]) -> Bitstream {
    Bitstream::walk(format, frame, &mut Context::default(), &Limits::default())
}

/// Units behind lengths of `size` bytes.
fn sized(size: usize, units: &[&[u8]]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[4 - size..], unit].concat())
        .collect()
}

fn names(found: &Bitstream) -> Vec<&str> {
    found.units.iter().map(|unit| unit.name.unwrap_or("?")).collect()
}

/// A message: its type, its length, its payload.
fn sei(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, payload.len() as u8], payload].concat()
}

#[test]
fn units_behind_lengths_of_every_size() {
    let units: [&[u8]; 5] = [&[9, 0xf0], &[0x67, 1], &[0x68, 1], &[0x65, 0x88, 1], &[0x65, 0x10]];
    for size in 1..=4 {
        let mut context = Context { nal_length_size: Some(size as u8), ..Context::default() };
        let frame = sized(size, &units);
        let found = Bitstream::walk(Format::Avc, &frame, &mut context, &Limits::default());
        assert_eq!(names(&found), ["aud", "sps", "pps", "idr", "idr"]);
        let lengths: Vec<_> = found.units.iter().map(|unit| unit.length).collect();
        assert_eq!(lengths, [2, 2, 2, 3, 2]);
        assert_eq!((found.key, found.annex_b, found.fault), (Some(true), false, None));
        for cut in 0..frame.len() {
            let part =
                Bitstream::walk(Format::Avc, &frame[..cut], &mut context, &Limits::default());
            let ends = [0, 2, 4, 6, 9, 11].map(|sum: usize| sum);
            let whole = ends.iter().enumerate().any(|(n, sum)| cut == sum + n * size);
            assert_eq!(part.fault.is_none(), whole, "cut at {cut}");
            assert!(part.fault.is_none_or(|fault| fault.offset <= cut));
        }
    }
}

#[test]
fn lengths_come_from_the_record_of_the_track() {
    let record = [1, 66, 0xc0, 30, 0xfd, 0xe0, 0];
    let mut context = Context::default();
    context.learn(Format::Avc, &record);
    assert_eq!(context.nal_length_size, Some(2));
    let frame = sized(2, &[&[0x41, 0x9a]]);
    let found = Bitstream::walk(Format::Avc, &frame, &mut context, &Limits::default());
    assert_eq!((names(&found), found.key), (vec!["slice"], Some(false)));
    assert!(walk(Format::Avc, &frame).fault.is_some(), "as four bytes it is none");
}

#[test]
fn what_lengths_cannot_be_is_said() {
    let found = walk(Format::Avc, &[0, 0, 0, 0, 0, 0, 0, 1, 0x65]);
    assert_eq!((names(&found), found.key), (vec!["idr"], Some(true)));
    assert_eq!(found.fault, Some(Fault::invalid(0, "NAL unit length", 0)));
    let found = walk(Format::Avc, &[0, 0, 0, 9, 0x41]);
    assert_eq!(found.units[0].length, 9);
    assert_eq!(found.fault, Some(Fault::short(4, "NAL unit", 9, 1)));
    let found = walk(Format::Hevc, &sized(4, &[&[0x40]]));
    assert_eq!(found.units[0].name, Some("vps"));
    let found = walk(Format::Vvc, &sized(4, &[&[0]]));
    assert_eq!(found.fault, Some(Fault::short(4, "NAL unit header", 2, 1)));
}

#[test]
fn start_codes_are_noticed_and_lengths_that_look_like_them_are_not() {
    let frame = b"\0\0\0\x01\x67\x01\0\0\x01\x68\x02\0\0\0\x01\x65\0\x03\0\0\0";
    let found = walk(Format::Avc, frame);
    assert!(found.annex_b);
    assert_eq!((names(&found), &found.fault), (vec!["sps", "pps", "idr"], &None));
    let lengths: Vec<_> = found.units.iter().map(|unit| unit.length).collect();
    assert_eq!(lengths, [2, 2, 3], "zeros before a start code belong to nothing");
    // A unit of 259 bytes: its length begins as a start code does.
    let mut unit = vec![0x41; 259];
    unit[0] = 0x65;
    let found = walk(Format::Avc, &sized(4, &[&unit]));
    assert_eq!((names(&found), found.annex_b), (vec!["idr"], false));
    // A unit of one byte.
    let found = walk(Format::Avc, &sized(4, &[&[10], &[0x41, 1]]));
    assert_eq!((names(&found), found.annex_b), (vec!["end_of_sequence", "slice"], false));
    assert!(walk(Format::Hevc, b"\0\0\x01\x26\x01").annex_b);
    for cut in 0..frame.len() {
        let _ = walk(Format::Avc, &frame[..cut]);
    }
}

#[test]
fn key_frames_of_each_codec_of_nal_units() {
    for (format, units, key) in [
        (Format::Avc, &[&[0x41u8, 0][..], &[0x41, 1]][..], Some(false)),
        (Format::Avc, &[&[0x06, 6, 1, 0xc4, 0x80], &[0x41, 0]], Some(true)),
        (Format::Avc, &[&[9, 0xf0]], None),
        (Format::Hevc, &[&[0x26, 1, 0]], Some(true)), // IDR_W_RADL
        (Format::Hevc, &[&[0x2a, 1, 0]], Some(true)), // CRA
        (Format::Hevc, &[&[0x20, 1, 0]], Some(true)), // BLA_W_LP
        (Format::Hevc, &[&[0x02, 1, 0]], Some(false)),
        (Format::Hevc, &[&[0x4e, 1, 6, 1, 0xc0, 0x80], &[0x02, 1, 0]], Some(true)),
        (Format::Hevc, &[&[0x40, 1, 0]], None),
        (Format::Vvc, &[&[0, 0x39, 0]], Some(true)), // IDR_W_RADL
        (Format::Vvc, &[&[0, 0x51, 0]], Some(true)), // GDR
        (Format::Vvc, &[&[0, 0x01, 0]], Some(false)),
        (Format::Vvc, &[&[0, 0x79, 0]], None),
    ] {
        let found = walk(format, &sized(4, units));
        assert_eq!((found.key, found.fault), (key, None), "{format:?} {units:02x?}");
    }
}

#[test]
fn messages_of_encoders_and_captions() {
    let mut unit = vec![6];
    let settings = [&[7; 16][..], b"x264 - core 164\0"].concat();
    unit.extend(sei(5, &settings));
    unit.extend(sei(5, &[&[8; 16][..], &[1, 2, 3]].concat()));
    unit.extend(sei(4, b"\xb5\0\x31GA94\x03\xd2"));
    unit.extend(sei(4, b"\xb5\0\x3c\0\x01"));
    unit.extend(sei(4, b"\x26\0\x04"));
    unit.extend(sei(6, &[0b0010_0100])); // three frames
    unit.extend([255, 1, 2, 9, 9, 0x80]); // type 256
    let found = walk(Format::Avc, &sized(4, &[&unit]));
    assert_eq!(found.fault, None);
    let contents: Vec<_> = found.messages.iter().map(|message| message.content.clone()).collect();
    let text = Some("x264 - core 164".into());
    assert_eq!(
        contents,
        [
            Content::Unregistered { uuid: [7; 16], text },
            Content::Unregistered { uuid: [8; 16], text: None },
            Content::Registered { country: 181, provider: Some(49), captions: Some(18) },
            Content::Registered { country: 181, provider: Some(60), captions: None },
            Content::Registered { country: 38, provider: None, captions: None },
            Content::RecoveryPoint { frames: 3 },
            Content::Other,
        ]
    );
    let last = &found.messages[6];
    assert_eq!((last.name, last.number, last.length), (None, 256, 2));
    for cut in 0..unit.len() {
        let part = walk(Format::Avc, &sized(4, &[&unit[..cut]]));
        assert!(part.fault.is_none_or(|fault| fault.offset <= 4 + cut), "cut at {cut}");
        assert!(part.messages.len() <= 7);
    }
}

#[test]
fn a_message_is_read_past_its_emulation_prevention() {
    let mut unit = vec![6, 5, 19];
    unit.extend([0, 0, 3, 0, 0, 3, 1]); // five bytes of the UUID in seven
    unit.extend([1; 11]);
    unit.extend(b"abc\x80");
    let found = walk(Format::Avc, &sized(4, &[&unit]));
    let mut uuid = [1; 16];
    uuid[..4].fill(0);
    let text = Some("abc".into());
    assert_eq!(found.messages[0].content, Content::Unregistered { uuid, text });
    assert_eq!((found.messages.len(), found.fault), (1, None));
}

#[test]
fn a_message_beyond_its_unit_is_said() {
    let found = walk(Format::Avc, &sized(4, &[&[6, 5, 40, 1, 2, 3]]));
    assert_eq!(found.fault, Some(Fault::short(7, "SEI message", 40, 3)));
    assert_eq!(found.messages[0].length, 40);
}

/// A parameter set whose pictures have timing messages, with or without delays before it.
fn timed_set(delays: bool) -> Vec<u8> {
    let w = Writer::default().u(8, 0x67).u(8, 66).u(8, 0xc0).u(8, 30).ue(0);
    let w = w.ue(0).ue(2).ue(1).u(1, 0).ue(3).ue(2).u(1, 1).u(1, 1).u(1, 0);
    let w = w.u(1, 1).u(4, 0).u(1, 0); // usability information without timing
    let w = w.u(1, u64::from(delays));
    let w = if delays {
        w.ue(0).u(8, 0).ue(9).ue(9).u(1, 0).u(5, 23).u(5, 15).u(5, 4).u(5, 3)
    } else {
        w
    };
    let w = w.u(1, 0);
    if delays { w.u(1, 0).u(1, 1) } else { w.u(1, 1) }.nal()
}

#[test]
fn times_of_pictures() {
    let full = |w: Writer| {
        let w = w.u(4, 0).u(1, 1).u(2, 0).u(1, 1).u(5, 4).u(1, 1).u(1, 0).u(1, 1);
        w.u(8, 23).u(6, 3).u(6, 2).u(5, 1)
    };
    for (delays, payload, expected) in [
        (false, full(Writer::default()).u(24, 0).bytes(), "01:02:03;23"),
        (true, full(Writer::default().u(16, 5).u(5, 1)).u(3, 0).bytes(), "01:02:03;23"),
        (
            false,
            Writer::default()
                .u(4, 1)
                .u(1, 1)
                .u(8, 0)
                .u(3, 0)
                .u(8, 7)
                .u(1, 1)
                .u(6, 59)
                .u(1, 0)
                .u(24, 0)
                .bytes(),
            "--:--:59:07",
        ),
    ] {
        let mut timing = vec![6];
        timing.extend(sei(1, &payload));
        timing.push(0x80);
        let frame = sized(4, &[&timed_set(delays), &timing]);
        let found = walk(Format::Avc, &frame);
        let Content::Timecodes(times) = &found.messages[0].content else { panic!("{found:?}") };
        assert_eq!(times[0].to_string(), expected);
        assert_eq!(times.len(), 1);
        // Without the parameter set nothing is known.
        let found = walk(Format::Avc, &sized(4, &[&timing]));
        assert_eq!(found.messages[0].content, Content::Other);
    }
    let payload = Writer::default().u(2, 1).u(1, 1).u(1, 0).u(5, 0).u(1, 1).u(2, 0).u(9, 100);
    let payload = payload.u(6, 5).u(6, 4).u(5, 23).u(5, 0).bytes();
    let unit = [&[0x4e, 1][..], &sei(136, &payload), &[0x80]].concat();
    let found = walk(Format::Hevc, &sized(4, &[&unit]));
    let Content::Timecodes(times) = &found.messages[0].content else { panic!("{found:?}") };
    assert_eq!(times[0].to_string(), "23:04:05:100");
}

#[test]
fn high_dynamic_range_of_hevc_and_av1() {
    let mut volume = vec![0; 16];
    volume.extend(10_000_000u32.to_be_bytes());
    volume.extend(50u32.to_be_bytes());
    let unit = [&[0x4e, 1][..], &sei(137, &volume), &sei(144, &[3, 0xe8, 1, 0x90]), &[0x80]];
    let found = walk(Format::Hevc, &sized(4, &[&escaped(&unit.concat())]));
    let light = Content::LightLevel { max_cll: 1000, max_fall: 400 };
    let mastering = Content::Mastering { max_luminance: 10_000_000, min_luminance: 50 };
    assert_eq!(found.messages[0].content, mastering);
    assert_eq!(found.messages[1].content, light);

    let mut volume = vec![2];
    volume.extend([0; 16]);
    volume.extend((1000u32 << 8).to_be_bytes());
    volume.extend((1u32 << 13).to_be_bytes());
    volume.push(0x80);
    let frame = [
        &[0x12, 0][..],
        &[0x2a, volume.len() as u8],
        &volume,
        b"\x2a\x06\x01\x03\xe8\x01\x90\x80",
        b"\x2a\x0b\x04\xb5\0\x31GA94\x03\xc2\x80",
    ]
    .concat();
    let found = walk(Format::Av1, &frame);
    assert_eq!(found.fault, None);
    let mastering = Content::Mastering { max_luminance: 10_000_000, min_luminance: 5_000 };
    let captions = Content::Registered { country: 181, provider: Some(49), captions: Some(2) };
    let contents: Vec<_> = found.messages.iter().map(|message| message.content.clone()).collect();
    assert_eq!(contents, [mastering, light, captions]);
}

/// The bytes with emulation prevention.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if *byte <= 3 && out.ends_with(&[0, 0]) {
            out.push(3);
        }
        out.push(*byte);
    }
    out
}

#[test]
fn temporal_units_of_av1() {
    let key = b"\x12\0\x0a\x03\0\0\0\x32\x02\x10\0";
    let found = walk(Format::Av1, key);
    assert_eq!(names(&found), ["temporal_delimiter", "sequence_header", "frame"]);
    assert_eq!((found.key, found.fault), (Some(true), None));
    assert_eq!(found.units[2].length, 4);
    for (frame, expected) in [
        (&b"\x32\x01\x30"[..], Some(false)), // an inter frame
        (b"\x1a\x01\x90", Some(false)),      // one that was decoded before
        (b"\x32\x01\x00", Some(false)),      // a key frame that is not shown
        (b"\x32\x01\x00\x1a\x01\x10", Some(true)),
        (b"\x0a\x01\x18\x32\x01\xff", Some(true)), // a still picture
        (b"\x12\0", None),
    ] {
        assert_eq!(walk(Format::Av1, frame).key, expected, "{frame:02x?}");
    }
    for cut in 0..key.len() {
        let part = walk(Format::Av1, &key[..cut]);
        assert_eq!(part.fault.is_none(), [0, 2, 7].contains(&cut), "cut at {cut}");
    }
    // The last unit may go without a size.
    assert_eq!(walk(Format::Av1, b"\x12\0\x30\x10\0").key, Some(true));
    let mut context = Context::default();
    context.learn(Format::Av1, &[0x81, 0, 0, 0, 0x0a, 1, 0x18]);
    let found = Bitstream::walk(Format::Av1, b"\x32\x01\xff", &mut context, &Limits::default());
    assert_eq!(found.key, Some(true), "the record says that there are only still pictures");
}

#[test]
fn superframes_of_vp9() {
    let key = b"\x82\x49\x83\x42\x20\x03\xf0\x02\xf0";
    let found = walk(Format::Vp9, key);
    assert_eq!((names(&found), found.key), (vec!["key_frame"], Some(true)));
    assert_eq!(found.size, Some((64, 48)));
    let superframe = [&b"\x86"[..], key, b"\xc1\x01\x09\xc1"].concat();
    let found = walk(Format::Vp9, &superframe);
    assert_eq!((names(&found), found.key), (vec!["inter_frame", "key_frame"], Some(true)));
    assert_eq!((found.size, found.fault), (Some((64, 48)), None));
    let broken = [&b"\x86"[..], b"\xc1\x01\x09\xc1"].concat();
    assert_eq!(walk(Format::Vp9, &broken).fault, Some(Fault::short(1, "VP9 superframe", 9, 4)));
    assert!(walk(Format::Vp9, &[]).fault.is_some());
}

#[test]
fn no_more_than_the_limits_is_listed() {
    let limits =
        Limits { frame_units: 3, frame_messages: 2, message_bytes: 18, ..Limits::default() };
    let many = sized(4, &[&[0x41, 0][..]; 4]);
    for (units, more) in [(3, 0), (4, 1)] {
        let frame = &many[..units * 6];
        let found = Bitstream::walk(Format::Avc, frame, &mut Context::default(), &limits);
        assert_eq!((found.units.len(), found.more_units), (3, more));
    }
    let message = sei(5, &[&[7; 16][..], b"abc"].concat());
    for (messages, more) in [(2, 0), (3, 1)] {
        let unit = [&[6], &message.repeat(messages)[..], &[0x80]].concat();
        let frame = sized(4, &[&unit]);
        let found = Bitstream::walk(Format::Avc, &frame, &mut Context::default(), &limits);
        assert_eq!((found.messages.len(), found.more_messages), (2, more));
        let text = Some("ab".into());
        assert_eq!(found.messages[0].content, Content::Unregistered { uuid: [7; 16], text });
        assert_eq!(found.messages[0].length, 19);
    }
}

#[test]
fn many_messages_before_many_zeros_take_linear_time() {
    // The zeros are looked at once, and not once a message.
    let mut unit = vec![6];
    unit.extend([1, 1, 9].repeat(500_000));
    unit.extend(vec![0; 4_000_000]);
    let found = walk(Format::Avc, &sized(4, &[&unit]));
    assert_eq!(found.messages.len() + found.more_messages, 500_000);
}

proptest! {
    #[test]
    fn no_frame_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), format in 0..Format::ALL.len(), start in 0..6usize,
    ) {
        let starts: [&[u8]; 6] = [
            b"", b"\0\0\0\x01\x06\x05", b"\0\0\0\x40\x06\x01", b"\0\0\0\x40\x4e\x01\x88", b"\x2a\x20",
            b"\0\0\0\x20\x67\x42\xc0\x1e",
        ];
        let mut frame = starts[start].to_vec();
        frame.extend(bytes);
        let mut context = Context::default();
        context.learn(Format::ALL[format], &frame);
        let found = Bitstream::walk(Format::ALL[format], &frame, &mut context, &Limits::default());
        prop_assert!(found.fault.is_none_or(|fault| fault.offset <= frame.len()));
        prop_assert!(found.units.len() <= 256 && found.messages.len() <= 32);
    }
}
