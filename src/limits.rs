//! Every cap in the program, with its default and the reason for it. Nothing else in the tree defines one.
//!
//! The worst case of memory and output is a sum of these constants, whatever a peer or a file claims.

use std::time::Duration;

/// The limits under which a run decodes. Crossing one is a named finding, never silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of unfinished messages held per direction (default 32 MiB: two messages of the largest legal size).
    /// Over it the oldest unfinished message of the direction is given up.
    pub partial_bytes: usize,
    /// Bytes held for all connections together: unfinished messages, chunk stream states and searches for a lost
    /// framing (default 64 MiB). Over it one is given up: of those that hold more than half their share, the one silent
    /// longest.
    pub total_bytes: usize,
    /// Bytes kept of an audio or video message when nobody asked for its payload (default 64): the tag headers.
    pub media_head: usize,
    /// AMF nesting depth (default 64). Deeper values are cut and marked.
    pub amf_depth: usize,
    /// AMF values per message (default 65,536). What follows is cut and marked.
    pub amf_values: usize,
    /// Bytes of text printed per message record once AMF references are resolved (default 1 MiB).
    pub amf_output: usize,
    /// Messages inside one aggregate message, those of aggregates inside it included (default 16,384). What follows is
    /// not read, and that is marked.
    pub aggregate_messages: usize,
    /// Bytes kept at once of those searched for the next plausible chunk header after a loss (default 1 MiB). The
    /// window slides on, so a search goes on as long as bytes come.
    pub resync_bytes: usize,
    /// Bytes held beyond a hole in one direction of a TCP connection (default 4 MiB); then the hole is a gap.
    pub reorder_bytes: usize,
    /// The same for all connections together (default 64 MiB); then, of those that hold more than half their share, the
    /// one silent longest waits no longer.
    pub reorder_total: usize,
    /// Bytes of the longest HTTP head read in RTMPT (default 16 KiB; servers take 8 KiB). A longer one is not read, and
    /// the next one is searched for.
    pub tunnel_head: usize,
    /// Bytes held in each direction of an RTMPT session because earlier requests are missing, and in each of its TCP
    /// connections because an answer came ahead of its request (default 4 MiB). Over it what is missing is a gap.
    pub tunnel_bytes: usize,
    /// Bytes held of all RTMPT sessions and their connections together, unfinished heads with them (default 32 MiB).
    /// Over it the session or connection that asked for more holds nothing.
    pub tunnel_total: usize,
    /// Requests of an RTMPT session held because earlier ones are missing (default 64). Over it these are given up.
    pub tunnel_ahead: usize,
    /// Requests of a TCP connection that wait for their answers in RTMPT (default 256). Over it the oldest is no longer
    /// waited for.
    pub tunnel_requests: usize,
    /// RTMPT sessions remembered at once, those that are over with them (default 4,096). Over it those that are over are
    /// forgotten first, then those silent longest are closed.
    pub tunnel_sessions: usize,
    /// RTMP connections decoded at once from a capture (default 16,384). Over it those that carried nothing, or no whole
    /// handshake, are closed first, then those silent longest.
    pub rtmp_connections: usize,
    /// TCP connections told of one by one though they carry nothing, on ports of RTMP (default 1,024: a scan or a client
    /// that is refused again and again shows in fewer, and a SYN is 60 bytes where what is said of it is a thousand).
    /// Further ones are counted, and take a number with their first byte.
    pub silent_connections: u32,
    /// Other TCP connections remembered from a capture (default 262,144), a few bytes each. Over it they are forgotten,
    /// which costs looking at them again and nothing else.
    pub other_connections: usize,
    /// Bytes of the largest record read from a capture file, or of the payload of the largest tag read from an FLV file
    /// (default 16 MiB, which no tag can be longer than). A longer one is searched for the next
    /// record, so that a wrong length costs its neighbourhood only; a pcapng block that is as long as it says is passed over
    /// as one, anything else counts as damage.
    pub record_bytes: usize,
    /// Bytes that a zstd frame may look back (default 128 MiB: what `zstd` itself unpacks, and `--long` asks for). A
    /// frame that wants more counts as damage. It is a power of two. gzip and lz4 look back 32 and 64 KiB.
    pub unpack_window: usize,
    /// Bytes looked at of a file that is no capture, to tell whether it is one direction of an RTMP connection, and which
    /// (default 64 KiB). What shows itself later is not seen: the direction is then taken for the client's.
    pub lookahead_bytes: usize,
    /// Interfaces remembered per section of a pcapng file (default 65,536). Packets of later ones are skipped.
    pub interfaces: usize,
    /// Bytes held of IP fragments whose datagram is not yet complete (default 4 MiB). Over it the oldest datagram goes.
    pub fragment_bytes: usize,
    /// Incomplete IP datagrams held at once (default 1,024). Over it the oldest goes.
    pub fragment_datagrams: usize,
    /// Unanswered calls remembered per connection (default 1,024). Later ones are not matched with their answers.
    pub pending_calls: usize,
    /// Bytes remembered of what the commands of all open connections say: unanswered calls, names and URLs for the
    /// summaries (default 16 MiB). Over it nothing more is remembered until connections close.
    pub session_bytes: usize,
    /// Connections remembered for the sake of later ones (default 1,024, each a hundred bytes): who published which stream,
    /// who was told to connect again, and with which chunk size a client ended. Over it the oldest are forgotten.
    pub past_connections: usize,
    /// Media tracks counted per connection (default 256). Later ones are decoded, but in no summary.
    pub tracks: usize,
    /// NAL units, open bitstream units or frames listed of one video frame, where they are asked for (default 256).
    /// Further ones are only counted.
    pub frame_units: usize,
    /// Messages beside the picture (supplemental enhancement information) listed of one frame (default 32). Further
    /// ones are only counted.
    pub frame_messages: usize,
    /// Bytes read of each such message (default 2,048), which its text is cut to.
    pub message_bytes: usize,
    /// Records printed of the same finding on one connection (default 20); the rest are only counted.
    pub same_finding: u32,
    /// Bytes of one TLS connection held until its keys are there, partial records included (default 256 KiB). Over it
    /// the connection is not decrypted.
    pub tls_bytes: usize,
    /// The same for all connections together (default 16 MiB), half of which is for those that are over. Over it, of those
    /// that hold more than half their share, the one silent longest is not decrypted.
    pub tls_total: usize,
    /// TLS secrets remembered from key logs, and as many of sessions that may be resumed (default 131,072: about five
    /// for each connection, in 16 MiB). Over it the oldest are forgotten.
    pub tls_secrets: usize,
    /// Message streams in use on one connection that is served (default 64; nginx-rtmp has 32). Over it `createStream` is
    /// answered with an error, and `publish` and `play` on further ones are refused.
    pub message_streams: usize,
    /// Bytes of a stream's or application's name on a connection that is served (default 4,096: tokens are long). What
    /// has a longer one is refused.
    pub name_bytes: usize,
    /// Bytes waiting to be sent on a connection that is played by this program (default 8 MiB: seconds of a stream at
    /// any bitrate). Over it the peer does not read what it asks for, and the connection is closed.
    pub output_bytes: usize,
    /// Messages, and their bytes, that wait in one stream of [`live::Streams`](crate::live::Streams) until it is read (default
    /// 1,024 and 4 MiB). Over it new ones are dropped and counted: a stream that nobody reads holds up no other.
    pub queue_messages: usize,
    /// See [`queue_messages`](Self::queue_messages).
    pub queue_bytes: usize,
    /// FLV files being written at once (default 256). Streams beyond are refused, and that is said.
    pub recordings: usize,
    /// Connections open at once of a live command (default 256, `--max-connections`). One more is closed at once.
    pub connections: usize,
    /// Time that a client has for its handshake, TLS and RTMP each, and again until its `connect` (default 10 s). A slower
    /// one is closed, so that silent clients do not use up the places of others.
    pub handshake_time: Duration,
    /// Bytes printed of a live command that wait until whoever reads its output takes them (default 8 MiB: about 30,000
    /// lines of JSON). Over it records are dropped, and how many is said; the connections never wait.
    pub printed_bytes: usize,
    /// Bytes that `proxy` has handed on and that wait to be inspected (default 64 MiB, together with the little that is noted
    /// of each read): the connections never wait. Over it bytes are not inspected, and each hole is a gap with its length.
    pub tapped_bytes: usize,
    /// Bytes of a pcapng recording of live traffic that wait until the disk takes them (default 32 MiB: a quarter of a
    /// minute of 15 Mb/s). Over it traffic is left out of the recording, as a hole, and how much is said.
    pub recorded_bytes: usize,
    /// Bytes that wait for a player of a relayed stream (default 2 MiB: two seconds of an ordinary stream, and one large
    /// frame). Over it frames are left out until the next key frame.
    pub player_bytes: usize,
    /// Bytes kept of all relayed streams together for players that may come, of each what came since its last key frame
    /// (default 32 MiB). Where that is too little, players begin with the next key frame.
    pub relay_bytes: usize,
    /// Streams published at once up to which anything is kept for players that may come (default 8). With more of them
    /// `listen` is not there to watch one, and players begin with the next key frame.
    pub relay_streams: usize,
    /// Bytes that may come between the chunks of a call that `proxy` rewrites (default 1 MiB). Over it the call is handed
    /// on as it is: encoders send calls in one piece.
    pub edited_bytes: usize,
    /// Bytes that `proxy` keeps in each direction of a connection that it delays (default 8 MiB): a second at 64 Mbit/s.
    /// Over it the sender is held back.
    pub delayed_bytes: usize,
}

