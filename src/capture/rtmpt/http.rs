//! The HTTP/1 messages of one direction of a TCP connection: heads taken apart, bodies handed on as they come. Knows no
//! session and no other direction.

use memchr::{memchr, memmem};

use super::target::Target;

/// Which messages a direction has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The client's.
    Requests,
    /// The server's.
    Responses,
}

/// The messages of one direction, read one event after the other.
#[derive(Debug)]
pub(super) struct Reader {
    side: Side,
    state: State,
    /// The part of a head that is there; while searching, the last bytes, which may begin what is searched for.
    buffer: Vec<u8>,
    /// A head that was found at the end of what is none.
    found: Option<Box<Head>>,
}

/// What comes next in a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A head is complete.
    Head(Head),
    /// The next bytes of the body.
    Body(&'a [u8]),
    /// The body is complete; it may have been empty.
    End,
    /// What is there is no HTTP/1. The next head is searched for.
    Broken(Broken),
}

/// The head of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) start: Start,
    /// The bytes of it.
    pub(super) length: usize,
    /// The bytes of its body, where the head says how many.
    pub(super) body: Option<u64>,
}

/// What the first line of a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A request, and what it asks for if it is one of RTMPT. The answer to HEAD has no body.
    Request { target: Option<Target>, is_head: bool },
    /// A response with its status.
    Response(u16),
}

/// Why no HTTP can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// No head can begin like that, or it breaks the grammar.
    NoHead,
    /// The head is longer than [`Limits::tunnel_head`](crate::Limits::tunnel_head).
    LongHead,
    /// The length of the body contradicts itself.
    Length,
    /// The chunks of the body break the grammar; the body is lost from here.
    Chunk,
}

/// What a hole in the stream has hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hole {
    /// Bytes of the current body are missing, this many where it is known.
    pub(super) body: Option<Option<u64>>,
    /// The rest of the current body is not told from what follows: it is over.
    pub(super) over: bool,
    /// At least one head is hidden, whole or in part.
    pub(super) heads: bool,
}

/// In which state the direction has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Between messages, or inside a head.
    Between,
    /// Inside a body that ends with the connection.
    Whole,
    /// Inside another body.
    Inside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or in a head; whether it is only a guess that there is one.
    Head(bool),
    /// So many bytes of the body are still to come.
    Length(u64),
    Chunked(Chunk),
    /// All that follows is the body.
    UntilEnd,
    /// The body is complete and that has not been said.
    Done,
    /// The framing is lost.
    Search,
}

/// Where in a chunked body (RFC 9112 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In the size: its value and digits so far, and whether they are over.
    Size(u64, u8, bool),
    Data(u64),
    /// Behind the data, at its line end.
    Behind,
    /// In the trailer: the characters of its line.
    Trailer(u32),
}

/// The headers of a head that are looked at. The rest of a longer list is not, and makes it [`Broken::NoHead`].
const HEADERS: usize = 128;

