//! The handshake messages that say how records are protected: ClientHello, ServerHello and a few more. Knows no key.

use super::names::{CipherSuite, Version};
use crate::proto::cursor::Cursor;

/// HandshakeType (RFC 8446 §4, RFC 5246 §7.4).
pub(super) mod message {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const END_OF_EARLY_DATA: u8 = 5;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
}

/// ExtensionType in IANA's registry.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(super) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(super) const SESSION_TICKET: u16 = 35;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// The random of a ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Names kept of a list; real ones have two or three.
const NAMES: usize = 16;

/// A ClientHello (RFC 8446 §4.1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientHello {
    pub(super) random: [u8; 32],
    pub(super) session_id: Vec<u8>,
    pub(super) versions: Vec<Version>,
    /// Those of TLS 1.3.
    pub(super) suites: Vec<CipherSuite>,
    pub(super) server_name: Option<String>,
    pub(super) alpn: Vec<String>,
    pub(super) ticket: Vec<u8>,
    pub(super) early_data: bool,
}

/// A ServerHello (RFC 8446 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) version: Version,
    pub(super) random: [u8; 32],
    pub(super) session_id: Vec<u8>,
    pub(super) suite: CipherSuite,
    pub(super) compressed: bool,
    pub(super) alpn: Option<String>,
    pub(super) encrypt_then_mac: bool,
    pub(super) extended_master_secret: bool,
}

impl ServerHello {
    /// One that is not in the capture, as far as it is known.
    pub(super) const fn guessed(version: Version, suite: CipherSuite) -> Self {
        Self {
            version,
            random: [0; 32],
            session_id: Vec::new(),
            suite,
            compressed: false,
            alpn: None,
            encrypt_then_mac: false,
            extended_master_secret: false,
        }
    }

    /// Whether it is a HelloRetryRequest.
    pub(super) fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// Vectors with a length of one or two bytes in front.
fn short<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u8("length").ok()?;
    cursor.take(length.into(), "vector").ok()
}

fn long<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u16("length").ok()?;
    cursor.take(length.into(), "vector").ok()
}

/// Calls back for each extension, as far as they can be read. Hellos of old have none.
fn extensions<'a>(cursor: &mut Cursor<'a>, mut each: impl FnMut(u16, &'a [u8])) {
    let Some(list) = long(cursor) else { return };
    let mut list = Cursor::new(list);
    while let Ok(number) = list.u16("extension") {
        let Some(data) = long(&mut list) else { return };
        each(number, data);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(255)]).into_owned()
}

/// ProtocolNameList (RFC 7301 §3.1).
fn protocols(data: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(list) = long(&mut Cursor::new(data)) {
        let mut list = Cursor::new(list);
        while names.len() < NAMES
            && let Some(name) = short(&mut list)
        {
            names.push(text(name));
        }
    }
    names
}

/// ServerNameList (RFC 6066 §3): the first host name.
fn host_name(data: &[u8]) -> Option<String> {
    let mut list = Cursor::new(long(&mut Cursor::new(data))?);
    while let Ok(kind) = list.u8("name_type") {
        let name = long(&mut list)?;
        if kind == 0 {
            return Some(text(name));
        }
    }
    None
}

impl ClientHello {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy = Version(cursor.u16("legacy_version").ok()?);
        let random = cursor.array("random").ok()?;
        let session_id = short(&mut cursor)?;
        let suites = long(&mut cursor)?.as_chunks().0.iter().copied().map(u16::from_be_bytes);
        // They have numbers of their own (RFC 8446 §B.4).
        let suites = suites.filter(|number| number >> 8 == 0x13).map(CipherSuite);
        let suites = suites.take(NAMES).collect();
        let _compression = short(&mut cursor)?;
        let mut hello = Self { random, session_id: session_id.to_vec(), suites, ..Self::default() };
        extensions(&mut cursor, |number, data| match number {
            extension::SERVER_NAME => hello.server_name = host_name(data),
            extension::ALPN => hello.alpn = protocols(data),
            extension::SESSION_TICKET => hello.ticket = data.to_vec(),
            extension::EARLY_DATA => hello.early_data = true,
            extension::SUPPORTED_VERSIONS => {
                let list = short(&mut Cursor::new(data)).unwrap_or_default();
                let versions = list.as_chunks().0.iter().copied().map(u16::from_be_bytes);
                let versions = versions.map(Version).filter(|version| !version.is_grease());
                hello.versions = versions.take(NAMES).collect();
            }
            _ => {}
        });
        if hello.versions.is_empty() {
            hello.versions.push(legacy);
        }
        Some(hello)
    }
}

