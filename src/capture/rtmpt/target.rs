//! What the head of a request asks of an RTMPT server, and whether bytes begin such a request. Knows no session.

/// What a request asks for: the first part of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// `/fcs/ident2` and its like: asks who the server is. Any answer will do.
    Ident,
    /// `/open/1`: asks for a session.
    Open,
    /// `/send/ID/N`: its body are the client's bytes.
    Send,
    /// `/idle/ID/N`: has none, and wants those of the server.
    Idle,
    /// `/close/ID/N`: ends the session.
    Close,
}

impl Verb {
    /// As it is in a path.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ident => "fcs",
            Self::Open => "open",
            Self::Send => "send",
            Self::Idle => "idle",
            Self::Close => "close",
        }
    }

    fn of(segment: &str) -> Option<Self> {
        [Self::Ident, Self::Open, Self::Send, Self::Idle, Self::Close]
            .into_iter()
            .find(|verb| verb.as_str() == segment)
    }
}

/// A request's target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// What it asks for.
    pub(super) verb: Verb,
    /// The server that an absolute target names; empty where the target is a path.
    pub(super) authority: Box<str>,
    /// The session; empty for [`Verb::Ident`] and [`Verb::Open`].
    pub(super) id: Box<str>,
    /// The number of the request in its session. Some clients leave it out of `/close`.
    pub(super) number: Option<u64>,
}

/// The media type of RTMPT bodies.
const MEDIA_TYPE: &str = "application/x-fcs";

impl Target {
    /// Takes a target apart; `None` where it is not one of RTMPT.
    ///
    /// Real clients have nothing ahead of the verb but, some, a second slash. A path in front of it (a gateway that
    /// rewrites) is believed only if the media type is that of RTMPT; another media type than that is never RTMPT.
    pub(super) fn of(method: &str, target: &str, media_type: Option<&[u8]>) -> Option<Self> {
        let named = media_type.map(|media_type| {
            let end = media_type.iter().position(|&byte| byte == b';').unwrap_or(media_type.len());
            media_type[..end].trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
        });
        if method != "POST" || named == Some(false) {
            return None;
        }
        let (authority, path) = split_authority(target);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut rest = path.trim_start_matches('/');
        loop {
            let (segment, behind) = rest.split_once('/')?;
            if let Some(verb) = Verb::of(segment)
                && let Some((id, number)) = arguments(verb, behind)
            {
                return Some(Self { verb, authority: authority.into(), id: id.into(), number });
            }
            if named != Some(true) {
                return None;
            }
            rest = behind;
        }
    }
}

/// The server and the path of `http://server/path`; a path alone has no server.
fn split_authority(target: &str) -> (&str, &str) {
    let Some((scheme, rest)) = target.split_once("://") else { return ("", target) };
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return ("", target);
    }
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// What follows a verb: the session and the number of the request.
fn arguments(verb: Verb, rest: &str) -> Option<(&str, Option<u64>)> {
    let number = |text: &str| text.parse::<u64>().ok();
    match verb {
        Verb::Ident => rest.starts_with("ident").then_some(("", None)),
        Verb::Open => number(rest.trim_end_matches('/')).map(|number| ("", Some(number))),
        Verb::Send | Verb::Idle | Verb::Close => {
            if let Some((id, last)) = rest.rsplit_once('/')
                && let Some(number) = number(last)
            {
                return (!id.is_empty()).then_some((id, Some(number)));
            }
            (!rest.is_empty() && verb == Verb::Close).then_some((rest, None))
        }
    }
}

/// The bytes that may be needed to tell whether they begin an RTMPT request.
const ENOUGH: usize = 1024;

