//! Files as captures come in: compressed, compressed in parts, cut, damaged, and rotated.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod common;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rtmpctl::capture::Error;
use rtmpctl::capture::file::{Broken, Compression, Item, Reader, Trouble, TroubleKind};

const FORMATS: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Lz4];

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// The file header of a little-endian pcap, and each of its records.
fn records(pcap: &[u8]) -> Vec<&[u8]> {
    let (header, mut rest) = pcap.split_at(24);
    let mut out = vec![header];
    while !rest.is_empty() {
        let captured = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, behind) = rest.split_at(16 + captured);
        out.push(record);
        rest = behind;
    }
    out
}

/// One member or frame of the parts, flushed behind each; and where the flushed bytes end.
fn pack(format: Compression, parts: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    fn write<W: Write>(encoder: &mut W, parts: &[&[u8]], len: impl Fn(&W) -> usize) -> Vec<usize> {
        let part = |part: &&[u8]| {
            encoder.write_all(part).unwrap();
            encoder.flush().unwrap();
            len(encoder)
        };
        parts.iter().map(part).collect()
    }
    match format {
        Compression::Gzip => {
            let mut encoder = flate2::GzBuilder::new()
                .filename("capture.pcap")
                .comment("a comment")
                .extra(vec![1, 2, 3])
                .write(Vec::new(), flate2::Compression::default());
            let ends = write(&mut encoder, parts, |encoder| encoder.get_ref().len());
            (encoder.finish().unwrap(), ends)
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            let ends = write(&mut encoder, parts, |encoder| encoder.get_ref().len());
            (encoder.finish().unwrap(), ends)
        }
        _ => {
            let info = lz4_flex::frame::FrameInfo::new()
                .content_checksum(true)
                .block_mode(lz4_flex::frame::BlockMode::Linked);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            let ends = write(&mut encoder, parts, |encoder| encoder.get_ref().len());
            (encoder.finish().unwrap(), ends)
        }
    }
}

/// What a source gives: the packets, the troubles, and what ended it.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    packets: Vec<Vec<u8>>,
    troubles: Vec<Trouble>,
    error: Option<String>,
}

fn read(source: impl Read) -> Result<Contents, Error> {
    let mut reader = Reader::new(source)?;
    let mut all = Contents::default();
    loop {
        match reader.next() {
            Ok(Some(Item::Packet(packet))) => all.packets.push(packet.data.to_vec()),
            Ok(Some(Item::Trouble(trouble))) => all.troubles.push(trouble),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(all),
            Err(error) => {
                all.error = Some(error.to_string());
                return Ok(all);
            }
        }
    }
}

/// Gives `bytes` in reads of at most `step`, then fails.
struct Failing<'a>(&'a [u8], usize);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the cable is out"));
        }
        let n = self.1.min(buffer.len()).min(self.0.len());
        self.0.read(&mut buffer[..n])
    }
}

#[test]
fn a_compressed_capture_decodes_as_the_plain_one() {
    let dir = common::Scratch::new("compressed");
    let options = common::Options::default();
    for name in ["quickstart.pcap", "options.pcapng"] {
        let plain = std::fs::read(testdata(name)).unwrap();
        let expected = common::decode_file(&testdata(name), &options);
        for format in FORMATS {
            let path = dir.path().join(format!("{name}.{}", format.as_str()));
            std::fs::write(&path, pack(format, &[&plain]).0).unwrap();
            let records = common::decode_file(&path, &options);
            // The first line names the source.
            assert_eq!(records[1..], expected[1..], "{name} {format:?}");
        }
    }
}

