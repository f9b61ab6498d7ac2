//! The key schedules: HKDF of TLS 1.3 and the PRF of the versions before it. Knows no record.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::names::Version;

/// The hash functions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

/// What a hash or an HMAC gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Output {
    bytes: [u8; 48],
    length: usize,
}

impl Output {
    /// The first 48 bytes, which is all of any hash.
    pub(super) fn of(given: &[u8]) -> Self {
        let mut bytes = [0; 48];
        let length = given.len().min(bytes.len());
        bytes[..length].copy_from_slice(&given[..length]);
        Self { bytes, length }
    }

    fn truncated(mut self, length: usize) -> Self {
        self.length = self.length.min(length);
        self
    }
}

impl core::ops::Deref for Output {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Digest {
    /// Bytes of its output.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The hash of `parts`, one behind the other.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Output {
        fn run<D: sha2::Digest>(parts: &[&[u8]]) -> Output {
            let mut hash = D::new();
            parts.iter().for_each(|part| hash.update(part));
            Output::of(&hash.finalize())
        }
        match self {
            Self::Md5 => run::<Md5>(parts),
            Self::Sha1 => run::<Sha1>(parts),
            Self::Sha256 => run::<Sha256>(parts),
            Self::Sha384 => run::<Sha384>(parts),
        }
    }

    /// The HMAC (RFC 2104) of `parts`, one behind the other.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Output {
        fn run<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Output {
            // A key of any length will do.
            let Ok(mut mac) = Hmac::<D>::new_from_slice(key) else { return Output::of(&[]) };
            parts.iter().for_each(|part| mac.update(part));
            Output::of(&mac.finalize().into_bytes())
        }
        match self {
            Self::Md5 => run::<Md5>(key, parts),
            Self::Sha1 => run::<Sha1>(key, parts),
            Self::Sha256 => run::<Sha256>(key, parts),
            Self::Sha384 => run::<Sha384>(key, parts),
        }
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1). All that records need is at most as long as the hash, which
/// is one round of HKDF-Expand (RFC 5869 §2.3).
pub(super) fn expand_label(digest: Digest, secret: &[u8], label: &[u8], length: usize) -> Output {
    let length = length.min(digest.length());
    let head = [0, length as u8, 6 + label.len() as u8];
    digest.hmac(secret, &[&head, b"tls13 ", label, &[0], &[1]]).truncated(length)
}

/// The pseudorandom function of TLS 1.2 (RFC 5246 §5), or of 1.0 and 1.1 (RFC 2246 §5), which know one pair of hashes only.
pub(super) fn prf(
    version: Version,
    digest: Digest,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    out: &mut [u8],
) {
    out.fill(0);
    if version >= Version::TLS_1_2 {
        return mix(digest, secret, label, seed, out);
    }
    let half = secret.len().div_ceil(2);
    mix(Digest::Md5, &secret[..half], label, seed, out);
    mix(Digest::Sha1, &secret[secret.len() - half..], label, seed, out);
}

/// P_hash, by exclusive or into `out`.
fn mix(digest: Digest, secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let seed = seed.concat();
    let mut a = digest.hmac(secret, &[label, &seed]);
    for block in out.chunks_mut(digest.length()) {
        let bytes = digest.hmac(secret, &[&a, label, &seed]);
        block.iter_mut().zip(&*bytes).for_each(|(out, byte)| *out ^= byte);
        a = digest.hmac(secret, &[&a]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// RFC 8448 §3, "derive write traffic keys for application data" of the server.
    #[test]
    fn the_key_and_iv_of_a_traffic_secret_are_those_of_rfc_8448() {
        let secret = hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
        let key = expand_label(Digest::Sha256, &secret, b"key", 16);
        assert_eq!(key[..], hex("9f02283b6c9c07efc26bb9f2ac92e356"));
        let iv = expand_label(Digest::Sha256, &secret, b"iv", 12);
        assert_eq!(iv[..], hex("cf782b88dd83549aadf1e984"));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let mac = Digest::Sha256.hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            mac[..],
            hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }
}
