//! What the types of units and messages are called.

/// NAL units of AVC (ITU-T H.264 table 7-1).
pub(super) const fn avc(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "slice",
        2 => "slice_a",
        3 => "slice_b",
        4 => "slice_c",
        5 => "idr",
        6 => "sei",
        7 => "sps",
        8 => "pps",
        9 => "aud",
        10 => "end_of_sequence",
        11 => "end_of_stream",
        12 => "filler",
        13 => "sps_extension",
        14 => "prefix",
        15 => "subset_sps",
        19 => "auxiliary_slice",
        20 => "slice_extension",
        21 => "slice_extension_depth",
        _ => return None,
    })
}

/// NAL units of HEVC (ITU-T H.265 table 7-1).
pub(super) const fn hevc(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "trail_n",
        1 => "trail_r",
        2 => "tsa_n",
        3 => "tsa_r",
        4 => "stsa_n",
        5 => "stsa_r",
        6 => "radl_n",
        7 => "radl_r",
        8 => "rasl_n",
        9 => "rasl_r",
        16 => "bla_w_lp",
        17 => "bla_w_radl",
        18 => "bla_n_lp",
        19 => "idr_w_radl",
        20 => "idr_n_lp",
        21 => "cra",
        32 => "vps",
        33 => "sps",
        34 => "pps",
        35 => "aud",
        36 => "end_of_sequence",
        37 => "end_of_bitstream",
        38 => "filler",
        39 => "prefix_sei",
        40 => "suffix_sei",
        _ => return None,
    })
}

/// NAL units of VVC (ITU-T H.266 table 5).
pub(super) const fn vvc(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "trail",
        1 => "stsa",
        2 => "radl",
        3 => "rasl",
        7 => "idr_w_radl",
        8 => "idr_n_lp",
        9 => "cra",
        10 => "gdr",
        12 => "opi",
        13 => "dci",
        14 => "vps",
        15 => "sps",
        16 => "pps",
        17 => "prefix_aps",
        18 => "suffix_aps",
        19 => "picture_header",
        20 => "aud",
        21 => "end_of_sequence",
        22 => "end_of_bitstream",
        23 => "prefix_sei",
        24 => "suffix_sei",
        25 => "filler",
        _ => return None,
    })
}

/// Open bitstream units of AV1 (AV1 §6.2.2).
pub(super) const fn obu(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "sequence_header",
        2 => "temporal_delimiter",
        3 => "frame_header",
        4 => "tile_group",
        5 => "metadata",
        6 => "frame",
        7 => "redundant_frame_header",
        8 => "tile_list",
        15 => "padding",
        _ => return None,
    })
}

/// Messages of supplemental enhancement information (ITU-T H.264 §D.1.1, H.265 §D.2.1, H.274 §8.1), by payload type.
/// AVC shares those that are here, or has the number for nothing.
pub(super) const fn sei(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "buffering_period",
        1 => "pic_timing",
        3 => "filler",
        4 => "user_data_registered",
        5 => "user_data_unregistered",
        6 => "recovery_point",
        19 => "film_grain_characteristics",
        45 => "frame_packing_arrangement",
        47 => "display_orientation",
        129 => "active_parameter_sets",
        130 => "decoding_unit_info",
        132 => "decoded_picture_hash",
        136 => "time_code",
        137 => "mastering_display_colour_volume",
        144 => "content_light_level_info",
        147 => "alternative_transfer_characteristics",
        148 => "ambient_viewing_environment",
        _ => return None,
    })
}

/// Metadata of AV1 (AV1 §6.7.1), by its names where they are those of the messages above.
pub(super) const fn obu_metadata(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "content_light_level_info",
        2 => "mastering_display_colour_volume",
        3 => "scalability",
        4 => "user_data_registered",
        5 => "time_code",
        _ => return None,
    })
}