/// Whether the first bytes of a TCP connection's client begin an RTMPT request; `None` where more are needed, at most
/// a kilobyte. The head is looked at up to its end, because the media type says that another API's `/open/1` is none.
pub(in crate::capture) fn opens(bytes: &[u8]) -> Option<bool> {
    const METHOD: &[u8] = b"POST ";
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = &bytes[begin.min(4)..];
    let common = bytes.len().min(METHOD.len());
    if bytes[..common] != METHOD[..common] {
        return Some(false);
    }
    let head = &bytes[..super::http::head_end(bytes, 0).unwrap_or(bytes.len()).min(ENOUGH)];
    let whole = head.len() == ENOUGH || super::http::head_end(head, 0).is_some();
    // The first line alone may say no.
    let Some(end) = head.iter().position(|&byte| byte == b'\n') else {
        return whole.then_some(false);
    };
    let line = core::str::from_utf8(&head[METHOD.len().min(end)..end]).ok();
    let Some((target, _)) = line.and_then(|line| line.rsplit_once(" HTTP/1.")) else {
        return Some(false);
    };
    let media_type = head[end + 1..].split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        line[..colon].trim_ascii().eq_ignore_ascii_case(b"content-type").then(|| &line[colon + 1..])
    });
    let may_be = |media_type| Target::of("POST", target.trim(), media_type).is_some();
    if !may_be(Some(MEDIA_TYPE.as_bytes())) {
        return Some(false);
    }
    whole.then(|| may_be(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(target: &str, media_type: Option<&str>) -> Option<(Verb, String, Option<u64>)> {
        let found = Target::of("POST", target, media_type.map(str::as_bytes))?;
        Some((found.verb, format!("{}|{}", found.authority, found.id), found.number))
    }

    #[test]
    fn targets_of_real_clients_and_what_is_near_them() {
        let plain = |text: &str| target(text, None);
        assert_eq!(plain("/open/1"), Some((Verb::Open, "|".into(), Some(1))));
        assert_eq!(plain("/fcs/ident2"), Some((Verb::Ident, "|".into(), None)));
        assert_eq!(plain("/fcs/ident"), Some((Verb::Ident, "|".into(), None)));
        assert_eq!(plain("/send/aB-_9/17"), Some((Verb::Send, "|aB-_9".into(), Some(17))));
        assert_eq!(plain("/idle/7/0?x=/y"), Some((Verb::Idle, "|7".into(), Some(0))));
        assert_eq!(plain("/close/7/3"), Some((Verb::Close, "|7".into(), Some(3))));
        assert_eq!(plain("/close/s7"), Some((Verb::Close, "|s7".into(), None)));
        assert_eq!(plain("//send/7/1"), Some((Verb::Send, "|7".into(), Some(1))));
        assert_eq!(
            plain("/send/a/b%20?c/4"),
            None,
            "what is behind the question mark is no number"
        );
        assert_eq!(plain("/send/a/b=+/4"), Some((Verb::Send, "|a/b=+".into(), Some(4))));
        assert_eq!(
            plain("http://media.example:80/send/7/1"),
            Some((Verb::Send, "media.example:80|7".into(), Some(1)))
        );
        for text in
            ["/", "", "/open", "/open/x", "/send/7", "/send//7", "/send/7/x", "/close/", "*"]
        {
            assert_eq!(plain(text), None, "{text}");
        }
        assert_eq!(plain("/send/7/18446744073709551616"), None);
        assert!(Target::of("GET", "/open/1", None).is_none());
    }

    #[test]
    fn a_path_ahead_needs_the_media_type_and_another_media_type_refuses() {
        let fcs = Some("Application/X-FCS; charset=x");
        assert_eq!(target("/tunnel/open/1", None), None);
        assert_eq!(target("/tunnel/open/1", fcs), Some((Verb::Open, "|".into(), Some(1))));
        assert_eq!(target("/open/send/7/1", fcs), Some((Verb::Send, "|7".into(), Some(1))));
        assert_eq!(target("/open/1", Some("application/json")), None);
    }

    #[test]
    fn opens_says_what_it_needs_and_no_more() {
        let request =
            b"POST /open/1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-fcs\r\n\r\n\0";
        for cut in 0..request.len() - 1 {
            assert_eq!(opens(&request[..cut]), None, "{cut}");
        }
        assert_eq!(opens(&request[..request.len() - 1]), Some(true));
        assert_eq!(opens(request), Some(true));
        assert_eq!(opens(b"\r\nPOST /idle/7/1 HTTP/1.0\n\n"), Some(true));
        assert_eq!(
            opens(b"POST /open/1 HTTP/1.1\r\ncontent-type: text/plain\r\n\r\n"),
            Some(false)
        );
        assert_eq!(opens(b"POST /api/x HTTP/1.1\r\n"), Some(false), "the first line says no");
        for other in [&b"GET / HTTP/1.1\r\n"[..], b"POSTER", b"PROXY TCP4 ", b"\x03", b"POST \n"] {
            assert_eq!(opens(other), Some(false), "{other:?}");
        }
        let long = [b"POST /open/1 HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 2000]].concat();
        assert_eq!(opens(&long[..1023]), None);
        assert_eq!(opens(&long[..1024]), Some(true));
        assert_eq!(opens(&[b"POST /".to_vec(), vec![b'x'; 1018]].concat()), Some(false));
    }
}
