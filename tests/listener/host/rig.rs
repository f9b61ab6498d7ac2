//! A server that runs until it is dropped, the records of what happens on it, and clients on blocking sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtmpctl::Limits;
use rtmpctl::inspect::{self, Inspector};
use rtmpctl::live::listen::{Behaviour, Host};
use rtmpctl::live::{Common, Incoming, ReadBuffer, Taps, accept, bind, tls};
use rtmpctl::output::json::Writer;
use rtmpctl::output::payload::Shown;
use rtmpctl::proto::chunk::Keep;
use rtmpctl::proto::handshake::RANDOM_LEN;
use rtmpctl::proto::message::command::{Connect, Play, PublishType};
use rtmpctl::proto::session::{Arrived, Called, Caller, Connection, Options};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// What a test that hangs is ended by; what is waited for takes milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How a server is set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) behaviour: Behaviour,
    pub(crate) limits: Limits,
    pub(crate) idle: Option<Duration>,
    /// Whether it serves TLS too.
    pub(crate) tls: Option<tls::Identity>,
    /// Whether its time stands still, until it is moved on ([`Rig::advance`]).
    pub(crate) timeless: bool,
}

/// A server that runs until this is dropped.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    lines: Arc<Mutex<Vec<u8>>>,
    /// What the last connections to end counted as.
    pub(crate) counted: Arc<Mutex<Vec<bool>>>,
    stop: Option<oneshot::Sender<()>>,
    advance: UnboundedSender<(Duration, SyncSender<()>)>,
    thread: Option<JoinHandle<()>>,
}

