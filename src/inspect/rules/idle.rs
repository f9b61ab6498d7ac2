//! Publishers that publish nothing.

use super::judge::{Judge, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, Media, MessageRecord};
use crate::proto::Direction;
use crate::proto::message::Command;

const PUBLISHER: Rule = Rule {
    code: "idle.publisher",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A publisher is connected and sends no media",
    meaning: "The stream is published, and for more than ten seconds no audio or video came, or none of one of its tracks. \
              The encoder is stalled, its source is gone, or the network takes nothing more; players see a picture that \
              stands still.",
    breaks_on: "Servers drop the stream, or keep it and refuse the next publisher of the name (ossrs/srs#598, \
                ant-media/Ant-Media-Server#7053, ossrs/srs#3892).",
    fix: "Look at the encoder's source, then at the network: retransmissions or a receive window of 0 at that time mean \
          that the server does not take what is sent.",
    spec: None,
};

/// Silence of a publisher.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// The client has said that it publishes no more.
    over: bool,
    /// When the silence began that was last reported, of all media and of one track.
    said: [Option<i64>; 2],
}

/// Seconds without media that are too long.
const TOO_LONG: f64 = 10.0;

impl Judge for Silence {
    const RULES: &'static [Rule] = &[PUBLISHER];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ClientToServer) {
            match command.name() {
                "publish" => self.over = false,
                "FCUnpublish" | "deleteStream" | "closeStream" => self.over = true,
                _ => {}
            }
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        let mut streams = seen.story.streams.iter();
        let published = streams.find(|stream| stream.publish.is_some() && stream.failed.is_none());
        let client = seen.story.way(Direction::ClientToServer);
        let Some(stream) = published.filter(|_| !self.over && client.ended.is_none()) else {
            return;
        };
        let Some(begun) = stream.started.or(stream.publish) else { return };
        let counters = seen.tracks.all().iter();
        let media = counters.filter(|counter| {
            counter.track.direction == Direction::ClientToServer
                && counter.track.media != Media::Data
        });
        // Between what is missing and the next frame nobody knows what was sent.
        let at_least = |at: Option<i64>| at.max(client.broken.and_then(|broken| broken.at));
        let latest = media.clone().filter_map(|counter| counter.pace.latest_at).max();
        let since = at_least(latest.max(begun.at));
        if let Some(seconds) = seen.since(since).filter(|seconds| *seconds > TOO_LONG) {
            if self.said[0] != since {
                self.said[0] = since;
                report(seen, begun, || match latest {
                    None => format!(
                        "no audio or video for {seconds:.1} s since publishing began: the connection is up and nothing \
                         is published"
                    ),
                    Some(_) => format!(
                        "no audio or video for {seconds:.1} s, and the connection is still up"
                    ),
                });
            }
            return;
        }
        // One track of several.
        let silent = media
            .filter_map(|counter| Some((counter, at_least(counter.pace.latest_at)?)))
            .min_by_key(|(_, at)| *at);
        let Some((counter, at)) = silent else { return };
        if let Some(seconds) = seen.since(Some(at)).filter(|seconds| *seconds > TOO_LONG)
            && self.said[1] < Some(at)
        {
            self.said[1] = Some(at);
            let (media, id) = (counter.track.media.as_str(), counter.track.track);
            report(seen, begun, || {
                let number = if id > 0 { format!(" of track {id}") } else { String::new() };
                format!(
                    "no {media}{number} for {seconds:.1} s, while other media of the stream goes on"
                )
            });
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.tick(seen);
    }
}

fn report(seen: &mut Seen<'_>, published: Moment, text: impl FnOnce() -> String) {
    let seq = Some(published.seq);
    seen.report(&PUBLISHER, text).about(seq).at(Some(Direction::ClientToServer), None);
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, Script};
    use crate::proto::amf::Value;

    #[test]
    fn a_publisher_that_sends_nothing() {
        let silent = |seconds: f64| {
            let mut t = Script::publishing();
            t.wait(seconds).end();
            t
        };
        assert!(!silent(9.9).has("idle.publisher"));
        let text = "no audio or video for 10.5 s since publishing began: the connection is up and nothing is published";
        assert_eq!(silent(10.5).text("idle.publisher"), text);
        let mut t = Script::publishing();
        t.command(C2S, 0, "FCUnpublish", Some(4.0), Value::Null, &["cam1".into()]);
        assert!(!t.wait(20.0).end().has("idle.publisher"), "it says that it is over");
    }

    #[test]
    fn silence_is_said_while_it_lasts_and_once() {
        let mut t = Script::publishing();
        t.media(2.0).wait(10.5).tick();
        assert!(t.has("idle.publisher"));
        t.wait(5.0).tick().wait(5.0).tick().media(2.0).end();
        assert_eq!(
            t.listed.iter().find(|l| l.finding.code == "idle.publisher").unwrap().finding.count,
            1
        );
    }

    #[test]
    fn one_track_of_two() {
        let mut t = Script::publishing();
        t.video(0, Frame::Key).audio(0);
        for second in 1..14_u32 {
            t.wait(1.0).audio(second * 1000);
        }
        assert!(
            t.text("idle.publisher").starts_with("no video for 1"),
            "{}",
            t.text("idle.publisher")
        );
        assert!(t.text("idle.publisher").ends_with("while other media of the stream goes on"));
    }

    #[test]
    fn a_gap_is_no_silence() {
        let mut t = Script::publishing();
        t.media(1.0).wait(8.0).gap(C2S, 50_000).wait(8.0).end();
        assert!(!t.has("idle.publisher"));
    }
}
