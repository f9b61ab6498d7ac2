//! Records as text and files. Writes only to what it was given.

mod amf_context;
pub mod amf_json;
mod base64;
mod date;
pub mod escape;
mod inline;
pub mod json;
pub mod payload;
mod time;
