//! The traffic of RTMP connections as a pcapng file that `decode` and Wireshark read.
//!
//! Of the packets that carried it nothing is known any more, so TCP is made up around the bytes: a connection seen from
//! its start gets its three-way handshake, every piece of bytes a segment at its own time, an end its FIN or RST.
//! `decode` on the file, with the same options, gives the records of the original traffic again, but for the frame
//! numbers and for what a capture cannot say:
//!
//! - missing bytes of known number are a hole that the peer acknowledges, those that a snap length cut off are a packet
//!   cut short; what inspection skipped ([`GapCause::Overflow`]) is not in the capture either and reads as lost;
//! - where the number of missing bytes is not known, the recording of that direction ends: there is no sequence number
//!   to go on with. A packet with a comment says so (packets without a time cannot have one), and what came after is
//!   counted ([`Recorder::unrecorded`]);
//! - a connection that neither side closed is left open;
//! - the tags of a file ([`Traffic::Message`]) were not on a connection, so they are only counted
//!   ([`Recorder::unsent`]);
//! - findings of the source itself ([`Traffic::Trouble`]) are not traffic.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::pcapng::{PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use crate::inspect::{Arrival, CloseKind, ClosedBy, FlowId, GapCause, Opened, Traffic, Transport};
use crate::proto::Direction;

/// The most bytes in one segment: what an IPv4 packet holds, and no longer a number than IPv6 has.
const MOST: usize = 65_495;
/// Acknowledgements that make a reader believe that a hole stays one: `decode` waits for 16 packets, in case the
/// missing segment is only late.
const INSISTENCE: usize = 16;
/// The longest hole left in the sequence numbers. One of half a gigabyte looks like another connection's; longer ones
/// are crossed in steps.
const STEP: u64 = 32 << 20;
/// More missing bytes than this are no number to be believed, and too many steps.
const FARTHEST: u64 = 1 << 40;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Maximum segment size and a window scale that keeps Wireshark from finding the window full.
const SYN_OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];

/// Writes traffic as a pcapng file of raw IP packets with nanosecond times.
///
/// ```
/// use rtmpctl::inspect::{CloseKind, ClosedBy, Opened, Place, Traffic, Transport};
/// use rtmpctl::{output::pcapng::Recorder, proto::Direction};
///
/// let mut recorder = Recorder::new(Vec::new())?;
/// let place = Place { at: Some(1_700_000_000_000_000_000), ..Place::default() };
/// let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
/// let opened = Opened {
///     client: Some((client, 40_000).into()),
///     server: Some((server, 1935).into()),
///     from_start: true,
///     transport: Transport::Rtmp,
/// };
/// for traffic in [
///     Traffic::Opened { flow: 1, place, opened },
///     Traffic::Bytes { flow: 1, place, direction: Direction::ClientToServer, data: &[3] },
///     Traffic::Closed { flow: 1, place, by: ClosedBy::Client, how: CloseKind::Rst },
/// ] {
///     recorder.traffic(&traffic)?;
/// }
/// assert_eq!(recorder.packets(), 5);
/// assert!(recorder.finish()?.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Recorder<W: Write> {
    file: PcapNgWriter<BufWriter<W>>,
    flows: HashMap<FlowId, Flow>,
    packet: Vec<u8>,
    packets: u64,
    unrecorded: u64,
    unsent: u64,
}

/// One connection being recorded.
#[derive(Debug)]
struct Flow {
    client: SocketAddr,
    server: SocketAddr,
    sides: [Side; 2],
}

/// What one side has sent.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// The sequence number of its next byte.
    next: u32,
    /// Whether a reader knows its sequence numbers: from its SYN or its first bytes.
    started: bool,
    /// Whether a hole lies in front of its next byte.
    hole: bool,
    fin: bool,
    /// Whether its recording has ended at a gap of unknown length.
    cut: bool,
    /// The next IPv4 identification.
    id: u16,
}

/// A segment to be written.
#[derive(Debug, Clone, Copy, Default)]
struct Segment<'a> {
    flags: u8,
    data: &'a [u8],
    /// Bytes that follow `data` in the packet, but were not captured.
    missing: usize,
    comment: Option<&'a str>,
}

