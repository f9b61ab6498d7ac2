//! Requests to connect again (Enhanced RTMP v2), and clients that do not.

use super::judge::{Judge, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, MessageRecord};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;
use crate::proto::message::command::{Capabilities, CapsEx, RECONNECT_REQUEST};

const RECONNECT: Rule = Rule {
    code: "ertmp.reconnect",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The server asks the client to connect again",
    meaning: "NetConnection.Connect.ReconnectRequest tells a client to open another connection and to go on there. It is information \
              where the client said that it can (capsEx bit 0), and an error where it did not, or goes on as before for half a \
              minute.",
    breaks_on: "Clients that do not know the request ignore it and are cut off later; others lose their sequence headers on the way \
                (software-mansion/smelter#2032, software-mansion/smelter#2034).",
    fix: "Servers: send it only to clients whose capsEx has bit 0. Clients: connect again, publish, and send metadata and sequence \
          headers anew.",
    spec: Some("Enhanced RTMP v2 \"Reconnect Request\""),
};

/// A request to connect again.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Whether the client's connect was seen, and says that it can.
    can: Option<bool>,
    asked: Option<Moment>,
    ignored: bool,
}

/// Seconds that a client may take.
const LONG: f64 = 30.0;
/// Seconds in which media shows that it goes on.
const LATELY: f64 = 5.0;

impl Again {
    fn look(&mut self, seen: &mut Seen<'_>) {
        let Some(asked) = self.asked.filter(|_| !self.ignored) else { return };
        let Some(seconds) = seen.since(asked.at).filter(|seconds| *seconds > LONG) else { return };
        let media = seen
            .tracks
            .all()
            .iter()
            .filter(|counter| counter.track.direction == Direction::ClientToServer);
        let latest = media.filter_map(|counter| counter.pace.latest_at).max();
        if seen.since(latest).is_some_and(|since| since < LATELY) {
            self.ignored = true;
            seen.report_as(&RECONNECT, Severity::Error, || {
                format!(
                    "the client publishes on, {seconds:.0} s after it was asked to connect again"
                )
            })
            .about(Some(asked.seq))
            .sure(Confidence::Likely);
        }
    }
}

impl Judge for Again {
    const RULES: &'static [Rule] = &[RECONNECT];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ClientToServer) {
            if command.name() == "connect" {
                let says = Capabilities::of_command(command).and_then(|says| says.caps_ex);
                self.can = Some(says.is_some_and(|caps| caps.0 & CapsEx::RECONNECT != 0));
            }
            return;
        }
        let code = command.arguments.first().and_then(|info| info.get("code"));
        if code.and_then(Value::as_str) != Some(RECONNECT_REQUEST) {
            return;
        }
        self.asked = Some(Moment { seq: seen.seq, at: seen.elapsed, place: seen.place });
        let elsewhere = command.arguments.first().is_some_and(|info| info.get("tcUrl").is_some());
        let to = if elsewhere { "to another URL" } else { "to the same URL" };
        match self.can {
            Some(false) => {
                seen.report_as(&RECONNECT, Severity::Error, || {
                    format!("the server asks to connect again {to}, and the client's capsEx does not say that it can")
                });
            }
            _ => {
                seen.report(&RECONNECT, || {
                    format!("the server asks the client to connect again {to}")
                });
            }
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        self.look(seen);
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.look(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{Frame, Script};
    use super::*;

    fn asked(caps: Option<f64>) -> Script {
        let mut t = Script::shaken();
        let mut object = vec![("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())];
        object.extend(caps.map(|caps| ("capsEx", caps.into())));
        t.connect(&object).status("status", RECONNECT_REQUEST);
        t
    }

    #[test]
    fn clients_that_can_and_that_cannot() {
        let severity = |t: &Script| t.find("ertmp.reconnect").map(|finding| finding.severity);
        assert_eq!(severity(&asked(Some(1.0))), Some(Severity::Info));
        assert_eq!(severity(&asked(Some(2.0))), Some(Severity::Error));
        assert_eq!(severity(&asked(None)), Some(Severity::Error));
        assert!(!Script::publishing().has("ertmp.reconnect"));
    }

    #[test]
    fn clients_that_go_on() {
        let mut t = asked(Some(1.0));
        for second in 0..29 {
            t.video(second * 1000, Frame::Key).wait(1.0);
        }
        assert_eq!(t.find("ertmp.reconnect").map(|finding| finding.severity), Some(Severity::Info));
        t.video(30_000, Frame::Key).wait(1.5).video(31_000, Frame::Key).wait(1.0).tick();
        let last = t.findings.iter().rfind(|finding| finding.code == "ertmp.reconnect");
        assert!(
            last.is_some_and(|f| f.message.starts_with("the client publishes on, 3")),
            "{last:?}"
        );
    }
}
