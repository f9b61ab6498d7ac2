//! What it takes no more of: connections, files, time, names, and lines that nobody reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rtmpctl::proto::message::command::PublishType;

use crate::common::DEADLINE;
use crate::rig::{Listen, app, connected, dial, ffmpeg, of, publisher, send, why};
use crate::spawned::{Program, rtmpctl};

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let mut listen = Listen::start("connections", &["--max-connections", "2"]);
    let first = connected(listen.address()).await;
    let mut second = connected(listen.address()).await;
    let mut third = listen.program.connect();
    assert_eq!(third.read(&mut [0]).unwrap_or(0), 0);
    let finding = listen.finding("limit.connections");
    assert!(finding["message"].as_str().unwrap().contains("2 are open"), "{finding}");
    // Those that were there go on, and a place that is free is given away.
    second.publish("key", PublishType::Live).await.unwrap();
    drop(first);
    listen.closed(1);
    connected(listen.address()).await;
    let records = listen.stop();
    assert_eq!(of(&records, "summary").len(), 3);
}

/// The program where 64 files may be open.
fn limited() -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rtmpctl")]);
    limited
}

#[test]
fn no_more_connections_are_taken_than_may_have_files() {
    for (name, arguments, most) in
        [("few", &[][..], 40), ("recorded", &["--write-flv", "DIR/flv"][..], 20)]
    {
        let mut listen = Listen::by(name, limited(), arguments);
        assert!(listen.program.says(&format!("at most {most} connections at once")));
        let clients: Vec<TcpStream> = (0..=most)
            .map(|_| {
                let mut client = listen.program.connect();
                // The last one is closed.
                let _ = client.write_all(&ffmpeg()[..20_000]);
                client
            })
            .collect();
        listen.finding("limit.connections");
        listen.until(|records| of(records, "connection_opened").len() == most);
        drop(clients);
        let records = listen.closed(most);
        assert!(!records.iter().any(|record| record["code"] == "limit.open-files"), "{name}");
        listen.stop();
    }
}

#[tokio::test]
async fn files_that_run_out_are_said_and_waited_for() {
    let mut listen = Listen::by("files", limited(), &["--write-flv", "DIR/flv"]);
    // Each stream has a recording, and there are more than may be open.
    let mut many = Vec::new();
    for client in 0..3 {
        let (mut peer, first) = publisher(listen.address(), &format!("{client}")).await;
        for n in 1..20 {
            let stream = peer.publish(&format!("{client}-{n}"), PublishType::Live).await.unwrap();
            send(&mut peer, stream, &[(8, 0, vec![0xaf, 0, 0x12, 0x10])]).await;
        }
        send(&mut peer, first, &[(8, 0, vec![0xaf, 0, 0x12, 0x10])]).await;
        many.push(peer);
    }
    let mut waiting = listen.program.connect();
    waiting.write_all(&ffmpeg()).unwrap();
    listen.finding("limit.open-files");
    // Once others are gone it is served.
    drop(many);
    waiting.read_exact(&mut [0; 3073]).unwrap();
    drop(waiting);
    listen.closed(4);
    listen.program.signal("-INT");
    // What could not be recorded is said in the end.
    let (status, records) = listen.ended();
    assert_eq!((status, of(&records, "summary").len()), (Some(2), 4));
    assert!(listen.program.says("Too many open files"));
}

#[test]
fn who_says_nothing_for_too_long_is_closed() {
    let mut listen = Listen::start("idle", &["--idle-timeout", "200ms"]);
    for bytes in [&[][..], &ffmpeg()[..20_000]] {
        let mut client = listen.program.connect();
        client.write_all(bytes).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }
    let finding = listen.finding("listen.timeout");
    assert!(finding["message"].as_str().unwrap().contains("0.2 s"), "{finding}");
    let records = listen.closed(2);
    for closed in of(&records, "connection_closed") {
        assert_eq!((&closed["by"], &closed["how"]), (&"server".into(), &"timeout".into()));
    }
    listen.stop();
}

#[tokio::test]
async fn a_name_has_a_limit() {
    let mut listen = Listen::start("names", &[]);
    let mut client = dial(listen.address()).await;
    client.connect(&app(&"a".repeat(4_096))).await.unwrap();
    let mut client = dial(listen.address()).await;
    let refused = client.connect(&app(&"a".repeat(4_097))).await;
    assert_eq!(why(refused), "Ended");
    let finding = listen.finding("listen.limit");
    assert!(finding["message"].as_str().unwrap().contains("(name_bytes)"), "{finding}");
    assert_eq!(finding["connection"], 2);
    let mut client = connected(listen.address()).await;
    let refused = why(client.publish(&"k".repeat(4_097), PublishType::Live).await);
    assert!(refused.starts_with("NetStream.Publish.BadName"), "{refused}");
    client.publish(&"k".repeat(4_096), PublishType::Live).await.unwrap();
    listen.stop();
}

#[tokio::test]
async fn an_output_that_nobody_reads_holds_no_client_up() {
    let mut command = rtmpctl();
    command.args(["listen", "127.0.0.1:0", "-f", "json", "--chunks"]);
    let mut program = Program::start(command, Stdio::piped());
    // More records than wait anywhere, each of a byte of payload.
    let mut up = vec![3; 3073];
    up.extend([[4, 0, 0, 0, 0, 0, 1, 18, 1, 0, 0, 0, 5]].repeat(60_000).concat());
    let mut client = program.connect();
    client.write_all(&up).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let second = async { connected(program.address).await.publish("key", PublishType::Live).await };
    tokio::time::timeout(DEADLINE, second).await.unwrap().unwrap();
    let records = program.drained();
    let gaps = of(&records, "gap");
    let dropped: u64 = gaps.iter().filter_map(|gap| gap["records"].as_u64()).sum();
    assert!(dropped > 0, "nothing was dropped of {} records", records.len());
    let last = records.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(last + 1, records.len() as u64 + dropped);
}
