//! Capture files to [`Traffic`]. No RTMP decoding beyond telling what a file is, no tokio.

mod conn;
mod content;
mod error;
pub mod file;
mod flows;
mod fragments;
mod link;
mod network;
mod numbers;
mod packet;
mod recent;
mod rtmpt;
mod secure;
mod sniff;
mod tcp;
pub mod tls;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

pub use error::{Error, Foreign};
pub use flows::{Choice, FlowCounts};
pub use link::LinkType;

use crate::Limits;
use crate::inspect::{CloseKind, ClosedBy, Finding, FlowId, Opened, Place, Severity, Traffic};
use crate::proto::Direction;
use file::{Broken, Item, Packet, Trouble, TroubleKind};
use flows::Flows;
use fragments::Fragments;
use packet::Parsed;

/// Turns the packets of captures, in order, into the traffic of their RTMP connections.
#[derive(Debug)]
pub struct Captures {
    flows: Flows,
    fragments: Fragments,
    unknown_links: HashSet<LinkType>,
    counts: Counts,
    last: Place,
    /// The connection that the file being read is by itself.
    single: Option<FlowId>,
    /// How often the files were in trouble, by code.
    troubles: HashMap<&'static str, u32>,
    /// Of how many of one code is told.
    same_finding: u32,
}

/// The type of a pcapng block with a TLS key log (draft-ietf-opsawg-pcapng §4.7).
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// What was seen besides RTMP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets in all.
    pub packets: u64,
    /// Packets that carry no TCP.
    pub not_tcp: u64,
    /// Packets whose headers cannot be read.
    pub malformed: u64,
    /// Packets of a link type that is not read.
    pub unknown_link: u64,
    /// IP datagrams of which fragments are missing.
    pub incomplete_datagrams: u64,
    /// RTMP connections.
    pub rtmp_connections: u32,
    /// TCP that is not RTMP.
    pub flows: FlowCounts,
}

impl Captures {
    /// Decodes what `choice` says besides what shows itself by its handshake.
    #[must_use]
    pub fn new(choice: Choice, limits: &Limits) -> Self {
        Self {
            flows: Flows::new(choice, limits.clone()),
            fragments: Fragments::new(limits),
            unknown_links: HashSet::new(),
            troubles: HashMap::new(),
            same_finding: limits.same_finding,
            counts: Counts::default(),
            last: Place::default(),
            single: None,
        }
    }

    /// Takes the text of a TLS key log (RFC 9850), or a part of it cut anywhere. Secrets may come behind the packets that
    /// need them, within [`Limits::tls_bytes`], and behind the end of the connection where secrets are awaited: if
    /// [`Choice::key_log`] is set or some are known already. Without that, a TLS connection on a port of RTMP is told of
    /// when it ends, as one that cannot be read.
    pub fn add_secrets(&mut self, text: &[u8]) {
        self.flows.add_keys(text);
    }