impl<W: Write> Recorder<W> {
    /// Writes the file's header. Writing to `out` is buffered.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn new(out: W) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(concat!(
                "rtmpctl ",
                env!("CARGO_PKG_VERSION")
            )))],
            ..SectionHeaderBlock::default()
        };
        let mut file =
            PcapNgWriter::with_section_header(BufWriter::new(out), section).map_err(writing)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 0,
            options: vec![InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO)],
        };
        file.write_pcapng_block(interface).map_err(writing)?;
        Ok(Self {
            file,
            flows: HashMap::new(),
            packet: Vec::new(),
            packets: 0,
            unrecorded: 0,
            unsent: 0,
        })
    }

    /// Records one thing that happened.
    ///
    /// # Errors
    /// The output cannot be written to. The file is then not to be written to any more.
    pub fn traffic(&mut self, traffic: &Traffic<'_>) -> io::Result<()> {
        match *traffic {
            Traffic::Opened { opened: Opened { transport: Transport::Flv, .. }, .. } => Ok(()),
            Traffic::Opened { flow: id, place, opened } => {
                // What has no addresses gets some that stand for none.
                let client = opened.client.unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
                let server = opened.server.unwrap_or_else(|| ([0, 0, 0, 0], 1935).into());
                let mut flow = Flow::new(id, client, server);
                self.open(&mut flow, place.at, opened.from_start)?;
                self.flows.insert(id, flow);
                Ok(())
            }
            Traffic::Message { .. } => {
                self.unsent += 1;
                Ok(())
            }
            Traffic::Bytes { flow, place, direction, data } => {
                self.with(flow, |this, flow| this.bytes(flow, place.at, direction, data))
            }
            Traffic::Gap { flow, place, direction, length, cause } => {
                self.with(flow, |this, flow| this.gap(flow, place.at, direction, length, cause))
            }
            Traffic::Ended { flow, place, direction } => {
                self.with(flow, |this, flow| this.fin(flow, place.at, direction))
            }
            Traffic::Closed { flow, place, by, how } => {
                let Some(mut flow) = self.flows.remove(&flow) else { return Ok(()) };
                self.close(&mut flow, place.at, by, how)
            }
            Traffic::Proxied { .. } | Traffic::Tick { .. } | Traffic::Trouble { .. } => Ok(()),
        }
    }

    /// Packets written so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes that came behind a gap of unknown length and are not in the recording.
    #[must_use]
    pub const fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// Messages that came without chunks and are not in the recording.
    #[must_use]
    pub const fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Hands what is buffered to the output. The file is whole after it.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.get_mut().flush()
    }

    /// Ends the recording and gives back the output, flushed. Connections still open are left so.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn finish(self) -> io::Result<W> {
        let mut out =
            self.file.into_inner().into_inner().map_err(io::IntoInnerError::into_error)?;
        out.flush()?;
        Ok(out)
    }

    /// Does something with a connection that is known; what comes of another is none of ours.
    fn with(
        &mut self,
        id: FlowId,
        act: impl FnOnce(&mut Self, &mut Flow) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(mut flow) = self.flows.remove(&id) else { return Ok(()) };
        let result = act(self, &mut flow);
        self.flows.insert(id, flow);
        result
    }

    fn open(&mut self, flow: &mut Flow, at: Arrival, from_start: bool) -> io::Result<()> {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        if from_start {
            self.segment(flow, at, client, Segment { flags: SYN, ..Segment::default() })?;
            self.segment(flow, at, server, Segment { flags: SYN | ACK, ..Segment::default() })?;
        }
        // Where there is no SYN, this is here for its time, which elapsed times count from.
        self.segment(flow, at, client, Segment::default())
    }

    fn bytes(
        &mut self,
        flow: &mut Flow,
        at: Arrival,
        direction: Direction,
        data: &[u8],
    ) -> io::Result<()> {
        if flow.side(direction).cut {
            self.unrecorded += data.len() as u64;
            return Ok(());
        }
        for data in data.chunks(MOST) {
            self.segment(flow, at, direction, Segment { flags: PSH, data, ..Segment::default() })?;
            self.insist(flow, at, direction)?;
        }
        Ok(())
    }

    fn gap(
        &mut self,
        flow: &mut Flow,
        at: Arrival,
        direction: Direction,
        length: Option<u64>,
        cause: GapCause,
    ) -> io::Result<()> {
        if flow.side(direction).cut {
            return Ok(());
        }
        // A packet without a time has no captured length of its own, so it cannot be cut to step on.
        let farthest = if at.is_some() { FARTHEST } else { STEP };
        let Some(mut length) = length.filter(|&length| length <= farthest) else {
            flow.side(direction).cut = true;
            let comment = format!(
                "rtmpctl: the recording of this connection's {direction} direction ends here, \
                 because an unknown number of bytes is missing"
            );
            let note = Segment { comment: Some(&comment), ..Segment::default() };
            return self.segment(flow, at, direction, note);
        };
        // A direction that nothing was seen of has no sequence number yet that a hole could follow.
        if at.is_some() && (cause == GapCause::Snaplen || !flow.side(direction).started) {
            while length > 0 && (length <= STEP || cause == GapCause::Snaplen) {
                let missing = length.min(MOST as u64);
                length -= missing;
                self.cut(flow, at, direction, missing as usize)?;
            }
        }
        while length > STEP {
            flow.skip(direction, STEP - 1);
            length -= STEP;
            // A packet of one missing byte is the stepping stone.
            self.cut(flow, at, direction, 1)?;
        }
        if length > 0 {
            flow.skip(direction, length);
            self.segment(flow, at, direction.reverse(), Segment::default())?;
        }
        Ok(())
    }

    /// A packet whose data the snap length cut off.
    fn cut(
        &mut self,
        flow: &mut Flow,
        at: Arrival,
        direction: Direction,
        missing: usize,
    ) -> io::Result<()> {
        self.segment(flow, at, direction, Segment { missing, ..Segment::default() })?;
        self.insist(flow, at, direction)
    }

    /// The segment just written lies behind a hole: the peer acknowledges it until nobody waits for the hole any more.
    fn insist(&mut self, flow: &mut Flow, at: Arrival, direction: Direction) -> io::Result<()> {
        if std::mem::take(&mut flow.side(direction).hole) {
            for _ in 0..INSISTENCE {
                self.segment(flow, at, direction.reverse(), Segment::default())?;
            }
        }
        Ok(())
    }

    fn fin(&mut self, flow: &mut Flow, at: Arrival, direction: Direction) -> io::Result<()> {
        if flow.side(direction).fin {
            return Ok(());
        }
        self.segment(flow, at, direction, Segment { flags: FIN, ..Segment::default() })
    }

    fn close(
        &mut self,
        flow: &mut Flow,
        at: Arrival,
        by: ClosedBy,
        how: CloseKind,
    ) -> io::Result<()> {
        let by = match by {
            ClosedBy::Client | ClosedBy::Both => Direction::ClientToServer,
            ClosedBy::Server | ClosedBy::Rtmpctl => Direction::ServerToClient,
            ClosedBy::CaptureEnd => return Ok(()),
        };
        match how {
            CloseKind::Fin => {
                self.fin(flow, at, by)?;
                self.fin(flow, at, by.reverse())?;
                if flow.sides.iter().any(|side| side.hole || !side.started) {
                    // A reader still waits for the bytes before the FIN.
                    self.segment(flow, at, by, Segment { flags: RST, ..Segment::default() })?;
                }
                Ok(())
            }
            CloseKind::Rst => {
                self.segment(flow, at, by, Segment { flags: RST, ..Segment::default() })
            }
            CloseKind::Timeout | CloseKind::End => Ok(()),
        }
    }

    /// Writes one packet from the side that sends in `direction` and moves its sequence number on.
    fn segment(
        &mut self,
        flow: &mut Flow,
        at: Arrival,
        direction: Direction,
        segment: Segment<'_>,
    ) -> io::Result<()> {
        flow.encode(direction, &segment, &mut self.packet);
        let captured = self.packet.len();
        let original_len = (captured + segment.missing) as u32;
        let data = Cow::Borrowed(&self.packet[..]);
        let written = match at {
            // Blocks of this kind say that they have no time.
            None => self.file.write_pcapng_block(SimplePacketBlock { original_len, data }),
            Some(at) => {
                let comment = segment.comment.map(|text| {
                    EnhancedPacketOption::Common(CommonOption::Comment(Cow::Borrowed(text)))
                });
                self.file.write_pcapng_block(EnhancedPacketBlock {
                    interface_id: 0,
                    timestamp: Duration::from_nanos(u64::try_from(at).unwrap_or(0)),
                    original_len,
                    data,
                    options: comment.into_iter().collect(),
                })
            }
        };
        written.map_err(writing)?;
        self.packets += 1;
        let side = flow.side(direction);
        side.id = side.id.wrapping_add(1);
        let length = segment.data.len() + segment.missing;
        side.next = side.next.wrapping_add(length as u32);
        if segment.flags & (SYN | FIN) != 0 {
            side.next = side.next.wrapping_add(1);
        }
        side.started |= length > 0 || segment.flags & SYN != 0;
        side.fin |= segment.flags & FIN != 0;
        Ok(())
    }
}

