//! Faults of control messages, commands, statuses and URLs.

use rtmpctl::inspect::{CloseKind, ClosedBy};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::message::{Control, EventType, UserControl};

use super::script::{C2S, S2C, Script, object_of, status_of};
use super::{Fault, fault};

fn ack(t: &mut Script, number: u32) {
    t.control(S2C, Control::Acknowledgement { sequence_number: Some(number) });
}

/// A publisher whose server acknowledges these numbers, and that sends something between them.
fn acknowledged(t: &mut Script, numbers: &[u32]) {
    t.publishing();
    for (index, &number) in numbers.iter().enumerate() {
        t.audio(index as u32 * 23);
        ack(t, number);
    }
    t.done();
}

fn ping(t: &mut Script, direction: rtmpctl::proto::Direction, kind: EventType, timestamp: u32) {
    let event = UserControl {
        event_type: Some(kind),
        timestamp: Some(timestamp),
        ..UserControl::default()
    };
    t.user_control(direction, event);
}

/// `connect` with these properties besides the usual, and its answer.
fn connect(t: &mut Script, id: f64, app: &str, url: &str, more: &[(&str, Value)], extra: &[Value]) {
    let mut object: Vec<(&str, Value)> = vec![("app", app.into()), ("tcUrl", url.into())];
    object.extend_from_slice(more);
    t.command(C2S, 0, "connect", Some(id), object_of(&object), extra);
    let info = status_of("status", "NetConnection.Connect.Success", "x");
    t.command(S2C, 0, "_result", Some(id), object_of(&[("fmsVer", "x".into())]), &[info]);
}