    /// Whether secrets of TLS connections are known.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.flows.has_keys()
    }

    /// Takes what a file gives; `file` is its index where there are several.
    #[inline]
    pub fn item(&mut self, item: &Item<'_>, file: Option<u32>, out: &mut impl FnMut(Traffic<'_>)) {
        match item {
            Item::Packet(packet) => self.packet(packet, file, out),
            item => self.rare(item, file, out),
        }
    }

    /// What a file gives besides packets.
    #[cold]
    fn rare(&mut self, item: &Item<'_>, file: Option<u32>, out: &mut dyn FnMut(Traffic<'_>)) {
        match item {
            Item::Packet(_) => {}
            Item::Trouble(trouble) => {
                let flow = self.single;
                let at = if flow.is_some() { None } else { self.last.at };
                let place = Place { at, frame: None, file };
                let mut finding = finding(trouble);
                if flow.is_none() {
                    // Those about a connection are counted with it.
                    let seen = self.troubles.entry(finding.code).or_insert(0);
                    *seen += 1;
                    match (*seen).cmp(&self.same_finding) {
                        Ordering::Less => {}
                        Ordering::Equal => finding.message.push_str(
                            "; further ones of this code are not listed (limit same_finding)",
                        ),
                        Ordering::Greater => return,
                    }
                }
                out(Traffic::Trouble { flow, place, finding });
            }
            Item::Secrets { kind: TLS_KEY_LOG, data } => {
                self.flows.add_keys(data);
                self.flows.add_keys(b"\n"); // where its last line has no end
            }
            Item::Secrets { .. } => {}
            item => self.single(item, file, out),
        }
    }

    /// What a file gives that is one connection by itself. It has no clock and no packets.
    fn single(&mut self, item: &Item<'_>, file: Option<u32>, out: &mut dyn FnMut(Traffic<'_>)) {
        let place = Place { file, ..Place::default() };
        if let Item::Opened { from_start, transport } = *item {
            let opened = Opened { client: None, server: None, from_start, transport };
            // Only where the file before could not be read to its end.
            self.close_single(place, out);
            let flow = self.flows.next_number();
            self.single = Some(flow);
            out(Traffic::Opened { flow, place, opened });
            return;
        }
        let Some(flow) = self.single else { return };
        match *item {
            Item::Tag(ref tag) => {
                let (direction, message) = (Direction::ClientToServer, &tag.message());
                let encrypted = tag.encrypted;
                out(Traffic::Message { flow, place, direction, message, encrypted });
            }
            Item::Bytes { direction, data } => {
                out(Traffic::Bytes { flow, place, direction, data });
            }
            Item::Ended { direction } => {
                out(Traffic::Ended { flow, place, direction });
                self.close_single(place, out);
            }
            _ => {}
        }
    }

    fn close_single(&mut self, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        if let Some(flow) = self.single.take() {
            let (by, how) = (ClosedBy::CaptureEnd, CloseKind::End);
            out(Traffic::Closed { flow, place, by, how });
        }
    }

    /// Takes a packet; `file` is its file's index where there are several.
    #[inline]
    pub fn packet(
        &mut self,
        packet: &Packet<'_>,
        file: Option<u32>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        let place = Place { at: packet.time, frame: Some(packet.number), file };
        self.last = place;
        self.counts.packets += 1;
        match packet::segment(packet.link, packet.data) {
            Parsed::Segment(segment) => self.flows.segment(&segment, place, out),
            other => self.other(&other, place, out),
        }
    }

    #[cold]
    fn other(&mut self, parsed: &Parsed<'_>, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        let out = &mut |traffic: Traffic<'_>| out(traffic);
        match parsed {
            Parsed::Segment(segment) => self.flows.segment(segment, place, out),
            Parsed::Fragment(fragment) => {
                if let Some(datagram) = self.fragments.push(fragment, place.at)
                    && let Parsed::Segment(segment) = datagram.parse()
                {
                    self.flows.fragmented(&segment, datagram.differing(), place, out);
                }
            }
            Parsed::NotTcp => self.counts.not_tcp += 1,
            Parsed::Malformed(_) => self.counts.malformed += 1,
            Parsed::UnknownLink(link) => {
                self.counts.unknown_link += 1;
                if self.unknown_links.insert(*link) {
                    let name = link.name().map_or_else(String::new, |name| format!(" ({name})"));
                    let text = format!(
                        "link type {}{name} is not one that can be read: packets of that interface are skipped",
                        link.0
                    );
                    let finding = Finding::new("capture.unknown-link", Severity::Error, text);
                    out(Traffic::Trouble { flow: None, place, finding });
                }
            }
        }
    }

    /// The captures are over, and with them every connection.
    pub fn finish(&mut self, out: &mut impl FnMut(Traffic<'_>)) {
        self.close_single(Place::default(), out);
        self.flows.finish(self.last, out);
    }

    /// What was seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            incomplete_datagrams: self.fragments.given_up() + self.fragments.waiting() as u64,
            rtmp_connections: self.flows.opened(),
            flows: self.flows.counts(),
            ..self.counts
        }
    }
}

/// What is said of something that cannot be read as it should.
#[cold]
fn finding(trouble: &Trouble) -> Finding {
    let (code, what) = match trouble.kind {
        TroubleKind::Truncated { .. } | TroubleKind::Packed(Broken { damage: None, .. }) => {
            ("capture.truncated", "the capture is damaged")
        }
        TroubleKind::Long { .. } => ("limit.record-bytes", "the capture holds too much at once"),
        TroubleKind::NoTags { .. } => ("flv.damaged", "the FLV file is damaged"),
        TroubleKind::BackPointer { .. } => ("flv.prev-tag-size", "the FLV file contradicts itself"),
        TroubleKind::FlvHeader { .. } => ("flv.header", "the FLV file contradicts itself"),
        _ => ("capture.damaged", "the capture is damaged"),
    };
    let finding = Finding::new(code, Severity::Warning, format!("{what} {trouble}"));
    match trouble.kind {
        TroubleKind::BackPointer { .. } => finding.spec("FLV 10.1 §E.3"),
        TroubleKind::FlvHeader { .. } => finding.spec("FLV 10.1 §E.2"),
        _ => finding,
    }
}
