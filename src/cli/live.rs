//! The loop around live connections that `listen` and `proxy` share: what is listened on, what ends the run, and when
//! what is printed is written.
//!
//! All sockets are on one thread, with the inspection or without it; what is printed goes to another, which alone waits for
//! whoever reads it.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

use super::args::{Live, Shared};
use super::backlog::Backlog;
use super::input::Stop;
use super::pump::Pump;
use super::settings::Settings;
use super::{Failure, say};
use crate::Limits;
use crate::inspect::Traffic;
use crate::live::tls::{self, Identity, KeyLogFile};
use crate::live::{
    Clock, Common, Incoming, ReadBuffer, Taps, accept, bind, bind_redirected, most_connections,
};

/// A run to be made.
pub(super) struct Plan<'p> {
    /// The command, for the first line.
    pub(super) command: &'static str,
    /// Where to listen, as typed.
    pub(super) address: &'p str,
    pub(super) shared: &'p Shared,
    pub(super) live: &'p Live,
    /// Sockets that a connection needs.
    pub(super) sockets: usize,
    /// Whether connections are on their way elsewhere.
    pub(super) redirected: bool,
    /// Whether the inspection has a thread of its own. Where connections are handed on it has, since they are none of ours
    /// to slow down; a server is as fast as it understands what comes, and saves the copy.
    pub(super) apart: bool,
}

/// What is listened on.
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    /// The fingerprint of a certificate made for this run.
    pub(super) fingerprint: Option<String>,
    pub(super) tls: bool,
}

/// Listens, and serves each connection by the function that `make` gives, until something ends the run. That function
/// says whether the end of the connection is one that `--once` waits for. `tell` says what is listened on.
pub(super) fn run<S, F>(
    plan: &Plan<'_>,
    make: impl FnOnce(Common) -> Result<S, Failure>,
    tell: impl FnOnce(&Listening),
) -> Result<ExitCode, Failure>
where
    S: Fn(Incoming) -> F + 'static,
    F: Future<Output = bool> + 'static,
{
    let Plan { command, shared, live, .. } = plan;
    let settings = Settings::resolve(shared)?;
    let wanted = resolve(plan.address)?;
    let stop = Stop::on_signals();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", error))?;
    let entered = runtime.enter();
    // A connection that is recorded has a file beside its sockets.
    let files = plan.sockets + usize::from(shared.write_flv.is_some());
    let most = most_connections(live.max_connections, files);
    let limits = Limits { connections: most, ..Limits::default() };
    let unbound = |error| Failure::io(format!("cannot listen on {wanted}"), error);
    let (listener, no_tproxy) = match plan.redirected {
        true => bind_redirected(wanted).map_err(unbound)?,
        false => (bind(wanted).map_err(unbound)?, None),
    };
    let address = listener.local_addr().unwrap_or(wanted);
    let keys = match &live.key_log {
        Some(path) => Some(Arc::new(KeyLogFile::open(path).map_err(unusable)?) as Arc<_>),
        None => None,
    };
    let identity = identity(live, address.ip())?;
    let fingerprint = identity.as_ref().filter(|_| live.tls_self_signed).map(Identity::fingerprint);
    let tls = match identity {
        Some(identity) => Some(tls::Server::new(identity, keys.clone()).map_err(unusable)?),
        None => None,
    };
    let listening = Listening { address, fingerprint, tls: tls.is_some() };

    let broken = Arc::new(Notify::new());
    let tell_broken = Arc::clone(&broken);
    let clock = Clock::start();
    let (of_pump, fail_on) = ((*shared).clone(), settings.fail_on);
    let (command, room) = (*command, limits.clone());
    let open = move || {
        let source = [address.to_string()];
        let failed = move || tell_broken.notify_one();
        Pump::live(command, &source, &of_pump, &settings, &room, failed)
    };
    let hurry = stop.clone();
    let finish = move |pump: Pump| pump.finish(fail_on, || hurry.is_set());
    let outputs = Rc::new(if plan.apart {
        Inspection::Apart(Backlog::start(limits.tapped_bytes, clock, open, finish)?)
    } else {
        Inspection::Here(Box::new(Outputs::new(open()?)), Box::new(finish))
    });
    let told = Rc::clone(&outputs);
    let common = Common {
        listens: address,
        taps: Taps::timed(clock, move |traffic| told.traffic(traffic)),
        tls,
        keys,
        buffer: ReadBuffer::default(),
        idle: live.idle_timeout,
        limits: Rc::new(limits),
    };
    let taps = common.taps.clone();
    let serve = Rc::new(make(common)?);
    if !shared.quiet {
        tell(&listening);
        if let Some(error) = no_tproxy {
            say(&format!(
                "rtmpctl: connections that REDIRECT sends here are handed on; those of TPROXY cannot come in: {error}"
            ));
        }
        if most < live.max_connections {
            say(&format!(
                "rtmpctl: at most {most} connections at once, since no more files may be open (ulimit -n)"
            ));
        }
    }

    let local = LocalSet::new();
    let closed = Rc::new(Notify::new());
    local.spawn_local(accept_all(listener, address, most, taps.clone(), serve, Rc::clone(&closed)));
    local.spawn_local(Rc::clone(&outputs).write());
    local.spawn_local(Rc::clone(&outputs).tick(clock));
    runtime.block_on(local.run_until(async {
        tokio::select! {
            () = stop.wait() => {}
            () = broken.notified() => {}
            () = closed.notified(), if live.once => {}
            () = after(live.duration) => {}
        }
    }));
    // Connections that are still open are told of as closed when what serves them is dropped.
    drop(local);
    drop(taps);
    drop(entered);
    drop(runtime);
    match Rc::into_inner(outputs) {
        Some(Inspection::Here(outputs, finish)) => finish(outputs.pump.into_inner()),
        Some(Inspection::Apart(backlog)) => backlog.finish(),
        None => Err(Failure::new("the outputs are still in use")),
    }
}

