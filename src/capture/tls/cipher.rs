//! One direction's keys under one epoch: opens protected records. Knows no framing and does not count records.

use core::ops::Range;

use aes::cipher::{Array, BlockModeDecrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use ccm::consts::{U8, U12, U16};
use chacha20poly1305::ChaCha20Poly1305;

use super::names::Version;
use super::record::{HEADER, Header};
use super::schedule::{Digest, Output, expand_label, prf};
use super::suite::{Cipher, Suite};

/// AES block, and with it the explicit IV of CBC records.
const BLOCK: usize = 16;
/// The part of a GCM or CCM nonce that is sent with each record of TLS 1.2 (RFC 5288 §3).
const EXPLICIT: usize = 8;

/// Opens the records of one direction and epoch.
pub(super) struct Opener {
    keys: Keys,
    version: Version,
    /// The nonce that the sequence number goes into; for GCM and CCM of TLS 1.2 only its first four bytes count.
    iv: [u8; 12],
    /// Of CBC: what authenticates the records.
    mac: Option<(Digest, Output)>,
    /// Of CBC: the MAC covers the ciphertext (RFC 7366).
    encrypt_then_mac: bool,
    /// Of CBC in TLS 1.0: the block before the next record, where it is known.
    chain: Option<[u8; BLOCK]>,
}

enum Keys {
    Gcm128(Box<Aes128Gcm>),
    Gcm256(Box<Aes256Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
    Ccm128(Box<Ccm<Aes128, U16, U12>>),
    Ccm256(Box<Ccm<Aes256, U16, U12>>),
    Ccm128Short(Box<Ccm<Aes128, U8, U12>>),
    Ccm256Short(Box<Ccm<Aes256, U8, U12>>),
    Cbc128(Box<Aes128>),
    Cbc256(Box<Aes256>),
}

impl Keys {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        fn boxed<K: KeyInit>(key: &[u8]) -> Option<Box<K>> {
            K::new_from_slice(key).ok().map(Box::new)
        }
        Some(match cipher {
            Cipher::Gcm { key: 16 } => Self::Gcm128(boxed(key)?),
            Cipher::Gcm { .. } => Self::Gcm256(boxed(key)?),
            Cipher::ChaCha20Poly1305 => Self::ChaCha(boxed(key)?),
            Cipher::Ccm { key: 16, tag: 16 } => Self::Ccm128(boxed(key)?),
            Cipher::Ccm { key: 16, .. } => Self::Ccm128Short(boxed(key)?),
            Cipher::Ccm { tag: 16, .. } => Self::Ccm256(boxed(key)?),
            Cipher::Ccm { .. } => Self::Ccm256Short(boxed(key)?),
            Cipher::Cbc { key: 16, .. } => Self::Cbc128(boxed(key)?),
            Cipher::Cbc { .. } => Self::Cbc256(boxed(key)?),
        })
    }

    const fn tag(&self) -> usize {
        match self {
            Self::Ccm128Short(_) | Self::Ccm256Short(_) => 8,
            Self::Cbc128(_) | Self::Cbc256(_) => 0,
            _ => 16,
        }
    }
}

impl core::fmt::Debug for Opener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opener").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Which of the two key sets of a connection: the client's or the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Client,
    Server,
}

impl Opener {
    /// The keys of a traffic secret (RFC 8446 §7.3). `None` if its length is not that of the hash.
    pub(super) fn from_secret(suite: Suite, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.digest.length() {
            return None;
        }
        let key = expand_label(suite.digest, secret, b"key", suite.cipher.key_length());
        let mut iv = [0; 12];
        iv.copy_from_slice(&expand_label(suite.digest, secret, b"iv", 12));
        Some(Self {
            keys: Keys::new(suite.cipher, &key)?,
            version: Version::TLS_1_3,
            iv,
            mac: None,
            encrypt_then_mac: false,
            chain: None,
        })
    }

