//! Arbitrary values and arbitrary bytes.

use super::*;
use proptest::sample::select;

fn arb_text() -> BoxedStrategy<Text> {
    // Some texts share their bytes, as after a reference; the others are equal at most.
    let shared: Vec<Text> = ["a", "b", "live", ""].map(Text::from).into();
    prop_oneof![
        select(shared),
        "\\PC{0,6}".prop_map(|text| Text::from(text.as_str())),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Text::from(&bytes[..])),
    ]
    .boxed()
}

fn arb_key() -> BoxedStrategy<Text> {
    arb_text().prop_filter("AMF3 has no empty names", |text| !text.is_empty()).boxed()
}

/// Doubles that are equal to themselves.
fn arb_f64() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), (-1000..1000_i32).prop_map(f64::from)]
        .prop_filter("NaN", |number| !number.is_nan())
}

fn arb_amf3() -> impl Strategy<Value = Value> {
    use prop::collection::vec;
    let leaf = prop_oneof![
        select(vec![Value::Undefined, Value::Null, true.into(), false.into()]),
        (-(1 << 28)..1 << 28_i32).prop_map(Value::Integer),
        arb_f64().prop_map(Value::Number),
        arb_text().prop_map(Value::String),
        arb_text().prop_map(Value::XmlDocument),
        arb_text().prop_map(Value::XmlString),
        arb_f64().prop_map(Value::Timestamp),
        vec(any::<u8>(), 0..6).prop_map(|bytes| Value::ByteArray(bytes.into())),
        (any::<bool>(), vec(any::<i32>(), 0..4))
            .prop_map(|(fixed, items)| Value::VectorInt { fixed, items }),
        (any::<bool>(), vec(any::<u32>(), 0..4))
            .prop_map(|(fixed, items)| Value::VectorUint { fixed, items }),
        (any::<bool>(), vec(arb_f64(), 0..4))
            .prop_map(|(fixed, items)| Value::VectorDouble { fixed, items }),
        (7..0x12_u8, 0..1_u32 << 28)
            .prop_map(|(marker, index)| Value::ObjectReference { marker, index }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let pairs = vec((arb_key(), inner.clone()), 0..4);
        prop_oneof![
            (pairs.clone(), vec(inner.clone(), 0..4))
                .prop_map(|(assoc, dense)| Value::Array { assoc, dense }),
            (any::<bool>(), arb_text(), vec(inner.clone(), 0..4))
                .prop_map(|(fixed, class, items)| Value::VectorObject { fixed, class, items }),
            (any::<bool>(), vec((inner.clone(), inner.clone()), 0..4))
                .prop_map(|(weak, entries)| Value::Dictionary { weak, entries }),
            (arb_text(), vec((arb_text(), inner.clone()), 0..4), prop::option::of(pairs)).prop_map(
                |(class, sealed, rest)| {
                    let (members, sealed) = sealed.into_iter().unzip();
                    let dynamic = rest.is_some();
                    let traits =
                        Arc::new(Traits { class, members, dynamic, externalizable: false });
                    Value::Instance(Box::new(Instance {
                        traits,
                        sealed,
                        dynamic: rest.unwrap_or_default(),
                        external: None,
                    }))
                }
            ),
            arb_flex(inner.clone()),
            inner.prop_map(|value| external(
                "flex.messaging.io.ObjectProxy",
                External::Value(value)
            )),
        ]
    })
}

