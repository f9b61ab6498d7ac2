//! Messages: what the payload of each message type says.

pub mod audio;
mod audio_names;
pub mod control;
pub mod media;
pub mod user_control;
pub mod video;
mod video_names;
