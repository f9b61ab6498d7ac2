//! AAC: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use super::AudioConfig;
use super::bits::Bits;
use crate::proto::fault::Fault;

/// Sample rates by index (ISO/IEC 14496-3 table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Decodes an AudioSpecificConfig.
#[must_use]
pub fn decode(record: &[u8]) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let mut core = Core::default();
    let fault = walk(&mut Bits::new(record), &mut config, &mut core).err();
    config.profile = profile(core.object_type.or(config.object_type), config.sbr, config.ps);
    config.sample_rate = core.extension_rate.or(core.rate);
    // Parametric stereo makes two channels out of the one that is coded.
    config.channels =
        if config.ps == Some(true) && core.channels == Some(1) { Some(2) } else { core.channels };
    (config, fault)
}

/// What is said about the coded signal, before SBR and PS change it.
#[derive(Default)]
struct Core {
    object_type: Option<u8>,
    rate: Option<u32>,
    extension_rate: Option<u32>,
    channels: Option<u8>,
}

fn walk(b: &mut Bits<'_>, config: &mut AudioConfig, core: &mut Core) -> Result<(), Fault> {
    let mut object = object_type(b)?;
    config.object_type = Some(object);
    if object == 0 {
        return Err(Fault::invalid(0, "AAC object type", 0));
    }
    core.rate = Some(sample_rate(b)?);
    let at = b.offset();
    let channels = b.u8(4, "AAC channel configuration")?;
    core.channels = match channels {
        1..=6 => Some(channels),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        13 => Some(24),
        0 => None,
        _ => return Err(Fault::invalid(at, "AAC channel configuration", u64::from(channels))),
    };
    // SBR and PS as object types of their own: explicit, hierarchical signalling (§1.6.5.3).
    let hierarchical = matches!(object, 5 | 29);
    if hierarchical {
        config.sbr = Some(true);
        config.ps = (object == 29).then_some(true);
        core.extension_rate = Some(sample_rate(b)?);
        object = object_type(b)?;
        if object == 22 {
            b.skip(4, "AAC extension channel configuration")?;
        }
    }
    core.object_type = Some(object);
    if !matches!(object, 1..=4 | 6 | 7 | 17 | 19..=23) {
        return Ok(()); // The other object types have configurations of their own, without what is wanted here.
    }
    general_audio(b, object, channels, config, core)?;
    if hierarchical || b.remaining() < 16 {
        return Ok(());
    }
    // Explicit, backward compatible signalling: a decoder that does not know it never gets here.
    if matches!(object, 17 | 19..=23) {
        if b.u(2, "AAC error protection")? > 1 {
            return Ok(()); // Error protection has a configuration first; nobody sends it over RTMP.
        }
        if b.remaining() < 16 {
            return Ok(());
        }
    }
    if b.u(11, "AAC extension mark")? != 0x2b7 || object_type(b)? != 5 {
        return Ok(());
    }
    let sbr = b.flag("sbrPresentFlag")?;
    config.sbr = Some(sbr);
    if sbr {
        core.extension_rate = Some(sample_rate(b)?);
        if b.remaining() >= 12 && b.u(11, "AAC extension mark")? == 0x548 {
            config.ps = Some(b.flag("psPresentFlag")?);
        }
    }
    Ok(())
}

fn object_type(b: &mut Bits<'_>) -> Result<u8, Fault> {
    match b.u8(5, "AAC object type")? {
        31 => Ok(32 + b.u8(6, "AAC object type")?),
        object => Ok(object),
    }
}

fn sample_rate(b: &mut Bits<'_>) -> Result<u32, Fault> {
    let at = b.offset();
    let index = b.u8(4, "AAC sample rate index")?;
    if index == 15 {
        return b.u(24, "AAC sample rate");
    }
    RATES
        .get(usize::from(index))
        .copied()
        .ok_or_else(|| Fault::invalid(at, "AAC sample rate index", u64::from(index)))
}

/// GASpecificConfig (ISO/IEC 14496-3 §4.4.1).
fn general_audio(
    b: &mut Bits<'_>,
    object: u8,
    channels: u8,
    config: &mut AudioConfig,
    core: &mut Core,
) -> Result<(), Fault> {
    let short = b.flag("frameLengthFlag")?;
    let samples = if short { 960 } else { 1024 };
    // Low delay frames are half as long (ISO/IEC 14496-3 §4.6.17.2.1).
    config.frame_samples = Some(if object == 23 { samples / 2 } else { samples });
    if b.flag("dependsOnCoreCoder")? {
        b.skip(14, "coreCoderDelay")?;
    }
    let extension = b.flag("extensionFlag")?;
    if channels == 0 {
        core.channels = Some(program_config(b)?);
    }
    if matches!(object, 6 | 20) {
        b.skip(3, "layerNr")?;
    }
    if extension {
        match object {
            22 => b.skip(16, "numOfSubFrame and layer_length")?,
            17 | 19 | 20 | 23 => b.skip(3, "resilience flags")?,
            _ => {}
        }
        b.flag("extensionFlag3")?;
    }
    Ok(())
}

