//! Decryption of whole TLS sessions: of rustls, made here, and of OpenSSL, recorded by `testdata/tls.py`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod arbitrary;
mod live;
mod recorded;
mod rig;
