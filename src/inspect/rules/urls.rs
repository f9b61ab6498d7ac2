//! Where the client wants to: app, tcUrl and stream name, and who reads them in another way.

use super::judge::{Judge, Seen, quoted};
use super::{Confidence, Rule, Severity};
use crate::inspect::target::{Split, Url, splits};
use crate::inspect::{Closed, MessageRecord, Transport};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;

const APP_EMPTY: Rule = Rule {
    code: "url.app-empty",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "connect names no application",
    meaning: "The app of connect is empty or missing: the URL has nothing behind the host, or the encoder took all of it for \
              the stream key.",
    breaks_on: "Most servers refuse it, since they look up the application by this name (AgustinSRG/rtmp-server-rs#6, \
                pedroSG94/RootEncoder#2163). mediamtx accepts it.",
    fix: "Put the application into the URL, for instance rtmp://host/live, and the key into the field for the stream key; in \
          FFmpeg both go into one URL, rtmp://host/live/key.",
    spec: Some("RTMP 1.0 §7.2.1.1"),
};

const TRAILING_SLASH: Rule = Rule {
    code: "url.trailing-slash",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The URL of the application ends with a slash",
    meaning: "app or tcUrl ends with a slash, which some servers take for a part of the application's name.",
    breaks_on: "Servers that compare names exactly: they know no application live/ (arut/nginx-rtmp-module#8, \
                illuspas/Node-Media-Server#519). nginx-rtmp has cut the slash off since.",
    fix: "Remove the slash at the end of the server's URL. In OBS: Settings, Stream, Server.",
    spec: None,
};

const INSTANCE: Rule = Rule {
    code: "url.instance",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "The application has a slash, which servers read in different ways",
    meaning: "Behind the first slash of app, Flash Media Server and Wowza have the instance of the application. Others take \
              all of app for its name, and servers that put URL and name together cut at the last slash.",
    breaks_on: "Players that look for the stream in another place than where it was published (ZLMediaKit/ZLMediaKit#2298, \
                pedroSG94/RootEncoder#1652).",
    fix: "Use one component for the application and put the rest into the stream name, or check that this server reads the \
          URL as it is meant.",
    spec: None,
};

const QUERY_IN_APP: Rule = Rule {
    code: "url.query-in-app",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The query is in the URL of the application, not behind the stream key",
    meaning: "app or tcUrl has a query. Servers look for tokens behind the stream name; a query of the application is passed \
              over by some, and mediamtx appends the name to it, which swallows the name.",
    breaks_on: "Authentication by query (bluenviron/mediamtx#5765, bluenviron/mediamtx#6007 with OBS and several video \
                tracks, bluenviron/gortmplib#93, pedroSG94/RootEncoder#2163).",
    fix: "Put the query behind the stream key: key?token=…. In OBS: Settings, Stream, Stream Key.",
    spec: None,
};

const LIBRTMP_ARGS: Rule = Rule {
    code: "url.librtmp-args",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "Options of librtmp are in the URL",
    meaning: "Behind a space or a quote the URL has options such as live=1 or timeout=5. librtmp takes them from there; every \
              other client sends them to the server as part of the name.",
    breaks_on: "The server looks for a stream or an application of that name (bluenviron/mediamtx#1177, \
                LCMApps/video-quality-tools#95).",
    fix: "Remove everything from the first space on and the quotes, and give the option in the client's own way: FFmpeg has \
          -rtmp_live live.",
    spec: None,
};

const MISMATCH: Rule = Rule {
    code: "url.tcurl-mismatch",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "tcUrl does not fit app, or the server that it was sent to",
    meaning: "tcUrl is to be the URL of the server and the application, so that its path is app. Where its host is another \
              address than the connection's, a forwarding or a proxy may be between; that is said as information only.",
    breaks_on: "Servers that read one and pass over the other: nginx-rtmp goes by app, SRS and mediamtx by tcUrl. YouTube \
                refuses what does not fit (bluenviron/gortmplib#94, bluenviron/gortmplib#95, bluenviron/mediamtx#5558).",
    fix: "Let the client make both of the same URL: rtmp://host:port/app as tcUrl, and app alone.",
    spec: Some("RTMP 1.0 §7.2.1.1"),
};