#[test]
fn members_and_frames_follow_one_another_with_skippable_ones_and_padding_between() {
    let plain = std::fs::read(testdata("quickstart.pcap")).unwrap();
    let expected = read(&plain[..]).unwrap();
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat();
    for format in FORMATS {
        let mut bytes = Vec::new();
        if format != Compression::Gzip {
            bytes.extend_from_slice(&skippable);
        }
        // Cut anywhere, as a splitter of bytes does; an empty one among them.
        for part in [&plain[..1], &plain[1..10], &[], &plain[10..5_000], &plain[5_000..]] {
            bytes.extend(pack(format, &[part]).0);
            if format != Compression::Gzip {
                bytes.extend_from_slice(&skippable);
            }
        }
        assert_eq!(read(&bytes[..]).unwrap(), expected, "{format:?}");
        for step in [1, 7, 4096] {
            let mut slow = read(Failing(&bytes, step)).unwrap();
            assert!(slow.error.take().is_some_and(|error| error.contains("the cable is out")));
            assert_eq!(slow, expected, "{format:?} in steps of {step}");
        }
        bytes.extend([0; 600]);
        assert_eq!(read(&bytes[..]).unwrap(), expected, "{format:?} and zeros");
        bytes.extend(b"something else");
        let all = read(&bytes[..]).unwrap();
        assert_eq!(all.packets, expected.packets);
        let [Trouble { unpacked: true, kind: TroubleKind::Packed(broken), .. }] = &all.troubles[..]
        else {
            panic!("{format:?}: {:?}", all.troubles)
        };
        assert_eq!(broken.offset, bytes.len() as u64 - 14);
        assert!(broken.to_string().contains("no more"), "{broken}");
    }
}

#[test]
fn what_the_compressor_flushed_is_had_however_the_file_ends() {
    let plain = std::fs::read(testdata("quickstart.pcap")).unwrap();
    let parts = &records(&plain)[..40];
    for format in FORMATS {
        let (bytes, ends) = pack(format, parts);
        let whole = read(&bytes[..]).unwrap();
        assert_eq!((whole.packets.len(), &whole.troubles[..]), (39, &[][..]));
        for cut in
            (0..bytes.len()).filter(|cut| *cut < 400 || cut % 7 == 0 || cut + 30 > bytes.len())
        {
            // Packets that were flushed before the cut; the first part is the file header.
            let flushed = ends.iter().filter(|end| **end <= cut).count();
            match read(&bytes[..cut]) {
                Ok(all) => {
                    assert!(all.packets.len() + 1 >= flushed, "{format:?} {cut}");
                    assert_eq!(all.packets[..], whole.packets[..all.packets.len()]);
                    let [Trouble { kind: TroubleKind::Packed(broken), .. }] = &all.troubles[..]
                    else {
                        panic!("{format:?} {cut}: {:?}", all.troubles)
                    };
                    assert_eq!((broken.format, &broken.damage), (format, &None));
                }
                Err(error) => {
                    assert_eq!(flushed, 0, "{format:?} {cut}: {error}");
                    let text = error.to_string();
                    assert!(cut < 4 || text.contains("end too early"), "{text}");
                }
            }
        }
        // A pipe that waits for more has handed out everything that was flushed before.
        for (n, end) in ends.iter().enumerate().skip(1) {
            let all = read(Failing(&bytes[..*end], usize::MAX)).unwrap();
            assert_eq!(all.packets.len(), n, "{format:?}");
            assert!(all.error.is_some() && all.troubles.is_empty());
        }
    }
}

#[test]
fn damage_is_one_finding_and_everything_before_it_is_read() {
    let plain = std::fs::read(testdata("quickstart.pcap")).unwrap();
    let parts = &records(&plain)[..40];
    for format in FORMATS {
        let (bytes, ends) = pack(format, parts);
        let whole = read(&bytes[..]).unwrap();
        for at in (4..bytes.len()).step_by(9) {
            for damage in [0x01, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= damage;
                let Ok(all) = read(&bytes[..]) else { continue };
                let before = ends.iter().filter(|end| **end <= at).count().saturating_sub(1);
                assert!(all.packets.len() >= before, "{format:?} {at} {:?}", all.troubles);
                assert_eq!(all.packets[..before], whole.packets[..before], "{format:?} {at}");
                let told = |trouble: &Trouble| matches!(trouble.kind, TroubleKind::Packed(_));
                assert!(all.troubles.iter().filter(|t| told(t)).count() <= 1);
            }
        }
        // A wrong check sum at the very end costs nothing but a word.
        let mut bytes = bytes.clone();
        let last = bytes.len() - if format == Compression::Gzip { 8 } else { 1 };
        bytes[last] ^= 1;
        let all = read(&bytes[..]).unwrap();
        assert_eq!(all.packets, whole.packets);
        assert!(
            matches!(
                &all.troubles[..],
                [Trouble { kind: TroubleKind::Packed(Broken { damage: Some(_), .. }), .. }]
            ),
            "{format:?} {:?}",
            all.troubles
        );
    }
}

