//! stub
/// s
pub const SCHEMA: &str = "{}";
