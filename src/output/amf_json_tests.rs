use super::*;
use crate::Limits;
use crate::proto::{
    amf::{Budget, amf0},
    cursor::Cursor,
};
use proptest::prelude::*;

fn decode_all(bytes: &[u8]) -> Vec<Value> {
    let (mut cursor, mut budget) = (Cursor::new(bytes), Budget::new(&Limits::default()));
    let mut values = Vec::new();
    while cursor.remaining() > 0 {
        let decoded = amf0::decode(&mut cursor, &mut budget);
        values.push(decoded.value);
        if decoded.fault.is_some() {
            break;
        }
    }
    values
}

fn json_with(values: &[Value], limits: &Limits) -> String {
    let mut out = Vec::new();
    write_values(&mut out, values, &mut Context::of(values, limits));
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&out);
    assert!(parsed.is_ok(), "{parsed:?}");
    String::from_utf8_lossy(&out).into_owned()
}

fn json(bytes: &[u8]) -> String {
    json_with(&decode_all(bytes), &Limits::default())
}

fn inline(value: &Value, max: usize) -> String {
    let mut out = String::new();
    write_inline(&mut out, value, max);
    out
}

#[test]
fn every_kind_of_value() {
    for (bytes, expected) in [
        (&b"\x05\x06\x0d\x04\x0e"[..], "[null,null,null,null,null]"),
        (b"\x01\x01\x01\x00", "[true,false]"),
        (b"\x02\x00\x02hi\x0c\0\0\0\x02hi", r#"["hi","hi"]"#),
        (b"\x02\x00\x02\xff\xfe", r#"[{"$bytes":"//4="}]"#),
        (
            b"\x03\x00\x01b\x05\x00\x01a\x05\x00\x01b\x06\0\0\x09",
            r#"[{"b":null,"a":null,"b":null}]"#,
        ),
        (b"\x08\0\0\0\x09\x00\x01a\x05\0\0\x09", r#"[{"a":null}]"#),
        (b"\x0a\0\0\0\x02\x05\x05", "[[null,null]]"),
        (b"\x0b\0\0\0\0\0\0\0\0\0\0", r#"[{"$date":"1970-01-01T00:00:00.000Z"}]"#),
        (b"\x0b\0\0\0\0\0\0\0\0\xff\xc4", r#"[{"$date":"1970-01-01T00:00:00.000Z","$zone":-60}]"#),
        (b"\x0b\x7f\xf8\0\0\0\0\0\0\0\0", r#"[{"$date":{"$number":"NaN"}}]"#),
        (b"\x0b\x43\xab\xc1\x6d\x67\x4e\xc8\0\0\0", r#"[{"$date":1000000000000000000}]"#),
        (b"\x0f\0\0\0\x04<a/>", r#"["<a/>"]"#),
        (b"\x10\x00\x01C\x00\x01a\x05\0\0\x09", r#"[{"$class":"C","a":null}]"#),
        // An object that contains itself, one that is referred to, one that does not exist.
        (b"\x03\x00\x01a\x07\0\0\0\0\x09", r#"[{"a":{"a":{"$cut":"cycle"}}}]"#),
        (b"\x03\0\0\x09\x0a\0\0\0\x01\x05\x07\0\x01\x07\0\x02", "[{},[null],[null],null]"),
        (b"\x11\x04\xff\xff\xff\xff\x11\x06\x03a\x11\x06\x00", r#"[-1,"a","a"]"#),
        (b"\x11\x09\x03\x01\x03", "[[true]]"),
        (b"\x11\x09\x03\x03a\x01\x01\x03", r#"[{"a":null,"0":true}]"#),
        (b"\x11\x0a\x1b\x03C\x03x\x01\x03y\x03\x01", r#"[{"$class":"C","x":null,"y":true}]"#),
        (b"\x11\x0a\x0b\x01\x03y\x03\x01\x11\x0a\x00", r#"[{"y":true},{"y":true}]"#),
        (b"\x11\x0a\x07\x07C.D\x01\x02", r#"[{"$class":"C.D","$bytes":"AQI="}]"#),
        (
            b"\x11\x0a\x07\x07DSK\x11\x03\x06\x03m\x00\x00",
            r#"[{"$class":"DSK","body":true,"messageId":"m"}]"#,
        ),
        // The message is the first object, its body the second, which is referred to.
        (
            b"\x11\x0a\x07\x07DSK\x01\x0a\x0b\x01\x03a\x03\x01\x00\x00\x11\x0a\x02",
            r#"[{"$class":"DSK","body":{"a":true}},{"a":true}]"#,
        ),
        (
            b"\x11\x0a\x07\x3bflex.messaging.io.ObjectProxy\x0a",
            r#"[{"$class":"flex.messaging.io.ObjectProxy","$value":{"$cut":"malformed"}}]"#,
        ),
        (
            b"\x11\x0a\x07\x3bflex.messaging.io.ObjectProxy\x04\x01",
            r#"[{"$class":"flex.messaging.io.ObjectProxy","$value":1}]"#,
        ),
        (b"\x11\x0c\x05\x00\xff", r#"[{"$bytes":"AP8="}]"#),
        (
            b"\x11\x0d\x03\x00\xff\xff\xff\xff\x11\x0e\x03\x00\xff\xff\xff\xff",
            "[[-1],[4294967295]]",
        ),
        (b"\x11\x0f\x03\x00\x7f\xf0\0\0\0\0\0\0", r#"[[{"$number":"Infinity"}]]"#),
        (b"\x11\x11\x03\x00\x06\x03a\x03", r#"[{"a":true}]"#),
        (b"\x11\x11\x03\x00\x04\x01\x03", "[[[1,true]]]"),
        (b"\x02\x00\x04live\x02\x00\x09x", r#"["live",{"$cut":"malformed"}]"#),
        (b"\x02\x00\x09\x1b\x22\\\n\x7f\xc2\x9b\xc3\xa9", r#"["\u001b\"\\\n\u007f\u009bé"]"#),
    ] {
        assert_eq!(json(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn numbers_are_exact_and_whole_ones_have_no_fraction() {
    for (number, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (-2.0, "-2"),
        (9_007_199_254_740_991.0, "9007199254740991"),
        (1_152_921_504_606_846_976.0, "1152921504606846976"),
        (1e300, "1e+300"),
        (f64::NEG_INFINITY, r#"{"$number":"-Infinity"}"#),
    ] {
        let mut out = Vec::new();
        write_number(&mut out, number);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

#[test]
fn a_reference_bomb_is_cut() {
    // Each array is twice the one before: 2^25 values when written out.
    let mut bytes = b"\x0a\0\0\0\x01\x05".to_vec();
    for index in 0..25_u8 {
        bytes.extend([0x0a, 0, 0, 0, 2, 7, 0, index, 7, 0, index]);
    }
    let text = json(&bytes);
    assert!(text.len() < (1 << 20) + 4096, "{}", text.len());
    assert!(text.contains(r#"{"$cut":"amf_output"}"#));
    assert!(text.starts_with("[[null],[[null],[null]],"));
}

#[test]
fn a_long_string_sent_often_is_cut_and_what_is_short_is_kept() {
    // One string of 400,000 bytes, then references to it, then a short one.
    let mut bytes = vec![0x11, 0x09, 0x0f, 0x01, 0x06];
    let head = 400_000_u32 << 1 | 1;
    bytes.extend([0x80 | (head >> 14) as u8, 0x80 | (head >> 7) as u8, head as u8 & 0x7f]);
    bytes.extend(b"x".repeat(400_000));
    bytes.extend([6, 0, 6, 0, 6, 0, 6, 0, 6, 3, b'y', 6, 2]);
    let text = json(&bytes);
    assert!(text.len() < 1 << 20);
    assert!(text.ends_with(
        r#"{"$cut":"amf_output"},{"$cut":"amf_output"},{"$cut":"amf_output"},"y","y"]]"#
    ));
}

#[test]
fn output_stays_json_at_every_limit() {
    let bytes = b"\x03\x00\x01a\x02\x00\x04live\x00\x01b\x0a\0\0\0\x02\x05\x05\x00\x01c\x10\x00\x01C\0\0\x09\0\0\x09\x05";
    let values = decode_all(bytes);
    for amf_output in 0..120 {
        for amf_depth in 0..4 {
            json_with(&values, &Limits { amf_output, amf_depth, ..Limits::default() });
        }
    }
}

#[test]
fn depth_in_json_is_bounded_through_references_and_pairs() {
    // Each array holds a reference to the one before.
    let mut bytes = b"\x0a\0\0\0\x01\x05".to_vec();
    for index in 0..1000_u16 {
        bytes.extend([0x0a, 0, 0, 0, 1, 7]);
        bytes.extend(index.to_be_bytes());
    }
    assert!(json(&bytes).contains(r#"{"$cut":"amf_depth"}"#));
    let dictionaries = [&b"\x11"[..], &b"\x11\x03\x00\x01".repeat(64), b"\x01"].concat();
    assert!(json(&dictionaries).contains(r#"{"$cut":"amf_depth"}"#));
    assert!(json(&[&b"\x0a\0\0\0\x01".repeat(65)[..], b"\x05\x05"].concat()).ends_with(",null]"));
    assert!(!json(&[&b"\x0a\0\0\0\x01".repeat(64)[..], b"\x05"].concat()).contains("cut"));
}

#[test]
fn references_behind_a_cut_keep_their_index() {
    // 70 arrays in each other are the objects 0 to 69, so the object behind them is 70.
    let bytes =
        [&b"\x0a\0\0\0\x01".repeat(70)[..], b"\x05\x03\x00\x01z\x05\0\0\x09\x07\0\x46\x07\0\x45"]
            .concat();
    assert!(json(&bytes).ends_with(r#",{"z":null},{"z":null},null]"#));
}

#[test]
fn one_line_forms() {
    for (bytes, expected) in [
        (
            &b"\x03\x00\x03app\x02\x00\x04live\x00\x04fpad\x01\x00\0\0\x09"[..],
            r#"{app="live" fpad=false}"#,
        ),
        (b"\x02\x00\x08a\"\x1b[2J\n\\", r#""a\"\x1b[2J\n\\""#),
        (b"\x02\x00\x05\xff\xe2\x80\xae!", r#""\xff\u{202e}!""#),
        (b"\x03\x00\x05a=\"b \x05\0\0\x05\0\0\x09", r#"{"a=\"b "=null ""=null}"#),
        (b"\x0a\0\0\0\x03\x05\x06\x07\0\0", "[null undefined <reference 0>]"),
        (b"\x10\x00\x01C\x00\x01a\x05\0\0\x09", "C{a=null}"),
        (b"\x11\x09\x03\x03a\x01\x01\x03", "{a=null [true]}"),
        (b"\x11\x0c\x05\x00\xff", "<2 bytes>"),
        (b"\x0b\x7f\xf8\0\0\0\0\0\0\0\0", "<date NaN>"),
        (b"\x03\x00\x01a\x02\x00\x09x", "{a=<cut: malformed>}"),
    ] {
        assert_eq!(inline(&decode_all(bytes)[0], 200), expected);
    }
    let long = Value::from("x".repeat(1_000_000).as_str());
    assert_eq!(inline(&long, 5), "\"xxx…");
    assert_eq!(inline(&"xxx".into(), 5), "\"xxx\"");
    assert_eq!(inline(&long, 0), "");
}

proptest! {
    #[test]
    fn json_of_any_bytes_is_strict_and_harmless(
        bytes in prop::collection::vec(prop_oneof![3 => 0..0x14_u8, 1 => any::<u8>()], 0..300),
        amf_output in 0..2000_usize,
    ) {
        let values = decode_all(&bytes);
        let text = json_with(&values, &Limits { amf_output, ..Limits::default() });
        prop_assert!(!text.contains(char::is_control));
        prop_assert!(text.len() < amf_output + 64 * 64);
        for value in &values {
            let line = inline(value, 80);
            prop_assert!(line.chars().count() <= 80 && !line.contains(char::is_control));
        }
    }

    #[test]
    fn any_double_reads_back(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let mut out = Vec::new();
        write_number(&mut out, number);
        let text = String::from_utf8_lossy(&out).into_owned();
        prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(number.to_bits()));
        prop_assert!(number.fract() != 0.0 || !text.contains('.') || text.contains('e'));
    }

    #[test]
    fn any_string_reads_back(text in any::<String>()) {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).ok(), Some(text));
    }
}