impl Reader {
    pub(super) const fn new(side: Side) -> Self {
        Self { side, state: State::Head(false), buffer: Vec::new(), found: None }
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether the next event is a head.
    pub(super) const fn between(&self) -> bool {
        matches!(self.state, State::Head(_) | State::Search)
    }

    /// Whether the framing is lost, so that messages may have been passed over.
    pub(super) const fn searching(&self) -> bool {
        matches!(self.state, State::Search | State::Head(true))
    }

    /// Gives up the part of a head that is held, and says whether there was one.
    pub(super) fn let_go(&mut self) -> bool {
        let head = matches!(self.state, State::Head(_)) && !self.buffer.is_empty();
        self.buffer = Vec::new();
        if head {
            self.state = State::Search;
        }
        head
    }

    /// The message whose head was the last event has no body, whatever its head says.
    pub(super) const fn bodiless(&mut self) {
        self.state = State::Done;
    }

    /// The next event, with what it consumes taken off `input`; `None` when more bytes are needed. Heads are held up to
    /// `longest` bytes.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8], longest: usize) -> Option<Event<'a>> {
        if let Some(head) = self.found.take() {
            return Some(Event::Head(*head));
        }
        loop {
            match self.state {
                State::Done => {
                    self.state = State::Head(false);
                    return Some(Event::End);
                }
                _ if input.is_empty() => return None,
                State::Head(guess) => match self.head(input, longest) {
                    Ok(None) => return None,
                    Ok(Some(head)) => return Some(Event::Head(head)),
                    Err(broken) => {
                        if self.found.is_none() {
                            self.state = State::Search;
                        }
                        if !guess {
                            return Some(Event::Broken(broken));
                        }
                    }
                },
                State::Length(left) => {
                    let length = usize::try_from(left).map_or(input.len(), |n| n.min(input.len()));
                    let left = left - length as u64;
                    self.state = if left == 0 { State::Done } else { State::Length(left) };
                    return Some(Event::Body(take(input, length)));
                }
                State::UntilEnd => return Some(Event::Body(take(input, input.len()))),
                State::Chunked(Chunk::Data(left)) => {
                    let length = usize::try_from(left).map_or(input.len(), |n| n.min(input.len()));
                    let left = left - length as u64;
                    let next = if left == 0 { Chunk::Behind } else { Chunk::Data(left) };
                    self.state = State::Chunked(next);
                    return Some(Event::Body(take(input, length)));
                }
                State::Chunked(chunk) => {
                    let byte = input[0];
                    match step(chunk, byte) {
                        Some(next) => {
                            *input = &input[1..];
                            self.state = next;
                        }
                        None => {
                            self.state = State::Search;
                            return Some(Event::Broken(Broken::Chunk));
                        }
                    }
                }
                State::Search => self.search(input),
            }
        }
    }

    /// The next bytes are missing; how many, where it is known.
    pub(super) fn gap(&mut self, length: Option<u64>) -> Hole {
        let lost = |body: Option<u64>| Hole { body: Some(body), over: true, heads: false };
        match (self.state, length) {
            (State::Length(left), Some(gap)) if gap <= left => {
                let left = left - gap;
                self.state = if left == 0 { State::Done } else { State::Length(left) };
                Hole { body: Some(Some(gap)), ..Hole::default() }
            }
            (State::Chunked(Chunk::Data(left)), Some(gap)) if gap <= left => {
                let left = left - gap;
                let next = if left == 0 { Chunk::Behind } else { Chunk::Data(left) };
                self.state = State::Chunked(next);
                Hole { body: Some(Some(gap)), ..Hole::default() }
            }
            (State::UntilEnd, gap) => Hole { body: Some(gap), ..Hole::default() },
            (State::Length(left), Some(_)) => {
                self.state = State::Search;
                Hole { heads: true, ..lost(Some(left)) }
            }
            (State::Length(_) | State::Chunked(_), _) => {
                self.state = State::Search;
                lost(None)
            }
            (State::Head(_) | State::Done | State::Search, _) => {
                let heads = self.state != State::Search;
                self.state = State::Search;
                self.buffer.clear();
                Hole { heads, ..Hole::default() }
            }
        }
    }

    /// The direction has ended.
    pub(super) const fn last(&self) -> Last {
        match self.state {
            State::Head(_) | State::Search => Last::Between,
            State::UntilEnd | State::Done => Last::Whole,
            State::Length(_) | State::Chunked(_) => Last::Inside,
        }
    }

    /// The body up to here is all that there is.
    pub(super) const fn finish(&mut self) {
        self.state = State::Done;
    }

    /// Takes a head, or what is there of it, off `input`.
    fn head(&mut self, input: &mut &[u8], longest: usize) -> Result<Option<Head>, Broken> {
        if self.buffer.is_empty() {
            // Empty lines ahead of a head are passed over (RFC 9112 §2.2).
            let begin = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
            *input = &input[begin.unwrap_or(input.len())..];
            if !may_begin(self.side, input) {
                return Err(Broken::NoHead);
            }
            if let Some(end) = head_end(&input[..input.len().min(longest)], 0) {
                let head = take(input, end);
                return self.take_apart(head).map(Some);
            }
        }
        let had = self.buffer.len();
        let room = longest.saturating_sub(had);
        self.buffer.extend_from_slice(&input[..input.len().min(room)]);
        if !may_begin(self.side, &self.buffer) {
            // The search is to look at all of it.
            self.buffer.truncate(had);
            self.keep_tail();
            return Err(Broken::NoHead);
        }
        match head_end(&self.buffer, had.saturating_sub(3)) {
            Some(end) => {
                *input = &input[end.saturating_sub(had)..];
                let mut head = std::mem::take(&mut self.buffer);
                head.truncate(end);
                self.take_apart(&head).map(Some)
            }
            None if self.buffer.len() >= longest => {
                *input = &input[self.buffer.len() - had..];
                self.buffer = Vec::new();
                Err(Broken::LongHead)
            }
            None => {
                *input = &[];
                Ok(None)
            }
        }
    }