/// Serves connections, each in a task of its own.
async fn accept_all<S, F>(
    listener: TcpListener,
    address: SocketAddr,
    most: usize,
    taps: Taps,
    serve: Rc<S>,
    closed: Rc<Notify>,
) where
    S: Fn(Incoming) -> F + 'static,
    F: Future<Output = bool> + 'static,
{
    let each = |tcp: tokio::net::TcpStream, client, permit| {
        let server = tcp.local_addr().unwrap_or(address);
        let incoming = Incoming { tcp, client, server, at: taps.now() };
        let (serve, closed) = (Rc::clone(&serve), Rc::clone(&closed));
        // Nobody waits for it: it tells of its end itself.
        drop(spawn_local(async move {
            let counts = serve(incoming).await;
            drop(permit);
            if counts {
                closed.notify_one();
            }
        }));
    };
    accept(listener, most, each, |finding| taps.trouble(finding)).await;
}

async fn after(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => pending().await,
    }
}

/// Where what happens is inspected.
enum Inspection {
    /// On the thread of the sockets, with what ends the run.
    Here(Box<Outputs>, Box<dyn FnOnce(Pump) -> Result<ExitCode, Failure>>),
    /// On another.
    Apart(Backlog),
}

/// The pump, and when it is to write.
struct Outputs {
    pump: RefCell<Pump>,
    /// Something is printed and not written.
    printed: Signal,
    /// Something waits for time to pass.
    waits: Signal,
}

/// Wakes one task of the same thread, once until it has seen it: giving it again costs nothing.
#[derive(Default)]
struct Signal {
    given: Cell<bool>,
    notify: Notify,
}

impl Signal {
    #[inline]
    fn give(&self) {
        if !self.given.replace(true) {
            self.notify.notify_one();
        }
    }

    async fn wait(&self) {
        self.notify.notified().await;
        self.given.set(false);
    }
}

/// Printed records wait at most this long for others to be written with: not seen by people, and each time that the thread
/// which writes is woken costs as much as several messages.
pub(super) const LINGER: Duration = Duration::from_millis(20);

impl Inspection {
    #[inline]
    fn traffic(&self, traffic: &Traffic<'_>) {
        match self {
            Self::Here(outputs, _) => outputs.traffic(traffic),
            Self::Apart(backlog) => backlog.traffic(traffic),
        }
    }

    /// The tasks of an inspection that has no thread of its own.
    async fn write(self: Rc<Self>) {
        if let Self::Here(outputs, _) = &*self {
            outputs.write().await;
        }
    }

