//! A proxy in a thread of its own, what it told, and peers on blocking sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtmpctl::Limits;
use rtmpctl::inspect::{CloseKind, ClosedBy, Field, FlowId, Proxied, Sides, Traffic, Transport};
use rtmpctl::live::proxy::{Options, Proxy, Target};
use rtmpctl::live::{Common, Incoming, ReadBuffer, Taps, accept, bind, tls};
use rtmpctl::proto::Direction;
use tokio::sync::oneshot;

pub(crate) use crate::common::{DEADLINE, peer};

/// What was told of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) transport: Option<Transport>,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) server: Option<SocketAddr>,
    /// Bytes of each direction.
    pub(crate) bytes: [Vec<u8>; 2],
    pub(crate) findings: Vec<(&'static str, String)>,
    pub(crate) rewritten: Vec<(String, Field, String, String)>,
    pub(crate) sides: Option<Sides>,
    pub(crate) closed: Option<(ClosedBy, CloseKind)>,
}

impl Told {
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|(code, _)| *code).collect()
    }

    pub(crate) fn finding(&self, code: &str) -> &str {
        let found = self.findings.iter().find(|(other, _)| *other == code);
        found.map_or_else(|| panic!("no {code} in {:?}", self.findings), |(_, text)| text)
    }
}

/// A proxy that runs until this is dropped.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How a proxy is set up.
pub(crate) struct Setup {
    pub(crate) target: String,
    pub(crate) listen: SocketAddr,
    pub(crate) patience: Duration,
    pub(crate) idle: Option<Duration>,
    /// Whether it serves TLS too.
    pub(crate) tls: Option<tls::Identity>,
    /// A PEM file of issuers to believe; anyone is believed without.
    pub(crate) ca: Option<std::path::PathBuf>,
    pub(crate) change: fn(&mut Options<'_>),
}

impl Setup {
    pub(crate) fn to(upstream: SocketAddr) -> Self {
        Self::target(format!("rtmp://{upstream}"))
    }

    pub(crate) fn target(target: String) -> Self {
        Self {
            target,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            patience: Duration::from_secs(4),
            idle: None,
            tls: None,
            ca: None,
            change: |_| {},
        }
    }

    pub(crate) fn start(self) -> Rig {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let of_thread = Arc::clone(&told);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let local = tokio::task::LocalSet::new();
            runtime.block_on(local.run_until(async {
                let listener = bind(self.listen).unwrap();
                let taps = Taps::new(move |traffic| note(&mut of_thread.lock().unwrap(), traffic));
                let common = Common {
                    listens: listener.local_addr().unwrap(),
                    taps: taps.clone(),
                    tls: self.tls.map(|identity| tls::Server::new(identity, None).unwrap()),
                    keys: None,
                    buffer: ReadBuffer::default(),
                    idle: self.idle,
                    limits: std::rc::Rc::new(Limits::default()),
                };
                let target: Option<Target> = Some(self.target.parse().unwrap());
                let trust = match &self.ca {
                    Some(path) => tls::Trust::File(path),
                    None => tls::Trust::Anyone,
                };
                let mut options = Options::new(target, trust, self.patience);
                (self.change)(&mut options);
                let proxy = Proxy::new(common, options).unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let each = |tcp: tokio::net::TcpStream, client, permit| {
                    let server = tcp.local_addr().unwrap();
                    let incoming = Incoming { tcp, client, server, at: taps.now() };
                    let proxy = proxy.clone();
                    tokio::task::spawn_local(async move {
                        proxy.serve(incoming).await;
                        drop(permit);
                    });
                };
                tokio::select! {
                    _ = accept(listener, 64, each, |_| {}) => {}
                    _ = stopped => {}
                }
            }));
        });
        let address = is_ready.recv_timeout(DEADLINE).unwrap();
        Rig { address, told, stop: Some(stop), thread: Some(thread) }
    }
}

fn note(told: &mut Vec<Told>, traffic: &Traffic<'_>) {
    match traffic {
        Traffic::Opened { flow, opened, .. } => {
            let told = entry(told, *flow);
            told.transport = Some(opened.transport);
            (told.client, told.server) = (opened.client, opened.server);
        }
        Traffic::Bytes { flow, direction, data, .. } => {
            entry(told, *flow).bytes[direction.index()].extend_from_slice(data);
        }
        Traffic::Trouble { flow: Some(flow), finding, .. } => {
            entry(told, *flow).findings.push((finding.code, finding.message.clone()));
        }
        Traffic::Proxied { flow, told: Proxied::Rewritten(it), .. } => {
            let (before, after) = (it.before.to_owned(), it.after.to_owned());
            entry(told, *flow).rewritten.push((it.call.to_owned(), it.field, before, after));
        }
        Traffic::Proxied { flow, told: Proxied::Sides(sides), .. } => {
            entry(told, *flow).sides = Some(*sides);
        }
        Traffic::Closed { flow, by, how, .. } => entry(told, *flow).closed = Some((*by, *how)),
        _ => {}
    }
}