/// A connection with this query, and what the server says of it.
fn auth(t: &mut Script, query: &str, says: &str) {
    let app = format!("live{query}");
    let url = format!("rtmp://10.0.0.2/{app}");
    let object = object_of(&[("app", (&*app).into()), ("tcUrl", (&*url).into())]);
    t.shake().command(C2S, 0, "connect", Some(1.0), object, &[]);
    let info = status_of("error", "NetConnection.Connect.Rejected", says);
    t.command(S2C, 0, "_error", Some(1.0), object_of(&[]), &[info]);
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        // Control.
        fault("ack.overflow", |t| acknowledged(t, &[0x7fff_0000, 0x8000_0000])),
        fault("ack.incremental", |t| acknowledged(t, &[131_325, 131_325, 131_325])),
        fault("ack.decrease", |t| acknowledged(t, &[2000, 1999])),
        fault("ack.missing", |t| {
            t.publishing().control(C2S, Control::WindowAcknowledgementSize { size: Some(500) });
            t.media(0, 3.0).done();
        }),
        fault("ping.unanswered", |t| {
            t.publishing();
            ping(t, S2C, EventType::PingRequest, 7);
            t.media(0, 6.0).done();
        }),
        fault("ping.from-client", |t| {
            t.publishing();
            ping(t, C2S, EventType::PingRequest, 7);
            ping(t, S2C, EventType::PingResponse, 7);
            t.done();
        }),
        fault("ucm.undocumented", |t| {
            t.publishing();
            let event = UserControl {
                event_type: Some(EventType::BufferReady),
                stream_id: Some(1),
                ..UserControl::default()
            };
            t.user_control(S2C, event).done();
        }),
        fault("ctrl.unexpected-phase", |t| {
            t.connected().created();
            t.control(C2S, Control::WindowAcknowledgementSize { size: Some(2_500_000) });
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("status", "NetStream.Publish.Start").done();
        }),
        fault("idle.publisher", |t| {
            t.publishing().media(0, 1.0).wait(12.0).done();
        }),
        // AMF.
        fault("amf.strict-array", |t| {
            t.shake();
            let list = Value::StrictArray(vec!["hvc1".into()]);
            let object = object_of(&[
                ("app", "live".into()),
                ("tcUrl", "rtmp://10.0.0.2/live".into()),
                ("fourCcList", list),
            ]);
            t.command(C2S, 0, "connect", Some(1.0), object, &[]);
            t.wait(1.0).close(ClosedBy::Server, CloseKind::Rst);
        })
        .also(&["cmd.unanswered", "status.silent-close"]),
        fault("amf.null-in-object", |t| {
            t.shake();
            let object = object_of(&[
                ("app", "live".into()),
                ("tcUrl", "rtmp://10.0.0.2/live".into()),
                ("pageUrl", Value::Null),
            ]);
            t.command(C2S, 0, "connect", Some(1.0), object, &[]);
            t.wait(1.0).close(ClosedBy::Server, CloseKind::Rst);
        })
        .also(&["cmd.unanswered", "status.silent-close"]),
        fault("amf.ecma", |t| {
            t.started();
            let mut payload = b"\x02\0\x0aonMetaData\x08\0\0\0\x05\0\x01a\0".to_vec();
            payload.extend(1.0_f64.to_be_bytes());
            payload.extend([0, 0, 9]);
            t.message(C2S, 4, 1, 18, 0, &payload).done();
        }),
        fault("amf.trailing", |t| {
            let call = b"\x02\0\x03foo\0\0\0\0\0\0\0\0\0\x05\xff\xff\xff";
            t.started().message(C2S, 3, 1, 20, 0, call).done();
        }),
        fault("amf.depth", |t| {
            let mut value = Value::Null;
            for _ in 0..70 {
                value = Value::StrictArray(vec![value]);
            }
            t.started().command(C2S, 0, "foo", Some(0.0), value, &[]).done();
        }),
        fault("data.byte-array-track", |t| {
            t.publishing();
            let mut payload = b"\x02\0\x0fadditionalMedia\x03\0\x05media".to_vec();
            payload.extend(b"\x11\x0c\x09\xaf\x01\x21\x10\0\0\x09");
            t.message(C2S, 4, 1, 18, 0, &payload).done();
        }),
        fault("message.malformed", |t| {
            t.publishing().message(C2S, 4, 1, 18, 0, b"\x02\0\x20short").done();
        }),
        // Commands.
        fault("cmd.connect-txid", |t| {
            t.shake();
            connect(t, 2.0, "live", "rtmp://10.0.0.2/live", &[], &[]);
        }),
        fault("cmd.connect-extra-arg", |t| {
            t.shake();
            connect(t, 1.0, "live", "rtmp://10.0.0.2/live", &[], &["user".into()]);
        }),
        fault("cmd.amf3", |t| {
            t.shake();
            let encoding = [("objectEncoding", Value::from(3.0))];
            connect(t, 1.0, "live", "rtmp://10.0.0.2/live", &encoding, &[]);
        }),
        fault("cmd.result-null-props", |t| {
            t.shake();
            let object =
                object_of(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
            t.command(C2S, 0, "connect", Some(1.0), object, &[]);
            let info = status_of("status", "NetConnection.Connect.Success", "x");
            t.command(S2C, 0, "_result", Some(1.0), Value::Null, &[info]);
        }),
        fault("cmd.legacy-error", |t| {
            t.connected().call("releaseStream", 2.0, &["cam1".into()]);
            t.command(S2C, 0, "_error", Some(2.0), Value::Null, &[]);
        }),
        fault("cmd.txid-missing", |t| {
            t.connected().command(S2C, 0, "onFCPublish", None, Value::Null, &[]);
        }),
        fault("cmd.checkbw-first", |t| {
            t.connected().call("_checkbw", 2.0, &[]);
        }),
        fault("cmd.data-as-command", |t| {
            t.started();
            let name = "@setDataFrame";
            t.command(C2S, 1, name, Some(0.0), Value::Null, &["onMetaData".into()]).done();
        }),
        fault("cmd.ffmpeg-timecode", |t| {
            t.publishing().message(C2S, 4, 1, 18, 40, b"\0\x01\x02\x03").done();
        }),
        fault("cmd.unanswered", |t| {
            t.connected().call("createStream", 2.0, &[]).wait(6.0);
        }),
        fault("cmd.media-before-start", |t| {
            t.connected().created();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.wait(0.01).message(C2S, 4, 1, 8, 0, b"\xaf\0\x12\x10").wait(0.1);
            t.status("status", "NetStream.Publish.Start").done();
        }),
        fault("cmd.start-then-reject", |t| {
            t.publishing().wait(1.0).close(ClosedBy::Server, CloseKind::Fin);
        }),
        fault("close.wrong-order", |t| {
            t.publishing().command(C2S, 1, "FCUnpublish", Some(0.0), Value::Null, &["cam1".into()]);
        }),
        fault("play.fcsubscribe", |t| {
            t.connected().created();
            t.command(C2S, 1, "play", Some(0.0), Value::Null, &["cam1".into()]);
            t.status("error", "NetStream.Play.StreamNotFound");
        }),
        fault("conn.multi-stream", |t| {
            t.started().call("createStream", 4.0, &[]);
            t.command(S2C, 0, "_result", Some(4.0), Value::Null, &[2.0.into()]).done();
        }),
        // Statuses.
        fault("status.silent-close", |t| {
            t.connected().created();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.wait(2.0).close(ClosedBy::Server, CloseKind::Fin);
        }),
        fault("status.badname", |t| {
            t.connected().created();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("error", "NetStream.Publish.BadName");
        }),
        fault("status.msid", |t| {
            t.started();
            let info = status_of("status", "NetStream.Publish.Idle", "x");
            t.command(S2C, 0, "onStatus", Some(0.0), Value::Null, &[info]).done();
        }),
        fault("status.no-level-desc", |t| {
            t.started();
            let info = object_of(&[("code", "NetStream.Publish.Idle".into())]);
            t.command(S2C, 1, "onStatus", Some(0.0), Value::Null, &[info]).done();
        }),
        fault("status.redirect", |t| {
            t.shake();
            let object =
                object_of(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
            t.command(C2S, 0, "connect", Some(1.0), object, &[]);
            let ex = object_of(&[
                ("code", 302.0.into()),
                ("redirect", "rtmp://10.0.0.3/live/cam1".into()),
            ]);
            let info = object_of(&[
                ("level", "error".into()),
                ("code", "NetConnection.Connect.Rejected".into()),
                ("description", "moved".into()),
                ("ex", ex),
            ]);
            t.command(S2C, 0, "_error", Some(1.0), Value::Null, &[info]);
        }),
        fault("auth.adobe", |t| {
            let need = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
            auth(t, "", need);
        }),
        fault("ertmp.caps-type", |t| {
            t.offering(&[("fourCcList", "hvc1".into())]).done();
        }),
        fault("ertmp.reconnect", |t| {
            t.offering(&[("capsEx", 1.0.into())]);
            let info = status_of("status", "NetConnection.Connect.ReconnectRequest", "x");
            t.command(S2C, 0, "onStatus", Some(0.0), Value::Null, &[info]).done();
        }),
        fault("key.exposed", |t| {
            t.connected().created();
            let name = "9f8a7b6c5d4e3f2a1b0c".into();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &[name, "live".into()]);
            t.status("status", "NetStream.Publish.Start").done();
        }),
        fault("auth.llnw", |t| auth(t, "", "[ code=403 need auth; authmod=llnw ]")),
        // URLs.
        fault("url.app-empty", |t| {
            t.shake();
            connect(t, 1.0, "", "rtmp://10.0.0.2/", &[], &[]);
        }),
        fault("url.trailing-slash", |t| {
            t.shake();
            connect(t, 1.0, "live/", "rtmp://10.0.0.2/live/", &[], &[]);
        }),
        fault("url.query-in-app", |t| {
            t.shake();
            connect(t, 1.0, "live?k=v", "rtmp://10.0.0.2/live?k=v", &[], &[]);
        }),
        fault("url.tcurl-mismatch", |t| {
            t.shake();
            connect(t, 1.0, "live", "rtmp://10.0.0.2/other", &[], &[]);
        }),
        fault("url.librtmp-args", |t| {
            t.connected().created();
            t.command(C2S, 1, "play", Some(0.0), Value::Null, &["cam1 live=1".into()]);
            t.status("status", "NetStream.Play.Start");
        }),
        fault("url.instance", |t| {
            t.shake();
            connect(t, 1.0, "v2/pub", "rtmp://10.0.0.2/v2/pub", &[], &[]);
            t.created();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("status", "NetStream.Publish.Start").done();
        }),
    ]
}
