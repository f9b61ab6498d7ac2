//! AVC: the beginning of a slice (ITU-T H.264 §7.3.3), which says what kind of picture it is of, and where in the order of
//! presentation that picture stands.

use super::bits::Bits;
use crate::proto::fault::Fault;

/// What a sequence parameter set says of how slices begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceLayout {
    /// Whether the planes of colour are coded apart.
    pub(super) planes: bool,
    /// Bits of the frame number: 4 to 16.
    pub(super) frame_num_bits: u32,
    /// Whether there are no fields.
    pub(super) frames_only: bool,
    /// Bits of the picture order count: 4 to 16; `None` where slices do not carry it as one number.
    pub(super) order_bits: Option<u32>,
}

impl SliceLayout {
    /// How many picture order counts there are before they begin anew.
    #[must_use]
    pub fn orders(self) -> Option<u32> {
        self.order_bits.map(|bits| 1 << bits)
    }
}

/// The kinds of slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceKind {
    /// From pictures before it in the order of decoding.
    P,
    /// From two pictures.
    B,
    /// From nothing else.
    I,
    /// SP or SI.
    Switching,
}

/// The beginning of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Its kind.
    pub kind: SliceKind,
    /// The lower bits of its picture order count; `None` of fields, and where the layout is not known or has none.
    pub order: Option<u32>,
}

impl Slice {
    /// Reads the beginning of a slice, its NAL unit header included. Without a layout only the kind can be told.
    ///
    /// # Errors
    /// The bytes end before the kind, or hold none.
    pub fn read(unit: &[u8], layout: Option<SliceLayout>) -> Result<Self, Fault> {
        let mut b = Bits::nal(unit);
        let header = b.u8(8, "AVC NAL unit header")? & 0x1f;
        if !matches!(header, 1 | 2 | 5) {
            return Err(Fault::invalid(0, "AVC slice type", u64::from(header)));
        }
        b.ue("first_mb_in_slice")?;
        let kind = match b.ue_max(9, "slice_type")? % 5 {
            0 => SliceKind::P,
            1 => SliceKind::B,
            2 => SliceKind::I,
            _ => SliceKind::Switching,
        };
        let order = layout.and_then(|layout| order(&mut b, layout, header == 5).ok().flatten());
        Ok(Self { kind, order })
    }
}

fn order(b: &mut Bits<'_>, layout: SliceLayout, idr: bool) -> Result<Option<u32>, Fault> {
    b.ue("pic_parameter_set_id")?;
    if layout.planes {
        b.skip(2, "colour_plane_id")?;
    }
    b.skip(layout.frame_num_bits, "frame_num")?;
    if !layout.frames_only && b.flag("field_pic_flag")? {
        return Ok(None);
    }
    if idr {
        b.ue("idr_pic_id")?;
    }
    layout.order_bits.map(|bits| b.u(bits, "pic_order_cnt_lsb")).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    const LAYOUT: SliceLayout =
        SliceLayout { planes: false, frame_num_bits: 4, frames_only: true, order_bits: Some(6) };

    #[test]
    fn kind_and_order() {
        // first_mb 0, slice_type 6 (B), pps 0, frame_num 3, order 10.
        let w = Writer::default().u(8, 0x01).u(1, 1).u(5, 0b00111).u(1, 1).u(4, 3).u(6, 10);
        let unit = w.bytes();
        let slice = Slice { kind: SliceKind::B, order: Some(10) };
        assert_eq!(Slice::read(&unit, Some(LAYOUT)), Ok(slice));
        assert_eq!(Slice::read(&unit, None), Ok(Slice { order: None, ..slice }));
        assert_eq!(LAYOUT.orders(), Some(64));
        // An IDR picture has its number before the order, and slice_type 7 (I).
        let w =
            Writer::default().u(8, 0x65).u(1, 1).u(7, 0b000_1000).u(1, 1).u(4, 0).u(1, 1).u(6, 0);
        let slice = Slice { kind: SliceKind::I, order: Some(0) };
        assert_eq!(Slice::read(&w.bytes(), Some(LAYOUT)), Ok(slice));
    }

    #[test]
    fn cuts_fields_and_other_units() {
        let w = Writer::default().u(8, 0x01).u(1, 1).u(5, 0b00111).u(1, 1).u(4, 3).u(6, 10);
        let unit = w.bytes();
        assert!(Slice::read(&unit[..1], Some(LAYOUT)).is_err());
        assert_eq!(Slice::read(&unit[..2], Some(LAYOUT)).map(|slice| slice.order), Ok(None));
        assert!(Slice::read(&[0x67, 0x42], None).is_err());
        let fields = SliceLayout { frames_only: false, ..LAYOUT };
        let w = Writer::default().u(8, 0x01).u(1, 1).u(1, 1).u(1, 1).u(4, 3).u(1, 1).u(8, 0);
        assert_eq!(Slice::read(&w.bytes(), Some(fields)).map(|slice| slice.order), Ok(None));
        assert!(Slice::read(&[0x41, 0x80, 0x00], None).is_err(), "no such kind");
    }
}
