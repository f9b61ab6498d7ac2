//! Where a client wants to: the parts of its URL, and what servers make of them. Facts, no judgement.

/// A URL of RTMP, its parts as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Url<'t> {
    /// `rtmp`, as sent.
    pub(crate) scheme: &'t str,
    /// Name or address, without brackets.
    pub(crate) host: &'t str,
    /// The port, where one is named and is a number.
    pub(crate) port: Option<u16>,
    /// What is behind the slash that ends the host, up to the query; `None` where there is no slash.
    pub(crate) path: Option<&'t str>,
    /// What is behind the question mark.
    pub(crate) query: Option<&'t str>,
}

impl<'t> Url<'t> {
    /// The parts; `None` where it is no URL.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (before, query) = halves(rest, '?');
        let (authority, path) = halves(before, '/');
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        Some(Self { scheme, host, port: port.and_then(|port| port.parse().ok()), path, query })
    }
}

/// What a server makes of app, tcUrl and stream name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Which server.
    pub server: &'static str,
    /// The application.
    pub app: String,
    /// The instance of the application, at servers that know such.
    pub instance: Option<String>,
    /// The stream; `None` where none was named.
    pub stream_name: Option<String>,
    /// The query that reaches the stream's authentication, without its question mark.
    pub query: Option<String>,
}

impl Split {
    /// Application and stream as one path, where the server has them so; mediamtx does.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        if self.server != MEDIAMTX {
            return None;
        }
        let parts = [Some(&*self.app), self.stream_name.as_deref()];
        let parts: Vec<&str> =
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        Some(parts.join("/"))
    }
}

/// The server that has one path.
const MEDIAMTX: &str = "mediamtx";

/// What nginx-rtmp, SRS, mediamtx and Wowza make of it; empty without an app.
///
/// Facts: nginx-rtmp's `ngx_rtmp_cmd_connect_init` and `ngx_rtmp_cmd_fill_args`, SRS's `srs_discovery_tc_url`,
/// gortmplib's `joinURL` (mediamtx), and Wowza's "Format Adobe Flash RTMP URLs".
pub(crate) fn splits(app: Option<&str>, tc_url: Option<&str>, name: Option<&str>) -> Vec<Split> {
    let Some(app) = app else { return Vec::new() };
    // Servers that read the tcUrl fall back to the app where it says nothing.
    let url = tc_url.and_then(Url::of);
    let (path, query) = match url {
        Some(Url { path: Some(path), query, .. }) => (path, query),
        _ => halves(app, '?'),
    };
    vec![nginx(app, name), srs(path, query, name), mediamtx(path, query, name), wowza(app, name)]
}

/// The app without `/_definst_` or a slash at its end; queries are cut off app and name.
fn nginx(app: &str, name: Option<&str>) -> Split {
    let app = app.strip_suffix("/_definst_").or_else(|| app.strip_suffix('/')).unwrap_or(app);
    let (app, app_query) = halves(app, '?');
    let (name, query) = named(name);
    Split {
        server: "nginx-rtmp",
        app: app.to_owned(),
        instance: None,
        stream_name: name.map(str::to_owned),
        query: query.or(app_query).map(str::to_owned),
    }
}

/// tcUrl and name as one URL, whose last component is the stream; a query of the tcUrl goes behind it.
fn srs(path: &str, url_query: Option<&str>, name: Option<&str>) -> Split {
    let (name, query) = named(name);
    let whole = format!("{path}/{}", name.unwrap_or_default()).replace("/_definst_", "");
    let (app, stream) = whole.rsplit_once('/').unwrap_or(("", &whole));
    let app = app.trim_matches('/');
    let query = match (url_query, query) {
        (Some(first), Some(second)) => Some(format!("{first}&{second}")),
        (first, second) => first.or(second).map(str::to_owned),
    };
    Split {
        server: "SRS",
        app: if app.is_empty() { "__defaultApp__" } else { app }.to_owned(),
        instance: None,
        stream_name: name.map(|_| stream.to_owned()),
        query,
    }
}

