use super::super::CloseKind;
use super::super::ClosedBy;
use super::test_kit::{S2C, Script};
use super::*;

#[test]
fn rules_are_sorted_and_found() {
    assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
    for each in RULES {
        assert_eq!(rule(each.code), Some(each));
    }
    assert_eq!(rule("chunk"), None);
}

#[test]
fn texts_are_whole() {
    for Rule { code, title, meaning, breaks_on, fix, .. } in RULES {
        assert!(!title.ends_with('.') && title.len() <= 80, "{code}");
        for text in [meaning, breaks_on, fix] {
            assert!(text.ends_with('.') && !text.contains("  "), "{code}: {text}");
        }
    }
}

#[test]
fn the_usual_session_has_nothing_wrong() {
    let mut t = Script::publishing();
    t.media(10.0);
    t.command(
        test_kit::C2S,
        0,
        "deleteStream",
        Some(4.0),
        crate::proto::amf::Value::Null,
        &[1.0.into()],
    );
    t.end();
    let wrong = t.findings.iter().filter(|finding| finding.severity > Severity::Info);
    assert_eq!(wrong.map(|finding| finding.code).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn nothing_is_judged_where_that_is_turned_off_and_losses_are_said_all_the_same() {
    let mut t = Script::with(Settings { off: true, ..Settings::default() });
    t.raw(S2C, b"HTTP/1.1 400 Bad Request\r\n\r\n").close(ClosedBy::Server, CloseKind::Fin);
    assert_eq!(t.codes(), ["hs.http-reply"]);
}

#[test]
fn severities_are_replaced_and_rules_silenced() {
    let run = |severity| {
        let severities = vec![("hs.http-reply", severity)];
        let mut t = Script::with(Settings { severities, ..Settings::default() });
        t.raw(S2C, b"HTTP/1.1 400 Bad Request\r\n\r\n").end();
        (t.find("hs.http-reply").map(|finding| finding.severity), t.listed.len())
    };
    assert_eq!(run(Some(Severity::Info)).0, Some(Severity::Info));
    assert_eq!(run(Some(Severity::Error)).0, Some(Severity::Error));
    assert_eq!(run(None).0, None);
    assert!(run(None).1 < run(Some(Severity::Info)).1, "nor is it listed");
}

#[test]
fn what_judges_know_of_a_connection_is_little() {
    assert!(size_of::<Judges>() <= 3 << 10, "{} bytes", size_of::<Judges>());
}