/// A frame of the legacy format, each part a block.
fn legacy(parts: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut ends) = (vec![2, 0x21, 0x4c, 0x18], Vec::new());
    for part in parts {
        let packed = lz4_flex::block::compress(part);
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
        ends.push(out.len());
    }
    (out, ends)
}

#[test]
fn the_legacy_format_of_lz4_is_read_as_far_as_it_goes() {
    let plain = std::fs::read(testdata("quickstart.pcap")).unwrap();
    let expected = read(&plain[..]).unwrap();
    let parts: Vec<&[u8]> = plain.chunks(5_000).collect();
    let (bytes, ends) = legacy(&parts);
    assert_eq!(read(&bytes[..]).unwrap(), expected);
    // Frames behind one another, of both formats, and padding.
    let (one, other) = plain.split_at(7_000);
    let mut mixed = legacy(&[one]).0;
    mixed.extend(pack(Compression::Lz4, &[&other[..9_000]]).0);
    mixed.extend(legacy(&[&other[9_000..]]).0);
    mixed.extend([0; 100]);
    for step in [1, 4096] {
        let mut slow = read(Failing(&mixed, step)).unwrap();
        assert!(slow.error.take().is_some());
        assert_eq!(slow, expected);
    }
    // What cannot be made shorter makes blocks longer than what is in them.
    let mut state = 1_u32;
    let mut noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let mut large = plain.clone();
    for _ in 0..150 {
        large.extend([0x65, 0, 0, 0, 0, 0, 0, 0, 0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]);
        large.extend(noise.by_ref().take(60_000));
    }
    let (bytes_of_large, _) = legacy(&large.chunks(8 << 20).collect::<Vec<_>>());
    assert_eq!(read(&bytes_of_large[..]).unwrap(), read(&large[..]).unwrap());
    for cut in (0..bytes.len()).step_by(97) {
        let Ok(all) = read(&bytes[..cut]) else { continue };
        assert_eq!(all.packets[..], expected.packets[..all.packets.len()]);
        let whole = ends.iter().filter(|end| **end <= cut).count() * 5_000;
        let bytes: usize = all.packets.iter().map(|packet| packet.len() + 16).sum();
        assert!(bytes + 24 + 9_000 > whole, "{cut}: {bytes} of {whole}");
        assert_eq!(all.troubles.len(), 1, "{cut}: {:?}", all.troubles);
    }
    let mut damaged = bytes.clone();
    damaged[ends[3] + 4] = 0;
    damaged[ends[3] + 5] = 0;
    let all = read(&damaged[..]).unwrap();
    let text = all.troubles[0].to_string();
    assert!(text.contains("its lz4 data are damaged"), "{text}");
}

#[test]
fn a_compressed_file_without_a_capture_says_so() {
    for format in FORMATS {
        let (text, _) = pack(format, &[b"12:00:01 IP 10.0.0.1.1935 > 10.0.0.2: Flags [P.]"]);
        let error = read(&text[..]).unwrap_err().to_string();
        assert!(error.contains(&format!("inside its {} data", format.as_str())), "{error}");
        assert!(error.contains("text"), "{error}");
        // Also where it is cut behind that.
        let error = read(&text[..text.len() - 1]).unwrap_err().to_string();
        assert!(error.contains("text"), "{error}");
        let (twice, _) = pack(format, &[&pack(Compression::Gzip, &[b"abc"]).0]);
        let error = read(&twice[..]).unwrap_err().to_string();
        assert!(error.contains("gzip data again"), "{error}");
        let (nothing, _) = pack(format, &[]);
        assert!(read(&nothing[..]).is_err());
    }
}

