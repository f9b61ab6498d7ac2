//! One side's end of a connection: handshake, chunks in, chunks out, and what control messages ask for.

use super::{Close, Sender};
use crate::Limits;
use crate::proto::chunk::{Chunk, Item, Keep, Message, Note, NoteKind, Reader};
use crate::proto::handshake::digest::Scheme;
use crate::proto::handshake::{PACKET_LEN, Peer, RANDOM_LEN, Side, Style};
use crate::proto::message::{self, Body, Control, EventType};

/// What an end does of its own accord.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How it introduces itself. A server with [`Style::Digest`] uses digests only towards clients that do.
    pub style: Style,
    /// When it acknowledges.
    pub acknowledge: Acknowledge,
    /// After how many bytes, where the peer does not say it (default 2,500,000, as Flash Media Server announces). With 0 it
    /// does so only once the peer has said it, as nginx-rtmp does.
    pub window: u32,
    /// How much it keeps of each message (default [`HEADS`]).
    pub keep: Keep,
    /// Whether each chunk is handed out too. It costs some speed.
    pub chunks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            style: Style::Digest { scheme: Scheme::Zero, version: VERSION },
            acknowledge: Acknowledge::WhenDue,
            window: 2_500_000,
            keep: HEADS,
            chunks: false,
        }
    }
}

/// Bytes of a handshake in each direction: a version and two packets.
const HANDSHAKE: u64 = 1 + 2 * PACKET_LEN as u64;

/// The version in the first packet of the digest handshake: that of a Flash Media Server 3.5, which clients know.
const VERSION: u32 = 0x0305_0101;

/// Keeps whole what a session needs: commands, control, data and the configuration of codecs; of all other media the
/// tag headers, and of what has no meaning here nothing more than that either.
pub const HEADS: Keep = Keep { head: 64, whole: needed };

fn needed(type_id: u8, head: &[u8]) -> bool {
    matches!(type_id, 1..=6 | 8 | 9 | 15 | 17 | 18 | 20) && message::needs_whole(type_id, head)
}

/// When an end acknowledges what it receives (RTMP 1.0 §5.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// As soon as the window is full.
    #[default]
    WhenDue,
    /// When twice the window is full: a sender that counts has stopped by then.
    Late,
    /// Never.
    Never,
}

/// What [`Connection::next`] hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// The handshake is over.
    Handshake {
        /// Whether the peer's second packet echoes or signs ours. Few servers insist on it.
        valid: bool,
        /// Whether the peer's first packet has a digest.
        digest: bool,
    },
    /// A message. What control messages ask for has been done. Its payload may be its head only: see [`Options::keep`].
    Message(Message<'a>),
    /// Something odd that does not stop the reading.
    Note(Note),
    /// A chunk, where they are wanted.
    Chunk(Chunk),
}

/// One side's end of a connection.
///
/// It applies Set Chunk Size and Abort, acknowledges, answers ping requests, and answers Set Peer Bandwidth with its
/// window. All messages are handed out, these too. It holds a few kilobytes once the handshake is over.
#[derive(Debug)]
pub struct Connection {
    handshake: Option<Box<Peer>>,
    reader: Reader,
    sender: Sender,
    flow: Flow,
    output_limit: usize,
}

impl Connection {
    /// The end of a server. `epoch` is a time of its own in milliseconds, and `random` what clients are to echo.
    #[must_use]
    pub fn server(
        options: &Options,
        epoch: u32,
        random: &[u8; RANDOM_LEN],
        limits: &Limits,
    ) -> Self {
        Self::new(Side::Server, options, epoch, random, limits)
    }

    /// The end of a client. Its first packets are ready to be sent.
    #[must_use]
    pub fn client(
        options: &Options,
        epoch: u32,
        random: &[u8; RANDOM_LEN],
        limits: &Limits,
    ) -> Self {
        Self::new(Side::Client, options, epoch, random, limits)
    }

    fn new(
        side: Side,
        options: &Options,
        epoch: u32,
        random: &[u8; RANDOM_LEN],
        limits: &Limits,
    ) -> Self {
        let mut peer = Peer::new(side, options.style, epoch, random);
        let mut sender = Sender::behind_handshake();
        sender.handshake(&peer.take_output());
        Self {
            handshake: Some(Box::new(peer)),
            reader: Reader::new(HANDSHAKE, options.keep, limits)
                .with_chunks(options.chunks)
                .without_history(),
            sender,
            flow: Flow {
                acknowledge: options.acknowledge,
                window: options.window,
                received: 0,
                acknowledged: 0,
                announced: None,
                peer_acknowledged: None,
            },
            output_limit: limits.output_bytes,
        }
    }

