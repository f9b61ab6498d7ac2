//! The messages of one direction.

use super::super::http::{Broken, Event, Hole, Last, Reader, Side, Start};

/// What came of a stream, bodies joined.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Request(bool),
    Response(u16),
    Body(Vec<u8>),
    End,
    Broken(Broken),
}

fn tell(reader: &mut Reader, mut input: &[u8], told: &mut Vec<Told>) {
    while let Some(event) = reader.next(&mut input, 1024) {
        match event {
            Event::Head(head) => told.push(match head.start {
                Start::Request { target, .. } => Told::Request(target.is_some()),
                Start::Response(status) => Told::Response(status),
            }),
            Event::Body(data) => match told.last_mut() {
                Some(Told::Body(body)) => body.extend_from_slice(data),
                _ => told.push(Told::Body(data.to_vec())),
            },
            Event::End => told.push(Told::End),
            Event::Broken(broken) => told.push(Told::Broken(broken)),
        }
    }
    assert!(input.is_empty(), "all is taken");
}

/// The same for every cut of the stream.
fn told(side: Side, stream: &str) -> Vec<Told> {
    let stream = stream.as_bytes();
    let mut whole = Vec::new();
    tell(&mut Reader::new(side), stream, &mut whole);
    for cut in 0..stream.len() {
        let (mut reader, mut told) = (Reader::new(side), Vec::new());
        tell(&mut reader, &stream[..cut], &mut told);
        tell(&mut reader, &stream[cut..], &mut told);
        assert_eq!(told, whole, "cut at {cut}");
    }
    whole
}

fn body(text: &str) -> Told {
    Told::Body(text.as_bytes().to_vec())
}

#[test]
fn bodies_end_as_their_heads_say() {
    use Told::{End, Request, Response};
    for (head, rest) in [
        ("Content-Length: 3\r\n", "abc"),
        ("content-length:3, 3\r\nContent-Length: 03\r\n", "abc"),
        ("X: y\r\n Content-Length: 9\r\nContent-Length:\t3 \r\n", "abc"),
        (
            "Content-Length: 9\r\nTransfer-Encoding: gzip,\r\n\tchunked\r\n",
            "2 ;a=b\r\nab\r\n01\nc\n0;x\r\nT: a\r\n\r\n",
        ),
    ] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\n{head}\r\n{rest}HTTP/1.0 204 \r\n\r\nHTTP/1.1  304 Not Modified\r\nContent-Length: 8\r\n\r\n"
        );
        let expected = [Response(200), body("abc"), End, Response(204), End, Response(304), End];
        assert_eq!(told(Side::Responses, &answer), expected, "{head}");
    }
    // A request without a length has no body; an answer goes on to the end.
    assert_eq!(
        told(Side::Requests, "POST /open/1 HTTP/1.0\n\n\r\n\nGET / HTTP/1.1\r\n\r\n"),
        [Request(true), End, Request(false), End]
    );
    assert_eq!(
        told(Side::Responses, "HTTP/1.1 200 OK\r\n\r\nab\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").len(),
        2
    );
}

#[test]
fn what_breaks_the_grammar_is_broken_and_the_next_head_is_found() {
    let next = "POST /open/1 HTTP/1.1\r\n\r\n";
    for (stream, broken) in [
        ("\x01\x02", Broken::NoHead),
        ("abc POST /", Broken::NoHead),
        ("GETTINGALONGMETHOD", Broken::NoHead),
        ("POST /open/1\r\n\r\n", Broken::NoHead),
        ("POST /open/1 HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", Broken::Length),
        ("POST /open/1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Broken::Length),
        ("POST /open/1 HTTP/1.1\r\nContent-Length: +1\r\n\r\n", Broken::Length),
        ("POST /open/1 HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n", Broken::Length),
    ] {
        let expected = [Told::Broken(broken), Told::Request(true), Told::End];
        assert_eq!(told(Side::Requests, &format!("{stream}{next}")), expected, "{stream:?}");
    }
    for chunk in ["x", "\r\n", ";", "11111111111111111\r\n", "1\r\nabc"] {
        let stream =
            format!("POST /send/a/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{next}");
        let told = told(Side::Requests, &stream);
        assert!(
            told.ends_with(&[Told::Broken(Broken::Chunk), Told::Request(true), Told::End]),
            "{chunk:?}: {told:?}"
        );
    }
}

#[test]
fn more_headers_than_are_looked_at_are_no_head() {
    let head = |n: usize| format!("POST /open/1 HTTP/1.1\r\n{}\r\n", "a: \r\n".repeat(n));
    assert_eq!(told(Side::Requests, &head(128)), [Told::Request(true), Told::End]);
    assert_eq!(told(Side::Requests, &head(129)), [Told::Broken(Broken::NoHead)]);
}

#[test]
fn holes_are_told_from_bodies() {
    let hole = |stream: &str, length: Option<u64>| {
        let mut reader = Reader::new(Side::Responses);
        tell(&mut reader, stream.as_bytes(), &mut Vec::new());
        let hole = reader.gap(length);
        (hole, reader.last())
    };
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc";
    let endless = "HTTP/1.1 200 OK\r\n\r\nabc";
    let body = |body| Hole { body: Some(body), ..Hole::default() };
    let over = |body| Hole { body: Some(body), over: true, heads: false };
    for (stream, length, expected) in [
        (sized, Some(5), (body(Some(5)), Last::Inside)),
        (sized, Some(6), (body(Some(6)), Last::Whole)),
        (sized, Some(7), (Hole { heads: true, ..over(Some(6)) }, Last::Between)),
        (sized, None, (over(None), Last::Between)),
        (chunked, Some(6), (body(Some(6)), Last::Inside)),
        (chunked, Some(7), (over(None), Last::Between)),
        (chunked, None, (over(None), Last::Between)),
        (endless, Some(7), (body(Some(7)), Last::Whole)),
        (endless, None, (body(None), Last::Whole)),
        ("", Some(1), (Hole { heads: true, ..Hole::default() }, Last::Between)),
        ("HTTP/1.1 2", None, (Hole { heads: true, ..Hole::default() }, Last::Between)),
    ] {
        assert_eq!(hole(stream, length), expected, "{stream:?} {length:?}");
    }
    // A second hole while searching hides what the first did.
    let mut reader = Reader::new(Side::Responses);
    reader.gap(None);
    assert_eq!(reader.gap(Some(4)), Hole::default());
}