impl ServerHello {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let version = Version(cursor.u16("legacy_version").ok()?);
        let random = cursor.array("random").ok()?;
        let session_id = short(&mut cursor)?.to_vec();
        let suite = CipherSuite(cursor.u16("cipher_suite").ok()?);
        let compressed = cursor.u8("legacy_compression_method").ok()? != 0;
        let mut hello = Self {
            version,
            random,
            session_id,
            suite,
            compressed,
            alpn: None,
            encrypt_then_mac: false,
            extended_master_secret: false,
        };
        extensions(&mut cursor, |number, data| match number {
            extension::ALPN => hello.alpn = protocols(data).into_iter().next(),
            extension::ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
            extension::EXTENDED_MASTER_SECRET => hello.extended_master_secret = true,
            extension::SUPPORTED_VERSIONS => {
                if let [high, low] = *data {
                    hello.version = Version(u16::from_be_bytes([high, low]));
                }
            }
            _ => {}
        });
        Some(hello)
    }
}

/// What EncryptedExtensions (RFC 8446 §4.3.1) say: the protocol chosen, and whether early data is accepted.
pub(super) fn encrypted_extensions(body: &[u8]) -> (Option<String>, bool) {
    let (mut alpn, mut early) = (None, false);
    extensions(&mut Cursor::new(body), |number, data| match number {
        extension::ALPN => alpn = protocols(data).into_iter().next(),
        extension::EARLY_DATA => early = true,
        _ => {}
    });
    (alpn, early)
}

/// The ticket of a NewSessionTicket as RFC 5077 §3.3 has it, before TLS 1.3.
pub(super) fn new_session_ticket(body: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(body);
    cursor.u32("ticket_lifetime_hint").ok()?;
    long(&mut cursor)
}

/// Handshake messages, put together from records (RFC 8446 §5.1).
#[derive(Debug, Default)]
pub(super) struct Messages {
    buffer: Vec<u8>,
    /// Bytes to come of a message that nobody asks for.
    skip: usize,
}

/// Bytes of a message's header: its type and length.
pub(super) const MESSAGE_HEADER: usize = 4;

impl Messages {
    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Something was lost: what follows begins a message, or so it is hoped.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes bytes off the front of `input` up to the end of the next message that is not longer than `limit`. Gives it
    /// with its header, or its type and no body if it is longer, or `None` when there is no more.
    pub(super) fn next(&mut self, input: &mut &[u8], limit: usize) -> Option<Vec<u8>> {
        loop {
            let skipped = self.skip.min(input.len());
            *input = &input[skipped..];
            self.skip -= skipped;
            if !self.fill(MESSAGE_HEADER, input) {
                return None;
            }
            let length = u32::from_be_bytes([0, self.buffer[1], self.buffer[2], self.buffer[3]]);
            let whole = MESSAGE_HEADER + length as usize;
            let wanted = matches!(
                self.buffer[0],
                message::CLIENT_HELLO
                    | message::SERVER_HELLO
                    | message::NEW_SESSION_TICKET
                    | message::END_OF_EARLY_DATA
                    | message::ENCRYPTED_EXTENSIONS
                    | message::CLIENT_KEY_EXCHANGE
                    | message::FINISHED
                    | message::KEY_UPDATE
            );
            if wanted && whole <= limit {
                return self.fill(whole, input).then(|| core::mem::take(&mut self.buffer));
            }
            // Certificates can be long, and nobody looks into them.
            self.skip = whole - MESSAGE_HEADER;
            let head = core::mem::take(&mut self.buffer);
            if wanted {
                return Some(head);
            }
        }
    }

    fn fill(&mut self, length: usize, input: &mut &[u8]) -> bool {
        let want = length.saturating_sub(self.buffer.len());
        let (more, rest) = input.split_at(input.len().min(want));
        self.buffer.extend_from_slice(more);
        *input = rest;
        self.buffer.len() >= length
    }
}