fn entry(told: &mut Vec<Told>, flow: FlowId) -> &mut Told {
    let index = flow as usize - 1;
    if told.len() <= index {
        told.resize(index + 1, Told::default());
    }
    &mut told[index]
}

impl Rig {
    pub(crate) fn connect(&self) -> TcpStream {
        peer(TcpStream::connect(self.address).unwrap())
    }

    /// What was told of a connection so far.
    pub(crate) fn so_far(&self, connection: usize) -> Told {
        self.told.lock().unwrap().get(connection - 1).cloned().unwrap_or_default()
    }

    /// What was told of a connection once it is closed.
    pub(crate) fn told(&self, connection: usize) -> Told {
        self.until(connection, |told| told.closed.is_some())
    }

    pub(crate) fn until(&self, connection: usize, so: impl Fn(&Told) -> bool) -> Told {
        let begin = Instant::now();
        loop {
            let told = self.so_far(connection);
            if so(&told) {
                return told;
            }
            assert!(begin.elapsed() < DEADLINE, "gave up waiting: {:?}", told.findings);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and gives what was told of a connection.
    pub(crate) fn stop(&mut self, connection: usize) -> Told {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.so_far(connection)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the proxy panicked");
        }
    }
}

/// A server's listening socket.
pub(crate) struct Upstream(pub(crate) TcpListener);

impl Upstream {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn accept(&self) -> TcpStream {
        peer(self.0.accept().unwrap().0)
    }
}

impl Upstream {
    /// Tries until a connection arrives.
    pub(crate) fn accept_soon(&self, connect: impl Fn()) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < DEADLINE {
            connect();
            std::thread::sleep(Duration::from_millis(20));
            if self.0.accept().is_ok() {
                return true;
            }
        }
        false
    }
}

/// A proxy to a server, and both ends of one connection through it.
pub(crate) fn joined() -> (Rig, TcpStream, TcpStream) {
    let upstream = Upstream::new();
    let rig = Setup::to(upstream.address()).start();
    let client = rig.connect();
    let server = upstream.accept();
    (rig, client, server)
}

pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn read_exact(stream: &mut TcpStream, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// How bytes are handed to a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Whole,
    Bytes,
    Bursts,
}

impl Cut {
    pub(crate) const ALL: [Self; 3] = [Self::Whole, Self::Bytes, Self::Bursts];

    pub(crate) fn write(self, stream: &mut TcpStream, bytes: &[u8]) {
        match self {
            Self::Whole => stream.write_all(bytes).unwrap(),
            Self::Bytes => bytes.chunks(1).for_each(|byte| stream.write_all(byte).unwrap()),
            Self::Bursts => {
                let mut size = 1;
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (now, then) = rest.split_at(rest.len().min(size));
                    stream.write_all(now).unwrap();
                    rest = then;
                    size = size * 7 % 65_521;
                    if size.is_multiple_of(5) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        }
    }
}

/// Sends what each side has to say at the same time, ends both, and gives what each got.
pub(crate) fn exchange(
    mut client: TcpStream,
    mut server: TcpStream,
    cut: Cut,
    up: &[u8],
    down: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let send = |stream: &TcpStream, bytes: &[u8]| {
        let (mut stream, bytes) = (stream.try_clone().unwrap(), bytes.to_vec());
        std::thread::spawn(move || {
            cut.write(&mut stream, &bytes);
            stream.shutdown(Shutdown::Write).unwrap();
        })
    };
    let senders = [send(&client, up), send(&server, down)];
    let at_client = std::thread::spawn(move || read_to_end(&mut client));
    let at_server = read_to_end(&mut server);
    let at_client = at_client.join().unwrap();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    (at_server, at_client)
}

/// Bytes without a pattern, always the same for a seed.
pub(crate) fn noise(seed: u64, n: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

pub(crate) const UP: usize = Direction::ClientToServer.index();
pub(crate) const DOWN: usize = Direction::ServerToClient.index();
