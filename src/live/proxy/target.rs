//! Where to hand connections on to, as a URL.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A server, and what of an application and a stream key stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The application, where the URL has one.
    pub app: Option<String>,
    /// The stream key, where the URL has one.
    pub key: Option<String>,
    /// Name and port as typed.
    authority: String,
}

/// Why a text is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTarget(&'static str);

impl fmt::Display for NoTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as rtmp://host[:port][/app[/key]] or rtmps://… is", self.0)
    }
}

impl std::error::Error for NoTarget {}

/// RTMP's own port.
const RTMP: u16 = 1935;
/// The port of RTMPS everywhere: that of HTTPS.
const RTMPS: u16 = 443;

impl std::str::FromStr for Target {
    type Err = NoTarget;

    fn from_str(typed: &str) -> Result<Self, NoTarget> {
        let (tls, rest) = match typed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("rtmp") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("rtmps") => (true, rest),
            Some(_) => return Err(NoTarget("it is no URL of RTMP or RTMPS")),
            None => (false, typed),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(NoTarget("it has a user or password, which is nothing to hand on"));
        }
        let (host, port) = split(authority)?;
        let port = port.unwrap_or(if tls { RTMPS } else { RTMP });
        let (app, key) = app_and_key(path.strip_prefix('/').unwrap_or(path));
        let authority = authority.to_owned();
        Ok(Self { tls, host: host.to_owned(), port, app, key, authority })
    }
}

/// Host and port; an IPv6 address with a port stands in brackets.
fn split(authority: &str) -> Result<(&str, Option<u16>), NoTarget> {
    const NO_HOST: NoTarget = NoTarget("it names no host");
    const NO_PORT: NoTarget = NoTarget("it has no port between 1 and 65535");
    let port = |typed: &str| match typed.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(NO_PORT),
    };
    if let Some(inner) = authority.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or(NO_HOST)?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(NO_HOST);
        }
        return match rest.strip_prefix(':') {
            Some(typed) => Ok((host, port(typed)?)),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(NO_PORT),
        };
    }
    let (host, typed) = match authority.rsplit_once(':') {
        Some((host, typed)) => (host, Some(typed)),
        None => (authority, None),
    };
    if host.is_empty() || host.contains([':', ' ']) {
        return Err(NO_HOST);
    }
    Ok((host, typed.map_or(Ok(None), port)?))
}

/// The last part of a path of two or more is the key, what is ahead of it the application; a query belongs to what it
/// stands behind.
fn app_and_key(path: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let path_end = path.find('?').unwrap_or(path.len());
    let (segments, query) = path.split_at(path_end);
    match segments.rsplit_once('/') {
        Some((app, key)) if !key.is_empty() => (some(app), Some(format!("{key}{query}"))),
        Some((app, _)) => (some(&format!("{app}{query}")), None),
        None => (some(path), None),
    }
}

impl Target {
    /// The URL of an application on it.
    #[must_use]
    pub fn tc_url(&self, app: &str) -> String {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        format!("{scheme}://{}/{app}", self.authority)
    }

    /// Its address, where it is named by one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Target {
    /// Without application and key, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_they_are_typed() {
        for (typed, shown, app, key) in [
            ("rtmp://host", "rtmp://host:1935", None, None),
            ("rtmp://host/", "rtmp://host:1935", None, None),
            ("RTMPS://host", "rtmps://host:443", None, None),
            ("host:1936", "rtmp://host:1936", None, None),
            ("rtmp://host:1936/live", "rtmp://host:1936", Some("live"), None),
            ("rtmp://host/live/", "rtmp://host:1935", Some("live"), None),
            ("rtmp://a.example/live2/k-e-y", "rtmp://a.example:1935", Some("live2"), Some("k-e-y")),
            ("rtmp://h/app/inst/key", "rtmp://h:1935", Some("app/inst"), Some("key")),
            (
                "rtmps://live.example:443/rtmp/K?a=1&b=/2",
                "rtmps://live.example:443",
                Some("rtmp"),
                Some("K?a=1&b=/2"),
            ),
            ("rtmp://h/live?token=a/b", "rtmp://h:1935", Some("live?token=a/b"), None),
            ("rtmp://h/live/?token=a", "rtmp://h:1935", Some("live?token=a"), None),
            ("rtmp://[::1]:1936/a", "rtmp://[::1]:1936", Some("a"), None),
            ("rtmp://[::1]", "rtmp://[::1]:1935", None, None),
        ] {
            let target: Target = typed.parse().unwrap();
            assert_eq!(target.to_string(), shown, "{typed}");
            assert_eq!((target.app.as_deref(), target.key.as_deref()), (app, key), "{typed}");
        }
        for typed in [
            "",
            "rtmp://",
            "http://host",
            "rtmp://host:0",
            "rtmp://host:x",
            "rtmp://host:70000",
            "rtmp://::1",
            "rtmp://[::1",
            "rtmp://[x]",
            "rtmp://[::1]1",
            "rtmp://user:pass@host/a",
            "rtmp://a b",
            "rtmp:///app",
        ] {
            assert!(typed.parse::<Target>().is_err(), "{typed}");
        }
    }

    #[test]
    fn the_url_of_an_application_has_the_port_only_where_it_was_typed() {
        let url = |typed: &str| typed.parse::<Target>().unwrap().tc_url("app");
        assert_eq!(url("rtmps://h"), "rtmps://h/app");
        assert_eq!(url("rtmps://h:443/x"), "rtmps://h:443/app");
        assert_eq!(url("rtmp://[::1]:1"), "rtmp://[::1]:1/app");
    }
}
