//! What the program prints: JSON and tables.

mod amf_context;
pub mod amf_json;
mod base64;
mod date;
pub mod escape;
mod inline;