/// The name is appended to the tcUrl as it is: behind a query it becomes part of that.
fn mediamtx(path: &str, url_query: Option<&str>, name: Option<&str>) -> Split {
    let (stream, query) = named(name);
    let (stream_name, query) = match (url_query, name) {
        (Some(first), Some(name)) if !name.is_empty() && !name.starts_with('?') => {
            (None, Some(format!("{first}/{name}")))
        }
        (Some(first), _) => (None, Some(first.to_owned())),
        (None, _) => (stream, query.filter(|_| stream != Some("")).map(str::to_owned)),
    };
    Split {
        server: MEDIAMTX,
        app: path.trim_start_matches('/').to_owned(),
        instance: None,
        stream_name: stream_name.map(str::to_owned),
        query,
    }
}

/// The first component is the application, what follows its instance.
fn wowza(app: &str, name: Option<&str>) -> Split {
    let (app, app_query) = halves(app, '?');
    let (app, instance) = halves(app.trim_matches('/'), '/');
    let (name, query) = named(name);
    Split {
        server: "Wowza",
        app: app.to_owned(),
        instance: Some(instance.filter(|name| !name.is_empty()).unwrap_or("_definst_").to_owned()),
        stream_name: name.map(str::to_owned),
        query: query.or(app_query).map(str::to_owned),
    }
}

fn named(name: Option<&str>) -> (Option<&str>, Option<&str>) {
    name.map_or((None, None), |name| {
        let (name, query) = halves(name, '?');
        (Some(name), query)
    })
}

fn halves(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_urls() {
        for (text, parts) in [
            ("rtmp://h/live", ("rtmp", "h", None, Some("live"), None)),
            ("rtmps://u:p@h:443/a/b?k=v", ("rtmps", "h", Some(443), Some("a/b"), Some("k=v"))),
            ("rtmp://[::1]:1936/live", ("rtmp", "::1", Some(1936), Some("live"), None)),
            ("rtmp://h", ("rtmp", "h", None, None, None)),
            ("rtmp://h:x?a/b", ("rtmp", "h", None, None, Some("a/b"))),
        ] {
            let url =
                Url::of(text).map(|url| (url.scheme, url.host, url.port, url.path, url.query));
            assert_eq!(url, Some(parts), "{text}");
        }
        assert_eq!(Url::of("live"), None);
    }

    /// App, instance, stream and query of each server.
    fn of(app: &str, name: &str) -> Vec<String> {
        let tc_url = format!("rtmp://h/{app}");
        let splits = splits(Some(app), Some(&tc_url), Some(name));
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let line = |split: &Split| {
            let Split { app, instance, stream_name, query, .. } = split;
            format!("{app} {} {} {}", text(instance), text(stream_name), text(query))
        };
        splits.iter().map(line).collect()
    }

    #[test]
    fn what_servers_make_of_it() {
        for (app, name, expected) in [
            (
                "live",
                "cam",
                ["live - cam -", "live - cam -", "live - cam -", "live _definst_ cam -"],
            ),
            (
                "live",
                "cam?k=v",
                ["live - cam k=v", "live - cam k=v", "live - cam k=v", "live _definst_ cam k=v"],
            ),
            (
                "live/_definst_",
                "cam",
                ["live - cam -", "live - cam -", "live/_definst_ - cam -", "live _definst_ cam -"],
            ),
            (
                "v2/pub",
                "a/b",
                ["v2/pub - a/b -", "v2/pub/a - b -", "v2/pub - a/b -", "v2 pub a/b -"],
            ),
            (
                "live?k=v",
                "cam",
                ["live - cam k=v", "live - cam k=v", "live - - k=v/cam", "live _definst_ cam k=v"],
            ),
            (
                "live/",
                "cam",
                ["live - cam -", "live - cam -", "live/ - cam -", "live _definst_ cam -"],
            ),
            ("", "cam", [" - cam -", "__defaultApp__ - cam -", " - cam -", " _definst_ cam -"]),
        ] {
            assert_eq!(of(app, name), expected, "{app} {name}");
        }
        assert_eq!(splits(None, Some("rtmp://h/live"), Some("cam")), []);
        let paths: Vec<_> = splits(Some("live"), None, None).iter().map(Split::path).collect();
        assert_eq!(paths, [None, None, Some("live".to_owned()), None]);
    }
}
