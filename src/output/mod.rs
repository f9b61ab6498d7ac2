//! Records as text and files. Writes only to what it was given.

mod amf_context;
pub mod amf_json;
mod date;
mod digits;
pub mod escape;
pub mod filter;
pub mod flv;
mod inline;
pub mod json;
pub mod payload;
pub mod pcapng;
pub mod redact;
pub mod report;
pub mod schema;
#[cfg(feature = "cli")]
pub mod table;
mod time;
