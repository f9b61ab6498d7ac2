//! Cues of advertisements: there are several ways to carry SCTE-35, and each receiver knows some.

use super::judge::{Judge, Seen, quoted};
use super::{Confidence, Rule, Severity};
use crate::inspect::MessageRecord;
use crate::proto::message::Data;

const SCTE35: Rule = Rule {
    code: "cue.scte35-dialect",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Cues of SCTE-35 come in a data message",
    meaning: "No specification says how RTMP carries SCTE-35. Encoders send onCuePoint, onCuePointScte35, onAdCue or onUserDataEvent, as \
              Base64, XML or fields; receivers understand some of them.",
    breaks_on: "Servers that wait for another name do not insert advertisements \
                (sergey-dryabzhinsky/nginx-rtmp-module#232, ut0mt8/nginx-rtmp-module#8).",
    fix: "Compare the name and form with what the receiver's manual asks for.",
    spec: None,
};

/// The ways in which cues came.
#[derive(Debug, Default)]
pub(super) struct Cues {
    said: u8,
}

/// Names of which is told apart whether they were said.
const NAMES: [&str; 4] = ["onCuePoint", "onCuePointScte35", "onAdCue", "onUserDataEvent"];

impl Judge for Cues {
    const RULES: &'static [Rule] = &[SCTE35];

    fn data(&mut self, seen: &mut Seen<'_>, data: &Data, _: &MessageRecord<'_>) {
        let (name, _) = data.handler();
        let known = NAMES.iter().position(|known| *known == name);
        let bit = 1 << known.unwrap_or(NAMES.len());
        // Metadata is large, and has no cues.
        if name == "onMetaData" || self.said & bit != 0 {
            return;
        }
        let splice = data.splice_info();
        if splice.is_none() && !name.to_ascii_lowercase().contains("scte") {
            return;
        }
        self.said |= bit;
        let name = quoted(name);
        seen.report(&SCTE35, || match splice {
            Some(splice) => {
                let command = splice.command.as_str().unwrap_or("a command of no name");
                format!("a cue of SCTE-35 comes as {name}: {command}")
            }
            None => format!("{name} names SCTE-35 and has no section that can be read"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Script, object_of};
    use crate::proto::amf::Value;
    use crate::proto::message::Data;

    fn sends(name: &str, value: Value) -> Script {
        let mut t = Script::publishing();
        let mut payload = Vec::new();
        Data { amf: 0, name: Some(name.into()), arguments: vec![value] }.encode(&mut payload);
        t.message(C2S, 4, 1, 18, 1000, &payload);
        t
    }

    #[test]
    fn cues_by_their_names() {
        let cue = || {
            object_of(&[("cue", "/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==".into())])
        };
        let text = "a cue of SCTE-35 comes as \"onAdCue\": splice_insert";
        assert_eq!(sends("onAdCue", cue()).text("cue.scte35-dialect"), text);
        assert!(sends("onCuePoint", cue()).has("cue.scte35-dialect"));
        assert!(sends("onMyCue", cue()).has("cue.scte35-dialect"), "whatever its name");
        assert!(!sends("onMyCue", "/DAl".into()).has("cue.scte35-dialect"));
        assert!(
            !sends("onCuePoint", object_of(&[("name", "chapter".into())]))
                .has("cue.scte35-dialect")
        );
        assert!(
            sends("onCuePointScte35", Value::Null)
                .text("cue.scte35-dialect")
                .contains("no section")
        );
    }
}