fn arb_flex(inner: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = Value> {
    let value = prop::collection::vec(inner, 14);
    (any::<[u8; 3]>(), value).prop_map(|(flags, values)| {
        let flags = [vec![flags[0] & 0x15], vec![flags[1] & 3 | 0x80, 1], vec![flags[2] & 0x7f]];
        let names = flags.iter().enumerate().flat_map(|(group, flags)| {
            let class = text("DSC");
            flex::set(flags).map(move |(byte, bit)| text(flex::name(&class, group, byte, bit)))
        });
        let members = names.zip(values).collect();
        external("DSC", External::Message(FlexMessage { flags: flags.to_vec(), members }))
    })
}

fn arb_amf0() -> impl Strategy<Value = Value> {
    use prop::collection::vec;
    let leaf = prop_oneof![
        select(vec![
            Value::Undefined,
            Value::Null,
            Value::MovieClip,
            Value::Unsupported,
            Value::RecordSet,
            true.into(),
            false.into(),
        ]),
        arb_f64().prop_map(Value::Number),
        arb_text().prop_map(Value::String),
        arb_text().prop_map(Value::LongString),
        arb_text().prop_map(Value::Xml),
        any::<u16>().prop_map(Value::Reference),
        (arb_f64(), any::<i16>()).prop_map(|(ms, zone)| Value::Date { ms, zone }),
        arb_amf3().prop_map(amf3),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let pairs = vec((arb_text(), inner.clone()), 0..4);
        prop_oneof![
            pairs.clone().prop_map(Value::Object),
            (arb_text(), pairs.clone())
                .prop_map(|(class, entries)| Value::TypedObject { class, entries }),
            (any::<u32>(), pairs).prop_map(|(declared, entries)| Value::EcmaArray {
                declared,
                entries,
                ended: true
            }),
            vec(inner, 0..4).prop_map(Value::StrictArray),
        ]
    })
}

/// Bytes that look like AMF: markers and small lengths are likely.
fn arb_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => 0..0x14_u8, 1 => any::<u8>(), 1 => Just(0)], 0..200)
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(values in prop::collection::vec(arb_amf0(), 0..4)) {
        let bytes = encode_all(&values);
        let (decoded, fault, cut) = decode_all(&bytes);
        prop_assert_eq!(&decoded, &values);
        prop_assert_eq!((fault, cut), (None, None));
        prop_assert_eq!(encode_all(&decoded), bytes);
    }

    #[test]
    fn amf3_alone_decodes_to_the_same(value in arb_amf3()) {
        let mut bytes = Vec::new();
        amf3::encode(&value, &mut bytes);
        let (mut cursor, mut budget) = (Cursor::new(&bytes), Budget::new(&Limits::default()));
        prop_assert_eq!(amf3::decode(&mut cursor, &mut budget), Decoded { value, fault: None, cut: None });
        prop_assert_eq!(cursor.remaining(), 0);
    }

    #[test]
    fn a_cut_message_keeps_its_front(values in prop::collection::vec(arb_amf0(), 1..4), at in any::<prop::sample::Index>()) {
        let bytes = encode_all(&values);
        let bytes = &bytes[..at.index(bytes.len())];
        let (decoded, fault, _) = decode_all(bytes);
        for (decoded, value) in decoded.iter().zip(&values).take(decoded.len().saturating_sub(1)) {
            prop_assert_eq!(decoded, value);
        }
        prop_assert!(fault.is_none_or(|fault| fault.offset <= bytes.len()));
    }

    #[test]
    fn any_bytes_decode_and_come_back_as_they_were(bytes in arb_bytes()) {
        let (values, fault, _) = decode_all(&bytes);
        if fault.is_none() {
            let again = encode_all(&values);
            // Padded numbers and odd booleans are written in their plain form, which is never longer.
            prop_assert!(again.len() <= bytes.len());
            let (values_again, fault, _) = decode_all(&again);
            prop_assert_eq!(fault, None);
            prop_assert_eq!(encode_all(&values_again), &again[..]);
            let canonical = |pair: &[u8]| pair[0] != 1 || pair[1] <= 1;
            if !bytes.contains(&0x11) && bytes.windows(2).all(canonical) {
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn a_skip_ends_where_decoding_does(value in arb_amf0()) {
        let bytes = encode_all(&[value.clone(), Value::Null]);
        let (mut cursor, mut budget) = (Cursor::new(&bytes), Budget::new(&Limits { amf_depth: 0, ..Limits::default() }));
        let decoded = amf0::decode(&mut cursor, &mut budget);
        prop_assert_eq!(decoded.fault, None);
        prop_assert_eq!(cursor.remaining(), 1);
        let mut again = Vec::new();
        amf0::encode(&decoded.value, &mut again);
        again.push(5);
        prop_assert_eq!(again, bytes);
    }
}
