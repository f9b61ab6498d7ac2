//! The published schema of the records.

/// The JSON Schema (draft 2020-12) of one line of the output: what `rtmpctl schema` prints.
///
/// Objects of ours are closed: a field that is not in it is a defect of the writer. Whoever adds one adds it there.
pub const SCHEMA: &str = include_str!("schema.json");
