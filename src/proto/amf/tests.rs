//! Both formats against bytes written by hand from the specifications, damaged input, hostile input and round trips.

use super::*;
use crate::{Limits, proto::cursor::Cursor, proto::fault::FaultKind};
use proptest::prelude::*;

mod hostile;
mod round_trip;

fn text(text: &str) -> Text {
    text.into()
}

fn s(text: &str) -> Value {
    text.into()
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Entries {
    entries.into_iter().map(|(key, value)| (text(key), value)).collect()
}

fn amf3(value: Value) -> Value {
    Value::Amf3(Box::new(value))
}

fn instance(
    class: &str,
    members: &[&str],
    dynamic: bool,
    sealed: Vec<Value>,
    rest: Entries,
) -> Instance {
    let members = members.iter().map(|name| text(name)).collect();
    let traits = Traits { class: text(class), members, dynamic, externalizable: false };
    Instance { traits: Arc::new(traits), sealed, dynamic: rest, external: None }
}

fn external(class: &str, external: External) -> Value {
    let traits = Traits { class: text(class), externalizable: true, ..Traits::default() };
    Value::Instance(Box::new(Instance {
        traits: Arc::new(traits),
        sealed: Vec::new(),
        dynamic: Entries::new(),
        external: Some(external),
    }))
}

/// Decodes all values of a message as a caller does.
fn decode_all(bytes: &[u8]) -> (Vec<Value>, Option<Fault>, Option<Fault>) {
    let (mut cursor, mut budget) = (Cursor::new(bytes), Budget::new(&Limits::default()));
    let (mut values, mut cut) = (Vec::new(), None);
    while cursor.remaining() > 0 {
        let decoded = amf0::decode(&mut cursor, &mut budget);
        values.push(decoded.value);
        cut = cut.or(decoded.cut);
        if decoded.fault.is_some() {
            return (values, decoded.fault, cut);
        }
    }
    (values, None, cut)
}

fn encode_all(values: &[Value]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    values.iter().for_each(|value| encoder.amf0(value, &mut out));
    out
}

fn amf0_table() -> Vec<(&'static [u8], Value)> {
    vec![
        (b"\x00\x3f\xf0\0\0\0\0\0\0", Value::Number(1.0)),
        (b"\x00\x80\0\0\0\0\0\0\0", Value::Number(-0.0)),
        (b"\x01\x01", Value::Boolean(true)),
        (b"\x01\x00", Value::Boolean(false)),
        (b"\x02\x00\x04live", s("live")),
        (b"\x02\x00\x00", s("")),
        (b"\x02\x00\x02\xff\xfe", Value::from(&b"\xff\xfe"[..])),
        (b"\x03\x00\x01a\x05\x00\x01a\x06\0\0\x09", {
            Value::Object(entries([("a", Value::Null), ("a", Value::Undefined)]))
        }),
        (b"\x03\0\0\x09", Value::Object(Entries::new())),
        (b"\x03\0\0\x05\0\0\x09", Value::Object(entries([("", Value::Null)]))),
        (b"\x04", Value::MovieClip),
        (b"\x05", Value::Null),
        (b"\x06", Value::Undefined),
        (b"\x07\x01\x02", Value::Reference(0x102)),
        (b"\x08\0\0\0\x01\x00\x01a\x05\0\0\x09", {
            Value::EcmaArray { declared: 1, entries: entries([("a", Value::Null)]), ended: true }
        }),
        (b"\x08\0\0\0\x00\x00\x01a\x05\0\0\x09", {
            Value::EcmaArray { declared: 0, entries: entries([("a", Value::Null)]), ended: true }
        }),
        (b"\x08\xff\xff\xff\xff\x00\x01a\x05", {
            Value::EcmaArray {
                declared: u32::MAX,
                entries: entries([("a", Value::Null)]),
                ended: false,
            }
        }),
        (b"\x0a\0\0\0\x02\x05\x06", Value::StrictArray(vec![Value::Null, Value::Undefined])),
        (b"\x0a\0\0\0\0", Value::StrictArray(vec![])),
        (b"\x0b\xbf\xf0\0\0\0\0\0\0\xff\xc4", Value::Date { ms: -1.0, zone: -60 }),
        (b"\x0c\0\0\0\x02hi", Value::LongString(text("hi"))),
        (b"\x0d", Value::Unsupported),
        (b"\x0e", Value::RecordSet),
        (b"\x0f\0\0\0\x04<a/>", Value::Xml(text("<a/>"))),
        (b"\x10\x00\x03C.D\x00\x01a\x05\0\0\x09", {
            Value::TypedObject { class: text("C.D"), entries: entries([("a", Value::Null)]) }
        }),
        (b"\x11\x01", amf3(Value::Null)),
    ]
}

fn amf3_table() -> Vec<(&'static [u8], Value)> {
    let shared = text("a");
    let traits =
        Arc::new(Traits { class: text("C"), members: vec![text("x")], ..Traits::default() });
    let of_class = |value| {
        let traits = Arc::clone(&traits);
        Value::Instance(Box::new(Instance {
            traits,
            sealed: vec![value],
            dynamic: Entries::new(),
            external: None,
        }))
    };
    vec![
        (b"\x00", Value::Undefined),
        (b"\x01", Value::Null),
        (b"\x02", Value::Boolean(false)),
        (b"\x03", Value::Boolean(true)),
        (b"\x04\x00", Value::Integer(0)),
        (b"\x04\x7f", Value::Integer(0x7f)),
        (b"\x04\x81\x00", Value::Integer(0x80)),
        (b"\x04\xff\x7f", Value::Integer(0x3fff)),
        (b"\x04\x81\x80\x00", Value::Integer(0x4000)),
        (b"\x04\xff\xff\x7f", Value::Integer(0x1f_ffff)),
        (b"\x04\x80\xc0\x80\x00", Value::Integer(0x20_0000)),
        (b"\x04\xbf\xff\xff\xff", Value::Integer(0x0fff_ffff)),
        (b"\x04\xc0\x80\x80\x00", Value::Integer(-0x1000_0000)),
        (b"\x04\xff\xff\xff\xff", Value::Integer(-1)),
        (b"\x05\x3f\xf0\0\0\0\0\0\0", Value::Number(1.0)),
        (b"\x06\x05hi", s("hi")),
        (b"\x06\x01", s("")),
        (b"\x07\x09<a/>", Value::XmlDocument(text("<a/>"))),
        (b"\x08\x01\x3f\xf0\0\0\0\0\0\0", Value::Timestamp(1.0)),
        (b"\x08\x02", Value::ObjectReference { marker: 8, index: 1 }),
        (b"\x09\x03\x03a\x01\x01\x03", {
            Value::Array { assoc: entries([("a", Value::Null)]), dense: vec![Value::Boolean(true)] }
        }),
        (b"\x09\x01\x01", Value::Array { assoc: vec![], dense: vec![] }),
        // A repeated string, as a reference and in full.
        (b"\x09\x05\x01\x06\x03a\x06\x00", {
            Value::Array {
                assoc: vec![],
                dense: vec![Value::String(shared.clone()), Value::String(shared)],
            }
        }),
        (
            b"\x09\x05\x01\x06\x03a\x06\x03a",
            Value::Array { assoc: vec![], dense: vec![s("a"), s("a")] },
        ),
        (b"\x0a\x0b\x01\x03a\x01\x01", {
            Value::Instance(Box::new(instance(
                "",
                &[],
                true,
                vec![],
                entries([("a", Value::Null)]),
            )))
        }),
        (b"\x0a\x1b\x03C\x03x\x01\x03y\x03\x01", {
            let rest = entries([("y", Value::Boolean(true))]);
            Value::Instance(Box::new(instance("C", &["x"], true, vec![Value::Null], rest)))
        }),
        // The second object refers to the traits of the first.
        (b"\x09\x05\x01\x0a\x13\x03C\x03x\x01\x0a\x01\x03", {
            Value::Array {
                assoc: vec![],
                dense: vec![of_class(Value::Null), of_class(Value::Boolean(true))],
            }
        }),
        (b"\x0a\x07\x43flex.messaging.io.ArrayCollection\x09\x01\x01", {
            let list = Value::Array { assoc: vec![], dense: vec![] };
            external("flex.messaging.io.ArrayCollection", External::Value(list))
        }),
        (b"\x0a\x07\x07DSA\x90\x01\x06\x03m\x0c\x03\x09\x02\x0c\x03\x08", {
            let bytes = |byte| Value::ByteArray([byte][..].into());
            external(
                "DSA",
                External::Message(FlexMessage {
                    flags: vec![vec![0x90, 1], vec![2]],
                    members: entries([
                        ("messageId", s("m")),
                        ("clientIdBytes", bytes(9)),
                        ("correlationIdBytes", bytes(8)),
                    ]),
                }),
            )
        }),
        (b"\x0a\x07\x07DSK\x01\x03\x00\x00", {
            external(
                "DSK",
                External::Message(FlexMessage {
                    flags: vec![vec![1], vec![0], vec![0]],
                    members: entries([("body", Value::Boolean(true))]),
                }),
            )
        }),
        (b"\x0a\x07\x07DSC\x44\x06\x03d\x04\x05\x01\x01\x21\x04\x0c\x01", {
            external(
                "DSC",
                External::Message(FlexMessage {
                    flags: vec![vec![0x44], vec![1], vec![0x21]],
                    members: entries([
                        ("destination", s("d")),
                        ("timeToLive", Value::Integer(5)),
                        ("correlationId", Value::Null),
                        ("operation", Value::Integer(12)),
                        ("reserved", Value::Null),
                    ]),
                }),
            )
        }),
        (b"\x0b\x09<a/>", Value::XmlString(text("<a/>"))),
        (b"\x0c\x05\x00\xff", Value::ByteArray([0, 255][..].into())),
        (
            b"\x0d\x05\x01\xff\xff\xff\xff\0\0\0\x02",
            Value::VectorInt { fixed: true, items: vec![-1, 2] },
        ),
        (
            b"\x0e\x03\x00\xff\xff\xff\xff",
            Value::VectorUint { fixed: false, items: vec![u32::MAX] },
        ),
        (
            b"\x0f\x03\x00\x3f\xf0\0\0\0\0\0\0",
            Value::VectorDouble { fixed: false, items: vec![1.0] },
        ),
        (b"\x10\x03\x00\x03C\x01", {
            Value::VectorObject { fixed: false, class: text("C"), items: vec![Value::Null] }
        }),
        (b"\x11\x03\x01\x04\x01\x06\x03a", {
            Value::Dictionary { weak: true, entries: vec![(Value::Integer(1), s("a"))] }
        }),
    ]
}

/// All rows of both tables, as AMF0.
fn table() -> Vec<(Vec<u8>, Value)> {
    let amf3 =
        amf3_table().into_iter().map(|(bytes, value)| ([&[0x11], bytes].concat(), amf3(value)));
    amf0_table().into_iter().map(|(bytes, value)| (bytes.to_vec(), value)).chain(amf3).collect()
}

#[test]
fn every_marker_decodes_and_encodes() {
    for (bytes, value) in table() {
        assert_eq!(decode_all(&bytes), (vec![value.clone()], None, None), "{bytes:02x?}");
        assert_eq!(encode_all(&[value]), bytes);
        // What was decoded keeps even the references.
        assert_eq!(encode_all(&decode_all(&bytes).0), bytes);
    }
}

#[test]
fn a_value_cut_at_any_byte_is_a_fault_inside_the_bytes() {
    for (bytes, value) in table() {
        for length in 1..bytes.len() {
            let (values, fault, cut) = decode_all(&bytes[..length]);
            // An ECMA array may end between two members.
            if let Value::EcmaArray { ended: false, .. } = values[0] {
                assert!(fault.is_none_or(|fault| fault.offset <= length));
                continue;
            }
            assert!(fault.is_some_and(|fault| fault.offset <= length), "{value:?} cut at {length}");
            assert_eq!((values.len(), cut), (1, None));
        }
    }
}

#[test]
fn nothing_that_was_read_before_a_fault_is_lost() {
    let (values, fault, _) =
        decode_all(b"\x03\x00\x03app\x02\x00\x04live\x00\x05tcUrl\x02\x00\x28rtmp:/");
    assert_eq!(values[0].get("app").and_then(Value::as_str), Some("live"));
    assert_eq!(fault, Some(Fault::short(23, "AMF0 string", 40, 6)));
    let Some(Value::Cut(cut)) = values[0].get("tcUrl") else { panic!("{values:?}") };
    assert_eq!((cut.reason, &*cut.bytes), (CutReason::Malformed, &b"\x02\x00\x28rtmp:/"[..]));

    let (values, fault, _) = decode_all(b"\x03\x00\x01a\x05");
    assert_eq!(values[0], Value::Object(entries([("a", Value::Null)])));
    assert_eq!(fault, Some(Fault::broken(5, "AMF0 object", "no end marker")));

    let (values, fault, _) = decode_all(b"\x0a\0\0\0\x03\x05\x20\x05");
    assert_eq!(values[0].items()[0], Value::Null);
    assert_eq!(fault, Some(Fault::invalid(6, "AMF0 marker", 0x20)));

    let (values, fault, _) = decode_all(b"\x11\x09\x05\x03k\x03\x01\x04\x05\x12");
    assert_eq!(values[0].get("k"), Some(&Value::Boolean(true)));
    assert_eq!(values[0].items()[0], Value::Integer(5));
    assert_eq!(fault, Some(Fault::invalid(9, "AMF3 marker", 0x12)));
}

#[test]
fn dangling_amf3_strings_and_traits_are_faults() {
    assert_eq!(decode_all(b"\x11\x06\x04").1, Some(Fault::invalid(2, "AMF3 string reference", 2)));
    assert_eq!(decode_all(b"\x11\x0a\x05").1, Some(Fault::invalid(3, "AMF3 traits reference", 1)));
}

#[test]
fn amf3_tables_belong_to_the_message() {
    let bytes = b"\x11\x06\x03a\x05\x11\x06\x00";
    let (values, fault, _) = decode_all(bytes);
    assert_eq!((&values[2], fault), (&amf3(s("a")), None));
    assert_eq!(encode_all(&values), bytes);
}

#[test]
fn an_unknown_externalizable_class_takes_the_rest_and_is_named() {
    let bytes = b"\x11\x0a\x07\x07C.D\x01\x02\x03";
    let (values, fault, _) = decode_all(bytes);
    assert_eq!(values, [amf3(external("C.D", External::Opaque([1, 2, 3][..].into())))]);
    assert_eq!(fault, Some(Fault::broken(7, "AMF3 externalizable object", amf3::OPAQUE)));
    assert_eq!(encode_all(&values), bytes);
}

#[test]
fn the_rest_of_the_number_of_an_externalizable_class_means_nothing() {
    // 26 bits that would be a dynamic class with 15 members.
    let bytes = b"\x11\x0a\x81\x7f\x43flex.messaging.io.ArrayCollection\x09\x01\x01\x05";
    let (values, fault, _) = decode_all(bytes);
    assert_eq!((values.len(), fault), (2, None));
    let Value::Instance(instance) = values[0].inner() else { panic!("{values:?}") };
    assert_eq!(instance.traits.members, []);
}

#[test]
fn values_of_the_other_format_become_the_nearest() {
    let mut out = Vec::new();
    amf0::encode(&Value::Integer(1), &mut out);
    assert_eq!(out, b"\x11\x04\x01");
    out.clear();
    let value = Value::TypedObject {
        class: text("C"),
        entries: entries([("a", Value::LongString(text("b")))]),
    };
    amf3::encode(&value, &mut out);
    assert_eq!(out, b"\x0a\x0b\x03C\x03a\x06\x03b\x01");
    out.clear();
    amf3::encode(&Value::Integer(1 << 28), &mut out);
    assert_eq!(out, b"\x05\x41\xb0\0\0\0\0\0\0");
    out.clear();
    amf0::encode(&Value::String(Text::from(&[b'x'; 65_536][..])), &mut out);
    assert_eq!(out[..6], *b"\x0c\0\x01\0\0x");
}

#[test]
fn accessors_see_through_both_formats() {
    let rest = entries([("y", s("dynamic")), ("y", Value::Integer(-3))]);
    let value =
        amf3(Value::Instance(Box::new(instance("C", &["x"], true, vec![true.into()], rest))));
    assert_eq!(value.get("x").and_then(Value::as_bool), Some(true));
    assert_eq!(value.get("y").and_then(Value::as_number), Some(-3.0));
    assert_eq!(value.entries().count(), 3);
    assert_eq!(value.get("z"), None);
    let bytes = b"\x11\x0a\x07\x07DSK\x10\x06\x03m\x00\x00";
    let (values, ..) = decode_all(bytes);
    assert_eq!(values[0].get("messageId").and_then(Value::as_str), Some("m"));
    assert_eq!(Value::from(&b"\xff"[..]).as_str(), None);
}
