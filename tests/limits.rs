//! Hostile connections and the limits that hold against them: each at the limit and one beyond, and all of them decoded
//! to JSON and rows in time and size that follow the size of the input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod rig;

use std::time::{Duration, Instant};

use rig::{Conversation, Owned, Random, header0, message};
use rtmpctl::Limits;
use rtmpctl::inspect::{Event, Inspector, Options, Record};
use rtmpctl::output::payload::Shown;
use rtmpctl::output::{json, redact::Redactor};
use rtmpctl::proto::Direction::{ClientToServer, ServerToClient};
use rtmpctl::proto::chunk::Writer;
use rtmpctl::proto::message::aggregate::Part;

/// AMF0: a string, its length in 16 bits.
fn string(text: &[u8]) -> Vec<u8> {
    let mut out = vec![2];
    out.extend((text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
    out
}

/// AMF0: a long string.
fn long_string(text: &[u8]) -> Vec<u8> {
    let mut out = vec![12];
    out.extend((text.len() as u32).to_be_bytes());
    out.extend_from_slice(text);
    out
}

/// A command's name and transaction.
fn call(name: &str, id: f64) -> Vec<u8> {
    let mut out = string(name.as_bytes());
    out.push(0);
    out.extend(id.to_be_bytes());
    out
}

/// A client that sends `bytes` behind its handshake.
fn client(bytes: &[u8]) -> Vec<Owned> {
    let mut conversation = Conversation::shaken(1);
    conversation.send_by(ClientToServer, bytes, 60_000);
    conversation.packets
}

fn commands(payloads: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut out = message(&mut writer, 2, 1, &0x10_0000u32.to_be_bytes());
    for payload in payloads {
        out.extend(message(&mut writer, 3, 20, &payload));
    }
    out
}

/// Objects that each hold the one before twice, by reference.
fn doubling() -> Vec<u8> {
    let mut out = call("x", 1.0);
    out.extend([10, 0, 0, 0, 1, 5]);
    for index in 0..60u16 {
        out.extend([10, 0, 0, 0, 2, 7]);
        out.extend(index.to_be_bytes());
        out.push(7);
        out.extend(index.to_be_bytes());
    }
    out
}

/// One array of many references to one long string's array.
fn repeating() -> Vec<u8> {
    let mut out = call("x", 1.0);
    out.extend([10, 0, 0, 0, 1]);
    out.extend(long_string(&vec![b'a'; 100_000]));
    out.extend([10, 0, 0, 0xea, 0x60]);
    for _ in 0..60_000 {
        out.extend([7, 0, 0]);
    }
    out
}

fn nested(levels: usize, opener: &[u8]) -> Vec<u8> {
    let mut out = call("x", 1.0);
    for _ in 0..levels {
        out.extend_from_slice(opener);
    }
    out
}

/// One random header at which the framing is lost, behind two that are believed: again and again.
fn losses(bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < bytes {
        for _ in 0..2 {
            out.extend(header0(2, 4, 3, 0));
            out.extend([0, 0, 1, 0]);
        }
        out.extend([0xbf, 1, 2, 3]);
    }
    out
}

/// Headers of long messages, in which every byte may be the next chunk's.
fn markers(bytes: usize) -> Vec<u8> {
    let mut out = vec![0xff; 32];
    while out.len() < bytes {
        out.extend(header0(4, 900_000, 9, 1));
        out.push(0x17);
        out.extend(std::iter::repeat_n(0xc4, 300));
    }
    out
}

/// Everything hostile, by name, in about the number of bytes that is asked for where that is free.
fn hostile(size: usize) -> Vec<(&'static str, Vec<Owned>)> {
    let mut random = Random(3);
    let mut all: Vec<(&'static str, Vec<Owned>)> = Vec::new();

    let mut declared = Vec::new();
    for id in 3..1243 {
        declared.extend(header0(id, 0xff_ffff, 20, 0));
        declared.extend([0; 128]);
    }
    all.push(("declared", client(&declared)));

    let mut unfinished = Vec::new();
    for id in 3..65_003 {
        unfinished.extend(header0(id, 200, 20, 0));
        unfinished.extend([2; 128]);
    }
    all.push(("unfinished", client(&unfinished)));

    // The framing is lost while 65,000 chunk streams are known.
    unfinished.extend(losses(size / 4));
    unfinished.extend(markers(size / 4));
    all.push(("unfinished-then-lost", client(&unfinished)));

    all.push(("amf-doubling", client(&commands((0..20).map(|_| doubling())))));
    all.push(("amf-repeating", client(&commands((0..20).map(|_| repeating())))));
    for (name, opener) in [
        ("amf-objects", &b"\x03\x00\x01a"[..]),
        ("amf-ecma", &b"\x08\x00\x00\x00\x01\x00\x01a"[..]),
        ("amf-strict", &b"\x0a\x00\x00\x00\x01"[..]),
        ("amf3-arrays", &b"\x11\x09\x03\x01"[..]),
        ("amf3-inner", &b"\x09\x03\x01"[..]),
    ] {
        all.push((
            name,
            client(&commands([10, 100, 100_000, size / 10].map(|n| nested(n, opener)))),
        ));
    }

    all.extend(aggregates(size));

    let noise: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
    all.push(("noise", client(&noise)));
    all.push(("losses", client(&losses(size))));
    all.push(("markers", client(&markers(size))));
    all.push(("zeros", client(&vec![0; size])));
    let mut headers = vec![0xff; 20];
    while headers.len() < size {
        headers.extend([0x44, 0, 0, 1, 0, random.next() as u8, random.next() as u8, 8, 0xaf]);
    }
    all.push(("headers", client(&headers)));

    // The same without a beginning: the chunk size is not known.
    for (name, bytes) in [("inside-noise", &noise), ("inside-markers", &markers(size))] {
        let mut inside = Conversation::new(1);
        inside.packets.clear();
        inside.send_by(ClientToServer, bytes, 60_000);
        all.push((name, inside.packets));
    }

    let mut findings = Vec::new();
    for _ in 0..65_000 {
        findings.extend(header0(3, 1, 99, 0));
        findings.push(0);
    }
    all.push(("findings", client(&findings)));

    let mut holes = Conversation::shaken(1);
    let mut reversed = Conversation::shaken(2);
    for _ in 0..20_000 {
        holes.skip(ClientToServer, 1);
        holes.send(ClientToServer, &[3]);
    }
    holes.acknowledge(ClientToServer);
    all.push(("holes", holes.packets));
    let before = reversed.packets.len();
    for _ in 0..10_000 {
        reversed.send(ClientToServer, &[3; 100]);
    }
    reversed.packets[before..].reverse();
    all.push(("reversed", reversed.packets));

    let mut damage = Conversation::shaken(1);
    damage.send(ClientToServer, &message(&mut Writer::new(), 2, 1, &0x7fff_ffffu32.to_be_bytes()));
    damage.send(ClientToServer, &header0(3, 0xff_ffff, 20, 0));
    for _ in 0..size / 100 {
        damage.skip(ClientToServer, 1);
        damage.send(ClientToServer, &[2]);
        damage.segment(ServerToClient, 0x10, &[]);
    }
    all.push(("damage", damage.packets));

    // Missing bytes cost nothing to send.
    let mut missing = Vec::new();
    for n in 0..64 {
        let mut one = Conversation::shaken(n);
        one.send(ClientToServer, &message(&mut Writer::new(), 2, 1, &0x7fff_ffffu32.to_be_bytes()));
        for _ in 0..size / 100_000 {
            one.send(ClientToServer, &header0(3, 0xff_ffff, 20, 0));
            one.send(ClientToServer, &[2; 100]);
            one.skip(ClientToServer, 0xff_ffff - 200);
            one.send(ClientToServer, &[2; 100]);
            one.acknowledge(ClientToServer);
        }
        one.send(ClientToServer, &header0(3, 0xff_ffff, 20, 0));
        one.send(ClientToServer, &[2; 100]);
        one.skip(ClientToServer, 0xff_0000);
        one.send(ClientToServer, &[2; 100]);
        one.acknowledge(ClientToServer);
        missing.extend(one.packets);
    }
    all.push(("missing", missing));

    let syns =
        (0..(size / 25) as u32).map(|n| Conversation::new(n).packets.swap_remove(0)).collect();
    all.push(("syns", syns));
    let mut connections = Vec::new();
    for n in 0..(size / 250) as u32 {
        let mut one = Conversation::new(n);
        let mut first = vec![0; 1537];
        first[0] = 3;
        one.send(ClientToServer, &first);
        one.send(ServerToClient, &first);
        connections.extend(one.packets);
    }
    all.push(("connections", connections));

    // What is remembered of a session.
    let mut talk = Vec::new();
    for n in 0..(size / 2000) as u32 {
        let mut one = Conversation::shaken(n);
        let mut payloads = vec![connect(&[b'a'; 4000])];
        payloads.extend((0..60).map(|id| call("q", 1.0 + f64::from(id))));
        one.send_by(ClientToServer, &commands(payloads), 60_000);
        talk.extend(one.packets);
    }
    all.push(("talk", talk));
    let names = (0..100u32).map(|n| {
        let mut payload = call("publish", f64::from(n));
        payload.push(5);
        payload.extend(long_string(format!("{n}{}", "?a=b&c=d".repeat(size / 4000)).as_bytes()));
        payload
    });
    all.push(("names", client(&commands(names))));
    let mut words = Vec::new();
    for n in 0..70u8 {
        let mut payload = call("publish", 1.0);
        payload.push(5);
        payload.extend(string(&[b'0' + n % 75]));
        words.push(payload);
    }
    for _ in 0..size / 1_000_000 {
        let mut payload = call("x", 1.0);
        payload.push(5);
        payload.extend(long_string("0 1 2 3 4 ".repeat(100_000).as_bytes()));
        words.push(payload);
    }
    all.push(("words", client(&commands(words))));
    all
}

/// Aggregates of as many messages as fit, of values, of texts that repeat, of each other; and shared objects.
fn aggregates(size: usize) -> Vec<(&'static str, Vec<Owned>)> {
    let part = |type_id, payload: &[u8]| {
        let mut out = Vec::new();
        Part { type_id, timestamp: 0, message_stream_id: 0, payload }.encode(&mut out);
        out
    };
    let mut nested = part(8, b"");
    while nested.len() < size {
        nested = [&part(22, &nested)[..], &nested].concat();
    }
    let wrong = [&part(9, b"\x27")[..12], &[0; 4]].concat();
    let object =
        [&b"\0\x01a\0\0\0\0\0\0\0\0\0\0\0\0"[..], &[1, 0, 0, 0, 0].repeat(size / 5)].concat();
    [
        ("aggregate-empty", 22, part(8, b"").repeat(size / 15)),
        ("aggregate-values", 22, part(18, &[5; 100]).repeat(size / 115)),
        ("aggregate-one-value", 22, part(20, &vec![5; size])),
        ("aggregate-doubling", 22, part(20, &doubling()).repeat(5)),
        ("aggregate-nested", 22, nested),
        ("aggregate-backwards", 22, wrong.repeat(size / 16)),
        ("aggregate-objects", 22, part(19, &object[..500]).repeat(size / 515)),
        ("shared-object", 19, object),
    ]
    .into_iter()
    .map(|(name, type_id, payload)| {
        let mut writer = Writer::new();
        let mut out = message(&mut writer, 2, 1, &0x10_0000u32.to_be_bytes());
        out.extend(message(&mut writer, 3, type_id, &payload));
        (name, client(&out))
    })
    .collect()
}

fn connect(text: &[u8]) -> Vec<u8> {
    let mut out = call("connect", 1.0);
    out.push(3);
    for key in ["app", "tcUrl", "flashVer"] {
        out.extend((key.len() as u16).to_be_bytes());
        out.extend(key.as_bytes());
        out.extend(string(text));
    }
    out.extend([0, 0, 9]);
    out
}

/// What came of a whole run.
struct Run {
    json: usize,
    records: usize,
    findings: Vec<String>,
    took: Duration,
}

/// Decodes packets into JSON, masked, as the command does; `line` sees each line.
fn run(packets: &[Owned], limits: &Limits, line: impl FnMut(&[u8], &Record<'_>)) -> Run {
    run_with(Options::default(), packets, limits, line)
}

fn run_with(
    options: Options,
    packets: &[Owned],
    limits: &Limits,
    mut line: impl FnMut(&[u8], &Record<'_>),
) -> Run {
    let began = Instant::now();
    let mut inspector = Inspector::new(options, limits.clone());
    let mut redactor = Redactor::default();
    let mut writer = json::Writer::new(Shown::default(), Vec::new(), limits.clone());
    let mut run = Run { json: 0, records: 0, findings: Vec::new(), took: Duration::ZERO };
    let mut out = Vec::new();
    rig::traffic(packets, limits, &mut |traffic| {
        inspector.feed(&traffic, &mut |record| {
            if let Event::Finding(finding) = record.event {
                run.findings.push(finding.code.to_owned());
            }
            redactor.pass(record, &mut |record| {
                out.clear();
                writer.record(&mut out, record);
                run.json += out.len();
                run.records += 1;
                line(&out, record);
            });
        });
    });
    run.took = began.elapsed();
    run
}

#[test]
fn hostile_input_ends_in_time_and_in_lines_of_strict_json() {
    for (name, packets) in hostile(300_000) {
        let bytes: usize = packets.iter().map(|packet| packet.data.len()).sum();
        let run = run(&packets, &Limits::default(), |line, _| {
            assert_eq!(line.last(), Some(&b'\n'), "{name}");
            // Deep values are cut long before this reader's own limit.
            let parsed = serde_json::from_slice::<serde_json::Value>(line);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
            assert!(line.len() < (2 << 20), "{name}: a line of {} bytes", line.len());
        });
        println!(
            "{name}: {bytes} bytes, {} records, {} bytes of JSON, {:?}",
            run.records, run.json, run.took
        );
        // Against what never ends or goes with the square of the bytes: minutes at this size. An optimised build takes
        // less than a second for each; one without optimisation, beside other work, may take half a minute.
        assert!(run.took < Duration::from_secs(90), "{name}: {:?}", run.took);
        assert!(run.json < 256 << 20, "{name}");
    }
}

/// What no peer may put into an output: controls, escapes, C1, direction marks, line separators.
fn hazard(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A session in which every string is made of what must not come out.
fn steering() -> Vec<Owned> {
    let evil = "\u{1b}[2J\u{9b}31m\r\n#1 forged\x07\x08\x7f\0\u{202e}\u{2066}\u{61c}\u{200f}\u{2028}\u{2029}\u{85}\t";
    let name = |text: &str| {
        let mut out = (text.len() as u16).to_be_bytes().to_vec();
        out.extend(text.as_bytes());
        out
    };
    let typed = {
        let mut out = vec![16];
        out.extend(name(evil));
        out.extend(name(evil));
        out.extend(string(evil.as_bytes()));
        out.extend([0, 0, 9]);
        out
    };
    let mut payloads = vec![connect(evil.as_bytes())];
    for command in ["_result", "publish", "play", "onStatus", "FCPublish", evil] {
        let mut payload = call(command, 1.0);
        payload.extend(typed.clone());
        payload.extend(string(evil.as_bytes()));
        payload.extend(string(&[0xff, 0x1b, 0x9b]));
        payload.extend(long_string(evil.as_bytes()));
        payload.push(15);
        payload.extend((evil.len() as u32).to_be_bytes());
        payload.extend(evil.as_bytes());
        payloads.push(payload);
    }
    let mut bytes = commands(payloads);
    let mut data = string(b"@setDataFrame");
    data.extend(string(b"onMetaData"));
    data.push(8);
    data.extend([0, 0, 0, 2]);
    data.extend(name("encoder"));
    data.extend(string(evil.as_bytes()));
    data.extend(name(evil));
    data.extend(typed);
    data.extend([0, 0, 9]);
    let mut writer = Writer::new();
    bytes.extend(message(&mut writer, 2, 1, &0x10_0000u32.to_be_bytes()));
    bytes.extend(message(&mut writer, 4, 18, &data));
    // FourCCs and shared objects carry text too.
    bytes.extend(message(&mut writer, 6, 9, b"\x90\x1b[2J...."));
    bytes.extend(message(&mut writer, 6, 9, b"\x96\x01\x1b\r\n\x9b...."));
    bytes.extend(message(&mut writer, 5, 8, b"\x90\n\x1b[m...."));
    bytes.extend(message(&mut writer, 5, 19, &name(evil)));
    bytes.extend(message(&mut writer, 7, 99, evil.as_bytes()));
    let mut both = Conversation::shaken(1);
    both.send_by(ClientToServer, &bytes, 60_000);
    both.send_by(ServerToClient, &bytes, 60_000);
    both.packets
}

#[test]
fn nothing_that_steers_a_terminal_comes_out_as_json() {
    for packets in [steering(), hostile(30_000).into_iter().flat_map(|(_, p)| p).collect()] {
        run(&packets, &Limits::default(), |line, _| {
            let text = std::str::from_utf8(line).expect("lines are UTF-8");
            assert!(!text.chars().any(hazard), "{text:?}");
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            serde_json::from_str::<serde_json::Value>(text).expect("strict JSON");
        });
    }
}

#[cfg(feature = "cli")]
#[test]
fn nothing_that_steers_a_terminal_comes_out_as_rows_and_none_can_be_forged() {
    use rtmpctl::output::table::{Style, Writer};
    for (masked, width) in [(true, None), (false, None), (false, Some(80)), (true, Some(20))] {
        let mut inspector = Inspector::new(Options::default(), Limits::default());
        let mut redactor = Redactor::default();
        let style = Style { color: false, width };
        let mut writer = Writer::new(style, Shown::default(), true, Vec::new());
        rig::traffic(&steering(), &Limits::default(), &mut |traffic| {
            inspector.feed(&traffic, &mut |record| {
                let mut print = |record: &Record<'_>| {
                    let mut out = Vec::new();
                    writer.record(&mut out, record);
                    let text = String::from_utf8(out).expect("rows are UTF-8");
                    assert!(!text.chars().any(hazard), "{text:?}");
                    // The first row comes with the column titles; a summary is a table.
                    let rows = text.lines().filter(|line| !line.starts_with("time (UTC)")).count();
                    assert!(rows <= 1 || matches!(record.event, Event::Summary(_)), "{text:?}");
                    assert!(!text.lines().any(|line| line.starts_with("#1 forged")), "{text:?}");
                };
                if masked { redactor.pass(record, &mut print) } else { print(record) }
            });
        });
    }
}

/// The findings of packets under limits.
fn findings(packets: &[Owned], limits: &Limits) -> Vec<String> {
    run(packets, limits, |_, _| {}).findings
}

fn count(findings: &[String], code: &str) -> usize {
    findings.iter().filter(|finding| *finding == code).count()
}

#[test]
fn all_unfinished_bytes_together() {
    // Two connections that each leave 100 bytes of a command unfinished, and what their chunk streams take.
    let packets: Vec<Owned> = (0..2)
        .flat_map(|n| {
            let mut one = Conversation::shaken(n);
            let mut bytes = header0(3, 5000, 20, 0);
            bytes.extend([2; 100]);
            one.send(ClientToServer, &bytes);
            one.packets
        })
        .collect();
    let over = |total_bytes| {
        let limits = Limits { total_bytes, ..Limits::default() };
        count(&findings(&packets, &limits), "limit.total-bytes")
    };
    let least = (0..10_000).find(|&total| over(total) == 0).expect("a limit that is enough");
    assert!(least > 200, "{least}");
    assert_eq!(over(least - 1), 1);
}

#[test]
fn the_same_finding() {
    let mut bytes = Vec::new();
    for _ in 0..20 {
        bytes.extend(header0(3, 1, 99, 0));
        bytes.push(0);
    }
    for (same_finding, reported) in [(20, 20), (19, 19), (1, 1)] {
        let limits = Limits { same_finding, ..Limits::default() };
        assert_eq!(count(&findings(&client(&bytes), &limits), "chunk.type-unknown"), reported);
    }
    assert_eq!(
        count(&findings(&client(&bytes.repeat(2)), &Limits::default()), "chunk.type-unknown"),
        20
    );
}

#[test]
fn rtmp_connections_at_once() {
    let packets: Vec<Owned> = (0..10).flat_map(|n| Conversation::shaken(n).packets).collect();
    for (rtmp_connections, given_up) in [(10, 0), (9, 1), (1, 9)] {
        let limits = Limits { rtmp_connections, ..Limits::default() };
        assert_eq!(count(&findings(&packets, &limits), "limit.rtmp-connections"), given_up);
    }
}

/// The messages of the connection from that client port, the end of its summary with them.
fn messages_of(packets: &[Owned], limits: &Limits, client: u16) -> (u32, Vec<String>) {
    let (mut mine, mut messages, mut findings) = (Vec::new(), 0, Vec::new());
    run(packets, limits, |_, record| match record.event {
        Event::Opened(opened) if opened.client.is_some_and(|end| end.port() == client) => {
            mine.extend(record.connection);
        }
        Event::Message(_) => {
            messages += u32::from(record.connection.is_some_and(|n| mine.contains(&n)))
        }
        Event::Finding(finding) if record.connection.is_some_and(|n| mine.contains(&n)) => {
            findings.push(finding.code.to_owned());
        }
        _ => {}
    });
    (messages, findings)
}

/// Ten messages before `between`, and ten behind it; the client's port is 10,000.
fn around(between: impl IntoIterator<Item = Owned>) -> Vec<Owned> {
    let mut good = Conversation::shaken(0);
    let mut writer = Writer::new();
    let ten: Vec<u8> =
        (0..10).flat_map(|_| message(&mut writer, 4, 8, &[0xaf, 1, 2, 3, 4])).collect();
    good.send(ClientToServer, &ten);
    let mut packets = good.packets.split_off(0);
    packets.extend(between);
    good.send(ClientToServer, &ten);
    packets.extend(good.packets);
    packets
}

#[test]
fn connections_that_carry_nothing_push_out_none_that_does() {
    let limits = Limits { rtmp_connections: 10, ..Limits::default() };
    let mut c0 = vec![0; 1537];
    c0[0] = 3;
    let silent = (1..100).map(|n| Conversation::new(n).packets.swap_remove(0));
    let short = (1..100).flat_map(|n| {
        let mut one = Conversation::new(n);
        one.send(ClientToServer, &c0);
        one.packets
    });
    for packets in [around(silent), around(short)] {
        let (messages, mut codes) = messages_of(&packets, &limits, 10_000);
        codes.retain(|code| code.starts_with("limit.") || code.starts_with("tcp."));
        assert_eq!((messages, codes), (20, vec!["tcp.round-trip".to_owned()]));
    }
    // Each that is given up says so.
    let silent: Vec<_> = (1..20).map(|n| Conversation::new(n).packets.swap_remove(0)).collect();
    assert_eq!(count(&findings(&silent, &limits), "limit.rtmp-connections"), 9);
    // Those that do carry something may, and what goes on is read from there.
    let others = (1..100).flat_map(|n| Conversation::shaken(n).packets);
    let (messages, findings) = messages_of(&around(others), &limits, 10_000);
    assert!(messages >= 19, "{messages}");
    assert_eq!(count(&findings, "limit.rtmp-connections"), 1);
}

#[test]
fn connections_that_carry_nothing_are_counted_beyond_the_limit() {
    for (silent_connections, extra, listed, said) in
        [(10, 0, 11, 0), (10, 1, 11, 1), (0, 0, 1, 1), (0, 5, 1, 1), (20, 5, 16, 0)]
    {
        let limits = Limits { silent_connections, ..Limits::default() };
        let silent = (1..=10 + extra).map(|n| Conversation::new(n).packets.swap_remove(0));
        let mut packets: Vec<Owned> = silent.collect();
        packets.extend(Conversation::shaken(0).packets);
        let (mut numbers, mut text) = (Vec::new(), None);
        let run = run(&packets, &limits, |_, record| match record.event {
            Event::Opened(_) => numbers.extend(record.connection),
            Event::Finding(finding) if finding.code == "limit.silent-connections" => {
                text = Some(finding.message.clone());
            }
            _ => {}
        });
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=listed).collect::<Vec<_>>(), "{silent_connections} {extra}");
        assert_eq!(count(&run.findings, "limit.silent-connections"), said);
        if let Some(text) = text {
            let beyond = 10 + extra - silent_connections;
            assert!(text.starts_with(&format!("{beyond} further TCP connections")), "{text}");
        }
    }
}

#[test]
fn what_others_hold_costs_nobody_else() {
    // Others wait for what never comes; of this one two segments change places.
    let holes = (1..40).flat_map(|n| {
        let mut one = Conversation::shaken(n);
        one.skip(ClientToServer, 1);
        one.send(ClientToServer, &[0; 1000]);
        one.packets
    });
    let mut packets = around(holes);
    let mut good = Conversation::shaken(0);
    let first: usize = around([]).len();
    assert!(first > good.packets.len());
    good.packets.clear();
    let last = packets.len() - 1;
    let cut = packets[last].clone();
    // Its last segment in two, the second one first.
    let at = 54 + 40;
    let (mut head, mut tail) = (cut.clone(), cut);
    head.data.truncate(at);
    head.data[16..18].copy_from_slice(&80u16.to_be_bytes());
    let rest = tail.data.split_off(at);
    tail.data.truncate(54);
    tail.data.extend(rest);
    let length = (tail.data.len() - 14) as u16;
    tail.data[16..18].copy_from_slice(&length.to_be_bytes());
    let sequence = u32::from_be_bytes(tail.data[38..42].try_into().unwrap()) + 40;
    tail.data[38..42].copy_from_slice(&sequence.to_be_bytes());
    packets.truncate(last);
    packets.extend([tail, head]);
    for reorder_total in [1 << 20, 39 * 1096, 20_000] {
        let limits = Limits { reorder_total, ..Limits::default() };
        let (messages, findings) = messages_of(&packets, &limits, 10_000);
        assert_eq!((messages, count(&findings, "tcp.out-of-order")), (20, 1), "{reorder_total}");
    }

    // Others leave messages unfinished, one of them very long ones; this one does so for a while.
    for (n, total_bytes) in [(1, 64 << 10), (40, 1 << 20)] {
        let unfinished = (1..=n).flat_map(|n| {
            let mut one = Conversation::shaken(n);
            one.send(
                ClientToServer,
                &message(&mut Writer::new(), 2, 1, &0x10_0000u32.to_be_bytes()),
            );
            let mut bytes = header0(3, 100_000, 20, 0);
            bytes.extend(vec![2; 90_000]);
            one.send(ClientToServer, &bytes);
            one.packets
        });
        let mut packets = around(unfinished);
        let mut after = Conversation::shaken(77);
        let mut writer = Writer::new();
        for _ in 0..3 {
            after.send(ClientToServer, &message(&mut writer, 5, 20, &[5; 5_000]));
        }
        packets.extend(after.packets);
        let limits = Limits { total_bytes, ..Limits::default() };
        for (client, sent) in [(10_000, 20), (10_077, 3)] {
            let (messages, findings) = messages_of(&packets, &limits, client);
            assert_eq!(
                (messages, count(&findings, "limit.total-bytes")),
                (sent, 0),
                "{n} {client}"
            );
        }
    }
}

#[test]
fn tracks_of_a_connection() {
    let mut bytes = Vec::new();
    for stream in 1..=5u8 {
        bytes.extend(header0(4, 2, 8, u32::from(stream)));
        bytes.extend([0xaf, 1]);
    }
    for (tracks, counted) in [(5, 5), (4, 4), (6, 5)] {
        let limits = Limits { tracks, ..Limits::default() };
        let mut seen = None;
        let run = run(&client(&bytes), &limits, |_, record| {
            if let Event::Summary(summary) = record.event {
                seen = Some(summary.tracks.len());
            }
        });
        assert_eq!(seen, Some(counted));
        assert_eq!(count(&run.findings, "limit.tracks"), usize::from(tracks < 5), "said once");
    }
}

#[test]
fn what_commands_say() {
    let packets: Vec<Owned> = (0..3)
        .flat_map(|n| {
            let mut one = Conversation::shaken(n);
            one.send(ClientToServer, &commands([connect(&[b'a'; 1000])]));
            one.packets
        })
        .collect();
    let remembered = |session_bytes| {
        let limits = Limits { session_bytes, ..Limits::default() };
        let (mut apps, mut commands) = (0, 0);
        let run = run(&packets, &limits, |_, record| match record.event {
            Event::Summary(summary) => apps += usize::from(summary.app.is_some()),
            Event::Message(message) => commands += usize::from(message.raw.type_id == 20),
            _ => {}
        });
        assert_eq!(commands, 3, "all are decoded");
        assert_eq!(apps + count(&run.findings, "limit.session-bytes"), 3);
        apps
    };
    let one = (0..10_000).find(|&bytes| remembered(bytes) == 2).expect("a limit for two") - 1;
    assert!(one > 3_000, "{one}");
    assert_eq!([remembered(0), remembered(1), remembered(one), remembered(one + 1)], [0, 1, 1, 2]);
    assert_eq!(remembered(1 << 20), 3);
}

#[test]
fn pending_calls() {
    let mut both = Conversation::shaken(1);
    both.send(ClientToServer, &commands((1..=3).map(|id| call("q", f64::from(id)))));
    both.send(ServerToClient, &commands((1..=3).map(|id| call("_result", f64::from(id)))));
    for (pending_calls, answers) in [(3, 3), (2, 2), (4, 3)] {
        let limits = Limits { pending_calls, ..Limits::default() };
        let mut answered = 0;
        let run = run(&both.packets, &limits, |_, record| {
            if let Event::Message(message) = record.event {
                answered += usize::from(message.reply_to.is_some());
            }
        });
        assert_eq!(answered, answers);
        assert_eq!(
            count(&run.findings, "limit.pending-calls"),
            usize::from(pending_calls < 3),
            "said once"
        );
    }
}

#[test]
fn bytes_searched_after_a_loss() {
    // A valid stretch behind a place that looks like a long message: the window that holds it must slide on.
    let mut bytes = vec![0xff; 40];
    bytes.extend(vec![0x55; 20_000]);
    let at = bytes.len();
    let mut writer = Writer::new();
    for _ in 0..40 {
        bytes.extend(message(&mut writer, 4, 8, &[0xaf, 1, 2, 3, 4]));
    }
    for resync_bytes in [4_000, 20_000, 1 << 20] {
        let limits = Limits { resync_bytes, ..Limits::default() };
        let mut messages = 0;
        run(&client(&bytes), &limits, |_, record| {
            messages += usize::from(matches!(record.event, Event::Message(_)));
        });
        assert_eq!(messages, 40, "{resync_bytes} bytes searched, {at} to skip");
    }
}

#[test]
fn a_head_of_media_and_all_of_it() {
    let bytes = message(&mut Writer::new(), 6, 9, &[0x27, 1, 0, 0, 0, 9, 9, 9, 9, 9]);
    for (media_head, kept) in [(10, 10), (9, 9), (5, 5), (64, 10)] {
        let limits = Limits { media_head, ..Limits::default() };
        let mut seen = 0;
        run(&client(&bytes), &limits, |_, record| {
            if let Event::Message(message) = record.event {
                seen = message.raw.payload.len();
            }
        });
        assert_eq!(seen, kept);
    }
}

#[test]
fn printed_values_of_a_message() {
    for payload in [doubling(), repeating()] {
        let packets = client(&commands([payload]));
        for amf_output in [1_000, 100_000, 1 << 20] {
            let limits = Limits { amf_output, ..Limits::default() };
            run(&packets, &limits, |line, _| {
                assert!(line.len() < amf_output + 4096, "{} for {amf_output}", line.len());
            });
        }
    }
}

/// Filters come before masking in what is shown, and not in what is known.
#[cfg(feature = "cli")]
#[test]
fn a_key_in_a_call_that_is_not_shown_is_masked_in_the_answer() {
    let mut both = Conversation::shaken(1);
    let mut publish = call("publish", 5.0);
    publish.push(5);
    publish.extend(string(b"k3y-of-mine"));
    both.send(ClientToServer, &commands([publish]));
    let mut status = call("onStatus", 0.0);
    status.push(5);
    status.extend(string(b"k3y-of-mine is now published"));
    both.send(ServerToClient, &commands([status]));
    let path = std::env::temp_dir().join(format!("rtmpctl-limits-{}.pcap", std::process::id()));
    std::fs::write(&path, rig::file(&both.packets)).unwrap();
    for options in [&["--direction", "s2c"][..], &["--payload", "base64"], &["--only", "command"]] {
        for format in ["json", "table"] {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
                .args(["decode", "-f", format])
                .args(options)
                .arg(&path)
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("is now published"), "{options:?}: {text}");
            assert!(!text.contains("k3y-of-mine"), "{options:?}: {text}");
        }
    }
    std::fs::remove_file(&path).unwrap();
}

/// What is shown of a conversation with its payloads, in every form.
#[cfg(feature = "cli")]
fn shown(name: &str, packets: &[Owned]) -> String {
    let name = format!("rtmpctl-{name}-{}.pcap", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, rig::file(packets)).unwrap();
    let mut out = String::new();
    for format in ["json", "table"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
            .args(["decode", "-f", format, "--payload", "hex"])
            .arg(&path)
            .output()
            .unwrap();
        out.push_str(&String::from_utf8(output.stdout).unwrap());
    }
    std::fs::remove_file(&path).unwrap();
    out
}

#[cfg(feature = "cli")]
#[test]
fn secrets_are_masked_wherever_a_peer_puts_them() {
    const KEY: &[u8] = b"k3y-of-mine-0123";
    let with = |name: &str, argument: &[u8]| [&call(name, 5.0), &[5][..], argument].concat();
    let object = |key: &[u8], value: &[u8]| {
        let length = (key.len() as u16).to_be_bytes();
        [&[3], &length[..], key, &string(value), &[0, 0, 9]].concat()
    };
    let cut = [&[2, 0, 99][..], KEY].concat();
    let announced = with("FCPublish", &string(KEY));
    for (direction, type_id, payload) in [
        (ClientToServer, 20, with("play2", &object(b"oldStreamName", KEY))),
        (ClientToServer, 20, with("secureTokenResponse", &string(KEY))),
        // A name that cannot be read to its end.
        (ClientToServer, 20, with("FCPublish", &cut)),
        (ServerToClient, 20, with("onFCPublish", &object(b"description", KEY))),
        (ServerToClient, 18, [string(b"onStatus"), object(b"details", KEY)].concat()),
        (
            ClientToServer,
            18,
            [string(b"onMetaData"), object(b"url", &[b"rtmp://h/live?t=", KEY].concat())].concat(),
        ),
    ] {
        let mut both = Conversation::shaken(1);
        if direction == ServerToClient {
            both.send(ClientToServer, &commands([announced.clone()]));
        }
        let mut writer = Writer::new();
        both.send(direction, &message(&mut writer, 3, type_id, &payload));
        let text = shown("masks", &both.packets);
        let name = String::from_utf8_lossy(&payload[3..12]);
        assert!(text.contains("**"), "{name}: {text}");
        assert!(!text.contains("3y-of-mine"), "{name}: {text}");
        assert!(!text.contains("2d6f662d"), "{name}: {text}");
        assert!(!text.contains("2d 6f 66"), "{name}: {text}");
    }
}

#[test]
fn a_hole_at_the_very_end_is_a_gap_and_nothing_else() {
    let mut both = Conversation::shaken(1);
    both.send(ClientToServer, &commands([call("x", 1.0)]));
    let whole = both.packets.len();
    both.send(ClientToServer, &commands([call("y", 2.0)]));
    both.acknowledge(ClientToServer);
    both.packets.remove(whole);
    let mut gaps = 0;
    let run = run_with(rig::unjudged(), &both.packets, &Limits::default(), |_, record| {
        gaps += u32::from(matches!(record.event, Event::Gap(_)));
    });
    assert_eq!(gaps, 1);
    assert_eq!(run.findings, ["tcp.round-trip"]);
}

/// On a port of its own, a connection seen from the middle is not made into one that begins: a chunk on chunk stream 3
/// begins with the byte of C0.
#[test]
fn a_chunk_is_no_handshake_where_the_beginning_was_not_captured() {
    let mut both = Conversation::shaken(1);
    let inside = both.packets.len();
    for _ in 0..20 {
        for direction in [ClientToServer, ServerToClient] {
            let payload = [call("createStream", 2.0), vec![5; 100]].concat();
            both.send(direction, &message(&mut Writer::new(), 3, 20, &payload));
        }
    }
    for packet in &mut both.packets {
        for at in [34, 36] {
            if packet.data[at..at + 2] == 1935u16.to_be_bytes() {
                packet.data[at..at + 2].copy_from_slice(&8080u16.to_be_bytes());
            }
        }
    }
    let records = |packets| run(packets, &Limits::default(), |_, _| {}).records;
    assert!(records(&both.packets) > 40);
    assert_eq!(records(&both.packets[inside..]), 0);
}