/// The number of channels of a program_config_element (ISO/IEC 14496-3 §4.4.1.1), passed over as a whole.
fn program_config(b: &mut Bits<'_>) -> Result<u8, Fault> {
    let reading = "AAC program configuration";
    b.skip(4 + 2 + 4, reading)?;
    let mut groups = [0; 3];
    for group in &mut groups {
        *group = b.u8(4, reading)?;
    }
    let low = b.u8(2, reading)?;
    let data = b.u(3, reading)?;
    let coupling = b.u(4, reading)?;
    for mixdown_bits in [4, 4, 3] {
        if b.flag(reading)? {
            b.skip(mixdown_bits, reading)?;
        }
    }
    let mut channels = low; // At most 3 + 3 * 15 * 2 channels: a byte holds them.
    for elements in groups {
        for _ in 0..elements {
            channels += 1 + u8::from(b.flag(reading)?); // A pair has two.
            b.skip(4, reading)?;
        }
    }
    b.skip(4 * u32::from(low) + 4 * data + 5 * coupling, reading)?;
    b.align();
    let comment = b.u(8, reading)?;
    b.skip(8 * comment, reading)?;
    Ok(channels)
}

fn profile(object: Option<u8>, sbr: Option<bool>, ps: Option<bool>) -> Option<&'static str> {
    match (object?, sbr, ps) {
        (2, _, Some(true)) | (29, ..) => Some("HE-AACv2"),
        (2, Some(true), _) | (5, ..) => Some("HE-AAC"),
        (1, ..) => Some("Main"),
        (2, ..) => Some("LC"),
        (3, ..) => Some("SSR"),
        (4, ..) => Some("LTP"),
        (17, ..) => Some("ER LC"),
        (23, ..) => Some("LD"),
        (39, ..) => Some("ELD"),
        (42, ..) => Some("xHE-AAC"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    #[test]
    fn signalling_of_sbr_and_ps() {
        type Row<'a> = (&'a [u8], &'a str, u8, u32, u8, Option<bool>, Option<bool>);
        let rows: &[Row<'_>] = &[
            (&[0x12, 0x10], "LC", 2, 44_100, 2, None, None),
            (&[0x11, 0x88], "LC", 2, 48_000, 1, None, None),
            (&[0x2b, 0x92, 0x08, 0x00], "HE-AAC", 5, 44_100, 2, Some(true), None),
            (&[0xeb, 0x8a, 0x08, 0x00], "HE-AACv2", 29, 44_100, 2, Some(true), Some(true)),
            (&[0x13, 0x90, 0x56, 0xe5, 0xa0], "HE-AAC", 2, 44_100, 2, Some(true), None),
            (
                &[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80],
                "HE-AACv2",
                2,
                44_100,
                2,
                Some(true),
                Some(true),
            ),
            (&[0x12, 0x10, 0x56, 0xe5, 0x00], "LC", 2, 44_100, 2, Some(false), None),
            (&[0x17, 0x80, 0x56, 0x22, 0x10], "LC", 2, 44_100, 2, None, None),
        ];
        for (bytes, name, object, rate, channels, sbr, ps) in rows {
            let (config, fault) = decode(bytes);
            assert_eq!(fault, None, "{bytes:02x?}");
            assert_eq!(
                (config.profile, config.object_type),
                (Some(*name), Some(*object)),
                "{bytes:02x?}"
            );
            assert_eq!(
                (config.sample_rate, config.channels),
                (Some(*rate), Some(*channels)),
                "{bytes:02x?}"
            );
            assert_eq!((config.sbr, config.ps), (*sbr, *ps), "{bytes:02x?}");
            assert_eq!(config.frame_samples, Some(1024), "{bytes:02x?}");
        }
        assert_eq!(decode(&[0x12, 0x14]).0.frame_samples, Some(960));
    }

    #[test]
    fn a_program_configuration_counts_its_channels() {
        let w = Writer::default().u(5, 2).u(4, 3).u(4, 0).u(3, 0);
        let w = w.u(10, 0).u(4, 2).u(4, 0).u(4, 1).u(2, 1).u(3, 0).u(4, 0).u(3, 0); // 2 front, 1 back, 1 low
        let w = w.u(5, 0).u(1, 1).u(4, 1).u(1, 1).u(4, 2).u(4, 0);
        let mut bytes = w.bytes();
        bytes.extend([2, b'h', b'i']);
        let (config, fault) = decode(&bytes);
        assert_eq!((config.channels, fault), (Some(6), None));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).1.is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn what_cannot_be_read_keeps_what_could() {
        let (config, fault) = decode(&[0x12]);
        assert_eq!(
            (config.object_type, config.sample_rate, config.profile),
            (Some(2), None, Some("LC"))
        );
        assert_eq!(fault, Some(Fault::short(1, "AAC sample rate index", 1, 0)));
        assert_eq!(decode(&[0x16, 0x90]).1, Some(Fault::invalid(0, "AAC sample rate index", 13)));
        assert_eq!(
            decode(&[0x12, 0x78]).1,
            Some(Fault::invalid(1, "AAC channel configuration", 15))
        );
        assert_eq!(decode(&[0x02, 0x10]).1, Some(Fault::invalid(0, "AAC object type", 0)));
        assert_eq!(decode(&[]).1, Some(Fault::short(0, "AAC object type", 1, 0)));
    }
}
