//! A listener, and clients of it.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rtmpctl::live::{Cause, Client, ClientOptions, Error, Message};
use rtmpctl::proto::message::command::{Connect, PublishType};
use serde_json::Value;

use crate::common::{DEADLINE, Scratch};
use crate::spawned::{Program, lines, lines_so_far, output, rtmpctl};

/// `rtmpctl listen -f json` on a free port.
pub(crate) struct Listen {
    pub(crate) program: Program,
    scratch: Scratch,
}

impl Listen {
    /// Starts it with these arguments, in which `DIR` stands for a directory of its own.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::by(name, rtmpctl(), arguments)
    }

    /// The same started by a command that takes the arguments.
    pub(crate) fn by(name: &str, mut command: Command, arguments: &[&str]) -> Self {
        let scratch = Scratch::new(&format!("listen-{name}"));
        let dir = scratch.path().to_str().unwrap();
        command.args(["listen", "127.0.0.1:0", "-f", "json"]);
        command.args(arguments.iter().map(|argument| argument.replace("DIR", dir)));
        let program = Program::start(command, output(scratch.path()));
        Self { program, scratch }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.program.address
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The records once they are so.
    pub(crate) fn until(&self, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let records = lines_so_far(self.scratch.path());
            if so(&records) {
                return records;
            }
            assert!(begin.elapsed() < DEADLINE, "gave up waiting: {:#?}", codes(&records));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The finding with a code, once it is there.
    pub(crate) fn finding(&self, code: &str) -> Value {
        let is = |record: &&Value| record["event"] == "finding" && record["code"] == code;
        let records = self.until(|records| records.iter().any(|record| is(&record)));
        records.iter().find(is).unwrap().clone()
    }

    /// Waits until so many connections are closed.
    pub(crate) fn closed(&self, connections: usize) -> Vec<Value> {
        self.until(|records| of(records, "connection_closed").len() >= connections)
    }

    /// Waits until it ends by itself. Gives its status and all records.
    pub(crate) fn ended(&mut self) -> (Option<i32>, Vec<Value>) {
        let status = self.program.ended();
        (status.code(), lines(self.scratch.path()))
    }

    /// Interrupts it, which has to end it well, and gives all records.
    pub(crate) fn stop(&mut self) -> Vec<Value> {
        self.program.signal("-INT");
        let status = self.program.ended();
        assert!(status.success(), "{status}: {:?}", self.program.said.lock().unwrap());
        lines(self.scratch.path())
    }
}

/// The records of a kind.
pub(crate) fn of<'r>(records: &'r [Value], event: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["event"] == event).collect()
}

/// What there is besides messages, for the text of a failure.
fn codes(records: &[Value]) -> Vec<(&Value, &Value)> {
    let others = records.iter().filter(|record| record["event"] != "message");
    others.map(|record| (&record["event"], &record["code"])).collect()
}

/// Says all of this, then nothing more; gives what is answered.
pub(crate) fn converse(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = crate::common::peer(TcpStream::connect(address).unwrap());
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// What ffmpeg sent in a session from the first byte to the last.
pub(crate) fn ffmpeg() -> Vec<u8> {
    let path = format!("{}/testdata/quickstart-c2s.raw", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

pub(crate) type Peer = Client<tokio::net::TcpStream>;

/// A client behind its handshake.
pub(crate) async fn dial(address: SocketAddr) -> Peer {
    let mut client = Client::dial(address, &ClientOptions::default()).await.unwrap();
    client.handshake().await.unwrap();
    client
}

pub(crate) fn app(name: &str) -> Connect {
    Connect { app: Some(name.into()), ..Connect::default() }
}

/// A client that is connected to an application.
pub(crate) async fn connected(address: SocketAddr) -> Peer {
    let mut client = dial(address).await;
    client.connect(&app("live")).await.unwrap();
    client
}

/// A client that publishes, and its message stream.
pub(crate) async fn publisher(address: SocketAddr, key: &str) -> (Peer, u32) {
    let mut client = connected(address).await;
    let stream = client.publish(key, PublishType::Live).await.unwrap();
    (client, stream)
}

/// A tag on a message stream: type, timestamp and payload.
pub(crate) type Tag = (u8, u32, Vec<u8>);

/// Sends tags, and waits until the server has seen them: it answers in order.
pub(crate) async fn send(client: &mut Peer, stream: u32, tags: &[Tag]) {
    for (type_id, timestamp, payload) in tags {
        let message = Message::new(stream, *type_id, *timestamp, payload.clone());
        client.send(&message).await.unwrap();
    }
    client.create_stream().await.unwrap();
}

/// Why it failed: the code and the text of who refused, or the cause.
pub(crate) fn why<T: Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err().cause {
        Cause::Refused { code, description } => format!("{code} {description}"),
        cause => format!("{cause:?}"),
    }
}
