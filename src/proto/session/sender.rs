//! The half of a connection that sends: messages in, bytes to send out.

use crate::proto::chunk::{Outgoing, Writer};
use crate::proto::message::{Command, Control, Data, EventType, UserControl};

/// Writes messages as chunks into a buffer, from which whoever has the socket takes them.
#[derive(Debug, Clone)]
pub struct Sender {
    writer: Writer,
    output: Vec<u8>,
    /// Messages that wait until the handshake is over.
    behind: Option<Vec<u8>>,
    /// Bytes of `output` that were sent.
    gone: usize,
    /// Bytes that were sent before those.
    before: u64,
}

/// The chunk stream of control messages (RTMP 1.0 §5.4).
const CONTROL: u32 = 2;

impl Default for Sender {
    fn default() -> Self {
        Self::new()
    }
}

impl Sender {
    /// A sender with the default chunk size of 128 bytes. It begins no message with a header of format 3, so that no
    /// receiver takes one for the rest of another.
    #[must_use]
    pub fn new() -> Self {
        Self::with_writer(Writer::new().with_headers())
    }

    /// The same sender with another writer, before its first message.
    #[must_use]
    pub fn with_writer(writer: Writer) -> Self {
        Self { writer, output: Vec::new(), behind: None, gone: 0, before: 0 }
    }

    /// Sends a message as it is.
    pub fn message(&mut self, message: &Outgoing<'_>) {
        self.writer.write(message, self.behind.as_mut().unwrap_or(&mut self.output));
    }

    /// Sends a message on the chunk stream that is usual for its type: 2 for control, 3 for the connection's commands, 4
    /// for audio, 6 for video, 5 for data, 8 for the commands of message streams.
    pub fn send(&mut self, message_stream_id: u32, type_id: u8, timestamp: u32, payload: &[u8]) {
        let chunk_stream_id = match type_id {
            0..=7 => CONTROL,
            8 => 4,
            9 | 22 => 6,
            15 | 18 => 5,
            _ if message_stream_id == 0 => 3,
            _ => 8,
        };
        self.message(&Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload });
    }

    /// Sends a control message. A chunk size takes effect behind it.
    pub fn control(&mut self, control: Control) {
        let mut payload = Vec::with_capacity(5);
        control.encode(&mut payload);
        self.send(0, control.type_id(), 0, &payload);
    }

    /// Sends a user control message.
    pub fn user_control(&mut self, event: &UserControl) {
        let mut payload = Vec::with_capacity(10);
        event.encode(&mut payload);
        self.send(0, 4, 0, &payload);
    }

    /// Sends a user control message that is about a message stream.
    pub fn stream_event(&mut self, event: EventType, stream_id: u32) {
        let (event_type, stream_id) = (Some(event), Some(stream_id));
        self.user_control(&UserControl { event_type, stream_id, ..UserControl::default() });
    }

    /// Asks whether the peer is there; it answers with the same number, milliseconds of a clock.
    pub fn ping(&mut self, timestamp: u32) {
        self.ping_event(EventType::PingRequest, timestamp);
    }

    /// Answers that question.
    pub fn pong(&mut self, timestamp: u32) {
        self.ping_event(EventType::PingResponse, timestamp);
    }

    fn ping_event(&mut self, event: EventType, timestamp: u32) {
        let (event_type, timestamp) = (Some(event), Some(timestamp));
        self.user_control(&UserControl { event_type, timestamp, ..UserControl::default() });
    }

    /// Sends a command, in the AMF version that it names.
    pub fn command(&mut self, message_stream_id: u32, command: &Command) {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        self.send(message_stream_id, command.type_id(), 0, &payload);
    }

    /// Sends data.
    pub fn data(&mut self, message_stream_id: u32, timestamp: u32, data: &Data) {
        let mut payload = Vec::new();
        data.encode(&mut payload);
        self.send(message_stream_id, data.type_id(), timestamp, &payload);
    }

    /// A sender whose messages wait until the handshake is over.
    pub(super) fn behind_handshake() -> Self {
        Self { behind: Some(Vec::new()), ..Self::default() }
    }

    /// Bytes of the handshake.
    pub(super) fn handshake(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// The handshake is over.
    pub(super) fn open(&mut self) {
        self.output.append(&mut self.behind.take().unwrap_or_default());
    }

    /// The bytes to send next; empty when there are none.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output[self.gone..]
    }

    /// The first `n` bytes of the output were sent. More than there are count as all.
    pub fn sent(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        self.gone = self.output.len().min(self.gone.saturating_add(n));
        if self.gone == self.output.len() {
            self.before += self.gone as u64;
            self.gone = 0;
            // Most connections have nothing more to send for long.
            self.output = Vec::new();
        } else if self.gone > self.output.len() / 2 {
            self.before += self.gone as u64;
            self.output.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// All that is to be sent; the caller sends it.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = core::mem::take(&mut self.output);
        output.drain(..self.gone);
        self.before += (self.gone + output.len()) as u64;
        self.gone = 0;
        output
    }

    /// Bytes that wait to be sent, those of messages that wait for the handshake with them.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.output.len() - self.gone + self.behind.as_ref().map_or(0, Vec::len)
    }

    /// Bytes sent so far, the handshake's included.
    #[must_use]
    pub const fn bytes_sent(&self) -> u64 {
        self.before + self.gone as u64
    }

    /// The chunk size in force, bytes.
    #[must_use]
    pub const fn chunk_size(&self) -> u32 {
        self.writer.chunk_size()
    }

    /// Bytes of memory held for what is to be sent.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.output.capacity() + self.behind.as_ref().map_or(0, Vec::capacity)
    }
}
