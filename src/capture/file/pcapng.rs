//! pcapng: blocks that carry their length at both ends, so that a damaged one is known at once.
//!
//! Packets are read in place; what interfaces say is in [`interface`], damage in [`repair`].

mod interface;
mod repair;

use std::io::{self, Read};

use self::interface::Interface;
use super::pcap::ended;
use super::window::Window;
use super::{Step, Trouble, TroubleKind, u16_at, u32_at, without_fcs};
use crate::Limits;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The packet block of the first drafts.
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL: u32 = 9;
const SECRETS: u32 = 10;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// The byte-order magic of a section header.
const ORDER: u32 = 0x1a2b_3c4d;
/// Bytes needed to open a file: the first block up to its byte-order magic.
pub(super) const SNIFF: usize = 12;
/// Type and length in front, length behind: the least a block can be.
const FRAME: usize = 12;
/// Bytes of a packet block before its data.
const PACKET_HEAD: usize = 28;
/// Whether a file that begins so is pcapng. The magic reads the same in both byte orders.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SECTION
}

/// The section at hand.
#[derive(Debug)]
pub(super) struct Walk {
    big: bool,
    interfaces: Vec<Interface>,
    most_interfaces: usize,
    /// The largest block that is read at all.
    most: usize,
    /// Set when the trouble with the block at hand is told: how long it really is, and that it is to be read as such.
    settled: Option<usize>,
}

impl Walk {
    /// Checks how the first section header begins; `None` when its byte order is unreadable.
    pub(super) fn open(head: &[u8], limits: &Limits) -> Option<Self> {
        let walk = Self {
            big: order(head.get(8..SNIFF)?)?,
            interfaces: Vec::new(),
            most_interfaces: limits.interfaces,
            most: limits.record_bytes,
            settled: None,
        };
        Some(walk)
    }

    /// Whether the next item is at hand in `bytes`.
    pub(super) fn buffered(&self, mut bytes: &[u8]) -> bool {
        let mut big = self.big;
        while bytes.len() >= FRAME {
            let kind = u32_at(bytes, 0, big);
            if kind == SECTION {
                big = order(&bytes[8..SNIFF]).unwrap_or(big);
            }
            let len = u32_at(bytes, 4, big) as usize;
            if len < FRAME || len > bytes.len() {
                return false;
            }
            if matches!(kind, ENHANCED_PACKET | SIMPLE_PACKET | OLD_PACKET | SECRETS) {
                return true;
            }
            bytes = &bytes[len..];
        }
        false
    }

