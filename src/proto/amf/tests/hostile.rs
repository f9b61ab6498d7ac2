//! Counts that lie, nesting, and limits at the limit and one further.

use super::*;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Runs where a tokio worker would: on a stack of 2 MiB.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(run);
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}

/// A name, what comes first, what opens one level, what closes it.
type Nest = (&'static str, &'static [u8], &'static [u8], &'static [u8]);

const NESTS: [Nest; 7] = [
    ("object", b"", b"\x03\x00\x01a", b"\0\0\x09"),
    ("typed object", b"", b"\x10\x00\x01C\x00\x01a", b"\0\0\x09"),
    ("ECMA array", b"", b"\x08\0\0\0\x01\x00\x01a", b"\0\0\x09"),
    ("strict array", b"", b"\x0a\0\0\0\x01", b""),
    ("AMF3 array", b"\x11", b"\x09\x03\x01", b""),
    ("AMF3 vector", b"\x11", b"\x10\x03\x00\x01", b""),
    ("AMF3 dictionary", b"\x11", b"\x11\x03\x00\x01", b""),
];

fn nested(prefix: &[u8], open: &[u8], close: &[u8], levels: usize) -> Vec<u8> {
    // Null has another marker in AMF3.
    let null: &[u8] = if prefix.is_empty() { &[5] } else { &[1] };
    [prefix, &open.repeat(levels), null, &close.repeat(levels), b"\x02\x00\x04next"].concat()
}

/// How many containers are inside each other, and whether a cut is in the innermost.
fn depth(value: &Value) -> (usize, bool) {
    let (mut value, mut depth) = (value.inner(), 0);
    loop {
        let next = match value {
            Value::Dictionary { entries, .. } => entries.first().map(|(_, value)| value),
            _ => value.entries().next().map(|(_, value)| value).or_else(|| value.items().first()),
        };
        match next {
            Some(next) => (value, depth) = (next, depth + 1),
            None => return (depth, matches!(value, Value::Cut(_))),
        }
    }
}

#[test]
fn nesting_is_cut_at_the_limit_and_the_message_goes_on() {
    on_small_stack(|| {
        for (name, prefix, open, close) in NESTS {
            for levels in [1, 10, 64, 65, 1000, 3_000_000] {
                let bytes = nested(prefix, open, close, levels);
                let started = Instant::now();
                let (values, fault, cut) = decode_all(&bytes);
                assert!(started.elapsed() < Duration::from_secs(20), "{name} {levels}");
                assert_eq!(fault, None, "{name} {levels}");
                assert_eq!(values[1..], [s("next")], "{name} {levels}");
                assert_eq!(depth(&values[0]), (levels.min(64), levels > 64), "{name} {levels}");
                let at = prefix.len() + 64 * open.len();
                assert_eq!(
                    cut,
                    (levels > 64).then(|| Fault::limit(at, "AMF nesting", "amf_depth"))
                );
                assert_eq!(encode_all(&values), bytes);
            }
        }
    });
}

#[test]
fn nesting_without_an_end_stops_at_the_limit() {
    on_small_stack(|| {
        for (name, prefix, open, _) in NESTS {
            if name == "ECMA array" {
                continue;
            }
            let bytes = [prefix, &open.repeat(1_000_000)].concat();
            let (values, fault, _) = decode_all(&bytes);
            assert_eq!(depth(&values[0]), (64, true), "{name}");
            let at = prefix.len() + 64 * open.len();
            assert_eq!(fault, Some(Fault::limit(at, "AMF nesting", "amf_depth")), "{name}");
        }
    });
}

#[test]
fn nested_amf3_objects_keep_their_traits_and_strings() {
    // The first object brings the traits and the name, the others refer to them.
    let mut bytes = b"\x11\x0a\x0b\x01\x03a".to_vec();
    bytes.extend(b"\x0a\x01\x00".repeat(3_000_000));
    bytes.extend(b"\x06\x03b");
    bytes.extend(b"\x01".repeat(3_000_001));
    // The string "b" was in the part that is cut, and is referred to behind it.
    bytes.extend(b"\x11\x06\x02");
    on_small_stack(move || {
        let (values, fault, cut) = decode_all(&bytes);
        assert_eq!((fault, cut.is_some()), (None, true));
        assert_eq!(values[1].as_str(), Some("b"));
        assert_eq!(depth(&values[0]), (64, true));
        assert_eq!(encode_all(&values), bytes);
    });
}

