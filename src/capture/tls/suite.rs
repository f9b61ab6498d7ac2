//! What a cipher suite protects records with, read from its name. Knows no key.

use super::names::{CipherSuite, Version};
use super::schedule::Digest;

/// The parameters of a cipher suite whose records can be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) cipher: Cipher,
    /// The hash of the key schedule from TLS 1.2 on.
    pub(super) digest: Digest,
    /// The client encrypts the premaster secret with the server's RSA key.
    pub(super) rsa: bool,
}

/// How records are protected. Key and tag lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Gcm { key: usize },
    Ccm { key: usize, tag: usize },
    ChaCha20Poly1305,
    Cbc { key: usize, mac: Digest },
}

impl Cipher {
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Gcm { key } | Self::Ccm { key, .. } | Self::Cbc { key, .. } => key,
            Self::ChaCha20Poly1305 => 32,
        }
    }
}

impl Suite {
    /// `None` for what is not supported, or is not a suite of that version.
    pub(super) fn of(number: CipherSuite, version: Version) -> Option<Self> {
        let name = number.name()?;
        // TLS 1.3 leaves the key exchange out of the name.
        let (exchange, cipher) = match name.split_once("_WITH_") {
            Some(parts) if version < Version::TLS_1_3 => parts,
            None if version == Version::TLS_1_3 => ("", name.strip_prefix("TLS_")?),
            _ => return None,
        };
        let key = if cipher.contains("AES_256") { 32 } else { 16 };
        let digest = if cipher.ends_with("SHA384") { Digest::Sha384 } else { Digest::Sha256 };
        let aes = cipher.starts_with("AES_");
        let cipher = if cipher.starts_with("CHACHA20_POLY1305") {
            Cipher::ChaCha20Poly1305
        } else if aes && cipher.contains("_GCM_") {
            Cipher::Gcm { key }
        } else if aes && cipher.contains("_CCM_8") {
            Cipher::Ccm { key, tag: 8 }
        } else if aes && cipher.contains("_CCM") {
            Cipher::Ccm { key, tag: 16 }
        } else if aes && cipher.contains("_CBC_") {
            let mac = if cipher.ends_with("_SHA") { Digest::Sha1 } else { digest };
            Cipher::Cbc { key, mac }
        } else {
            return None;
        };
        // Authenticated encryption came with TLS 1.2 (RFC 5246 §6.2.3.3).
        if version < Version::TLS_1_2 && !matches!(cipher, Cipher::Cbc { .. }) {
            return None;
        }
        Some(Self { cipher, digest, rsa: exchange == "TLS_RSA" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_follow_from_the_name() {
        let of = |number, version| Suite::of(CipherSuite(number), version);
        let gcm = Suite { cipher: Cipher::Gcm { key: 32 }, digest: Digest::Sha384, rsa: false };
        assert_eq!(of(0x1302, Version::TLS_1_3), Some(gcm));
        assert_eq!(of(0xc030, Version::TLS_1_2), Some(gcm));
        assert_eq!(of(0x009d, Version::TLS_1_2), Some(Suite { rsa: true, ..gcm }));
        let cbc = |key, mac| Cipher::Cbc { key, mac };
        for (number, cipher, digest) in [
            (0x002f, cbc(16, Digest::Sha1), Digest::Sha256),
            (0xc028, cbc(32, Digest::Sha384), Digest::Sha384),
            (0x003d, cbc(32, Digest::Sha256), Digest::Sha256),
            (0xc09d, Cipher::Ccm { key: 32, tag: 16 }, Digest::Sha256),
            (0xc0a0, Cipher::Ccm { key: 16, tag: 8 }, Digest::Sha256),
            (0xcca8, Cipher::ChaCha20Poly1305, Digest::Sha256),
        ] {
            let suite = of(number, Version::TLS_1_2).unwrap();
            assert_eq!((suite.cipher, suite.digest), (cipher, digest), "{number:04x}");
        }
    }

    #[test]
    fn what_is_not_supported_or_of_another_version_is_none() {
        for (number, version) in [
            (0x0005, Version::TLS_1_2), // RC4
            (0x000a, Version::TLS_1_2), // 3DES
            (0x0041, Version::TLS_1_2), // Camellia
            (0x003b, Version::TLS_1_2), // no encryption
            (0x00ff, Version::TLS_1_2), // no suite
            (0x1301, Version::TLS_1_2),
            (0xc02f, Version::TLS_1_3),
            (0xc02f, Version::TLS_1_1),
            (0xabcd, Version::TLS_1_2),
        ] {
            assert_eq!(Suite::of(CipherSuite(number), version), None, "{number:04x}");
        }
    }
}