    /// Leaves of what is held what may begin a mark.
    fn keep_tail(&mut self) {
        let tail = self.buffer.len().saturating_sub(LONGEST_MARK - 1);
        self.buffer.drain(..tail);
    }

    /// Takes a head apart. What is none may end with a real one; as a head ends with its first empty line, only what
    /// begins last can be whole.
    fn take_apart(&mut self, head: &[u8]) -> Result<Head, Broken> {
        let guess = self.state == State::Head(true);
        let broken = match self.take_one_apart(head) {
            Err(broken) => broken,
            parsed => return parsed,
        };
        let last = marks(self.side).iter().filter_map(|mark| memmem::rfind(head, mark)).max();
        let found = last.filter(|&at| at > 0).and_then(|at| self.take_one_apart(&head[at..]).ok());
        match found {
            Some(found) if guess => Ok(found),
            found => {
                self.found = found.map(Box::new);
                Err(broken)
            }
        }
    }

    fn take_one_apart(&mut self, head: &[u8]) -> Result<Head, Broken> {
        let unfolded;
        let mut bytes = head;
        if is_folded(head) {
            unfolded = unfold(head);
            bytes = &unfolded;
        }
        let (start, body) = parse(self.side, bytes)?;
        let (state, known) = match body {
            Body::None => (State::Done, Some(0)),
            Body::Length(0) => (State::Done, Some(0)),
            Body::Length(length) => (State::Length(length), Some(length)),
            Body::Chunked => (State::Chunked(Chunk::Size(0, 0, false)), None),
            Body::UntilEnd => (State::UntilEnd, None),
        };
        self.state = state;
        Ok(Head { start, length: head.len(), body: known })
    }

    /// Passes over bytes up to the next place where a head may begin.
    fn search(&mut self, input: &mut &[u8]) {
        // A mark may begin in what the last piece left.
        let left = self.buffer.len();
        let seam = input.len().min(LONGEST_MARK - 1);
        self.buffer.extend_from_slice(&input[..seam]);
        let across = first_mark(self.side, &self.buffer).filter(|&at| at < left);
        self.buffer.truncate(left);
        if let Some(at) = across {
            self.buffer.drain(..at);
            self.state = State::Head(true);
        } else if let Some(at) = first_mark(self.side, input) {
            self.buffer.clear();
            *input = &input[at..];
            self.state = State::Head(true);
        } else {
            self.buffer.extend_from_slice(&input[input.len() - seam..]);
            self.keep_tail();
            *input = &[];
        }
    }
}

/// How heads begin that are searched for. Requests are those of RTMPT.
const fn marks(side: Side) -> &'static [&'static [u8]] {
    match side {
        Side::Requests => &[b"POST /", b"POST http"],
        Side::Responses => &[b"HTTP/1."],
    }
}

const LONGEST_MARK: usize = 9;

fn first_mark(side: Side, bytes: &[u8]) -> Option<usize> {
    marks(side).iter().filter_map(|mark| memmem::find(bytes, mark)).min()
}

/// Whether a head may begin like that.
fn may_begin(side: Side, bytes: &[u8]) -> bool {
    match side {
        Side::Responses => {
            let mark = b"HTTP/1.";
            let common = bytes.len().min(mark.len());
            bytes[..common] == mark[..common]
        }
        Side::Requests => {
            let method = bytes.iter().position(|byte| !byte.is_ascii_uppercase());
            method.unwrap_or(bytes.len()) <= 16
                && method.is_none_or(|at| at > 0 && bytes[at] == b' ')
        }
    }
}

/// Where the empty line behind a head ends, searched from `from` on.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken
}