impl<W: Write> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("flows", &self.flows)
            .field("packets", &self.packets)
            .field("unrecorded", &self.unrecorded)
            .finish_non_exhaustive()
    }
}

impl Flow {
    fn new(id: FlowId, client: SocketAddr, server: SocketAddr) -> Self {
        // Two connections with the same ends are told apart by where their numbers begin. High ones: the FIN of a
        // side that sent nothing else is then not taken for one that lies behind missing bytes.
        let first = id.wrapping_mul(0x9e37_79b9);
        let side = |next| Side {
            next: next | 1 << 31,
            started: false,
            hole: false,
            fin: false,
            cut: false,
            id: 0,
        };
        let sides = [side(first), side(first.rotate_left(16) ^ 0x5bd1_e995)];
        Self { client, server, sides }
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        &mut self.sides[direction.index()]
    }

    /// Moves the sequence number over bytes that no packet holds.
    fn skip(&mut self, direction: Direction, length: u64) {
        let side = self.side(direction);
        side.next = side.next.wrapping_add(length as u32);
        side.hole = true;
    }

    /// The packet from its IP header on, without what is missing of it.
    fn encode(&self, direction: Direction, segment: &Segment<'_>, out: &mut Vec<u8>) {
        let (src, dst) = match direction {
            Direction::ClientToServer => (self.client, self.server),
            Direction::ServerToClient => (self.server, self.client),
        };
        let (from, to) = (self.sides[direction.index()], self.sides[direction.reverse().index()]);
        let syn = segment.flags & SYN != 0;
        let options = if syn { &SYN_OPTIONS[..] } else { &[] };
        let header = 20 + options.len();
        let length = header + segment.data.len() + segment.missing;

        out.clear();
        let mut sum = Checksum::default();
        match (src.ip(), dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                out.extend_from_slice(&[0x45, 0]);
                out.extend_from_slice(&(20 + length as u16).to_be_bytes());
                out.extend_from_slice(&from.id.to_be_bytes());
                out.extend_from_slice(&[0x40, 0, 64, 6, 0, 0]); // not to be fragmented; 64 hops; TCP
                out.extend_from_slice(&src.octets());
                out.extend_from_slice(&dst.octets());
                let mut own = Checksum::default();
                own.add(out);
                out[10..12].copy_from_slice(&own.value().to_be_bytes());
                sum.add(&out[12..20]);
            }
            (src, dst) => {
                // Where only one end is IPv4, the other system knows it by its mapped address.
                out.extend_from_slice(&[0x60, 0, 0, 0]);
                out.extend_from_slice(&(length as u16).to_be_bytes());
                out.extend_from_slice(&[6, 64]);
                for ip in [src, dst] {
                    let ip = match ip {
                        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                        IpAddr::V6(ip) => ip,
                    };
                    out.extend_from_slice(&ip.octets());
                }
                sum.add(&out[8..40]);
            }
        }
        sum.add(&[0, 6]);
        sum.add(&(length as u32).to_be_bytes());

        let begin = out.len();
        // Everything but the first SYN acknowledges what the peer has sent.
        let flags = if segment.flags == SYN { SYN } else { segment.flags | ACK };
        let ack = if flags & ACK == 0 { 0 } else { to.next };
        out.extend_from_slice(&src.port().to_be_bytes());
        out.extend_from_slice(&dst.port().to_be_bytes());
        out.extend_from_slice(&from.next.to_be_bytes());
        out.extend_from_slice(&ack.to_be_bytes());
        out.extend_from_slice(&[(header as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        out.extend_from_slice(options);
        out.extend_from_slice(segment.data);
        // Missing bytes count as zeros, which change no sum.
        sum.add(&out[begin..]);
        out[begin + 16..begin + 18].copy_from_slice(&sum.value().to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071). Only the last part added may have an odd length.
#[derive(Debug, Default)]
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<2>();
        self.0 += pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum::<u64>();
        if let [last] = rest {
            self.0 += u64::from(*last) << 8;
        }
    }

    fn value(&self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

fn writing(error: PcapNgWriteError) -> io::Error {
    match error {
        PcapNgWriteError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
#[path = "pcapng_tests.rs"]
mod tests;
