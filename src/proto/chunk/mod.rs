//! The chunk stream: messages cut into chunks and put together again.
//!
//! Defined by: RTMP 1.0 §5.3. [`Reader`] turns one direction's bytes into messages, [`Writer`] messages into bytes;
//! both know the two message types that change framing (Set Chunk Size, Abort) and no other.

mod assembly;
mod edit;
pub mod header;
mod item;
mod reader;
mod writer;

pub use assembly::Stream;
pub use edit::{Asked, Editor, Unreadable, Wish};
pub use header::Header;
pub use item::{
    Chunk, HEAD, Inherited, Item, Keep, Loss, LossKind, Message, Note, NoteKind, Resume,
};
pub use reader::Reader;
pub use writer::{Outgoing, Writer};

/// The chunk size in force until a Set Chunk Size says otherwise (RTMP 1.0 §5.4.1).
pub const DEFAULT_CHUNK_SIZE: u32 = 128;

/// The largest chunk size that can be announced: the top bit must be zero (RTMP 1.0 §5.4.1).
pub const MAX_CHUNK_SIZE: u32 = 0x7fff_ffff;

/// The largest message: its length has 24 bits (RTMP 1.0 §5.3.1.2.1).
pub const MAX_MESSAGE_LENGTH: u32 = 0xff_ffff;