/// Whether a header goes on in the next line (RFC 9112 §5.2).
fn is_folded(head: &[u8]) -> bool {
    memmem::find(head, b"\n ").is_some() || memmem::find(head, b"\n\t").is_some()
}

/// The same head with each header in one line.
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            while out.pop_if(|byte| matches!(byte, b'\r' | b'\n')).is_some() {}
        }
        out.extend_from_slice(line);
    }
    out
}

enum Body {
    None,
    Length(u64),
    Chunked,
    UntilEnd,
}

fn parse(side: Side, head: &[u8]) -> Result<(Start, Body), Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut config = httparse::ParserConfig::default();
    config
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true);
    let complete = |parsed: httparse::Result<usize>| {
        matches!(parsed, Ok(httparse::Status::Complete(_))).then_some(()).ok_or(Broken::NoHead)
    };
    match side {
        Side::Requests => {
            let mut request = httparse::Request::new(&mut headers);
            complete(config.parse_request(&mut request, head))?;
            let (method, path) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
            let media_type = find(request.headers, "content-type");
            let start = Start::Request {
                target: Target::of(method, path, media_type),
                is_head: method == "HEAD",
            };
            Ok((start, framing(request.headers)?.unwrap_or(Body::None)))
        }
        Side::Responses => {
            let mut response = httparse::Response::new(&mut headers);
            complete(config.parse_response(&mut response, head))?;
            let status = response.code.unwrap_or(0);
            let body = match status {
                100..=199 | 204 | 304 => Body::None,
                _ => framing(response.headers)?.unwrap_or(Body::UntilEnd),
            };
            Ok((Start::Response(status), body))
        }
    }
}

fn find<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(found.value)
}

/// How the body is delimited (RFC 9112 §6.3); `None` where the head does not say.
fn framing(headers: &[httparse::Header<'_>]) -> Result<Option<Body>, Broken> {
    if let Some(codings) = find(headers, "transfer-encoding") {
        let last = codings.rsplit(|&byte| byte == b',').next().unwrap_or_default();
        let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(Some(if chunked { Body::Chunked } else { Body::UntilEnd }));
    }
    let mut length = None;
    for header in headers {
        if !header.name.eq_ignore_ascii_case("content-length") {
            continue;
        }
        for value in header.value.split(|&byte| byte == b',') {
            let text = core::str::from_utf8(value.trim_ascii()).map_err(|_| Broken::Length)?;
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let value = text.parse().ok().filter(|_| digits).ok_or(Broken::Length)?;
            if length.is_some_and(|length| length != value) {
                return Err(Broken::Length);
            }
            length = Some(value);
        }
    }
    Ok(length.map(Body::Length))
}

/// What a byte of a chunked body that is not data leads to; `None` where it may not be there.
fn step(chunk: Chunk, byte: u8) -> Option<State> {
    let next = match (chunk, byte) {
        (Chunk::Size(size, digits, _), b'\n') if digits > 0 => {
            if size == 0 {
                Chunk::Trailer(0)
            } else {
                Chunk::Data(size)
            }
        }
        (Chunk::Size(size, digits, false), _) if byte.is_ascii_hexdigit() => {
            let digit = (byte as char).to_digit(16)?;
            let size = size.checked_mul(16)?.checked_add(u64::from(digit))?;
            Chunk::Size(size, digits.saturating_add(1), false)
        }
        // Extensions and white space.
        (Chunk::Size(size, digits, over), b'\r' | b';' | b' ' | b'\t') if digits > 0 || over => {
            Chunk::Size(size, digits, true)
        }
        (Chunk::Size(size, digits, true), _) => Chunk::Size(size, digits, true),
        (Chunk::Behind, b'\r') => Chunk::Behind,
        (Chunk::Behind, b'\n') => Chunk::Size(0, 0, false),
        (Chunk::Trailer(length), b'\r') => Chunk::Trailer(length),
        (Chunk::Trailer(0), b'\n') => return Some(State::Done),
        (Chunk::Trailer(_), b'\n') => Chunk::Trailer(0),
        (Chunk::Trailer(length), _) => Chunk::Trailer(length.saturating_add(1)),
        (Chunk::Size(..) | Chunk::Behind | Chunk::Data(_), _) => return None,
    };
    Some(State::Chunked(next))
}