    /// What has arrived next, with the half that answers it; `None` where all of `input` has been taken.
    ///
    /// # Errors
    /// [`Close`]: the connection cannot go on. What is in the output may still be sent.
    pub fn next<'c, 'i: 'c>(
        &'c mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<(Arrived<'c>, &'c mut Sender)>, Close> {
        let before = input.len();
        if self.handshake.is_some() {
            let arrived = self.shake(input)?;
            self.flow.received += (before - input.len()) as u64;
            return Ok(arrived.map(|arrived| (arrived, &mut self.sender)));
        }
        let item = self.reader.next(input);
        self.flow.received += (before - input.len()) as u64;
        let arrived = match item.map_err(Close::Framing)? {
            None => {
                self.flow.acknowledge(&mut self.sender);
                if self.sender.waiting() > self.output_limit {
                    return Err(Close::Limit("output_bytes"));
                }
                return Ok(None);
            }
            Some(Item::Message(message)) => {
                if matches!(message.type_id, 3..=6) {
                    self.flow.control(&message, &mut self.sender);
                }
                Arrived::Message(message)
            }
            Some(Item::Note(Note { kind: NoteKind::PartialDropped { .. }, .. })) => {
                return Err(Close::Limit("partial_bytes"));
            }
            Some(Item::Note(note)) => Arrived::Note(note),
            Some(Item::Chunk(chunk)) => Arrived::Chunk(chunk),
        };
        Ok(Some((arrived, &mut self.sender)))
    }

    fn shake(&mut self, input: &mut &[u8]) -> Result<Option<Arrived<'static>>, Close> {
        let Some(peer) = &mut self.handshake else { return Ok(None) };
        if peer.reader().version().is_none()
            && let Some(&first) = input.first()
        {
            match first {
                0x16 => return Err(Close::Tls),
                6 | 8 | 9 => return Err(Close::Encrypted { version: first }),
                // Whoever does not know a version answers with 3 (RTMP 1.0 §5.2.2); from 32 on it is text.
                0..32 => {}
                _ => return Err(Close::NotRtmp { first }),
            }
        }
        // The peer's own word is repeated: some clients compare all of their packet.
        peer.push(input, None);
        self.sender.handshake(&peer.take_output());
        if !peer.is_done() {
            return Ok(None);
        }
        let arrived = Arrived::Handshake {
            valid: peer.answer_valid() == Some(true),
            digest: peer.peer_digest().is_some(),
        };
        self.handshake = None;
        self.sender.open();
        Ok(Some(arrived))
    }

    /// Whether the handshake is over.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.handshake.is_none()
    }

    /// The half that sends.
    pub const fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The bytes to send next; empty when there are none.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.sender.output()
    }

    /// The first `n` bytes of the output were sent.
    pub fn sent(&mut self, n: usize) {
        self.sender.sent(n);
    }

    /// All that is to be sent; the caller sends it.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        self.sender.take_output()
    }

    /// Keeps so much of the messages that begin from now on: [`HEADS`], or [`Keep::ALL`] while somebody plays them.
    pub const fn keep(&mut self, keep: Keep) {
        self.reader.set_keep(keep);
    }

    /// Bytes received so far, the handshake's included.
    #[must_use]
    pub const fn bytes_received(&self) -> u64 {
        self.flow.received
    }

    /// Bytes sent so far, the handshake's included.
    #[must_use]
    pub const fn bytes_sent(&self) -> u64 {
        self.sender.bytes_sent()
    }

    /// The last sequence number with which the peer acknowledged.
    #[must_use]
    pub const fn peer_acknowledged(&self) -> Option<u32> {
        self.flow.peer_acknowledged
    }

    /// The chunk size of the peer, bytes.
    #[must_use]
    pub const fn peer_chunk_size(&self) -> u32 {
        self.reader.chunk_size()
    }

    /// Bytes of memory held: unfinished messages, states of chunk streams, what is to be sent.
    #[must_use]
    pub fn memory(&self) -> usize {
        /// A handshake holds three packets of its own and of the peer, and its random bytes.
        const SHAKING: usize = 6 * PACKET_LEN;
        self.reader.memory() + self.sender.memory() + self.handshake.as_ref().map_or(0, |_| SHAKING)
    }
}

/// What is counted for acknowledgements, both ways.
#[derive(Debug)]
struct Flow {
    acknowledge: Acknowledge,
    /// Bytes after which the peer wants to hear of them.
    window: u32,
    received: u64,
    acknowledged: u64,
    /// The window that this side announced last because it was asked to.
    announced: Option<u32>,
    peer_acknowledged: Option<u32>,
}

impl Flow {
    fn acknowledge(&mut self, sender: &mut Sender) {
        let due = match self.acknowledge {
            _ if self.window == 0 => return,
            Acknowledge::Never => return,
            Acknowledge::WhenDue => u64::from(self.window),
            Acknowledge::Late => 2 * u64::from(self.window),
        };
        if self.received - self.acknowledged >= due {
            self.acknowledged = self.received;
            // Modulo 2^32, as senders have it (RTMP 1.0 §5.4.3 says nothing of more).
            let sequence_number = Some(self.received as u32);
            sender.control(Control::Acknowledgement { sequence_number });
        }
    }

    #[cold]
    fn control(&mut self, message: &Message<'_>, sender: &mut Sender) {
        if message.type_id == 4 {
            let (body, _) = message::decode(4, message.payload, message.length, &Limits::default());
            if let Body::UserControl(event) = body
                && event.event_type == Some(EventType::PingRequest)
                && let Some(timestamp) = event.timestamp
            {
                sender.pong(timestamp);
            }
            return;
        }
        match Control::decode(message.type_id, message.payload) {
            Some((Control::Acknowledgement { sequence_number }, _)) => {
                self.peer_acknowledged = sequence_number.or(self.peer_acknowledged);
            }
            // A window of nothing would be full at once, and for ever.
            Some((Control::WindowAcknowledgementSize { size: Some(size @ 1..) }, _)) => {
                self.window = size;
            }
            Some((Control::SetPeerBandwidth { size: Some(size @ 1..), .. }, _))
                if self.announced != Some(size) =>
            {
                self.announced = Some(size);
                sender.control(Control::WindowAcknowledgementSize { size: Some(size) });
            }
            _ => {}
        }
    }
}
