//! Accepting connections, as long as the program runs: nothing that a client or the system does ends it.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::inspect::{Finding, Severity};

/// Opens a listening socket.
///
/// # Errors
/// What the system says: the address is in use, or not one of this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port whose last connections are not yet forgotten can be used again, as servers do.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The same for connections that were on their way elsewhere: also for those that TPROXY (Linux) hands over with the
/// address that they were going to, which needs a right. Gives why it cannot be had, where it cannot: connections that
/// REDIRECT or DNAT send here come in all the same.
///
/// # Errors
/// What the system says: the address is in use, or not one of this machine.
pub fn bind_redirected(address: SocketAddr) -> io::Result<(TcpListener, Option<io::Error>)> {
    let listener = bind(address)?;
    #[cfg(target_os = "linux")]
    let refused = {
        let socket = socket2::SockRef::from(&listener);
        if address.is_ipv4() {
            socket.set_ip_transparent_v4(true)
        } else {
            socket.set_ip_transparent_v6(true)
        }
    };
    #[cfg(not(target_os = "linux"))]
    let refused = Err(io::ErrorKind::Unsupported.into());
    Ok((listener, refused.err()))
}

/// Connections that wait to be accepted; the system takes it down to what it allows.
const BACKLOG: u32 = 4096;

/// How many connections there may be at once, each of so many `files`, sockets among them: `wanted`, or fewer where the
/// system allows the program fewer open files. It raises what it may itself.
#[must_use]
pub fn most_connections(wanted: usize, files: usize) -> usize {
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let for_all = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
    wanted.min((for_all / files.max(1)).max(1))
}

/// Files that are no connections: standard streams, listener, event queues, outputs, and one that is refused.
const OTHER_FILES: usize = 24;

/// The place of one connection among those that may be open at once; free again when this is dropped.
#[derive(Debug)]
pub struct Permit(Rc<Cell<usize>>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Accepts connections for ever and hands each to `each`. Beyond `most` open ones a further one is closed at once.
/// What goes wrong is told to `notice`, at most once a second.
pub async fn accept(
    listener: TcpListener,
    most: usize,
    mut each: impl FnMut(TcpStream, SocketAddr, Permit),
    notice: impl Fn(Finding),
) -> Infallible {
    let open = Rc::new(Cell::new(0));
    let mut refused = Seldom::new(&notice, |n| too_many(n, most));
    let mut failed = Seldom::new(&notice, |n| out_of_files(n, most));
    loop {
        match listener.accept().await {
            Ok((socket, client)) if open.get() < most => {
                // Where it cannot be set the connection is slower, not wrong.
                let _ = socket.set_nodelay(true);
                open.set(open.get() + 1);
                each(socket, client, Permit(Rc::clone(&open)));
            }
            Ok((socket, _)) => {
                drop(socket);
                refused.happened();
            }
            Err(error) if is_of_one(&error) => {}
            Err(_) => {
                failed.happened();
                sleep(PATIENCE).await;
            }
        }
    }
}

/// How long to wait for a file to be closed, where none more may be opened.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Whether it is the trouble of the one connection that would have been accepted (`accept(2)`: those of the network,
/// too, and a client that is gone already).
pub(super) fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::TimedOut
            | Kind::PermissionDenied
    )
}

fn too_many(times: u64, most: usize) -> Finding {
    let text = match times {
        1 => format!("a connection was closed at once, because {most} are open"),
        n => format!("{n} more connections were closed at once, because {most} are open"),
    };
    let text = format!("{text} (limit connections, which --max-connections moves)");
    Finding::new("limit.connections", Severity::Warning, text)
}

fn out_of_files(times: u64, most: usize) -> Finding {
    let text = format!(
        "the system refused to accept a connection ({times} times), as it does where too many files are open; it is tried \
         again until one is closed (ulimit -n; {most} connections may be open)"
    );
    Finding::new("limit.open-files", Severity::Error, text)
}

/// Tells of what may happen very often, at most once a second; at the end of what was not told yet.
struct Seldom<'n, N: Fn(Finding), T: Fn(u64) -> Finding> {
    notice: &'n N,
    text: T,
    untold: u64,
    told: Option<Instant>,
}

impl<'n, N: Fn(Finding), T: Fn(u64) -> Finding> Seldom<'n, N, T> {
    const fn new(notice: &'n N, text: T) -> Self {
        Self { notice, text, untold: 0, told: None }
    }

    fn happened(&mut self) {
        self.untold += 1;
        if self.told.is_none_or(|told| told.elapsed() >= SELDOM) {
            self.told = Some(Instant::now());
            self.tell();
        }
    }

    fn tell(&mut self) {
        let times = std::mem::take(&mut self.untold);
        if times > 0 {
            (self.notice)((self.text)(times));
        }
    }
}

impl<N: Fn(Finding), T: Fn(u64) -> Finding> Drop for Seldom<'_, N, T> {
    fn drop(&mut self) {
        self.tell();
    }
}

const SELDOM: Duration = Duration::from_secs(1);