    /// One writer's keys of the key block (RFC 5246 §6.3).
    pub(super) fn from_master(
        suite: Suite,
        version: Version,
        master: &[u8],
        randoms: (&[u8; 32], &[u8; 32]),
        encrypt_then_mac: bool,
        writer: Writer,
    ) -> Option<Self> {
        let key = suite.cipher.key_length();
        let (mac, fixed) = match suite.cipher {
            Cipher::Gcm { .. } | Cipher::Ccm { .. } => (0, 4),
            Cipher::ChaCha20Poly1305 => (0, 12),
            Cipher::Cbc { mac, .. } => (mac.length(), BLOCK),
        };
        let mut block = [0; 2 * (48 + 32 + BLOCK)];
        let block = &mut block[..2 * (mac + key + fixed)];
        let (client, server) = randoms;
        prf(version, suite.digest, master, b"key expansion", &[server, client], block);
        let mut rest = &block[..];
        let mut own = |length: usize| {
            let (both, behind) = rest.split_at(2 * length);
            rest = behind;
            if writer == Writer::Client { &both[..length] } else { &both[length..] }
        };
        let (mac_key, key, fixed) = (own(mac), own(key), own(fixed));
        let mut opener = Self {
            keys: Keys::new(suite.cipher, key)?,
            version,
            iv: [0; 12],
            mac: None,
            encrypt_then_mac,
            chain: None,
        };
        if let Cipher::Cbc { mac, .. } = suite.cipher {
            opener.mac = Some((mac, Output::of(mac_key)));
            opener.chain = fixed.try_into().ok().filter(|_| version < Version::TLS_1_1);
        } else {
            opener.iv[..fixed.len()].copy_from_slice(fixed);
        }
        Some(opener)
    }

    /// Bytes that a record's body is longer than its plaintext, where that is always the same; of TLS 1.3 without padding.
    pub(super) fn overhead(&self) -> Option<usize> {
        if self.mac.is_some() {
            return None;
        }
        let before = if self.version >= Version::TLS_1_3 {
            1 // the content type
        } else if matches!(self.keys, Keys::ChaCha(_)) {
            0
        } else {
            EXPLICIT
        };
        Some(before + self.keys.tag())
    }

    /// Bytes of the shortest body that can be a record.
    pub(super) fn shortest(&self) -> usize {
        match self.mac {
            // One block at least, which holds the padding, and the MAC.
            Some((mac, _)) => mac.length().max(BLOCK),
            None => self.overhead().unwrap_or_default(),
        }
    }

    /// What a record that follows these bytes goes on with: in TLS 1.0 the last block of ciphertext (RFC 2246 §6.2.3.2).
    pub(super) fn tail(&self, before: &[u8]) -> Option<[u8; BLOCK]> {
        let mac =
            self.mac.map_or(0, |(mac, _)| if self.encrypt_then_mac { mac.length() } else { 0 });
        let ciphertext = &before[..before.len().saturating_sub(mac)];
        last_block(ciphertext).filter(|_| self.version < Version::TLS_1_1)
    }

    /// The next record goes on with that, or with nobody knows what.
    pub(super) fn follow(&mut self, tail: Option<[u8; BLOCK]>) {
        self.chain = tail;
    }

    /// Whether a body that does not open is left as it was.
    const fn keeps_failed(&self) -> bool {
        match self.keys {
            Keys::Gcm128(_) | Keys::Gcm256(_) | Keys::ChaCha(_) => true,
            Keys::Cbc128(_) | Keys::Cbc256(_) => self.encrypt_then_mac,
            _ => false,
        }
    }

    /// Opens a body in place under the first of some sequence numbers that fits; gives that number and where in `body`
    /// the plaintext is. A body that does not open is left as it was. `spend` is asked before each try.
    pub(super) fn find(
        &mut self,
        sequences: Range<u64>,
        header: Header,
        body: &mut [u8],
        mut spend: impl FnMut(usize) -> bool,
    ) -> Option<(u64, Range<usize>)> {
        let chain = self.chain;
        // Where the proof comes behind the decryption, each try needs the bytes as they were.
        let mut kept = None;
        for sequence in sequences {
            if !spend(body.len()) {
                break;
            }
            if !self.keeps_failed() && kept.is_none() {
                kept = Some(body.to_vec());
            }
            if let Some(range) = self.open(sequence, header, body) {
                return Some((sequence, range));
            }
            self.chain = chain;
            if let Some(kept) = &kept {
                body.copy_from_slice(kept);
            }
        }
        None
    }