#[test]
fn a_small_file_that_unpacks_to_a_large_one_is_a_long_stream() {
    let mut header = records(&std::fs::read(testdata("quickstart.pcap")).unwrap())[0].to_vec();
    let mut record = vec![0; 16 + 60_000];
    record[..4].copy_from_slice(&1_u32.to_le_bytes());
    record[8..12].copy_from_slice(&60_000_u32.to_le_bytes());
    record[12..16].copy_from_slice(&60_000_u32.to_le_bytes());
    for _ in 0..200 {
        header.extend_from_slice(&record);
    }
    for format in FORMATS {
        let (bytes, _) = pack(format, &[&header]);
        assert!(bytes.len() < header.len() / 100);
        let mut reader = Reader::new(&bytes[..]).unwrap();
        let mut packets = 0;
        while let Some(item) = reader.next().unwrap() {
            assert!(matches!(item, Item::Packet(packet) if packet.data.len() == 60_000));
            packets += 1;
        }
        assert_eq!((packets, reader.bytes_read()), (200, bytes.len() as u64));
    }
}

#[test]
fn the_parts_of_a_rotated_capture_decode_as_the_whole() {
    let dir = common::Scratch::new("rotated");
    let whole = std::fs::read(testdata("quickstart.pcap")).unwrap();
    let records = records(&whole);
    let options = common::Options { chunks: true, ..Default::default() };
    let plain = |mut records: Vec<serde_json::Value>| {
        records.remove(0); // it names the source
        for record in &mut records {
            let record = record.as_object_mut().unwrap();
            record.remove("file");
            record.remove("frame");
            for listed in record
                .get_mut("findings_list")
                .and_then(|list| list.as_array_mut())
                .into_iter()
                .flatten()
            {
                let listed = listed.as_object_mut().unwrap();
                listed.remove("file");
                listed.remove("frame");
            }
        }
        records
    };
    let expected = plain(common::decode_file(&testdata("quickstart.pcap"), &options));
    let third = records.len() / 3;
    // At thirds, inside the handshake, and with a part that has no packets.
    for (a, b) in [(third, 2 * third), (5, 9), (third, third), (1, records.len() - 1)] {
        let mut paths = Vec::new();
        for (n, part) in [&records[1..a.max(1)], &records[a..b], &records[b..]].iter().enumerate() {
            let path = dir.path().join(format!("part-{a}-{b}.pcap{n}"));
            std::fs::write(&path, [records[0], &part.concat()].concat()).unwrap();
            paths.push(path);
        }
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        assert_eq!(plain(common::decode_files(&paths, &options)), expected, "{a} {b}");
    }
}

/// Troubles of the file itself are listed up to the limit, and the last one listed says so.
#[test]
fn troubles_of_one_code_are_listed_up_to_the_limit() {
    // Simple packets ahead of any interface: each is one.
    let capture = |packets: u32| {
        let mut file = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0".to_vec();
        file.extend([0xff; 8]);
        file.extend(28u32.to_le_bytes());
        for _ in 0..packets {
            file.extend([3, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 20, 0, 0, 0]);
        }
        file
    };
    for (packets, told) in [(19, 19), (20, 20), (21, 20), (2000, 20)] {
        let scratch = common::Scratch::new("troubles");
        let path = scratch.path().join(format!("{packets}.pcapng"));
        std::fs::write(&path, capture(packets)).unwrap();
        let records = common::decode_file(&path, &common::Options::default());
        let findings: Vec<_> = records.iter().filter(|r| r["event"] == "finding").collect();
        assert_eq!(findings.len(), told, "{packets}");
        let last = findings.last().unwrap()["message"].as_str().unwrap();
        assert_eq!(last.contains("same_finding"), packets >= 20, "{last}");
    }
}