    /// Goes over one block.
    #[inline]
    pub(super) fn step<R: Read>(&mut self, window: &mut Window<R>) -> io::Result<Step> {
        loop {
            if !window.fill(FRAME)? {
                return Ok(ended(window, FRAME));
            }
            let kind = u32_at(window.bytes(), 0, self.big);
            if kind == SECTION
                && let Some(big) = order(&window.bytes()[8..SNIFF])
            {
                self.big = big;
            }
            let declared = u32_at(window.bytes(), 4, self.big) as usize;
            let settled = self.settled.take();
            let len = match settled {
                Some(len) => len,
                None => {
                    if declared < FRAME || declared > self.most || !declared.is_multiple_of(4) {
                        return self.repair_length(window, kind, declared);
                    }
                    if !window.fill(declared)? {
                        return self.cut(window, declared);
                    }
                    if u32_at(window.bytes(), declared - 4, self.big) as usize != declared {
                        return self.repair_trailer(window, declared);
                    }
                    declared
                }
            };
            let step = match kind {
                ENHANCED_PACKET => self.packet(window, len, false, settled.is_some()),
                SIMPLE_PACKET => self.simple_packet(window, len),
                OLD_PACKET => self.packet(window, len, true, settled.is_some()),
                _ => self.other(window, kind, len),
            };
            if self.settled.is_none() {
                window.consume(len);
            }
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// An enhanced packet block, or the packet block before it: they differ in the width of the interface's number.
    #[inline]
    fn packet<R: Read>(
        &mut self,
        window: &Window<R>,
        len: usize,
        old: bool,
        told: bool,
    ) -> Option<Step> {
        if len < PACKET_HEAD + 4 {
            return skipped(window, len, "a packet block too short for its fields");
        }
        let head = &window.bytes()[..PACKET_HEAD];
        let id = if old { u32::from(u16_at(head, 8, self.big)) } else { u32_at(head, 8, self.big) };
        let Some(interface) = self.interfaces.get(id as usize) else {
            return skipped(
                window,
                len,
                "a packet of an interface that the file does not describe",
            );
        };
        let mut captured = u32_at(head, 20, self.big) as usize;
        if captured > len - PACKET_HEAD - 4 {
            if !told {
                return Some(self.keep(window, len, "a packet longer than its block"));
            }
            captured = len - PACKET_HEAD - 4;
        }
        let ticks =
            u64::from(u32_at(head, 12, self.big)) << 32 | u64::from(u32_at(head, 16, self.big));
        let original = u32_at(head, 24, self.big);
        let (captured, original_length) = match interface.fcs {
            0 => (captured, original),
            fcs => without_fcs(captured, original, fcs),
        };
        Some(Step::Packet {
            time: Some(interface.time(ticks)),
            link: interface.link,
            original_length,
            back: len - PACKET_HEAD,
            len: captured,
        })
    }

    /// A simple packet block: no time, and always of the first interface.
    #[cold]
    fn simple_packet<R: Read>(&self, window: &Window<R>, len: usize) -> Option<Step> {
        let Some(interface) = self.interfaces.first() else {
            return skipped(window, len, "a simple packet before any interface is described");
        };
        if len < FRAME + 4 {
            return skipped(window, len, "a packet block too short for its fields");
        }
        let original = u32_at(window.bytes(), 8, self.big);
        let most = if interface.snap == 0 { original } else { original.min(interface.snap) };
        let captured = (most as usize).min(len - FRAME - 4);
        let (captured, original_length) = without_fcs(captured, original, interface.fcs);
        Some(Step::Packet {
            time: None,
            link: interface.link,
            original_length,
            back: len - 12,
            len: captured,
        })
    }

    /// A block that is no packet.
    #[cold]
    fn other<R: Read>(&mut self, window: &Window<R>, kind: u32, len: usize) -> Option<Step> {
        let body = &window.bytes()[8..len - 4];
        match kind {
            SECTION => self.interfaces.clear(),
            INTERFACE => {
                let (interface, fault) = Interface::read(body, self.big);
                if self.interfaces.len() < self.most_interfaces {
                    self.interfaces.push(interface);
                }
                if let Some(reason) = fault {
                    return Some(trouble(window.offset(), TroubleKind::Kept { reason }));
                }
            }
            SECRETS => {
                if body.len() < 8 {
                    let reason = "a secrets block too short for its fields";
                    return Some(trouble(
                        window.offset(),
                        TroubleKind::Skipped { reason, bytes: len as u64 },
                    ));
                }
                let data = (u32_at(body, 4, self.big) as usize).min(body.len() - 8);
                return Some(Step::Secrets {
                    kind: u32_at(body, 0, self.big),
                    back: len - 16,
                    len: data,
                });
            }
            // Wireshark lists these among the packets and gives them numbers.
            JOURNAL | CUSTOM | CUSTOM_NOT_COPIED => return Some(Step::Numbered(None)),
            _ => {}
        }
        None
    }
}

/// The byte order that four bytes of byte-order magic tell: true for big-endian.
fn order(magic: &[u8]) -> Option<bool> {
    match (u32_at(magic, 0, true), u32_at(magic, 0, false)) {
        (ORDER, _) => Some(true),
        (_, ORDER) => Some(false),
        _ => None,
    }
}

fn trouble(offset: u64, kind: TroubleKind) -> Step {
    Step::Trouble(Trouble::new(offset, kind))
}

/// A whole packet block of `len` bytes that cannot be read as one. It keeps its number.
#[cold]
fn skipped<R: Read>(window: &Window<R>, len: usize, reason: &'static str) -> Option<Step> {
    let kind = TroubleKind::Skipped { reason, bytes: len as u64 };
    Some(Step::Numbered(Some(Trouble::new(window.offset(), kind))))
}
