//! How far a connection got, and how long each step took. Facts, no judgement.

use super::record::Step;
use crate::proto::Direction;
use crate::proto::message::Command;

/// The steps of one connection, each the first time that it was taken.
#[derive(Debug, Default)]
pub(super) struct Steps {
    taken: Vec<Step>,
    /// The calls among them that have no answer yet, with their transaction ids.
    open: Vec<(&'static str, Option<f64>)>,
    /// Audio or video has come.
    media: bool,
}

/// The calls that lead to a stream, as commands and as steps.
const CALLS: [(&str, &str); 4] = [
    ("connect", "connect"),
    ("createStream", "create_stream"),
    ("publish", "publish"),
    ("play", "play"),
];

/// What each packet of the handshake follows: the one sent before it, or the one that it answers.
const FOLLOWS: [(&str, &str); 5] =
    [("c1", "c0"), ("s0", "c0"), ("s1", "c1"), ("s2", "c1"), ("c2", "s1")];

impl Steps {
    /// A packet of the handshake arrived `at` nanoseconds since the first packet.
    pub(super) fn handshake(&mut self, packet: &'static str, at: Option<i64>) {
        let before = FOLLOWS.iter().find(|(name, _)| *name == packet).map(|(_, before)| *before);
        let took = before.and_then(|before| Some((at? - self.at(before)?).max(0)));
        self.take(packet, at, took);
    }

    /// Whether the first audio or video is still to come.
    #[inline]
    pub(super) const fn awaits_media(&self) -> bool {
        !self.media
    }

    /// Audio or video came.
    #[cold]
    pub(super) fn media(&mut self, at: Option<i64>) {
        self.media = true;
        let begun = self.taken.iter().rev().find(|step| matches!(step.name, "publish" | "play"));
        let took = begun.and_then(|begun| Some((at? - begun.at - begun.took.unwrap_or(0)).max(0)));
        self.take("media", at, took);
    }

    /// A command came.
    pub(super) fn command(&mut self, direction: Direction, command: &Command, at: Option<i64>) {
        let name = command.name();
        if direction == Direction::ClientToServer {
            if let Some((_, step)) = CALLS.iter().find(|(call, _)| *call == name)
                && self.take(step, at, None)
            {
                self.open.push((step, command.transaction_id));
            }
            return;
        }
        let answered = match name {
            "_result" | "_error" => {
                let id = command.transaction_id;
                self.open.iter().position(|(_, open)| open.is_some() && *open == id)
            }
            // publish and play are answered by a status of the stream.
            "onStatus" => {
                let code = command.arguments.first().and_then(|info| info.get("code"));
                let code = code.and_then(|code| code.as_str()).unwrap_or_default();
                let about = match code.split('.').nth(1) {
                    Some("Publish") => "publish",
                    Some("Play") => "play",
                    _ => return,
                };
                self.open.iter().position(|(step, _)| *step == about)
            }
            _ => return,
        };
        let Some(index) = answered else { return };
        let (step, _) = self.open.remove(index);
        if let Some(step) = self.taken.iter_mut().find(|taken| taken.name == step) {
            step.took = at.map(|at| (at - step.at).max(0));
        }
    }

    /// The steps in the order in which they were taken.
    pub(super) fn finish(self) -> Vec<Step> {
        self.taken
    }

    fn at(&self, name: &str) -> Option<i64> {
        Some(self.taken.iter().find(|step| step.name == name)?.at)
    }

    /// Whether it is taken for the first time, at a time that is known.
    fn take(&mut self, name: &'static str, at: Option<i64>, took: Option<i64>) -> bool {
        let Some(at) = at.filter(|_| self.at(name).is_none()) else { return false };
        self.taken.reserve_exact(1);
        self.taken.push(Step { name, at, took });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::amf::{Text, Value};

    fn call(name: &str, id: f64) -> Command {
        Command {
            name: Some(Text::from(name)),
            transaction_id: Some(id),
            object: Some(Value::Null),
            ..Command::default()
        }
    }

    fn status(code: &str) -> Command {
        let info = Value::Object(vec![(Text::from("code"), Value::String(Text::from(code)))]);
        Command { arguments: vec![info], ..call("onStatus", 0.0) }
    }

    #[test]
    fn each_step_has_its_time_and_what_it_took() {
        let mut steps = Steps::default();
        for (packet, at) in [("c0", 10), ("c1", 11), ("s0", 30), ("s1", 31), ("s2", 32), ("c2", 60)]
        {
            steps.handshake(packet, Some(at));
        }
        let (c2s, s2c) = (Direction::ClientToServer, Direction::ServerToClient);
        steps.command(c2s, &call("connect", 1.0), Some(100));
        steps.command(s2c, &call("_result", 2.0), Some(110));
        steps.command(s2c, &call("_result", 1.0), Some(150));
        steps.command(c2s, &call("createStream", 2.0), Some(160));
        steps.command(c2s, &call("publish", 0.0), Some(170));
        steps.command(s2c, &status("NetStream.Play.Start"), Some(180));
        steps.command(s2c, &status("NetStream.Publish.Start"), Some(190));
        steps.command(c2s, &call("publish", 0.0), Some(195));
        assert!(steps.awaits_media());
        steps.media(Some(250));
        assert!(!steps.awaits_media());
        let steps: Vec<_> =
            steps.finish().iter().map(|step| (step.name, step.at, step.took)).collect();
        assert_eq!(
            steps,
            [
                ("c0", 10, None),
                ("c1", 11, Some(1)),
                ("s0", 30, Some(20)),
                ("s1", 31, Some(20)),
                ("s2", 32, Some(21)),
                ("c2", 60, Some(29)),
                ("connect", 100, Some(50)),
                ("create_stream", 160, None),
                ("publish", 170, Some(20)),
                ("media", 250, Some(60)),
            ]
        );
    }

    #[test]
    fn without_a_clock_there_are_no_steps() {
        let mut steps = Steps::default();
        steps.handshake("c0", None);
        steps.command(Direction::ClientToServer, &call("connect", 1.0), None);
        steps.media(None);
        assert!(steps.finish().is_empty());
    }
}