    /// Opens a body in place; gives where in it the plaintext is. A body that does not open may hold anything then.
    pub(super) fn open(
        &mut self,
        sequence: u64,
        header: Header,
        body: &mut [u8],
    ) -> Option<Range<usize>> {
        if self.mac.is_some() {
            return self.open_cbc(sequence, header, body);
        }
        let overhead = self.overhead()?;
        let tag = self.keys.tag();
        let length = body.len().checked_sub(tag)?;
        let (rest, tag) = body.split_at_mut(length);
        let mut nonce = self.iv;
        let mut start = 0;
        if self.version < Version::TLS_1_3 && !matches!(self.keys, Keys::ChaCha(_)) {
            start = EXPLICIT;
            nonce[4..].copy_from_slice(rest.get(..EXPLICIT)?);
        } else {
            // RFC 8446 §5.3, RFC 7905 §2.
            nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(n, s)| *n ^= s);
        }
        let text = &mut rest[start..];
        let done = if self.version >= Version::TLS_1_3 {
            seal_free(&self.keys, &nonce, &header.bytes, text, tag)
        } else {
            let plain = length.checked_sub(start)?;
            seal_free(&self.keys, &nonce, &additional(sequence, header, plain), text, tag)
        };
        debug_assert!(overhead >= tag.len());
        done.then_some(start..length)
    }

    /// GenericBlockCipher (RFC 5246 §6.2.3.2), its MAC before or behind the encryption.
    fn open_cbc(&mut self, sequence: u64, header: Header, body: &mut [u8]) -> Option<Range<usize>> {
        let (digest, key) = self.mac?;
        let explicit = self.version >= Version::TLS_1_1;
        let mut end = body.len();
        if self.encrypt_then_mac {
            end = end.checked_sub(digest.length())?;
            let head = additional(sequence, header, end);
            if digest.hmac(&key, &[&head, &body[..end]])[..] != body[end..] {
                return None;
            }
        }
        let (iv, start) = if explicit {
            (*body[..end].first_chunk::<BLOCK>()?, BLOCK)
        } else {
            let following = last_block(&body[..end]);
            (core::mem::replace(&mut self.chain, following)?, 0)
        };
        let (blocks, odd) = Array::slice_as_chunks_mut(&mut body[start..end]);
        if !odd.is_empty() || blocks.is_empty() {
            return None;
        }
        match &self.keys {
            Keys::Cbc128(aes) => {
                cbc::Decryptor::inner_iv_init(Aes128::clone(aes), &iv.into())
                    .decrypt_blocks(blocks);
            }
            Keys::Cbc256(aes) => {
                cbc::Decryptor::inner_iv_init(Aes256::clone(aes), &iv.into())
                    .decrypt_blocks(blocks);
            }
            _ => return None,
        }
        let text = &body[start..end];
        let padding = usize::from(*text.last()?);
        let padded = text.len().checked_sub(padding + 1)?;
        if text[padded..].iter().any(|&byte| usize::from(byte) != padding) {
            return None;
        }
        if self.encrypt_then_mac {
            return Some(start..start + padded);
        }
        let plain = padded.checked_sub(digest.length())?;
        let head = additional(sequence, header, plain);
        let mac = digest.hmac(&key, &[&head, &text[..plain]]);
        (mac[..] == text[plain..padded]).then_some(start..start + plain)
    }
}

fn last_block(bytes: &[u8]) -> Option<[u8; BLOCK]> {
    bytes.last_chunk().copied()
}

/// What authenticates a record before TLS 1.3 besides its bytes (RFC 5246 §6.2.3.3).
fn additional(sequence: u64, header: Header, length: usize) -> [u8; 8 + HEADER] {
    let mut bytes = [0; 8 + HEADER];
    bytes[..8].copy_from_slice(&sequence.to_be_bytes());
    bytes[8..11].copy_from_slice(&header.bytes[..3]);
    bytes[11..].copy_from_slice(&(length as u16).to_be_bytes());
    bytes
}

/// Decrypts `text` in place if the tag is right.
fn seal_free(
    keys: &Keys,
    nonce: &[u8; 12],
    additional: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> bool {
    fn run<A: AeadInOut>(
        aead: &A,
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> bool {
        let (Ok(nonce), Ok(tag)) = ((&nonce[..]).try_into(), tag.try_into()) else { return false };
        aead.decrypt_inout_detached(nonce, additional, text.into(), tag).is_ok()
    }
    match keys {
        Keys::Gcm128(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Gcm256(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::ChaCha(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Ccm128(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Ccm256(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Ccm128Short(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Ccm256Short(aead) => run(&**aead, nonce, additional, text, tag),
        Keys::Cbc128(_) | Keys::Cbc256(_) => false,
    }
}
