//! Capture files to [`Traffic`](crate::inspect::Traffic). No RTMP decoding, no tokio.

mod tcp;