impl Setup {
    pub(crate) fn start(self) -> Rig {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let counted = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (advance, mut advances) = unbounded_channel::<(Duration, SyncSender<()>)>();
        let (out, counts) = (Arc::clone(&lines), Arc::clone(&counted));
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let local = tokio::task::LocalSet::new();
            let timeless = self.timeless;
            let work = local.run_until(async {
                // While something blocks, time moves only where it is told to.
                let (moves, stands) = std::sync::mpsc::channel::<()>();
                if timeless {
                    tokio::time::pause();
                    tokio::task::spawn_blocking(move || stands.recv());
                }
                let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
                let mut inspector =
                    Inspector::new(inspect::Options::default(), self.limits.clone());
                let mut writer = Writer::new(Shown::default(), Vec::new(), self.limits.clone());
                let taps = Taps::new(move |traffic| {
                    let mut out = out.lock().unwrap();
                    inspector.feed(traffic, &mut |record| writer.record(&mut out, record));
                });
                let most = self.limits.connections;
                let common = Common {
                    taps: taps.clone(),
                    listens: listener.local_addr().unwrap(),
                    tls: self.tls.map(|identity| tls::Server::new(identity, None).unwrap()),
                    keys: None,
                    buffer: ReadBuffer::default(),
                    idle: self.idle,
                    limits: Rc::new(self.limits),
                };
                let host = Host::new(common, self.behaviour).unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let each = |tcp: tokio::net::TcpStream, client, permit| {
                    let server = tcp.local_addr().unwrap();
                    let incoming = Incoming { tcp, client, server, at: taps.now() };
                    let (host, counts) = (host.clone(), Arc::clone(&counts));
                    tokio::task::spawn_local(async move {
                        let counted = host.serve(incoming).await;
                        counts.lock().unwrap().push(counted);
                        drop(permit);
                    });
                };
                let time = async {
                    while let Some((by, done)) = advances.recv().await {
                        tokio::time::advance(by).await;
                        done.send(()).unwrap();
                    }
                };
                tokio::select! {
                    _ = accept(listener, most, each, |finding| taps.trouble(finding)) => {}
                    _ = stopped => {}
                    () = time => {}
                }
                drop(moves);
            });
            runtime.block_on(work);
        });
        let address = is_ready.recv_timeout(DEADLINE).unwrap();
        Rig { address, lines, counted, stop: Some(stop), advance, thread: Some(thread) }
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Setup::default().start()
    }

    pub(crate) fn with(behaviour: Behaviour) -> Self {
        Setup { behaviour, ..Setup::default() }.start()
    }

    /// While this is there the server waits with what it has to tell next: a connection that is opened meanwhile is heard
    /// of later, with all that it has said by then.
    pub(crate) fn hold(&self) -> impl Drop {
        self.lines.lock().unwrap()
    }

    /// Moves the time of a server on for which it stands still.
    pub(crate) fn advance(&self, by: Duration) {
        let (done, is_done) = sync_channel(1);
        self.advance.send((by, done)).unwrap();
        is_done.recv_timeout(DEADLINE).unwrap();
    }

    pub(crate) fn socket(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// The records so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap().clone();
        lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The records so far, once one of them is such.
    pub(crate) fn until(&self, so: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.wait(|records| records.iter().any(&so))
    }

    pub(crate) fn wait(&self, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let records = self.records();
            if so(&records) {
                return records;
            }
            let last: Vec<_> = records.iter().rev().take(5).collect();
            assert!(begin.elapsed() < DEADLINE, "gave up waiting: {last:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The records of a connection once it is over.
    pub(crate) fn closed(&self, connection: u64) -> Vec<Value> {
        let of = |record: &Value| record["connection"] == connection;
        let all = self.until(|record| of(record) && record["event"] == "summary");
        all.into_iter().filter(of).collect()
    }

    /// Ends the server and gives all records.
    pub(crate) fn stop(&mut self) -> Vec<Value> {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.records()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// The codes of findings.
pub(crate) fn codes(records: &[Value]) -> Vec<&str> {
    records.iter().filter_map(|record| record["code"].as_str()).collect()
}

/// Whether a record is a message of this kind and direction.
pub(crate) fn is(record: &Value, direction: &str, kind: &str) -> bool {
    record["event"] == "message" && record["direction"] == direction && record["kind"] == kind
}

/// Who closed it and how.
pub(crate) fn ending(records: &[Value]) -> (&str, &str) {
    let closed = records.iter().find(|record| record["event"] == "connection_closed").unwrap();
    (closed["by"].as_str().unwrap(), closed["how"].as_str().unwrap())
}

/// A client that does one thing after the other.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: S,
    pub(crate) connection: Connection,
    pub(crate) caller: Caller,
    /// What the server said and nobody has asked for yet.
    pub(crate) called: Vec<Called>,
    /// Media that came: type, timestamp, payload.
    pub(crate) media: Vec<(u8, u32, Vec<u8>)>,
    /// Control messages that came: type and payload.
    pub(crate) control: Vec<(u8, Vec<u8>)>,
    pub(crate) ended: bool,
    /// Whether this side is closed: what it would answer is not sent.
    pub(crate) left: bool,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn on(socket: S) -> Self {
        let limits = Limits::default();
        let options = Options { keep: Keep::ALL, ..Options::default() };
        Self {
            socket,
            connection: Connection::client(&options, 1, &[7; RANDOM_LEN], &limits),
            caller: Caller::new(&limits),
            called: Vec::new(),
            media: Vec::new(),
            control: Vec::new(),
            ended: false,
            left: false,
        }
    }

    /// Sends what is to be sent.
    pub(crate) fn flush(&mut self) {
        let output = self.connection.take_output();
        if !self.left {
            self.socket.write_all(&output).unwrap();
        }
    }

    /// Reads once.
    pub(crate) fn read(&mut self) {
        let mut buffer = [0; 64 << 10];
        let n = match self.socket.read(&mut buffer) {
            Ok(n) => n,
            // Of TLS it is cut where the server waits no longer.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                ) =>
            {
                0
            }
            Err(error) => panic!("{error}"),
        };
        self.ended |= n == 0;
        let mut input = &buffer[..n];
        while let Some((arrived, _)) = self.connection.next(&mut input).unwrap() {
            let Arrived::Message(message) = arrived else { continue };
            match message.type_id {
                1..=6 => self.control.push((message.type_id, message.payload.to_vec())),
                _ => match self.caller.receive(&message) {
                    Some(Called::Media { .. }) => self.media.push((
                        message.type_id,
                        message.timestamp,
                        message.payload.to_vec(),
                    )),
                    called => self.called.extend(called),
                },
            }
        }
        self.flush();
    }

    /// Reads until there is something of which `find` gives anything.
    pub(crate) fn until<T>(&mut self, find: impl Fn(&mut Self) -> Option<T>) -> T {
        self.flush();
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            assert!(!self.ended, "the server closed: {:?}", self.called);
            self.read();
        }
    }

    /// Reads until the server closes.
    pub(crate) fn read_to_end_of_it(&mut self) {
        self.flush();
        while !self.ended {
            self.read();
        }
    }

    /// The codes of what the server reported so far.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.called.iter().filter_map(Called::code).map(str::to_owned).collect()
    }

    /// Waits for a report with this code.
    pub(crate) fn reported(&mut self, code: &str) {
        self.until(|client| client.codes().iter().any(|other| other == code).then_some(()));
    }

    pub(crate) fn call_connect(&mut self, app: &str) {
        let connect = Connect { app: Some(app.into()), ..Connect::default() };
        self.caller.connect(&connect, self.connection.sender());
    }

    pub(crate) fn connect(&mut self, app: &str) {
        self.call_connect(app);
        self.reported("NetConnection.Connect.Success");
    }

    pub(crate) fn create(&mut self) -> u32 {
        self.caller.create_stream(self.connection.sender());
        self.until(|client| {
            client.called.iter().find_map(|called| match called {
                Called::Created { stream, .. } => Some(*stream),
                _ => None,
            })
        })
    }

    pub(crate) fn publish(&mut self, app: &str, key: &str) -> u32 {
        self.connect(app);
        let stream = self.create();
        self.caller.publish(stream, key, PublishType::Live, self.connection.sender());
        self.reported("NetStream.Publish.Start");
        stream
    }

    pub(crate) fn play(&mut self, app: &str, name: &str) -> u32 {
        self.connect(app);
        let stream = self.create();
        let play = Play { name: Some(name.into()), ..Play::default() };
        self.caller.play(stream, &play, self.connection.sender());
        self.reported("NetStream.Play.Start");
        stream
    }

    pub(crate) fn send(&mut self, stream: u32, type_id: u8, timestamp: u32, payload: &[u8]) {
        self.connection.sender().send(stream, type_id, timestamp, payload);
        self.flush();
    }

    /// Waits for so many media messages and gives them.
    pub(crate) fn media(&mut self, n: usize) -> Vec<(u8, u32, Vec<u8>)> {
        self.until(|client| (client.media.len() >= n).then_some(()));
        self.media.drain(..n).collect()
    }
}

impl Client<TcpStream> {
    pub(crate) fn to(rig: &Rig) -> Self {
        Self::on(rig.socket())
    }

    pub(crate) fn close(&mut self) {
        self.flush();
        self.socket.shutdown(Shutdown::Write).unwrap();
        self.left = true;
        self.read_to_end_of_it();
    }
}

/// An AVC sequence header, 16 by 16 pixels.
pub(crate) const AVC_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 66, 0, 10, 0xff, 0xe1, 0, 9, 0x67, 66, 0, 10, 0x96, 0x35, 0xc0, 0x81,
    0x40, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
];
/// An AAC sequence header: LC, 44,100 Hz, stereo.
pub(crate) const AAC_HEADER: &[u8] = &[0xaf, 0, 0x12, 0x10];

/// A key frame of so many bytes, each with this value.
pub(crate) fn key(n: usize, value: u8) -> Vec<u8> {
    frame(0x17, n, value)
}

pub(crate) fn inter(n: usize, value: u8) -> Vec<u8> {
    frame(0x27, n, value)
}

fn frame(first: u8, n: usize, value: u8) -> Vec<u8> {
    let mut frame = vec![first, 1, 0, 0, 0];
    frame.extend((n as u32).to_be_bytes());
    frame.resize(9 + n, value);
    frame
}

pub(crate) fn audio(value: u8) -> Vec<u8> {
    vec![0xaf, 1, value, value]
}
