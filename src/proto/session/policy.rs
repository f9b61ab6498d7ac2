//! What a server accepts and says, as data.

use super::auth::Auth;
use crate::proto::amf::Text;
use crate::proto::message::LimitType;

/// What a server accepts and says. The default accepts everything.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Applications that are accepted. A query, a slash and `/_definst_` behind the name do not count.
    pub apps: Names,
    /// Stream names that may be published, with or without the query that clients append.
    pub keys: Names,
    /// How others are refused.
    pub refuse_with: RefuseWith,
    /// Who may connect; `None` for anybody.
    pub auth: Option<Auth>,
    /// Where clients are sent to instead of being accepted.
    pub redirect: Option<Text>,
    /// Whether players may connect.
    pub play: bool,
    /// Whether Enhanced RTMP is spoken with clients that offer it; a legacy server does not know of it.
    pub enhanced: bool,
    /// Whether `publish` and `play` wait for [`Responder::allow`](super::Responder::allow) or `deny`.
    pub hold: bool,
    /// The chunk size announced and used, bytes (default 4,096).
    pub chunk_size: u32,
    /// The acknowledgement window announced, bytes (default 2,500,000).
    pub window: u32,
    /// The peer bandwidth announced, bytes, and how binding it is (default 2,500,000, dynamic).
    pub peer_bandwidth: (u32, LimitType),
    /// `fmsVer`: what the server says it is. Clients look for `FMS`.
    pub fms_ver: Text,
    /// Whether `onBWDone` follows the answer to `connect`, as Flash Media Server has it: encoders then ask with
    /// `_checkbw`.
    pub bandwidth_done: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            apps: Names::default(),
            keys: Names::default(),
            refuse_with: RefuseWith::Error,
            auth: None,
            redirect: None,
            play: true,
            enhanced: true,
            hold: false,
            chunk_size: 4096,
            window: 2_500_000,
            peer_bandwidth: (2_500_000, LimitType::Dynamic),
            fms_ver: "FMS/3,5,7,7009".into(),
            bandwidth_done: true,
        }
    }
}

/// How a client with a wrong application or stream name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefuseWith {
    /// `connect` is answered with an error where the application is wrong, `publish` with `NetStream.Publish.BadName`
    /// where the name is. The connection is closed behind the first.
    #[default]
    Error,
    /// `publish` is answered with `NetStream.Publish.BadName` in both cases.
    BadName,
    /// The connection is closed without an answer.
    Silence,
}

/// Names that are accepted: patterns in which `*` stands for any bytes and `?` for one.
#[derive(Debug, Clone, Default)]
pub struct Names {
    patterns: Vec<Box<[u8]>>,
}

impl Names {
    /// Those that one of the patterns describes; any, where there is none.
    pub fn of<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Self {
        Self { patterns: patterns.into_iter().map(|pattern| pattern.as_ref().into()).collect() }
    }

    /// Whether a name is accepted.
    #[must_use]
    pub fn accept(&self, name: &[u8]) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name))
    }
}

/// Time is linear in the product of both lengths: a `*` is tried again only from the last one on.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_describe_names() {
        for (pattern, name, expected) in [
            ("live", "live", true),
            ("live", "live2", false),
            ("live", "", false),
            ("", "", true),
            ("*", "", true),
            ("live*", "live/x", true),
            ("*_key", "my_key", true),
            ("*_key", "my_keys", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("**", "x", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(Names::default().accept(b"any"));
        let names = Names::of(["a*", "b"]);
        assert!(names.accept(b"abc") && names.accept(b"b") && !names.accept(b"c"));
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        let pattern = Names::of(["*a".repeat(2_000)]);
        assert!(!pattern.accept("a".repeat(1_900).as_bytes()));
    }
}