    async fn tick(self: Rc<Self>, clock: Clock) {
        if let Self::Here(outputs, _) = &*self {
            outputs.tick(clock).await;
        }
    }
}

impl Outputs {
    fn new(pump: Pump) -> Self {
        let (printed, waits) = (Signal::default(), Signal::default());
        Self { pump: RefCell::new(pump), printed, waits }
    }

    #[inline]
    fn traffic(&self, traffic: &Traffic<'_>) {
        let mut pump = self.pump.borrow_mut();
        pump.traffic(traffic);
        if pump.has_output() {
            self.printed.give();
        }
        if pump.awaits_tick() {
            self.waits.give();
        }
    }

    /// Writes what is printed: at once after a pause, else together with what comes soon after.
    async fn write(&self) {
        let mut written = Instant::now();
        loop {
            self.printed.wait().await;
            if written.elapsed() < LINGER {
                sleep_until(written + LINGER).await;
            }
            self.pump.borrow_mut().flush();
            written = Instant::now();
        }
    }

    /// Lets time pass for what is folded or dropped, as long as anything is.
    async fn tick(&self, clock: Clock) {
        loop {
            self.waits.wait().await;
            sleep(until_next_second(clock.now())).await;
            let mut pump = self.pump.borrow_mut();
            pump.tick(clock.now());
            pump.flush();
            if pump.awaits_tick() {
                self.waits.give();
            }
        }
    }
}

/// From `now`, nanoseconds, until a little after the next whole second.
pub(super) fn until_next_second(now: i64) -> Duration {
    let since = now.rem_euclid(1_000_000_000).unsigned_abs();
    Duration::from_nanos(1_000_000_000 - since) + Duration::from_millis(2)
}

fn unusable(error: tls::Error) -> Failure {
    Failure::new(error.to_string())
}

fn identity(live: &Live, address: IpAddr) -> Result<Option<Identity>, Failure> {
    match (&live.tls_cert, &live.tls_key) {
        (Some(certificate), Some(key)) => {
            Identity::read(certificate, key).map(Some).map_err(unusable)
        }
        _ if live.tls_self_signed => Identity::self_signed(address).map(Some).map_err(unusable),
        _ => Ok(None),
    }
}

/// RTMP's own.
const PORT: u16 = 1935;

/// The address that was typed: `127.0.0.1:1935`, `1935`, `0.0.0.0`, `::1`, `localhost:1935`, `:1935` for all interfaces.
pub(super) fn resolve(typed: &str) -> Result<SocketAddr, Failure> {
    if let Ok(port) = typed.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(address) = typed.parse() {
        return Ok(address);
    }
    let bare = typed.strip_prefix('[').and_then(|typed| typed.strip_suffix(']')).unwrap_or(typed);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::from((address, PORT)));
    }
    if let Some(port) = typed.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    }
    let with_port = if typed.contains(':') { typed.to_owned() } else { format!("{typed}:{PORT}") };
    let found = (!typed.is_empty()).then(|| with_port.to_socket_addrs());
    found.and_then(Result::ok).and_then(|mut found| found.next()).ok_or_else(|| {
        Failure::new(format!(
            "{typed} is no address to listen on, such as 127.0.0.1:1935 or 0.0.0.0:1935"
        ))
    })
}

/// The address under which other machines may know this one: that from which it would send to them.
pub(super) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Nothing is sent: this only asks for the route to an address of documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_they_are_typed() {
        for (typed, expected) in [
            ("127.0.0.1:1936", "127.0.0.1:1936"),
            ("1936", "127.0.0.1:1936"),
            ("0.0.0.0", "0.0.0.0:1935"),
            (":1936", "0.0.0.0:1936"),
            ("::1", "[::1]:1935"),
            ("[::1]", "[::1]:1935"),
            ("[::]:1936", "[::]:1936"),
        ] {
            assert_eq!(resolve(typed).unwrap(), expected.parse().unwrap(), "{typed}");
        }
        for typed in ["", "127.0.0.1:x", "[::1]:70000", "rtmp://"] {
            assert!(resolve(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn ticks_come_just_after_the_second() {
        assert_eq!(until_next_second(1_250_000_000), Duration::from_millis(752));
        assert_eq!(until_next_second(2_000_000_000), Duration::from_millis(1002));
    }
}