/// The URL of a connection.
#[derive(Debug, Default)]
pub(super) struct Urls {
    /// The record of a `connect` whose app has a slash, until the stream's name is known too.
    instance: Option<u64>,
    names: bool,
}

impl Judge for Urls {
    const RULES: &'static [Rule] =
        &[APP_EMPTY, TRAILING_SLASH, INSTANCE, QUERY_IN_APP, LIBRTMP_ARGS, MISMATCH];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>) {
        if seen.direction != Some(Direction::ClientToServer) || message.malformed.is_some() {
            return;
        }
        match command.name() {
            "connect" => self.connect(seen, command),
            "publish" | "play" => {
                let name = command.text(0).unwrap_or_default();
                if !std::mem::replace(&mut self.names, true) {
                    arguments(seen, "stream name", name);
                }
                self.instance(seen, Some(name));
            }
            _ => {}
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.instance(seen, None);
    }
}

impl Urls {
    fn connect(&mut self, seen: &mut Seen<'_>, command: &Command) {
        let field = |key| command.object.as_ref().and_then(|object| object.get(key));
        let text = |key| field(key).and_then(Value::as_str);
        let (app, tc_url) = (text("app"), text("tcUrl"));
        let named = app.unwrap_or_default();
        if named.split('?').next().is_none_or(|name| name.trim_matches('/').is_empty()) {
            // Adobe's clients authenticate so, with the query alone.
            let what = if app.is_none() { "has no app" } else { "has the app" };
            let shown = app.map_or_else(String::new, |app| format!(" {}", quoted(app)));
            let url =
                tc_url.map_or_else(String::new, |url| format!(", its tcUrl is {}", quoted(url)));
            seen.report(&APP_EMPTY, || format!("connect {what}{shown}{url}"));
        } else {
            if let Some((name, value)) = [("app", app), ("tcUrl", tc_url)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .find(|(_, value)| path_of(value).ends_with('/'))
            {
                let value = quoted(value);
                seen.report(&TRAILING_SLASH, || format!("the {name} {value} ends with a slash"));
            }
            let name = path_of(named).trim_matches('/');
            self.instance = name.contains('/').then_some(seen.seq);
        }
        query(seen, app, tc_url);
        for (name, value) in [("app", app), ("tcUrl", tc_url)] {
            if arguments(seen, name, value.unwrap_or_default()) {
                break;
            }
        }
        fits(seen, app, tc_url);
    }

    /// What servers make of an application with a slash.
    fn instance(&mut self, seen: &mut Seen<'_>, name: Option<&str>) {
        let Some(seq) = self.instance.take() else { return };
        let (app, tc_url) = (seen.session.app.as_deref(), seen.session.tc_url.as_deref());
        let readings = splits(app, tc_url, name);
        let app = quoted(app.unwrap_or_default());
        let report = seen.report(&INSTANCE, || {
            let readings: Vec<String> = readings.iter().map(reading).collect();
            format!("the app {app} has a slash: {}", readings.join("; "))
        });
        report.about(Some(seq));
    }
}

/// How a server reads it.
fn reading(split: &Split) -> String {
    if let Some(path) = split.path() {
        return format!("{} takes the path {}", split.server, quoted(&path));
    }
    let mut text = format!("{} takes the app {}", split.server, quoted(&split.app));
    if let Some(instance) = &split.instance {
        text.push_str(&format!(", the instance {}", quoted(instance)));
    }
    if let Some(name) = &split.stream_name {
        text.push_str(&format!(" and the stream {}", quoted(name)));
    }
    text
}

/// A text up to its query.
fn path_of(text: &str) -> &str {
    text.split('?').next().unwrap_or(text)
}

/// A query that is not behind the stream name.
fn query(seen: &mut Seen<'_>, app: Option<&str>, tc_url: Option<&str>) {
    let of = |text: Option<&str>| text.is_some_and(|text| text.contains('?'));
    // Authentication of Adobe's kind is meant to be there.
    if [app, tc_url].into_iter().flatten().any(|text| text.contains("authmod=")) {
        return;
    }
    let (place, value) = match (of(app), of(tc_url)) {
        (true, true) => ("app and tcUrl have", app),
        (true, false) => ("app has", app),
        (false, true) => ("tcUrl has, and app has not,", tc_url),
        (false, false) => return,
    };
    let value = quoted(value.unwrap_or_default());
    seen.report(&QUERY_IN_APP, || {
        format!("{place} a query: {value}; servers look for it behind the stream name")
    });
}

/// Options of librtmp behind a space or a quote; whether there are any.
fn arguments(seen: &mut Seen<'_>, place: &str, text: &str) -> bool {
    let found = text.char_indices().any(|(at, c)| {
        let rest = &text[at + c.len_utf8()..];
        let name = rest.trim_start().split('=').next().unwrap_or_default();
        matches!(c, ' ' | '\'' | '"')
            && rest.contains('=')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    if found {
        let (place, text) = (place.to_owned(), quoted(text));
        seen.report(&LIBRTMP_ARGS, || format!("the {place} has options of librtmp: {text}"));
    }
    found
}

/// Whether tcUrl, app and the connection fit.
fn fits(seen: &mut Seen<'_>, app: Option<&str>, tc_url: Option<&str>) {
    let Some(tc_url) = tc_url.filter(|url| !url.is_empty()) else {
        let app = quoted(app.unwrap_or_default());
        seen.report(&MISMATCH, || format!("connect has no tcUrl beside the app {app}"));
        return;
    };
    let Some(url) = Url::of(tc_url) else {
        seen.report(&MISMATCH, || format!("the tcUrl {} is no URL", quoted(tc_url)));
        return;
    };
    // Slashes at the end and queries are other faults.
    let path = url.path.unwrap_or_default().trim_matches('/');
    let name = path_of(app.unwrap_or_default()).trim_matches('/');
    let plain = |text: &str| text.trim_end_matches("/_definst_").to_owned();
    if plain(path) != plain(name) && app.is_some() {
        seen.report(&MISMATCH, || {
            let (path, name) = (quoted(path), quoted(name));
            format!("the path of tcUrl is {path}, and the app is {name}")
        });
        return;
    }
    let Some(server) = seen.opened.server else { return };
    let address = url.host.parse::<std::net::IpAddr>().ok();
    let other = address.filter(|address| address.to_canonical() != server.ip().to_canonical());
    if let Some(address) = other {
        seen.report_as(&MISMATCH, Severity::Info, || {
            format!("tcUrl names the server {address}, and the connection is to {}", server.ip())
        })
        .sure(Confidence::Hint);
        return;
    }
    // In tunnels ports are those of a web server in front, and clients say what they like.
    if matches!(seen.opened.transport, Transport::Rtmpt | Transport::Rtmpts) {
        return;
    }
    let tls = url.scheme.eq_ignore_ascii_case("rtmps");
    let port = url.port.unwrap_or(if tls { 443 } else { 1935 });
    if port != server.port() {
        seen.report_as(&MISMATCH, Severity::Info, || {
            format!("tcUrl means port {port}, and the connection is to port {}", server.port())
        })
        .sure(Confidence::Hint);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Script, object_of};
    use crate::inspect::Severity;
    use crate::proto::amf::Value;

    fn connect(app: Option<&str>, tc_url: Option<&str>) -> Script {
        let mut t = Script::shaken();
        let fields = [("app", app), ("tcUrl", tc_url)];
        let fields: Vec<(&str, Value)> =
            fields.into_iter().filter_map(|(key, value)| Some((key, value?.into()))).collect();
        t.command(C2S, 0, "connect", Some(1.0), object_of(&fields), &[]);
        t
    }

    #[test]
    fn applications() {
        for (app, tc_url, codes) in [
            (Some("live"), "rtmp://10.0.0.2/live", &[][..]),
            (Some("live"), "rtmp://10.0.0.2:1935/live", &[]),
            (Some("live"), "rtmp://any.example/live", &[]),
            (Some(""), "rtmp://10.0.0.2/", &["url.app-empty"]),
            (Some("/"), "rtmp://10.0.0.2/", &["url.app-empty"]),
            (None, "rtmp://10.0.0.2/live", &["url.app-empty"]),
            (Some("live/"), "rtmp://10.0.0.2/live/", &["url.trailing-slash"]),
            (Some("live"), "rtmp://10.0.0.2/live/", &["url.trailing-slash"]),
            (Some("live?k=v"), "rtmp://10.0.0.2/live?k=v", &["url.query-in-app"]),
            (Some("live"), "rtmp://10.0.0.2/live?k=v", &["url.query-in-app"]),
            (Some("live?authmod=adobe&user=u"), "rtmp://10.0.0.2/live?authmod=adobe&user=u", &[]),
            (
                Some("live"),
                "rtmp://10.0.0.2/live live=1",
                &["url.librtmp-args", "url.tcurl-mismatch"],
            ),
            (Some("live"), "rtmp://10.0.0.2/other", &["url.tcurl-mismatch"]),
            (Some("live"), "", &["url.tcurl-mismatch"]),
            (Some("live"), "live", &["url.tcurl-mismatch"]),
        ] {
            let mut codes = codes.to_vec();
            let mut found = connect(app, Some(tc_url)).codes();
            found.retain(|code| !code.starts_with("auth."));
            found.sort_unstable();
            codes.sort_unstable();
            assert_eq!(found, codes, "{app:?} {tc_url}");
        }
    }

    #[test]
    fn servers_other_than_the_one_connected_to() {
        for (tc_url, text) in [
            (
                "rtmp://10.9.9.9/live",
                "tcUrl names the server 10.9.9.9, and the connection is to 10.0.0.2",
            ),
            (
                "rtmp://10.0.0.2:1936/live",
                "tcUrl means port 1936, and the connection is to port 1935",
            ),
        ] {
            let t = connect(Some("live"), Some(tc_url));
            assert_eq!(t.text("url.tcurl-mismatch"), text);
            let severity = t.find("url.tcurl-mismatch").map(|finding| finding.severity);
            assert_eq!(severity, Some(Severity::Info));
        }
    }

    #[test]
    fn names_with_options() {
        for (name, odd) in
            [("cam1 live=1", true), ("cam1", false), ("cam 1?a=b", false), ("a 'b=c'", true)]
        {
            let mut t = Script::connected();
            t.command(C2S, 1, "play", Some(3.0), Value::Null, &[name.into()]);
            assert_eq!(t.has("url.librtmp-args"), odd, "{name}");
        }
    }

    #[test]
    fn instances() {
        let mut t = connect(Some("v2/pub"), Some("rtmp://10.0.0.2/v2/pub"));
        assert_eq!(t.codes(), [""; 0], "the name is to be known first");
        t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
        let text = "the app \"v2/pub\" has a slash: nginx-rtmp takes the app \"v2/pub\" and the stream \"cam1\"; SRS takes \
                    the app \"v2/pub\" and the stream \"cam1\"; mediamtx takes the path \"v2/pub/cam1\"; Wowza takes the \
                    app \"v2\", the instance \"pub\" and the stream \"cam1\"";
        assert_eq!(t.text("url.instance"), text);
        let mut t = connect(Some("v2/pub"), Some("rtmp://10.0.0.2/v2/pub"));
        assert!(t.end().has("url.instance"), "no stream was named");
        let mut t = connect(Some("live/"), Some("rtmp://10.0.0.2/live/"));
        assert!(!t.end().has("url.instance"));
    }
}