#[test]
fn nested_flex_messages_are_skipped_group_by_group() {
    // Each message holds the next as its body, and ends with an empty second group.
    let mut bytes = b"\x11\x0a\x07\x07DSA\x01".to_vec();
    bytes.extend(b"\x0a\x01\x01".repeat(1_000_000));
    bytes.push(1);
    bytes.extend(b"\x00".repeat(1_000_001));
    bytes.extend(b"\x02\x00\x04next");
    on_small_stack(move || {
        let (values, fault, cut) = decode_all(&bytes);
        assert_eq!((fault, cut.is_some()), (None, true));
        assert_eq!(depth(&values[0]), (64, true));
        assert_eq!(values[1], s("next"));
        assert_eq!(encode_all(&values), bytes);
    });
}

#[test]
fn many_deep_siblings_take_linear_time() {
    let deep = nested(b"", b"\x03\x00\x01a", b"\0\0\x09", 100);
    let deep = &deep[..deep.len() - 7];
    let count = 1000;
    let bytes = [&b"\x0a\0\0\x03\xe8"[..], &deep.repeat(count)].concat();
    let (values, fault, cut) = decode_all(&bytes);
    assert_eq!((values[0].items().len(), fault, cut.is_some()), (count, None, true));
    assert_eq!(encode_all(&values), bytes);
}

#[test]
fn declared_counts_are_not_believed() {
    for (bytes, fault) in [
        (&b"\x0a\xff\xff\xff\xff\x05"[..], Fault::short(6, "AMF0 marker", 1, 0)),
        (b"\x0c\xff\xff\xff\xf0x", Fault::short(5, "AMF0 long string", 0xffff_fff0, 1)),
        (b"\x11\x0c\xff\xff\xff\xffx", Fault::short(6, "AMF3 byte array", 0x0fff_ffff, 1)),
        (b"\x11\x0f\xff\xff\xff\xff\x00x", Fault::short(7, "AMF3 double vector", 0x7fff_fff8, 1)),
        (b"\x11\x09\xff\xff\xff\xff\x01\x01", Fault::short(8, "AMF3 marker", 1, 0)),
        (b"\x11\x11\xff\xff\xff\xff\x01\x01", Fault::short(8, "AMF3 marker", 1, 0)),
        (b"\x11\x0a\x07\x07DSA\xff\xff\xff\xff\xff\xff\xff\xff\xff", {
            Fault::broken(7, "Flex message flags", "they do not end")
        }),
        (b"\x11\x0a\xff\xff\xff\xfb\x01\x01", Fault::short(8, "AMF3 member name", 1, 0)),
    ] {
        assert_eq!(decode_all(bytes).1, Some(fault));
    }
    let (values, fault, _) = decode_all(b"\x0a\xff\xff\xff\xff\x05\x06");
    assert_eq!(values[0].items()[..2], [Value::Null, Value::Undefined]);
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Short { needed: 1, had: 0 }));
}

#[test]
fn values_are_counted() {
    for (count, limited) in [(65_535_u32, false), (65_536, true)] {
        let bytes = [&[0x0a], &count.to_be_bytes()[..], &vec![5; count as usize]].concat();
        let (values, fault, _) = decode_all(&bytes);
        assert_eq!(values[0].items().len(), count as usize);
        let at = 5 + 65_535;
        assert_eq!(fault, limited.then(|| Fault::limit(at, "AMF0 value", "amf_values")));
        assert_eq!(encode_all(&values), bytes);
    }
}

#[test]
fn names_are_counted_even_where_values_are_skipped() {
    // 65 arrays deep, then one with more strings than a message may have.
    let mut bytes =
        [&b"\x11"[..], &b"\x09\x03\x01".repeat(64), b"\x09\xff\xff\xff\xff\x01"].concat();
    bytes.extend(b"\x06\x03a".repeat(100_000));
    let (values, fault, _) = decode_all(&bytes);
    assert_eq!(depth(&values[0]), (64, true));
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Limit("amf_depth")));
}