impl Limits {
    /// Aggregate messages opened inside each other: one, and those in it. Not a field: nobody sends even the second.
    pub const AGGREGATES: usize = 2;
    /// IP headers and tunnels walked inside one packet. Not a field: nothing real comes near it.
    pub const TUNNELS: usize = 8;
    /// TCP connections looked at at once that began before the capture, for a request of RTMPT. Not a field: what they hold is
    /// counted, and a capture begins inside of few.
    pub const LISTENING: u32 = 1_024;
    /// Bytes of an RTMPT session's id. Not a field: real ones have 1 to 36.
    pub const SESSION_ID: usize = 256;
    /// Seconds of capture time after which fragments with the same identification belong to another datagram.
    /// Not a field: 30 s is what hosts use, and identifications return sooner on a busy link.
    pub const FRAGMENT_SECONDS: i64 = 30;
    /// Bytes of a TLS handshake message that is looked into. Not a field: the hellos of real programs stay below 4 KiB.
    pub const TLS_MESSAGE: usize = 64 << 10;
    /// Sequence numbers tried on the first record behind a hole in a TLS connection. Not a field: more records than
    /// that are not lost of a stream that is worth reading on.
    pub const TLS_SEQUENCES: u64 = 1_024;
    /// Bytes decrypted in vain for each byte of a TLS connection, while the sequence number behind a hole is searched
    /// for; a connection can save up 32 MiB of them. Not a field: it only keeps the time linear.
    pub const TLS_TRIALS: usize = 64;
    /// TLS records in a row that do not decrypt before the keys are taken for wrong. Not a field: damage is never that
    /// regular.
    pub const TLS_FAILURES: u32 = 16;
    /// TLS records passed over where the handshake's own secrets are not known, before the keys are taken for wrong. Not a
    /// field: a handshake has fewer, and early data may have some.
    pub const TLS_BLIND: u32 = 1_024;
    /// TLS connections that are over and wait for secrets. Over it the first of them is given up. Not a field: what they
    /// hold is bounded by `tls_total`.
    pub const TLS_LATE: usize = 1_024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partial_bytes: 32 << 20,
            total_bytes: 64 << 20,
            media_head: 64,
            amf_depth: 64,
            amf_values: 65_536,
            amf_output: 1 << 20,
            aggregate_messages: 16_384,
            resync_bytes: 1 << 20,
            reorder_bytes: 4 << 20,
            reorder_total: 64 << 20,
            tunnel_head: 16 << 10,
            tunnel_bytes: 4 << 20,
            tunnel_total: 32 << 20,
            tunnel_ahead: 64,
            tunnel_requests: 256,
            tunnel_sessions: 4_096,
            rtmp_connections: 16_384,
            silent_connections: 1_024,
            other_connections: 262_144,
            record_bytes: 16 << 20,
            unpack_window: 128 << 20,
            lookahead_bytes: 64 << 10,
            interfaces: 65_536,
            fragment_bytes: 4 << 20,
            fragment_datagrams: 1_024,
            pending_calls: 1_024,
            past_connections: 1_024,
            session_bytes: 16 << 20,
            tracks: 256,
            frame_units: 256,
            frame_messages: 32,
            message_bytes: 2048,
            same_finding: 20,
            tls_bytes: 256 << 10,
            tls_total: 16 << 20,
            tls_secrets: 131_072,
            message_streams: 64,
            name_bytes: 4_096,
            output_bytes: 8 << 20,
            queue_messages: 1_024,
            queue_bytes: 4 << 20,
            recordings: 256,
            connections: 256,
            handshake_time: Duration::from_secs(10),
            printed_bytes: 8 << 20,
            tapped_bytes: 64 << 20,
            recorded_bytes: 32 << 20,
            player_bytes: 2 << 20,
            relay_bytes: 32 << 20,
            relay_streams: 8,
            edited_bytes: 1 << 20,
            delayed_bytes: 8 << 20,
        }
    }
}
