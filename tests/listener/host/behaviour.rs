//! What options make the server do to its clients.

use std::time::Duration;

use rtmpctl::live::listen::Behaviour;
use rtmpctl::proto::message::Control;
use rtmpctl::proto::message::command::PublishType;
use rtmpctl::proto::session::{Acknowledge, Auth, AuthMod, Names, Policy, RefuseWith};

use super::rig::{Client, Rig, Setup, codes, ending, is};

fn policy(policy: Policy) -> Behaviour {
    Behaviour { policy, ..Behaviour::default() }
}

#[test]
fn other_applications_and_keys_are_refused_in_the_way_that_was_chosen() {
    for (refuse_with, at_connect, at_publish) in [
        (RefuseWith::Error, Some("NetConnection.Connect.Rejected"), "NetStream.Publish.BadName"),
        (RefuseWith::BadName, None, "NetStream.Publish.BadName"),
    ] {
        let rig = Rig::with(policy(Policy {
            apps: Names::of(["live"]),
            keys: Names::of(["good*"]),
            refuse_with,
            ..Policy::default()
        }));
        let mut client = Client::to(&rig);
        client.call_connect("other");
        if let Some(code) = at_connect {
            client.read_to_end_of_it();
            assert!(client.codes().iter().any(|other| other == code), "{:?}", client.codes());
            let records = rig.closed(1);
            assert_eq!(ending(&records), ("server", "fin"));
            assert!(codes(&records).contains(&"listen.refused"));
        } else {
            client.reported("NetConnection.Connect.Success");
            let stream = client.create();
            let sender = client.connection.sender();
            client.caller.publish(stream, "good", PublishType::Live, sender);
            client.reported(at_publish);
        }
        let mut client = Client::to(&rig);
        client.connect("live");
        let stream = client.create();
        client.caller.publish(stream, "bad", PublishType::Live, client.connection.sender());
        client.reported(at_publish);
        let mut client = Client::to(&rig);
        client.publish("live", "good_one");
    }
}

#[test]
fn silence_refuses_without_an_answer() {
    let rig = Rig::with(policy(Policy {
        apps: Names::of(["live"]),
        refuse_with: RefuseWith::Silence,
        ..Policy::default()
    }));
    let mut client = Client::to(&rig);
    client.call_connect("other");
    client.read_to_end_of_it();
    assert_eq!(client.codes(), Vec::<String>::new());
    assert!(codes(&rig.closed(1)).contains(&"listen.refused"));
}

#[test]
fn a_client_that_is_told_how_to_authenticate_is_no_session() {
    let auth = Auth {
        user: "user".into(),
        password: "secret".into(),
        offered: AuthMod::Adobe,
        salt: "salt".into(),
        challenge: "challenge".into(),
    };
    let rig = Rig::with(policy(Policy { auth: Some(auth), ..Policy::default() }));
    for app in ["live", "live?authmod=adobe&user=user"] {
        let mut client = Client::to(&rig);
        client.call_connect(app);
        client.read_to_end_of_it();
    }
    rig.closed(2);
    let mut client = Client::to(&rig);
    client.call_connect("live?authmod=adobe&user=nobody");
    client.read_to_end_of_it();
    rig.closed(3);
    let mut rig = rig;
    rig.stop();
    assert_eq!(*rig.counted.lock().unwrap(), [false, false, true]);
}

#[test]
fn sizes_are_announced_and_used() {
    let rig = Rig::with(policy(Policy { chunk_size: 77, window: 1_234, ..Policy::default() }));
    let mut client = Client::to(&rig);
    client.connect("live");
    let mut size = Vec::new();
    Control::SetChunkSize { size: Some(77) }.encode(&mut size);
    assert!(client.control.contains(&(1, size)));
    assert_eq!(client.connection.peer_chunk_size(), 77);
    let mut window = Vec::new();
    Control::WindowAcknowledgementSize { size: Some(1_234) }.encode(&mut window);
    assert!(client.control.contains(&(5, window)));
}

#[test]
fn acknowledgements_come_when_they_are_due_late_or_never() {
    for (acknowledge, expected) in
        [(Acknowledge::WhenDue, 6), (Acknowledge::Late, 3), (Acknowledge::Never, 0)]
    {
        let rig = Rig::with(Behaviour { acknowledge, ..Behaviour::default() });
        let mut client = Client::to(&rig);
        let stream = client.publish("live", "cam");
        client
            .connection
            .sender()
            .control(Control::WindowAcknowledgementSize { size: Some(1_000) });
        client.flush();
        // What came before it is more than a window of either length.
        rig.until(|record| {
            is(record, "c2s", "window_acknowledgement_size")
                && record["window_acknowledgement_size"]["size"] == 1_000
        });
        for i in 0..5 {
            client.send(stream, 8, i, &[0xaf; 1_000]);
            let came =
                |record: &serde_json::Value| is(record, "c2s", "audio") && record["timestamp"] == i;
            rig.until(came);
        }
        client.close();
        let records = rig.closed(1);
        let count = records.iter().filter(|record| is(record, "s2c", "acknowledgement")).count();
        assert_eq!(count, expected, "{acknowledge:?}");
    }
}

#[test]
fn a_client_is_asked_to_connect_again_and_dropped() {
    let rig = Rig::with(Behaviour {
        reconnect_after: Some(Duration::from_millis(50)),
        drop_after: Some(Duration::from_millis(400)),
        ..Behaviour::default()
    });
    let mut client = Client::to(&rig);
    client.publish("live", "cam");
    client.reported("NetConnection.Connect.ReconnectRequest");
    client.read_to_end_of_it();
    let records = rig.closed(1);
    assert_eq!(ending(&records), ("server", "fin"));
    let asked = codes(&records).iter().filter(|code| **code == "listen.on-purpose").count();
    assert_eq!(asked, 2, "asked once, and dropped");
}

#[test]
fn a_silent_client_is_closed_where_that_is_limited() {
    let rig = Setup { idle: Some(Duration::from_millis(100)), ..Setup::default() }.start();
    let mut client = Client::to(&rig);
    client.publish("live", "cam");
    client.read_to_end_of_it();
    let records = rig.closed(1);
    assert_eq!(ending(&records), ("server", "timeout"));
    assert!(codes(&records).contains(&"listen.timeout"));
}
